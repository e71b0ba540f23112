//! The events of a run, in order: for the terminal, the record and the claims of scenarios.
//!
//! Entries are reports, never commands: no service of the world acts on one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use record::Decision;
pub use record::timeline::{Entry, Event, ListenerKind, Purpose, Weight};
use tokio::sync::{broadcast, oneshot};

use crate::clock::{Busy, Clock};

/// The timeline of one world. Cheap to clone.
#[derive(Clone)]
pub struct Timeline {
    clock: Clock,
    state: Arc<Mutex<State>>,
    channel: broadcast::Sender<Entry>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    awaited: Vec<Awaited>,
    /// Entries go to subscribers only.
    keeps_nothing: bool,
}

/// A wait for an entry.
struct Awaited {
    is_it: Box<dyn Fn(&Event) -> bool + Send>,
    sender: oneshot::Sender<Still>,
}

/// An entry that was waited for: the clock is held at its moment while this lives.
pub struct Still {
    /// Its index in the timeline.
    pub index: usize,
    _busy: Busy,
}

impl Timeline {
    pub fn new(clock: Clock) -> Timeline {
        Timeline {
            clock,
            state: Arc::default(),
            channel: broadcast::channel(4096).0,
        }
    }

    pub fn record(&self, event: Event) {
        let entry = Entry {
            at: self.clock.now(),
            event,
        };
        let mut state = self.lock();
        let index = state.entries.len();
        if !state.keeps_nothing {
            state.entries.push(entry.clone());
        }
        let (come, rest): (Vec<Awaited>, _) = std::mem::take(&mut state.awaited)
            .into_iter()
            .partition(|awaited| (awaited.is_it)(&entry.event));
        state.awaited = rest;
        for awaited in come {
            let _busy = self.clock.busy();
            // If the receiver was dropped, the guard is dropped too, which releases the clock.
            let _ = awaited.sender.send(Still { index, _busy });
        }
        // Without subscribers this fails, but the entry is recorded.
        let _ = self.channel.send(entry);
    }

    /// Returns the first entry from index `from` on for which `is_it` is true, with the clock held at its moment, or at
    /// the present if the entry is older. The channel closes without a value if the world ends first.
    pub fn still_when(
        &self,
        from: usize,
        is_it: impl Fn(&Event) -> bool + Send + 'static,
    ) -> oneshot::Receiver<Still> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        let mut entries = state.entries.iter().enumerate().skip(from);
        match entries.find(|(_, entry)| is_it(&entry.event)) {
            Some((index, _)) => {
                let _busy = self.clock.busy();
                let _ = sender.send(Still { index, _busy });
            }
            None => state.awaited.push(Awaited {
                is_it: Box::new(is_it),
                sender,
            }),
        }
        receiver
    }

    /// Subscribes to the entries from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Entry> {
        self.channel.subscribe()
    }

    /// Returns every entry so far, in order.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// Keeps no entry any more. Nothing can be waited for that happened before the wait.
    pub(crate) fn keep_no_history(&self) {
        let mut state = self.lock();
        state.keeps_nothing = true;
        state.entries = Vec::new();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn skip(to: SystemTime) -> Event {
        Event::TimeSkipped { from: to, to }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stays_at_the_entry_that_was_waited_for() {
        let clock = Clock::start();
        let timeline = Timeline::new(clock.clone());
        let (start, hour) = (clock.now(), Duration::from_secs(3600));
        timeline.record(skip(start));
        let is = |moment| move |event: &Event| *event == skip(moment);
        assert_eq!(timeline.still_when(0, is(start)).await.unwrap().index, 0);
        let mut again = timeline.still_when(1, is(start));
        assert!(again.try_recv().is_err(), "an entry was counted twice");
        timeline.record(skip(start + hour));
        timeline.record(skip(start));
        let still = again.await.unwrap();
        assert_eq!(still.index, 2);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(hour).await }
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(!sleeper.is_finished());
        drop(still);
        sleeper.await.unwrap();
    }
}
