//! Announces service deployments to the timeline and to the event bus.

use serde_json::json;

use super::configuration::Strategy;
use super::deployment::{HookRecord, HookStatus, ServiceDeployment};
use super::revision::task_set_of;
use super::service_deployments::ServiceDeployments;
use crate::assumption::Assumption;
use crate::ecs::service::Service;
use crate::stamp::iso;
use crate::timeline;

/// What *ECS Deployment State Change* reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    InProgress,
    Completed,
    Failed,
}

/// Records a new deployment in the timeline.
pub(super) fn created(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    service: &Service,
) {
    let image = deployments.ecs.read(|state| {
        let revision = state.revision(&service.task_definition)?;
        let first = || revision.images().into_iter().next().map(|(_, image)| image);
        let of_serving = service.serving_container();
        let of_serving = of_serving.and_then(|container| revision.image_of(container));
        of_serving.or_else(first)
    });
    deployments
        .context
        .timeline
        .record(timeline::Event::DeploymentCreated {
            deployment: deployment.arn.clone(),
            application: String::new(),
            deployment_group: String::new(),
            service: deployment.service.clone(),
            deployment_config: deployment.configuration.strategy.as_str().to_owned(),
            creator: "user".to_owned(),
            revision: service.task_definition.clone(),
            version: image.and_then(|image| deployments.ecr.version(&image)),
        });
}

/// *ECS Deployment State Change*, as captured: the service's ARN as resource, and no id of the service deployment. `digits`
/// are those of the service revision that it is about.
pub(super) fn state_change(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    digits: &str,
    change: Change,
    reason: Option<String>,
) {
    let assumptions = &deployments.context.assumptions;
    let is_silent = match deployment.configuration.strategy {
        Strategy::Rolling => false,
        Strategy::BlueGreen | Strategy::Linear | Strategy::Canary => {
            assumptions.hold(Assumption::NativeServicesSendNoEvents)
        }
    };
    if is_silent {
        return;
    }
    let id = task_set_of(digits);
    let (kind, name, usual) = match change {
        Change::InProgress => (
            "INFO",
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            format!("ECS deployment {id} in progress."),
        ),
        Change::Completed => (
            "INFO",
            "SERVICE_DEPLOYMENT_COMPLETED",
            format!("ECS deployment {id} completed."),
        ),
        Change::Failed => (
            "ERROR",
            "SERVICE_DEPLOYMENT_FAILED",
            format!("ECS deployment {id} failed."),
        ),
    };
    deployments.events.emit(
        "aws.ecs",
        "ECS Deployment State Change",
        vec![deployment.service_arn()],
        json!({
            "eventType": kind,
            "eventName": name,
            "clusterArn": deployment.cluster_arn(),
            "deploymentId": id,
            "updatedAt": iso(deployments.context.clock.now()),
            "reason": reason.unwrap_or(usual),
        }),
    );
}

/// *ECS Hook State Change*, documented for both types of hooks.
pub(super) fn hook_change(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    hook: &HookRecord,
) {
    if hook.kind == "PAUSE" {
        let pause = timeline::Event::Pause {
            deployment: deployment.arn.clone(),
            lifecycle_event: hook.stage.as_str(),
            hook: hook.id.clone(),
            status: hook.status.as_str(),
        };
        deployments.context.timeline.record(pause);
    }
    let name = match hook.status {
        HookStatus::AwaitingAction => "HOOK_AWAITING_ACTION",
        HookStatus::InProgress => "HOOK_IN_PROGRESS",
        HookStatus::Succeeded => "HOOK_SUCCEEDED",
        HookStatus::Failed => "HOOK_FAILED",
        HookStatus::TimedOut => "HOOK_TIMED_OUT",
    };
    deployments.events.emit(
        "aws.ecs",
        "ECS Hook State Change",
        vec![deployment.arn.clone()],
        json!({
            "eventName": name,
            "hookId": hook.id,
            "hookType": hook.kind,
            "lifecycleStage": hook.stage.as_str(),
            "expiresAt": iso(hook.expires_at),
            "clusterArn": deployment.cluster_arn(),
            "serviceArn": deployment.service_arn(),
            "serviceDeploymentArn": deployment.arn,
            "updatedAt": iso(deployments.context.clock.now()),
        }),
    );
}
