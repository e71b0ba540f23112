//! The time-out schedule: made before the task, and given the task's ARN when there is one.

use std::cell::Cell;
use std::time::Duration;

use aws::scheduler::{Created, Found, Schedule};
use lambda::{Failure, Ran, register_alone};
use rules::codedeploy::{Known, LifecycleEvent};
use rules::config::MigrationRevision;
use rules::events::CodeDeployCall;
use rules::gate::Verdict;
use rules::migration::{self, MigrationTask, Noted, Record, TaskRun};
use rules::names::TaskArn;
use rules::observed::{Task, TaskDefinition};
use rules::task_log::TaskLog;
use time::UtcDateTime;

use super::{Handler, PAUSE};

/// CodeDeploy waits an hour for a hook, and Scheduler calls within the minute: what has not ended by then is ended, so that
/// the answer still counts.
const HOOK_TIME: Duration = Duration::from_secs(57 * 60);

/// How often a schedule is read again that another invocation writes at the same time.
const WRITTEN_AT_MOST: u32 = 8;

/// What this invocation knows of the migration's task.
#[derive(Default)]
pub(super) struct Seen {
    /// Another invocation may have started it, and may have died since.
    pub(super) ran: Cell<Ran>,
    /// This invocation made the schedule, which every invocation does before it starts a task.
    made_schedule: Cell<bool>,
}

impl Seen {
    /// The verdict where this invocation could start no task, and why.
    pub(super) fn not_started(&self, reason: String) -> Verdict {
        match self.ran.get() {
            Ran::Perhaps => Verdict::Failed {
                reason,
                log: TaskLog::default(),
            },
            Ran::Unknown | Ran::Nothing => Verdict::NothingRan(reason),
        }
    }
}

/// What became of writing a migration down.
pub(super) enum Written {
    /// The task can be started.
    Ready,
    /// An earlier call has started it.
    Running(TaskArn),
    /// It must not be started.
    Refused(String),
}

impl Handler {
    /// Makes the schedule, or adds this call to the one that an earlier call made. An earlier call may be anybody's: so all
    /// execution ids are kept, and each is answered.
    ///
    /// `shipped` is green's revision. Which one the task runs is settled by the call that makes the schedule.
    pub(super) async fn write_down(
        &self,
        call: &CodeDeployCall,
        known: &Known,
        task: &mut MigrationTask,
        shipped: &TaskDefinition,
        event: &LifecycleEvent,
        seen: &Seen,
    ) -> Result<Written, Failure> {
        let name = migration::schedule_name(&call.deployment_id);
        for _ in 0..WRITTEN_AT_MOST {
            let found = self.scheduler.get_schedule(&name).await?;
            let Some(mut record) = read(&found)? else {
                // The date of AWS's answer is the only clock.
                let now = found.asked_at.or(event.started_at).ok_or_else(no_time)?;
                let latest = latest(event, now);
                if now >= latest {
                    return Ok(Written::Refused(
                        "CodeDeploy has waited for almost an hour: no time is left for a migration"
                            .to_owned(),
                    ));
                }
                if let Err(reason) = self.settle_revision(known, task, shipped).await? {
                    return Ok(Written::Refused(reason));
                }
                let at = latest.min(now + time_out(known));
                let schedule = self.schedule(&record_of(call, known, task), at)?;
                match self.scheduler.create_schedule(&schedule).await? {
                    Created::New => {
                        // Every invocation makes it before it starts a task: so none has.
                        seen.made_schedule.set(true);
                        if seen.ran.get() == Ran::Unknown {
                            seen.ran.set(Ran::Nothing);
                        }
                        return Ok(Written::Ready);
                    }
                    Created::Exists => continue,
                }
            };
            let is_ours = seen.made_schedule.get()
                && record.executions == [call.execution_id.clone()]
                && record.task.is_none();
            if !is_ours {
                seen.ran.set(Ran::Perhaps);
            }
            if let Some(earlier) = &record.runs {
                task.run_in_that_of(earlier);
            }
            match record.note(&call.execution_id) {
                Noted::Known => {
                    return Ok(record.task.map_or(Written::Ready, Written::Running));
                }
                Noted::Added => {
                    let planned = found.schedule.and_then(|schedule| schedule.at);
                    let now = found.asked_at.or(event.started_at).ok_or_else(no_time)?;
                    let schedule = self.schedule(&record, planned.unwrap_or(latest(event, now)))?;
                    // It is read again: two calls may have written at the same time.
                    self.scheduler.update_schedule(&schedule).await?;
                }
                Noted::Full => {
                    return Ok(Written::Refused(
                        "this hook was called too often with other execution ids".to_owned(),
                    ));
                }
            }
        }
        Err(Failure::Refused(format!(
            "schedule `{name}` is changed by other invocations all the time"
        )))
    }

    /// Settles in which revision the task runs; the error is why there can be none.
    async fn settle_revision(
        &self,
        known: &Known,
        task: &mut MigrationTask,
        shipped: &TaskDefinition,
    ) -> Result<Result<(), String>, Failure> {
        let migration = known.pipeline.migration.as_ref();
        match migration.map(|migration| migration.revision) {
            Some(MigrationRevision::Alone) => {}
            Some(MigrationRevision::Shipped) | None => return Ok(Ok(())),
        }
        let revision = register_alone(&self.ecs, shipped, &task.container).await?;
        Ok(revision.map(|revision| task.run_alone_in(revision)))
    }

    /// Writes down which task it is. Where the schedule is gone, the hook is answered already, or its deployment has ended.
    pub(super) async fn write_task(
        &self,
        call: &CodeDeployCall,
        known: &Known,
        task: &MigrationTask,
        event: &LifecycleEvent,
        started: &Task,
    ) -> Result<(), Failure> {
        let name = migration::schedule_name(&call.deployment_id);
        let mut was_complete = false;
        for _ in 0..WRITTEN_AT_MOST {
            let found = self.scheduler.get_schedule(&name).await?;
            let Some(mut record) = read(&found)? else {
                return Ok(());
            };
            let noted = record.note(&call.execution_id);
            if record.task.as_ref() == Some(&started.arn) && noted == Noted::Known {
                // Scheduler knows no conditional update: a call that read the schedule before this one's id was in it may still write
                // it without that id, and the hook would never be answered. One that is alone has nobody to wait for.
                if was_complete || record.executions.len() == 1 {
                    return Ok(());
                }
                was_complete = true;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            was_complete = false;
            record.task = Some(started.arn.clone());
            record.runs = Some(TaskRun::from(task));
            let planned = found.schedule.and_then(|schedule| schedule.at);
            let from = started.created_at.or(found.asked_at).ok_or_else(no_time)?;
            let at = (from + time_out(known)).min(latest(event, from));
            let schedule = self.schedule(&record, planned.map_or(at, |planned| planned.max(at)))?;
            if !self.scheduler.update_schedule(&schedule).await? {
                return Ok(());
            }
        }
        Err(Failure::Refused(format!(
            "schedule `{name}` is changed by other invocations all the time"
        )))
    }

    fn schedule(&self, record: &Record, at: UtcDateTime) -> Result<Schedule, Failure> {
        let started = self.start.as_ref().map_err(Failure::from)?;
        Ok(Schedule {
            name: migration::schedule_name(&record.deployment),
            at,
            target_arn: started.extra.function_arn.clone(),
            role_arn: started.extra.role_arn.clone(),
            input: record.to_json(),
            description: format!(
                "ends the migration of deployment {} if it still runs",
                record.deployment
            ),
        })
    }
}

fn record_of(call: &CodeDeployCall, known: &Known, task: &MigrationTask) -> Record {
    let (pipeline, deployment) = (&known.pipeline, &known.deployment);
    Record {
        deployment: call.deployment_id.clone(),
        group: Some((
            deployment.application.clone(),
            deployment.deployment_group.clone(),
        )),
        executions: vec![call.execution_id.clone()],
        cluster: pipeline.cluster.to_string(),
        runs: Some(TaskRun::from(task)),
        task: None,
        timeout_minutes: time_out(known).as_secs() / 60,
    }
}

fn time_out(known: &Known) -> Duration {
    let migration = known.pipeline.migration.as_ref();
    migration.map_or(Duration::ZERO, |migration| migration.time_out)
}

/// The last moment at which an answer is of use.
fn latest(event: &LifecycleEvent, otherwise: UtcDateTime) -> UtcDateTime {
    event.started_at.unwrap_or(otherwise) + HOOK_TIME
}

fn read(found: &Found) -> Result<Option<Record>, Failure> {
    let Some(schedule) = &found.schedule else {
        return Ok(None);
    };
    let record = Record::read(&schedule.input).map_err(|reason| {
        Failure::Refused(format!("the migration's schedule cannot be read: {reason}"))
    })?;
    Ok(Some(record))
}

fn no_time() -> Failure {
    Failure::Refused("AWS's answer states no date".to_owned())
}
