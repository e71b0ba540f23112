//! What was tried before: which earlier deployments speak against deploying the candidate once more.

use std::time::Duration;

use time::UtcDateTime;

use super::{Candidate, Chosen, Order};
use crate::config::{Pipeline, WhenBusy};
use crate::names::{DeploymentId, Digest, Tag};
use crate::tag_rule::TagRule;

/// A deployment, as far as it shows whether the same image is worth another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The order that it carried out; none where a person or another tool made it.
    pub order: Option<Order>,
    /// The orders of the service's other pipelines that it carried out, too.
    pub beside: Vec<Order>,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// How it ended; none while it is under way, and where ECS ended it for a newer deployment: neither says anything of it.
    pub end: Option<End>,
    /// When it ended.
    pub ended_at: Option<UtcDateTime>,
    /// Equal for two deployments that deployed the very same revision in the same way: the AppSpec's hash, or for ECS the revision;
    /// none where that is not known.
    pub content: Option<String>,
    /// When the revision that it deployed was registered; none where that is not known.
    pub registered_at: Option<UtcDateTime>,
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Production ran what it shipped.
    Succeeded,
    /// It failed.
    Failed,
    /// It was stopped, by an alarm for example.
    Stopped,
    /// It was stopped by a call: a person's, or Greenlight's own for a newer image.
    StoppedByCall,
    /// It was not begun: how the migration before it ended is not known.
    MigrationUnknown,
    /// It was not begun: while the migration before it ran, somebody else's deployment took its place.
    Superseded,
}

impl Attempt {
    /// The digest that it shipped, or tried to.
    pub fn digest(&self) -> Option<&Digest> {
        self.order.as_ref().map(|order| &order.digest)
    }

    /// All that it shipped, or tried to.
    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.order.iter().chain(&self.beside)
    }

    fn ships(&self, digest: &Digest) -> bool {
        self.orders().any(|order| order.digest == *digest)
    }

    /// Whether Greenlight may have stopped it for an image that was ordered then.
    fn was_stopped_for(&self, pipeline: &Pipeline, ordered_at: UtcDateTime) -> bool {
        let may_replace =
            pipeline.when_busy == WhenBusy::Replace && self.end == Some(End::StoppedByCall);
        let ended_at = self.ended_at.filter(|_| may_replace);
        ended_at.is_some_and(|ended_at| (self.created_at..=ended_at).contains(&ordered_at))
    }

    /// Whether Greenlight stopped it for an image of another pipeline of the service that is due now: what it shipped goes with that
    /// one. What tells this from a person's stop is the same as in [`was_superseded`], only that the later deployment is still to
    /// be created.
    pub(super) fn made_room_for(&self, pipeline: &Pipeline, due: &Candidate) -> bool {
        !self.ships(&due.image.digest) && self.was_stopped_for(pipeline, due.detail.pushed_at)
    }
}

/// Which of a service's deployments since the candidate was ordered tried to ship it, and have ended.
///
/// An exact tag that Greenlight followed elsewhere since has been moved back: that is a new order, whatever became of the
/// earlier ones. A deployment that repeats another one's content was copied by a person, and proves nothing about the tag; nor does
/// one whose order was older than one that had been carried out by then: a person deployed a revision that Greenlight had left.
/// An image that was given a higher version than the one by which it was tried is a new order, too. One that was stopped
/// for a newer image did not fail, and is due again when it comes first again; an event of its old order, late or for the
/// second time, does not bring it back.
pub fn attempts(
    pipeline: &Pipeline,
    candidate: &Candidate,
    mut deployments: Vec<Attempt>,
) -> Vec<Attempt> {
    let digest = &candidate.image.digest;
    let counts = |deployment: &Attempt| deployment.created_at >= candidate.ordered_at;
    // No engine promises an order.
    deployments.sort_by_key(|deployment| deployment.created_at);
    let elsewhere = (0..deployments.len()).rev().find(|&index| {
        let (earlier, deployment) = (&deployments[..index], &deployments[index]);
        counts(deployment)
            && follows_exactly(&pipeline.tag, deployment, digest)
            && !is_copy(earlier, deployment)
            && !is_outdated(earlier, deployment)
    });
    let since = elsewhere.map_or(0, |index| index + 1);
    deployments.drain(..since);
    let tried = |index: &usize| {
        let deployment = &deployments[*index];
        counts(deployment)
            && deployment.end.is_some()
            && deployment.digest() == Some(digest)
            && !was_of_lower_version(&pipeline.tag, deployment, candidate)
            && !(candidate.chosen == Chosen::First
                && was_superseded(pipeline, deployment, &deployments[index + 1..]))
    };
    let tried = (0..deployments.len()).filter(tried);
    tried.map(|index| deployments[index].clone()).collect()
}

/// How long before its copy a deployment lies at most that a person repeats to go back: beyond that, the copy is taken
/// for a new order.
const COPIED_AFTER_AT_MOST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// From when on deployments have to be known to judge what became of the candidate, given those since it was ordered:
/// where one of them followed the tag elsewhere, it may be a copy of one from before.
pub fn attempts_since(
    pipeline: &Pipeline,
    candidate: &Candidate,
    deployments: &[Attempt],
) -> UtcDateTime {
    let digest = &candidate.image.digest;
    let elsewhere = deployments
        .iter()
        .any(|deployment| follows_exactly(&pipeline.tag, deployment, digest));
    if elsewhere {
        candidate.ordered_at - COPIED_AFTER_AT_MOST
    } else {
        candidate.ordered_at
    }
}

/// Whether a deployment followed the rule's one tag to something else than `digest`.
fn follows_exactly(rule: &TagRule, deployment: &Attempt, digest: &Digest) -> bool {
    let TagRule::Exact(followed) = rule else {
        return false;
    };
    let order = deployment.order.as_ref();
    order.is_some_and(|order| order.tag.as_ref() == Some(followed) && order.digest != *digest)
}

/// Whether a deployment shipped the image by a lower version than the one that it has now.
fn was_of_lower_version(rule: &TagRule, deployment: &Attempt, candidate: &Candidate) -> bool {
    let version = |tag: Option<&Tag>| rule.version(tag?);
    let order = deployment.order.as_ref();
    let shipped = version(order.and_then(|order| order.tag.as_ref()));
    let now = version(candidate.image.tag.as_ref());
    shipped.zip(now).is_some_and(|(shipped, now)| shipped < now)
}

/// Whether Greenlight stopped a deployment for a newer image, which `when_busy = "replace"` asks for: that proves nothing
/// against its own image. Nothing in AWS's record distinguishes such a stop from a person's; what does is the deployment that
/// came after, by the time of its order. It was ordered while this one was under way, and then Greenlight stops what is under
/// way before any person can.
fn was_superseded(pipeline: &Pipeline, deployment: &Attempt, later: &[Attempt]) -> bool {
    let orders = later.iter().flat_map(Attempt::orders);
    orders
        .filter(|order| !deployment.ships(&order.digest))
        .filter_map(|order| order.ordered_at)
        .any(|at| deployment.was_stopped_for(pipeline, at))
}

fn is_copy(earlier: &[Attempt], deployment: &Attempt) -> bool {
    deployment.content.is_some()
        && earlier
            .iter()
            .any(|earlier| earlier.content == deployment.content)
}

/// Whether a later order of the tag had been carried out since its revision was registered. Greenlight would have registered another.
fn is_outdated(earlier: &[Attempt], deployment: &Attempt) -> bool {
    let (Some(order), Some(registered_at)) = (&deployment.order, deployment.registered_at) else {
        return false;
    };
    earlier
        .iter()
        .filter(|earlier| earlier.created_at > registered_at)
        .filter_map(|earlier| earlier.order.as_ref())
        .any(|later| later.tag == order.tag && later.ordered_at > order.ordered_at)
}

#[cfg(test)]
mod tests;
