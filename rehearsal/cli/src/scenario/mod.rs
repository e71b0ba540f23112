//! Scenarios: the initial state of a world, the steps, and the claims.

mod catalogue;
pub(crate) mod custom_pipelines;
mod event;
pub(crate) mod programs;
pub(crate) mod setting;
pub(crate) mod step;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use local_aws::iam::Removal;
use local_aws::identity::Location;
use record::{Excuse, Record};
use serde::Deserialize;

use crate::scenario::setting::{Lack, Setting};

pub(crate) use catalogue::{Catalogue, Golden};
pub(crate) use checks::{Expectation, Provided, claims, dead_letters, history, needed, quoted};
pub(crate) use event::{EventFile, of_event};
pub(crate) use setting::Impossible;
pub(crate) use step::{
    AfterStop, DeliveryFaults, Forgery, How, Moment, Moved, Operation, PauseAction, Queued,
    Reached, Request, Step, Wanted,
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
    /// Invariants that the scenario makes AWS itself break, each with the reason.
    pub(crate) excuses: Vec<Excuse>,
}

/// The functions' configuration.
#[derive(Debug, Clone)]
pub(crate) enum Pipelines {
    /// A file, relative to the workspace's root.
    File(PathBuf),
    /// The text of a file.
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

/// The template's parameter `MessageFormat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageFormat {
    Text,
    #[default]
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
    /// The shop, in which nothing happens by itself: what `serve` keeps running.
    pub(crate) fn shop() -> Scenario {
        Scenario {
            name: "shop".to_owned(),
            summary: "one service, `web`, runs 1.0.0".to_owned(),
            pipelines: Pipelines::File(PathBuf::from("config/pipelines.toml")),
            message_format: MessageFormat::Text,
            setting: Setting::shop(),
            steps: Vec::new(),
            expectations: Vec::new(),
            excuses: Vec::new(),
        }
    }

    /// No call is refused except as the scenario intends: functions survive many refusals silently.
    fn permitted(mut self) -> Scenario {
        let denied = self.steps.iter().filter_map(|step| {
            let Step::Deny { function, action } = step else {
                return None;
            };
            Some(Removal::of(function, action))
        });
        let denied: Vec<Removal> = denied.collect();
        let withdrawn = self.steps.iter().filter_map(|step| {
            let Step::Withdraw { repository, .. } = step else {
                return None;
            };
            let (registry, name) = Location::of_repository(repository);
            Some(registry.arn("ecr", &format!("repository/{name}")))
        });
        let withdrawn: Vec<String> = withdrawn.collect();
        let bus_is_closed = self.setting.lacks.contains(&Lack::BusPolicy);
        let nothing_is_removed = denied.is_empty() && withdrawn.is_empty() && !bus_is_closed;
        self.expectations.push(match nothing_is_removed {
            true => claims::permitted(),
            false => claims::permitted_without(move |missing| {
                let explains = |one: &Removal| one.explains(&missing.holder, &missing.action);
                let is_put = bus_is_closed && missing.action == "events:PutEvents";
                denied.iter().any(explains) || withdrawn.contains(&missing.resource) || is_put
            }),
        });
        self
    }

    /// The eight invariants hold, except those that the scenario makes AWS itself break.
    pub(crate) fn sound(mut self) -> Scenario {
        self.expectations.push(claims::sound(&self.excuses));
        self
    }

    /// Adds the expectations that did not hold to the record.
    pub(crate) fn judge(&self, record: &mut Record) {
        checks::judge_claims(&self.expectations, record);
    }
}

#[cfg(test)]
pub(crate) mod tests;
