//! Deployments: found, read, created, continued, stopped.

use aws_sdk_codedeploy::config::Builder;
use aws_sdk_codedeploy::types::{
    AppSpecContent, AutoRollbackConfiguration, AutoRollbackEvent, DeploymentStatus as Status,
    DeploymentWaitType, RevisionLocation, RevisionLocationType, TimeRange,
};
use rules::codedeploy::{Deployment, DeploymentTarget, TargetTaskSet};
use rules::config::Rollback;
use rules::names::{ApplicationName, DeploymentConfigName, DeploymentGroupName, DeploymentId};
use sha2::{Digest, Sha256};
use time::UtcDateTime;

use super::{CodeDeploy, translate};
use crate::call::{Call, CallFailed};
use crate::text::{one_line, time_to};
use crate::wire::OnlyWhenThrottled;

/// Which of a group's deployments to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployments {
    /// Those that have not ended.
    Active,
    /// Those that were created then or later, whatever became of them.
    CreatedSince(UtcDateTime),
    /// Those that succeeded, however long ago.
    Succeeded,
}

/// A deployment's target.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// With its lifecycle events.
    pub target: DeploymentTarget,
    /// Blue and green, as far as CodeDeploy labels them.
    pub task_sets: Vec<TargetTaskSet>,
}

/// A deployment to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDeployment {
    /// The application.
    pub application: ApplicationName,
    /// Its deployment group.
    pub deployment_group: DeploymentGroupName,
    /// The AppSpec's text.
    pub app_spec: String,
    /// How traffic shifts; none for the group's own way.
    pub deployment_config: Option<DeploymentConfigName>,
    /// What people and later reconciliations read; CodeDeploy takes 256 characters.
    pub description: String,
    /// Whose setting decides whether it is rolled back when it fails.
    pub rollback: Rollback,
}

/// What BatchGetDeployments takes at once.
const DEPLOYMENTS_PER_CALL: usize = 25;

impl CodeDeploy {
    /// The ids of a group's deployments.
    pub async fn list_deployments(
        &self,
        application: &ApplicationName,
        group: &DeploymentGroupName,
        which: Deployments,
    ) -> Result<Vec<DeploymentId>, CallFailed> {
        let call = Call::new(
            "codedeploy:ListDeployments",
            format!("{application}/{group}"),
        );
        let request = self
            .client
            .list_deployments()
            .application_name(application.as_str())
            .deployment_group_name(group.as_str());
        let request = match which {
            Deployments::Active => request.set_include_only_statuses(Some(vec![
                Status::Created,
                Status::Queued,
                Status::InProgress,
                Status::Baking,
                Status::Ready,
            ])),
            Deployments::CreatedSince(start) => {
                request.create_time_range(TimeRange::builder().start(time_to(start)).build())
            }
            Deployments::Succeeded => request.include_only_statuses(Status::Succeeded),
        };
        let mut ids = request.into_paginator().items().send();
        let mut deployments = Vec::new();
        while let Some(id) = ids.next().await {
            deployments.push(call.name(
                Some(&id.map_err(|error| call.failed(error))?),
                "deployments",
            )?);
        }
        Ok(deployments)
    }

    /// Several deployments; AWS leaves out those that it does not know.
    pub async fn batch_get_deployments(
        &self,
        ids: &[DeploymentId],
    ) -> Result<Vec<Deployment>, CallFailed> {
        let mut deployments = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(DEPLOYMENTS_PER_CALL) {
            let names: Vec<String> = chunk.iter().map(|id| id.as_str().to_owned()).collect();
            let call = Call::new(
                "codedeploy:BatchGetDeployments",
                one_line(&names.join(" "), 80),
            );
            let request = self
                .client
                .batch_get_deployments()
                .set_deployment_ids(Some(names));
            let answer = request.send().await.map_err(|error| call.failed(error))?;
            for deployment in answer.deployments_info() {
                deployments.push(translate::deployment(&call, deployment)?);
            }
        }
        Ok(deployments)
    }

    /// One deployment.
    pub async fn get_deployment(&self, id: &DeploymentId) -> Result<Deployment, CallFailed> {
        let call = Call::new("codedeploy:GetDeployment", id.as_str());
        let request = self.client.get_deployment().deployment_id(id.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        translate::deployment(
            &call,
            call.required(answer.deployment_info(), "deploymentInfo")?,
        )
    }

    /// The deployment's one target, with its lifecycle events; none before CodeDeploy has started.
    pub async fn get_deployment_target(
        &self,
        id: &DeploymentId,
    ) -> Result<Option<DeploymentTarget>, CallFailed> {
        let target = self.get_target_with_task_sets(id).await?;
        Ok(target.map(|target| target.target))
    }

    /// The same with its task sets and their traffic.
    pub async fn get_target_with_task_sets(
        &self,
        id: &DeploymentId,
    ) -> Result<Option<Target>, CallFailed> {
        let call = Call::new("codedeploy:ListDeploymentTargets", id.as_str());
        let listed = match self
            .client
            .list_deployment_targets()
            .deployment_id(id.as_str())
            .send()
            .await
        {
            Ok(listed) => listed,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_deployment_not_started_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(call.failed(error)),
        };
        let Some(target) = listed.target_ids().first() else {
            return Ok(None);
        };
        let call = Call::new("codedeploy:GetDeploymentTarget", format!("{id} {target}"));
        let request = self
            .client
            .get_deployment_target()
            .deployment_id(id.as_str())
            .target_id(target);
        match request.send().await {
            Ok(answer) => {
                let target = answer
                    .deployment_target()
                    .and_then(|target| target.ecs_target());
                let target = call.required(target, "deploymentTarget.ecsTarget")?;
                Ok(Some(Target {
                    target: translate::target(&call, target)?,
                    task_sets: translate::task_sets(target),
                }))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_deployment_not_started_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(call.failed(error)),
        }
    }

    /// The AppSpec that was deployed under this hash. GetDeployment returns the hash only.
    pub async fn get_application_revision(
        &self,
        application: &ApplicationName,
        sha256: &str,
    ) -> Result<String, CallFailed> {
        let call = Call::new(
            "codedeploy:GetApplicationRevision",
            format!("{application} {sha256}"),
        );
        let revision = app_spec(AppSpecContent::builder().sha256(sha256).build());
        let request = self
            .client
            .get_application_revision()
            .application_name(application.as_str())
            .revision(revision);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = answer
            .revision()
            .and_then(|revision| revision.app_spec_content());
        let content = found.and_then(|found| found.content()).map(str::to_owned);
        call.required(content, "revision.appSpecContent.content")
    }

    /// Creates a deployment. CodeDeploy knows no repetition of such a request, so it is sent again only when it was
    /// throttled; after [`Unavailable`](crate::Kind::Unavailable) a deployment may have been created or not.
    pub async fn create_deployment(
        &self,
        deployment: &CreateDeployment,
    ) -> Result<DeploymentId, CallFailed> {
        let (application, group) = (&deployment.application, &deployment.deployment_group);
        let call = Call::new(
            "codedeploy:CreateDeployment",
            format!("{application}/{group}"),
        );
        let sha256 = hex(&Sha256::digest(&deployment.app_spec));
        let content = AppSpecContent::builder()
            .content(&deployment.app_spec)
            .sha256(sha256)
            .build();
        let answer = self
            .client
            .create_deployment()
            .application_name(application.as_str())
            .deployment_group_name(group.as_str())
            .revision(app_spec(content))
            .set_deployment_config_name(
                deployment
                    .deployment_config
                    .as_ref()
                    .map(|config| config.as_str().to_owned()),
            )
            .description(&deployment.description)
            .set_auto_rollback_configuration(automatic(deployment.rollback))
            .customize()
            .config_override(Builder::new().retry_classifier(OnlyWhenThrottled))
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        call.name(answer.deployment_id(), "deploymentId")
    }

    /// Ends the wait before blue is stopped. A deployment that is not in this wait, or over, is a conflict.
    pub async fn continue_deployment(&self, id: &DeploymentId) -> Result<(), CallFailed> {
        let call = Call::new("codedeploy:ContinueDeployment", id.as_str());
        let request = self
            .client
            .continue_deployment()
            .deployment_id(id.as_str())
            .deployment_wait_type(DeploymentWaitType::TerminationWait);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }

    /// Stops a deployment and rolls it back. One that is over is a conflict.
    pub async fn stop_deployment(&self, id: &DeploymentId) -> Result<(), CallFailed> {
        let call = Call::new("codedeploy:StopDeployment", id.as_str());
        let request = self
            .client
            .stop_deployment()
            .deployment_id(id.as_str())
            .auto_rollback_enabled(true);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }
}

/// The deployment's own automatic rollback, for every event there is; none leaves it to the group.
fn automatic(rollback: Rollback) -> Option<AutoRollbackConfiguration> {
    match rollback {
        Rollback::Automatic => Some(
            AutoRollbackConfiguration::builder()
                .enabled(true)
                .events(AutoRollbackEvent::DeploymentFailure)
                .events(AutoRollbackEvent::DeploymentStopOnAlarm)
                .events(AutoRollbackEvent::DeploymentStopOnRequest)
                .build(),
        ),
        Rollback::Group => None,
    }
}

fn app_spec(content: AppSpecContent) -> RevisionLocation {
    let revision = RevisionLocation::builder().revision_type(RevisionLocationType::AppSpecContent);
    revision.app_spec_content(content).build()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
