//! Functions: their invocations and calls, the permissions that allowed them, and their failures.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub function: String,
    pub ok: bool,
    pub milliseconds: u64,
    /// `errorType: errorMessage` of a failed invocation.
    pub error: Option<String>,
    /// The answer of a successful invocation.
    pub answer: Value,
}

/// An invocation of `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    #[serde(with = "crate::moment")]
    pub began: SystemTime,
    /// `None` while it runs.
    #[serde(with = "crate::moment::optional")]
    pub ended: Option<SystemTime>,
    /// The pipeline that a person requested, unless the request was a dry run.
    pub asked: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub queue: String,
    pub message: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsCall {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    /// `None` if the caller was not a function.
    pub function: Option<String>,
    pub service: String,
    pub operation: String,
    pub status: u16,
    pub error: Option<String>,
}

/// A call that no policy allows, or that a policy denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub holder: String,
    pub action: String,
    pub resource: String,
    /// AWS's error message.
    pub message: String,
}

/// An action that the template, or SAM, grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The function, or the logical id of a role that belongs to no function.
    pub holder: String,
    pub action: String,
    pub resources: Vec<String>,
}

/// A log, answer or message that contained a secret. The record does not contain the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// `the log of `run-migration``, `an answer of `report-outcome``
    pub place: String,
    /// The name of the variable or member that holds the secret.
    pub secret: String,
    /// The text before the secret.
    pub after: String,
}
