//! A gate's check within its invocation's time: repeated while AWS is in the way, and never without a verdict.

use std::any::Any;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws::Patience;
use futures_util::FutureExt;
use rules::gate::{Gate, Verdict};
use rules::task_log::TaskLog;
use tokio::time::Instant;

use crate::{Deadline, Failure};

/// Whether what the gate is about has begun, as far as an invocation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ran {
    /// It did not come far enough to know. An earlier call of the same hook may have begun it.
    #[default]
    Unknown,
    /// Nothing has begun, and no earlier call has begun anything.
    Nothing,
    /// It may have begun.
    Perhaps,
}

/// Between two attempts, after the SDK gave up.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What is left to an attempt, where the longest one needed half of that: one that is cut off explains nothing, and leaves it open
/// what it began. More than a call may take is never kept.
fn room(longest: Duration) -> Duration {
    (2 * longest).min(Patience::STANDARD.call)
}

/// The result of `check`, or the verdict that its failure is. While AWS throttles or cannot be reached, and there is time, `check`
/// is called again.
pub async fn checked<T>(
    gate: Gate,
    deadline: Deadline,
    ran: &Cell<Ran>,
    check: impl AsyncFn() -> Result<T, Failure>,
) -> Result<T, Verdict> {
    let last = Cell::new(None);
    let time = deadline.for_work();
    let until = Instant::now() + time;
    let work = AssertUnwindSafe(check_until(until, &last, check)).catch_unwind();
    let result = match tokio::time::timeout(time, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Failure::Panicked(words_of(panic.as_ref()))),
        Err(_) => Err(Failure::OutOfTime {
            seconds: time.as_secs(),
            last: last.take().map(Box::new),
        }),
    };
    result.map_err(|failure| {
        tracing::error!(error_type = failure.error_type(), error = %failure, "gate failed");
        let perhaps = match ran.get() {
            Ran::Perhaps => true,
            Ran::Nothing => false,
            // What refuses this call for good has refused an earlier one as well, before it could start a migration.
            Ran::Unknown => gate == Gate::Migration && failure.may_be_new(),
        };
        if perhaps {
            Verdict::Failed {
                reason: failure.to_string(),
                log: TaskLog::default(),
            }
        } else {
            Verdict::NothingRan(failure.to_string())
        }
    })
}

async fn check_until<T>(
    until: Instant,
    last: &Cell<Option<Failure>>,
    check: impl AsyncFn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut pause = PAUSE;
    let mut longest = Duration::ZERO;
    loop {
        let begun = Instant::now();
        let result = check().await;
        longest = longest.max(begun.elapsed());
        let is_time = Instant::now() + pause + room(longest) < until;
        let failure = match result {
            Err(failure) if failure.is_transient() && is_time => failure,
            result => return result,
        };
        tracing::warn!(error = %failure, "gate not passed yet, trying again");
        last.set(Some(failure));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What a panic says.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
