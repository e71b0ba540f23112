//! 2. No push is deployed twice, and each reconciliation that ran beside others leaves at most one unused revision,
//!    however often a function is killed.
//!
//! Each deployment by Greenlight is justified by an order of its image after the previous deployment of the same image:
//! a push under a tag that the pipeline follows (even one that changes nothing), a person's request, or, where the
//! pipeline follows settings, a revision that someone else registered into the family. A version that the image was given while the
//! reconciliation that created the previous deployment was running is an order of its own, which that one may not have seen. What another deployment superseded before
//! it had ended is due again. An order at the
//! very moment of a creation counts as later: a client that waits for the creation acts at that moment, and the
//! reconciliation that created it had read ECR before. An unused revision is one that no deployment ships and no migration
//! runs. Each order of an image may leave at most one, plus one for each further reconciliation that was running when one
//! was registered: two concurrent reconciliations may both register before CodeDeploy refuses the second deployment.

use std::collections::BTreeMap;
use std::time::Duration;

use record::{By, Deployment, Ending, Engine, Revision, counted};

use super::facts::{Facts, Pipeline, short};
use super::rule::Rule;

/// The time within which a call that is under way is delivered: longer than any latency of a storm's calls, and far
/// shorter than a reconciliation.
const ONE_CALL: Duration = Duration::from_millis(100);

/// How long ListServiceDeployments may not show a service deployment yet.
const UNLISTED: Duration = Duration::from_secs(3);

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let twice = facts
        .pipelines
        .iter()
        .flat_map(|pipeline| twice(facts, pipeline));
    twice.chain(needless(facts)).collect()
}

fn twice(facts: &Facts<'_>, pipeline: &Pipeline<'_>) -> Vec<String> {
    let mut last: BTreeMap<&str, &Deployment> = BTreeMap::new();
    let mut found = Vec::new();
    for deployment in facts.deployments_of(pipeline) {
        let (By::Greenlight, Some(digest)) = (deployment.by, pipeline.shipped_by(deployment))
        else {
            continue;
        };
        let before = last.insert(digest, deployment);
        let is_new = |at| before.is_none_or(|before| at >= before.created_at);
        let mut pushes = facts.followed(pipeline);
        let pushed = pushes.any(|push| {
            push.digest == digest && is_new(push.at) && push.at <= deployment.created_at
        });
        let mut reconciliations = facts.record.reconciliations.iter();
        let asked = reconciliations.any(|reconciliation| {
            reconciliation.asked.as_ref() == Some(&pipeline.given.name)
                && is_new(reconciliation.began)
                && reconciliation.began <= deployment.created_at
        });
        let mut revisions = facts.record.revisions.iter();
        let new_settings = pipeline.given.follows_settings
            && revisions.any(|revision| {
                !revision.by_greenlight
                    && revision.family == family(&deployment.revision)
                    && is_new(revision.registered_at)
                    && revision.registered_at <= deployment.created_at
            });
        let is_unseen = before.is_some_and(|before| was_unseen(facts, before, deployment));
        let came_back = before.is_some_and(|before| came_back(facts, before, deployment));
        let was_superseded = before.is_some_and(|before| was_superseded(facts, before, digest));
        let is_risen = before.is_some_and(|before| is_risen(facts, pipeline, before, digest));
        let is_justified = is_unseen || came_back || was_superseded || is_risen;
        if !pushed && !asked && !new_settings && !is_justified {
            let since = before.map_or_else(String::new, |before| {
                format!(
                    " since `{}` at {}",
                    before.id,
                    facts.when(before.created_at)
                )
            });
            found.push(format!(
                "`{}` created deployment `{}` of {} at {}, without an order{since}",
                pipeline.given.name,
                deployment.id,
                short(digest),
                facts.when(deployment.created_at),
            ));
        }
    }
    found
}

/// Whether a person, an alarm or a newer deployment ended it. ECS returns to blue within the same deployment.
fn is_cut_short(deployment: &Deployment) -> bool {
    match deployment.ending() {
        Ending::Stopped | Ending::RolledBack => true,
        Ending::UnderWay | Ending::Succeeded | Ending::Failed => false,
    }
}

/// The family of a revision, by its ARN.
fn family(revision: &str) -> &str {
    let short = revision.rsplit('/').next().unwrap_or_default();
    short.split(':').next().unwrap_or_default()
}

/// Whether `before` was stopped for an image of another pipeline of the service that `deployment` ships, and that was pushed
/// meanwhile: then what it shipped goes with that one.
fn came_back(facts: &Facts<'_>, before: &Deployment, deployment: &Deployment) -> bool {
    let while_before =
        |push: &record::Push| before.created_at <= push.at && Some(push.at) <= before.ended_at;
    let mut others = facts.pipelines_of(deployment);
    is_cut_short(before)
        && others.any(|other| {
            let ships = other.shipped_by(deployment);
            ships.is_some()
                && ships != other.shipped_by(before)
                && facts
                    .followed(other)
                    .any(|push| ships == Some(&push.digest) && while_before(push))
        })
}

/// Whether `before` did not ship, and the image was given another version after the reconciliation that created it began, which may have
/// read ECR by then: an attempt by a lower version speaks against no higher one.
fn is_risen(facts: &Facts<'_>, pipeline: &Pipeline<'_>, before: &Deployment, digest: &str) -> bool {
    let has_versions = match &pipeline.rule {
        Rule::Semver(_) => true,
        Rule::Exact(_) | Rule::Glob(_) | Rule::Regex(_) => false,
    };
    let began = facts.began_by(before).map(|one| one.began).min();
    has_versions
        && before.ending() != Ending::Succeeded
        && facts.followed(pipeline).any(|push| {
            push.moved
                && push.digest == digest
                && push.at < before.created_at
                && began.is_some_and(|began| began < push.at)
        })
}

/// Whether a deployment of something else ended `before` where ECS deploys, which refuses no second one: what it shipped was not
/// tried.
fn was_superseded(facts: &Facts<'_>, before: &Deployment, digest: &str) -> bool {
    let mut later = facts.after(before);
    before.engine != Engine::CodeDeploy
        && before.ending() == Ending::Stopped
        && later.any(|later| {
            before
                .ended_at
                .is_some_and(|ended| later.created_at <= ended)
                && later.pipeline_digest.as_deref() != Some(digest)
        })
}

/// Whether no function could know of `before` when `deployment` was requested: the creating call was under way already, and
/// no deployments were listed in between. CodeDeploy refuses the second of two deployments only while the first one is
/// active, so a person who stops the first one in that instant lets both of two concurrent reconciliations create one. ECS
/// refuses none and lists one a moment after its creation: the later one ends the earlier one.
fn was_unseen(facts: &Facts<'_>, before: &Deployment, deployment: &Deployment) -> bool {
    let apart = deployment.created_at.duration_since(before.created_at);
    let (lists, unlisted) = match deployment.engine {
        Engine::CodeDeploy => ("ListDeployments", Duration::ZERO),
        Engine::Native | Engine::Rolling => ("ListServiceDeployments", UNLISTED),
    };
    let could_know = facts.record.aws_calls.iter().any(|call| {
        call.function.is_some()
            && call.operation == lists
            && (before.created_at + unlisted..=deployment.created_at).contains(&call.at)
    });
    // Only an invocation beside it can have decided from what it saw before.
    let is_concurrent = facts.reconciling_at(deployment.created_at).count() > 1;
    is_cut_short(before)
        && is_concurrent
        && apart.is_ok_and(|apart| apart < ONE_CALL + unlisted)
        && !could_know
}

fn needless(facts: &Facts<'_>) -> Vec<String> {
    let ships = |revision: &Revision| {
        let mut deployments = facts.record.deployments.iter();
        let mut migrations = facts.record.migrations.iter();
        deployments.any(|deployment| deployment.revision == revision.arn)
            || migrations.any(|migration| migration.revision == revision.arn)
    };
    let mut unused: BTreeMap<(&str, Vec<&str>), Vec<&Revision>> = BTreeMap::new();
    let ours = facts
        .record
        .revisions
        .iter()
        .filter(|one| one.by_greenlight);
    for revision in ours.filter(|revision| !ships(revision)) {
        let of = (revision.family.as_str(), revision.digests());
        unused.entry(of).or_default().push(revision);
    }
    let too_many = unused.into_iter().filter(|((_, digests), revisions)| {
        revisions.len() > orders(facts, digests).max(1) * side_by_side(facts, revisions).max(1)
    });
    too_many
        .map(|((family, digests), revisions)| {
            let digests: Vec<&str> = digests.iter().map(|digest| short(digest)).collect();
            let arns: Vec<&str> = revisions.iter().map(|found| found.arn.as_str()).collect();
            format!(
                "registered and never deployed: {} of `{family}` with {}: {}",
                counted(arns.len(), "revision", "revisions"),
                digests.join(", "),
                arns.join(", ")
            )
        })
        .collect()
}

/// The maximum number of reconciliations that were running when one of these was registered.
fn side_by_side(facts: &Facts<'_>, revisions: &[&Revision]) -> usize {
    let reconciliations = revisions
        .iter()
        .map(|revision| facts.reconciling_at(revision.registered_at).count());
    reconciliations.max().unwrap_or_default()
}

/// The number of orders of a revision's images, by moved tags or requests.
fn orders(facts: &Facts<'_>, digests: &[&str]) -> usize {
    let moves = facts
        .record
        .pushes
        .iter()
        .filter(|push| push.moved && digests.contains(&push.digest.as_str()));
    let requests = facts
        .record
        .reconciliations
        .iter()
        .filter(|reconciliation| reconciliation.asked.is_some());
    moves.count() + requests.count()
}
