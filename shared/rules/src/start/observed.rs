//! What a decision is taken from: the state of one pipeline, and of the service that it deploys to.

use time::UtcDateTime;

use super::order::is_order_of_its_push;
use super::{Attempt, Compared, Deployed};
use crate::names::{DeploymentId, Digest, Image, RevisionArn};
use crate::observed::{ImageDetail, TaskCount};
use crate::tag_rule::TagRule;

/// What is observed for one pipeline.
///
/// The last six are not observed before the decision [`needs`](super::Need) them: each costs calls, and few decisions
/// depend on them. None means not observed, never nothing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The trigger.
    pub asked_by: AskedBy,
    /// Whether it is deployed even where it runs already.
    pub force: Force,
    /// The image that should run; none when nothing matches the tag rule.
    pub candidate: Option<Candidate>,
    /// What was looked for in vain, and what is there instead, as people read it; empty where there is a candidate.
    pub missing: String,
    /// The image that serves production.
    pub running: RunningImage,
    /// The service: the same for every pipeline that deploys to it.
    pub service: Running,
    /// What is known of the images with which the rule compares the candidate, by [`Deployed::known`]: of the one that runs
    /// and of those that the active deployment ships.
    pub compared: Option<Vec<Compared>>,
    /// Deployments of the candidate that were created since it was ordered, by [`attempts`](super::attempts).
    pub attempts: Option<Vec<Attempt>>,
    /// Whether a successful deployment has shipped the candidate.
    pub shipped_before: Option<ShippedBefore>,
    /// The revision whose settings the pipeline follows; asked about under `revision_from = "latest"` only.
    pub template: Option<Template>,
    /// Whether the rule puts the candidate first among all images; asked about only where it has to wait to be found again.
    pub rank: Option<Rank>,
    /// Deployments of the candidate that were created since its push, by [`attempts`](super::attempts); asked about only where a tag is a
    /// new order of it, which has to wait.
    pub attempts_since_push: Option<Vec<Attempt>>,
}

impl Observed {
    /// The digest that production runs, where there is one and it is known.
    pub fn running_digest(&self) -> Option<&Digest> {
        match &self.running {
            RunningImage::Known(digest) => Some(digest),
            RunningImage::Mixed | RunningImage::Unknown(_) => None,
        }
    }

    /// Whether production runs the candidate.
    pub(super) fn runs(&self, candidate: &Candidate) -> bool {
        self.running_digest() == Some(&candidate.image.digest)
    }

    /// Whether the active deployment takes production away from the candidate, and began after the candidate was ordered:
    /// a person decided so, and an event from before that waits for nothing.
    pub fn is_being_rolled_back_by_hand(&self) -> bool {
        let candidate = self.candidate.as_ref();
        let active = self.service.active.as_ref();
        self.asked_by == AskedBy::Event
            && candidate.zip(active).is_some_and(|(candidate, active)| {
                self.runs(candidate)
                    && candidate.ordered_at <= active.created_at
                    && !active.keeps_image()
            })
    }
}

impl Observed {
    /// Whether the candidate of an event got its tag long after its push. ECR states no time of a tag, so that only the event tells of
    /// this order.
    pub(super) fn is_ordered_later(&self, candidate: &Candidate) -> bool {
        self.asked_by == AskedBy::Event && !candidate.is_ordered_by_its_push()
    }

    /// Whether a later reconciliation finds the candidate of an event again. Where the rule goes by time, that one knows pushes alone:
    /// an image that got its tag later is found only while what it is compared with was not pushed after it. Whatever the rule, what was
    /// tried since its push speaks against it then. Requests are not asked about here: what stands in their way ends for them. Under
    /// versions it finds the highest one alone.
    pub fn remembers(&self, rule: &TagRule) -> bool {
        let tried = self.attempts_since_push.as_ref();
        if tried.is_some_and(|tried| !tried.is_empty()) {
            return false;
        }
        match (self.asked_by, rule) {
            (AskedBy::Event, TagRule::Glob(_) | TagRule::Regex(_)) => {}
            (AskedBy::Event, TagRule::Semver(_)) => return self.rank != Some(Rank::Behind),
            (AskedBy::Event, TagRule::Exact(_))
            | (AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback, _) => {
                return true;
            }
        }
        self.candidate.as_ref().is_none_or(|candidate| {
            let is_first = || {
                let is_after = |other: &Compared| !rule.is_before(&candidate.detail, &other.detail);
                let compared = self.compared.as_ref();
                compared
                    .is_some_and(|compared| !compared.is_empty() && compared.iter().all(is_after))
            };
            candidate.is_ordered_by_its_push() || is_first()
        })
    }
}

/// The family's latest ACTIVE revision that Greenlight did not register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The revision.
    pub revision: RevisionArn,
    /// When it was registered; none where production has its settings, and it was not described.
    pub registered_at: Option<UtcDateTime>,
    /// Whether production runs with its settings, images of the pipeline aside.
    pub settings: Settings,
}

/// Whether production runs with the template's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// It does.
    Running,
    /// It does not: they are due.
    Due,
}

/// Where a rule puts the candidate among all images of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Before all others.
    First,
    /// Behind another one: that one is what a later reconciliation finds.
    Behind,
}

/// The trigger of a decision.
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
    /// ECR's record of it.
    pub detail: ImageDetail,
    /// When it was ordered: when it was pushed, or when its tag was set by the time of an event, whichever is later.
    pub ordered_at: UtcDateTime,
    /// How it was chosen.
    pub chosen: Chosen,
}

impl Candidate {
    /// Whether its push is the order, and not a tag that it got later.
    pub(super) fn is_ordered_by_its_push(&self) -> bool {
        is_order_of_its_push(self.detail.pushed_at, self.ordered_at)
    }

    /// The same as a reconciliation finds it that knows of no event: ordered by its push.
    #[must_use]
    pub fn without_its_event(&self) -> Self {
        Self {
            ordered_at: self.detail.pushed_at,
            chosen: Chosen::First,
            ..self.clone()
        }
    }
}

/// How a candidate was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// The tag rule puts it first of all that the repository has.
    First,
    /// A push or a person named it: the rule may put another one before it.
    Named,
}

/// What runs on a service, and what is under way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The revision that serves production.
    pub revision: RevisionArn,
    /// How many of its tasks run; none where that is not known.
    pub tasks: Option<TaskCount>,
    /// The deployment that has not ended.
    pub active: Option<Active>,
}

/// Which image production runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunningImage {
    /// This one: the revision pins it, or all running tasks agree. Where that digest is the one of a manifest of the candidate's
    /// index, it is the candidate's.
    Known(Digest),
    /// Containers of the pipeline are pinned to different images, or run one of another repository or registry: none of which is
    /// what should run everywhere.
    Mixed,
    /// Not known: the revision names a tag, which may have moved since, and the running tasks do not show it; the
    /// sentence names what is missing.
    Unknown(String),
}

/// A deployment that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The deployment.
    pub id: DeploymentId,
    /// The images that it ships for the pipeline; none where a person or another tool made it.
    pub ships: Vec<Deployed>,
    /// The images that it ships for the other pipelines of the service.
    pub beside: Vec<Digest>,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// How far it is.
    pub phase: Phase,
    /// The number of the revision whose settings it brings, where it says so.
    pub template: Option<u32>,
}

impl Active {
    /// Whether it ships this image.
    pub fn ships(&self, digest: &Digest) -> bool {
        self.ships.iter().any(|deployed| deployed.digest == *digest)
    }

    /// Whether it is known to leave the pipeline's image as it is: it ships other pipelines' alone.
    pub fn keeps_image(&self) -> bool {
        self.ships.is_empty() && !self.beside.is_empty() && self.phase != Phase::RollingBack
    }
}

/// How far an active deployment is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Green is installed, checked, or gets traffic.
    Shifting,
    /// Green serves production; blue waits to be stopped.
    TerminationWait,
    /// Green serves production; ECS lets blue run on for a while. No call ends that early.
    Bake,
    /// Tasks are replaced one after the other: an update of the service takes its place without a stop.
    Rolling,
    /// ECS has accepted it and lists no deployment of it yet: there is nothing that could be stopped.
    Accepted,
    /// Its migration runs, before the deployment itself: it is never stopped for another image.
    Migrating,
    /// Its migration has succeeded, and the deployment itself is still to be started.
    Migrated,
    /// A rolling update that has ended, and that its production gate has not judged yet. It serves production alone.
    Judging,
    /// It goes back to blue, or is about to.
    RollingBack,
}

/// Whether a successful deployment of the pipeline has shipped the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShippedBefore {
    /// One has.
    Yes,
    /// None has.
    Never,
}
