//! An image runs where tasks of it run: an engine's success means that its steps are done, not that a task is up at their end.

use super::{Ending, Event, Outcome, Subject};
use crate::config::Pipeline;
use crate::observed::TaskCount;

const CHECK: &str = "check the stopped tasks' reasons and the service's events; then correct the cause and push a new image, or \
     request this one again";

impl Outcome {
    /// The engine reports success, and no task of what it shipped runs: that is not a success.
    pub fn shipped_and_down(
        pipeline: &Pipeline,
        deployment: &Subject,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} reports success for {deployment} to {}, but {running} run",
            deployment.engine,
            pipeline.place()
        );
        Self::down(pipeline, deployment, deployment, summary, ending)
    }

    /// The engine rolled back, and no task of what it went back to runs.
    pub fn rolled_back_and_down(
        pipeline: &Pipeline,
        failed: &Subject,
        rollback: &Subject,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} reports that {} is rolled back from {failed}, but {running} run",
            rollback.engine,
            pipeline.place(),
        );
        Self::down(pipeline, failed, rollback, summary, ending)
    }

    fn down(
        pipeline: &Pipeline,
        ships: &Subject,
        about: &Subject,
        summary: String,
        ending: Ending,
    ) -> Self {
        let mut outcome = Self {
            image: ships.image.clone(),
            ..Self::about(Event::Failed, pipeline, about, summary)
        };
        outcome.reason = Some(if ending.causes.is_empty() {
            "ECS names no task that stopped by itself".to_owned()
        } else {
            ending.causes.join("; ")
        });
        outcome.next = Some(CHECK.to_owned());
        outcome.request_again(pipeline, ending.way);
        outcome.ending(ending)
    }
}
