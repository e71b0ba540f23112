//! 1. The newest image that the tag rule allows ends up in production, or a message gives the reason why not.
//!
//! *Newest*: for an exact tag, the image that it points to at the end; for a glob, the latest first push, and for
//! versions the highest, among the runnable images with a matching tag at the end. If production runs another image,
//! one of these must hold:
//! - a message, after the last order of the image, reports that it failed, was stopped or was rolled back; that its rolling
//!   update is overdue, while it is; that it waits and has to be asked for again, where it was tried between its push and that order;
//!   or that it cannot be deployed until something is corrected, that the stack only observes, or that the running image is
//!   unknown;
//! - a message says that another deployment took its place while its migration ran before a rolling update, and a person's did:
//!   what is migrated once is not migrated again unless somebody orders it;
//! - the image shipped after its order, or served production already when it was ordered, and a person deployed
//!   something else afterwards: it is set aside until its next order, whatever is ordered meanwhile;
//! - ECS deployed it before the run, when somebody else created its deployment, and it got its version by a push whose event was
//!   lost: nothing says as which version it ran, so that it is not told from one that a person has rolled back;
//! - production runs an image that the rule ranks higher, because its tag has moved since;
//! - EventBridge lost the event that reports the failure, or that event is in a queue whose alarm notifies people.
//!
//! *Order*: a push whose tag pointed to another image before, if its event arrived or it was the image's first push.
//! ECR does not record when a tag was moved back, so Greenlight cannot know of such a move if its event was lost.

use std::time::SystemTime;

use record::{By, End, Ending, Engine, Image, Message, Migration, Push};

use super::facts::{Facts, Pipeline, is_overdue, short};
use super::gate::starter;
use super::rule::{Ranked, Rule};

/// Outcomes that give the reason why an image does not run.
const WHY_NOT: [&str; 8] = [
    "migration-failed",
    "test-traffic-failed",
    "production-traffic-failed",
    "failed",
    "stopped",
    "rolled-back",
    "refused",
    "observed",
];
/// The one skip that is always a valid reason not to run the newest image. A message with another skip is wrong about it, but for
/// [`TOOK_ITS_PLACE`].
const NOT_KNOWN: &str = "running-unknown";
/// What is told of an order that has to wait, and that no later reconciliation can know of.
const NOT_REMEMBERED: &str = "no later reconciliation finds it";
/// The skip after a migration, which is right where a person deployed meanwhile.
const TOOK_ITS_PLACE: &str = "took its place while its migration ran";

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let found = facts.pipelines.iter();
    found
        .filter_map(|pipeline| missed(facts, pipeline))
        .collect()
}

fn missed(facts: &Facts<'_>, pipeline: &Pipeline<'_>) -> Option<String> {
    let due = due(facts, pipeline)?;
    let runs = pipeline.given.runs.as_deref();
    if runs == Some(&due.digest) || is_outranked(facts, pipeline, due) {
        return None;
    }
    let ordered = ordered(facts, pipeline, due);
    let is_set_aside =
        gone_back(facts, pipeline, due, ordered) || looks_gone_back(facts, pipeline, due, ordered);
    if is_set_aside || is_explained(facts, pipeline, due, ordered) {
        return None;
    }
    Some(format!(
        "`{}` should run {} ({}), ordered at {}; it runs {}, and no later message gives the reason",
        pipeline.given.name,
        short(&due.digest),
        due.tags.join(", "),
        facts.when(ordered),
        runs.map_or("nothing of its repository", short),
    ))
}

/// The image that should run.
fn due<'a>(facts: &'a Facts<'a>, pipeline: &Pipeline<'_>) -> Option<&'a Image> {
    let matching = |image: &&Image| {
        image.is_runnable
            && image.repository == pipeline.given.repository
            && image.tags.iter().any(|tag| pipeline.rule.matches(tag))
    };
    let version = |image: &&Image| {
        let tags = image.tags.iter();
        tags.filter_map(|tag| pipeline.rule.version(tag)).max()
    };
    let images = facts.record.images.iter().filter(matching);
    match &pipeline.rule {
        Rule::Exact(_) | Rule::Glob(_) | Rule::Regex(_) => {
            images.max_by_key(|image| (image.pushed_at, &image.digest))
        }
        Rule::Semver(_) => {
            images.max_by_key(|image| (version(image), image.pushed_at, &image.digest))
        }
    }
}

/// Whether the running image ranks after the due one, by the tags that it had when Greenlight deployed it.
fn is_outranked(facts: &Facts<'_>, pipeline: &Pipeline<'_>, due: &Image) -> bool {
    let running = facts.record.images.iter().find(|image| {
        image.repository == pipeline.given.repository
            && Some(&image.digest) == pipeline.given.runs.as_ref()
    });
    let Some(running) = running else {
        return false;
    };
    let rank = |image: &Image| Ranked {
        ordered_at: image.pushed_at,
        tags: facts
            .followed(pipeline)
            .filter(|push| push.digest == image.digest)
            .map(|push| push.tag.as_str())
            .collect(),
    };
    // ECR has no time of a tag, so that only the first push of the due image is known later. The running one was deployed by
    // the order of its tag, or of a person.
    let mut ranked = rank(running);
    let deployments = facts.deployments_of(pipeline);
    let shipped = deployments.filter(|deployment| {
        deployment.has_succeeded() && pipeline.shipped_by(deployment) == Some(&running.digest)
    });
    if let Some(shipped) = shipped.max_by_key(|deployment| deployment.created_at) {
        let tagged = facts.followed(pipeline).filter(|push| {
            push.heard && push.digest == running.digest && push.at <= shipped.created_at
        });
        let asked = facts
            .was_asked_for(pipeline, shipped)
            .then_some(shipped.created_at);
        let orders = tagged.map(|push| push.at).chain(asked);
        ranked.ordered_at = orders.fold(ranked.ordered_at, SystemTime::max);
    }
    pipeline.rule.is_before(&rank(due), &ranked)
}

/// The last order of the image, as far as Greenlight can know.
fn ordered(facts: &Facts<'_>, pipeline: &Pipeline<'_>, due: &Image) -> SystemTime {
    let is_order = |push: &&Push| push.digest == due.digest && push.moved && push.heard;
    let orders = facts
        .followed(pipeline)
        .filter(is_order)
        .map(|push| push.at);
    orders.fold(due.pushed_at, SystemTime::max)
}

fn is_explained(
    facts: &Facts<'_>,
    pipeline: &Pipeline<'_>,
    due: &Image,
    ordered: SystemTime,
) -> bool {
    let is_about = |told: &Message| {
        let deployment = told
            .deployment()
            .and_then(|id| facts.record.deployment(&id));
        let by_deployment = deployment.is_some_and(|deployment| {
            pipeline.given.is_of(deployment)
                && pipeline.shipped_by(deployment) == Some(&due.digest)
                && told
                    .pipeline()
                    .is_none_or(|about| about == pipeline.given.name)
        });
        let by_image = told.pipeline().as_ref() == Some(&pipeline.given.name)
            && told.digest().as_ref() == Some(&due.digest);
        by_deployment || by_image
    };
    let says_why = |told: &Message| {
        let outcome = told.outcome();
        let is_reason = match outcome.as_str() {
            "skipped" => {
                told.body.contains(NOT_KNOWN)
                    || told.body.contains(TOOK_ITS_PLACE) && was_faster(facts, pipeline, due, told)
            }
            "waiting" => {
                told.body.contains(NOT_REMEMBERED) && was_tried(facts, pipeline, due, ordered)
            }
            "overdue" => {
                let about = told
                    .deployment()
                    .and_then(|id| facts.record.deployment(&id));
                about.is_some_and(|deployment| is_overdue(deployment, told.at))
            }
            outcome => WHY_NOT.contains(&outcome),
        };
        told.at >= ordered && is_reason && is_about(told)
    };
    let last = facts
        .deployments_of(pipeline)
        .filter(|deployment| {
            deployment.by == By::Greenlight && pipeline.shipped_by(deployment) == Some(&due.digest)
        })
        .last();
    let is_untold = last.is_some_and(|last| {
        matches!(
            last.ending(),
            Ending::Failed | Ending::Stopped | Ending::RolledBack
        ) && last.created_at >= ordered
            && matches!(last.end, End::Lost | End::Kept)
    });
    facts.record.messages.iter().any(says_why) || is_untold
}

/// Whether the image was deployed between its push and a later order of it, which nothing but that order's event tells.
fn was_tried(facts: &Facts<'_>, pipeline: &Pipeline<'_>, due: &Image, ordered: SystemTime) -> bool {
    let mut before = facts
        .deployments_of(pipeline)
        .take_while(|deployment| deployment.created_at < ordered);
    due.pushed_at < ordered
        && (pipeline.given.ran_first.as_ref() == Some(&due.digest)
            || before.any(|one| pipeline.shipped_by(one) == Some(&due.digest)))
}

/// Whether a person's deployment came between the one that the image's migration was started after and the message.
fn was_faster(facts: &Facts<'_>, pipeline: &Pipeline<'_>, due: &Image, told: &Message) -> bool {
    let starts = starter(Engine::Rolling);
    let migrates = |task: &&Migration| {
        let mut containers = task.containers.iter();
        task.given_to.as_deref() == Some(starts)
            && containers.any(|container| container.digest.as_ref() == Some(&due.digest))
    };
    let mut tasks = facts.record.migrations.iter().filter(migrates);
    tasks.any(|task| {
        // `<service>-<the newest deployment then>`; that of before the run is in no record.
        let (_, before) = task.deployment.split_once('-').unwrap_or_default();
        let before = facts
            .deployments_of(pipeline)
            .find(|deployment| deployment.is_called(before))
            .map(|deployment| deployment.created_at);
        facts.deployments_of(pipeline).any(|deployment| {
            deployment.by == By::Hand
                && Some(deployment.created_at) > before
                && deployment.created_at <= told.at
        })
    })
}

/// Whether ECS has a deployment of the image from before the run, and its later version came with no event.
fn looks_gone_back(
    facts: &Facts<'_>,
    pipeline: &Pipeline<'_>,
    due: &Image,
    ordered: SystemTime,
) -> bool {
    let has_versions = match &pipeline.rule {
        Rule::Semver(_) => true,
        Rule::Exact(_) | Rule::Glob(_) | Rule::Regex(_) => false,
    };
    let mut deployments = facts.deployments_of(pipeline);
    let mut pushes = facts.followed(pipeline);
    has_versions
        && pipeline.given.ran_first.as_ref() == Some(&due.digest)
        && deployments.any(|deployment| deployment.engine != Engine::CodeDeploy)
        && pushes
            .any(|push| push.digest == due.digest && push.moved && !push.heard && push.at > ordered)
}

/// Whether the image shipped after its order, or served production then, and a person deployed something else after that.
fn gone_back(facts: &Facts<'_>, pipeline: &Pipeline<'_>, due: &Image, ordered: SystemTime) -> bool {
    let succeeded: Vec<_> = facts
        .deployments_of(pipeline)
        .filter(|deployment| deployment.has_succeeded())
        .collect();
    let before = succeeded.partition_point(|deployment| deployment.created_at < ordered);
    let ships_due = |at: &usize| {
        let deployment = succeeded[*at];
        deployment.by == By::Greenlight && pipeline.shipped_by(deployment) == Some(&due.digest)
    };
    // An order of what serves, or is about to, starts nothing.
    let served = before.checked_sub(1).filter(ships_due);
    let shipped = served.or_else(|| (before..succeeded.len()).find(ships_due));
    let Some(shipped) = shipped else {
        return false;
    };
    succeeded[shipped + 1..].iter().any(|later| {
        let by_person = match later.by {
            By::Hand => true,
            By::Greenlight => facts.was_asked_for(pipeline, later),
            By::Rollback => false,
        };
        by_person && pipeline.digest_in(later) != Some(&due.digest)
    })
}
