//! The two waits of a deployment that a person may end: before production is rerouted, and before blue is stopped.

use std::time::Duration;

use super::ending::{Counts, Ending};
use super::record::{edit, look, set_status};
use super::{CodeDeploy, Deployment, DeploymentStatus, Group, Wait, announce, task_sets};
use crate::assumption::Assumption;

/// Waits until somebody says that production may be rerouted; nobody does: that ends the deployment.
pub(super) async fn ready(
    codedeploy: &CodeDeploy,
    id: &str,
    group: &Group,
    limit: Duration,
) -> Result<(), Ending> {
    edit(codedeploy, id, |deployment| {
        deployment.ready_wait = Wait::Waiting
    });
    set_status(codedeploy, id, DeploymentStatus::Ready);
    if let Some((deployment, _)) = look(codedeploy, id) {
        announce::state_change(codedeploy, &deployment, group, "READY");
    }
    tokio::select! {
        biased;
        () = over(codedeploy, id, |deployment| deployment.ready_wait) => {}
        () = codedeploy.context.clock.sleep(limit) => return Err(nobody_continued(codedeploy, limit)),
    }
    set_status(codedeploy, id, DeploymentStatus::InProgress);
    Ok(())
}

fn nobody_continued(codedeploy: &CodeDeploy, limit: Duration) -> Ending {
    let counts = if codedeploy
        .context
        .assumptions
        .hold(Assumption::ReadyTimeoutRollsBack)
    {
        Counts::AsFailed
    } else {
        Counts::AsNothing
    };
    Ending::NobodyContinued { limit, counts }
}

/// Waits for a person who might want to go back, and stops blue.
pub(super) async fn terminate_blue(codedeploy: &CodeDeploy, id: &str, group: &Group) {
    edit(codedeploy, id, |deployment| {
        deployment.termination_wait = Wait::Waiting
    });
    tokio::select! {
        biased;
        () = over(codedeploy, id, |deployment| deployment.termination_wait) => {}
        () = codedeploy.context.clock.sleep(group.termination_wait) => {}
    }
    // From here on neither a stop nor an alarm ends the deployment (`watch`): with blue's last task goes the way back.
    edit(codedeploy, id, |deployment| {
        deployment.termination_wait = Wait::Over
    });
    if let Some(blue) = look(codedeploy, id).and_then(|(deployment, _)| deployment.blue) {
        task_sets::delete_task_set(codedeploy, &blue).await;
    }
}

async fn over(codedeploy: &CodeDeploy, id: &str, wait: fn(&Deployment) -> Wait) {
    let continued = |deployment: &Deployment| (wait(deployment) == Wait::Over).then_some(());
    codedeploy
        .until(|state| state.deployment(id).and_then(continued))
        .await;
}
