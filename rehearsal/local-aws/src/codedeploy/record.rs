//! What happens to a deployment is written down here, and watchers are told of it.

use super::lifecycle::{EventStatus, LifecycleEvent};
use super::{Deployment, DeploymentStatus, Group};
use crate::timeline;
use crate::world::Aws;

/// The deployment and its group as they are now.
pub(super) fn look(aws: &Aws, id: &str) -> Option<(Deployment, Group)> {
    aws.codedeploy.read(|state| {
        let deployment = state.deployment(id)?;
        Some((deployment.clone(), state.group_of(deployment)?.clone()))
    })
}

pub(super) fn edit(aws: &Aws, id: &str, change: impl FnOnce(&mut Deployment)) {
    aws.codedeploy
        .write(|state| state.deployment_mut(id).map(change));
}

pub(super) fn set_status(aws: &Aws, id: &str, status: DeploymentStatus) {
    let now = aws.clock.now();
    edit(aws, id, |deployment| {
        deployment.status = status;
        deployment.started_at.get_or_insert(now);
    });
    aws.timeline.record(timeline::Event::DeploymentStatus {
        deployment: id.to_owned(),
        status: status.as_str(),
        error: None,
    });
}

pub(super) fn set_event(
    aws: &Aws,
    id: &str,
    event: LifecycleEvent,
    status: EventStatus,
    message: Option<String>,
) {
    let now = aws.clock.now();
    edit(aws, id, |deployment| {
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
    aws.clock.dwell();
    let (deployment, name) = (id.to_owned(), event.as_str());
    aws.timeline.record(timeline::Event::LifecycleEvent {
        deployment,
        name,
        status: status.as_str(),
        message,
    });
}
