//! The production gate that is held after a rolling update: when an end is told, and as what.
//!
//! ECS's success is not the end then. It is told when the gate has passed, and otherwise when the service has gone back: that is a
//! deployment of its own, of which nothing else is told.

use super::cause::causes;
use super::due::{End, What};
use super::migration::migrated_before;
use super::observed::Observed;
use super::steps::steps;
use crate::config::Pipeline;
use crate::ecs::Status;
use crate::outcome::{Ending, LeftOn, Outcome, Subject};
use crate::rolling::GateState;

/// What is done about something that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is told.
    Now,
    /// `check-production` has to judge the deployment, or to go back from it.
    AfterTheGate,
    /// The way back is under way.
    AfterTheWayBack,
    /// Nothing: it is the way back, and what it goes back from is told.
    Never,
}

/// Finds the deployments by which a service went back from the ones before them; the oldest first.
pub fn add_ways_back(all: &mut [Observed]) {
    for index in 1..all.len() {
        let (earlier, later) = all.split_at_mut(index);
        let (Some(failed), Some(next)) = (earlier.last_mut(), later.first_mut()) else {
            continue;
        };
        let back = match failed.gate {
            GateState::Failed { back, .. } => back,
            GateState::Free
            | GateState::FailedBefore { .. }
            | GateState::Open
            | GateState::Passed => None,
        };
        let from = &failed.target.revision.revision;
        let is_next = failed
            .newer
            .as_ref()
            .is_some_and(|newer| newer.arn == next.deployment.arn);
        let to = back.map(|number| from.sibling(number));
        if is_next && to.as_ref() == Some(&next.target.revision.revision) {
            failed.back = Some(next.target.revision.clone());
            next.goes_back = true;
        }
    }
}

/// What is done about this, which is still to be told.
pub fn telling(observed: &Observed, what: &What) -> Telling {
    match what {
        // A way back that never ends is told by nothing else.
        What::Overdue => return Telling::Now,
        What::Ended(_) | What::Started | What::Waits(_) if observed.goes_back => {
            return Telling::Never;
        }
        What::Ended(End::Shipped) => {}
        What::Ended(End::RolledBack | End::RollbackFailed | End::Stopped)
        | What::Started
        | What::Waits(_) => return Telling::Now,
    }
    let newer = observed.newer.as_ref();
    match &observed.gate {
        GateState::Free
        | GateState::FailedBefore { .. }
        | GateState::Passed
        | GateState::Failed { back: None, .. } => Telling::Now,
        // Another deployment took its place: there is nothing left to judge.
        GateState::Open if newer.is_some() => Telling::Now,
        GateState::Open => Telling::AfterTheGate,
        GateState::Failed { back: Some(_), .. } => match (newer, &observed.back) {
            (None, _) => Telling::AfterTheGate,
            (Some(newer), Some(_)) if !newer.status.has_ended() => Telling::AfterTheWayBack,
            (Some(_), _) => Telling::Now,
        },
    }
}

/// The outcome of a deployment that its gate did not let pass, or that nobody judged; none where it is ECS's.
pub(super) fn judged(
    pipeline: &Pipeline,
    observed: &Observed,
    subject: &Subject,
) -> Option<Outcome> {
    let ending = || Ending {
        revision: Some(observed.target.revision.revision.clone()),
        steps: steps(&observed.deployment),
        causes: causes(pipeline, observed),
        migrated: migrated_before(observed),
        ..Ending::default()
    };
    let newer = observed.newer.as_ref();
    match &observed.gate {
        GateState::Free | GateState::FailedBefore { .. } | GateState::Passed => None,
        GateState::Open => {
            let by = newer.map(|newer| newer.arn.id());
            Some(Outcome::not_judged(
                pipeline,
                subject,
                by.as_ref(),
                ending(),
            ))
        }
        GateState::Failed { back, reason: _ } => {
            let left = match (newer, &observed.back, back) {
                (Some(newer), Some(_), _) if newer.status == Status::Successful => return None,
                (Some(newer), Some(_), _) => LeftOn::WayBackFailed(newer.arn.id()),
                (Some(newer), None, _) => LeftOn::Newer(newer.arn.id()),
                (None, _, Some(number)) => {
                    LeftOn::Failed(observed.target.revision.revision.sibling(*number))
                }
                (None, _, None) => LeftOn::Only,
            };
            Some(Outcome::judged_and_left(pipeline, subject, &left, ending()))
        }
    }
}

/// Whether it is told as a rollback: the deployment that goes back has succeeded.
pub(super) fn has_gone_back(observed: &Observed) -> bool {
    let newer = observed.newer.as_ref();
    matches!(observed.gate, GateState::Failed { .. })
        && observed.back.is_some()
        && newer.is_some_and(|newer| newer.status == Status::Successful)
}
