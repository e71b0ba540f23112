//! What can happen to a push, by name.

use super::Verdict;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A deployment began.
    Started,
    /// An image waits behind another deployment.
    Waiting,
    /// Nothing is started for an order, for a reason that the pipeline's rules give.
    Skipped,
    /// Nothing can be started for an order: what AWS has does not fit the configuration, or AWS refused a call.
    Refused,
    /// A deployment would be started, and the stack only observes.
    Observed,
    /// The parameter that says what serves production could not be written.
    ParameterNotWritten,
    /// A deployment waits for a person.
    Ready,
    /// A deployment that nothing would roll back has not ended within its time.
    Overdue,
    /// The migration gate failed.
    MigrationFailed,
    /// The test traffic gate failed.
    TestTrafficFailed,
    /// The production traffic gate failed.
    ProductionTrafficFailed,
    /// Production runs the image.
    Shipped,
    /// A deployment ended badly.
    Failed,
    /// A deployment was stopped.
    Stopped,
    /// Production is back on what it ran before.
    RolledBack,
}

impl Event {
    /// What it means for the image unless more is known.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Started
            | Self::Waiting
            | Self::Observed
            | Self::ParameterNotWritten
            | Self::Ready
            | Self::Overdue => Verdict::Pending,
            Self::Shipped => Verdict::Success,
            Self::Skipped
            | Self::Refused
            | Self::MigrationFailed
            | Self::TestTrafficFailed
            | Self::ProductionTrafficFailed
            | Self::Failed
            | Self::Stopped
            | Self::RolledBack => Verdict::Failure,
        }
    }

    /// The stable code for programs and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Observed => "observed",
            Self::ParameterNotWritten => "parameter-not-written",
            Self::Ready => "ready",
            Self::Overdue => "overdue",
            Self::MigrationFailed => "migration-failed",
            Self::TestTrafficFailed => "test-traffic-failed",
            Self::ProductionTrafficFailed => "production-traffic-failed",
            Self::Shipped => "shipped",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled-back",
        }
    }

    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Observed => "observed",
            Self::ParameterNotWritten => "parameter not written",
            Self::Ready => "ready",
            Self::Overdue => "overdue",
            Self::MigrationFailed => "migration failed",
            Self::TestTrafficFailed => "test traffic failed",
            Self::ProductionTrafficFailed => "production traffic failed",
            Self::Shipped => "shipped",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled back",
        }
    }
}
