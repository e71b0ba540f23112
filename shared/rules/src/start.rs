//! Start or skip: what becomes of a pipeline, from what AWS says now.

mod attempts;
mod order;
mod running;
mod skip;

use time::UtcDateTime;

use crate::codedeploy::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, LifecycleEventStatus,
};
use crate::config::{Pipeline, TerminationWait, WhenBusy};
use crate::names::{DeploymentId, Digest, Image, RevisionArn};
use crate::observed::{ImageDetail, TaskCount};

pub use attempts::{attempts, attempts_since};
pub(crate) use order::moment;
pub use order::{Deployed, Order, description, shipped, shipped_image};
pub use running::running_image;
pub(crate) use skip::ASK_AGAIN;
pub use skip::Skip;

/// What a decision is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Who or what asked.
    pub asked_by: AskedBy,
    /// Whether it is deployed even where it runs already.
    pub force: Force,
    /// The image that should run; none when nothing matches the tag rule.
    pub candidate: Option<Candidate>,
    /// What serves production.
    pub running: Running,
    /// The group's deployment that has not ended.
    pub active: Option<Active>,
    /// Deployments of the candidate that were created since it was ordered, by [`attempts`].
    pub attempts: Vec<Deployment>,
    /// The successful deployment of the candidate that a rollback goes back to; looked for only when one is asked for.
    pub shipped_before: Option<DeploymentId>,
}

impl Observed {
    /// Whether the active deployment takes production away from the candidate, and began after the candidate was ordered:
    /// somebody decided so, and an event from before that waits for nothing.
    pub fn is_being_rolled_back_by_hand(&self) -> bool {
        let candidate = self.candidate.as_ref();
        let active = self.active.as_ref();
        self.asked_by == AskedBy::Event
            && candidate.zip(active).is_some_and(|(candidate, active)| {
                self.running.digest() == Some(&candidate.image.digest)
                    && candidate.ordered_at <= active.created_at
            })
    }
}

/// The trigger: who or what asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A push, the end of a deployment, or the hour.
    Event,
    /// A person who wants the image that is due.
    Person,
    /// A person who wants this very image, even an older one.
    PersonForThisImage,
    /// A person who wants an image back that shipped before: no migration, and what shipped once is not judged anew.
    Rollback,
}

/// Whether a request deploys the image even where production runs it already: for settings that only a deployment
/// brings to the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// What runs is not deployed again.
    No,
    /// It is.
    Yes,
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
    /// The image of its containers that the pipeline follows.
    pub image: RunningImage,
    /// What is known of that image, by [`Deployed::known`].
    pub detail: Option<ImageDetail>,
    /// How many of its tasks run; none where ECS does not say.
    pub tasks: Option<TaskCount>,
}

impl Running {
    /// The digest that production runs, where there is one and it is known.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.image {
            RunningImage::Known(digest) => Some(digest),
            RunningImage::Mixed | RunningImage::Unknown(_) => None,
        }
    }
}

/// Which image production runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunningImage {
    /// This one: the revision pins it, or all running tasks agree. Where a task's digest is that of a manifest of the
    /// candidate's index, it is the candidate's.
    Known(Digest),
    /// Containers of the pipeline are pinned to different images, none of which is what should run everywhere.
    Mixed,
    /// Not known: the revision names a tag, which may have moved since, and the running tasks do not tell; the sentence
    /// says what is missing.
    Unknown(String),
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
    /// End the termination wait of this deployment; its end triggers the next reconciliation.
    EndWait(DeploymentId),
    /// Stop this deployment with rollback; its end triggers the next reconciliation.
    Stop(DeploymentId),
    /// Nothing, for this reason.
    Skip(Skip),
}

/// Decides for one pipeline.
pub fn decide(pipeline: &Pipeline, observed: &Observed) -> Decision {
    let Some(candidate) = &observed.candidate else {
        return Decision::Skip(Skip::NoMatchingImage(nothing_found(pipeline, observed)));
    };
    let image = &candidate.image;
    let runs_candidate = observed.running.digest() == Some(&image.digest);
    if let Some(active) = &observed.active {
        if active.ships.as_ref() == Some(&image.digest) && active.phase != Phase::RollingBack {
            return Decision::Skip(Skip::AlreadyInProgress(active.id.clone()));
        }
    } else if runs_candidate && !is_forced(observed) {
        let tasks = observed.running.tasks;
        return Decision::Skip(Skip::AlreadyRunning(image.clone(), tasks));
    }
    // Before anything is stopped for it, too: installing Greenlight must not take away what perhaps runs already.
    if let (RunningImage::Unknown(why), AskedBy::Event) =
        (&observed.running.image, observed.asked_by)
    {
        return Decision::Skip(Skip::RunningUnknown(why.clone()));
    }
    if let Some(reason) = refuse(pipeline, observed, candidate) {
        return Decision::Skip(reason);
    }
    match &observed.active {
        Some(active) => make_room(pipeline, observed, candidate, active),
        None => Decision::Start(image.clone()),
    }
}

/// Only a person forces anything.
fn is_forced(observed: &Observed) -> bool {
    match observed.asked_by {
        AskedBy::Event => false,
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => {
            observed.force == Force::Yes
        }
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
        AskedBy::PersonForThisImage | AskedBy::Rollback => format!(
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
        AskedBy::Rollback => match observed.shipped_before {
            Some(_) => None,
            None => Some(Skip::NeverShipped(image.clone())),
        },
        AskedBy::Event | AskedBy::Person if newer => Some(Skip::OlderThanRunning(image.clone())),
        AskedBy::Person => None,
        AskedBy::Event => {
            let runs_candidate = observed.running.digest() == Some(&image.digest);
            let last = observed
                .attempts
                .iter()
                .max_by_key(|attempt| attempt.created_at)?;
            match last.status {
                DeploymentStatus::Failed | DeploymentStatus::Stopped => {
                    Some(Skip::FailedBefore(last.id.clone()))
                }
                DeploymentStatus::Succeeded if !runs_candidate => {
                    Some(Skip::RolledBackByHand(last.id.clone()))
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
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => true,
    };
    match (active.phase, pipeline.termination_wait, pipeline.when_busy) {
        (Phase::TerminationWait, TerminationWait::Cut, _)
            if !observed.is_being_rolled_back_by_hand() =>
        {
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
            AskedBy::Event => "its end triggers the next reconciliation",
            AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => ASK_AGAIN,
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

#[cfg(test)]
pub(crate) mod tests;
