//! What ends a deployment from outside while it runs: somebody stops it, or an alarm goes off.

use super::ending::Ending;
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::{Creator, Deployment};
use crate::world::Aws;

/// Waits for whatever comes first; for ever when nothing does.
pub(super) async fn interruption(aws: &Aws, deployment: &Deployment) -> Ending {
    let id = deployment.id.as_str();
    let stop = aws.codedeploy.until(|state| state.deployment(id)?.stop);
    tokio::select! {
        biased;
        request = stop => Ending::Stopped(request),
        names = alarm(aws, deployment) => Ending::AlarmActive(names),
    }
}

/// Alarms are looked at from Install on: one that was in ALARM before stops the deployment there. A rollback is not
/// stopped by the alarm that it was made for.
async fn alarm(aws: &Aws, deployment: &Deployment) -> Vec<String> {
    let alarms = &deployment.alarms;
    if !alarms.enabled || deployment.creator == Creator::Rollback {
        return std::future::pending().await;
    }
    let installing = |state: &super::State| {
        let events = &state.deployment(&deployment.id)?.events;
        let install = events
            .iter()
            .find(|record| record.event == LifecycleEvent::Install)?;
        (install.status != EventStatus::Pending).then_some(())
    };
    aws.codedeploy.until(installing).await;
    let active = |state: &crate::cloudwatch::State| {
        Some(state.active(&alarms.names)).filter(|names| !names.is_empty())
    };
    aws.cloudwatch.until(active).await
}
