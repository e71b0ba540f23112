//! A deployment that is under way.

use super::{Event, Outcome, Subject};
use crate::config::Pipeline;

impl Outcome {
    /// A deployment began.
    pub fn started(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let summary = format!("{deployment} is being deployed to {}", pipeline.place());
        Self::about(Event::Started, pipeline, deployment, summary)
    }

    /// A deployment waits for a person, because its group says so.
    pub fn ready(pipeline: &Pipeline, deployment: &Subject) -> Self {
        let summary = format!(
            "{deployment} is ready for {} and waits for a person to reroute production to it",
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Ready, pipeline, deployment, summary);
        outcome.next = Some(deployment.engine.how_to_reroute(&deployment.id));
        outcome
    }
}
