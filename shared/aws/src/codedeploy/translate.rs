//! CodeDeploy's answers about a deployment, in our words.

use aws_sdk_codedeploy::types::{
    AutoRollbackConfiguration, AutoRollbackEvent, DeploymentInfo, EcsTarget,
};
use rules::codedeploy::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, Label, LifecycleEvent,
    LifecycleEventStatus, TargetTaskSet,
};
use rules::redact;

use crate::call::{Call, CallFailed};
use crate::text::time_from;

pub(super) fn deployment(
    call: &Call,
    deployment: &DeploymentInfo,
) -> Result<Deployment, CallFailed> {
    let rollback = deployment.rollback_info();
    let error = deployment.error_information();
    let content = deployment
        .revision()
        .and_then(|revision| revision.app_spec_content());
    Ok(Deployment {
        id: call.name(deployment.deployment_id(), "deploymentId")?,
        application: call.name(deployment.application_name(), "applicationName")?,
        deployment_group: call.name(deployment.deployment_group_name(), "deploymentGroupName")?,
        status: status(call.required(deployment.status(), "status")?.as_str()),
        creator: creator(
            deployment
                .creator()
                .map(|creator| creator.as_str())
                .unwrap_or_default(),
        ),
        description: deployment.description().map(str::to_owned),
        created_at: call.required(deployment.create_time().and_then(time_from), "createTime")?,
        completed_at: deployment.complete_time().and_then(time_from),
        error: error.map(|error| {
            let code = error.code().map(|code| code.as_str()).unwrap_or_default();
            (
                code.to_owned(),
                redact::redact(error.message().unwrap_or_default()),
            )
        }),
        rolled_back_by: rollback
            .and_then(|info| info.rollback_deployment_id())
            .and_then(|id| id.parse().ok()),
        rolls_back: rollback
            .and_then(|info| info.rollback_triggering_deployment_id())
            .and_then(|id| id.parse().ok()),
        rolls_back_on_failure: deployment
            .auto_rollback_configuration()
            .map(rolls_back_on_failure),
        app_spec_sha256: content
            .and_then(|content| content.sha256())
            .map(str::to_owned),
    })
}

pub(super) fn target(call: &Call, target: &EcsTarget) -> Result<DeploymentTarget, CallFailed> {
    let event = |event: &aws_sdk_codedeploy::types::LifecycleEvent| {
        let message = event
            .diagnostics()
            .and_then(|diagnostics| diagnostics.message());
        Ok(LifecycleEvent {
            name: call
                .required(event.lifecycle_event_name(), "lifecycleEventName")?
                .to_owned(),
            status: event_status(
                event
                    .status()
                    .map(|status| status.as_str())
                    .unwrap_or_default(),
            ),
            started_at: event.start_time().and_then(time_from),
            ended_at: event.end_time().and_then(time_from),
            message: message
                .filter(|message| !message.is_empty())
                .map(redact::redact),
        })
    };
    Ok(DeploymentTarget {
        lifecycle_events: target
            .lifecycle_events()
            .iter()
            .map(event)
            .collect::<Result<_, _>>()?,
    })
}

/// Blue and green; a task set without such a label is left out.
pub(super) fn task_sets(target: &EcsTarget) -> Vec<TargetTaskSet> {
    let labelled = target.task_sets_info().iter().filter_map(|set| {
        let label = match set.task_set_label()?.as_str() {
            "Blue" => Label::Blue,
            "Green" => Label::Green,
            _ => return None,
        };
        let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
        Some(TargetTaskSet {
            id: set.identifer().unwrap_or_default().to_owned(),
            label,
            desired: count(set.desired_count()),
            running: count(set.running_count()),
            weight: set.traffic_weight(),
        })
    });
    labelled.collect()
}

/// Whether this setting rolls a deployment back that fails: it may be on for alarms or stops alone.
pub(super) fn rolls_back_on_failure(rollback: &AutoRollbackConfiguration) -> bool {
    rollback.enabled()
        && rollback
            .events()
            .contains(&AutoRollbackEvent::DeploymentFailure)
}

/// A status that AWS may add counts as under way: then nothing is started beside it.
fn status(status: &str) -> DeploymentStatus {
    match status {
        "Created" | "Queued" => DeploymentStatus::Created,
        "Ready" => DeploymentStatus::Ready,
        "Succeeded" => DeploymentStatus::Succeeded,
        "Failed" => DeploymentStatus::Failed,
        "Stopped" => DeploymentStatus::Stopped,
        _ => DeploymentStatus::InProgress,
    }
}

fn creator(creator: &str) -> Creator {
    if creator == "codeDeployRollback" {
        Creator::Rollback
    } else {
        Creator::Caller
    }
}

fn event_status(status: &str) -> LifecycleEventStatus {
    match status {
        "Pending" => LifecycleEventStatus::Pending,
        "InProgress" => LifecycleEventStatus::InProgress,
        "Succeeded" => LifecycleEventStatus::Succeeded,
        "Failed" => LifecycleEventStatus::Failed,
        "Skipped" => LifecycleEventStatus::Skipped,
        _ => LifecycleEventStatus::Unknown,
    }
}
