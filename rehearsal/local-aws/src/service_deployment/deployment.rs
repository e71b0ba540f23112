//! Service deployments: plain data, with everything that happened in them.

use std::time::SystemTime;

use serde_json::Value;

use super::configuration::DeploymentConfiguration;
use super::failures::Failures;
use super::lifecycle_hook::HookAction;
use super::revision::{ServiceRevision, revision_arn};
use super::share::Share;
use super::stage::Stage;
use super::status::{Status, StopRequest};
use crate::identity::arn;

/// The state of all service deployments and service revisions, each in order of creation.
#[derive(Default)]
pub struct State {
    pub deployments: Vec<ServiceDeployment>,
    pub revisions: Vec<ServiceRevision>,
}

/// A service deployment. A rollback is part of it.
#[derive(Debug, Clone)]
pub struct ServiceDeployment {
    pub arn: String,
    pub cluster: String,
    pub service: String,
    pub status: Status,
    pub status_reason: Option<String>,
    /// The stage that it is in, of a strategy that has stages.
    pub stage: Option<Stage>,
    pub created_at: SystemTime,
    /// From when ListServiceDeployments returns it, a moment after UpdateService has answered.
    pub visible_from: SystemTime,
    pub started_at: Option<SystemTime>,
    pub finished_at: Option<SystemTime>,
    pub stopped_at: Option<SystemTime>,
    pub updated_at: SystemTime,
    /// The digits of the revisions that were active at its start.
    pub sources: Vec<String>,
    /// The digits of the revision that it deploys.
    pub target: String,
    /// The digits of the revision that a rollback returns to; known once it is in progress.
    pub candidate: Option<String>,
    pub configuration: DeploymentConfiguration,
    /// The target's shares of test and of production traffic.
    pub test_share: Share,
    pub production_share: Share,
    pub rollback: Option<Rollback>,
    pub failures: Failures,
    /// `threshold`; 0 without a circuit breaker.
    pub threshold: u32,
    pub breaker: Monitor,
    pub alarms: Monitor,
    pub triggered_alarms: Vec<String>,
    pub stages: Vec<StageRecord>,
    pub hooks: Vec<HookRecord>,
    pub stop: Option<StopRequest>,
}

/// `rollback` of a service deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    pub reason: String,
    pub started_at: SystemTime,
    /// The digits of the revision that it returns to.
    pub to: String,
}

/// `status` of the circuit breaker and of the alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Monitor {
    Disabled,
    Monitoring,
    MonitoringComplete,
    Triggered,
}

impl Monitor {
    pub fn as_str(self) -> &'static str {
        match self {
            Monitor::Disabled => "DISABLED",
            Monitor::Monitoring => "MONITORING",
            Monitor::MonitoringComplete => "MONITORING_COMPLETE",
            Monitor::Triggered => "TRIGGERED",
        }
    }
}

/// A stage that the deployment was in, again during a rollback and with every step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    pub stage: Stage,
    pub is_rollback: bool,
    pub began_at: SystemTime,
    pub ended_at: Option<SystemTime>,
}

/// A hook that was due, and its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct HookRecord {
    /// `ecs-pause-…` or `ecs-lambda-…`.
    pub id: String,
    /// `AWS_LAMBDA` or `PAUSE`.
    pub kind: &'static str,
    /// The function's ARN.
    pub target_arn: Option<String>,
    pub stage: Stage,
    /// It was due in a rollback.
    pub is_rollback: bool,
    pub status: HookStatus,
    pub due_at: SystemTime,
    pub expires_at: SystemTime,
    pub on_timeout: HookAction,
    /// The answer of ContinueServiceDeployment.
    pub action: Option<HookAction>,
    pub calls: Vec<HookCallRecord>,
}

/// One call of a Lambda hook.
#[derive(Debug, Clone, PartialEq)]
pub struct HookCallRecord {
    pub at: SystemTime,
    pub answered_at: SystemTime,
    pub payload: Value,
    /// The response, or why there is none that can be read.
    pub outcome: Result<Value, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl HookStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            HookStatus::AwaitingAction => "AWAITING_ACTION",
            HookStatus::InProgress => "IN_PROGRESS",
            HookStatus::Succeeded => "SUCCEEDED",
            HookStatus::Failed => "FAILED",
            HookStatus::TimedOut => "TIMED_OUT",
        }
    }

    pub fn is_active(self) -> bool {
        match self {
            HookStatus::AwaitingAction | HookStatus::InProgress => true,
            HookStatus::Succeeded | HookStatus::Failed | HookStatus::TimedOut => false,
        }
    }
}

impl ServiceDeployment {
    pub fn service_arn(&self) -> String {
        arn("ecs", &format!("service/{}/{}", self.cluster, self.service))
    }

    pub fn cluster_arn(&self) -> String {
        arn("ecs", &format!("cluster/{}", self.cluster))
    }

    pub fn revision_arn(&self, digits: &str) -> String {
        revision_arn(&self.cluster, &self.service, digits)
    }

    pub fn is_of(&self, cluster: &str, service: &str) -> bool {
        self.cluster == cluster && self.service == service
    }

    /// The revision that serves once it has ended, if it decided that.
    pub fn survivor(&self) -> Option<&str> {
        match self.status {
            Status::Successful => Some(&self.target),
            Status::RollbackSuccessful => Some(&self.rollback.as_ref()?.to),
            Status::Pending
            | Status::InProgress
            | Status::StopRequested
            | Status::Stopped
            | Status::RollbackRequested
            | Status::RollbackInProgress
            | Status::RollbackFailed => None,
        }
    }
}

impl State {
    pub fn deployment(&self, arn: &str) -> Option<&ServiceDeployment> {
        self.deployments.iter().find(|one| one.arn == arn)
    }

    pub fn deployment_mut(&mut self, arn: &str) -> Option<&mut ServiceDeployment> {
        self.deployments.iter_mut().find(|one| one.arn == arn)
    }

    /// The deployments of a service, newest first.
    pub fn of_service<'s>(
        &'s self,
        cluster: &'s str,
        service: &'s str,
    ) -> impl Iterator<Item = &'s ServiceDeployment> {
        let deployments = self.deployments.iter().rev();
        deployments.filter(move |one| one.is_of(cluster, service))
    }

    pub fn revision(&self, arn: &str) -> Option<&ServiceRevision> {
        self.revisions.iter().find(|one| one.arn() == arn)
    }

    pub fn revision_of(&self, digits: &str) -> Option<&ServiceRevision> {
        self.revisions.iter().find(|one| one.digits == digits)
    }

    pub fn revision_of_mut(&mut self, digits: &str) -> Option<&mut ServiceRevision> {
        self.revisions.iter_mut().find(|one| one.digits == digits)
    }

    /// The revision that the newest deployment that came to an end left serving.
    pub fn last_successful(&self, cluster: &str, service: &str) -> Option<&str> {
        let mut deployments = self.deployments.iter().rev();
        let left =
            deployments.find_map(|one| one.is_of(cluster, service).then(|| one.survivor())?);
        left.or_else(|| self.adopted(cluster, service))
    }

    /// The revision that no deployment brought: CodeDeploy left it to a service that was moved. That ECS goes back to it is inferred.
    fn adopted(&self, cluster: &str, service: &str) -> Option<&str> {
        let of_service = |revision: &&ServiceRevision| {
            (revision.cluster.as_str(), revision.service.as_str()) == (cluster, service)
        };
        let mut revisions = self.revisions.iter().filter(of_service);
        let brought = |digits: &str| self.deployments.iter().any(|one| one.target == digits);
        revisions
            .find(|revision| !brought(&revision.digits))
            .map(|revision| revision.digits.as_str())
    }
}
