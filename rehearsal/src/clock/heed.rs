//! Futures that the clock waits for: no jump comes between what wakes one of them and what it does then.
//!
//! A task that was woken takes its turn on a busy machine, and its world must not go on without it meanwhile.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::Clock;

/// A future that keeps the clock where it is from the moment at which it is woken until it waits again.
pub struct Heeded<F> {
    future: Pin<Box<F>>,
    sleep: Arc<Sleep>,
}

/// While one of these lives, somebody was woken and has not done yet what it was woken for.
struct Awake {
    clock: Clock,
}

/// Whether the future is awake, and how it is called to be polled.
struct Sleep {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    awake: Option<Awake>,
    waker: Option<Waker>,
}

impl Clock {
    /// The clock does not jump while this future has something to do. What only the network or another process can wake
    /// it for is not known before it comes: whoever waits for that says `busy`.
    pub fn heed<F: Future>(&self, future: F) -> Heeded<F> {
        let state = State {
            awake: Some(Awake::new(self)),
            waker: None,
        };
        Heeded {
            future: Box::pin(future),
            sleep: Arc::new(Sleep {
                clock: self.clone(),
                state: Mutex::new(state),
            }),
        }
    }
}

impl<F: Future> Future for Heeded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let awake = {
            let mut state = self.sleep.lock();
            state.waker = Some(context.waker().clone());
            state.awake.take()
        };
        // Whoever polls it without its having been woken keeps the clock just as well.
        let awake = awake.unwrap_or_else(|| Awake::new(&self.sleep.clock));
        let waker = Waker::from(self.sleep.clone());
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(awake);
        polled
    }
}

impl<F> Drop for Heeded<F> {
    fn drop(&mut self) {
        // Wakers of it may live on, and wake nobody.
        let mut state = self.sleep.lock();
        state.waker = None;
        let awake = state.awake.take();
        drop(state);
        drop(awake);
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
        state.awake.get_or_insert_with(|| Awake::new(&self.clock));
        drop(state);
        waker.wake();
    }
}

impl Sleep {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awake {
    fn new(clock: &Clock) -> Awake {
        clock.inner.lock().awake += 1;
        Awake {
            clock: clock.clone(),
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.clock.inner.lock().awake -= 1;
        self.clock.inner.stirred.notify_one();
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
    async fn the_clock_waits_for_whoever_was_woken_and_for_nobody_who_sleeps() {
        let clock = Clock::start();
        let start = clock.now();
        let (tell, told) = oneshot::channel::<()>();
        let mut heeded = Box::pin(clock.heed(async {
            told.await.unwrap();
            std::future::pending::<()>().await;
        }));
        let look = Duration::from_millis(1);
        assert!(tokio::time::timeout(look, &mut heeded).await.is_err());
        clock.sleep_until(start + HOUR).await;
        tell.send(()).unwrap();
        let jump = clock.sleep_until(start + HOUR * 2);
        let jump = tokio::time::timeout(Duration::from_secs(60), jump);
        assert!(jump.await.is_err(), "the clock went on");
        assert!(tokio::time::timeout(look, &mut heeded).await.is_err());
        clock.sleep_until(start + HOUR * 3).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_dropped_or_has_ended_keeps_no_clock() {
        let clock = Clock::start();
        let (tell, told) = oneshot::channel::<()>();
        drop(clock.heed(told));
        drop(tell);
        clock.heed(async {}).await;
        clock.sleep(HOUR).await;
        assert_eq!(clock.inner.lock().awake, 0);
    }
}
