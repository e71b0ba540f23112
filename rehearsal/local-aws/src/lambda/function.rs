//! A function, what it is asked, and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// A function as `template.yaml` declares it, and the binary that it is.
#[derive(Debug, Clone)]
pub struct Function {
    /// Logical id in the template: `StartDeployment`.
    pub logical_id: String,
    /// Name of the binary and folder: `start-deployment`.
    pub binary_name: String,
    /// Physical name: `CodeDeployHook_greenlight_run-migration`.
    pub name: String,
    pub binary: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_megabytes: u32,
    /// Asynchronous invocations: retries after the first attempt, 0 to 2.
    pub maximum_retry_attempts: u32,
    pub maximum_event_age: Duration,
    /// Invocations at the same time at most; none: as many as the account has left.
    pub reserved_concurrency: Option<usize>,
    /// Logical id of the queue that gets what failed for good.
    pub on_failure: Option<String>,
    /// Where its lines go: `default_group` unless the template says otherwise.
    pub log_group: String,
    pub log_format: LogFormat,
}

/// How Lambda writes its own lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "Text",
            LogFormat::Json => "JSON",
        }
    }
}

/// A function's answer to one invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Response(Value),
    /// `{errorType, errorMessage}`; a time-out is `Sandbox.Timedout`, an exit `Runtime.ExitError`.
    Error {
        error_type: String,
        error_message: String,
    },
}

/// Everything that was invoked, in order.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Physical name.
    pub function: String,
    pub binary_name: String,
    pub request_id: String,
    pub payload: Value,
    pub answer: Answer,
    /// Real time, the start of a new process included.
    pub milliseconds: u64,
    /// In the function's log group; none when no process could be started.
    pub log_stream: Option<String>,
}

/// Why Lambda does not take an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// With the function's ARN, as far as it was given.
    NoSuchFunction(String),
    /// All of the reserved concurrency is in use.
    Throttled,
    /// All of the account's concurrency is in use.
    AccountThrottled,
    /// So many bytes of the invocation type, where so many are allowed.
    TooLarge {
        bytes: usize,
        invocation_type: &'static str,
        limit: usize,
    },
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::NoSuchFunction(function) => write!(f, "Function not found: {function}"),
            Refused::Throttled | Refused::AccountThrottled => write!(f, "Rate Exceeded."),
            Refused::TooLarge {
                bytes,
                invocation_type,
                limit,
            } => write!(
                f,
                "{bytes} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"
            ),
        }
    }
}

impl std::error::Error for Refused {}

/// Where a function's lines go unless the template says otherwise.
pub fn default_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}
