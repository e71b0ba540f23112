//! What was tried before: which earlier deployments speak against deploying the candidate once more.

use std::time::Duration;

use time::UtcDateTime;

use super::Candidate;
use super::order::{Order, shipped};
use crate::codedeploy::{Creator, Deployment, DeploymentStatus};
use crate::config::{Pipeline, WhenBusy};
use crate::names::{Digest, Tag};
use crate::tag_rule::TagRule;

/// Which of a group's deployments since the candidate was ordered tried to ship it: those that ended, and were not made
/// by CodeDeploy itself.
///
/// An exact tag that Greenlight followed elsewhere since has been moved back: that is a new order, whatever became of the
/// earlier ones. A deployment that repeats another one's AppSpec was copied by a person, and says nothing about the tag.
/// An image that was given a higher version than the one by which it was tried is a new order, too. One that was stopped
/// for a newer image did not fail.
pub fn attempts(
    pipeline: &Pipeline,
    candidate: &Candidate,
    mut deployments: Vec<Deployment>,
) -> Vec<Deployment> {
    let digest = &candidate.image.digest;
    let counts = |deployment: &Deployment| deployment.created_at >= candidate.ordered_at;
    deployments.retain(|deployment| deployment.creator == Creator::Caller);
    deployments.sort_by_key(|deployment| deployment.created_at);
    let elsewhere = (0..deployments.len()).rev().find(|&index| {
        let (earlier, deployment) = (&deployments[..index], &deployments[index]);
        counts(deployment)
            && follows_exactly(&pipeline.tag, deployment, digest)
            && !is_copy(earlier, deployment)
    });
    let since = elsewhere.map_or(0, |index| index + 1);
    deployments.drain(..since);
    let tried = |index: &usize| {
        let deployment = &deployments[*index];
        counts(deployment)
            && deployment.status.has_ended()
            && shipped(deployment).as_ref() == Some(digest)
            && !was_of_lower_version(&pipeline.tag, deployment, candidate)
            && !was_superseded(pipeline, deployment, &deployments[index + 1..])
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
    deployments: &[Deployment],
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
fn follows_exactly(rule: &TagRule, deployment: &Deployment, digest: &Digest) -> bool {
    let TagRule::Exact(followed) = rule else {
        return false;
    };
    Order::of(deployment)
        .is_some_and(|order| order.tag.as_ref() == Some(followed) && order.digest != *digest)
}

/// Whether a deployment shipped the image by a lower version than the one that it has now.
fn was_of_lower_version(rule: &TagRule, deployment: &Deployment, candidate: &Candidate) -> bool {
    let version = |tag: Option<Tag>| rule.version(&tag?);
    let shipped = version(Order::of(deployment).and_then(|order| order.tag));
    let now = version(candidate.image.tag.clone());
    shipped.zip(now).is_some_and(|(shipped, now)| shipped < now)
}

/// Whether Greenlight stopped a deployment for a newer image, which `when_busy = "replace"` asks for: that says nothing
/// against its own image. CodeDeploy tells such a stop from a person's by nothing; what tells them apart is the
/// deployment that came after, by the time of its order. It was ordered while this one was under way, and then Greenlight
/// stops what is under way before any person can.
fn was_superseded(pipeline: &Pipeline, deployment: &Deployment, later: &[Deployment]) -> bool {
    if pipeline.when_busy != WhenBusy::Replace || deployment.status != DeploymentStatus::Stopped {
        return false;
    }
    let by_a_call = deployment
        .error
        .as_ref()
        .is_none_or(|(code, _)| code == "MANUAL_STOP");
    let Some(stopped_at) = deployment.completed_at.filter(|_| by_a_call) else {
        return false;
    };
    let digest = shipped(deployment);
    let orders = later.iter().filter_map(Order::of);
    orders
        .filter(|order| Some(&order.digest) != digest.as_ref())
        .filter_map(|order| order.ordered_at)
        .any(|at| (deployment.created_at..=stopped_at).contains(&at))
}

fn is_copy(earlier: &[Deployment], deployment: &Deployment) -> bool {
    deployment.app_spec_sha256.is_some()
        && earlier
            .iter()
            .any(|earlier| earlier.app_spec_sha256 == deployment.app_spec_sha256)
}

#[cfg(test)]
mod tests;
