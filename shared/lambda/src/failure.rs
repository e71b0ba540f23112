//! Why an invocation failed, by a name for alarms and in a sentence for people.

use std::fmt;

use aws::observe::ObserveFailed;
use aws::{CallFailed, Kind};
use lambda_runtime::Diagnostic;
use rules::events::UnreadableEvent;
use rules::problem::Problems;

/// An invocation that failed. Lambda delivers the event again, and keeps it in the dead-letter queue at the end.
#[derive(thiserror::Error)]
pub enum Failure {
    /// The event cannot be read.
    #[error(transparent)]
    UnreadableEvent(#[from] UnreadableEvent),
    /// The environment or the configuration file is wrong.
    #[error("the configuration is wrong\n{0}")]
    BadConfiguration(Problems),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] CallFailed),
    /// What AWS has does not allow what was requested.
    #[error("{0}")]
    Refused(String),
    /// AWS's record is older than the event, which has to come again.
    #[error("{0}")]
    NotYet(String),
    /// Our own code panicked.
    #[error("the function panicked: {0} (hint: report this with the log)")]
    Panicked(String),
    /// Lambda's time limit was near.
    #[error("no result within {seconds} seconds{}", before(.last.as_deref()))]
    OutOfTime {
        /// The time that it had.
        seconds: u64,
        /// What failed last, and was being tried again.
        last: Option<Box<Failure>>,
    },
    /// An invocation's time was over before this was done.
    #[error("not done before the invocation's time was over; the event is delivered again")]
    Unfinished,
    /// Some of the pipelines of one event failed; the others went on.
    #[error("{}", joined(.0))]
    Pipelines(Vec<(String, Failure)>),
}

fn before(last: Option<&Failure>) -> String {
    match last {
        Some(failure) => format!("; what failed before, and was tried again: {failure}"),
        None => " (hint: give the function more time, or find out what it waited for in its log)"
            .to_owned(),
    }
}

/// How many of an event's failures are written out: the dead-letter queue takes a limited size, and one image may
/// concern hundreds of pipelines. The log has all of them.
const WRITTEN_OUT_AT_MOST: usize = 10;

fn joined(failures: &[(String, Failure)]) -> String {
    // Unfinished pipelines explain nothing, so they come last.
    let (unfinished, failed): (Vec<_>, Vec<_>) = failures
        .iter()
        .partition(|(_, failure)| matches!(failure, Failure::Unfinished));
    let mut lines: Vec<String> = failed
        .into_iter()
        .chain(unfinished)
        .take(WRITTEN_OUT_AT_MOST)
        .map(|(pipeline, failure)| format!("pipeline `{pipeline}`: {failure:?}"))
        .collect();
    if let more @ 1.. = failures.len().saturating_sub(WRITTEN_OUT_AT_MOST) {
        lines.push(format!("and {more} more pipelines"));
    }
    lines.join("\n")
}

impl Failure {
    /// Whether the same work may succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Aws(failed) if failed.is_transient())
    }

    /// Whether an earlier call of the same may not have met it: AWS gave no answer, or time was short.
    pub(crate) fn may_be_new(&self) -> bool {
        !self.is_refusal() && !matches!(self, Self::BadConfiguration(_))
    }

    /// Whether something has to be corrected before the same work can succeed: what AWS has does not fit the configuration,
    /// or AWS refuses a call for good.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Aws(failed) => {
                matches!(failed.kind, Kind::Denied | Kind::NotFound | Kind::Invalid)
            }
            Self::UnreadableEvent(_)
            | Self::BadConfiguration(_)
            | Self::NotYet(_)
            | Self::Panicked(_)
            | Self::OutOfTime { .. }
            | Self::Unfinished
            | Self::Pipelines(_) => false,
        }
    }

    /// The documented name, listed in docs/reference.md for alarms.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::UnreadableEvent(_) => "UnreadableEvent",
            Self::BadConfiguration(_) => "BadConfiguration",
            Self::Aws(failed) => match failed.kind {
                Kind::Throttled => "AwsThrottled",
                Kind::Denied => "AwsDenied",
                Kind::NotFound => "AwsNotFound",
                Kind::Conflict => "AwsConflict",
                Kind::LimitExceeded => "AwsLimitExceeded",
                Kind::Invalid => "AwsInvalid",
                Kind::Unavailable => "AwsUnavailable",
                Kind::Unexpected => "AwsUnexpected",
            },
            Self::Refused(_) => "Refused",
            Self::NotYet(_) => "NotYet",
            Self::Panicked(_) => "Panicked",
            Self::OutOfTime { .. } => "OutOfTime",
            Self::Unfinished => "Unfinished",
            Self::Pipelines(failures) => failures
                .iter()
                .find(|(_, failure)| !matches!(failure, Self::Unfinished))
                .or(failures.first())
                .map_or("Refused", |(_, failure)| failure.error_type()),
        }
    }
}

/// The runtime logs a failed invocation by its `Debug`: so that is the name and the sentence, on one line, once.
impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {self}", self.error_type())
    }
}

impl From<ObserveFailed> for Failure {
    fn from(failed: ObserveFailed) -> Self {
        match failed {
            ObserveFailed::Aws(failed) => Self::Aws(failed),
            ObserveFailed::Mismatch(mismatch) => Self::Refused(mismatch.to_string()),
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.error_type().to_owned(),
            error_message: failure.to_string(),
        }
    }
}
