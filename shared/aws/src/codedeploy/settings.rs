//! What only a command asks CodeDeploy: a group's other settings, and whether a deployment configuration exists.

use aws_sdk_codedeploy::types::DeploymentReadyAction;
use rules::codedeploy::DeploymentGroup;
use rules::doctor::{BlueEnds, GroupSettings};
use rules::names::{ApplicationName, DeploymentConfigName, DeploymentGroupName, DeploymentId};

use super::CodeDeploy;
use super::group::group_from;
use crate::call::{Call, CallFailed};

/// A deployment group with all that is read of it.
#[derive(Debug, Clone)]
pub struct WholeGroup {
    /// What a deployment needs.
    pub group: DeploymentGroup,
    /// Its other settings.
    pub settings: GroupSettings,
    /// The newest deployment, whatever became of it.
    pub last_attempted: Option<DeploymentId>,
}

impl CodeDeploy {
    /// The deployment group with all its settings (GetDeploymentGroup).
    pub async fn get_whole_group(
        &self,
        application: &ApplicationName,
        group: &DeploymentGroupName,
    ) -> Result<WholeGroup, CallFailed> {
        let call = Call::new(
            "codedeploy:GetDeploymentGroup",
            format!("{application}/{group}"),
        );
        let request = self.client.get_deployment_group();
        let request = request
            .application_name(application.as_str())
            .deployment_group_name(group.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let info = call.required(answer.deployment_group_info(), "deploymentGroupInfo")?;
        let blue_green = info.blue_green_deployment_configuration();
        let ready = blue_green.and_then(|blue_green| blue_green.deployment_ready_option());
        let blue = blue_green.and_then(|one| one.terminate_blue_instances_on_deployment_success());
        let waits = ready.filter(|ready| {
            ready.action_on_timeout() == Some(&DeploymentReadyAction::StopDeployment)
        });
        let last = info
            .last_attempted_deployment()
            .and_then(|last| last.deployment_id());
        Ok(WholeGroup {
            group: group_from(&call, info)?,
            settings: GroupSettings {
                service_role: info.service_role_arn().map(str::to_owned),
                ready_wait: waits.map(|ready| ready.wait_time_in_minutes()),
                blue: blue.and_then(|blue| {
                    Some(BlueEnds {
                        action: blue.action()?.as_str().to_owned(),
                        wait: blue.termination_wait_time_in_minutes(),
                    })
                }),
            },
            last_attempted: last.and_then(|id| id.parse().ok()),
        })
    }

    /// Whether there is a deployment configuration of this name.
    pub async fn has_deployment_config(
        &self,
        name: &DeploymentConfigName,
    ) -> Result<bool, CallFailed> {
        let call = Call::new("codedeploy:GetDeploymentConfig", name.as_str());
        let sent = self
            .client
            .get_deployment_config()
            .deployment_config_name(name.as_str())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_deployment_config_does_not_exist_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(call.failed(error)),
        }
    }
}
