//! Finds the migration that an event or a time-out is about, judges it by its task, and answers its hook.
//!
//! Of what wakes this function only ids are believed. Which task may answer, and whom, the time-out schedule says that
//! `run-migration` made; what became of the task, ECS says.

mod older;
mod task;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use aws::sns::Sns;
use aws::{CallFailed, Kind};
use lambda::{Caller, Deadline, Failure, Gate, Hook, Known, Messenger, Start, Started, Verdict};
use rules::events::{self, FinishEvent, TaskChanged, TimedOut};
use rules::migration::{self, Record};
use rules::names::{ContainerName, DeploymentId};
use rules::observed::Task;
use serde_json::{Value, json};
use time::{Duration, UtcDateTime};

use task::Seen;

/// Scheduler calls within the minute, and its clock is not that of the one who is asked.
const DUE_ABOUT: Duration = Duration::minutes(1);

pub(crate) struct Handler {
    start: Start<()>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    logs: Logs,
    scheduler: Scheduler,
    messenger: Messenger,
}

/// A migration that waits for its verdict.
struct Waiting {
    record: Record,
    known: Option<Known>,
    /// When its time is up, and what AWS's clock says.
    due: Option<UtcDateTime>,
    now: Option<UtcDateTime>,
}

impl Waiting {
    /// The container that migrates: as it was started, whatever the configuration says by now.
    fn container(&self) -> Option<&ContainerName> {
        let written = self.record.runs.as_ref().map(|runs| &runs.container);
        written.or_else(|| {
            let migration = self.known.as_ref()?.pipeline.migration.as_ref();
            migration.map(|migration| &migration.container)
        })
    }
}

/// What was found out about a deployment.
enum Found {
    Waiting(Box<Waiting>),
    /// Nobody has written this migration down (any more).
    Unwritten(Option<UtcDateTime>),
    Ignored(String),
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
            FinishEvent::Changed(change) => self.changed(change, deadline).await,
            FinishEvent::TimedOut(time_out) => self.timed_out(time_out, deadline).await,
        }
    }

    async fn changed(&self, change: TaskChanged, deadline: Deadline) -> Result<Value, Failure> {
        // Without a configuration nobody knows whose deployment it is. The event comes again, and the time-out at last.
        let started = self.start.as_ref().map_err(Failure::from)?;
        let waiting = match self.find(&change.deployment).await? {
            Found::Waiting(waiting) => waiting,
            Found::Unwritten(_) => return self.older_task(started, &change, deadline).await,
            Found::Ignored(reason) => return Ok(nothing_to_finish(&reason)),
        };
        let record = &waiting.record;
        if let Some(task) = &record.task
            && *task != change.task
        {
            let reason = format!(
                "deployment `{}` waits for task {}, not for {}",
                record.deployment,
                task.id(),
                change.task.id()
            );
            return Ok(nothing_to_finish(&reason));
        }
        match self.seen(record, &change, waiting.container()).await? {
            Seen::Other(reason) => Ok(nothing_to_finish(&reason)),
            Seen::Ended(task) => self.finish(&waiting, &task, deadline).await,
        }
    }

    async fn timed_out(&self, time_out: TimedOut, deadline: Deadline) -> Result<Value, Failure> {
        let waiting = match self.find(&time_out.deployment).await? {
            Found::Waiting(waiting) => waiting,
            Found::Unwritten(now) => return self.older_time_out(time_out, now, deadline).await,
            Found::Ignored(reason) => return Ok(nothing_to_finish(&reason)),
        };
        let container = waiting.container().cloned();
        let task = self.task_of(&waiting.record).await;
        let task = match task {
            Err(failed) if failed.is_transient() => return Err(failed.into()),
            task => task,
        };
        if let Ok(Some(task)) = &task
            && let Some(container) = &container
            && migration::has_ended(task, container)
        {
            // It ended in time, and its event was late or lost, or is still to come.
            return self.finish(&waiting, task, deadline).await;
        }
        // Anybody who may call this function can say that the time is up.
        if let (Some(due), Some(now)) = (waiting.due, waiting.now)
            && now + DUE_ABOUT < due
        {
            let reason = format!(
                "the migration of deployment `{}` has time until {due}",
                time_out.deployment
            );
            return Ok(nothing_to_finish(&reason));
        }
        let verdict = self.too_long(&waiting.record, task).await;
        self.answer(&waiting, verdict, deadline).await
    }

    /// The verdict on a migration that has not ended in its time, after its task was stopped.
    async fn too_long(&self, record: &Record, task: Result<Option<Task>, CallFailed>) -> Verdict {
        let reason = format!(
            "the migration ran longer than its {} minutes",
            record.timeout_minutes
        );
        let failed = |reason| Verdict::Failed {
            reason,
            log: Vec::new(),
        };
        match task {
            Ok(Some(task)) => {
                let stopped = self.stop(&task, &reason).await;
                failed(format!("{reason} and {stopped}"))
            }
            Ok(None) if record.task.is_none() => Verdict::NothingRan(
                "the migration was never started: run-migration broke off before it, and nobody tried again in time"
                    .to_owned(),
            ),
            Ok(None) => failed("ECS does not know the migration's task (any more)".to_owned()),
            Err(unreadable) => failed(unreadable.to_string()),
        }
    }

    /// What is known of the migration of a deployment: its record, and the pipeline whose it is.
    async fn find(&self, deployment: &DeploymentId) -> Result<Found, Failure> {
        let name = migration::schedule_name(deployment);
        let found = self.scheduler.get_schedule(&name).await?;
        let Some(schedule) = found.schedule else {
            return Ok(Found::Unwritten(found.asked_at));
        };
        let record = Record::read(&schedule.input).map_err(|reason| {
            Failure::Refused(format!("schedule `{name}` cannot be read: {reason}"))
        })?;
        let waiting = |known| {
            Found::Waiting(Box::new(Waiting {
                record: record.clone(),
                known,
                due: schedule.at,
                now: found.asked_at,
            }))
        };
        // Without a configuration the schedule that calls is our own all the same.
        let Ok(started) = &self.start else {
            return Ok(waiting(None));
        };
        // Another stack's deployments may be none of this one's business even to read.
        if let Some((application, group)) = &record.group
            && started.config.of_group(application, group).is_none()
        {
            return Ok(Found::Ignored(format!(
                "no pipeline has the deployment group `{group}` of `{application}`"
            )));
        }
        match self.known(started, deployment).await {
            Ok(Ok(known)) => Ok(waiting(Some(known))),
            Ok(Err(reason)) => Ok(Found::Ignored(reason)),
            Err(failed) if failed.is_transient() || record.group.is_none() => Err(failed.into()),
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment, error = %failed, "could not read the deployment");
                Ok(waiting(None))
            }
        }
    }

    /// The deployment and its pipeline, or the reason why it is nobody's here.
    async fn known(
        &self,
        started: &Started<()>,
        deployment: &DeploymentId,
    ) -> Result<Result<Known, String>, CallFailed> {
        let deployment = match self.codedeploy.get_deployment(deployment).await {
            Err(failed) if failed.kind == Kind::NotFound => {
                return Ok(Err(format!("there is no deployment `{deployment}`")));
            }
            deployment => deployment?,
        };
        let (application, group) = (&deployment.application, &deployment.deployment_group);
        let Some(pipeline) = started.config.of_group(application, group).cloned() else {
            return Ok(Err(format!(
                "no pipeline has the deployment group `{group}` of `{application}`"
            )));
        };
        Ok(Ok(Known {
            pipeline,
            deployment,
        }))
    }

    /// Judges a migration that has ended, answers, and takes down what a sidecar keeps up.
    async fn finish(
        &self,
        waiting: &Waiting,
        task: &Task,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let verdict = match waiting.container() {
            Some(container) => self.verdict(task, container).await,
            None => Verdict::NothingRan("the pipeline has no migration (any more)".to_owned()),
        };
        let answered = self.answer_only(waiting, verdict, deadline).await?;
        if task.last_status != migration::STOPPED {
            self.stop(task, migration::NO_LONGER_NEEDED).await;
        }
        self.call_off_the_time_out(&waiting.record.deployment).await;
        Ok(answered)
    }

    async fn answer(
        &self,
        waiting: &Waiting,
        verdict: Verdict,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let answered = self.answer_only(waiting, verdict, deadline).await?;
        self.call_off_the_time_out(&waiting.record.deployment).await;
        Ok(answered)
    }

    async fn answer_only(
        &self,
        waiting: &Waiting,
        verdict: Verdict,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let hook = Hook {
            gate: Gate::Migration,
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &waiting.record.deployment,
                executions: &waiting.record.executions,
            },
            messenger: &self.messenger,
            deadline,
        };
        let known = waiting.known.as_ref();
        let verdict = unless_ended(known, verdict);
        hook.deliver(&self.start, known, &verdict).await
    }

    /// The hook is answered: nobody needs its ids any more. Where this fails the schedule calls once more, finds the hook
    /// answered, and is deleted then.
    async fn call_off_the_time_out(&self, deployment: &DeploymentId) {
        if let Err(failed) = self
            .scheduler
            .delete_schedule(&migration::schedule_name(deployment))
            .await
        {
            tracing::warn!(deployment_id = %deployment, error = %failed, "time-out not called off");
        }
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
