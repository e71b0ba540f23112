//! Observes the migration that an event or a time-out is about, decides whether it has ended, and answers its hook.

mod observe;
mod rolling;

use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use lambda::{Caller, Deadline, EvidenceReader, Failure, Hook, Messenger, Start};
use rules::environment::Scheduling;
use rules::events::{self, FinishEvent, RollingEvent};
use rules::gate::{Gate, Verdict};
use rules::migration;
use rules::migration::finish::{Act, End, Finish, Observed};
use rules::migration::may_not_have_begun;
use rules::migration::verdict::Stopped;
use rules::names::{DeploymentId, TaskArn};
use rules::observed::Task;
use rules::task_log::TaskLog;
use serde_json::{Value, json};

/// DescribeTasks may be older than the event that triggered this, and not know a new task for some seconds: how often it is
/// called, and the pause between. A task that ends at once is described while it is new.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Handler {
    start: Start<Scheduling>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    logs: Logs,
    scheduler: Scheduler,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<Scheduling>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(session),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        if let Ok(started) = &self.start
            && let Some(reason) = events::other_account(&event, &started.settings.topic)
        {
            return Ok(nothing_to_finish(&reason));
        }
        if let Some(event) = RollingEvent::parse(&event)? {
            return self.finish_rolling(&event).await;
        }
        let event = FinishEvent::parse(&event)?;
        let mut reader = EvidenceReader::new(&self.ecs, &self.logs);
        match self.finish(&event, &mut reader).await? {
            Finish::Nothing(reason) => Ok(nothing_to_finish(&reason)),
            Finish::Refused(reason) => Err(Failure::Refused(reason)),
            Finish::NotYet(reason) => Err(Failure::NotYet(reason)),
            Finish::End(end) => self.act(&end, deadline, &mut reader).await,
        }
    }

    /// Observes and decides; again while ECS describes an older state than the event.
    async fn finish(
        &self,
        event: &FinishEvent,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<Finish, Failure> {
        let mut observed = Observed::default();
        for _ in 1..ATTEMPTS {
            let finish = self.decide(event, &mut observed, reader).await?;
            if !matches!(finish, Finish::NotYet(_)) {
                return Ok(finish);
            }
            tokio::time::sleep(PAUSE).await;
            observed.task = None;
        }
        self.decide(event, &mut observed, reader).await
    }

    async fn act(
        &self,
        end: &End,
        deadline: Deadline,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<Value, Failure> {
        let answer = match &end.act {
            Act::Answer(verdict) => self.answer(end, verdict, deadline).await?,
            Act::AnswerAndStop(verdict, task, reason) => {
                let answer = self.answer(end, verdict, deadline).await?;
                self.stop(&task.cluster, &task.arn, reason).await;
                answer
            }
            Act::StopAndFail(task, reason) => {
                let stopped = self.stop(&task.cluster, &task.arn, reason).await;
                // It may have begun since it was described.
                let after = match may_not_have_begun(task) {
                    true => self.described(task).await,
                    false => None,
                };
                // Only now: what it wrote last says how far it came.
                let log = match &end.record.runs {
                    Some(runs) if !may_not_have_begun(task) => {
                        reader.last_lines(task, &runs.container).await
                    }
                    Some(_) | None => TaskLog::default(),
                };
                let verdict = end.failed(task, after.as_ref(), reason, stopped, log);
                self.answer(end, &verdict, deadline).await?
            }
            Act::StopUnread(task, reason) => {
                let stopped = self.stop(&end.record.cluster, task, reason).await;
                let verdict = end.unread(reason, stopped);
                self.answer(end, &verdict, deadline).await?
            }
        };
        self.call_off_the_time_out(&end.record.deployment).await;
        Ok(answer)
    }

    async fn answer(
        &self,
        end: &End,
        verdict: &Verdict,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let record = &end.record;
        let hook = Hook {
            gate: Gate::Migration,
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &record.deployment,
                executions: &record.executions,
            },
            messenger: &self.messenger,
            deadline,
        };
        hook.deliver(&self.start, end.known.as_ref(), verdict).await
    }

    /// The task as ECS describes it now; none where it cannot be read.
    async fn described(&self, task: &Task) -> Option<Task> {
        let tasks = std::slice::from_ref(&task.arn);
        match self.ecs.describe_tasks(&task.cluster, tasks).await {
            Ok(described) => described.into_iter().next(),
            Err(failed) => {
                tracing::warn!(error = %failed, task = %task.arn, "migration not described");
                None
            }
        }
    }

    async fn stop(&self, cluster: &str, task: &TaskArn, reason: &str) -> Stopped {
        match self.ecs.stop_task(cluster, task, reason).await {
            Ok(()) => Stopped::Yes,
            Err(failed) => {
                tracing::error!(error = %failed, task = %task, "migration not stopped");
                Stopped::No
            }
        }
    }

    /// The hook is answered, so its ids are of no use any more. Where this fails the schedule calls once more, finds the hook
    /// answered, and is deleted then.
    async fn call_off_the_time_out(&self, deployment: &DeploymentId) {
        let name = migration::schedule_name(deployment);
        if let Err(failed) = self.scheduler.delete_schedule(&name).await {
            tracing::warn!(deployment_id = %deployment, error = %failed, "time-out not called off");
        }
    }
}

fn nothing_to_finish(reason: &str) -> Value {
    tracing::info!(decision = "skip", reason, "nothing to finish");
    json!({"answer": "none", "reason": reason})
}
