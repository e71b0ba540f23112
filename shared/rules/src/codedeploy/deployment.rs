//! Deployment groups and deployments, as CodeDeploy describes them.

use time::UtcDateTime;

use crate::names::{
    ApplicationName, ClusterName, DeploymentConfigName, DeploymentGroupName, DeploymentId,
    ListenerArn, ServiceName,
};

/// A CodeDeploy deployment group (GetDeploymentGroup).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentGroup {
    /// The cluster and service that it deploys to; none when it is not an ECS group.
    pub service: Option<(ClusterName, ServiceName)>,
    /// The names of its two target groups.
    pub target_groups: Vec<String>,
    /// The production listener.
    pub production_listener: Option<ListenerArn>,
    /// The test listener, where it has one.
    pub test_listener: Option<ListenerArn>,
    /// The deployment configuration that it uses by default.
    pub deployment_config: Option<DeploymentConfigName>,
    /// Whether it rolls a deployment back that fails: automatic rollback is on, and `DEPLOYMENT_FAILURE` among its events.
    pub rolls_back: bool,
    /// The alarms that stop a deployment; empty where none does.
    pub alarms: Vec<String>,
}

/// A CodeDeploy deployment (GetDeployment, BatchGetDeployments).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its application.
    pub application: ApplicationName,
    /// Its deployment group.
    pub deployment_group: DeploymentGroupName,
    /// How far it is.
    pub status: DeploymentStatus,
    /// Who made it.
    pub creator: Creator,
    /// Free text; ours carries the digest.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// When it ended.
    pub completed_at: Option<UtcDateTime>,
    /// CodeDeploy's error code (`HOOK_EXECUTION_FAILURE`, `ALARM_ACTIVE`, …) and sentence.
    pub error: Option<(String, String)>,
    /// The rollback deployment that it triggered.
    pub rolled_back_by: Option<DeploymentId>,
    /// The deployment that it rolls back.
    pub rolls_back: Option<DeploymentId>,
    /// Whether it is rolled back if it fails, as CodeDeploy states of the deployment; none where it states nothing, and the
    /// group's setting holds.
    pub rolls_back_on_failure: Option<bool>,
    /// The SHA-256 of its AppSpec, under which GetApplicationRevision finds the content.
    pub app_spec_sha256: Option<String>,
}

/// A deployment's status, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// Not begun: `Created`, `Queued`.
    Created,
    /// Under way: `InProgress`, `Baking`.
    InProgress,
    /// Green is ready and waits for a person.
    Ready,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Was stopped, by a person or an alarm.
    Stopped,
}

impl DeploymentStatus {
    /// Whether nothing more happens to the deployment.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Stopped => true,
            Self::Created | Self::InProgress | Self::Ready => false,
        }
    }
}

/// Who made a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creator {
    /// Somebody who called CreateDeployment, Greenlight included.
    Caller,
    /// CodeDeploy itself, to roll another deployment back.
    Rollback,
}
