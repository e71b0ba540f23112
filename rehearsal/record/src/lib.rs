//! The record of a run: the output of `--json`, and the only input of claims, invariants, the report and the terminal.
//!
//! Plain data. The code that gathers it redacts its secrets; the code that reads it needs no other source.

mod bus_event;
mod counted;
mod decision;
mod deployment;
mod function;
mod message;
mod moment;
mod parameter;
mod pipeline;
mod service;
mod stack;
mod task;
pub mod timeline;
mod traffic;
mod verdict;
mod word;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub use bus_event::BusEvent;
pub use counted::counted;
pub use decision::Decision;
pub use deployment::{
    By, Deployment, End, Ending, Engine, HookAnswer, HookCall, LifecycleEvent, PipelineImage,
    Revision,
};
pub use function::{AwsCall, DeadLetter, Invocation, Leak, Missing, Permission, Reconciliation};
pub use message::Message;
pub use parameter::Parameter;
pub use pipeline::{Image, MigrationGate, Pipeline, Push, Request, TestTrafficGate, is_among};
pub use service::{Answered, Answerer, AtEnd, HealthChange, Listeners, TestAnswer, is_called};
pub use stack::Stack;
pub use task::{Container, ContainerEnd, Migration, Task};
pub use traffic::{Answer, Answers, NO_VERSION, Seen, Stretch};
pub use verdict::{Excuse, Invariant, Problem, Violation};

/// Everything that a run leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub scenario: String,
    /// What happens in the scenario, in one sentence.
    pub summary: String,
    /// The assumptions about AWS's unconfirmed behaviour, by the names of `--assume`.
    pub assumptions: Vec<String>,
    /// The permissions that were removed from the template, as `--without` takes them.
    pub without: Vec<String>,
    pub as_expected: bool,
    /// What the scenario expects, in one sentence each.
    pub claims: Vec<String>,
    /// Expectations that did not hold, each with what was found.
    pub problems: Vec<Problem>,
    /// Violated invariants, including those that the scenario excuses.
    pub violations: Vec<Violation>,
    /// The invariants that the scenario excuses.
    pub excuses: Vec<Excuse>,
    /// Why the scenario did not finish. Such a run is not judged.
    pub broken_off: Option<String>,
    pub deployments: Vec<Deployment>,
    /// The client's view of all production listeners together.
    pub production: Seen,
    /// The same, by service.
    pub services: BTreeMap<String, Seen>,
    /// ECS's state of each service when the run has ended.
    pub at_end: BTreeMap<String, AtEnd>,
    /// The answers of all test listeners together.
    pub test_listener: Answered,
    /// Revisions that were registered during the run.
    pub revisions: Vec<Revision>,
    /// One-off tasks, in the order in which they ended.
    pub tasks: Vec<Task>,
    pub invocations: Vec<Invocation>,
    pub dead_letters: Vec<DeadLetter>,
    pub aws_calls: Vec<AwsCall>,
    /// The permissions that calls needed, including calls by AWS services on behalf of functions and schedules.
    pub permissions_used: Vec<Permission>,
    /// The template's other permissions.
    pub permissions_unused: Vec<Permission>,
    /// Calls that were refused for lack of a permission, in order.
    pub permissions_missing: Vec<Missing>,
    pub messages: Vec<Message>,
    /// The same for programs: what was put on the stack's own event bus, in order.
    #[serde(default)]
    pub bus_events: Vec<BusEvent>,
    /// Moments that show the order of events, in seconds of simulated time since the start.
    pub timeline: Vec<Moment>,
    pub simulated_seconds: u64,
    pub real_milliseconds: u64,
    /// The beginning and the end.
    pub simulated: Simulated,
    /// All of the local AWS's timeline, including entries from before the start.
    pub events: Vec<timeline::Entry>,
    /// The answers that production's clients received, by service.
    pub answers: BTreeMap<String, Answers>,
    /// The services, in the scenario's order.
    pub listeners: Vec<Listeners>,
    /// The answers of test listeners, in order for each listener.
    pub test_answers: Vec<TestAnswer>,
    /// The responses of production listeners while a hook checked production.
    #[serde(default)]
    pub production_answers: Vec<TestAnswer>,
    /// Changes of targets' health, in order.
    pub health: Vec<HealthChange>,
    pub pipelines: Vec<Pipeline>,
    /// The images in the repositories at the end.
    pub images: Vec<Image>,
    /// The SSM parameters, in the order of their creation.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The stacks of a user's templates, in the order of their creation.
    #[serde(default)]
    pub stacks: Vec<Stack>,
    /// Every push of a tag, in order, including those before the start.
    pub pushes: Vec<Push>,
    /// In the order in which they began.
    pub reconciliations: Vec<Reconciliation>,
    pub hooks: Vec<HookCall>,
    pub migrations: Vec<Migration>,
    /// The output of one-off tasks, by the last part of their ARN.
    pub task_logs: BTreeMap<String, Vec<String>>,
    /// Secrets that functions revealed.
    pub leaks: Vec<Leak>,
    /// Versions that fail in production in a way that no check of their pipeline covers.
    pub broken_unseen: Vec<String>,
}

/// The start and end of a run, in simulated time.
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
    /// The time since the start; zero for earlier moments.
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

    /// The position of an event's first occurrence.
    pub fn moment(&self, what: &str) -> Option<usize> {
        self.timeline.iter().position(|moment| moment.what == what)
    }

    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        let mut deployments = self.deployments.iter();
        deployments.find(|deployment| deployment.is_called(id))
    }

    /// Whether a violation is of an invariant that the scenario is excused from.
    pub fn excuses(&self, violation: &Violation) -> bool {
        let mut excuses = self.excuses.iter();
        excuses.any(|excuse| excuse.invariant == violation.invariant)
    }
}
