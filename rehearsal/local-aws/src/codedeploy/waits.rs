//! The two waits of a deployment that a person may end: before production is rerouted, and before blue is stopped.

use std::time::Duration;

use super::ending::{Counts, Ending};
use super::record::{edit, look, set_status};
use super::{Deployment, DeploymentStatus, Group, Wait, announce, task_sets};
use crate::assumption::Assumption;
use crate::world::Aws;

/// Waits until somebody says that production may be rerouted; nobody does: that ends the deployment.
pub(super) async fn ready(
    aws: &Aws,
    id: &str,
    group: &Group,
    limit: Duration,
) -> Result<(), Ending> {
    edit(aws, id, |deployment| deployment.ready_wait = Wait::Waiting);
    set_status(aws, id, DeploymentStatus::Ready);
    if let Some((deployment, _)) = look(aws, id) {
        announce::state_change(aws, &deployment, group, "READY");
    }
    tokio::select! {
        biased;
        () = over(aws, id, |deployment| deployment.ready_wait) => {}
        () = aws.clock.sleep(limit) => return Err(nobody_continued(aws, limit)),
    }
    set_status(aws, id, DeploymentStatus::InProgress);
    Ok(())
}

fn nobody_continued(aws: &Aws, limit: Duration) -> Ending {
    let counts = if aws.assumptions.hold(Assumption::ReadyTimeoutRollsBack) {
        Counts::AsFailed
    } else {
        Counts::AsNothing
    };
    Ending::NobodyContinued { limit, counts }
}

/// Waits for a person who might want to go back, and stops blue.
pub(super) async fn terminate_blue(aws: &Aws, id: &str, group: &Group) {
    edit(aws, id, |deployment| {
        deployment.termination_wait = Wait::Waiting
    });
    tokio::select! {
        biased;
        () = over(aws, id, |deployment| deployment.termination_wait) => {}
        () = aws.clock.sleep(group.termination_wait) => {}
    }
    edit(aws, id, |deployment| {
        deployment.termination_wait = Wait::Over
    });
    if let Some(blue) = look(aws, id).and_then(|(deployment, _)| deployment.blue) {
        task_sets::delete_task_set(aws, &blue).await;
    }
}

async fn over(aws: &Aws, id: &str, wait: fn(&Deployment) -> Wait) {
    let continued = |deployment: &Deployment| (wait(deployment) == Wait::Over).then_some(());
    aws.codedeploy
        .until(|state| state.deployment(id).and_then(continued))
        .await;
}
