//! Scenarios: what a world begins with, what happens in it, and what must hold at the end.

mod claims;
mod event;
mod failed_migration;
mod failed_test_traffic;
mod never_starts;
mod redirect;
mod refusals;
mod same_push_twice;
pub(crate) mod setting;
mod several_pipelines;
mod ship;

use std::path::PathBuf;

use rehearsal::ecr::ImageSettings;
use serde_json::Value;

use crate::record::{Problem, Record};
use crate::scenario::setting::Setting;

pub(crate) use event::{EventFile, of_event};

/// A rehearsal to play.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// One sentence for `--list`.
    pub(crate) summary: &'static str,
    /// The pipelines file, as seen from the workspace's root.
    pub(crate) pipelines: PathBuf,
    pub(crate) message_format: MessageFormat,
    pub(crate) setting: Setting,
    pub(crate) steps: Vec<Step>,
    pub(crate) expectations: Vec<Expectation>,
}

/// Names as a sentence lists them.
pub(crate) fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The template's parameter `MessageFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    Text,
    Json,
}

/// Something that happens in the world from outside.
pub(crate) enum Step {
    /// An image is pushed, and ECR tells it once per tag.
    Push(Box<ImageSettings>),
    /// ECR tells the last push again.
    TellAgain,
    /// An event of somebody's own arrives.
    Tell(Value),
    /// From now on a function may not do something.
    Deny {
        function: &'static str,
        action: &'static str,
    },
    /// Nothing happens until everything has come to its end.
    Settle,
}

/// A claim about a run.
pub(crate) struct Expectation {
    /// What must hold, in one sentence.
    pub(crate) claim: String,
    check: Check,
}

/// Says what was found instead, where the claim does not hold.
type Check = Box<dyn Fn(&Record) -> Result<(), String>>;

impl Expectation {
    /// `check` says what was found instead.
    pub(crate) fn new(
        claim: impl Into<String>,
        check: impl Fn(&Record) -> Result<(), String> + 'static,
    ) -> Expectation {
        Expectation {
            claim: claim.into(),
            check: Box::new(check),
        }
    }

    fn problem(&self, record: &Record) -> Option<Problem> {
        let found = (self.check)(record).err()?;
        Some(Problem {
            expected: self.claim.clone(),
            found,
        })
    }
}

impl MessageFormat {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            MessageFormat::Text => "text",
            MessageFormat::Json => "json",
        }
    }
}

impl Scenario {
    /// All of them, `ship` first.
    pub(crate) fn all() -> Vec<Scenario> {
        let mut scenarios = vec![
            ship::scenario(),
            failed_migration::scenario(),
            failed_test_traffic::scenario(),
            redirect::scenario(),
            never_starts::scenario(),
            same_push_twice::scenario(),
            several_pipelines::scenario(),
        ];
        scenarios.extend(refusals::scenarios());
        scenarios
    }

    /// Notes in the record which expectations did not hold.
    pub(crate) fn judge(&self, record: &mut Record) {
        record.problems = self
            .expectations
            .iter()
            .filter_map(|expectation| expectation.problem(record))
            .collect();
        record.as_expected = record.problems.is_empty();
    }

    /// The pipelines file of a scenario other than `ship`.
    fn own_pipelines(name: &str) -> PathBuf {
        PathBuf::from(format!("rehearsal/scenarios/{name}.toml"))
    }
}

#[cfg(test)]
mod tests;
