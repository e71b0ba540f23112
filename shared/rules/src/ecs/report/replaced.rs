//! What took the place of a deployment that succeeded.

use super::due::End;
use super::observed::Observed;
use crate::ecs::{Listed, Status};
use crate::rolling::GateState;

/// Sets what replaced each deployment that succeeded: the next one that succeeded, too, or may still. Where its end is told late,
/// others may have been stopped or gone back in between, and those took nothing from it.
///
/// One that its production gate did not let pass, or that it still has to judge, keeps the next one, which may be its way back.
pub fn add_replacements(all: &mut [Observed], listed: &[Listed]) {
    for observed in all {
        let is_judged = match observed.gate {
            GateState::Free | GateState::FailedBefore { .. } | GateState::Passed => false,
            GateState::Open | GateState::Failed { .. } => true,
        };
        if is_judged || End::of(&observed.deployment.status) != Some(End::Shipped) {
            continue;
        }
        let arn = &observed.deployment.arn;
        let newer = listed.iter().take_while(|one| one.arn != *arn);
        let serving =
            newer.filter(|one| one.status == Status::Successful || !one.status.has_ended());
        // The newest one is listed first.
        let next = serving.last();
        observed.newer = next.or(observed.newer.as_ref()).cloned();
    }
}
