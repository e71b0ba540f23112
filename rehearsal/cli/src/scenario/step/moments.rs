//! Parses the moments that a script waits for.

use checks::claims::{LIFECYCLE_EVENTS, STAGES};
use local_aws::codedeploy::requests::DeploymentWait;

use super::phrase::between;
use super::words::name;
use super::{Moment, Reached};

/// The statuses of a lifecycle event or a stage, of CodeDeploy's deployments, and of ECS's.
const STATUSES: [&str; 16] = [
    "Created",
    "InProgress",
    "Ready",
    "Succeeded",
    "Failed",
    "Stopped",
    "Skipped",
    "PENDING",
    "IN_PROGRESS",
    "SUCCESSFUL",
    "STOP_REQUESTED",
    "STOPPED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
];

/// The moments of `until` and `when`; `any service` may replace a service.
pub(super) const MOMENTS: [&str; 6] = [
    "SERVICE has LIFECYCLE-EVENT STATUS",
    "SERVICE has a deployment STATUS",
    "SERVICE gives green N %",
    "SERVICE gives green a share",
    "SERVICE is in the ready wait | termination wait",
    "SERVICE is in a pause",
];

pub(super) fn moment(text: &str) -> Option<Moment> {
    let (service, rest) = match text.strip_prefix("any service ") {
        Some(rest) => (None, rest),
        None => {
            let (service, rest) = text.split_once(' ')?;
            (Some(service.to_owned()), rest)
        }
    };
    Some(Moment {
        service,
        reached: reached(rest)?,
    })
}

fn reached(text: &str) -> Option<Reached> {
    let known = |names: &'static [&'static str], given: &str| {
        let mut names = names.iter();
        names.find(|name| **name == given).copied()
    };
    if text == "is in a pause" {
        return Some(Reached::Pause);
    }
    if let Some(wait) = text.strip_prefix("is in the ") {
        return Some(Reached::Wait(self::wait(wait)?));
    }
    if text == "gives green a share" {
        return Some(Reached::Shift);
    }
    if let Some(percent) = between(text, "gives green ", " %") {
        return Some(Reached::Share(percent.parse().ok()?));
    }
    if let Some(status) = text.strip_prefix("has a deployment ") {
        return Some(Reached::Status(known(&STATUSES, status)?));
    }
    let (event, status) = text.strip_prefix("has ")?.split_once(' ')?;
    let event = known(&LIFECYCLE_EVENTS, event).or_else(|| known(&STAGES, event))?;
    Some(Reached::LifecycleEvent(event, known(&STATUSES, status)?))
}

pub(super) fn wait(text: &str) -> Option<DeploymentWait> {
    let mut waits = [DeploymentWait::Ready, DeploymentWait::Termination].into_iter();
    waits.find(|wait| name(*wait) == text)
}
