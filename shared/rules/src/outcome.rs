//! Outcomes: what became of a push, as people are told it. Rendering is in [`crate::message`].

mod event;
mod order;
mod reason;
mod running;

use std::fmt;

use time::UtcDateTime;

use crate::codedeploy::{Deployment, DeploymentTarget, LifecycleEventStatus};
use crate::config::Pipeline;
use crate::names::{ClusterName, DeploymentId, Image, PipelineName, RevisionArn, ServiceName};
use crate::observed::TaskCount;
use crate::start;

pub use event::Event;
use reason::{reason, was_perhaps_replaced};

/// One thing that a person would want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What happened.
    pub event: Event,
    /// The pipeline; none where a hook could not find out.
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
    /// How long each step took.
    pub steps: Vec<Step>,
    /// The last lines of a log.
    pub log: Vec<String>,
    /// What to do or check next.
    pub next: Option<String>,
}

/// One step of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The lifecycle event's name.
    pub name: String,
    /// How it ended.
    pub status: LifecycleEventStatus,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// The steps that have ended, in order.
pub fn steps(target: &DeploymentTarget) -> Vec<Step> {
    let ended = target.lifecycle_events.iter().filter_map(|event| {
        let seconds = seconds_between(event.started_at?, event.ended_at?);
        Some(Step {
            name: event.name.clone(),
            status: event.status,
            seconds,
        })
    });
    ended.collect()
}

fn seconds_between(from: UtcDateTime, to: UtcDateTime) -> u64 {
    u64::try_from((to - from).whole_seconds()).unwrap_or(0)
}

/// What a deployment's end has to say beside the deployment itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// The revision that it shipped or tried to.
    pub revision: Option<RevisionArn>,
    /// How long each step took.
    pub steps: Vec<Step>,
    /// What AWS knows of the reason beyond CodeDeploy's own sentence: why tasks stopped.
    pub causes: Vec<String>,
    /// The last lines of the log that goes with it.
    pub log: Vec<String>,
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
            pipeline: Some(pipeline.name.clone()),
            cluster: Some(pipeline.cluster.clone()),
            service: Some(pipeline.service.clone()),
            image,
            revision: None,
            deployment: deployment.cloned(),
            summary,
            reason: None,
            steps: Vec::new(),
            log: Vec::new(),
            next: None,
        }
    }

    /// Adds that a migration for which nobody waits any more was perhaps not stopped, and why.
    pub fn add_migration_left(&mut self, why: &impl fmt::Display) {
        let check = format!(
            "check whether its migration is still running, and stop it: it could not be stopped ({why})"
        );
        self.next = Some(match self.next.take() {
            Some(next) => format!("{check}; {next}"),
            None => check,
        });
    }

    /// A deployment began.
    pub fn started(pipeline: &Pipeline, deployment: &Deployment) -> Self {
        let summary = format!(
            "{} is being deployed to {}",
            named(pipeline, deployment),
            place(pipeline)
        );
        Self::new(
            Event::Started,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        )
    }

    /// A deployment waits for a person, because its group says so.
    pub fn ready(pipeline: &Pipeline, deployment: &Deployment) -> Self {
        let summary = format!(
            "{} is ready for {} and waits for somebody to reroute production to it",
            named(pipeline, deployment),
            place(pipeline)
        );
        let mut outcome = Self::new(
            Event::Ready,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        );
        outcome.next = Some(format!(
            "reroute traffic in the console, or: aws deploy continue-deployment --deployment-id {} \
             --deployment-wait-type READY_WAIT; without it CodeDeploy stops the deployment when the group's wait is over",
            deployment.id
        ));
        outcome
    }

    /// The migration gate failed.
    pub fn migration_failed(
        pipeline: &Pipeline,
        deployment: &Deployment,
        reason: String,
        log: Vec<String>,
    ) -> Self {
        let summary = format!(
            "the migration of {} failed; no production traffic was shifted",
            named(pipeline, deployment)
        );
        let mut outcome = Self::new(
            Event::MigrationFailed,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        );
        outcome.next = Some(
            "correct the migration and push again; check whether it left the database partially migrated"
                .to_owned(),
        );
        outcome.reason = Some(reason);
        outcome.log = log;
        outcome
    }

    /// The migration gate failed before anything of the migration ran.
    pub fn migration_did_not_run(
        pipeline: &Pipeline,
        deployment: &Deployment,
        reason: String,
    ) -> Self {
        Self {
            summary: format!(
                "the migration of {} did not run; no production traffic was shifted",
                named(pipeline, deployment)
            ),
            next: Some(
                "the database is as it was; correct the cause, then push again or ask for the deployment"
                    .to_owned(),
            ),
            ..Self::migration_failed(pipeline, deployment, reason, Vec::new())
        }
    }

    /// The test traffic gate failed.
    pub fn test_traffic_failed(
        pipeline: &Pipeline,
        deployment: &Deployment,
        reason: String,
    ) -> Self {
        let summary = format!(
            "{} did not pass the test traffic check; no production traffic was shifted",
            named(pipeline, deployment)
        );
        let mut outcome = Self::new(
            Event::TestTrafficFailed,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        );
        outcome.next =
            Some("correct the service, or the pipeline's test_traffic, and push again".to_owned());
        outcome.reason = Some(reason);
        outcome
    }

    /// A gate failed before it knew its pipeline: the configuration is wrong, or AWS refused the first call.
    pub fn gate_failed(event: Event, deployment: &DeploymentId, reason: String) -> Self {
        Self {
            event,
            pipeline: None,
            cluster: None,
            service: None,
            image: None,
            revision: None,
            deployment: Some(deployment.clone()),
            summary: format!(
                "a hook of deployment {deployment} failed; no production traffic was shifted"
            ),
            reason: Some(reason),
            steps: Vec::new(),
            log: Vec::new(),
            next: Some("correct the cause and push again".to_owned()),
        }
    }

    /// Production runs the image, or would where nobody wants a task.
    pub fn shipped(
        pipeline: &Pipeline,
        deployment: &Deployment,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let (place, named) = (place(pipeline), named(pipeline, deployment));
        let summary = match running {
            TaskCount { desired: 0, .. } => format!(
                "{named} is shipped to {place}; nothing was checked: the service's desired count is 0"
            ),
            running => format!("{place} runs {named} ({running})"),
        };
        Self::ended_well(pipeline, deployment, summary, ending)
    }

    fn ended_well(
        pipeline: &Pipeline,
        deployment: &Deployment,
        summary: String,
        ending: Ending,
    ) -> Self {
        Self::new(
            Event::Shipped,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        )
        .ending(ending)
    }

    /// Production ran the image, and a later deployment has replaced it before anybody was told.
    pub fn replaced_since(
        pipeline: &Pipeline,
        deployment: &Deployment,
        by: &DeploymentId,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} was shipped to {}; deployment {by} has replaced it since",
            named(pipeline, deployment),
            place(pipeline)
        );
        Self::ended_well(pipeline, deployment, summary, ending)
    }

    /// CodeDeploy says that the deployment succeeded, and what it shipped could not be found out.
    pub fn said_to_be_shipped(
        pipeline: &Pipeline,
        deployment: &Deployment,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports success for {} to {}; whether production runs it could not be checked",
            named(pipeline, deployment),
            place(pipeline)
        );
        Self::ended_well(pipeline, deployment, summary, ending)
    }

    /// CodeDeploy says that the deployment succeeded, and production runs something else: that is no success.
    pub fn not_running(
        pipeline: &Pipeline,
        deployment: &Deployment,
        runs: &RevisionArn,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "CodeDeploy reports success for {}, but {} is on another revision",
            named(pipeline, deployment),
            place(pipeline)
        );
        let mut outcome = Self::new(
            Event::Failed,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        )
        .ending(ending);
        outcome.reason = Some(format!("the PRIMARY task set is of {}", runs.short()));
        outcome.next = Some("check the service's task sets and who changed them".to_owned());
        outcome
    }

    /// A deployment ended badly, or was stopped.
    pub fn ended_badly(
        event: Event,
        pipeline: &Pipeline,
        deployment: &Deployment,
        ending: Ending,
    ) -> Self {
        let verb = verb(event);
        let after = match &deployment.rolled_back_by {
            Some(rollback) => format!("deployment {rollback} rolls it back"),
            None => "as CodeDeploy says now, it is not rolled back by itself".to_owned(),
        };
        let summary = format!(
            "the deployment of {} to {} {verb}; {after}",
            named(pipeline, deployment),
            place(pipeline)
        );
        let mut outcome = Self::new(
            event,
            pipeline,
            start::shipped_image(&pipeline.repository, deployment),
            Some(&deployment.id),
            summary,
        );
        outcome.reason = Some(reason(pipeline, deployment, &ending));
        let correct = if was_perhaps_replaced(pipeline, deployment) {
            "nothing to correct where a newer image follows"
        } else {
            "correct the cause and push again"
        };
        outcome.next = Some(match &deployment.rolled_back_by {
            Some(_) => format!("wait for the rollback's message; {correct}"),
            None => format!(
                "check the deployment: unless a rollback follows, its task sets and listeners stay as they are until \
                 somebody acts; {correct}"
            ),
        });
        outcome.ending(ending)
    }

    /// Production is back on what it ran before.
    pub fn rolled_back(
        pipeline: &Pipeline,
        failed: &Deployment,
        rollback: &Deployment,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let revision = ending.revision.as_ref().map(RevisionArn::short);
        let then = match (running, revision) {
            (TaskCount { desired: 0, .. }, _) => {
                "; nothing was checked: the service's desired count is 0".to_owned()
            }
            (running, Some(revision)) => format!(" and runs {revision} ({running})"),
            (running, None) => format!(" ({running} run)"),
        };
        let summary = format!(
            "{} is rolled back from {}{then}",
            place(pipeline),
            named(pipeline, failed)
        );
        let mut outcome = Self::new(
            Event::RolledBack,
            pipeline,
            start::shipped_image(&pipeline.repository, failed),
            Some(&rollback.id),
            summary,
        );
        outcome.reason = Some(reason(pipeline, failed, &ending));
        let next = if was_perhaps_replaced(pipeline, failed) {
            "nothing to correct where a newer image follows; this one is not tried again by itself"
        } else {
            "correct the cause and push again; the same image is not tried again by itself"
        };
        outcome.next = Some(next.to_owned());
        outcome.ending(ending)
    }

    /// A rollback that did not end well: production's state must be looked at.
    pub fn rollback_failed(
        event: Event,
        pipeline: &Pipeline,
        rollback: &Deployment,
        ending: Ending,
    ) -> Self {
        let of = rollback
            .rolls_back
            .as_ref()
            .map(|id| format!(" of deployment {id}"))
            .unwrap_or_default();
        let summary = format!("the rollback{of} of {} {}", place(pipeline), verb(event));
        let mut outcome = Self::new(event, pipeline, None, Some(&rollback.id), summary);
        outcome.reason = Some(reason(pipeline, rollback, &ending));
        outcome.next = Some(
            "check now: the production listener's weights and the service's task sets".to_owned(),
        );
        outcome.ending(ending)
    }

    fn ending(mut self, ending: Ending) -> Self {
        self.revision = ending.revision;
        self.steps = ending.steps;
        self.log = ending.log;
        self
    }
}

fn verb(event: Event) -> &'static str {
    if event == Event::Stopped {
        "was stopped"
    } else {
        "failed"
    }
}

fn named(pipeline: &Pipeline, deployment: &Deployment) -> String {
    start::shipped_image(&pipeline.repository, deployment).map_or_else(
        || format!("deployment {}", deployment.id),
        |image| image.to_string(),
    )
}

fn place(pipeline: &Pipeline) -> String {
    format!("{}/{}", pipeline.cluster, pipeline.service)
}
