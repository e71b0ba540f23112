//! Service deployments, as ECS describes them.

use time::UtcDateTime;

use super::fit::GateFunctions;
use super::hook::Hook;
use super::stage::Stage;
use crate::names::{ServiceDeploymentArn, ServiceRevisionArn};

/// A service deployment (DescribeServiceDeployments).
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: ServiceDeploymentArn,
    /// How far it is.
    pub status: Status,
    /// Why, in a sentence of AWS's, redacted.
    pub status_reason: Option<String>,
    /// The lifecycle stage; none in a rolling update, and where ECS states none.
    pub stage: Option<Stage>,
    /// What ran when it began: blue. Empty in a service's first deployment.
    pub sources: Vec<DeployedRevision>,
    /// What it deploys: green. None where ECS states none.
    pub target: Option<DeployedRevision>,
    /// The way back, where it took one: it stays the same deployment.
    pub rollback: Option<Rollback>,
    /// The lifecycle hooks of the service as it began.
    pub hooks: Vec<Hook>,
    /// What the circuit breaker counts; none where ECS states nothing.
    pub breaker: Option<BreakerState>,
    /// What the alarms say; none where ECS states nothing.
    pub alarms: Option<TriggeredAlarms>,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// When it left `PENDING`.
    pub started_at: Option<UtcDateTime>,
    /// When it ended.
    pub finished_at: Option<UtcDateTime>,
    /// When it was stopped.
    pub stopped_at: Option<UtcDateTime>,
    /// When it changed last.
    pub updated_at: Option<UtcDateTime>,
}

impl ServiceDeployment {
    /// Whether a hook of it calls one of the stack's gates: the stack was there when the deployment began. A service may be created with
    /// hooks before they are, so that of its first deployment nothing is known.
    pub fn calls(&self, gates: &GateFunctions) -> bool {
        let mut hooks = self.hooks.iter();
        !self.sources.is_empty() && hooks.any(|hook| gates.has(&hook.target))
    }

    /// When it ended, by whichever of its times says so.
    pub fn ended_at(&self) -> Option<UtcDateTime> {
        let at = self.finished_at.or(self.stopped_at).or(self.updated_at);
        at.filter(|_| self.status.has_ended())
    }
}

/// A service deployment as ListServiceDeployments names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its ARN.
    pub arn: ServiceDeploymentArn,
    /// What it deploys; none where ECS states none.
    pub target: Option<ServiceRevisionArn>,
    /// How far it is.
    pub status: Status,
    /// When it was created.
    pub created_at: UtcDateTime,
}

/// A service revision in a deployment, as it was when that was described.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedRevision {
    /// The revision.
    pub arn: ServiceRevisionArn,
    /// Tasks that it should have.
    pub requested_count: i32,
    /// Tasks that run.
    pub running_count: i32,
    /// Its share of test traffic, in percent; none where ECS states none.
    pub test_weight: Option<f64>,
    /// Its share of production traffic, in percent; none where ECS states none.
    pub production_weight: Option<f64>,
}

/// The way back of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// Why, in a sentence of AWS's, redacted.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Option<UtcDateTime>,
    /// What it goes back to: the last revision that was deployed successfully.
    pub revision: Option<ServiceRevisionArn>,
}

/// The circuit breaker in a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerState {
    /// `DISABLED`, `MONITORING`, `MONITORING_COMPLETE`, `TRIGGERED`.
    pub status: String,
    /// Failed tasks so far.
    pub failure_count: i32,
    /// How many it takes to trigger it.
    pub threshold: i32,
}

/// The alarms in a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggeredAlarms {
    /// `DISABLED`, `MONITORING`, `MONITORING_COMPLETE`, `TRIGGERED`.
    pub status: String,
    /// The names of those that triggered.
    pub triggered: Vec<String>,
}

/// What a monitor's status is when it ended the deployment.
const TRIGGERED: &str = "TRIGGERED";

impl ServiceDeployment {
    /// Whether the circuit breaker or an alarm ended it, with or without a rollback.
    pub fn was_triggered(&self) -> bool {
        let breaker = self.breaker.as_ref();
        let alarms = self.alarms.as_ref();
        breaker.is_some_and(|breaker| breaker.status == TRIGGERED)
            || alarms.is_some_and(|alarms| alarms.status == TRIGGERED)
    }
}

/// A service deployment's status, in AWS's words (ECS Developer Guide, "View service history"). There is no state of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Ended well. With early success criteria old tasks may still run.
    Successful,
    /// Being stopped: a newer one was started, or the circuit breaker or an alarm fired without rollback.
    StopRequested,
    /// Stopped, for one of these reasons.
    Stopped,
    /// A person or program asked for a rollback, which may come too late.
    RollbackRequested,
    /// It goes back to what ran before.
    RollbackInProgress,
    /// What ran before runs again.
    RollbackSuccessful,
    /// The way back failed.
    RollbackFailed,
    /// One that this build does not know: under way.
    Unknown(String),
}

impl Status {
    /// The status that AWS writes so.
    pub fn of(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOP_REQUESTED" => Self::StopRequested,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The status as AWS writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Unknown(text) => text,
        }
    }

    /// Whether nothing more happens to the deployment. A state that is not known has not ended: starting another deployment beside
    /// one that runs costs more than waiting for it.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed => {
                true
            }
            Self::Pending
            | Self::InProgress
            | Self::StopRequested
            | Self::RollbackRequested
            | Self::RollbackInProgress
            | Self::Unknown(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_and_only_four_have_ended() {
        let table = [
            ("PENDING", false),
            ("IN_PROGRESS", false),
            ("SUCCESSFUL", true),
            ("STOP_REQUESTED", false),
            ("STOPPED", true),
            ("ROLLBACK_REQUESTED", false),
            ("ROLLBACK_IN_PROGRESS", false),
            ("ROLLBACK_SUCCESSFUL", true),
            ("ROLLBACK_FAILED", true),
            ("HIBERNATING", false),
        ];
        for (text, has_ended) in table {
            let status = Status::of(text);
            assert_eq!(status.as_str(), text);
            assert_eq!(status.has_ended(), has_ended, "{text}");
            let is_known = text != "HIBERNATING";
            assert_eq!(!matches!(status, Status::Unknown(_)), is_known, "{text}");
        }
    }
}
