//! What is still to be told of a service deployment.

use std::time::Duration;

use super::observed::Observed;
use super::schedules::SEEN_WITHIN;
use super::told::Told;
use crate::ecs::{GateFunctions, Listed, Status};
use crate::events::{Announced, Pause, ServiceChange};
use crate::names::ServiceDeploymentArn;

/// What is told of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It began.
    Started,
    /// A pause hook waits for a person.
    Waits(Pause),
    /// Nothing rolls it back, and its time is up.
    Overdue,
    /// It ended.
    Ended(End),
}

/// How a deployment ended, as ECS states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `SUCCESSFUL`
    Shipped,
    /// `ROLLBACK_SUCCESSFUL`
    RolledBack,
    /// `ROLLBACK_FAILED`
    RollbackFailed,
    /// `STOPPED`
    Stopped,
}

impl End {
    /// None while it has not ended.
    pub fn of(status: &Status) -> Option<Self> {
        match status {
            Status::Successful => Some(Self::Shipped),
            Status::RollbackSuccessful => Some(Self::RolledBack),
            Status::RollbackFailed => Some(Self::RollbackFailed),
            Status::Stopped => Some(Self::Stopped),
            Status::Pending
            | Status::InProgress
            | Status::StopRequested
            | Status::RollbackRequested
            | Status::RollbackInProgress
            | Status::Unknown(_) => None,
        }
    }
}

impl What {
    /// The tag that says of which deployments a start was told.
    pub const STARTED: &'static str = "greenlight:told-started";
    /// The tag that says of which pause hooks it was told that they wait.
    pub const WAITING: &'static str = "greenlight:told-waiting";
    /// The tag that says of which deployments it was told that their time is up.
    pub const OVERDUE: &'static str = "greenlight:told-overdue";
    /// The tag that says of which deployments an end was told.
    pub const ENDED: &'static str = "greenlight:told-ended";

    /// The tag of its kind.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Started => Self::STARTED,
            Self::Waits(_) => Self::WAITING,
            Self::Overdue => Self::OVERDUE,
            Self::Ended(_) => Self::ENDED,
        }
    }

    /// A word for its kind.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waits(_) => "waiting",
            Self::Overdue => "overdue",
            Self::Ended(_) => "ended",
        }
    }

    /// What is told once: of a pause each hook, otherwise the deployment.
    pub(super) fn subject(&self, deployment: &ServiceDeploymentArn) -> String {
        match self {
            Self::Waits(pause) => pause.hook.as_str().to_owned(),
            Self::Started | Self::Overdue | Self::Ended(_) => deployment.id().as_str().to_owned(),
        }
    }
}

/// What is still to be told of a deployment, in order.
///
/// An older deployment may be over before anybody has looked at it, whoever began it. Told are those whose start was, those of a
/// revision that this stack registered, those that came after one of such a revision, and those that called its gates until just
/// before the next one began. All else was before this stack, or told long ago, and its mark has made room. So it is with the newest
/// one where no end is announced: ECS lists a deployment a moment after it has begun, and until then the newest one is that of last
/// month.
pub fn due(
    observed: &Observed,
    is_newest: bool,
    announced: &Announced,
    told: &Told,
    gates: &GateFunctions,
) -> Vec<What> {
    let deployment = &observed.deployment;
    let is_told = |what: &What| told.has(what, &deployment.arn);
    let (pause, may_have_ended) = match announced {
        Announced::Waits(pause) => (Some(pause), false),
        // Whoever made a claim has seen it due.
        Announced::Ended | Announced::Routine(Some(_)) => (None, true),
        Announced::InProgress | Announced::Routine(None) | Announced::Other => (None, false),
    };
    let is_known = (is_newest && may_have_ended)
        || told.was_there
        || is_told(&What::Started)
        || (deployment.calls(gates) && was_followed_at_once(observed));
    let due = match End::of(&deployment.status) {
        Some(end) if is_known => vec![What::Ended(end)],
        Some(_) => Vec::new(),
        None => {
            let begins = is_newest && goes_on(&deployment.status);
            let pause = pause.filter(|pause| pause.deployment == deployment.arn);
            let pause = pause.cloned().map(What::Waits);
            begins
                .then_some(What::Started)
                .into_iter()
                .chain(pause)
                .collect()
        }
    };
    due.into_iter().filter(|what| !is_told(what)).collect()
}

/// Whether the next one began so soon after its end that nobody may have looked in between. Most are stopped by the next one.
fn was_followed_at_once(observed: &Observed) -> bool {
    let (ended, newer) = (observed.deployment.ended_at(), &observed.newer);
    let both = ended.zip(newer.as_ref());
    both.is_some_and(|(ended, newer)| ended.saturating_add(SEEN_WITHIN) >= newer.created_at)
}

/// How long before its event a deployment that begins may have been created, if nothing keeps it waiting.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// Whether ECS does not list the newest deployment yet: one that has just begun appears a moment after it has. Only an event can
/// be about such a one; and not one whose deployment is listed, however late it is delivered. Who stopped the newest one that is
/// listed, a schedule does not know either, which may call at any moment.
pub fn lacks_the_newest(listed: &[Listed], change: &ServiceChange) -> bool {
    // Most are stopped by a newer one.
    let is_stopped = |newest: &Listed| newest.status == Status::Stopped;
    let newest_is_stopped = listed.first().is_some_and(is_stopped);
    match change.announced {
        Announced::Ended | Announced::Routine(_) => newest_is_stopped,
        Announced::InProgress => {
            let may_be_it = |one: &Listed| {
                let begins = |at| one.created_at + BEGINS_WITHIN >= at;
                !one.status.has_ended() || change.at.is_some_and(begins)
            };
            newest_is_stopped || !listed.iter().any(may_be_it)
        }
        Announced::Waits(_) | Announced::Other => false,
    }
}

/// Whether it is still meant to succeed: of one that is being stopped or goes back already, its end says more.
pub(super) fn goes_on(status: &Status) -> bool {
    match status {
        Status::Pending | Status::InProgress | Status::Unknown(_) => true,
        Status::Successful
        | Status::StopRequested
        | Status::Stopped
        | Status::RollbackRequested
        | Status::RollbackInProgress
        | Status::RollbackSuccessful
        | Status::RollbackFailed => false,
    }
}
