//! The target of a deployment, with its lifecycle events.

use time::UtcDateTime;

/// The one target of an ECS deployment (GetDeploymentTarget).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentTarget {
    /// Lifecycle events in order.
    pub lifecycle_events: Vec<LifecycleEvent>,
}

/// One lifecycle event of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// `BeforeInstall`, `Install`, …
    pub name: String,
    /// How far it is.
    pub status: LifecycleEventStatus,
    /// When it began.
    pub started_at: Option<UtcDateTime>,
    /// When it ended.
    pub ended_at: Option<UtcDateTime>,
    /// CodeDeploy's sentence about a failure.
    pub message: Option<String>,
}

/// A lifecycle event's status, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleEventStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Not run, because something before it failed.
    Skipped,
    /// Unknown to CodeDeploy, or newer than this build.
    Unknown,
}

impl LifecycleEventStatus {
    /// The status as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::Unknown => "Unknown",
        }
    }
}
