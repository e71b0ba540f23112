//! Runs the migration of a rolling service before its update: the time-out schedule first, then the task.
//!
//! The schedule is the service's, so that only one start can make it; and the task's token comes from the state that is replaced. Either
//! keeps two starts from migrating twice, and whatever dies in between, the next reconciliation does the same again.

use aws::ecs::{RunTaskAnswer, refused};
use aws::observe::OnEcs;
use aws::scheduler::{Created, Schedule};
use aws::{CallFailed, Kind};
use lambda::{Failure, Started, register_alone};
use rules::config::{Migration, MigrationRevision};
use rules::engine::Engine;
use rules::environment::Starting;
use rules::migration::{self, MigrationTask, TaskRun};
use rules::names::{DeploymentId, RevisionArn, TaskArn};
use rules::observed::Task;
use rules::outcome::{Outcome, Subject};
use rules::rolling::{self, Migrations, Record};
use time::UtcDateTime;

use crate::act::Begun;
use crate::handler::Handler;
use crate::together::Due;

/// What keeps a time-out schedule.
struct Written {
    record: Record,
    /// This invocation made it.
    is_new: bool,
}

impl Handler {
    /// Starts the migration of a revision, unless another start was faster.
    pub(crate) async fn migrate_first(
        &self,
        started: &Started<Starting>,
        due: &Due<'_>,
        on_ecs: &OnEcs,
        migrations: &Migrations,
        revision: RevisionArn,
    ) -> Result<Begun, Failure> {
        let pipeline = due.member.reconciliation.pipeline;
        let Some(migration) = &pipeline.migration else {
            return Ok(Begun::Overtaken(Vec::new()));
        };
        // ECR's clock: AWS's answers are the only one.
        let now = due.member.observation.asked_at;
        let now = now.ok_or_else(|| Failure::Refused("ECR's answer states no date".to_owned()))?;
        let last = migrations.last();
        let placement = &on_ecs.placement;
        let task = rolling::migration_task(migration, &migrations.id, last, &revision, placement);
        let mut task = self.settled(migration, task).await?;
        let record = record(due, migrations, migration, &task);
        let Some(mut written) = self.write_down(started, migrations, record, now).await? else {
            return Ok(Begun::Overtaken(Vec::new()));
        };
        task.run_in_that_of(&written.record.runs);
        let running = match self.run(&written.record, &task).await {
            Ok(running) => running,
            Err(failure) => {
                if written.is_new && failure.is_refusal() {
                    // Nothing ran: the next reconciliation tries again at once.
                    let name = migrations.id.service.schedule_name();
                    self.scheduler.delete_schedule(&name).await?;
                }
                return Err(failure);
            }
        };
        written.record.task = Some(running.arn.clone());
        let from = running.created_at.map_or(now, |at| at.max(now));
        let at = rolling::due_at(migration, from);
        let schedule = schedule(started, &written.record, at);
        if let Err(failed) = self.scheduler.update_schedule(&schedule).await {
            // It is recognised by all its members instead.
            tracing::warn!(error = %failed, task = %running.arn, "the migration's task is not written down");
        }
        if written.is_new {
            self.publish_migrating(started, due, &revision).await;
        }
        Ok(Begun::Migrating(revision, running.arn))
    }

    /// With the revision in which it runs, where that is one of its own.
    async fn settled(
        &self,
        migration: &Migration,
        mut task: MigrationTask,
    ) -> Result<MigrationTask, Failure> {
        match migration.revision {
            MigrationRevision::Shipped => return Ok(task),
            MigrationRevision::Alone => {}
        }
        let shipped = self.ecs.describe_task_definition(task.revision.as_str());
        let shipped = shipped.await?;
        let _turn = self.registering.lock().await;
        let registered = register_alone(&self.ecs, &shipped, &task.container).await?;
        task.run_alone_in(registered.map_err(Failure::Refused)?);
        Ok(task)
    }

    /// Makes the schedule, or takes it over where it is of this very start, or nothing came of it. None where another start was faster.
    async fn write_down(
        &self,
        started: &Started<Starting>,
        migrations: &Migrations,
        record: Record,
        now: UtcDateTime,
    ) -> Result<Option<Written>, CallFailed> {
        let at = now + time::Duration::minutes(record.timeout_minutes.cast_signed());
        let schedule = schedule(started, &record, at);
        match self.scheduler.create_schedule(&schedule).await? {
            Created::New => {
                return Ok(Some(Written {
                    record,
                    is_new: true,
                }));
            }
            Created::Exists => {}
        }
        let found = self.scheduler.get_schedule(&schedule.name).await?.schedule;
        let found = found.and_then(|found| Record::read(&found.input).ok());
        let Some(found) = found else {
            return Ok(None);
        };
        let is_same = found.runs.is_of_same(&record.runs);
        let is_this = found.task.is_none() && found.id == record.id && is_same;
        if is_this {
            return Ok(Some(Written {
                record: found,
                is_new: false,
            }));
        }
        let leftover = migrations.leftover.as_ref();
        let is_leftover = leftover.is_some_and(|leftover| leftover.record == found);
        if is_leftover && self.scheduler.update_schedule(&schedule).await? {
            return Ok(Some(Written {
                record,
                is_new: true,
            }));
        }
        Ok(None)
    }

    /// Runs the task. Repeating the call finds the same one.
    async fn run(&self, record: &Record, task: &MigrationTask) -> Result<Task, Failure> {
        let run = async || self.ecs.run_task(&record.cluster, task).await;
        let answer = match run().await {
            Err(failed) if failed.kind == Kind::Unavailable => run().await?,
            answer => answer?,
        };
        match answer {
            RunTaskAnswer::Started(running) => Ok(running),
            RunTaskAnswer::Refused(failures) => Err(Failure::Refused(refused(&failures))),
            RunTaskAnswer::Taken(tasks) => self.taken(record, task, &tasks).await,
        }
    }

    /// The task that used the token up, where it is the migration.
    async fn taken(
        &self,
        record: &Record,
        task: &MigrationTask,
        tasks: &[TaskArn],
    ) -> Result<Task, Failure> {
        let cluster = record.cluster.as_str();
        let described = self.ecs.describe_tasks(cluster, tasks).await?;
        let runs = TaskRun::from(task);
        let is_it = |described: &Task| {
            migration::differences_of(described, &task.started_by, cluster, &runs).is_empty()
        };
        described.into_iter().find(is_it).ok_or_else(|| {
            let ids: Vec<&str> = tasks.iter().map(TaskArn::id).collect();
            Failure::Refused(format!(
                "another caller started task {} with the migration's client token (hint: any other deployment of the service gives the \
                 next one another token)",
                ids.join(", ")
            ))
        })
    }

    async fn publish_migrating(
        &self,
        started: &Started<Starting>,
        due: &Due<'_>,
        revision: &RevisionArn,
    ) {
        let subject = Subject {
            engine: Engine::Rolling,
            id: DeploymentId::of_revision(revision),
            image: Some(due.image.clone()),
            settings: None,
            error: None,
            stopped_by_call: false,
            rolled_back_by: None,
            rolls_back: None,
        };
        let pipeline = due.member.reconciliation.pipeline;
        let mut outcome = Outcome::migrating(pipeline, &subject);
        outcome.revision = Some(revision.clone());
        self.messenger
            .try_publish(&started.settings, &outcome)
            .await;
    }
}

fn record(
    due: &Due<'_>,
    migrations: &Migrations,
    migration: &Migration,
    task: &MigrationTask,
) -> Record {
    let pipeline = due.member.reconciliation.pipeline;
    Record {
        id: migrations.id.clone(),
        cluster: pipeline.cluster.clone(),
        service: pipeline.service.clone(),
        pipeline: pipeline.name.clone(),
        digest: due.image.digest.clone(),
        tag: due.image.tag.clone(),
        ordered_at: due.member.observation.ordered_at(),
        runs: TaskRun::from(task),
        task: None,
        timeout_minutes: migration.time_out.as_secs() / 60,
    }
}

fn schedule(started: &Started<Starting>, record: &Record, at: UtcDateTime) -> Schedule {
    let settings = &started.settings;
    Schedule {
        name: record.id.service.schedule_name(),
        at,
        target_arn: settings
            .topic
            .function(&format!("{}-finish-migration", settings.stack)),
        role_arn: started.extra.schedule_role_arn.clone(),
        input: record.to_json(),
        description: format!(
            "ends the migration before deployment {} if it still runs",
            record.deployment()
        ),
    }
}
