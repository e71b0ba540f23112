//! Observes green, plans the migration task, writes it down, runs it, and writes down which task it is.
//!
//! The time-out schedule is made before there is a task: whatever dies in between, the schedule ends the wait, and it alone
//! says which task may answer the hook.

mod alone;
mod record;

use std::cell::Cell;
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, RunTaskAnswer, TaskFailure};
use aws::scheduler::Scheduler;
use aws::sns::Sns;
use aws::{CallFailed, Kind, Patience};
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Ran, Start};
use rules::codedeploy::lifecycle::Stage;
use rules::codedeploy::{DeploymentStatus, Known, LifecycleEvent};
use rules::environment::TimeOutSchedule;
use rules::events::HookCall;
use rules::gate::{Gate, Verdict};
use rules::migration::{self, MigrationTask, TaskRun};
use rules::names::TaskArn;
use rules::observed::Task;
use rules::revision;
use rules::task_log::TaskLog;
use serde_json::Value;
use tokio::time::Instant;

use record::Written;

/// How long StopTask is repeated for a task that ECS does not know yet, and the pause between.
const STOPPING: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Handler {
    start: Start<TimeOutSchedule>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    scheduler: Scheduler,
    messenger: Messenger,
}

/// What this invocation knows of the migration's task.
#[derive(Default)]
struct Seen {
    /// Another invocation may have started it, and may have died since.
    ran: Cell<Ran>,
    /// This invocation made the schedule, which every invocation does before it starts a task.
    made_schedule: Cell<bool>,
}

impl Seen {
    /// The verdict where this invocation could start no task, and why.
    fn not_started(&self, reason: String) -> Verdict {
        match self.ran.get() {
            Ran::Perhaps => Verdict::Failed {
                reason,
                log: TaskLog::default(),
            },
            Ran::Unknown | Ran::Nothing => Verdict::NothingRan(reason),
        }
    }
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
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &call.deployment_id,
                executions: std::slice::from_ref(&call.execution_id),
            },
            messenger: &self.messenger,
            deadline,
        };
        let seen = Seen::default();
        hook.answer(&self.start, &seen.ran, |known| {
            self.migrate(hook, &call, known, &seen)
        })
        .await
    }

    async fn migrate(
        &self,
        hook: Hook<'_>,
        call: &HookCall,
        known: Known,
        seen: &Seen,
    ) -> Result<Verdict, Failure> {
        let deadline = hook.deadline;
        let pipeline = &known.pipeline;
        // A payload alone proves nothing, and must start nothing.
        let event = match hook.stage().await? {
            Stage::Waits(event) => event,
            Stage::NotYet(reason) => return Ok(Verdict::NothingRan(reason)),
            Stage::NoMore(reason) => return Ok(Verdict::TooLate(reason)),
        };
        // Only now: another hook's id would be answered with this gate's `Succeeded`.
        let Some(migration) = &pipeline.migration else {
            return Ok(Verdict::Succeeded(
                "the pipeline has no migration".to_owned(),
            ));
        };
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let task = migration::plan(migration, &call.deployment_id, &service);
        let mut task = task.map_err(|no_green| Failure::Refused(no_green.to_string()))?;
        // Another tool's deployment calls this hook as well, and its revision was not checked before.
        let definition = self
            .ecs
            .describe_task_definition(task.revision.as_str())
            .await?;
        let matching = revision::matching(pipeline, &definition)
            .map_err(|unusable| Failure::Refused(unusable.to_string()))?;
        let fits = migration::check(migration, &definition.task_definition, &matching);
        if let Err(unfit) = fits {
            return Ok(Verdict::NothingRan(unfit.to_string()));
        }
        let written = self
            .write_down(call, &known, &mut task, &definition, &event, seen)
            .await?;
        let started = match written {
            Written::Ready => match self.run_task(&known, &task, seen).await? {
                RunTaskAnswer::Started(started) => started,
                RunTaskAnswer::Refused(failures) => return Ok(seen.not_started(refused(&failures))),
                RunTaskAnswer::Taken(tasks) => {
                    match self.same(call, &known, &task, &tasks, seen).await? {
                        Ok(started) => started,
                        Err(verdict) => return Ok(verdict),
                    }
                }
            },
            Written::Running(task) => return Ok(runs_as(&task)),
            Written::Refused(reason) => return Ok(seen.not_started(reason)),
        };
        self.note(call, &known, &task, &event, &started, deadline)
            .await
    }

    /// Until ECS refuses the call, a task may run.
    async fn run_task(
        &self,
        known: &Known,
        task: &MigrationTask,
        seen: &Seen,
    ) -> Result<RunTaskAnswer, CallFailed> {
        let before = seen.ran.replace(Ran::Perhaps);
        let sent = Instant::now();
        let answer = self.ecs.run_task(&known.pipeline.cluster, task).await;
        // The SDK sends a call again that is not answered in time: what refuses it then says nothing of what came of it before.
        let was_unanswered = sent.elapsed() >= Patience::STANDARD.attempt;
        let is_refused = match &answer {
            Ok(RunTaskAnswer::Refused(_)) => true,
            Ok(RunTaskAnswer::Started(_) | RunTaskAnswer::Taken(_)) => false,
            Err(failed) => match failed.kind {
                Kind::Throttled
                | Kind::Denied
                | Kind::NotFound
                | Kind::Conflict
                | Kind::LimitExceeded
                | Kind::Invalid => !was_unanswered,
                Kind::Unavailable | Kind::Unexpected => false,
            },
        };
        if is_refused {
            seen.ran.set(before);
        }
        answer
    }

    /// The task that used the token up, where it is the migration of an older version.
    async fn same(
        &self,
        call: &HookCall,
        known: &Known,
        task: &MigrationTask,
        tasks: &[TaskArn],
        seen: &Seen,
    ) -> Result<Result<Task, Verdict>, Failure> {
        let cluster = known.pipeline.cluster.as_str();
        let described = self.ecs.describe_tasks(cluster, tasks).await?;
        let Some(described) = described.into_iter().next() else {
            let reason = "another request has used the migration's client token, and ECS does not know its task (any more)";
            return Ok(Err(seen.not_started(reason.to_owned())));
        };
        let executions = std::slice::from_ref(&call.execution_id);
        let (id, runs) = (&call.deployment_id, TaskRun::from(task));
        let differs = migration::differences(&described, id, cluster, &runs, executions);
        if differs.is_empty() {
            return Ok(Ok(described));
        }
        // Every request for the migration has this token, so that none of them was the one that started a task.
        Ok(Err(Verdict::NothingRan(format!(
            "another caller started the task {} with the migration's client token: {}",
            described.arn.id(),
            differs.join(", ")
        ))))
    }

    /// Writes down which task it is, and sees to it that it does not outlive its deployment: that may have ended, and
    /// report-outcome looked for migrations, before this one was there.
    async fn note(
        &self,
        call: &HookCall,
        known: &Known,
        task: &MigrationTask,
        event: &LifecycleEvent,
        started: &Task,
        deadline: Deadline,
    ) -> Result<Verdict, Failure> {
        // What fails in passing is tried again: RunTask then answers with the same task.
        let status = match self.codedeploy.get_deployment(&call.deployment_id).await {
            Ok(deployment) => Some(deployment.status),
            Err(failed) if failed.is_transient() => return Err(failed.into()),
            Err(failed) => {
                tracing::warn!(error = %failed, "could not read the deployment again");
                None
            }
        };
        if status.is_some_and(DeploymentStatus::has_ended) {
            self.stop(started, "its deployment has ended", deadline)
                .await;
            return Ok(Verdict::TooLate(format!(
                "deployment `{}` has ended while its migration was started",
                call.deployment_id
            )));
        }
        match self.write_task(call, known, task, event, started).await {
            Ok(()) => Ok(runs_as(&started.arn)),
            Err(Failure::Aws(failed)) if failed.is_transient() => Err(failed.into()),
            Err(failure) => {
                let reason = "it could not be written down which task it is";
                self.stop(started, reason, deadline).await;
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
                failed.is_transient() || matches!(failed.kind, Kind::Invalid | Kind::NotFound);
            if !may_pass || Instant::now() + PAUSE >= until {
                tracing::error!(error = %failed, task = %task.arn, "migration not stopped");
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn runs_as(task: &TaskArn) -> Verdict {
    Verdict::Later(format!("the migration runs as task {}", task.id()))
}

fn refused(failures: &[TaskFailure]) -> String {
    let failures = failures.iter();
    migration::refused(
        failures.map(|failure| (failure.reason.as_deref(), failure.detail.as_deref())),
    )
}
