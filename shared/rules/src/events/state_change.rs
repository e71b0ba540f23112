//! CodeDeploy's deployment state changes.

use serde::Deserialize;
use serde_json::Value;

use super::{Envelope, UnreadableEvent, detail, envelope};
use crate::names::{ApplicationName, DeploymentGroupName, DeploymentId};

/// A deployment of a group began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The group's application.
    pub application: ApplicationName,
    /// The group.
    pub deployment_group: DeploymentGroupName,
    /// The deployment.
    pub deployment: DeploymentId,
    /// What it is now.
    pub state: DeploymentState,
}

/// The states of CodeDeploy's events. These are not the statuses of its API (aws-lambda-go, `events/codedeploy.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentState {
    /// It began.
    Start,
    /// It waits for a person.
    Ready,
    /// It ended well.
    Success,
    /// It ended badly.
    Failure,
    /// It was stopped.
    Stop,
    /// Something newer than this build.
    Other,
}

impl DeploymentState {
    /// Whether the deployment has ended.
    pub fn is_end(self) -> bool {
        match self {
            Self::Success | Self::Failure | Self::Stop => true,
            Self::Start | Self::Ready | Self::Other => false,
        }
    }
}

impl From<String> for DeploymentState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "START" => Self::Start,
            "READY" => Self::Ready,
            "SUCCESS" => Self::Success,
            "FAILURE" => Self::Failure,
            "STOP" => Self::Stop,
            _ => Self::Other,
        }
    }
}

impl StateChange {
    /// Reads a state change of a deployment.
    ///
    /// # Errors
    /// An event of another type, or one that lacks what it needs.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        Self::of(&envelope(event)?)
    }

    pub(super) fn of(event: &Envelope) -> Result<Self, UnreadableEvent> {
        let expected = "CodeDeploy Deployment State-change Notification";
        if event.detail_type != expected {
            return Err(UnreadableEvent::new(
                "detail-type",
                &format!("`{}`, expected `{expected}`", event.detail_type),
            ));
        }
        let detail: Detail = detail(event)?;
        Ok(Self {
            application: detail.application,
            deployment_group: detail.deployment_group,
            deployment: detail.deployment_id,
            state: detail.state.into(),
        })
    }
}

/// CodeDeploy's detail (CodeDeploy User Guide, "Monitoring deployments with Amazon CloudWatch Events").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    application: ApplicationName,
    deployment_group: DeploymentGroupName,
    deployment_id: DeploymentId,
    state: String,
}
