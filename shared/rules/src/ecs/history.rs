//! A service's deployments, in the words of the decision: what is under way, what was tried, what was shipped.
//!
//! ECS has no free text for an order: the revision that a deployment deploys remembers it, in its tags and by its pinned images.

use time::{Duration, UtcDateTime};

use super::configuration::Strategy;
use super::deployment::{ServiceDeployment, Status};
use super::production::{has_shifted, running_image};
use super::revision::{RevisionImage, ServiceRevision};
use crate::config::{Pipeline, RevisionFrom};
use crate::names::{DeploymentId, Digest, RevisionArn};
use crate::observed::TaskDefinition;
use crate::revision;
use crate::rolling::Judged;
use crate::start::{Active, Attempt, Brings, Deployed, Due, End, Order, Phase, RunningImage};

/// A service deployment, with what it deploys as far as ECS still knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipping {
    /// The deployment.
    pub deployment: ServiceDeployment,
    /// What it deploys.
    pub target: Option<ServiceRevision>,
    /// What it replaces.
    pub source: Option<ServiceRevision>,
    /// The task definition that it deploys, with its tags.
    pub definition: Option<TaskDefinition>,
    /// Whether a newer deployment of the service is there.
    pub is_newest: bool,
}

/// How long after its registration a revision may be deployed to be taken for the order that registered it. Greenlight deploys at
/// once, or at the next reconciliation after a crash; who deploys it later goes back to it by hand.
const DEPLOYED_WITHIN: Duration = Duration::days(1);

/// By how much the time of a registration is read too late at most.
const ROUNDED_UP: Duration = Duration::SECOND;

/// A deployment that has not ended, as the pipeline sees it; `all` are the pipelines of its service.
pub fn active(
    pipeline: &Pipeline,
    all: &[&Pipeline],
    strategy: Option<Strategy>,
    shipping: &Shipping,
) -> Active {
    let deployment = &shipping.deployment;
    let brings = brings(pipeline, shipping);
    Active {
        id: deployment.arn.id(),
        ships: ships(pipeline, shipping).into_iter().collect(),
        beside: beside(pipeline, all, shipping)
            .into_iter()
            .map(|order| order.digest)
            .collect(),
        created_at: deployment.created_at,
        phase: phase(strategy, deployment),
        template: brings.map(|brings| brings.template),
    }
}

/// A service that wants a revision of which ECS lists no deployment yet: it shows up a moment after UpdateService has answered. It is
/// named after the revision so long.
pub fn accepted(
    pipeline: &Pipeline,
    wanted: &RevisionArn,
    definition: &TaskDefinition,
    at: UtcDateTime,
) -> Active {
    let digest = image_in(pipeline, definition, None);
    Active {
        id: DeploymentId::of_revision(wanted),
        ships: digest
            .map(|digest| as_deployed(pipeline, definition, digest))
            .into_iter()
            .collect(),
        beside: Vec::new(),
        created_at: at,
        phase: Phase::Accepted,
        template: None,
    }
}

/// A deployment as the pipeline's attempt to carry out an order; `before` are those of the engine that deployed to the service before it
/// was moved to ECS.
pub fn attempt(
    pipeline: &Pipeline,
    all: &[&Pipeline],
    shipping: &Shipping,
    before: &[Attempt],
) -> Attempt {
    let deployment = &shipping.deployment;
    let order = order(pipeline, shipping);
    Attempt {
        deployment: deployment.arn.id(),
        beside: beside(pipeline, all, shipping),
        created_at: deployment.created_at,
        end: end(shipping),
        ended_at: deployment.ended_at(),
        content: moved_with(shipping, order.as_ref(), before).or_else(|| {
            let target = shipping.target.as_ref();
            target.map(|target| target.revision.to_string())
        }),
        registered_at: shipping
            .definition
            .as_ref()
            .and_then(revision::registered_at),
        order,
    }
}

/// The content of the deployment before the move that this one repeats: the same order, by a revision that was there already. Whoever
/// moves a service deploys what runs; taken for a tag that was moved back, it would make all due again that failed since.
fn moved_with(shipping: &Shipping, order: Option<&Order>, before: &[Attempt]) -> Option<String> {
    let registered_at = revision::registered_at(shipping.definition.as_ref()?)?;
    let of = |order: &Order| (order.digest.clone(), order.tag.clone(), order.ordered_at);
    let moved = order.filter(|order| order.ordered_at.is_some()).map(of)?;
    let mut before = before.iter();
    let repeated = before.find(|earlier| {
        let order = earlier.order.as_ref().map(of);
        earlier.created_at + ROUNDED_UP > registered_at && order.as_ref() == Some(&moved)
    });
    repeated?.content.clone()
}

/// Whether a service revision that was deployed successfully ran this image in a container of the pipeline.
pub fn has_shipped(pipeline: &Pipeline, revision: &ServiceRevision, digest: &Digest) -> bool {
    let is_ours = |image: &&RevisionImage| {
        pipeline.containers.is_empty() || pipeline.containers.contains(&image.container)
    };
    let mut images = revision.images.iter().filter(is_ours);
    images.any(|image| {
        image.deployed().as_ref() == Some(digest) || image.digest.as_ref() == Some(digest)
    })
}

fn phase(strategy: Option<Strategy>, deployment: &ServiceDeployment) -> Phase {
    match &deployment.status {
        // What is being stopped goes back as well, or makes room for a newer one: neither can be stopped again.
        Status::RollbackRequested | Status::RollbackInProgress | Status::StopRequested => {
            Phase::RollingBack
        }
        Status::Pending
        | Status::InProgress
        | Status::Unknown(_)
        | Status::Successful
        | Status::Stopped
        | Status::RollbackSuccessful
        | Status::RollbackFailed => match strategy {
            None => Phase::Rolling,
            Some(_) if has_shifted(deployment) => Phase::Bake,
            Some(_) => Phase::Shifting,
        },
    }
}

/// How a deployment ended.
///
/// A rollback that a call asked for looks like one that ECS began, but for the reason: ECS names a stage, a monitor or the network for
/// its own, and has no such word for a call. A stop by Greenlight for a newer image is told from a person's by the newer
/// deployment's order, as with CodeDeploy: it was ordered while this one was under way. Nothing else of AWS tells the two apart,
/// and a mark on the revision would have to be written before the call, where it stays if the call fails.
fn end(shipping: &Shipping) -> Option<End> {
    let deployment = &shipping.deployment;
    let has_failed = deployment.was_triggered() || says_failed(deployment);
    match &deployment.status {
        // ECS knows nothing of a gate after a rolling update.
        Status::Successful if was_judged_bad(shipping) => Some(End::Failed),
        Status::Successful => Some(End::Succeeded),
        Status::RollbackSuccessful | Status::RollbackFailed | Status::Stopped if has_failed => {
            Some(End::Failed)
        }
        Status::RollbackSuccessful | Status::RollbackFailed => Some(End::StoppedByCall),
        // ECS stops a deployment when a newer one is started: it proves nothing.
        Status::Stopped if !shipping.is_newest => None,
        Status::Stopped => Some(End::StoppedByCall),
        Status::Pending
        | Status::InProgress
        | Status::StopRequested
        | Status::RollbackRequested
        | Status::RollbackInProgress
        | Status::Unknown(_) => None,
    }
}

fn was_judged_bad(shipping: &Shipping) -> bool {
    let judged = shipping.definition.as_ref().and_then(Judged::of);
    judged.is_some_and(|judged| judged.failed(&shipping.deployment.arn.id()).is_some())
}

/// What AWS writes where it ends a deployment itself (ECS Developer Guide, "Troubleshooting Amazon ECS blue/green deployments"; seen in
/// recorded answers).
const FAILURES: [&str; 8] = [
    "lifecycle hook",
    "circuit breaker",
    "alarm",
    "networking configuration",
    "timed out",
    "tasks failed",
    "no rollback candidate",
    "not authorized",
];

fn says_failed(deployment: &ServiceDeployment) -> bool {
    let of_rollback = deployment.rollback.as_ref();
    let reasons = [
        deployment.status_reason.as_deref(),
        of_rollback.and_then(|rollback| rollback.reason.as_deref()),
    ];
    let mut reasons = reasons.into_iter().flatten();
    reasons.any(|reason| {
        let reason = reason.to_lowercase();
        FAILURES.iter().any(|failure| reason.contains(failure))
    })
}

/// The order of the pipeline that a deployment carries out.
fn order(pipeline: &Pipeline, shipping: &Shipping) -> Option<Order> {
    let definition = shipping.definition.as_ref()?;
    let digest = image_in(pipeline, definition, shipping.target.as_ref())?;
    if !pipeline.is_alone && is_kept(pipeline, shipping, &digest) {
        return None;
    }
    let deployed = revision::deployed(
        pipeline,
        definition,
        &matching(pipeline, definition)?,
        digest,
    );
    let is_at_once = revision::registered_at(definition)
        .is_none_or(|at| shipping.deployment.created_at - at <= DEPLOYED_WITHIN);
    let is_order = is_at_once && deployed.ordered_at.is_some();
    Some(Order {
        // Whoever deployed it: what became of the image is known.
        digest: deployed.digest,
        ordered_at: deployed.ordered_at.filter(|_| is_order),
        tag: deployed.tag.filter(|_| is_order),
        repository: None,
        brings: brings(pipeline, shipping).filter(|_| is_order),
    })
}

/// The orders of the service's other pipelines.
fn beside(pipeline: &Pipeline, all: &[&Pipeline], shipping: &Shipping) -> Vec<Order> {
    let others = all.iter().filter(|other| other.name != pipeline.name);
    others.filter_map(|other| order(other, shipping)).collect()
}

/// What a deployment ships for the pipeline; none where it leaves the pipeline's image as it is.
fn ships(pipeline: &Pipeline, shipping: &Shipping) -> Option<Deployed> {
    let order = order(pipeline, shipping)?;
    Some(Deployed {
        digest: order.digest,
        tag: order.tag,
        at: Some(shipping.deployment.created_at),
        ordered_at: order.ordered_at,
    })
}

fn as_deployed(pipeline: &Pipeline, definition: &TaskDefinition, digest: Digest) -> Deployed {
    match matching(pipeline, definition) {
        Some(matching) => revision::deployed(pipeline, definition, &matching, digest),
        None => Deployed {
            digest,
            tag: None,
            at: None,
            ordered_at: None,
        },
    }
}

fn matching(pipeline: &Pipeline, definition: &TaskDefinition) -> Option<revision::Matching> {
    revision::matching(pipeline, definition).ok()
}

/// The digest of the pipeline's image in a revision: its pin, or what ECS resolved its tag to.
fn image_in(
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    target: Option<&ServiceRevision>,
) -> Option<Digest> {
    let matching = matching(pipeline, definition)?;
    match &matching.image {
        RunningImage::Known(digest) => Some(digest.clone()),
        RunningImage::Mixed => None,
        RunningImage::Unknown(_) => {
            let containers: Vec<&str> = matching.names(definition).collect();
            match running_image("", target?, &containers) {
                RunningImage::Known(digest) => Some(digest),
                RunningImage::Mixed | RunningImage::Unknown(_) => None,
            }
        }
    }
}

/// Whether what the deployment replaces ran the same image: then it is there for another pipeline's.
fn is_kept(pipeline: &Pipeline, shipping: &Shipping, digest: &Digest) -> bool {
    let (Some(definition), Some(source)) = (&shipping.definition, &shipping.source) else {
        return false;
    };
    let Some(matching) = matching(pipeline, definition) else {
        return false;
    };
    let containers: Vec<&str> = matching.names(definition).collect();
    running_image("", source, &containers) == RunningImage::Known(digest.clone())
}

/// Whose settings a deployment brings, under `revision_from = "latest"`.
fn brings(pipeline: &Pipeline, shipping: &Shipping) -> Option<Brings> {
    let definition = shipping.definition.as_ref()?;
    match pipeline.revision_from {
        RevisionFrom::Production => None,
        RevisionFrom::Latest => {
            revision::stack_of(definition)?;
            let digest = image_in(pipeline, definition, shipping.target.as_ref())?;
            Some(Brings {
                template: revision::settings_of(definition)?,
                due: match is_kept(pipeline, shipping, &digest) {
                    true => Due::Settings,
                    false => Due::Image,
                },
            })
        }
    }
}

#[cfg(test)]
mod tests;
