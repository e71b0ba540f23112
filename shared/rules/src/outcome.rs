//! Outcomes: what became of a push or a request, for people and programs. Rendering is in [`crate::message`].
//!
//! Sentences here hold for any engine; where only one engine has a word for something, [`Engine`] has it.

mod ended;
mod event;
mod gate;
mod judged;
mod order;
mod reason;
mod running;
mod service;
mod under_way;
mod verdict;
mod without_configuration;

use std::fmt;

use crate::config::{Pipeline, Registry};
use crate::engine::Engine;
use crate::events::{Request, Wanted, Way};
use crate::names::{
    ClusterName, DeploymentId, Digest, Image, ListenerArn, PauseHookId, PipelineName, Repository,
    RevisionArn, ServiceDeploymentArn, ServiceName, TargetGroupArn,
};
use crate::reasons::Migrated;
use crate::start::Force;
use crate::task_log::TaskLog;

pub use event::Event;
pub(crate) use judged::LeftOn;
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
    /// The registry of that image; none where no pipeline says it.
    pub registry: Option<Registry>,
    /// The revision that carries it.
    pub revision: Option<RevisionArn>,
    /// The deployment that it is about.
    pub deployment: Option<DeploymentId>,
    /// Who carries that out; none where it is not known.
    pub engine: Option<Engine>,
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
    /// Request a deployment: a push of an image that is there already is no event.
    Request {
        /// What for.
        purpose: &'static str,
        /// With all that was wanted: without `rollback` it migrates.
        request: Request,
    },
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
    /// Let a deployment go on or back that waits at a pause hook.
    Continue {
        /// The deployment.
        deployment: ServiceDeploymentArn,
        /// The pause.
        hook: PauseHookId,
        /// Which way.
        way: Continue,
    },
    /// Let a test listener forward to what serves production again.
    RestoreTestListener {
        /// The listener.
        listener: ListenerArn,
        /// The target group of the PRIMARY task set.
        target_group: TargetGroupArn,
    },
}

/// Which way a deployment goes that waits at a pause hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continue {
    /// On.
    On,
    /// Back to what ran before.
    Back,
}

impl Continue {
    /// The action as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "CONTINUE",
            Self::Back => "ROLLBACK",
        }
    }
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
    /// The number of the revision whose settings it brings, where it was started for them alone.
    pub settings: Option<u32>,
    /// The engine's error code and sentence.
    pub error: Option<(String, String)>,
    /// Whether a call stopped it that may be a person's or Greenlight's own for a newer image: it stops no rollback.
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
            Some(_) => format!("the deployment of {self}"),
            None => format!("deployment {}", self.id),
        }
    }
}

/// The image, or the deployment itself where that is not known.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.image, self.settings) {
            (Some(image), None) => write!(formatter, "{image}"),
            (Some(image), Some(number)) => {
                write!(formatter, "{image} with the settings of revision {number}")
            }
            (None, _) => write!(formatter, "deployment {}", self.id),
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
    /// Back, where it left the migration out as a requested rollback does; none where that cannot be read.
    pub way: Option<Way>,
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
            registry: Some(pipeline.registry.clone()),
            revision: None,
            deployment: deployment.cloned(),
            engine: None,
            summary,
            reason: None,
            migrated: None,
            steps: Vec::new(),
            log: TaskLog::default(),
            next: None,
            commands: Vec::new(),
        }
    }

    /// Adds the commands that request this image again, where the image is known. Without a migration either way is the same; where it
    /// is not known whether the deployment left its migration out, the reader chooses.
    pub(crate) fn request_again(&mut self, pipeline: &Pipeline, way: Option<Way>) {
        let Some(image) = &self.image else { return };
        let command = |purpose, way| Command::Request {
            purpose,
            request: Request {
                pipeline: pipeline.name.clone(),
                wanted: Wanted::Digest(image.digest.clone()),
                // The failed deployment has not made it run, so that nothing has to be forced.
                force: Force::No,
                way,
                dry_run: false,
            },
        };
        let commands = match way.filter(|_| pipeline.migration.is_some()) {
            Some(Way::Back) => vec![command("to request this rollback again", Way::Back)],
            None if pipeline.migration.is_some() => vec![
                command(
                    "to request this image again, with its migration",
                    Way::Forward,
                ),
                command(
                    "to request it again as a rollback, which migrates nothing",
                    Way::Back,
                ),
            ],
            Some(Way::Forward) | None => {
                vec![command("to request this image again", Way::Forward)]
            }
        };
        self.commands.extend(commands);
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
        Self {
            engine: Some(deployment.engine),
            ..Self::new(event, pipeline, image, Some(&deployment.id), summary)
        }
    }

    fn ending(mut self, ending: Ending) -> Self {
        self.revision = ending.revision;
        self.migrated = ending.migrated;
        self.steps = ending.steps;
        self.log = ending.log;
        self
    }
}
