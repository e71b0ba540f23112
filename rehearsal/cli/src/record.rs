//! The record of a run: what `--json` prints, and what expectations are checked against.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::invariants::Violation;
use crate::traffic::Seen;

/// Everything that a run leaves behind.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) scenario: String,
    /// What was assumed of AWS where its behaviour is not known, by the names of `--assume`.
    pub(crate) assumptions: Vec<String>,
    /// What was taken away of the template's permissions, as `--without` takes it.
    pub(crate) without: Vec<String>,
    pub(crate) as_expected: bool,
    /// Expectations that did not hold, each with what was found.
    pub(crate) problems: Vec<Problem>,
    /// What must hold always and did not, also where the scenario excuses it.
    pub(crate) violations: Vec<Violation>,
    pub(crate) deployments: Vec<Deployment>,
    /// What the client saw of all production listeners together.
    pub(crate) production: Seen,
    /// The same, by service.
    pub(crate) services: BTreeMap<String, Seen>,
    /// What ECS says of each service when everything has come to its end.
    pub(crate) at_end: BTreeMap<String, AtEnd>,
    /// What all test listeners together answered.
    pub(crate) test_listener: Answered,
    /// Revisions that were registered during the run.
    pub(crate) revisions: Vec<Revision>,
    /// One-off tasks, in the order in which they ended.
    pub(crate) tasks: Vec<Task>,
    pub(crate) invocations: Vec<Invocation>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) aws_calls: Vec<AwsCall>,
    /// What allowed the calls, and what services did for functions and schedules.
    pub(crate) permissions_used: Vec<Permission>,
    /// What the template grants besides.
    pub(crate) permissions_unused: Vec<Permission>,
    /// What was refused for want of a permission, in order.
    pub(crate) permissions_missing: Vec<Missing>,
    pub(crate) messages: Vec<Message>,
    /// Moments that tell in which order things happened, in seconds of simulated time since the start.
    pub(crate) timeline: Vec<Moment>,
    pub(crate) simulated_seconds: u64,
    pub(crate) real_milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) expected: String,
    pub(crate) found: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) service: String,
    /// `user` or `codeDeployRollback`.
    pub(crate) creator: String,
    pub(crate) revision: String,
    pub(crate) image_digest: Option<String>,
    pub(crate) status: String,
    /// CodeDeploy's error code and sentence.
    pub(crate) error: Option<String>,
    pub(crate) lifecycle_events: Vec<LifecycleEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LifecycleEvent {
    pub(crate) name: String,
    pub(crate) status: String,
}

/// A service at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AtEnd {
    /// The version of its PRIMARY task set, where it is one of the rehearsal's own images.
    pub(crate) version: Option<String>,
    /// Running tasks of that task set.
    pub(crate) tasks: usize,
    /// Task sets, the PRIMARY one included.
    pub(crate) task_sets: usize,
}

/// What listeners answered, as they counted it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answered {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) versions: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Revision {
    pub(crate) arn: String,
    /// The first container's image; all of them are in `images`.
    pub(crate) image: String,
    pub(crate) images: BTreeMap<String, String>,
    /// So many invocations of `start-deployment` ran when it was registered.
    pub(crate) starts_at_once: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) started_by: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) version: Option<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Invocation {
    pub(crate) function: String,
    pub(crate) ok: bool,
    pub(crate) milliseconds: u64,
    /// `errorType: errorMessage` of one that failed.
    pub(crate) error: Option<String>,
    /// What one that did not fail answered.
    pub(crate) answer: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetter {
    pub(crate) queue: String,
    pub(crate) message: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AwsCall {
    /// None: somebody else than a function called.
    pub(crate) function: Option<String>,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
}

/// Something that no policy allows, or one denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    pub(crate) holder: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    /// AWS's sentence.
    pub(crate) message: String,
}

/// An action that the template, or SAM, grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Permission {
    /// The function; the logical id of a role that no function has.
    pub(crate) holder: String,
    pub(crate) action: String,
    pub(crate) resources: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Message {
    pub(crate) subject: Option<String>,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Moment {
    pub(crate) seconds: f64,
    pub(crate) what: String,
}

impl Message {
    /// What happened, by the words of the outcome: `started`, `migration-failed`; from the body where it is JSON, else
    /// from the subject, `<pipeline>: <words> <image>`.
    pub(crate) fn outcome(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        if let Some(outcome) = body["outcome"].as_str() {
            return outcome.to_owned();
        }
        let words = ["migration failed", "test traffic failed", "rolled back"];
        let rest = self
            .subject
            .as_deref()
            .and_then(|subject| subject.split_once(": "))
            .map_or("", |(_, rest)| rest);
        let known = words
            .iter()
            .find(|words| rest.starts_with(**words))
            .copied();
        known
            .unwrap_or_else(|| rest.split(' ').next().unwrap_or(rest))
            .replace(' ', "-")
    }
}

impl Record {
    /// The first message with this outcome.
    pub(crate) fn message(&self, outcome: &str) -> Option<&Message> {
        self.messages
            .iter()
            .find(|message| message.outcome() == outcome)
    }

    /// When something happened first.
    pub(crate) fn moment(&self, what: &str) -> Option<usize> {
        self.timeline.iter().position(|moment| moment.what == what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_outcome_is_read_from_both_formats() {
        for (subject, body, expected) in [
            (
                "shop-web: started shop/web:latest",
                "shop/web:latest is being deployed",
                "started",
            ),
            (
                "shop-web: migration failed shop/web:latest",
                "",
                "migration-failed",
            ),
            ("shop-web: rolled back shop/web", "", "rolled-back"),
            ("shop-web: shipped", "", "shipped"),
            (
                "x",
                r#"{"outcome": "test-traffic-failed"}"#,
                "test-traffic-failed",
            ),
            ("x", "", ""),
        ] {
            let message = Message {
                subject: Some(subject.to_owned()),
                body: body.to_owned(),
            };
            assert_eq!(message.outcome(), expected, "{subject}");
        }
    }
}
