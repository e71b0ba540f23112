//! Announces deployments to the timeline and to the event bus.

use serde_json::{Value, json};

use super::{CodeDeploy, Deployment, Group};
use crate::assumption::Assumption;
use crate::events::rfc3339_seconds;
use crate::identity::arn;
use crate::timeline;

/// Records a new deployment in the timeline.
pub fn created(codedeploy: &CodeDeploy, deployment: &Deployment) {
    let service = codedeploy.read(|state| {
        state
            .group_of(deployment)
            .map(|group| group.service.clone())
    });
    let spec = &deployment.app_spec;
    let image = codedeploy.ecs.read(|state| {
        state
            .revision(&spec.task_definition)?
            .image_of(&spec.container)
    });
    codedeploy
        .context
        .timeline
        .record(timeline::Event::DeploymentCreated {
            deployment: deployment.id.clone(),
            application: deployment.application.clone(),
            deployment_group: deployment.group.clone(),
            service: service.unwrap_or_default(),
            deployment_config: deployment.config.name.clone(),
            creator: deployment.creator.as_str().to_owned(),
            revision: spec.task_definition.clone(),
            version: image.and_then(|image| codedeploy.ecr.version(&image)),
        });
}

/// *CodeDeploy Deployment State-change Notification*, which has its own names for the states.
pub(super) fn state_change(
    codedeploy: &CodeDeploy,
    deployment: &Deployment,
    group: &Group,
    state: &str,
) {
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
    if codedeploy
        .context
        .assumptions
        .hold(Assumption::OtherKindsOfEventsAreTold)
    {
        other_kinds(codedeploy, &resources, &detail, deployment, group);
    }
    codedeploy.events.emit(
        "aws.codedeploy",
        "CodeDeploy Deployment State-change Notification",
        resources,
        detail,
    );
}

/// The events that CodeDeploy emits for each instance of an EC2 deployment, and ECS for a service that it deploys
/// itself. It is not documented whether they are emitted for ECS blue/green deployments as well.
fn other_kinds(
    codedeploy: &CodeDeploy,
    resources: &[String],
    detail: &Value,
    deployment: &Deployment,
    group: &Group,
) {
    let mut of_target = detail.clone();
    of_target["instanceId"] = json!(format!("{}:{}", group.cluster, group.service));
    codedeploy.events.emit(
        "aws.codedeploy",
        "CodeDeploy Instance State-change Notification",
        resources.to_vec(),
        of_target,
    );
    let (kind, name) = match detail["state"].as_str() {
        Some("SUCCESS") => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        Some("FAILURE" | "STOP") => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        Some(_) | None => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    };
    codedeploy.events.emit(
        "aws.ecs",
        "ECS Deployment State Change",
        vec![arn(
            "ecs",
            &format!("service/{}/{}", group.cluster, group.service),
        )],
        json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": deployment.green,
            "updatedAt": rfc3339_seconds(codedeploy.context.clock.now()),
            "reason": "ECS deployment deploymentID changed.",
        }),
    );
}
