//! Start or skip: what becomes of a pipeline, from what AWS says now.

use std::fmt;
use std::time::Duration;

use time::UtcDateTime;

use crate::config::{Pipeline, TerminationWait, WhenBusy};
use crate::names::{DeploymentId, Digest, Image, RevisionArn, Tag};
use crate::observed::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, ImageDetail, LifecycleEventStatus,
};
use crate::tag_rule::TagRule;

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
    /// Deployments of the candidate that were created since it was ordered, by [`attempts`].
    pub attempts: Vec<Deployment>,
}

impl Observed {
    /// Whether the active deployment takes production away from the candidate, and began after the candidate was ordered:
    /// somebody decided so, and an event from before that waits for nothing.
    pub fn is_being_set_aside(&self) -> bool {
        let candidate = self.candidate.as_ref();
        let active = self.active.as_ref();
        self.asked_by == AskedBy::Event
            && candidate.zip(active).is_some_and(|(candidate, active)| {
                self.running.digest.as_ref() == Some(&candidate.image.digest)
                    && candidate.ordered_at <= active.created_at
            })
    }
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
    /// When it was ordered: when it was pushed, or when an event says that its tag was set, whichever is later.
    pub ordered_at: UtcDateTime,
}

/// What serves production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The PRIMARY task set's revision; the service's own where it has no task set.
    pub revision: RevisionArn,
    /// The digest in it; none where it names a tag, or where its containers disagree.
    pub digest: Option<Digest>,
    /// What is known of that digest, by [`Deployed::known`].
    pub detail: Option<ImageDetail>,
}

/// The group's deployment that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The deployment.
    pub id: DeploymentId,
    /// The digest that it ships, from its description; none where that says nothing.
    pub ships: Option<Digest>,
    /// What is known of that digest, by [`Deployed::known`], where the tag rule knows an order.
    pub detail: Option<ImageDetail>,
    /// When it was created.
    pub created_at: UtcDateTime,
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
    /// No image matches the tag rule, or what a person asked for is not there; the sentence says which.
    NoMatchingImage(String),
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
            Self::NoMatchingImage(_) => "no-matching-image",
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
            Self::NoMatchingImage(what) => formatter.write_str(what),
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
        return Decision::Skip(Skip::NoMatchingImage(nothing_found(pipeline, observed)));
    };
    let image = &candidate.image;
    let runs_candidate = observed.running.digest.as_ref() == Some(&image.digest);
    if let Some(active) = &observed.active {
        if active.ships.as_ref() == Some(&image.digest) && active.phase != Phase::RollingBack {
            return Decision::Skip(Skip::AlreadyInProgress(active.id.clone()));
        }
    } else if runs_candidate {
        return Decision::Skip(Skip::AlreadyRunning(image.clone()));
    }
    if let Some(reason) = refuse(pipeline, observed, candidate) {
        return Decision::Skip(reason);
    }
    match &observed.active {
        Some(active) => make_room(pipeline, observed, candidate, active),
        None => Decision::Start(image.clone()),
    }
}

fn nothing_found(pipeline: &Pipeline, observed: &Observed) -> String {
    let repository = &pipeline.repository;
    match observed.asked_by {
        AskedBy::Event | AskedBy::Person => {
            format!(
                "no container image in `{repository}` matches `{}`",
                pipeline.tag
            )
        }
        AskedBy::PersonForThisImage => format!(
            "`{repository}` has no container image with the tag or digest that was asked for"
        ),
    }
}

/// Why the candidate is not wanted, whoever else is under way.
fn refuse(pipeline: &Pipeline, observed: &Observed, candidate: &Candidate) -> Option<Skip> {
    let Candidate { image, detail, .. } = candidate;
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
///
/// So is what somebody started when the candidate was there already: only a later order, or a person, replaces it. What
/// takes production away from the candidate may even have its whole termination wait.
fn make_room(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
    active: &Active,
) -> Decision {
    let later_order = match observed.asked_by {
        AskedBy::Event => candidate.ordered_at > active.created_at,
        AskedBy::Person | AskedBy::PersonForThisImage => true,
    };
    match (active.phase, pipeline.termination_wait, pipeline.when_busy) {
        (Phase::TerminationWait, TerminationWait::Cut, _) if !observed.is_being_set_aside() => {
            Decision::EndWait(active.id.clone())
        }
        (Phase::Shifting, _, WhenBusy::Replace) if later_order => Decision::Stop(active.id.clone()),
        (Phase::TerminationWait, TerminationWait::Cut | TerminationWait::Keep, _)
        | (Phase::Shifting, _, WhenBusy::Wait | WhenBusy::Replace)
        | (Phase::RollingBack, ..) => Decision::Skip(Skip::Waiting(active.id.clone())),
    }
}

impl Decision {
    /// The stable code for logs and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::EndWait(_) => "end-wait",
            Self::Stop(_) => "stop",
            Self::Skip(skip) => skip.code(),
        }
    }

    /// Why, for whoever asked. A request is not remembered: what it waits for ends without it.
    pub fn reason(&self, asked_by: AskedBy) -> String {
        let then = match asked_by {
            AskedBy::Event => "its end is the next look",
            AskedBy::Person | AskedBy::PersonForThisImage => ASK_AGAIN,
        };
        match self {
            Self::Start(image) => format!("{image} is due"),
            Self::EndWait(id) => {
                format!("deployment `{id}` need not wait for its blue any more; {then}")
            }
            Self::Stop(id) => format!("deployment `{id}` is replaced; {then}"),
            Self::Skip(Skip::Waiting(id)) => format!("deployment `{id}` is under way; {then}"),
            Self::Skip(skip) => skip.to_string(),
        }
    }
}

/// What a person has to do whose image has to wait.
pub(crate) const ASK_AGAIN: &str =
    "ask again when it has ended, because a request is not remembered";

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
            created_at: deployment.created_at,
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

/// Which of a group's deployments since the candidate was ordered tried to ship it: those that ended, and were not made
/// by CodeDeploy itself.
///
/// An exact tag that Greenlight followed elsewhere since has been moved back: that is a new order, whatever became of the
/// earlier ones. A deployment that repeats another one's AppSpec was copied by a person, and says nothing about the tag.
/// An image that was given a higher version than the one by which it was tried is a new order, too.
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
    deployments.retain(|deployment| {
        let ended = counts(deployment) && deployment.status.has_ended();
        ended
            && shipped(deployment).as_ref() == Some(digest)
            && !was_of_lower_version(&pipeline.tag, deployment, candidate)
    });
    deployments
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
    shipped_image(deployment)
        .is_some_and(|image| image.tag.as_ref() == Some(followed) && image.digest != *digest)
}

/// Whether a deployment shipped the image by a lower version than the one that it has now.
fn was_of_lower_version(rule: &TagRule, deployment: &Deployment, candidate: &Candidate) -> bool {
    let version = |tag: Option<Tag>| rule.version(&tag?);
    let shipped = version(shipped_image(deployment).and_then(|image| image.tag));
    let now = version(candidate.image.tag.clone());
    shipped.zip(now).is_some_and(|(shipped, now)| shipped < now)
}

fn is_copy(earlier: &[Deployment], deployment: &Deployment) -> bool {
    deployment.app_spec_sha256.is_some()
        && earlier
            .iter()
            .any(|earlier| earlier.app_spec_sha256 == deployment.app_spec_sha256)
}

/// An image that runs, or is being deployed, as it was when that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The image.
    pub digest: Digest,
    /// The tag by which it was deployed.
    pub tag: Option<Tag>,
    /// A time at which it had been pushed for certain.
    pub at: Option<UtcDateTime>,
}

impl Deployed {
    /// What a deployment ships; none where somebody else made it.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        Some(Self {
            digest: shipped(deployment)?,
            tag: shipped_image(deployment).and_then(|image| image.tag),
            at: Some(deployment.created_at),
        })
    }

    /// What is known of it: what ECR says, and the tag by which it was deployed. The tag may be gone from ECR, and the
    /// image with it; that makes neither its version nor its age unknown.
    pub fn known(self, in_ecr: Option<ImageDetail>) -> Option<ImageDetail> {
        let Self { digest, tag, at } = self;
        let mut detail = in_ecr.or(at.map(|pushed_at| ImageDetail {
            digest,
            tags: Vec::new(),
            pushed_at,
            media_type: None,
            artifact_media_type: None,
        }))?;
        detail.tags.extend(tag);
        Some(detail)
    }
}

#[cfg(test)]
pub(crate) mod tests;
