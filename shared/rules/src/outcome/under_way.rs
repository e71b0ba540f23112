//! A deployment that is under way.

use super::{Command, Event, Outcome, Subject, Verdict};
use crate::config::Pipeline;
use crate::engine::Engine;
use crate::events::Way;
use crate::reasons::Migrated;
use crate::task_log::TaskLog;

impl Outcome {
    /// A deployment began.
    pub fn started(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let place = pipeline.place();
        let summary = match (&deployment.image, deployment.settings) {
            (Some(image), None) => format!("{image} is being deployed to {place}"),
            (Some(image), Some(number)) => format!(
                "the settings of revision {number} are being deployed to {place}, with {image}, which runs already"
            ),
            (None, _) => format!("{deployment} to {place} has begun"),
        };
        Self::about(Event::Started, pipeline, deployment, summary)
    }

    /// The migration began that runs before a deployment.
    pub fn migrating(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let summary = format!(
            "the migration of {deployment} for {} has started; the deployment follows when it has succeeded",
            pipeline.place()
        );
        Self::about(Event::Started, pipeline, deployment, summary)
    }

    /// Somebody else's deployment took the place of one whose migration has succeeded.
    pub fn superseded_after_migration(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let summary = format!(
            "{deployment} is not deployed to {}: a deployment that Greenlight did not start took its place while its migration ran; the \
             database is migrated",
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Skipped, pipeline, deployment, summary);
        outcome.verdict = Verdict::Superseded;
        outcome.migrated = Some(Migrated::Done);
        outcome.next = Some(
            "check that what runs now fits the migrated database; request this image, which migrates once more, or push a new one"
                .to_owned(),
        );
        outcome.request_again(pipeline, Some(Way::Forward));
        outcome
    }

    /// How the migration before a deployment ended is not known, and the deployment is not begun.
    pub fn migration_unknown(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let reason = "ECS does not know the migration's task any more".to_owned();
        Self {
            summary: format!(
                "how the migration of {deployment} ended is not known; no production traffic was shifted"
            ),
            ..Self::migration_failed(pipeline, deployment, reason, TaskLog::default())
        }
    }

    /// Adds that no rollback follows where this deployment fails.
    pub fn add_without_rollback(&mut self, engine: Engine) {
        self.next = Some(engine.without_rollback().to_owned());
    }

    /// A deployment waits for a person, because its group says so.
    pub fn ready(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let summary = format!(
            "{deployment} is ready for {} and waits for a person to reroute production to it",
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Ready, pipeline, deployment, summary);
        outcome.next = Some(deployment.engine.how_to_reroute().to_owned());
        outcome
            .commands
            .push(Command::Reroute(deployment.id.clone()));
        outcome
    }
}
