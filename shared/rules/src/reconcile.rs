//! Which pipelines an event concerns, and how each finds its candidate.

mod advice;
mod candidate;

use time::UtcDateTime;

use crate::config::{Config, Pipeline};
use crate::events::{Origin, Request, StartEvent, Subject, UnreadableEvent, Wanted, Way};
use crate::names::{Digest, Image, Repository, Tag, shortened};
use crate::observed::ImageDetail;
use crate::start::{AskedBy, Candidate, Force, Member, Observed, Rank, Skip};
use crate::tag_rule::TagRule;

/// One pipeline to reconcile.
#[derive(Debug, Clone)]
pub struct Reconciliation<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The trigger.
    pub asked_by: AskedBy,
    /// Whether the image is deployed even where it runs already.
    pub force: Force,
    /// Where its candidate is found.
    pub search: Search,
    /// When the event happened, where that is an order: deployments before it were not about it.
    pub event_at: Option<UtcDateTime>,
    /// Whether to act, or only to report what would be done.
    pub effect: Effect,
    /// What it is caused by.
    pub cause: Cause,
}

/// Where a pipeline's candidate is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// The image that this tag points at.
    Tag(Tag),
    /// This image.
    Digest(Digest),
    /// All tagged images, by the pipeline's rule.
    All,
}

/// Whether to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Do what is decided.
    Act,
    /// Only report what would be done.
    DryRun,
}

/// What causes a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A push of this image.
    Push(Digest),
    /// A person or program requested it.
    Request,
    /// A deployment's end, or the hour.
    Routine,
}

/// The pipelines that an event concerns.
#[derive(Debug, Clone)]
pub enum Concerned<'a> {
    /// These pipelines; at least one.
    Reconciliations(Vec<Reconciliation<'a>>),
    /// None, for this reason: a skip, not an error.
    None(String),
}

/// How a request is refused that names a pipeline that is not configured: for who sent it, wrong usage.
pub const NO_SUCH_PIPELINE: &str = "no pipeline is named";

/// An event that concerns a pipeline, or says so, and of which nothing can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToDo {
    /// A request for a pipeline that is not configured.
    #[error("{NO_SUCH_PIPELINE} `{given}`, expected one of {expected}")]
    NoSuchPipeline {
        /// What was given.
        given: String,
        /// The pipelines that there are.
        expected: String,
    },
    /// An event about a pipeline's repository or deployment group that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
}

/// The pipelines that an event of this account and Region concerns.
///
/// # Errors
/// A request names a pipeline that is not configured, or the event is about a pipeline and cannot be read.
pub fn concerned<'a>(
    config: &'a Config,
    event: &StartEvent,
    origin: &Origin,
) -> Result<Concerned<'a>, NothingToDo> {
    if !is_of_a_registry(event)
        && let Some(reason) = origin.elsewhere()
    {
        return Ok(Concerned::None(reason));
    }
    Ok(match event {
        StartEvent::Ignored(reason) => Concerned::None(reason.clone()),
        StartEvent::Routine => {
            Concerned::Reconciliations(config.pipelines.iter().map(routine).collect())
        }
        StartEvent::DeploymentEnded {
            application,
            deployment_group,
        } => {
            let of_group = config.of_group(application, deployment_group);
            let routine: Vec<_> = of_group.map(routine).collect();
            match routine.is_empty() {
                true => no_such_group(application.as_str(), deployment_group.as_str()),
                false => Concerned::Reconciliations(routine),
            }
        }
        StartEvent::ServiceChanged { cluster, service } => {
            let routine: Vec<_> = config.of_service(cluster, service).map(routine).collect();
            match routine.is_empty() {
                true => Concerned::None(format!("no pipeline deploys to `{cluster}/{service}`")),
                false => Concerned::Reconciliations(routine),
            }
        }
        StartEvent::Pushed { image, tag, at } => {
            let following: Vec<_> = config
                .following(&image.repository, tag)
                .filter(|pipeline| origin.is_of(&pipeline.registry))
                .map(|pipeline| pushed(pipeline, image, tag, *at))
                .collect();
            match following.is_empty() {
                true => Concerned::None(nobody_follows(config, origin, &image.repository, tag)),
                false => Concerned::Reconciliations(following),
            }
        }
        StartEvent::Asked(request) => Concerned::Reconciliations(vec![asked(config, request)?]),
        StartEvent::Unreadable { subject, error } => unreadable(config, origin, subject, error)?,
    })
}

/// Groups what an event causes by service. The other pipelines of a service are reconciled with those that the event concerns: one
/// deployment ships all that is due. Nobody waits for theirs, so they publish no skip.
pub fn by_service<'a>(
    config: &'a Config,
    reconciliations: Vec<Reconciliation<'a>>,
) -> Vec<Vec<Reconciliation<'a>>> {
    let mut services: Vec<Vec<Reconciliation<'a>>> = Vec::new();
    for asked in reconciliations {
        let service = services
            .iter_mut()
            .find(|service| service[0].pipeline.has_service_of(asked.pipeline));
        let service = match service {
            Some(service) => service,
            None => {
                let siblings = config.pipelines.iter();
                let siblings = siblings.filter(|other| other.has_service_of(asked.pipeline));
                services.push(
                    siblings
                        .map(|sibling| Reconciliation {
                            effect: asked.effect,
                            ..routine(sibling)
                        })
                        .collect(),
                );
                let last = services.len() - 1;
                &mut services[last]
            }
        };
        let place = service
            .iter_mut()
            .find(|sibling| sibling.pipeline.name == asked.pipeline.name);
        if let Some(place) = place {
            *place = asked;
        }
    }
    services
}

/// The reason why an event concerns no pipeline, whatever it says: it is of an account or Region where the stack is not, and no
/// pipeline's registry.
pub fn elsewhere(config: &Config, origin: &Origin) -> Option<String> {
    let mut registries = config.pipelines.iter().map(|pipeline| &pipeline.registry);
    match registries.any(|registry| origin.is_of(registry)) {
        true => None,
        false => origin.elsewhere(),
    }
}

/// Only a registry may be elsewhere.
fn is_of_a_registry(event: &StartEvent) -> bool {
    match event {
        StartEvent::Pushed { .. }
        | StartEvent::Unreadable {
            subject: Subject::Repository(_),
            ..
        } => true,
        StartEvent::DeploymentEnded { .. }
        | StartEvent::ServiceChanged { .. }
        | StartEvent::Routine
        | StartEvent::Asked(_)
        | StartEvent::Ignored(_)
        | StartEvent::Unreadable { .. } => false,
    }
}

fn unreadable<'a>(
    config: &Config,
    origin: &Origin,
    subject: &Subject,
    error: &UnreadableEvent,
) -> Result<Concerned<'a>, UnreadableEvent> {
    match subject {
        Subject::Repository(repository) => {
            let mut pipelines = config.pipelines.iter();
            if pipelines.any(|pipeline| {
                pipeline.repository.as_str() == repository && origin.is_of(&pipeline.registry)
            }) {
                return Err(error.clone());
            }
            Ok(Concerned::None(no_such_repository(repository)))
        }
        Subject::DeploymentGroup {
            application,
            deployment_group,
        } => {
            let mut groups = config.pipelines.iter().map(|pipeline| &pipeline.codedeploy);
            if groups.any(|ours| {
                ours.application.as_str() == application
                    && ours.deployment_group.as_str() == deployment_group
            }) {
                return Err(error.clone());
            }
            Ok(no_such_group(application, deployment_group))
        }
    }
}

fn no_such_repository(repository: &str) -> String {
    format!(
        "no pipeline follows the repository `{}`",
        shortened(repository)
    )
}

fn no_such_group<'a>(application: &str, deployment_group: &str) -> Concerned<'a> {
    Concerned::None(format!(
        "no pipeline has the deployment group `{}` of `{}`",
        shortened(deployment_group),
        shortened(application)
    ))
}

/// What the schedule does: for the image that is due, whatever an event is about.
pub fn routine(pipeline: &Pipeline) -> Reconciliation<'_> {
    Reconciliation {
        pipeline,
        asked_by: AskedBy::Event,
        force: Force::No,
        search: due(&pipeline.tag),
        event_at: None,
        effect: Effect::Act,
        cause: Cause::Routine,
    }
}

/// The tag is followed to where it points now, whatever the rule: a later push may have moved it, and an image that has
/// lost its tag has lost its version, too.
fn pushed<'a>(
    pipeline: &'a Pipeline,
    image: &Image,
    tag: &Tag,
    at: Option<UtcDateTime>,
) -> Reconciliation<'a> {
    Reconciliation {
        search: Search::Tag(tag.clone()),
        event_at: at,
        // Whose event is no order waits for nothing.
        cause: at.map_or(Cause::Routine, |_| Cause::Push(image.digest.clone())),
        ..routine(pipeline)
    }
}

fn asked<'a>(config: &'a Config, request: &Request) -> Result<Reconciliation<'a>, NothingToDo> {
    let pipeline = config.named(&request.pipeline);
    let pipeline = pipeline.ok_or_else(|| no_such_pipeline(config, request.pipeline.as_str()))?;
    let (asked_by, search) = match &request.wanted {
        Wanted::Due => (AskedBy::Person, due(&pipeline.tag)),
        Wanted::Tag(tag) => (AskedBy::PersonForThisImage, Search::Tag(tag.clone())),
        Wanted::Digest(digest) => (AskedBy::PersonForThisImage, Search::Digest(digest.clone())),
    };
    let asked_by = match request.way {
        Way::Forward => asked_by,
        Way::Back => AskedBy::Rollback,
    };
    let effect = if request.dry_run {
        Effect::DryRun
    } else {
        Effect::Act
    };
    Ok(Reconciliation {
        asked_by,
        force: request.force,
        search,
        effect,
        cause: Cause::Request,
        ..routine(pipeline)
    })
}

fn due(rule: &TagRule) -> Search {
    match rule {
        TagRule::Exact(tag) => Search::Tag(tag.clone()),
        TagRule::Glob(_) | TagRule::Regex(_) | TagRule::Semver(_) => Search::All,
    }
}

fn nobody_follows(config: &Config, origin: &Origin, repository: &Repository, tag: &Tag) -> String {
    let rules: Vec<String> = config
        .pipelines
        .iter()
        .filter(|pipeline| pipeline.repository == *repository && origin.is_of(&pipeline.registry))
        .map(|pipeline| {
            let (rule, why) = (&pipeline.tag, pipeline.tag.mismatch(tag));
            why.map_or_else(|| format!("`{rule}`"), |why| format!("`{rule}` ({why})"))
        })
        .collect();
    if rules.is_empty() {
        no_such_repository(repository.as_str())
    } else {
        format!(
            "no pipeline follows the tag `{tag}` of `{repository}`, only {}",
            rules.join(", ")
        )
    }
}

fn no_such_pipeline(config: &Config, given: &str) -> NothingToDo {
    let expected: Vec<String> = config
        .pipelines
        .iter()
        .map(|pipeline| format!("`{}`", pipeline.name))
        .collect();
    NothingToDo::NoSuchPipeline {
        given: given.to_owned(),
        expected: expected.join(", "),
    }
}

impl<'a> Reconciliation<'a> {
    /// With what was observed for it, as a member of its service.
    pub fn with(&self, observed: &'a Observed) -> Member<'a> {
        Member {
            pipeline: self.pipeline,
            observed,
        }
    }
}

impl Reconciliation<'_> {
    /// Whether a sender waits for this very image, so that it is reported when the image has to wait. Of pushes in a burst, only
    /// the last one waits: the tag has left the others before they were reconciled.
    fn is_waited_for(&self, candidate: &Candidate) -> bool {
        match &self.cause {
            Cause::Push(digest) => *digest == candidate.image.digest,
            Cause::Request => true,
            Cause::Routine => false,
        }
    }

    /// Whether it is published that nothing is started, and why. Only what carries an order publishes: nobody waits for a
    /// routine reconciliation, and the same would be published every hour.
    ///
    /// What runs or ships already is not published: its outcome has been, or will be. Nor is what was tried before: only a
    /// push event that comes late or twice finds that, and its failure was published.
    pub fn publishes(&self, observed: &Observed, skip: &Skip) -> bool {
        if self.effect == Effect::DryRun {
            return false;
        }
        let is_waited_for = || {
            let candidate = observed.candidate.as_ref();
            candidate.is_some_and(|candidate| self.is_waited_for(candidate))
        };
        match skip {
            // The pushed image may have lost its tag to a later push, which is reported itself.
            Skip::NoMatchingImage(_) | Skip::NeverShipped(_) => self.cause == Cause::Request,
            // Where a person took production away from the candidate since, it waits for nothing.
            Skip::Waiting(_) => is_waited_for() && !observed.is_being_rolled_back_by_hand(),
            Skip::OlderThanRunning(_) | Skip::RunningUnknown(_) | Skip::ImageArchived(..) => {
                is_waited_for()
            }
            Skip::AlreadyRunning(..)
            | Skip::AlreadyInProgress(_)
            | Skip::FailedBefore(_)
            | Skip::RolledBackByHand(_)
            | Skip::MigrationUnknown(_)
            | Skip::Superseded(_) => false,
        }
    }

    /// Whether a later reconciliation finds the same order: never that of a request.
    pub fn remembers(&self, observed: &Observed) -> bool {
        match self.cause {
            Cause::Push(_) | Cause::Routine => observed.remembers(&self.pipeline.tag),
            Cause::Request => false,
        }
    }

    /// Whether it carries an order: a push or a request, whose sender waits for its outcome.
    pub fn carries_an_order(&self) -> bool {
        self.cause != Cause::Routine
    }

    /// Where the rule puts the candidate among all images.
    pub fn rank(&self, candidate: &Candidate, all: &[ImageDetail]) -> Rank {
        let first = self.pipeline.tag.choose(all);
        match first.is_some_and(|(first, _)| first.digest == candidate.image.digest) {
            true => Rank::First,
            false => Rank::Behind,
        }
    }

    /// The image that an order names by itself, before anything is observed.
    pub fn ordered_image(&self) -> Option<Image> {
        let (digest, tag) = match (&self.cause, &self.search) {
            (Cause::Push(digest), Search::Tag(tag)) => (digest, Some(tag.clone())),
            (_, Search::Digest(digest)) => (digest, None),
            (Cause::Push(_) | Cause::Request | Cause::Routine, Search::Tag(_) | Search::All) => {
                return None;
            }
        };
        Some(Image {
            repository: self.pipeline.repository.clone(),
            digest: digest.clone(),
            tag,
        })
    }
}

#[cfg(test)]
mod tests;
