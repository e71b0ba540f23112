//! Observes green, plans the migration task, runs it, and sets its time limit.

use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, RunTaskAnswer, TaskFailure};
use aws::scheduler::{Schedule, Scheduler};
use aws::sns::Sns;
use aws::{CallFailed, Kind};
use lambda::{Deadline, Failure, Gate, Hook, Known, Messenger, Start, Verdict};
use rules::config::Migration;
use rules::environment::TimeOutSchedule;
use rules::events::{HookCall, TimeOut};
use rules::migration;
use rules::observed::Task;
use serde_json::Value;

pub(crate) struct Handler {
    start: Start<TimeOutSchedule>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    scheduler: Scheduler,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<TimeOutSchedule>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        let call = HookCall::parse(&event)?;
        let hook = Hook {
            gate: Gate::Migration,
            call: &call,
            codedeploy: &self.codedeploy,
            messenger: &self.messenger,
            deadline,
        };
        hook.answer(&self.start, |known| self.migrate(&call, known))
            .await
    }

    async fn migrate(&self, call: &HookCall, known: Known) -> Result<Verdict, Failure> {
        let pipeline = &known.pipeline;
        let Some(migration) = &pipeline.migration else {
            return Ok(Verdict::Succeeded(
                "the pipeline has no migration".to_owned(),
            ));
        };
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let task = migration::plan(migration, &call.deployment_id, &call.execution_id, &service);
        let task = task.map_err(|no_green| Failure::Refused(no_green.to_string()))?;
        match self.ecs.run_task(&pipeline.cluster, &task).await? {
            RunTaskAnswer::Started(task) => {
                let verdict = self.limit(call, migration, &task).await?;
                self.unless_ended(call, &task, verdict).await
            }
            RunTaskAnswer::Refused(failures) => Ok(Verdict::Failed {
                reason: refused(&failures),
                log: Vec::new(),
            }),
        }
    }

    /// Without a time limit the migration could outlive the hook's hour, so it is not left running without one.
    async fn limit(
        &self,
        call: &HookCall,
        migration: &Migration,
        task: &Task,
    ) -> Result<Verdict, Failure> {
        match self.schedule(call, migration, task).await {
            Ok(()) => Ok(Verdict::Later(format!(
                "the migration runs as task {}",
                task.arn.id()
            ))),
            // It is tried again: RunTask then answers with the same task.
            Err(
                failure @ Failure::Aws(CallFailed {
                    kind: Kind::Throttled | Kind::Unavailable,
                    ..
                }),
            ) => Err(failure),
            Err(failure) => {
                self.stop(task, "its time limit could not be set").await;
                Err(failure)
            }
        }
    }

    /// A deployment that was stopped meanwhile may have been told before the task was there to be stopped with it.
    async fn unless_ended(
        &self,
        call: &HookCall,
        task: &Task,
        verdict: Verdict,
    ) -> Result<Verdict, Failure> {
        let deployment = self.codedeploy.get_deployment(&call.deployment_id).await?;
        if !deployment.status.has_ended() {
            return Ok(verdict);
        }
        self.stop(task, "its deployment has ended").await;
        Err(Failure::Refused(format!(
            "deployment `{}` has ended while its migration was started",
            deployment.id
        )))
    }

    async fn stop(&self, task: &Task, reason: &str) {
        let stopped = self.ecs.stop_task(&task.cluster, &task.arn, reason).await;
        if let Err(failed) = stopped {
            tracing::warn!(error = %failed, task = %task.arn, "migration not stopped");
        }
    }

    async fn schedule(
        &self,
        call: &HookCall,
        migration: &Migration,
        task: &Task,
    ) -> Result<(), Failure> {
        let started = self.start.as_ref().map_err(Failure::from)?;
        let created_at = task.created_at.ok_or_else(|| {
            Failure::Refused("ECS did not say when the task was created".to_owned())
        })?;
        let time_out = TimeOut {
            deployment_id: call.deployment_id.clone(),
            hook_execution_id: call.execution_id.clone(),
            cluster: task.cluster.clone(),
            task_arn: task.arn.clone(),
            timeout_minutes: migration.time_out.as_secs() / 60,
        };
        let input = serde_json::to_string(&time_out)
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let schedule = Schedule {
            name: migration::schedule_name(&call.deployment_id),
            at: created_at + migration.time_out,
            target_arn: started.own.function_arn.clone(),
            role_arn: started.own.role_arn.clone(),
            input,
            description: format!(
                "ends the migration of deployment {} if it still runs",
                call.deployment_id
            ),
        };
        self.scheduler
            .create_schedule(&schedule)
            .await
            .map_err(|failed: CallFailed| failed.into())
    }
}

fn refused(failures: &[TaskFailure]) -> String {
    let reasons: Vec<String> = failures
        .iter()
        .map(|failure| {
            [&failure.reason, &failure.detail]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(": ")
        })
        .collect();
    let reasons = if reasons.is_empty() {
        "no reason given".to_owned()
    } else {
        reasons.join("; ")
    };
    format!("ECS started no migration task: {reasons}")
}
