//! Tells of deployments: watchers of the rehearsal, and the event bus.

use serde_json::json;

use super::{Deployment, Group};
use crate::happening::What;
use crate::identity::arn;
use crate::world::Aws;

/// Tells watchers of a new deployment.
pub fn created(aws: &Aws, deployment: &Deployment) {
    let service = aws.codedeploy.read(|state| {
        state
            .group_of(deployment)
            .map(|group| group.service.clone())
    });
    let spec = &deployment.app_spec;
    let image = aws.ecs.read(|state| {
        state
            .revision(&spec.task_definition)?
            .image_of(&spec.container)
    });
    aws.happenings.tell(What::DeploymentCreated {
        deployment: deployment.id.clone(),
        application: deployment.application.clone(),
        deployment_group: deployment.group.clone(),
        service: service.unwrap_or_default(),
        deployment_config: deployment.config.name.clone(),
        creator: deployment.creator.as_str().to_owned(),
        revision: spec.task_definition.clone(),
        version: image.and_then(|image| aws.ecr.version(&image)),
    });
}

/// *CodeDeploy Deployment State-change Notification*, with its own words for the states.
pub(super) fn state_change(aws: &Aws, deployment: &Deployment, group: &Group, state: &str) {
    let resources = vec![
        arn(
            "codedeploy",
            &format!("application:{}", deployment.application),
        ),
        arn(
            "codedeploy",
            &format!(
                "deploymentgroup:{}/{}",
                deployment.application, deployment.group
            ),
        ),
    ];
    let detail = json!({
        "instanceGroupId": group.id,
        "region": crate::identity::REGION,
        "application": deployment.application,
        "deploymentId": deployment.id,
        "state": state,
        "deploymentGroup": deployment.group,
    });
    aws.events.emit(
        "aws.codedeploy",
        "CodeDeploy Deployment State-change Notification",
        resources,
        detail,
    );
}
