//! What interrupts a running deployment: a stop request, an alarm, or a time-out.

use std::time::Duration;

use super::ending::{Ending, Failure};
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::{CodeDeploy, Creator, Deployment, State, Wait};
use crate::assumption::Assumption;

/// The time from a deployment's creation to the start of the production shift.
const SHIFT_LIMIT: Duration = Duration::from_secs(120 * 60 * 60);

/// Returns the first interruption, and waits forever if there is none. Once blue is being stopped a rollback is
/// impossible, and the deployment continues to its end; that it ignores a stop request then is inferred.
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

/// Waits until the time limit for starting the production shift has passed. The message is inferred.
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

/// Waits for an alarm, from Install on: one that was in ALARM before stops the deployment there. A rollback ignores
/// alarms, or the alarm that caused it would stop it.
async fn alarm(codedeploy: &CodeDeploy, deployment: &Deployment) -> Vec<String> {
    let alarms = &deployment.alarms;
    if !alarms.enabled || deployment.creator == Creator::Rollback {
        return std::future::pending().await;
    }
    began(codedeploy, deployment, LifecycleEvent::Install).await;
    // CodeDeploy does not check that an alarm exists when a group names it. What it makes of one that CloudWatch does not
    // return is not documented: "its state cannot be retrieved" or "it is not in ALARM".
    let missing_counts = !alarms.ignore_poll_failure
        && codedeploy
            .context
            .assumptions
            .hold(Assumption::MissingAlarmStops);
    let active = |state: &crate::cloudwatch::State| {
        let mut names = state.active(&alarms.names);
        if missing_counts {
            names.extend(state.missing(&alarms.names));
        }
        Some(names).filter(|names| !names.is_empty())
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
