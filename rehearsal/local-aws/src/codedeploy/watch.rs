//! What ends a deployment from outside while it runs: somebody stops it, an alarm goes off, or it takes too long.

use std::time::Duration;

use super::ending::{Ending, Failure};
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::{CodeDeploy, Creator, Deployment, State, Wait};

/// From the beginning of a deployment to the shift of production.
const SHIFT_LIMIT: Duration = Duration::from_secs(120 * 60 * 60);

/// Waits for whatever comes first; for ever when nothing does. Once blue is being stopped there is no way back, and the
/// deployment goes on to its end; that it does so in spite of a stop is inferred.
pub(super) async fn interruption(codedeploy: &CodeDeploy, deployment: &Deployment) -> Ending {
    let id = deployment.id.as_str();
    let stop = codedeploy.until(|state| {
        let running = state.deployment(id).filter(|found| has_a_way_back(found));
        running?.stop
    });
    tokio::select! {
        biased;
        request = stop => Ending::Stopped(request),
        names = alarm(codedeploy, deployment) => Ending::AlarmActive(names),
        failure = too_late(codedeploy, deployment) => Ending::Failed(failure),
    }
}

/// Shifting production must have begun by then. The sentence is inferred.
async fn too_late(codedeploy: &CodeDeploy, deployment: &Deployment) -> Failure {
    tokio::select! {
        biased;
        () = began(codedeploy, deployment, LifecycleEvent::AllowTraffic) => std::future::pending().await,
        () = codedeploy.context.clock.sleep_until(deployment.created_at + SHIFT_LIMIT) => {}
    }
    let message = "The deployment timed out while waiting for the traffic shift to begin. This time out period is 120 hours.";
    Failure::new("TIMEOUT", message)
}

async fn began(codedeploy: &CodeDeploy, deployment: &Deployment, event: LifecycleEvent) {
    let begun = |state: &State| {
        let mut events = state.deployment(&deployment.id)?.events.iter();
        let record = events.find(|record| record.event == event)?;
        (record.status != EventStatus::Pending).then_some(())
    };
    codedeploy.until(begun).await;
}

/// Alarms are looked at from Install on: one that was in ALARM before stops the deployment there. A rollback is not
/// stopped by the alarm that it was made for.
async fn alarm(codedeploy: &CodeDeploy, deployment: &Deployment) -> Vec<String> {
    let alarms = &deployment.alarms;
    if !alarms.enabled || deployment.creator == Creator::Rollback {
        return std::future::pending().await;
    }
    began(codedeploy, deployment, LifecycleEvent::Install).await;
    let active = |state: &crate::cloudwatch::State| {
        Some(state.active(&alarms.names)).filter(|names| !names.is_empty())
    };
    let names = codedeploy.cloudwatch.until(active).await;
    let back = |state: &State| state.deployment(&deployment.id).is_some_and(has_a_way_back);
    if codedeploy.read(back) {
        return names;
    }
    std::future::pending().await
}

fn has_a_way_back(deployment: &Deployment) -> bool {
    match deployment.termination_wait {
        Wait::NotReached | Wait::Waiting => true,
        Wait::Over => false,
    }
}
