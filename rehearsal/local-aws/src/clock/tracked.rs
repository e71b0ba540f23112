//! Futures that the clock waits for: simulated time never advances while a woken task has not run.
//!
//! On a busy machine a woken task may run late. The clock must not advance in between: the task would act at a later
//! simulated moment than the one that woke it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::Clock;

/// A future that holds the clock from the moment at which it is woken until it is pending again.
pub struct Tracked<F> {
    future: Pin<Box<F>>,
    sleep: Arc<Sleep>,
}

/// A guard: while it lives, a tracked future was woken and has not been polled since.
struct Runnable {
    clock: Clock,
}

/// Whether the future is runnable, and its task's waker.
struct Sleep {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    runnable: Option<Runnable>,
    waker: Option<Waker>,
}

impl Clock {
    /// The clock does not advance while this future is runnable. A wake-up by the network or another process is
    /// unpredictable: a future that waits for one must hold a `busy` guard.
    pub fn track<F: Future>(&self, future: F) -> Tracked<F> {
        let state = State {
            runnable: Some(Runnable::new(self)),
            waker: None,
        };
        Tracked {
            future: Box::pin(future),
            sleep: Arc::new(Sleep {
                clock: self.clone(),
                state: Mutex::new(state),
            }),
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let runnable = {
            let mut state = self.sleep.lock();
            state.waker = Some(context.waker().clone());
            state.runnable.take()
        };
        // A poll without a wake-up (the first one, or a parent's) holds the clock as well.
        let runnable = runnable.unwrap_or_else(|| Runnable::new(&self.sleep.clock));
        let waker = Waker::from(self.sleep.clone());
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        // Dropped after the poll, not before: the futures that the poll wakes are counted by then, so that between two
        // tasks that hand over to each other one is always runnable.
        drop(runnable);
        polled
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        // Its wakers may outlive it, and must not hold the clock then.
        let mut state = self.sleep.lock();
        state.waker = None;
        let runnable = state.runnable.take();
        drop(state);
        drop(runnable);
    }
}

impl Wake for Sleep {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        let Some(waker) = state.waker.clone() else {
            return;
        };
        state
            .runnable
            .get_or_insert_with(|| Runnable::new(&self.clock));
        drop(state);
        waker.wake();
    }
}

impl Sleep {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runnable {
    fn new(clock: &Clock) -> Runnable {
        clock.inner.lock().runnable += 1;
        Runnable {
            clock: clock.clone(),
        }
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        self.clock.inner.lock().runnable -= 1;
        self.clock.inner.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// On one thread, a task that was woken cannot run before this test waits.
    #[tokio::test(start_paused = true)]
    async fn the_clock_waits_for_runnable_futures_and_not_for_sleeping_ones() {
        let clock = Clock::start();
        let start = clock.now();
        let (sender, receiver) = oneshot::channel::<()>();
        let mut tracked = Box::pin(clock.track(async {
            receiver.await.unwrap();
            std::future::pending::<()>().await;
        }));
        let moment = Duration::from_millis(1);
        assert!(tokio::time::timeout(moment, &mut tracked).await.is_err());
        clock.sleep_until(start + HOUR).await;
        sender.send(()).unwrap();
        let jump = clock.sleep_until(start + HOUR * 2);
        let jump = tokio::time::timeout(Duration::from_secs(60), jump);
        assert!(jump.await.is_err(), "the clock advanced");
        assert!(tokio::time::timeout(moment, &mut tracked).await.is_err());
        clock.sleep_until(start + HOUR * 3).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_or_finished_future_does_not_hold_the_clock() {
        let clock = Clock::start();
        let (sender, receiver) = oneshot::channel::<()>();
        drop(clock.track(receiver));
        drop(sender);
        clock.track(async {}).await;
        clock.sleep(HOUR).await;
        assert_eq!(clock.inner.lock().runnable, 0);
    }
}
