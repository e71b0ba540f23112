//! "Runs" is said of tasks that run: CodeDeploy's success says that it did its steps, not that a task is up at their end.

use super::{Ending, Event, Outcome, named, place};
use crate::codedeploy::Deployment;
use crate::config::Pipeline;
use crate::observed::TaskCount;
use crate::start;

const LOOK: &str = "check the stopped tasks' reasons and the service's events; then correct the cause and push again";

impl Outcome {
    /// CodeDeploy says that the deployment succeeded, and no task of what it shipped runs: that is no success.
    pub fn shipped_and_down(
        pipeline: &Pipeline,
        deployment: &Deployment,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports success for {} to {}, but {running} run",
            named(pipeline, deployment),
            place(pipeline)
        );
        Self::down(pipeline, deployment, deployment, summary, ending)
    }

    /// CodeDeploy rolled back, and no task of what it went back to runs.
    pub fn rolled_back_and_down(
        pipeline: &Pipeline,
        failed: &Deployment,
        rollback: &Deployment,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports that {} is rolled back from {}, but {running} run",
            place(pipeline),
            named(pipeline, failed)
        );
        Self::down(pipeline, failed, rollback, summary, ending)
    }

    fn down(
        pipeline: &Pipeline,
        ships: &Deployment,
        told: &Deployment,
        summary: String,
        ending: Ending,
    ) -> Self {
        let mut outcome = Self::new(
            Event::Failed,
            pipeline,
            start::shipped_image(&pipeline.repository, ships),
            Some(&told.id),
            summary,
        );
        outcome.reason = Some(if ending.causes.is_empty() {
            "ECS names no task that stopped by itself".to_owned()
        } else {
            ending.causes.join("; ")
        });
        outcome.next = Some(LOOK.to_owned());
        outcome.ending(ending)
    }
}
