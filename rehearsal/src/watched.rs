//! State that can be waited for: every service keeps its own in one of these.

use tokio::sync::watch;

/// A value behind a lock, and a signal whenever it was written.
pub struct Watched<T>(watch::Sender<T>);

impl<T> Watched<T> {
    pub fn new(value: T) -> Watched<T> {
        Watched(watch::Sender::new(value))
    }

    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.borrow())
    }

    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut result = None;
        self.0.send_modify(|value| result = Some(change(value)));
        match result {
            Some(result) => result,
            None => unreachable!("`send_modify` always calls its closure"),
        }
    }

    /// Waits until `look` finds what it looks for.
    pub async fn until<R>(&self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(found) = look(&receiver.borrow_and_update()) {
                return found;
            }
            if receiver.changed().await.is_err() {
                // The sender is `self`, which outlives this borrow.
                std::future::pending::<()>().await;
            }
        }
    }

    /// A watcher that notices every write from now on.
    pub fn watch(&self) -> watch::Receiver<T> {
        self.0.subscribe()
    }
}
