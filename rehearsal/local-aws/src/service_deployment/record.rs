//! Every change to a service deployment is made here and recorded in the timeline.

use super::deployment::{ServiceDeployment, StageRecord};
use super::service_deployments::ServiceDeployments;
use super::stage::Stage;
use super::status::Status;
use crate::ecs::service::Service;
use crate::timeline;

/// A deployment in its current state, with its service.
pub(super) fn read(
    deployments: &ServiceDeployments,
    arn: &str,
) -> Option<(ServiceDeployment, Service)> {
    let deployment = deployments.read(|state| state.deployment(arn).cloned())?;
    let (cluster, name) = (&deployment.cluster, &deployment.service);
    let service = deployments
        .ecs
        .read(|state| state.service(cluster, name).cloned())?;
    Some((deployment, service))
}

pub(super) fn edit(
    deployments: &ServiceDeployments,
    arn: &str,
    change: impl FnOnce(&mut ServiceDeployment),
) {
    let now = deployments.context.clock.now();
    deployments.write(|state| {
        if let Some(deployment) = state.deployment_mut(arn) {
            change(deployment);
            deployment.updated_at = now;
        }
    });
}

/// Sets the status; without a reason the last one stays.
pub(super) fn set_status(
    deployments: &ServiceDeployments,
    arn: &str,
    status: Status,
    reason: Option<&str>,
) {
    let now = deployments.context.clock.now();
    edit(deployments, arn, |deployment| {
        debug_assert!(
            deployment.status.next().contains(&status),
            "from {:?} to {status:?}",
            deployment.status
        );
        deployment.status = status;
        if let Some(reason) = reason {
            deployment.status_reason = Some(reason.to_owned());
        }
        if status == Status::InProgress {
            deployment.started_at = Some(now);
        }
        if status == Status::Stopped {
            deployment.stopped_at = Some(now);
        }
        if status.has_ended() {
            deployment.finished_at = Some(now);
        }
    });
    let error = reason.map(|reason| (status.as_str().to_owned(), reason.to_owned()));
    deployments.context.clock.dwell();
    deployments
        .context
        .timeline
        .record(timeline::Event::DeploymentStatus {
            deployment: arn.to_owned(),
            status: status.as_str(),
            error,
        });
}

/// Whether a stage is reached in the course of a deployment or of its rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Deploying,
    RollingBack,
}

/// Begins a stage.
pub(super) fn enter(deployments: &ServiceDeployments, arn: &str, stage: Stage, course: Course) {
    let now = deployments.context.clock.now();
    edit(deployments, arn, |deployment| {
        deployment.stage = Some(stage);
        deployment.stages.push(StageRecord {
            stage,
            is_rollback: course == Course::RollingBack,
            began_at: now,
            ended_at: None,
        });
    });
    tell(deployments, arn, stage, "InProgress", None);
}

/// Ends the stage that is in progress; `failure` says why it failed.
pub(super) fn leave(
    deployments: &ServiceDeployments,
    arn: &str,
    stage: Stage,
    failure: Option<&str>,
) {
    let now = deployments.context.clock.now();
    edit(deployments, arn, |deployment| {
        if let Some(last) = deployment.stages.last_mut() {
            last.ended_at = Some(now);
        }
    });
    let status = match failure {
        None => "Succeeded",
        Some(_) => "Failed",
    };
    tell(deployments, arn, stage, status, failure);
}

fn tell(
    deployments: &ServiceDeployments,
    arn: &str,
    stage: Stage,
    status: &'static str,
    message: Option<&str>,
) {
    deployments.context.clock.dwell();
    deployments
        .context
        .timeline
        .record(timeline::Event::LifecycleEvent {
            deployment: arn.to_owned(),
            name: stage.as_str(),
            status,
            message: message.map(ToOwned::to_owned),
        });
}
