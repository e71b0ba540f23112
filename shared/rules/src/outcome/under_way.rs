//! A deployment that is under way.

use super::{Command, Event, Outcome, Subject};
use crate::config::Pipeline;
use crate::engine::Engine;

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
