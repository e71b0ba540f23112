//! The record as the story's builders need it: its entries since the start, in seconds.

use std::time::SystemTime;

use record::Record;
use record::timeline::{self, Entry};

/// The source of the story's parts.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) record: &'a Record,
}

impl<'a> Source<'a> {
    /// The seconds since the start; 0 for earlier moments.
    pub(super) fn seconds(self, at: SystemTime) -> f64 {
        self.record.simulated.since(at).as_secs_f64()
    }

    /// Everything that happened since the start.
    pub(super) fn told(self) -> impl Iterator<Item = (f64, &'a timeline::Event)> {
        let since_start = self.since_start();
        since_start.map(move |entry| (self.seconds(entry.at), &entry.event))
    }

    pub(super) fn since_start(self) -> impl Iterator<Item = &'a Entry> {
        let entries = self.record.events.iter();
        entries.filter(move |entry| entry.at >= self.record.simulated.start)
    }
}

/// The part of an ARN after its last slash: `shop-web:2`.
pub(super) fn last(arn: &str) -> String {
    last_of(arn, '/').to_owned()
}

pub(super) fn last_of(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}
