//! Outcomes: what became of a push or a request, for people and programs. Rendering is in [`crate::message`].
//!
//! Sentences here hold for any engine; where only one engine has a word for something, [`Engine`] has it.

mod ended;
mod event;
mod gate;
mod order;
mod reason;
mod running;
mod under_way;
mod verdict;

use std::fmt;

use crate::config::{Pipeline, Registry};
use crate::engine::Engine;
use crate::names::{
    ClusterName, DeploymentId, Digest, Image, ListenerArn, PipelineName, Repository, RevisionArn,
    ServiceName, TargetGroupArn,
};
use crate::reasons::Migrated;
use crate::task_log::TaskLog;

pub use event::Event;
pub use verdict::Verdict;

/// One thing that a person would want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What happened.
    pub event: Event,
    /// What it means for the image.
    pub verdict: Verdict,
    /// The pipeline; none where a hook could not determine it.
    pub pipeline: Option<PipelineName>,
    /// The service's cluster.
    pub cluster: Option<ClusterName>,
    /// The service.
    pub service: Option<ServiceName>,
    /// The image that it is about.
    pub image: Option<Image>,
    /// The revision that carries it.
    pub revision: Option<RevisionArn>,
    /// The deployment that it is about.
    pub deployment: Option<DeploymentId>,
    /// What happened, in one sentence.
    pub summary: String,
    /// Why.
    pub reason: Option<String>,
    /// What its migration did to the database, where it failed; none where there is no migration, or that is not known.
    pub migrated: Option<Migrated>,
    /// How long each step took.
    pub steps: Vec<Step>,
    /// The log that goes with it.
    pub log: TaskLog,
    /// What to do or check next.
    pub next: Option<String>,
    /// Commands for it.
    pub commands: Vec<Command>,
}

/// What a person may do by a command; the message spells it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Request the deployment of this image of the outcome's pipeline: a push of an image that is there already is no event.
    Request(Digest),
    /// Restore this image from ECR's archive.
    RestoreImage {
        /// The registry.
        registry: Registry,
        /// The repository.
        repository: Repository,
        /// The image.
        digest: Digest,
    },
    /// Send production to the green of this deployment, which waits for it.
    Reroute(DeploymentId),
    /// Let a test listener forward to what serves production again.
    RestoreTestListener {
        /// The listener.
        listener: ListenerArn,
        /// The target group of the PRIMARY task set.
        target_group: TargetGroupArn,
    },
}

/// The deployment that an outcome is about, whichever engine carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Who carries it out.
    pub engine: Engine,
    /// Its id.
    pub id: DeploymentId,
    /// The image that it ships; none where a person or another tool made it.
    pub image: Option<Image>,
    /// The engine's error code and sentence.
    pub error: Option<(String, String)>,
    /// Whether a call stopped it: a person's, or Greenlight's own for a newer image.
    pub stopped_by_call: bool,
    /// The rollback deployment that it triggered.
    pub rolled_back_by: Option<DeploymentId>,
    /// The deployment that it rolls back.
    pub rolls_back: Option<DeploymentId>,
}

impl Subject {
    /// The deployment as the beginning of a sentence: by its image, or by its own id where that is not known.
    fn deployment(&self) -> String {
        match &self.image {
            Some(image) => format!("the deployment of {image}"),
            None => format!("deployment {}", self.id),
        }
    }
}

/// The image, or the deployment itself where that is not known.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(formatter, "{image}"),
            None => write!(formatter, "deployment {}", self.id),
        }
    }
}

/// One step of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The engine's name for it.
    pub name: String,
    /// How it ended, in the engine's word.
    pub status: &'static str,
    /// Whether it ended badly.
    pub has_failed: bool,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// What the engine says of its failure.
    pub message: Option<String>,
}

/// What is known of a deployment's end beyond the deployment itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// The revision that it shipped or tried to.
    pub revision: Option<RevisionArn>,
    /// How long each step took.
    pub steps: Vec<Step>,
    /// What AWS knows of the reason beyond the engine's own sentence: why tasks stopped.
    pub causes: Vec<String>,
    /// What its migration did to the database; none where it has none, or where that is not known.
    pub migrated: Option<Migrated>,
    /// The test listener, where a deployment without a rollback may keep later ones from working by it.
    pub test_listener_left: Option<TestListener>,
    /// The log that goes with it.
    pub log: TaskLog,
}

/// Where a deployment without a rollback leaves the test listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestListener {
    /// On green, while production stays on what it ran.
    LeftOnGreen {
        /// The listener.
        listener: ListenerArn,
        /// The target group that serves production.
        target_group: TargetGroupArn,
    },
    /// Perhaps not on what serves production.
    PerhapsElsewhere,
}

impl Outcome {
    fn new(
        event: Event,
        pipeline: &Pipeline,
        image: Option<Image>,
        deployment: Option<&DeploymentId>,
        summary: String,
    ) -> Self {
        Self {
            event,
            verdict: event.verdict(),
            pipeline: Some(pipeline.name.clone()),
            cluster: Some(pipeline.cluster.clone()),
            service: Some(pipeline.service.clone()),
            image,
            revision: None,
            deployment: deployment.cloned(),
            summary,
            reason: None,
            migrated: None,
            steps: Vec::new(),
            log: TaskLog::default(),
            next: None,
            commands: Vec::new(),
        }
    }

    /// Adds the command that requests this image again, where the image is known.
    pub(crate) fn request_again(&mut self) {
        let image = self.image.as_ref();
        let request = image.map(|image| Command::Request(image.digest.clone()));
        self.commands.extend(request);
    }

    /// Adds that the migration of an ended deployment may still run, and why it could not be stopped.
    pub fn add_migration_left(&mut self, why: &impl fmt::Display) {
        let check = format!(
            "check whether its migration is still running, and stop it: it could not be stopped ({why})"
        );
        self.next = Some(match self.next.take() {
            Some(next) => format!("{check}; {next}"),
            None => check,
        });
    }

    /// An outcome of this deployment.
    fn about(event: Event, pipeline: &Pipeline, deployment: &Subject, summary: String) -> Self {
        let image = deployment.image.clone();
        Self::new(event, pipeline, image, Some(&deployment.id), summary)
    }

    fn ending(mut self, ending: Ending) -> Self {
        self.revision = ending.revision;
        self.migrated = ending.migrated;
        self.steps = ending.steps;
        self.log = ending.log;
        self
    }
}
