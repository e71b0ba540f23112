//! Every change to a deployment is made here and recorded in the timeline.

use super::lifecycle::{EventStatus, LifecycleEvent};
use super::{CodeDeploy, Deployment, DeploymentStatus, Group};
use crate::timeline;

/// Returns the deployment and its group in their current state.
pub(super) fn read(codedeploy: &CodeDeploy, id: &str) -> Option<(Deployment, Group)> {
    codedeploy.read(|state| {
        let deployment = state.deployment(id)?;
        Some((deployment.clone(), state.group_of(deployment)?.clone()))
    })
}

pub(super) fn edit(codedeploy: &CodeDeploy, id: &str, change: impl FnOnce(&mut Deployment)) {
    codedeploy.write(|state| state.deployment_mut(id).map(change));
}

pub(super) fn set_status(codedeploy: &CodeDeploy, id: &str, status: DeploymentStatus) {
    let now = codedeploy.context.clock.now();
    edit(codedeploy, id, |deployment| {
        deployment.status = status;
        deployment.started_at.get_or_insert(now);
    });
    codedeploy
        .context
        .timeline
        .record(timeline::Event::DeploymentStatus {
            deployment: id.to_owned(),
            status: status.as_str(),
            error: None,
        });
}

pub(super) fn set_event(
    codedeploy: &CodeDeploy,
    id: &str,
    event: LifecycleEvent,
    status: EventStatus,
    message: Option<String>,
) {
    let now = codedeploy.context.clock.now();
    edit(codedeploy, id, |deployment| {
        let Some(record) = deployment.event_mut(event) else {
            return;
        };
        record.status = status;
        record.message.clone_from(&message);
        match status {
            EventStatus::InProgress => record.started_at = Some(now),
            EventStatus::Succeeded | EventStatus::Failed => record.ended_at = Some(now),
            EventStatus::Pending | EventStatus::Skipped => {}
        }
    });
    codedeploy.context.clock.dwell();
    let (deployment, name) = (id.to_owned(), event.as_str());
    codedeploy
        .context
        .timeline
        .record(timeline::Event::LifecycleEvent {
            deployment,
            name,
            status: status.as_str(),
            message,
        });
}
