//! Judges a migration by its task, and answers its hook.

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use aws::sns::Sns;
use lambda::{Deadline, Failure, Gate, Hook, Known, Messenger, Start, Verdict};
use rules::events::{self, FinishEvent, HookCall, HookIds, TimeOut};
use rules::migration::{self, Verdict as Judged};
use rules::names::{ContainerName, DeploymentId};
use rules::observed::Task;
use serde_json::{Value, json};

pub(crate) struct Handler {
    start: Start<()>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    logs: Logs,
    scheduler: Scheduler,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<()>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        if let Ok(started) = &self.start
            && let Some(reason) = events::elsewhere(&event, &started.settings.topic)
        {
            return Ok(nothing_to_finish(&reason));
        }
        match FinishEvent::parse(&event)? {
            FinishEvent::Ignored(reason) => Ok(nothing_to_finish(&reason)),
            FinishEvent::Stopped(task) => self.stopped(*task, deadline).await,
            FinishEvent::TimedOut(time_out) => self.timed_out(time_out, deadline).await,
        }
    }

    async fn stopped(&self, task: Task, deadline: Deadline) -> Result<Value, Failure> {
        let (task, ids) = self.with_ids(task).await?;
        let verdict = self.verdict(&task, &ids.container).await;
        let call = HookCall {
            deployment_id: ids.deployment,
            execution_id: ids.execution,
        };
        let answered = self.answer(&call, verdict, deadline).await?;
        self.call_off_the_time_out(&call.deployment_id).await;
        Ok(answered)
    }

    /// The migration has been judged. A time-out that fires all the same finds its hook answered, and does no harm.
    async fn call_off_the_time_out(&self, deployment: &DeploymentId) {
        if let Err(failed) = self
            .scheduler
            .delete_schedule(&migration::schedule_name(deployment))
            .await
        {
            tracing::warn!(deployment_id = %deployment, error = %failed, "time-out not called off");
        }
    }

    /// Where the event leaves the overrides out, DescribeTasks has them. What became of the task the event says, which
    /// may know more already.
    async fn with_ids(&self, mut task: Task) -> Result<(Task, HookIds), Failure> {
        if let Some(ids) = events::hook_ids(&task) {
            return Ok((task, ids));
        }
        let described = self
            .ecs
            .describe_tasks(&task.cluster, std::slice::from_ref(&task.arn))
            .await?;
        if let Some(described) = described.into_iter().next() {
            task.overrides = described.overrides;
        }
        let ids = events::hook_ids(&task).ok_or_else(|| {
            Failure::Refused(format!(
                "task `{}` carries neither `{}` nor `{}`, expected both in its overrides \
                 (hint: only `run-migration` may start tasks as `{}…`)",
                task.arn,
                migration::DEPLOYMENT_ID,
                migration::HOOK_EXECUTION_ID,
                migration::STARTED_BY
            ))
        })?;
        Ok((task, ids))
    }

    async fn timed_out(&self, time_out: TimeOut, deadline: Deadline) -> Result<Value, Failure> {
        let task = self
            .ecs
            .describe_tasks(&time_out.cluster, std::slice::from_ref(&time_out.task_arn))
            .await?
            .into_iter()
            .next();
        let ended = task
            .as_ref()
            .and_then(|task| Some((task, events::hook_ids(task)?.container)))
            .filter(|(task, container)| migration::has_ended(task, container));
        let mut is_still_up = false;
        let verdict = match ended {
            // It ended in time, and its event was late or lost, or is still to come.
            Some((task, container)) => {
                is_still_up = task.last_status != migration::STOPPED;
                self.verdict(task, &container).await
            }
            None => {
                let reason = format!(
                    "the migration ran longer than its {} minutes",
                    time_out.timeout_minutes
                );
                let stopped = self.stop(&time_out, &reason).await;
                Verdict::Failed {
                    reason: format!("{reason} and {stopped}"),
                    log: Vec::new(),
                }
            }
        };
        let call = HookCall {
            deployment_id: time_out.deployment_id.clone(),
            execution_id: time_out.hook_execution_id.clone(),
        };
        let answered = self.answer(&call, verdict, deadline).await;
        // Only now: the event of a task that was stopped from outside tells of a failure.
        if is_still_up {
            self.stop(&time_out, "the migration has ended").await;
        }
        answered
    }

    /// Stops the task, and says whether it did.
    async fn stop(&self, time_out: &TimeOut, reason: &str) -> &'static str {
        let stopped = self
            .ecs
            .stop_task(&time_out.cluster, &time_out.task_arn, reason)
            .await;
        match stopped {
            Ok(()) => "was stopped",
            Err(failed) => {
                tracing::error!(error = %failed, task = %time_out.task_arn, "migration not stopped");
                "could not be stopped: it may still run"
            }
        }
    }

    async fn verdict(&self, task: &Task, container: &ContainerName) -> Verdict {
        match migration::judge(task, container) {
            Judged::Succeeded => Verdict::Succeeded(format!(
                "the migration of task {} exited with code 0",
                task.arn.id()
            )),
            Judged::Failed { reason, ran: true } => {
                let log = self.last_lines(task, container).await;
                Verdict::Failed { reason, log }
            }
            Judged::Failed { reason, ran: false } => Verdict::NothingRan(reason),
        }
    }

    /// The log is there to help; a verdict does not depend on it.
    async fn last_lines(&self, task: &Task, container: &ContainerName) -> Vec<String> {
        lambda::last_lines(&self.ecs, &self.logs, task, container)
            .await
            .unwrap_or_else(|failed| {
                tracing::warn!(error = %failed, "log not read");
                Vec::new()
            })
    }

    async fn answer(
        &self,
        call: &HookCall,
        verdict: Verdict,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let hook = Hook {
            gate: Gate::Migration,
            call,
            codedeploy: &self.codedeploy,
            messenger: &self.messenger,
            deadline,
        };
        // A success needs no message; whom a failure concerns is looked up for the message alone.
        let known = match verdict {
            Verdict::Failed { .. } | Verdict::NothingRan(_) => {
                self.known(&call.deployment_id).await
            }
            Verdict::Succeeded(_)
            | Verdict::TooLate(_)
            | Verdict::Later(_)
            | Verdict::Ignored(_) => None,
        };
        let verdict = unless_ended(known.as_ref(), verdict);
        hook.deliver(&self.start, known.as_ref(), &verdict).await
    }

    async fn known(&self, deployment: &DeploymentId) -> Option<Known> {
        let deployment = self.codedeploy.get_deployment(deployment).await;
        let deployment = deployment
            .inspect_err(|failed| tracing::warn!(error = %failed, "deployment not found out"))
            .ok()?;
        let config = &self.start.as_ref().ok()?.config;
        let pipeline = config
            .of_group(&deployment.application, &deployment.deployment_group)?
            .clone();
        Some(Known {
            pipeline,
            deployment,
        })
    }
}

/// A migration that is stopped because its deployment failed, or judged again when its time is up, fails once more. It was
/// told when the deployment ended, and CodeDeploy may take the same answer twice without a word.
fn unless_ended(known: Option<&Known>, verdict: Verdict) -> Verdict {
    if !known.is_some_and(|known| known.deployment.status.has_ended()) {
        return verdict;
    }
    match verdict {
        Verdict::Failed { reason, log: _ } | Verdict::NothingRan(reason) => {
            Verdict::TooLate(reason)
        }
        Verdict::Succeeded(_) | Verdict::TooLate(_) | Verdict::Later(_) | Verdict::Ignored(_) => {
            verdict
        }
    }
}

fn nothing_to_finish(reason: &str) -> Value {
    tracing::info!(decision = "skip", reason, "nothing to finish");
    json!({"answer": "none", "reason": reason})
}
