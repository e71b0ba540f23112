//! Scenarios: what a world begins with, what happens in it, and what must hold at the end.

mod answered_by_blue;
pub(crate) mod custom_pipelines;
mod ec2_dynamic_ports;
mod event;
mod evidence;
mod failed_migration;
mod failed_test_traffic;
mod first_days;
mod missing_permission;
mod multi_arch;
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
mod step;
mod stopped;

use std::path::PathBuf;

use local_aws::iam::Removal;
use record::{Excuse, Invariant, Record};

use crate::scenario::setting::Setting;

pub(crate) use checks::{Expectation, Provided, claims, dead_letters, history, needed, quoted};
pub(crate) use event::{EventFile, of_event};
pub(crate) use step::{AfterStop, Forgery, Moment, Queued, Step};

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
    /// Invariants that AWS itself is made to break here, each with the reason.
    pub(crate) excuses: Vec<(Invariant, &'static str)>,
}

/// Why a hook is not answered in time in some scenarios.
const NO_ANSWER: &str = "AWS refuses every answer to a hook, by a permission that was taken away";

/// The template's parameter `MessageFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    Text,
    Json,
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
        let denied: Vec<Removal> = denied.collect();
        self.expectations.push(match denied.is_empty() {
            true => claims::permitted(),
            false => claims::permitted_without(move |missing| {
                let explains = |one: &Removal| one.explains(&missing.holder, &missing.action);
                denied.iter().any(explains)
            }),
        });
        self
    }

    /// The eight invariants hold, but for what the scenario makes AWS itself break.
    pub(crate) fn sound(mut self) -> Scenario {
        self.expectations.push(claims::sound(&self.excused()));
        self
    }

    /// The same, in which AWS itself is made to break an invariant.
    fn excused_from(mut self, invariant: Invariant, reason: &'static str) -> Scenario {
        self.excuses.push((invariant, reason));
        self
    }

    /// What it is excused from.
    pub(crate) fn excused(&self) -> Vec<Excuse> {
        let excuses = self.excuses.iter();
        let excuse = |(invariant, reason): &(Invariant, &str)| Excuse {
            invariant: *invariant,
            reason: (*reason).to_owned(),
        };
        excuses.map(excuse).collect()
    }

    /// Notes in the record which expectations did not hold.
    pub(crate) fn judge(&self, record: &mut Record) {
        checks::judge_claims(&self.expectations, record);
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
            excuses: Vec::new(),
        }
    }

    /// The pipelines file of a scenario other than `ship`.
    fn own_pipelines(name: &str) -> PathBuf {
        PathBuf::from(format!("rehearsal/scenarios/{name}.toml"))
    }
}

#[cfg(test)]
pub(crate) mod tests;
