//! Scenarios: what a world begins with, what happens in it, and what must hold at the end.

mod catalogue;
mod claims;
pub(crate) mod custom_pipelines;
mod dead_letters;
mod event;
mod history;
mod needed;
pub(crate) mod setting;
pub(crate) mod step;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use local_aws::iam::Removal;
use serde::Deserialize;

use crate::record::{Problem, Record};
use crate::scenario::setting::Setting;

pub(crate) use catalogue::{Catalogue, Golden};
pub(crate) use event::{EventFile, of_event};
pub(crate) use step::{
    AfterStop, DeliveryFaults, Forgery, How, Impossible, Moment, Queued, Reached, Request, Step,
    Wanted,
};

/// A rehearsal to play.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// One sentence for `--list`.
    pub(crate) summary: String,
    pub(crate) pipelines: Pipelines,
    pub(crate) message_format: MessageFormat,
    pub(crate) setting: Setting,
    pub(crate) steps: Vec<Step>,
    pub(crate) expectations: Vec<Expectation>,
}

/// The configuration that the functions get.
#[derive(Debug, Clone)]
pub(crate) enum Pipelines {
    /// A file, as seen from the workspace's root.
    File(PathBuf),
    /// The text of one.
    Text(String),
}

impl Pipelines {
    pub(crate) fn read(&self, root: &Path) -> anyhow::Result<String> {
        match self {
            Pipelines::File(file) => {
                let file = root.join(file);
                let text = std::fs::read_to_string(&file);
                text.with_context(|| format!("read `{}`", file.display()))
            }
            Pipelines::Text(text) => Ok(text.clone()),
        }
    }
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageFormat {
    Text,
    #[default]
    Json,
}

/// A claim about a run.
pub(crate) struct Expectation {
    /// What must hold, in one sentence.
    pub(crate) claim: String,
    check: Check,
}

/// Says what was found instead, where the claim does not hold.
type Check = Box<dyn Fn(&Record) -> Result<(), String> + Send>;

/// Where a claim is made, by the name of an assumption as `--assume` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provided {
    Assumed(String),
    NotAssumed(String),
}

impl Expectation {
    /// `check` says what was found instead.
    pub(crate) fn new(
        claim: impl Into<String>,
        check: impl Fn(&Record) -> Result<(), String> + Send + 'static,
    ) -> Expectation {
        Expectation {
            claim: claim.into(),
            check: Box::new(check),
        }
    }

    /// The same claim, made only where something is assumed of AWS, or only where it is not.
    pub(crate) fn provided(self, provided: Provided) -> Expectation {
        let (assumption, wanted) = match provided {
            Provided::Assumed(assumption) => (assumption, true),
            Provided::NotAssumed(assumption) => (assumption, false),
        };
        let word = if wanted { "with" } else { "without" };
        let check = self.check;
        Expectation::new(
            format!("{word} `{assumption}`: {}", self.claim),
            move |record| {
                let assumed = record.assumptions.contains(&assumption);
                if assumed == wanted {
                    check(record)
                } else {
                    Ok(())
                }
            },
        )
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
    /// Nothing is refused but what the scenario itself takes away: functions cope with many a refusal without a word.
    fn permitted(mut self) -> Scenario {
        let denied = self.steps.iter().filter_map(|step| {
            let Step::Deny { function, action } = step else {
                return None;
            };
            Some(Removal::of(function, action))
        });
        let without = denied.collect();
        self.expectations.push(claims::permitted(without));
        self
    }

    /// The eight invariants hold, but for what the scenario makes AWS itself break.
    pub(crate) fn sound(mut self) -> Scenario {
        self.expectations.push(claims::sound(&self.name));
        self
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
}

#[cfg(test)]
mod tests;
