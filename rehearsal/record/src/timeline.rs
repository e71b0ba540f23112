//! The timeline: everything that happened in a run, in order. The local AWS writes it; nothing acts on it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::word::Word;

/// An event, and its simulated moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub event: Event,
}

/// In JSON, `kind` and the fields of that kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    ImagePushed {
        repository: String,
        digest: String,
        tag: Option<String>,
    },
    RevisionRegistered {
        arn: String,
        /// (container, image) of every container.
        images: Vec<(String, String)>,
    },
    /// A deployment of CodeDeploy's, or a service deployment, by its ARN. The latter has no application and no group.
    DeploymentCreated {
        deployment: String,
        application: String,
        deployment_group: String,
        service: String,
        /// CodeDeploy's deployment configuration, or the strategy that ECS deploys by.
        deployment_config: String,
        /// `user` or `codeDeployRollback`.
        creator: String,
        revision: String,
        /// The version of the revision, if it runs one of the rehearsal's images.
        version: Option<String>,
    },
    DeploymentStatus {
        deployment: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        status: Word,
        /// CodeDeploy's error code and message; a service deployment's status and its reason.
        error: Option<(String, String)>,
    },
    /// A lifecycle event, or a lifecycle stage.
    LifecycleEvent {
        deployment: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        name: Word,
        #[serde(deserialize_with = "crate::word::deserialize")]
        status: Word,
        message: Option<String>,
    },
    HookCalled {
        deployment: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        lifecycle_event: Word,
        function: String,
    },
    HookAnswered {
        deployment: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        lifecycle_event: Word,
        status: String,
        /// The binary name of the function that answered; `None` if the caller was not a function.
        function: Option<String>,
        /// The service's desired count at that moment.
        wanted: Option<u32>,
    },
    /// A pause hook waits for a person, or its wait is over: `AWAITING_ACTION`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    Pause {
        deployment: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        lifecycle_event: Word,
        /// `ecs-pause-…`
        hook: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        status: Word,
    },
    /// A listener's weights change.
    Weights {
        cluster: String,
        service: String,
        listener: ListenerKind,
        weights: Vec<Weight>,
    },
    TaskStarted {
        task: String,
        purpose: Purpose,
        version: Option<String>,
    },
    /// A container counts as running and no process runs, where that keeps its task from serving or from ending.
    NothingRuns {
        task: String,
        purpose: Purpose,
        container: String,
        image: String,
        /// Why none runs.
        reason: String,
    },
    /// A program of the user's failed in a task.
    ProgramFailed {
        task: String,
        purpose: Purpose,
        container: String,
        version: Option<String>,
        reason: String,
        /// What it printed last.
        lines: Vec<String>,
    },
    TaskStopped {
        task: String,
        purpose: Purpose,
        version: Option<String>,
        exit_code: Option<i32>,
        #[serde(deserialize_with = "crate::word::optional")]
        stop_code: Option<Word>,
        reason: Option<String>,
    },
    /// A CloudWatch alarm was set to `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    AlarmState {
        alarm: String,
        #[serde(deserialize_with = "crate::word::deserialize")]
        state: Word,
        reason: String,
    },
    MessagePublished {
        topic: String,
        subject: Option<String>,
        body: String,
    },
    /// AWS answered a call with an error.
    CallRefused {
        function: Option<String>,
        operation: String,
        code: String,
        message: String,
    },
    /// An injected fault met a function's call.
    FaultInjected {
        function: String,
        operation: String,
        /// The fault, in the notation of `--fault`.
        #[serde(deserialize_with = "crate::word::deserialize")]
        fault: Word,
    },
    TimeSkipped {
        #[serde(with = "crate::moment")]
        from: SystemTime,
        #[serde(with = "crate::moment")]
        to: SystemTime,
    },
    /// An event arrived that no service of AWS emitted: a custom one.
    EventArrived {
        source: String,
        detail_type: String,
        /// The names of the rules that match it.
        rules: Vec<String>,
    },
    FunctionInvoked {
        function: String,
        request_id: String,
    },
    FunctionEnded {
        function: String,
        request_id: String,
        /// The error; `None` if the invocation succeeded.
        error: Option<String>,
        /// What its answer says that it decided.
        #[serde(default)]
        decisions: Vec<Decision>,
        milliseconds: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    Production,
    Test,
}

/// A task set's share of a listener's traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// `Blue` or `Green`, as CodeDeploy labels them in the deployment that shifts.
    #[serde(deserialize_with = "crate::word::deserialize")]
    pub task_set: Word,
    /// The version of the task set, if it runs one of the rehearsal's images.
    pub version: Option<String>,
    pub percent: u32,
}

/// The purpose of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A task of this service.
    Service(String),
    /// A task of RunTask: its `startedBy`, and its overriding command without possible secrets.
    Once {
        started_by: Option<String>,
        command: Vec<String>,
    },
}

impl Event {
    /// The same event with its free text passed through `redact`, because free text can contain secrets.
    #[must_use]
    pub fn redacted(mut self, redact: impl Fn(&str) -> String) -> Event {
        let each = |text: &mut String| *text = redact(text);
        match &mut self {
            Event::DeploymentStatus {
                error: Some((_, message)),
                ..
            } => each(message),
            Event::LifecycleEvent { message, .. } => message.iter_mut().for_each(each),
            Event::TaskStarted { purpose, .. } | Event::NothingRuns { purpose, .. } => {
                purpose.texts().for_each(each);
            }
            Event::ProgramFailed {
                purpose,
                reason,
                lines,
                ..
            } => purpose.texts().chain([reason]).chain(lines).for_each(each),
            Event::TaskStopped {
                purpose, reason, ..
            } => purpose.texts().chain(reason).for_each(each),
            Event::AlarmState { reason, .. } => each(reason),
            Event::MessagePublished { subject, body, .. } => {
                subject.iter_mut().chain([body]).for_each(each);
            }
            Event::CallRefused { message, .. } => each(message),
            Event::FunctionEnded {
                error, decisions, ..
            } => {
                let reasons = decisions.iter_mut().filter_map(|one| one.reason.as_mut());
                error.iter_mut().chain(reasons).for_each(each);
            }
            Event::ImagePushed { .. }
            | Event::RevisionRegistered { .. }
            | Event::DeploymentCreated { .. }
            | Event::DeploymentStatus { error: None, .. }
            | Event::HookCalled { .. }
            | Event::HookAnswered { .. }
            | Event::Pause { .. }
            | Event::Weights { .. }
            | Event::FaultInjected { .. }
            | Event::TimeSkipped { .. }
            | Event::EventArrived { .. }
            | Event::FunctionInvoked { .. } => {}
        }
        self
    }
}

impl Purpose {
    /// The event's free text.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        match self {
            Purpose::Service(_) => [].iter_mut(),
            Purpose::Once { command, .. } => command.iter_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_is_redacted_and_names_are_not() {
        let stopped = |text: &str| Event::TaskStopped {
            task: "arn:secret".to_owned(),
            purpose: Purpose::Once {
                started_by: None,
                command: vec!["migrate".to_owned(), text.to_owned()],
            },
            version: None,
            exit_code: Some(1),
            stop_code: Some("EssentialContainerExited"),
            reason: Some(text.to_owned()),
        };
        let ended = |text: &str| Event::FunctionEnded {
            function: "start-deployment".to_owned(),
            request_id: "secret".to_owned(),
            error: Some(text.to_owned()),
            decisions: vec![Decision {
                pipeline: Some("secret".to_owned()),
                decision: "refused".to_owned(),
                reason: Some(text.to_owned()),
            }],
            milliseconds: 1,
        };
        let redact = |text: &str| text.replace("secret", "…");
        assert_eq!(stopped("a secret").redacted(redact), stopped("a …"));
        assert_eq!(ended("a secret").redacted(redact), ended("a …"));
    }

    #[test]
    fn an_entry_that_is_read_back_is_the_one_that_was_written() {
        let entries = [
            Event::LifecycleEvent {
                deployment: "d-1".to_owned(),
                name: "AfterInstall",
                status: "Failed",
                message: None,
            },
            Event::TimeSkipped {
                from: SystemTime::UNIX_EPOCH,
                to: SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(1_000_000_007),
            },
        ]
        .map(|event| Entry {
            at: SystemTime::UNIX_EPOCH,
            event,
        });
        let json = serde_json::to_string(&entries).unwrap();
        let expected =
            r#"{"at":"1970-01-01T00:00:00Z","event":{"kind":"lifecycle_event","deployment":"d-1","#;
        assert!(json.contains(expected), "{json}");
        assert!(json.contains("1970-01-01T00:00:01.000000007Z"), "{json}");
        let read: Vec<Entry> = serde_json::from_str(&json).unwrap();
        assert_eq!(read, entries);
    }
}
