//! Much work in little time: bounded, slower where AWS throttles, and over in time. Time passes only where somebody waits for
//! it, so that no result depends on how fast the machine is.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aws::{CallFailed, Kind};
use lambda::{Failure, ThrottledBatch};
use tokio::time::Instant;

fn batch(milliseconds: u64) -> ThrottledBatch {
    ThrottledBatch {
        side_by_side: 4,
        rest: Duration::from_millis(1),
        longest_rest: Duration::from_millis(2),
        until: Instant::now() + Duration::from_millis(milliseconds),
    }
}

fn throttled() -> Failure {
    Failure::Aws(CallFailed {
        operation: "ecs:RegisterTaskDefinition",
        resource: "web".to_owned(),
        kind: Kind::Throttled,
        message: "throttled".to_owned(),
    })
}

const LONG: u64 = 60_000;

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_are_done_side_by_side() {
    let (now, most) = (Cell::new(0_usize), Cell::new(0_usize));
    let work: Vec<usize> = (0..50).collect();
    let done = batch(LONG)
        .all(&work, async |_| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            Ok(())
        })
        .await;
    assert_eq!((done.len(), most.get()), (50, 4));
}

#[tokio::test(start_paused = true)]
async fn what_is_throttled_gets_its_turn_again_with_fewer_beside_it() {
    let tries = RefCell::new(vec![0_u32; 20]);
    let work: Vec<usize> = (0..20).collect();
    let (now, most_later) = (Cell::new(0_usize), Cell::new(0_usize));
    let done = batch(LONG)
        .all(&work, async |piece| {
            let tried = std::mem::replace(&mut tries.borrow_mut()[*piece], 0) + 1;
            tries.borrow_mut()[*piece] = tried;
            now.set(now.get() + 1);
            if tried == 3 {
                most_later.set(most_later.get().max(now.get()));
            }
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            if tried < 3 { Err(throttled()) } else { Ok(()) }
        })
        .await;
    assert!(done.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(*tries.borrow(), [3; 20]);
    assert_eq!(most_later.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_turn_in_time_is_left_for_the_next_invocation() {
    let work: Vec<usize> = (0..9).collect();
    let begun = Cell::new(0);
    let done = batch(20)
        .all(&work, async |piece| {
            begun.set(begun.get() + 1);
            if *piece < 2 {
                return Ok(());
            }
            std::future::pending().await
        })
        .await;
    let unfinished = done
        .iter()
        .filter(|(_, result)| matches!(result, Err(Failure::Unfinished)));
    assert_eq!((done.len(), unfinished.count()), (9, 7));
    assert_eq!(begun.get(), 6, "nothing begins when the time is over");
}

#[tokio::test(start_paused = true)]
async fn throttling_that_does_not_end_is_over_in_time() {
    let work = [0];
    let done = batch(10)
        .all(&work, async |_| Err::<(), _>(throttled()))
        .await;
    assert_eq!(done[0].1.as_ref().unwrap_err().error_type(), "AwsThrottled");
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_nothing_else() {
    let work = [1, 0];
    let done = batch(LONG)
        .all(&work, async |piece| {
            assert_ne!(*piece, 0);
            Ok(())
        })
        .await;
    let panicked = done
        .iter()
        .filter(|(_, result)| matches!(result, Err(Failure::Panicked(_))));
    assert_eq!((done.len(), panicked.count()), (2, 1));
}

#[test]
fn the_failures_of_many_pipelines_fit_in_a_letter() {
    let mut failures: Vec<(String, Failure)> = (0..300)
        .map(|number| (format!("p{number}"), Failure::Unfinished))
        .collect();
    failures.push(("last".to_owned(), throttled()));
    let failure = Failure::Pipelines(failures);
    assert_eq!(failure.error_type(), "AwsThrottled");
    let text = failure.to_string();
    assert!(text.starts_with("pipeline `last`: AwsThrottled"), "{text}");
    assert!(text.ends_with("and 291 more pipelines"), "{text}");
    assert!(text.len() < 2000);
}
