//! The record of a run: what `--json` prints, and all that claims, invariants, the report and the terminal are made from.
//!
//! Plain data. Whoever gathers it decides what is secret in it; whoever reads it asks nothing else.

mod deployment;
mod function;
mod message;
mod moment;
mod pipeline;
mod service;
mod task;
pub mod timeline;
mod traffic;
mod verdict;
mod word;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub use deployment::{By, Deployment, End, HookAnswer, HookCall, LifecycleEvent, Revision};
pub use function::{AwsCall, DeadLetter, Invocation, Leak, Missing, Permission, Reconciliation};
pub use message::Message;
pub use pipeline::{Image, MigrationGate, Pipeline, Push, Request, TestTrafficGate, is_among};
pub use service::{Answered, Answerer, AtEnd, HealthChange, Listeners, TestAnswer, is_called};
pub use task::{Container, ContainerEnd, Migration, Task};
pub use traffic::{Answer, Answers, NO_VERSION, Seen, Stretch};
pub use verdict::{Excuse, Invariant, Problem, Violation};

/// Everything that a run leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub scenario: String,
    /// What happens in the scenario, in one sentence.
    pub summary: String,
    /// What was assumed of AWS where its behaviour is not known, by the names of `--assume`.
    pub assumptions: Vec<String>,
    /// What was taken away of the template's permissions, as `--without` takes it.
    pub without: Vec<String>,
    pub as_expected: bool,
    /// What the scenario expects, in one sentence each.
    pub claims: Vec<String>,
    /// Expectations that did not hold, each with what was found.
    pub problems: Vec<Problem>,
    /// What must hold always and did not, also where the scenario excuses it.
    pub violations: Vec<Violation>,
    /// What need not hold in this scenario.
    pub excuses: Vec<Excuse>,
    /// Why the scenario did not come to its end; it is not judged then.
    pub broken_off: Option<String>,
    pub deployments: Vec<Deployment>,
    /// What the client saw of all production listeners together.
    pub production: Seen,
    /// The same, by service.
    pub services: BTreeMap<String, Seen>,
    /// What ECS says of each service when everything has come to its end.
    pub at_end: BTreeMap<String, AtEnd>,
    /// What all test listeners together answered.
    pub test_listener: Answered,
    /// Revisions that were registered during the run.
    pub revisions: Vec<Revision>,
    /// One-off tasks, in the order in which they ended.
    pub tasks: Vec<Task>,
    pub invocations: Vec<Invocation>,
    pub dead_letters: Vec<DeadLetter>,
    pub aws_calls: Vec<AwsCall>,
    /// What allowed the calls, and what services did for functions and schedules.
    pub permissions_used: Vec<Permission>,
    /// What the template grants besides.
    pub permissions_unused: Vec<Permission>,
    /// What was refused for want of a permission, in order.
    pub permissions_missing: Vec<Missing>,
    pub messages: Vec<Message>,
    /// Moments that tell in which order things happened, in seconds of simulated time since the start.
    pub timeline: Vec<Moment>,
    pub simulated_seconds: u64,
    pub real_milliseconds: u64,
    /// The beginning and the end.
    pub simulated: Simulated,
    /// Everything that the local AWS noted, what was before the beginning included.
    pub events: Vec<timeline::Entry>,
    /// What production's clients were answered, by service.
    pub answers: BTreeMap<String, Answers>,
    /// The services, in the scenario's order.
    pub listeners: Vec<Listeners>,
    /// What test listeners answered, in order for each.
    pub test_answers: Vec<TestAnswer>,
    /// What became of the health of targets, in order.
    pub health: Vec<HealthChange>,
    pub pipelines: Vec<Pipeline>,
    /// What lies in the repositories at the end.
    pub images: Vec<Image>,
    /// Every push of a tag, in order, those before the beginning included.
    pub pushes: Vec<Push>,
    /// In the order in which they began.
    pub reconciliations: Vec<Reconciliation>,
    pub hooks: Vec<HookCall>,
    pub migrations: Vec<Migration>,
    /// What one-off tasks printed, by the last part of their ARN.
    pub task_logs: BTreeMap<String, Vec<String>>,
    /// What a function told that nobody may know.
    pub leaks: Vec<Leak>,
    /// Versions that fail in production in a way that no check of their pipeline asks for.
    pub broken_unseen: Vec<String>,
}

/// From when to when a run lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    #[serde(with = "crate::moment")]
    pub start: SystemTime,
    #[serde(with = "crate::moment")]
    pub end: SystemTime,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    pub seconds: f64,
    pub what: String,
}

impl Default for Simulated {
    fn default() -> Simulated {
        Simulated {
            start: SystemTime::UNIX_EPOCH,
            end: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Simulated {
    /// Since the start; nothing for what was before.
    pub fn since(self, moment: SystemTime) -> Duration {
        moment.duration_since(self.start).unwrap_or_default()
    }

    /// A moment in a sentence: `1:02:03` after the start.
    pub fn clock(self, moment: SystemTime) -> String {
        let seconds = self.since(moment).as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours}:{minutes:02}:{:02}", seconds % 60)
    }
}

impl Record {
    /// The first message with this outcome.
    pub fn message(&self, outcome: &str) -> Option<&Message> {
        self.messages
            .iter()
            .find(|message| message.outcome() == outcome)
    }

    /// When something happened first.
    pub fn moment(&self, what: &str) -> Option<usize> {
        self.timeline.iter().position(|moment| moment.what == what)
    }

    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        let mut deployments = self.deployments.iter();
        deployments.find(|deployment| deployment.id == id)
    }

    /// Whether a violation is of an invariant that the scenario is excused from.
    pub fn excuses(&self, violation: &Violation) -> bool {
        let mut excuses = self.excuses.iter();
        excuses.any(|excuse| excuse.invariant == violation.invariant)
    }
}
