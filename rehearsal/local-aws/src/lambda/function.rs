//! A function, its invocations and its answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// A function as `template.yaml` declares it, and its binary.
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
    /// The reserved concurrency; `None`: limited only by the account's.
    pub reserved_concurrency: Option<usize>,
    /// Logical id of the queue for events that failed permanently.
    pub on_failure: Option<String>,
    /// Its log group: `default_group` unless the template sets another.
    pub log_group: String,
    pub log_format: LogFormat,
}

/// The format of Lambda's own lines.
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
    /// `{errorType, errorMessage}`; a timeout is `Sandbox.Timedout`, an exit `Runtime.ExitError`.
    Error {
        error_type: String,
        error_message: String,
    },
}

/// A completed invocation.
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
    /// The stream in the function's log group; `None` if no process could be started.
    pub log_stream: Option<String>,
}

/// Why Lambda refuses an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// With the function's ARN, as given.
    NoSuchFunction(String),
    /// All of the reserved concurrency is in use.
    Throttled,
    /// All of the account's concurrency is in use.
    AccountThrottled,
    /// The payload's size, and the limit of the invocation type.
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

/// A function's default log group.
pub fn default_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}
