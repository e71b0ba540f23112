//! "Runs" is said of tasks that run: CodeDeploy's success says that it did its steps, not that a task is up at their end.

use std::fmt;

use super::{Ending, Event, Outcome, named, place};
use crate::config::Pipeline;
use crate::observed::{Deployment, Service};
use crate::start;

/// How many tasks of a service are wanted, and how many of its PRIMARY task set run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The service's desired count.
    pub desired: i32,
    /// Those that run.
    pub running: i32,
}

impl Running {
    /// At this moment.
    pub fn of(service: &Service) -> Self {
        let primary = service.primary().map(|task_set| task_set.running_count);
        Self {
            desired: service.desired_count,
            running: primary.unwrap_or(service.running_count),
        }
    }

    /// Whether tasks are wanted and none runs.
    pub fn is_down(self) -> bool {
        self.desired > 0 && self.running == 0
    }
}

impl fmt::Display for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} tasks", self.running, self.desired)
    }
}

const LOOK: &str = "look at the stopped tasks' reasons and at the service's events; then correct the cause and push again";

impl Outcome {
    /// CodeDeploy says that the deployment succeeded, and no task of what it shipped runs: that is no success.
    pub fn shipped_and_down(
        pipeline: &Pipeline,
        deployment: &Deployment,
        running: Running,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports success for {} to {}, but {running} run",
            named(deployment),
            place(pipeline)
        );
        Self::down(pipeline, deployment, deployment, summary, ending)
    }

    /// CodeDeploy rolled back, and no task of what it went back to runs.
    pub fn rolled_back_and_down(
        pipeline: &Pipeline,
        failed: &Deployment,
        rollback: &Deployment,
        running: Running,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports that {} is rolled back from {}, but {running} run",
            place(pipeline),
            named(failed)
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
            start::shipped_image(ships),
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
