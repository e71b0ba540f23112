//! The two waits that ContinueDeployment can end: before production is rerouted, and before blue is stopped.

use std::time::Duration;

use super::ending::{Counts, Ending};
use super::record::{edit, read, set_status};
use super::{CodeDeploy, Deployment, DeploymentStatus, Group, Wait, announce, task_sets};
use crate::assumption::Assumption;

/// Waits until ContinueDeployment allows production to be rerouted. The deployment ends if the request does not come in
/// time.
pub(super) async fn ready(
    codedeploy: &CodeDeploy,
    id: &str,
    group: &Group,
    limit: Duration,
) -> Result<(), Ending> {
    edit(codedeploy, id, |deployment| {
        deployment.ready_wait = Wait::Waiting
    });
    // Set before the event is emitted: its receiver reads the deployment, and expects it to be `Ready`.
    set_status(codedeploy, id, DeploymentStatus::Ready);
    if let Some((deployment, _)) = read(codedeploy, id) {
        announce::state_change(codedeploy, &deployment, group, "READY");
    }
    // Biased, because ContinueDeployment has already succeeded: it must not lose to a time-out at the same moment.
    tokio::select! {
        biased;
        () = over(codedeploy, id, |deployment| deployment.ready_wait) => {}
        () = codedeploy.context.clock.sleep(limit) => return Err(not_continued(codedeploy, limit)),
    }
    set_status(codedeploy, id, DeploymentStatus::InProgress);
    Ok(())
}

fn not_continued(codedeploy: &CodeDeploy, limit: Duration) -> Ending {
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

/// Keeps blue running for the group's termination wait, so that a person can still roll back at once, then stops it.
pub(super) async fn terminate_blue(codedeploy: &CodeDeploy, id: &str, group: &Group) {
    edit(codedeploy, id, |deployment| {
        deployment.termination_wait = Wait::Waiting
    });
    tokio::select! {
        biased;
        () = over(codedeploy, id, |deployment| deployment.termination_wait) => {}
        () = codedeploy.context.clock.sleep(group.termination_wait) => {}
    }
    // From here on neither a stop nor an alarm ends the deployment (`watch`): without blue's tasks a rollback has no
    // target. This must be recorded before blue is deleted: while its tasks stop, a rollback would shift production to
    // tasks that are going away.
    edit(codedeploy, id, |deployment| {
        deployment.termination_wait = Wait::Over
    });
    if let Some(blue) = read(codedeploy, id).and_then(|(deployment, _)| deployment.blue) {
        task_sets::delete_task_set(codedeploy, &blue).await;
    }
}

async fn over(codedeploy: &CodeDeploy, id: &str, wait: fn(&Deployment) -> Wait) {
    let continued = |deployment: &Deployment| (wait(deployment) == Wait::Over).then_some(());
    codedeploy
        .until(|state| state.deployment(id).and_then(continued))
        .await;
}
