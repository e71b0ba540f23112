//! How long a service deployment was in each of its states. ECS states no times of lifecycle stages.

use time::UtcDateTime;

use crate::ecs::ServiceDeployment;
use crate::outcome::Step;

/// The states that the deployment went through, as far as ECS states when.
pub(super) fn steps(deployment: &ServiceDeployment) -> Vec<Step> {
    let ended = deployment.ended_at();
    let began = deployment.started_at;
    let rollback = deployment.rollback.as_ref();
    let went_back = rollback.and_then(|rollback| rollback.started_at);
    [
        ("PENDING", Some(deployment.created_at), began),
        ("IN_PROGRESS", began, went_back.or(ended)),
        ("ROLLBACK_IN_PROGRESS", went_back, ended),
    ]
    .into_iter()
    .filter_map(|(name, from, until)| {
        let seconds = seconds(from?, until?)?;
        // Most leave PENDING at once.
        (seconds > 0 || name != "PENDING").then(|| Step {
            name: name.to_owned(),
            status: "ended",
            has_failed: false,
            seconds,
            message: None,
        })
    })
    .collect()
}

fn seconds(from: UtcDateTime, until: UtcDateTime) -> Option<u64> {
    u64::try_from((until - from).whole_seconds()).ok()
}
