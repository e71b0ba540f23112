//! State that can be awaited: every service keeps its state in one of these.

use std::pin::pin;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A value behind a lock, and a notification after every write.
///
/// Waiters are woken in the order in which they began to wait, so that every run is the same. `tokio::sync::watch` does
/// not guarantee that: it distributes its waiters randomly over several lists.
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

    pub fn read<R>(&self, find: impl FnOnce(&T) -> R) -> R {
        find(&self.lock())
    }

    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.write().unwrap_or_else(PoisonError::into_inner));
        self.written.notify_waiters();
        result
    }

    /// Waits until `find` returns a value.
    pub async fn until<R>(&self, mut find: impl FnMut(&T) -> Option<R>) -> R {
        loop {
            let written = pin!(self.written());
            if let Some(found) = find(&self.lock()) {
                return found;
            }
            written.await;
        }
    }

    /// Completes with the next write.
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
    async fn waiters_are_woken_in_order() {
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
