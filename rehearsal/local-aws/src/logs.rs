//! CloudWatch Logs: the lines of containers and functions, by group and stream.

pub mod filter;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A line and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its number among all events of its group, which stays when earlier ones are removed.
    pub number: u64,
    pub at: SystemTime,
    pub message: String,
}

type Streams = BTreeMap<String, Vec<LogEvent>>;

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    pub created_at: SystemTime,
    pub streams: Streams,
    written: u64,
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
        let number = group.written;
        group.written += 1;
        let stream = group.streams.entry(stream.to_owned()).or_default();
        stream.push(LogEvent {
            number,
            at,
            message,
        });
        if self.keeps_latest.load(Ordering::Relaxed) {
            group.keep_latest(LATEST_LINES);
        }
    }

    /// Keeps only the latest lines of each group from now on.
    pub(crate) fn keep_no_history(&self) {
        self.keeps_latest.store(true, Ordering::Relaxed);
    }

    /// Creates a group before anything is written to it, unless it exists. Whether it was created.
    pub fn create_group(&self, group: &str, at: SystemTime) -> bool {
        match self.lock().entry(group.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(LogGroup::new(at));
                true
            }
        }
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

    /// The latest lines of a container of a task, whose stream has both names.
    pub fn last_of_container(&self, container: &str, task_id: &str, lines: usize) -> Vec<String> {
        let suffix = format!("/{container}/{task_id}");
        let groups = self.lock();
        let mut streams = groups.values().flat_map(|group| &group.streams);
        let found = streams.find(|(stream, _)| stream.ends_with(&suffix));
        let events = found.map_or(&[][..], |(_, events)| events);
        let latest = &events[events.len().saturating_sub(lines)..];
        latest.iter().map(|event| event.message.clone()).collect()
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
            written: 0,
        }
    }
}

/// Where reading a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Head,
    Tail,
    /// The event with this number, or the first one after it: a forward token.
    After(u64),
    /// The last event before the one with this number: a backward token.
    Before(u64),
}

/// What is read of a stream's events, and from where reading it goes on: tokens name events by their numbers, so that
/// they hold when the stream's first events are removed.
#[derive(Debug, PartialEq, Eq)]
pub struct Window<'e> {
    pub events: &'e [&'e LogEvent],
    pub forward: u64,
    pub backward: u64,
}

/// At most `limit` of the events, in order.
pub fn window<'e>(events: &'e [&'e LogEvent], limit: usize, from: From) -> Window<'e> {
    let length = events.len();
    let index = |number: u64| events.partition_point(|event| event.number < number);
    let (start, given) = match from {
        From::Head => (0, 0),
        From::Tail => (length.saturating_sub(limit), 0),
        From::After(number) => (index(number), number),
        From::Before(number) => (index(number).saturating_sub(limit), number),
    };
    let end = match from {
        From::Head | From::Tail | From::After(_) => start.saturating_add(limit).min(length),
        From::Before(number) => index(number),
    };
    let events = &events[start..end];
    // At the end of a stream the token is the one that was passed (API Reference, GetLogEvents).
    Window {
        events,
        forward: events.last().map_or(given, |last| last.number + 1),
        backward: events.first().map_or(given, |first| first.number),
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
        // Ten events, of which the first three are gone and every other number is another stream's.
        let event = |number| LogEvent {
            number,
            at: UNIX_EPOCH,
            message: String::new(),
        };
        let kept: Vec<LogEvent> = (3..10).map(|index| event(2 * index)).collect();
        let kept: Vec<&LogEvent> = kept.iter().collect();
        for (from, numbers, backward, forward) in [
            (From::Head, &[6, 8, 10][..], 6, 11),
            (From::Tail, &[14, 16, 18], 14, 19),
            (From::After(0), &[6, 8, 10], 6, 11),
            (From::After(11), &[12, 14, 16], 12, 17),
            (From::After(17), &[18], 18, 19),
            (From::After(19), &[], 19, 19),
            (From::Before(14), &[8, 10, 12], 8, 13),
            (From::Before(8), &[6], 6, 7),
            (From::Before(6), &[], 6, 6),
            (From::Before(99), &[14, 16, 18], 14, 19),
        ] {
            let found = window(&kept, 3, from);
            let read: Vec<u64> = found.events.iter().map(|event| event.number).collect();
            assert_eq!(read, numbers, "{from:?}");
            let tokens = (found.backward, found.forward);
            assert_eq!(tokens, (backward, forward), "{from:?}");
        }
        assert_eq!(window(&[], 3, From::Tail).events.len(), 0);
        assert_eq!(window(&kept[..2], 3, From::Tail).events.len(), 2);
    }

    #[test]
    fn a_token_holds_when_the_first_lines_are_removed() {
        let logs = Logs::default();
        logs.keep_no_history();
        let mut token = From::Head;
        let mut read = Vec::new();
        for second in 0..1200 {
            let at = UNIX_EPOCH + Duration::from_secs(second);
            // A stream that was removed with its last line goes on when it is written again.
            let stream = if second == 3 || second > 600 {
                "a"
            } else {
                "b"
            };
            logs.write("g", stream, second.to_string(), at);
            let streams = logs.streams("g").unwrap();
            let Some(events) = streams.get("a") else {
                continue;
            };
            let events: Vec<&LogEvent> = events.iter().collect();
            let part = window(&events, 100, token);
            read.extend(part.events.iter().map(|event| event.message.clone()));
            token = From::After(part.forward);
        }
        let written = [3].into_iter().chain(601..1200);
        let written: Vec<String> = written.map(|second: u32| second.to_string()).collect();
        assert_eq!(read, written);
    }
}
