//! One state change of a deployment: what is taken down after it, and which outcome is published.

use std::time::Duration;

use aws::CallFailed;
use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, Tasks};
use aws::elb::Elb;
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use lambda::{Deadline, Failure, Messenger, Start, Started};
use rules::codedeploy::report::{self, CleanUp, Concern, Observed, Report};
use rules::config::Pipeline;
use rules::environment::Reporting;
use rules::events::{ServiceChange, StateChange};
use rules::migration;
use rules::misconfigured;
use rules::names::DeploymentId;
use rules::outcome::Outcome;
use serde_json::{Value, json};

/// How often the tasks are listed of a migration that may have been started while its deployment ended, and the pause
/// between.
pub(crate) const ATTEMPTS: u32 = 3;
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Handler {
    start: Start<Reporting>,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) ecs: Ecs,
    pub(crate) logs: Logs,
    pub(crate) elb: Elb,
    pub(crate) scheduler: Scheduler,
    pub(crate) messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<Reporting>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            elb: Elb::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(session),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        // What is left after it is for publishing, however many calls that explain a failure are not answered.
        let explain_until = Deadline::after(deadline.for_work());
        self.messenger.begin(&event);
        let started = match &self.start {
            Ok(started) => started,
            Err(misconfigured) => {
                let (messenger, of_change) = (&self.messenger, misconfigured::of_change);
                let failed =
                    lambda::fail_misconfigured(messenger, misconfigured, &event, of_change);
                return Err(failed.await);
            }
        };
        if let Some(change) = ServiceChange::parse(&event)? {
            return self.look(started, &event, &change, explain_until).await;
        }
        let topic = &started.settings.topic;
        let (pipelines, change) = match report::concern(&started.config, &event, topic)? {
            Concern::Pipelines(pipelines, change) => (pipelines, change),
            Concern::Nothing(reason) => return Ok(nothing_to_report(None, &reason)),
        };
        // Gates and service are the same in all of them.
        let pipeline = pipelines[0];
        let deployment = self.codedeploy.get_deployment(&change.deployment).await?;
        if let Some(reason) = report::mistaken(&change, &deployment) {
            return Ok(nothing_to_report(Some(&change), &reason));
        }
        let state = report::state_of(change.state, &deployment)
            .map_err(|early| Failure::NotYet(early.to_string()))?;
        let mut observed = Observed::new(state, deployment);
        // Before the outcome is observed: a migration must not run on because a message cannot be written.
        let clean_up = self
            .decide(pipeline, &mut observed, explain_until, report::clean_up)
            .await?;
        let stopped = self.take_down(pipeline, &change.deployment, clean_up).await;
        if clean_up == Some(CleanUp::MayRun) {
            // CodeDeploy records the last steps a few seconds late, and the message quotes them: those of the migration, for
            // which taking down has waited.
            observed.lifecycle = None;
        }
        let concerned = |_: &Pipeline, observed: &Observed| report::concerned(&pipelines, observed);
        let concerned = self
            .decide(pipeline, &mut observed, explain_until, concerned)
            .await?;
        let mut reports = Vec::new();
        for pipeline in concerned {
            let report = self.decide(pipeline, &mut observed, explain_until, report::decide);
            reports.push(report.await?);
        }
        // One that cannot be published keeps no other back.
        let mut published = Vec::new();
        for report in reports {
            published.push(self.publish(started, &change, report, &stopped).await);
        }
        let mut answers = published.into_iter().collect::<Result<Vec<_>, _>>()?;
        // Nothing else stops it: the event comes again, and is kept in the end.
        stopped?;
        Ok(match answers.len() {
            1 => answers.remove(0),
            _ => json!({"deployment_id": change.deployment, "outcomes": answers}),
        })
    }

    async fn publish(
        &self,
        started: &Started<Reporting>,
        change: &StateChange,
        report: Report,
        stopped: &Result<(), CallFailed>,
    ) -> Result<Value, Failure> {
        let mut outcome: Outcome = match report {
            Report::Publish(outcome) => *outcome,
            Report::Nothing(reason) => return Ok(nothing_to_report(Some(change), &reason)),
        };
        if let Err(failed) = stopped {
            outcome.add_migration_left(failed);
        }
        // Nothing else reports it: the event comes again, and is kept in the end.
        self.messenger.publish(&started.settings, &outcome).await?;
        let code = outcome.event.code();
        tracing::info!(deployment_id = %change.deployment, decision = "publish", outcome = code, summary = outcome.summary, "outcome reported");
        Ok(json!({"deployment_id": change.deployment, "outcome": code, "summary": outcome.summary}))
    }

    /// Stops the migration of a deployment that has ended, and deletes its schedule. An error means that the migration may
    /// still run.
    async fn take_down(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        clean_up: Option<CleanUp>,
    ) -> Result<(), CallFailed> {
        let Some(clean_up) = clean_up else {
            return Ok(());
        };
        let stopped = self.stop_migration(pipeline, deployment, clean_up).await;
        if pipeline.migration.is_some() {
            self.delete_schedule(deployment).await;
        }
        stopped
    }

    /// ECS may list a task some seconds after it was started; so where the deployment ended during its migration gate, one
    /// attempt is not enough.
    async fn stop_migration(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        clean_up: CleanUp,
    ) -> Result<(), CallFailed> {
        let attempts = match clean_up {
            CleanUp::MayRun => ATTEMPTS,
            CleanUp::HardlyRuns => 1,
        };
        let stopped = async {
            for attempt in 1..=attempts {
                if self.stop_running(pipeline, deployment).await? || attempt == attempts {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        stopped.await.or_else(|failed| {
            let may_run = clean_up == CleanUp::MayRun;
            tracing::error!(deployment_id = %deployment, error = %failed, may_run, "migration not stopped");
            if may_run { Err(failed) } else { Ok(()) }
        })
    }

    async fn stop_running(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
    ) -> Result<bool, CallFailed> {
        let started_by = migration::started_by(deployment);
        let cluster = pipeline.cluster.as_str();
        let running = self
            .ecs
            .list_tasks(cluster, Tasks::RunningStartedBy(&started_by))
            .await?;
        for task in &running {
            self.ecs
                .stop_task(cluster, task, "its deployment has ended")
                .await?;
            tracing::info!(deployment_id = %deployment, task = %task, "migration stopped");
        }
        Ok(!running.is_empty())
    }

    /// The schedule's record is needed no longer. One that stays calls finish-migration, which deletes it.
    async fn delete_schedule(&self, deployment: &DeploymentId) {
        let name = migration::schedule_name(deployment);
        if let Err(failed) = self.scheduler.delete_schedule(&name).await {
            tracing::warn!(deployment_id = %deployment, error = %failed, "time-out not called off");
        }
    }
}

/// What concerns no pipeline is not read, and its deployment not named.
fn nothing_to_report(change: Option<&StateChange>, reason: &str) -> Value {
    let deployment = change.map(|change| &change.deployment);
    let deployment_id = deployment.map(DeploymentId::as_str);
    tracing::info!(
        deployment_id,
        decision = "skip",
        reason,
        "nothing to report"
    );
    json!({"deployment_id": deployment, "outcome": null, "reason": reason})
}
