//! The content of the report: plain data, in seconds of simulated time since the start. It contains no secrets.

use record::Decision;

use crate::line::Tone;

/// Everything on the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) scenario: String,
    /// The scenario in one sentence.
    pub(crate) summary: String,
    pub(crate) assumptions: Vec<String>,
    pub(crate) claims: Vec<Claim>,
    /// Why the scenario did not finish; `None` if it did.
    pub(crate) broken_off: Option<String>,
    pub(crate) simulated_seconds: f64,
    pub(crate) real_milliseconds: u64,
    pub(crate) skips: Vec<Span>,
    pub(crate) pushes: Vec<Mark>,
    pub(crate) alarms: Vec<Mark>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) services: Vec<Service>,
    pub(crate) migrations: Vec<OneOffTask>,
    pub(crate) functions: Vec<Function>,
    /// Calls by callers other than functions.
    pub(crate) other_calls: Vec<Call>,
    pub(crate) messages: Vec<Message>,
    /// Queue, and its letter as indented JSON.
    pub(crate) dead_letters: Vec<(String, String)>,
    pub(crate) revisions: Vec<Revision>,
    pub(crate) words: Vec<Sentence>,
}

/// A claim of the scenario, with the finding if it does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) found: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// A moment with a name.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) rolls_back: bool,
    /// Whether ECS ends it early, or returns to blue within it.
    pub(crate) goes_back: bool,
    /// `shop-web:2`
    pub(crate) revision: String,
    pub(crate) version: Option<String>,
    pub(crate) config: String,
    pub(crate) created: f64,
    /// `None` if it was still running when the rehearsal ended.
    pub(crate) ended: Option<f64>,
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    pub(crate) events: Vec<LifecycleEvent>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct LifecycleEvent {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) message: Option<String>,
    pub(crate) began: f64,
    pub(crate) ended: Option<f64>,
    /// Whether it is a stage of a rollback by ECS.
    pub(crate) rolls_back: bool,
    /// The functions that were called, each with its last answer; a pause is a hook without a function.
    pub(crate) hooks: Vec<Hook>,
}

/// A function that was called, or a pause.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hook {
    pub(crate) function: String,
    pub(crate) called: f64,
    /// ECS calls again after `IN_PROGRESS`.
    pub(crate) calls: usize,
    pub(crate) answer: Option<Answer>,
}

/// The last answer to a hook, and who gave it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) at: f64,
    pub(crate) status: String,
    pub(crate) by: String,
}

/// A service with its two listeners and its tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) production: Listener,
    /// `None` if it has no test listener.
    pub(crate) test: Option<Listener>,
    pub(crate) tasks: Vec<Task>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Listener {
    pub(crate) weights: Vec<Weights>,
    pub(crate) requests: Vec<Request>,
}

/// From this moment on, a listener has these weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights {
    pub(crate) at: f64,
    /// (version, or the task set if its version is unknown, and percentage) of every task set.
    pub(crate) shares: Vec<(String, u32)>,
}

/// One real request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) at: f64,
    pub(crate) version: String,
    /// The failure; `None` if the answer was successful.
    pub(crate) failure: Option<String>,
}

/// A task of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    pub(crate) version: Option<String>,
    pub(crate) began: f64,
    pub(crate) ended: Option<f64>,
    /// How it failed, if it did.
    pub(crate) failure: Option<String>,
}

/// A one-off task: a migration.
#[derive(Debug, Clone, Default)]
pub(crate) struct OneOffTask {
    pub(crate) id: String,
    pub(crate) command: String,
    pub(crate) started_by: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) began: f64,
    pub(crate) ended: Option<f64>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
    pub(crate) log: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) invocations: Vec<Invocation>,
    pub(crate) calls: Vec<Call>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    pub(crate) began: f64,
    /// `None` if it was still running when the rehearsal ended.
    pub(crate) milliseconds: Option<u64>,
    pub(crate) error: Option<String>,
    pub(crate) decisions: Vec<Decision>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) at: f64,
    /// As in policies: `ecs:RunTask`.
    pub(crate) action: String,
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) at: f64,
    pub(crate) topic: String,
    pub(crate) subject: Option<String>,
    pub(crate) body: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Revision {
    pub(crate) name: String,
    /// (container, image)
    pub(crate) images: Vec<(String, String)>,
}

/// A line of the progress, as the terminal shows it.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) at: f64,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// The verdict at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    AsExpected,
    NotAsExpected,
    BrokenOff,
}

impl Story {
    pub(crate) fn verdict(&self) -> Verdict {
        if self.broken_off.is_some() {
            Verdict::BrokenOff
        } else if self.claims.iter().any(|claim| claim.found.is_some()) {
            Verdict::NotAsExpected
        } else {
            Verdict::AsExpected
        }
    }

    /// (requests, failed) of production.
    pub(crate) fn production(&self) -> (usize, usize) {
        let count = |service: &Service| service.production.count();
        let counts = self.services.iter().map(count);
        counts.fold((0, 0), |sum, (requests, failed)| {
            (sum.0 + requests, sum.1 + failed)
        })
    }

    /// Every version, by first appearance: first in answered requests, then in tasks.
    pub(crate) fn versions(&self) -> Vec<String> {
        let mut versions: Vec<String> = Vec::new();
        let answered = self
            .services
            .iter()
            .flat_map(|service| service.production.requests.iter())
            .map(|request| request.version.clone());
        let ran = self
            .services
            .iter()
            .flat_map(|service| service.tasks.iter())
            .filter_map(|task| task.version.clone());
        let shipped = self
            .deployments
            .iter()
            .filter_map(|deployment| deployment.version.clone());
        for version in answered.chain(ran).chain(shipped) {
            if version != record::NO_VERSION && !versions.contains(&version) {
                versions.push(version);
            }
        }
        versions
    }
}

impl Listener {
    /// (requests, failed)
    pub(crate) fn count(&self) -> (usize, usize) {
        let failed = |request: &&Request| request.failure.is_some();
        (
            self.requests.len(),
            self.requests.iter().filter(failed).count(),
        )
    }
}

impl Deployment {
    /// The lifecycle event at which it failed.
    pub(crate) fn failed_at(&self) -> Option<&LifecycleEvent> {
        self.events.iter().find(|event| event.status == "Failed")
    }
}
