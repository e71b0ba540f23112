//! Observes green, plans the migration task, runs it, and sets its time limit.

use std::time::Duration;

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
use rules::observed::{DeploymentStatus, Task};
use serde_json::Value;
use tokio::time::Instant;

/// How long ECS is asked to stop a task that it does not know yet, and the pause between.
const STOPPING: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

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
        hook.answer(&self.start, |known| self.migrate(&call, known, deadline))
            .await
    }

    async fn migrate(
        &self,
        call: &HookCall,
        known: Known,
        deadline: Deadline,
    ) -> Result<Verdict, Failure> {
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
            RunTaskAnswer::Started(task) => self.limit(call, migration, &task, deadline).await,
            RunTaskAnswer::Refused(failures) => Ok(Verdict::NothingRan(refused(&failures))),
        }
    }

    /// Sees to it that the task does not outlive its deployment: it may have ended, and report-outcome looked for
    /// migrations, before this one was there. Nor may it run without a time limit, which could outlast the hook's hour.
    async fn limit(
        &self,
        call: &HookCall,
        migration: &Migration,
        task: &Task,
        deadline: Deadline,
    ) -> Result<Verdict, Failure> {
        // What fails in passing is tried again: RunTask then answers with the same task.
        let status = match self.codedeploy.get_deployment(&call.deployment_id).await {
            Ok(deployment) => Some(deployment.status),
            Err(failed) if failed.is_passing() => return Err(failed.into()),
            Err(failed) => {
                tracing::warn!(error = %failed, "deployment not looked at again");
                None
            }
        };
        if status.is_some_and(DeploymentStatus::has_ended) {
            self.stop(task, "its deployment has ended", deadline).await;
            return Ok(Verdict::TooLate(format!(
                "deployment `{}` has ended while its migration was started",
                call.deployment_id
            )));
        }
        match self.schedule(call, migration, task).await {
            Ok(()) => Ok(Verdict::Later(format!(
                "the migration runs as task {}",
                task.arn.id()
            ))),
            Err(Failure::Aws(failed)) if failed.is_passing() => Err(failed.into()),
            Err(failure) => {
                let reason = "its time limit could not be set";
                self.stop(task, reason, deadline).await;
                Err(failure)
            }
        }
    }

    /// Stops a task that was just started. ECS may not know it yet, and then refuses the request itself.
    async fn stop(&self, task: &Task, reason: &str, deadline: Deadline) {
        let until = Instant::now() + STOPPING.min(deadline.for_work());
        loop {
            let stopped = self.ecs.stop_task(&task.cluster, &task.arn, reason).await;
            let Err(failed) = stopped else { return };
            let may_pass =
                failed.is_passing() || matches!(failed.kind, Kind::Invalid | Kind::NotFound);
            if !may_pass || Instant::now() + PAUSE >= until {
                tracing::error!(error = %failed, task = %task.arn, "migration not stopped");
                return;
            }
            tokio::time::sleep(PAUSE).await;
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
