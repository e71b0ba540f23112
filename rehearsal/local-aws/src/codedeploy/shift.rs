//! The lifecycle events AllowTestTraffic and AllowTraffic, which shift the listeners to green.

use std::time::Duration;

use super::ending::Failure;
use super::record::{edit, read};
use super::{CodeDeploy, Deployment, Group, task_sets};
use crate::ecs::{self, keep};
use crate::timeline::ListenerKind;

/// How long a service that is scaled during the shift may take to become steady again.
const SCALING_LIMIT: Duration = Duration::from_secs(5 * 60);

pub(super) fn test(codedeploy: &CodeDeploy, id: &str, group: &Group) {
    shift(codedeploy, id, group, ListenerKind::Test, 100);
}

/// Shifts production to green in the steps of the deployment configuration.
pub(super) async fn production(
    codedeploy: &CodeDeploy,
    id: &str,
    group: &Group,
) -> Result<(), Failure> {
    let Some((deployment, _)) = read(codedeploy, id) else {
        return Ok(());
    };
    // Read before the first step, which the timeline announces: a scaling in response to it must count as a change.
    let before = codedeploy.ecs.read(|state| desired(state, group));
    let steps = async {
        for step in deployment.config.routing.steps() {
            if !step.wait.is_zero() {
                codedeploy.context.clock.sleep(step.wait).await;
            }
            shift(
                codedeploy,
                id,
                group,
                ListenerKind::Production,
                step.green_percent,
            );
        }
    };
    // A scaling does not pause the steps; the deployment fails only if the service does not become steady in time. The
    // steps are polled first, so that a shift whose last step falls on the end of the five minutes succeeds.
    tokio::select! {
        biased;
        () = steps => Ok(()),
        failure = scaled_in_vain(codedeploy, &deployment, group, before) => Err(failure),
    }
}

fn desired(state: &ecs::State, group: &Group) -> Option<u32> {
    let service = state.service(&group.cluster, &group.service)?;
    Some(service.desired_count)
}

/// Returns once the service was scaled from `before` and did not become steady in time. The code and the message are
/// inferred.
async fn scaled_in_vain(
    codedeploy: &CodeDeploy,
    deployment: &Deployment,
    group: &Group,
    mut before: Option<u32>,
) -> Failure {
    loop {
        let changed = |state: &ecs::State| desired(state, group).filter(|&now| Some(now) != before);
        before = Some(codedeploy.ecs.until(changed).await);
        // The limit counts from the first scaling: another one before the service is steady does not extend it.
        tokio::select! {
            biased;
            () = both_steady(codedeploy, deployment) => {}
            () = codedeploy.context.clock.sleep(SCALING_LIMIT) => {
                let message = "The deployment timed out while waiting for the service to become steady after a scaling \
                               event. This time out period is 5 minutes.";
                return Failure::new("TIMEOUT", message);
            }
        }
    }
}

async fn both_steady(codedeploy: &CodeDeploy, deployment: &Deployment) {
    for set in [&deployment.blue, &deployment.green].into_iter().flatten() {
        keep::steady(&codedeploy.ecs, set).await;
    }
}

pub(super) fn shift(
    codedeploy: &CodeDeploy,
    id: &str,
    group: &Group,
    kind: ListenerKind,
    green_percent: u32,
) {
    if kind == ListenerKind::Production {
        edit(codedeploy, id, |deployment| {
            deployment.green_percent = green_percent
        });
    }
    if let Some((deployment, _)) = read(codedeploy, id) {
        task_sets::set_weights(codedeploy, group, &deployment, kind, green_percent);
    }
}
