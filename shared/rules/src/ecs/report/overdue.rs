//! The deadline of a rolling update that nothing would roll back: ECS goes on with a bad image for ever, with no event and no end (ECS
//! Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures").

use time::{Duration, UtcDateTime};

use super::due::{What, goes_on};
use super::observed::Observed;
use super::told::Told;
use crate::ecs::ServiceDeployment;
use crate::engine::Engine;

/// How long a rolling update may take that nothing would roll back, in minutes. Nothing is stopped then, people are told.
pub(super) const OVERDUE_AFTER_MINUTES: i64 = 60;

/// Whether the deployment may be overdue, so that the time has to be read: it is under way, nothing would roll it back, and people were
/// not told so.
pub fn may_be_overdue(observed: &Observed, told: &Told) -> bool {
    let deployment = &observed.deployment;
    let is_rolling = match observed.engine {
        Engine::Rolling => true,
        Engine::CodeDeploy | Engine::Native(_) => false,
    };
    is_rolling
        && goes_on(&deployment.status)
        && observed.newer.is_none()
        && !observed.service.configuration.rolls_back()
        && !told.has(&What::Overdue, &deployment.arn)
}

/// Whether its time is up.
pub fn is_overdue(deployment: &ServiceDeployment, now: UtcDateTime) -> bool {
    now >= deployment
        .created_at
        .saturating_add(Duration::minutes(OVERDUE_AFTER_MINUTES))
}
