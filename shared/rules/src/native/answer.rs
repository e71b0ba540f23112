//! What a hook returns to ECS.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gate::Verdict;

/// What a call of a hook came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The gate has its verdict.
    Decided(Verdict),
    /// It has none yet: ECS calls again.
    Running(Progress),
}

/// A gate that is at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What it waits for.
    pub reason: String,
    /// When ECS calls again.
    pub call_back: Duration,
    /// What that call is given beside what the service configures.
    pub details: Value,
}

/// A hook's answer (ECS Developer Guide, "Lambda lifecycle hooks"). A reason has no place in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Go on.
    Succeeded,
    /// Roll back.
    Failed,
    /// Call again.
    InProgress(Progress),
}

impl Answer {
    /// A word for it in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::InProgress(_) => "in progress",
        }
    }

    /// The answer as ECS reads it: the delay in whole seconds.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Succeeded => json!({"hookStatus": "SUCCEEDED"}),
            Self::Failed => json!({"hookStatus": "FAILED"}),
            Self::InProgress(progress) => json!({
                "hookStatus": "IN_PROGRESS",
                "callBackDelay": progress.call_back.as_secs().max(1),
                "hookDetails": progress.details,
            }),
        }
    }
}
