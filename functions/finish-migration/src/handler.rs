//! Finds the migration that an event or a time-out is about, judges it by its task, and answers its hook.
//!
//! Of what triggers this function only ids are believed. Which task may answer, and which hook, is in the time-out schedule
//! that `run-migration` made; what became of the task, ECS knows.

mod find;
mod observe;
mod older;

use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use aws::sns::Sns;
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Start};
use rules::events::{self, FinishEvent};
use rules::gate::{Gate, Verdict};
use rules::migration::{self, finish::Finish};
use rules::names::DeploymentId;
use rules::observed::Task;
use serde_json::{Value, json};

use find::{Found, Waiting};

/// DescribeTasks may be older than the event that triggered this, and not know a new task for some seconds: how often it is
/// called, and the pause between. A task that ends at once is described while it is new.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

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
            && let Some(reason) = events::other_account(&event, &started.settings.topic)
        {
            return Ok(nothing_to_finish(&reason));
        }
        let found = match FinishEvent::parse(&event)? {
            FinishEvent::Ignored(reason) => Found::Ignored(reason),
            FinishEvent::Changed(change) => self.changed(change).await?,
            FinishEvent::TimedOut(time_out) => self.timed_out(time_out).await?,
        };
        match found {
            Found::Waiting(waiting) => self.finish(*waiting, deadline).await,
            Found::Ignored(reason) => Ok(nothing_to_finish(&reason)),
        }
    }

    /// Observes, decides, acts; again while ECS describes an older state than the event.
    async fn finish(&self, mut waiting: Waiting, deadline: Deadline) -> Result<Value, Failure> {
        let mut attempt = 1;
        loop {
            let finish = self.decide(&mut waiting.observed).await?;
            let Finish::NotYet(reason) = finish else {
                return self.act(&waiting, finish, deadline).await;
            };
            if attempt == ATTEMPTS {
                return Err(Failure::NotYet(reason));
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
            waiting.observed.task = None;
        }
    }

    async fn act(
        &self,
        waiting: &Waiting,
        finish: Finish,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let answer = match finish {
            Finish::Nothing(reason) | Finish::NotYet(reason) => {
                return Ok(nothing_to_finish(&reason));
            }
            Finish::Answer(verdict) => self.answer(waiting, &verdict, deadline).await?,
            Finish::AnswerAndStop(verdict, task, reason) => {
                let answer = self.answer(waiting, &verdict, deadline).await?;
                self.stop(&task, reason).await;
                answer
            }
            Finish::StopAndFail(task, reason) => {
                let stopped = self.stop(&task, &reason).await;
                let verdict = waiting.observed.delivered(Verdict::Failed {
                    reason: format!("{reason} and {stopped}"),
                    log: Vec::new(),
                });
                self.answer(waiting, &verdict, deadline).await?
            }
        };
        self.call_off_the_time_out(&waiting.observed.record.deployment)
            .await;
        Ok(answer)
    }

    async fn answer(
        &self,
        waiting: &Waiting,
        verdict: &Verdict,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let record = &waiting.observed.record;
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
        hook.deliver(&self.start, waiting.known.as_ref(), verdict)
            .await
    }

    /// Stops the task; returns what became of that, for people.
    async fn stop(&self, task: &Task, reason: &str) -> &'static str {
        match self.ecs.stop_task(&task.cluster, &task.arn, reason).await {
            Ok(()) => "was stopped",
            Err(failed) => {
                tracing::error!(error = %failed, task = %task.arn, "migration not stopped");
                "could not be stopped: it may still run"
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
