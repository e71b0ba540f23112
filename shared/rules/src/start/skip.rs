//! Why nothing is started: a stable code for programs, a sentence for people.

use std::fmt;

use crate::names::{DeploymentId, Image};
use crate::observed::{ImageStatus, TaskCount};

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// No image matches the tag rule, or what a person requested does not exist; the sentence says which, and what is there.
    NoMatchingImage(String),
    /// What runs is not known, for this reason. Only a person's request starts anything then: installing Greenlight
    /// must not deploy by surprise what perhaps runs already.
    RunningUnknown(String),
    /// Production runs the image, with so many of its tasks.
    AlreadyRunning(Image, Option<TaskCount>),
    /// The active deployment ships it.
    AlreadyInProgress(DeploymentId),
    /// What runs, or is being deployed, is newer, was ordered later, or is a higher version.
    OlderThanRunning(Image),
    /// It was tried since it was pushed, and failed or was stopped.
    FailedBefore(DeploymentId),
    /// It was shipped since it was pushed, and a person went back by hand.
    RolledBackByHand(DeploymentId),
    /// A person requested a rollback to an image that no successful deployment of this pipeline shipped.
    NeverShipped(Image),
    /// No task could pull it: it is in ECR's archive, or is being restored from there.
    ImageArchived(Image, ImageStatus),
    /// Its migration was started since it was pushed, and how that ended is not known.
    MigrationUnknown(DeploymentId),
    /// Its migration ran, and somebody else's deployment took its place meanwhile.
    Superseded(DeploymentId),
    /// Another deployment is under way.
    Waiting(DeploymentId),
}

/// What a person has to do whose image has to wait.
pub(crate) const ASK_AGAIN: &str =
    "ask again when it has ended, because a request is not remembered";

impl Skip {
    /// The stable code for logs and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoMatchingImage(_) => "no-matching-image",
            Self::RunningUnknown(_) => "running-unknown",
            Self::AlreadyRunning(..) => "already-running",
            Self::AlreadyInProgress(_) => "already-in-progress",
            Self::OlderThanRunning(_) => "older-than-running",
            Self::FailedBefore(_) => "failed-before",
            Self::RolledBackByHand(_) => "rolled-back-by-hand",
            Self::NeverShipped(_) => "never-shipped",
            Self::ImageArchived(..) => "image-archived",
            Self::MigrationUnknown(_) => "migration-unknown",
            Self::Superseded(_) => "superseded",
            Self::Waiting(_) => "waiting",
        }
    }

    /// The deployment that it is about.
    pub fn deployment(&self) -> Option<&DeploymentId> {
        match self {
            Self::AlreadyInProgress(id)
            | Self::FailedBefore(id)
            | Self::RolledBackByHand(id)
            | Self::MigrationUnknown(id)
            | Self::Superseded(id)
            | Self::Waiting(id) => Some(id),
            Self::NoMatchingImage(_)
            | Self::RunningUnknown(_)
            | Self::AlreadyRunning(..)
            | Self::OlderThanRunning(_)
            | Self::NeverShipped(_)
            | Self::ImageArchived(..) => None,
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatchingImage(what) => formatter.write_str(what),
            Self::RunningUnknown(why) => write!(
                formatter,
                "which image production runs is not known: {why} (hint: a request deploys all the same, and pins the digest)"
            ),
            // "Runs" is said of tasks that run.
            Self::AlreadyRunning(image, Some(tasks)) if tasks.is_down() => write!(
                formatter,
                "production's revision has {image} already, though {tasks} run"
            ),
            Self::AlreadyRunning(image, _) => {
                write!(formatter, "production runs {image} already")
            }
            Self::AlreadyInProgress(id) => {
                write!(formatter, "deployment `{id}` ships this image already")
            }
            Self::OlderThanRunning(image) => write!(
                formatter,
                "production runs, or is about to run, something that is newer or was ordered later than {image}"
            ),
            Self::FailedBefore(id) => write!(
                formatter,
                "deployment `{id}` of this image did not succeed (hint: request it, or push a new image)"
            ),
            Self::RolledBackByHand(id) => write!(
                formatter,
                "deployment `{id}` shipped this image, and a person has rolled it back since (hint: request it, or push a new image)"
            ),
            Self::NeverShipped(image) => write!(
                formatter,
                "no successful deployment of this pipeline shipped {image}, expected one to roll back to \
                 (hint: leave `rollback` out of the request, and it is deployed with all its gates)"
            ),
            Self::ImageArchived(image, ImageStatus::Activating) => write!(
                formatter,
                "{image} is being restored from ECR's archive (`imageStatus` is `ACTIVATING`), and cannot be pulled until it is \
                 `ACTIVE`, after up to 20 minutes (hint: request it then)"
            ),
            Self::ImageArchived(image, _) => write!(
                formatter,
                "{image} is in ECR's archive (`imageStatus` is `ARCHIVED`), from where it cannot be pulled (hint: restore it with \
                 `aws ecr update-image-storage-class`, and request it when it is `ACTIVE`, after up to 20 minutes)"
            ),
            Self::MigrationUnknown(id) => write!(
                formatter,
                "the migration of deployment `{id}` of this image was started, and how it ended is not known (hint: check the database, and \
                 request it, which migrates once more)"
            ),
            Self::Superseded(id) => write!(
                formatter,
                "the database is migrated for deployment `{id}` of this image, and a deployment that Greenlight did not start took its place \
                 (hint: request it, or push a new image)"
            ),
            Self::Waiting(id) => write!(
                formatter,
                "deployment `{id}` is under way; its end triggers the next reconciliation"
            ),
        }
    }
}
