//! The lifecycle events AllowTestTraffic and AllowTraffic: listeners move to green.

use std::time::Duration;

use super::ending::Failure;
use super::record::{edit, look};
use super::{Deployment, Group, task_sets};
use crate::ecs::{self, keep};
use crate::timeline::ListenerKind;
use crate::world::Aws;

/// A service that is scaled while production shifts must be steady again by then.
const SCALING_LIMIT: Duration = Duration::from_secs(5 * 60);

pub(super) fn test(aws: &Aws, id: &str, group: &Group) {
    shift(aws, id, group, ListenerKind::Test, 100);
}

/// Moves production to green in the configuration's steps.
pub(super) async fn production(aws: &Aws, id: &str, group: &Group) -> Result<(), Failure> {
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    // Whoever hears of the first step may scale the service at once, which is a change as well.
    let before = aws.ecs.read(|state| desired(state, group));
    let steps = async {
        for step in deployment.config.routing.steps() {
            if !step.wait.is_zero() {
                aws.clock.sleep(step.wait).await;
            }
            shift(aws, id, group, ListenerKind::Production, step.green_percent);
        }
    };
    tokio::select! {
        biased;
        () = steps => Ok(()),
        failure = scaled_in_vain(aws, &deployment, group, before) => Err(failure),
    }
}

fn desired(state: &ecs::State, group: &Group) -> Option<u32> {
    let service = state.service(&group.cluster, &group.service)?;
    Some(service.desired_count)
}

/// Waits until the service was scaled from `before` and did not become steady in time. Code and sentence are inferred.
async fn scaled_in_vain(
    aws: &Aws,
    deployment: &Deployment,
    group: &Group,
    mut before: Option<u32>,
) -> Failure {
    loop {
        let changed = |state: &ecs::State| desired(state, group).filter(|&now| Some(now) != before);
        before = Some(aws.ecs.until(changed).await);
        tokio::select! {
            biased;
            () = both_steady(aws, deployment) => {}
            () = aws.clock.sleep(SCALING_LIMIT) => {
                let message = "The deployment timed out while waiting for the service to become steady after a scaling \
                               event. This time out period is 5 minutes.";
                return Failure::new("TIMEOUT", message);
            }
        }
    }
}

async fn both_steady(aws: &Aws, deployment: &Deployment) {
    for set in [&deployment.blue, &deployment.green].into_iter().flatten() {
        keep::steady(aws, set).await;
    }
}

pub(super) fn shift(aws: &Aws, id: &str, group: &Group, kind: ListenerKind, green_percent: u32) {
    if kind == ListenerKind::Production {
        edit(aws, id, |deployment| {
            deployment.green_percent = green_percent
        });
    }
    if let Some((deployment, _)) = look(aws, id) {
        task_sets::set_weights(aws, group, &deployment, kind, green_percent);
    }
}
