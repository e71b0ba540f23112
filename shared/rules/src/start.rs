//! Start or skip: what becomes of a pipeline, from what AWS says now.

use std::fmt;

use time::UtcDateTime;

use crate::config::{Pipeline, TerminationWait, WhenBusy};
use crate::names::{DeploymentId, Digest, Image, RevisionArn};
use crate::observed::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, ImageDetail, LifecycleEventStatus,
};

/// What a decision is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Who or what asked.
    pub asked_by: AskedBy,
    /// The image that should run; none when nothing matches the tag rule.
    pub candidate: Option<Candidate>,
    /// What serves production.
    pub running: Running,
    /// The group's deployment that has not ended.
    pub active: Option<Active>,
    /// Deployments of the candidate that were created since it was pushed, or since the event, whichever is later.
    pub attempts: Vec<Deployment>,
}

/// Who or what asked to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A push, the end of a deployment, or the hour.
    Event,
    /// A person who wants the image that is due.
    Person,
    /// A person who wants this very image, also an older one.
    PersonForThisImage,
}

/// The image that should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The image, by the tag that chose it.
    pub image: Image,
    /// What ECR says of it.
    pub detail: ImageDetail,
}

/// What serves production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The PRIMARY task set's revision; the service's own where it has no task set.
    pub revision: RevisionArn,
    /// The digest in it; none where it names a tag, or where its containers disagree.
    pub digest: Option<Digest>,
    /// What ECR says of that digest, where it still knows it.
    pub detail: Option<ImageDetail>,
}

/// The group's deployment that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The deployment.
    pub id: DeploymentId,
    /// The digest that it ships, from its description; none where that says nothing.
    pub ships: Option<Digest>,
    /// What ECR says of that digest, where the tag rule knows an order.
    pub detail: Option<ImageDetail>,
    /// How far it is.
    pub phase: Phase,
}

/// How far an active deployment is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Green is installed, checked, or gets traffic.
    Shifting,
    /// Green serves production; blue waits to be stopped.
    TerminationWait,
    /// It goes back to blue.
    RollingBack,
}

/// What is done: each leaves nothing to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Deploy the candidate.
    Start(Image),
    /// End the termination wait of this deployment; its end makes the next look.
    EndWait(DeploymentId),
    /// Stop this deployment with rollback; its end makes the next look.
    Stop(DeploymentId),
    /// Nothing, for this reason.
    Skip(Skip),
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// No image matches the tag rule.
    NoMatchingImage,
    /// Production runs the image.
    AlreadyRunning(Image),
    /// The active deployment ships it.
    AlreadyInProgress(DeploymentId),
    /// What runs, or is being deployed, is newer or a higher version.
    OlderThanRunning(Image),
    /// It was tried since it was pushed, and failed or was stopped.
    FailedBefore(DeploymentId),
    /// It was shipped since it was pushed, and somebody went back by hand.
    SetAside(DeploymentId),
    /// Another deployment is under way.
    Waiting(DeploymentId),
}

impl Skip {
    /// The stable code for logs and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoMatchingImage => "no-matching-image",
            Self::AlreadyRunning(_) => "already-running",
            Self::AlreadyInProgress(_) => "already-in-progress",
            Self::OlderThanRunning(_) => "older-than-running",
            Self::FailedBefore(_) => "failed-before",
            Self::SetAside(_) => "set-aside",
            Self::Waiting(_) => "waiting",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatchingImage => write!(
                formatter,
                "no image in the repository matches the pipeline's tag rule"
            ),
            Self::AlreadyRunning(image) => write!(formatter, "production runs {image} already"),
            Self::AlreadyInProgress(id) => {
                write!(formatter, "deployment `{id}` ships this image already")
            }
            Self::OlderThanRunning(image) => write!(
                formatter,
                "production runs, or is about to run, something newer than {image}"
            ),
            Self::FailedBefore(id) => write!(
                formatter,
                "deployment `{id}` of this image did not succeed (hint: push it again, or ask for it by a request)"
            ),
            Self::SetAside(id) => write!(
                formatter,
                "deployment `{id}` shipped this image and somebody went back since (hint: push it again, or ask for it by a request)"
            ),
            Self::Waiting(id) => write!(
                formatter,
                "deployment `{id}` is under way; its end is the next look"
            ),
        }
    }
}

/// Decides for one pipeline.
pub fn decide(pipeline: &Pipeline, observed: &Observed) -> Decision {
    let Some(candidate) = &observed.candidate else {
        return Decision::Skip(Skip::NoMatchingImage);
    };
    let Candidate { image, detail } = candidate;
    let runs_candidate = observed.running.digest.as_ref() == Some(&image.digest);
    if let Some(active) = &observed.active {
        if active.ships.as_ref() == Some(&image.digest) && active.phase != Phase::RollingBack {
            return Decision::Skip(Skip::AlreadyInProgress(active.id.clone()));
        }
    } else if runs_candidate {
        return Decision::Skip(Skip::AlreadyRunning(image.clone()));
    }
    if let Some(reason) = refuse(pipeline, observed, image, detail) {
        return Decision::Skip(reason);
    }
    match &observed.active {
        Some(active) => make_room(pipeline, active),
        None => Decision::Start(image.clone()),
    }
}

/// Why the candidate is not wanted, whoever else is under way.
fn refuse(
    pipeline: &Pipeline,
    observed: &Observed,
    image: &Image,
    detail: &ImageDetail,
) -> Option<Skip> {
    let active = observed
        .active
        .as_ref()
        .and_then(|active| active.detail.as_ref());
    let mut others = observed.running.detail.iter().chain(active);
    let newer = others.any(|other| pipeline.tag.is_before(detail, other));
    match observed.asked_by {
        AskedBy::PersonForThisImage => None,
        AskedBy::Event | AskedBy::Person if newer => Some(Skip::OlderThanRunning(image.clone())),
        AskedBy::Person => None,
        AskedBy::Event => {
            let runs_candidate = observed.running.digest.as_ref() == Some(&image.digest);
            let last = observed
                .attempts
                .iter()
                .max_by_key(|attempt| attempt.created_at)?;
            match last.status {
                DeploymentStatus::Failed | DeploymentStatus::Stopped => {
                    Some(Skip::FailedBefore(last.id.clone()))
                }
                DeploymentStatus::Succeeded if !runs_candidate => {
                    Some(Skip::SetAside(last.id.clone()))
                }
                DeploymentStatus::Succeeded
                | DeploymentStatus::Created
                | DeploymentStatus::InProgress
                | DeploymentStatus::Ready => None,
            }
        }
    }
}

/// What is done about another deployment that is under way. A termination wait is cut or kept, never rolled back:
/// stopping it would take production back to an image that is older than both. A rollback is left alone.
fn make_room(pipeline: &Pipeline, active: &Active) -> Decision {
    match (active.phase, pipeline.termination_wait, pipeline.when_busy) {
        (Phase::TerminationWait, TerminationWait::Cut, _) => Decision::EndWait(active.id.clone()),
        (Phase::Shifting, _, WhenBusy::Replace) => Decision::Stop(active.id.clone()),
        (Phase::TerminationWait, TerminationWait::Keep, _)
        | (Phase::Shifting, _, WhenBusy::Wait)
        | (Phase::RollingBack, ..) => Decision::Skip(Skip::Waiting(active.id.clone())),
    }
}

impl Active {
    /// An active deployment, from what CodeDeploy says of it and of its target.
    pub fn of(deployment: &Deployment, target: Option<&DeploymentTarget>) -> Self {
        let events = target
            .map(|target| target.lifecycle_events.as_slice())
            .unwrap_or_default();
        let all_done = !events.is_empty()
            && events
                .iter()
                .all(|event| event.status == LifecycleEventStatus::Succeeded);
        let phase = match deployment.creator {
            Creator::Rollback => Phase::RollingBack,
            // The status stays InProgress with every event Succeeded until blue is stopped (aws-facts: observed).
            Creator::Caller if all_done => Phase::TerminationWait,
            Creator::Caller => Phase::Shifting,
        };
        Self {
            id: deployment.id.clone(),
            ships: shipped(deployment),
            detail: None,
            phase,
        }
    }
}

const DESCRIPTION_START: &str = "greenlight ";
/// CodeDeploy User Guide, limits: a deployment's description.
const DESCRIPTION_CHARACTERS_AT_MOST: usize = 256;

/// The description that a deployment of this image gets: the digest first, because the rest may be cut.
pub fn description(image: &Image) -> String {
    let tag = image
        .tag
        .as_ref()
        .map(|tag| format!(":{tag}"))
        .unwrap_or_default();
    let text = format!(
        "{DESCRIPTION_START}{} {}{tag}",
        image.digest, image.repository
    );
    text.chars().take(DESCRIPTION_CHARACTERS_AT_MOST).collect()
}

/// The digest that a deployment ships, from its description; none where somebody else wrote it.
pub fn shipped(deployment: &Deployment) -> Option<Digest> {
    let rest = deployment
        .description
        .as_deref()?
        .strip_prefix(DESCRIPTION_START)?;
    rest.split(' ').next()?.parse().ok()
}

/// The image that a deployment ships, from its description. The tag is none where it was cut off.
pub fn shipped_image(deployment: &Deployment) -> Option<Image> {
    let digest = shipped(deployment)?;
    let description = deployment.description.as_deref()?;
    let name = description
        .strip_prefix(DESCRIPTION_START)?
        .split(' ')
        .nth(1)?;
    let (repository, tag) = name
        .split_once(':')
        .map_or((name, None), |(repository, tag)| (repository, Some(tag)));
    let whole = description.chars().count() < DESCRIPTION_CHARACTERS_AT_MOST;
    let tag = tag.filter(|_| whole).and_then(|tag| tag.parse().ok());
    Some(Image {
        repository: repository.parse().ok()?,
        digest,
        tag,
    })
}

/// From when on a deployment of the candidate counts as an attempt to ship this push.
pub fn attempts_since(detail: &ImageDetail, event_at: Option<UtcDateTime>) -> UtcDateTime {
    event_at.map_or(detail.pushed_at, |at| at.max(detail.pushed_at))
}

#[cfg(test)]
mod tests;
