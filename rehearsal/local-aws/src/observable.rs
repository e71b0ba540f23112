//! State that can be waited for: every service keeps its own in one of these.

use std::pin::pin;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A value behind a lock, and a signal whenever it was written.
///
/// Whoever waits is woken in the order in which they began to, so that the same happens in every run. `tokio::sync::watch`
/// does not promise that: it spreads those who wait over several lists, by chance.
pub struct Observable<T> {
    value: RwLock<T>,
    written: Notify,
}

impl<T> Observable<T> {
    pub fn new(value: T) -> Observable<T> {
        Observable {
            value: RwLock::new(value),
            written: Notify::new(),
        }
    }

    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.write().unwrap_or_else(PoisonError::into_inner));
        self.written.notify_waiters();
        result
    }

    /// Waits until `look` finds what it looks for.
    pub async fn until<R>(&self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        loop {
            let written = pin!(self.written());
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            written.await;
        }
    }

    /// Comes to an end with the next write from now on.
    pub fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    fn lock(&self) -> RwLockReadGuard<'_, T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_in_order() {
        let watched = Arc::new(Observable::new(false));
        let woken = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..50)
            .map(|number| {
                let (watched, woken) = (watched.clone(), woken.clone());
                tokio::spawn(async move {
                    watched.until(|written| written.then_some(())).await;
                    woken.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        watched.write(|written| *written = true);
        for waiting in waiting {
            waiting.await.unwrap();
        }
        assert_eq!(*woken.lock().unwrap(), (0..50).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_before_the_wait_is_not_missed() {
        let watched = Observable::new(0);
        let written = watched.written();
        watched.write(|value| *value = 1);
        let waited = tokio::time::timeout(Duration::from_secs(60), written).await;
        assert_eq!((waited, watched.read(|value| *value)), (Ok(()), 1));
    }
}
