//! Scenarios: what a world begins with, what happens in it, and what must hold at the end.

mod answered_by_blue;
mod claims;
pub(crate) mod custom_pipelines;
mod dead_letters;
mod ec2_dynamic_ports;
mod event;
mod evidence;
mod failed_migration;
mod failed_test_traffic;
mod first_days;
mod history;
mod missing_permission;
mod multi_arch;
mod needed;
mod never_starts;
mod no_capacity;
mod nothing_wanted;
mod order;
mod otherwise;
mod queue;
mod redirect;
mod refusals;
mod same_push_twice;
pub(crate) mod setting;
mod several_pipelines;
mod ship;
pub(crate) mod step;
mod stopped;

use std::path::PathBuf;

use local_aws::iam::Removal;

use crate::record::{Problem, Record};
use crate::scenario::setting::Setting;

pub(crate) use event::{EventFile, of_event};
pub(crate) use step::{
    AfterStop, DeliveryFaults, Forgery, How, Impossible, Moment, Queued, Reached, Request, Step,
    Wanted,
};

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

/// A claim about a run.
pub(crate) struct Expectation {
    /// What must hold, in one sentence.
    pub(crate) claim: String,
    check: Check,
}

/// Says what was found instead, where the claim does not hold.
type Check = Box<dyn Fn(&Record) -> Result<(), String> + Send>;

/// Where a claim is made, by the name of an assumption as `--assume` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provided {
    Assumed(&'static str),
    NotAssumed(&'static str),
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
                let assumed = record.assumptions.iter().any(|name| name == assumption);
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
    /// All of them, `ship` first.
    pub(crate) fn all() -> Vec<Scenario> {
        let mut scenarios = vec![
            ship::scenario(),
            failed_migration::scenario(),
            failed_migration::careless(),
            failed_test_traffic::scenario(),
            redirect::scenario(),
            never_starts::scenario(),
            same_push_twice::scenario(),
            several_pipelines::scenario(),
            multi_arch::scenario(),
            ec2_dynamic_ports::scenario(),
            no_capacity::scenario(),
        ];
        scenarios.push(nothing_wanted::scenario());
        scenarios.extend(answered_by_blue::scenarios());
        scenarios.extend(refusals::scenarios());
        scenarios.extend(otherwise::scenarios());
        scenarios.extend(stopped::scenarios());
        scenarios.extend(queue::scenarios());
        scenarios.extend(order::scenarios());
        scenarios.extend(first_days::scenarios());
        scenarios.extend(missing_permission::scenarios());
        scenarios.extend(evidence::scenarios());
        let always = scenarios.into_iter().map(Scenario::permitted);
        always.map(Scenario::sound).collect()
    }

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
        self.expectations.push(claims::sound(self.name));
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

    /// One that begins as most of them do: the shop's `web` runs 1.0.0, its one pipeline follows `latest`.
    fn of_shop(
        name: &'static str,
        summary: &'static str,
        steps: Vec<Step>,
        expectations: Vec<Expectation>,
    ) -> Scenario {
        Scenario {
            name,
            summary,
            pipelines: Scenario::own_pipelines("shop"),
            message_format: MessageFormat::Json,
            setting: Setting::shop(),
            steps,
            expectations,
        }
    }

    /// The pipelines file of a scenario other than `ship`.
    fn own_pipelines(name: &str) -> PathBuf {
        PathBuf::from(format!("rehearsal/scenarios/{name}.toml"))
    }
}

#[cfg(test)]
mod tests;
