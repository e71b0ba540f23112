use super::*;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_hour_passes_at_once_when_nothing_is_in_progress() {
    let clock = Clock::start();
    let (before, real) = (clock.now(), Instant::now());
    clock.sleep(HOUR).await;
    assert!(clock.now() >= before + HOUR);
    assert!(
        real.elapsed() < Duration::from_secs(1),
        "{:?}",
        real.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_clock_stays_for_the_dwell_and_for_busy_guards() {
    let clock = Clock::start();
    let busy = clock.busy();
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep(HOUR).await }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!sleeper.is_finished());
    let real = Instant::now();
    drop(busy);
    sleeper.await.unwrap();
    assert!(real.elapsed() >= DWELL, "{:?}", real.elapsed());
    assert!(real.elapsed() < DWELL * 3, "{:?}", real.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_still_clock_moves_only_in_jumps_and_starts_at_a_fixed_moment() {
    let clock = Clock::with(Pace::Still, DWELL);
    let start = clock.now();
    assert_eq!(Clock::with(Pace::Still, DWELL).now(), start);
    let busy = clock.busy();
    tokio::time::sleep(HOUR).await;
    assert_eq!(clock.now(), start);
    drop(busy);
    clock.sleep(HOUR).await;
    assert_eq!(clock.now(), start + HOUR);
}

#[tokio::test(start_paused = true)]
async fn sleepers_wake_in_the_order_of_their_moments() {
    let clock = Clock::start();
    let order = Arc::new(Mutex::new(Vec::new()));
    let sleepers: Vec<_> = [30, 10, 20]
        .map(|minutes| {
            let (clock, order) = (clock.clone(), order.clone());
            tokio::spawn(async move {
                clock.sleep(Duration::from_secs(minutes * 60)).await;
                order.lock().unwrap().push(minutes);
            })
        })
        .into();
    for sleeper in sleepers {
        sleeper.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [10, 20, 30]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_does_not_jump_for_a_cancelled_sleep_or_a_patient_wait() {
    let clock = Clock::start();
    let mut skips = clock.skips();
    let patient = tokio::spawn({
        let clock = clock.clone();
        async move { clock.wait_until(clock.now() + HOUR).await }
    });
    let cancelled = tokio::time::timeout(Duration::from_millis(10), clock.sleep(HOUR)).await;
    assert!(cancelled.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(skips.try_recv().is_err());
    assert!(!patient.is_finished());
    clock.sleep(HOUR).await;
    patient.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_clock_stays_until_the_sleeper_has_woken() {
    let clock = Clock::start();
    let start = clock.now();
    let (sender, receiver) = std::sync::mpsc::channel();
    let sleeper = tokio::spawn({
        let clock = clock.clone();
        async move {
            clock.sleep_until(start + HOUR * 2).await;
            sender.send(()).unwrap();
        }
    });
    let mut late = pin!(clock.sleep_until(start + HOUR));
    // Registered, and then not polled until long after its moment.
    assert!(
        tokio::time::timeout(Duration::from_millis(10), &mut late)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(receiver.try_recv().is_err(), "the clock advanced");
    late.await;
    sleeper.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_jump_passes_over_a_pending_moment() {
    let clock = Clock::start();
    let start = clock.now();
    let waiter = tokio::spawn({
        let clock = clock.clone();
        async move {
            clock.wait_until(start + HOUR).await;
            clock.now().duration_since(start).unwrap()
        }
    });
    tokio::task::yield_now().await;
    clock.sleep_until(start + HOUR * 2).await;
    let woken = waiter.await.unwrap();
    assert!(woken < HOUR + Duration::from_secs(1), "{woken:?}");
}
