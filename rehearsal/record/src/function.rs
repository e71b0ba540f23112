//! Functions: their invocations and calls, what allowed those, and what they failed at for good.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub function: String,
    pub ok: bool,
    pub milliseconds: u64,
    /// `errorType: errorMessage` of one that failed.
    pub error: Option<String>,
    /// What one that did not fail answered.
    pub answer: Value,
}

/// An invocation of `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    #[serde(with = "crate::moment")]
    pub began: SystemTime,
    /// None: it still runs.
    #[serde(with = "crate::moment::optional")]
    pub ended: Option<SystemTime>,
    /// The pipeline that a person asked for, to act and not only to say.
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
    /// None: somebody else than a function called.
    pub function: Option<String>,
    pub service: String,
    pub operation: String,
    pub status: u16,
    pub error: Option<String>,
}

/// Something that no policy allows, or one denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub holder: String,
    pub action: String,
    pub resource: String,
    /// AWS's sentence.
    pub message: String,
}

/// An action that the template, or SAM, grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The function; the logical id of a role that no function has.
    pub holder: String,
    pub action: String,
    pub resources: Vec<String>,
}

/// A text of a function or a message that held a secret. The record does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// `the log of `run-migration``, `an answer of `report-outcome``
    pub place: String,
    /// The name of the variable or the member whose value it was.
    pub secret: String,
    /// What stood before it.
    pub after: String,
}
