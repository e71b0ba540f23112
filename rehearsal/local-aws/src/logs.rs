//! CloudWatch Logs: the lines of containers and functions, by group and stream.

pub mod filter;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A line and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub at: SystemTime,
    pub message: String,
}

type Streams = BTreeMap<String, Vec<LogEvent>>;

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    pub created_at: SystemTime,
    pub streams: Streams,
}

/// All log groups. Cheap to clone; all clones share them.
#[derive(Clone, Default)]
pub struct Logs {
    groups: Arc<Mutex<BTreeMap<String, LogGroup>>>,
    /// Of each group, only the latest lines are kept.
    keeps_latest: Arc<AtomicBool>,
}

/// How many lines a group keeps in a world that keeps no history.
const LATEST_LINES: usize = 500;

impl Logs {
    pub fn write(&self, group: &str, stream: &str, message: String, at: SystemTime) {
        let mut groups = self.lock();
        let group = groups
            .entry(group.to_owned())
            .or_insert_with(|| LogGroup::new(at));
        let stream = group.streams.entry(stream.to_owned()).or_default();
        stream.push(LogEvent { at, message });
        if self.keeps_latest.load(Ordering::Relaxed) {
            group.keep_latest(LATEST_LINES);
        }
    }

    /// Keeps only the latest lines of each group from now on.
    pub(crate) fn keep_no_history(&self) {
        self.keeps_latest.store(true, Ordering::Relaxed);
    }

    /// Creates a group before anything is written to it.
    pub fn create_group(&self, group: &str, at: SystemTime) {
        self.lock()
            .entry(group.to_owned())
            .or_insert_with(|| LogGroup::new(at));
    }

    pub fn groups(&self) -> BTreeMap<String, LogGroup> {
        self.lock().clone()
    }

    /// Returns the streams of a group; `None` if it does not exist.
    pub fn streams(&self, group: &str) -> Option<Streams> {
        self.lock().get(group).map(|group| group.streams.clone())
    }

    /// Returns every line of a task's containers, in order of time.
    pub fn of_task(&self, task_id: &str) -> Vec<LogEvent> {
        let suffix = format!("/{task_id}");
        let groups = self.lock();
        let streams = groups.values().flat_map(|group| &group.streams);
        let mut events: Vec<LogEvent> = streams
            .filter(|(stream, _)| stream.ends_with(&suffix))
            .flat_map(|(_, events)| events.iter().cloned())
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, LogGroup>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogGroup {
    /// Removes the oldest lines, and streams that have none left.
    fn keep_latest(&mut self, lines: usize) {
        while self.streams.values().map(Vec::len).sum::<usize>() > lines {
            let streams = self.streams.iter();
            let oldest = streams.min_by_key(|(_, events)| events.first().map(|event| event.at));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            if let Some(events) = self
                .streams
                .get_mut(&name)
                .filter(|events| events.len() > 1)
            {
                events.remove(0);
            } else {
                self.streams.remove(&name);
            }
        }
    }

    fn new(created_at: SystemTime) -> LogGroup {
        LogGroup {
            created_at,
            streams: Streams::new(),
        }
    }
}

/// Where reading a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Head,
    Tail,
    /// After this number of events: a forward token.
    After(usize),
    /// Before the event with this number: a backward token.
    Before(usize),
}

/// The range of `length` events to read: at most `limit`, in order.
pub fn window(length: usize, limit: usize, from: From) -> std::ops::Range<usize> {
    match from {
        From::Head => 0..limit.min(length),
        From::Tail => length.saturating_sub(limit)..length,
        From::After(start) => start.min(length)..start.saturating_add(limit).min(length),
        From::Before(end) => end.min(length).saturating_sub(limit)..end.min(length),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn without_a_history_a_group_keeps_its_latest_lines() {
        let logs = Logs::default();
        let write = |stream: &str, second: u64| {
            let at = UNIX_EPOCH + Duration::from_secs(second);
            logs.write("g", stream, second.to_string(), at);
        };
        write("first", 0);
        logs.keep_no_history();
        for second in 1..=600 {
            write(if second % 2 == 0 { "even" } else { "odd" }, second);
        }
        let streams = logs.streams("g").unwrap();
        assert_eq!(streams.keys().collect::<Vec<_>>(), ["even", "odd"]);
        assert_eq!(streams["odd"][0].message, "101");
        assert_eq!(streams["even"].last().unwrap().message, "600");
        assert_eq!(streams["odd"].len() + streams["even"].len(), LATEST_LINES);
    }

    #[test]
    fn windows_of_a_stream() {
        let cases = [
            (From::Head, 0..3),
            (From::Tail, 7..10),
            (From::After(8), 8..10),
            (From::After(10), 10..10),
            (From::After(99), 10..10),
            (From::Before(7), 4..7),
            (From::Before(2), 0..2),
            (From::Before(0), 0..0),
            (From::Before(99), 7..10),
        ];
        for (from, wanted) in cases {
            assert_eq!(window(10, 3, from), wanted, "{from:?}");
        }
        assert_eq!(window(2, 3, From::Tail), 0..2);
    }
}
