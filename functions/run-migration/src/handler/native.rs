//! A deployment of ECS's own: the hook starts the migration, is called again until its task has ended, and answers itself.
//!
//! What an earlier call returned comes back with the next one, and anybody who may invoke the function can write it: so a task
//! counts only where it is the migration in every member. Lost, the task is found again by its mark, or by its client token.

use std::cell::Cell;
use std::slice;

use aws::codedeploy::Deployments;
use aws::ecs::{RunTaskAnswer, ServiceDeployments, Tasks, refused};
use aws::{CallFailed, Kind};
use lambda::{Deadline, EcsHook, EvidenceReader, Failure, Ran, register_alone, runs_as};
use rules::codedeploy;
use rules::config::{Migration, MigrationRevision};
use rules::events::EcsCall;
use rules::gate::{Gate, Verdict};
use rules::migration::verdict::{self, Stopped};
use rules::migration::{self, MigrationTask, NO_LONGER_NEEDED, STOPPED, may_not_have_begun};
use rules::names::{DeploymentId, TaskArn};
use rules::native::migration::{Moment, moment};
use rules::native::{self, Known, Standing, Step};
use rules::observed::{Task, TaskDefinition};
use rules::revision;
use rules::task_log::TaskLog;
use serde_json::Value;
use time::UtcDateTime;

use super::{Handler, PAUSE};

/// DescribeTasks may not know a new task for some seconds: how often it is called.
const ATTEMPTS: u32 = 5;

/// The migration's task.
enum Found {
    /// It, as ECS described it at this time.
    Task(Box<Task>, Option<UtcDateTime>),
    /// The same, and this call may have started it.
    Started(Box<Task>),
    /// There is none, and none is started.
    Not(Verdict),
}

impl Handler {
    pub(super) async fn answer_ecs(&self, call: &EcsCall, deadline: Deadline) -> Value {
        let hook = EcsHook {
            gate: Gate::Migration,
            ecs: &self.ecs,
            call,
            messenger: &self.messenger,
            deadline,
        };
        // An earlier call returned a task, so that one may run, whatever becomes of this call.
        let ran = Cell::new(match native::migration::claimed(call) {
            Some(_) => Ran::Perhaps,
            None => Ran::Unknown,
        });
        let answer = hook.answer(&self.start, &ran, |known| {
            self.migrate_natively(hook, known, &ran)
        });
        // On the heap: the compiler computes the layout of what is nested in one another to a limited depth.
        Box::pin(answer).await
    }

    async fn migrate_natively(
        &self,
        hook: EcsHook<'_>,
        known: Known,
        ran: &Cell<Ran>,
    ) -> Result<Step, Failure> {
        let decided = |verdict| Ok(Step::Decided(verdict));
        let Some(migration) = &known.pipeline.migration else {
            let reason = "the pipeline has no migration".to_owned();
            return decided(Verdict::Succeeded(reason));
        };
        if let Some(reason) = self.was_shipped(&known).await? {
            return decided(Verdict::Succeeded(reason));
        }
        // Another tool's deployment calls this hook as well, and its revision was not checked before.
        let definition = &known.definition;
        let matching = revision::matching(&known.pipeline, definition)
            .map_err(|unusable| Failure::Refused(unusable.to_string()))?;
        let fits = migration::check(migration, &definition.task_definition, &matching);
        if let Err(unfit) = fits {
            return decided(Verdict::NothingRan(unfit.to_string()));
        }
        let sought = Sought {
            cluster: known.pipeline.cluster.as_str(),
            migration,
            shipped: definition,
            planned: native::migration::plan(migration, hook.call, &known),
        };
        let planned = &sought.planned;
        let (task, now) = match self.find(hook.call, &known, &sought, ran).await? {
            Found::Task(task, now) => (task, now),
            Found::Started(task) => {
                if let Some(ended) = self.ended_meanwhile(hook, &task).await? {
                    return decided(ended);
                }
                (task, None)
            }
            Found::Not(verdict) => return decided(verdict),
        };
        let limit = native::migration::time_limit(migration, &known.service, &hook.call.stage);
        let mut reader = EvidenceReader::new(&self.ecs, &self.logs);
        let container = &planned.container;
        let is = |seen: &verdict::Seen<'_>| moment(&task, container, seen, limit, now);
        match reader.decide(&task, is).await {
            Moment::Running(progress) => Ok(Step::Running(progress)),
            Moment::Ended => {
                let judge = |seen: &verdict::Seen<'_>| verdict::of(&task, container, seen);
                let verdict = reader.decide(&task, judge).await;
                if task.last_status != STOPPED {
                    // A sidecar keeps it up after its migration. That this fails says nothing against the migration.
                    self.stop(&task, NO_LONGER_NEEDED, hook.deadline).await;
                }
                decided(verdict)
            }
            Moment::Overdue(reason) => {
                let stopped = self.stop(&task, &reason, hook.deadline).await;
                decided(
                    self.overdue(&task, planned, &reason, stopped, &mut reader)
                        .await,
                )
            }
        }
    }

    /// Why a requested rollback migrates nothing: an earlier deployment shipped the image, and its migration has run. The tag of the
    /// revision alone passes nothing.
    async fn was_shipped(&self, known: &Known) -> Result<Option<String>, CallFailed> {
        if !revision::is_for_rollback(&known.definition) {
            return Ok(None);
        }
        let (cluster, service) = (&known.pipeline.cluster, &known.pipeline.service);
        let settled = ServiceDeployments::Settled;
        let listed = self
            .ecs
            .list_service_deployments(cluster, service, settled)
            .await?;
        let earlier = native::migration::successful_before(&known.deployment, &listed);
        let revisions = self.ecs.describe_service_revisions(&earlier).await?;
        let shipped = revisions
            .iter()
            .find(|revision| known.is_image_of(revision));
        if let Some(revision) = shipped {
            return Ok(Some(format!(
                "a rollback migrates nothing: service revision {} has run this image before",
                revision.arn.digits()
            )));
        }
        let before = self.shipped_before_the_move(known).await?;
        if before.is_none() {
            tracing::warn!(
                "the revision says that it is a rollback, and no earlier deployment shipped its image"
            );
        }
        Ok(before.map(|deployment| {
            format!(
                "a rollback migrates nothing: CodeDeploy's deployment {deployment} shipped this image before the service was moved to ECS"
            )
        }))
    }

    /// The deployment of CodeDeploy's that shipped the image: a service may have been moved since. Most services never had a group, and a
    /// stack without any may narrow its permissions so that it cannot ask.
    async fn shipped_before_the_move(
        &self,
        known: &Known,
    ) -> Result<Option<DeploymentId>, CallFailed> {
        let pipeline = &known.pipeline;
        let (application, group) = (
            &pipeline.codedeploy.application,
            &pipeline.codedeploy.deployment_group,
        );
        let which = Deployments::Succeeded;
        let listed = self
            .codedeploy
            .list_deployments(application, group, which)
            .await;
        let listed = match listed {
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Denied) => {
                return Ok(None);
            }
            listed => listed?,
        };
        let deployments = self.codedeploy.batch_get_deployments(&listed).await?;
        let mut deployments = deployments.into_iter();
        let shipped = deployments.find(|deployment| {
            codedeploy::shipped(pipeline, deployment).is_some_and(|digest| known.is_image(&digest))
        });
        Ok(shipped.map(|deployment| deployment.id))
    }

    async fn find(
        &self,
        call: &EcsCall,
        known: &Known,
        sought: &Sought<'_>,
        ran: &Cell<Ran>,
    ) -> Result<Found, Failure> {
        let claimed = native::migration::claimed(call);
        let mut is_unknown = false;
        if let Some(claimed) = &claimed {
            match self.claimed(claimed, sought).await? {
                Claimed::Right(task, now) => return Ok(Found::Task(task, now)),
                Claimed::Unknown => is_unknown = true,
                Claimed::Wrong => {}
            }
        }
        if let Some((task, now)) = self.searched(sought).await? {
            ran.set(Ran::Perhaps);
            return Ok(Found::Task(Box::new(task), now));
        }
        if is_unknown {
            // Started once more it would migrate twice: ECS forgets a task, and after that its token.
            return Ok(Found::Not(Verdict::Failed {
                reason: "ECS does not know the migration's task (any more)".to_owned(),
                log: TaskLog::default(),
            }));
        }
        if ran.get() == Ran::Unknown {
            ran.set(Ran::Nothing);
        }
        let mut planned = sought.planned.clone();
        if sought.is_alone() {
            // Settled by this call alone: a later one takes that of the task.
            let (shipped, container) = (sought.shipped, &planned.container);
            match register_alone(&self.ecs, shipped, container).await? {
                Ok(revision) => planned.run_alone_in(revision),
                Err(reason) => return Ok(Found::Not(Verdict::NothingRan(reason))),
            }
        }
        match self
            .run_task(&known.pipeline.cluster, &planned, ran)
            .await?
        {
            RunTaskAnswer::Started(task) => Ok(Found::Started(Box::new(task))),
            RunTaskAnswer::Refused(failures) => {
                Ok(Found::Not(Verdict::NothingRan(refused(&failures))))
            }
            RunTaskAnswer::Taken(tasks) => self.taken(&tasks, sought).await,
        }
    }

    /// The task that an earlier call returned, if it is that.
    async fn claimed(&self, claimed: &TaskArn, sought: &Sought<'_>) -> Result<Claimed, CallFailed> {
        for attempt in 1..=ATTEMPTS {
            let described = self
                .ecs
                .describe_tasks_at(sought.cluster, slice::from_ref(claimed));
            let described = match described.await {
                // The ARN of another cluster's task.
                Err(failed) if failed.kind == Kind::Invalid => return Ok(Claimed::Wrong),
                described => described?,
            };
            let now = described.answered_at;
            if let Some(task) = described.tasks.into_iter().next() {
                let differs = self.differences(&task, sought).await?;
                if differs.is_empty() {
                    return Ok(Claimed::Right(Box::new(task), now));
                }
                tracing::warn!(task = %task.arn, reason = differs.join(", "), "the task that the call names is not the migration");
                return Ok(Claimed::Wrong);
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(Claimed::Unknown)
    }

    /// The task that is in all what would be started: one that runs, or has stopped within the hour.
    async fn searched(
        &self,
        sought: &Sought<'_>,
    ) -> Result<Option<(Task, Option<UtcDateTime>)>, CallFailed> {
        let (cluster, started_by) = (sought.cluster, &sought.planned.started_by);
        let family = sought.family();
        for which in [
            Tasks::RunningStartedBy(started_by),
            Tasks::StoppedOfFamily(&family),
        ] {
            let listed = self.ecs.list_tasks(cluster, which).await?;
            let described = self.ecs.describe_tasks_at(cluster, &listed).await?;
            let tasks = described.tasks.into_iter();
            // Its revision is only read where it is marked so.
            for task in tasks.filter(|task| task.started_by.as_ref() == Some(started_by)) {
                if self.differences(&task, sought).await?.is_empty() {
                    return Ok(Some((task, described.answered_at)));
                }
            }
        }
        Ok(None)
    }

    /// In what a task differs from the migration; nothing where it is that.
    async fn differences(
        &self,
        task: &Task,
        sought: &Sought<'_>,
    ) -> Result<Vec<String>, CallFailed> {
        let Sought {
            cluster,
            migration,
            shipped,
            planned,
        } = sought;
        let runs = runs_as(&self.ecs, migration, shipped, task).await?;
        Ok(match runs {
            Some(runs) => migration::differences_of(task, &planned.started_by, cluster, &runs),
            None => vec![format!(
                "its revision `{}` is not one in which the migration of `{}` runs alone",
                task.revision.short(),
                planned.shipped().short()
            )],
        })
    }

    /// The task that used the token up, where it is the migration: started by an earlier call, when something beside it was another.
    async fn taken(&self, tasks: &[TaskArn], sought: &Sought<'_>) -> Result<Found, Failure> {
        let described = self.ecs.describe_tasks_at(sought.cluster, tasks).await?;
        let now = described.answered_at;
        let Some(task) = described.tasks.into_iter().next() else {
            let reason = "another request has used the migration's client token, and ECS does not know its task (any more)";
            return Ok(Found::Not(Verdict::NothingRan(reason.to_owned())));
        };
        let differs = self.differences(&task, sought).await?;
        if differs.is_empty() {
            return Ok(Found::Task(Box::new(task), now));
        }
        Ok(Found::Not(Verdict::NothingRan(format!(
            "another caller started the task {} with the migration's client token: {}",
            task.arn.id(),
            differs.join(", ")
        ))))
    }

    /// The verdict where the deployment has ended while its migration was started, which is stopped then: it must not outlive its
    /// deployment, and `report-outcome` looked for migrations before this one was there.
    async fn ended_meanwhile(
        &self,
        hook: EcsHook<'_>,
        task: &Task,
    ) -> Result<Option<Verdict>, CallFailed> {
        let deployment = match hook.deployment().await {
            Ok(deployment) => deployment,
            // Tried again: the task is found by its mark then.
            Err(failed) if failed.is_transient() => return Err(failed),
            Err(failed) => {
                tracing::warn!(error = %failed, "could not read the deployment again");
                return Ok(None);
            }
        };
        let ended = match native::standing(hook.call, hook.gate, deployment.as_ref()) {
            Standing::Waits | Standing::NotYet(_) | Standing::Misplaced(_) => return Ok(None),
            Standing::GoesBack(reason) => {
                Verdict::Succeeded(format!("{reason}; its migration is stopped"))
            }
            Standing::NoMore(reason) | Standing::Foreign(reason) => {
                Verdict::TooLate(format!("{reason}; its migration is stopped"))
            }
        };
        self.stop(task, "its deployment has ended", hook.deadline)
            .await;
        Ok(Some(ended))
    }

    async fn overdue(
        &self,
        task: &Task,
        planned: &MigrationTask,
        reason: &str,
        stopped: Stopped,
        reader: &mut EvidenceReader<'_>,
    ) -> Verdict {
        if !may_not_have_begun(task) {
            // Only now: what it wrote last says how far it came.
            let log = reader.last_lines(task, &planned.container).await;
            return verdict::after_stop(task, None, reason, stopped, log);
        }
        // It may have begun since it was described.
        let described = self
            .ecs
            .describe_tasks(&task.cluster, slice::from_ref(&task.arn));
        let after = described
            .await
            .inspect_err(|failed| tracing::warn!(error = %failed, "migration not described"));
        let after = after.unwrap_or_default().into_iter().next();
        verdict::after_stop(task, after.as_ref(), reason, stopped, TaskLog::default())
    }
}

/// What the task is that a call names.
enum Claimed {
    /// The migration, as ECS described it at this time.
    Right(Box<Task>, Option<UtcDateTime>),
    /// Another one.
    Wrong,
    /// One that ECS does not know.
    Unknown,
}

/// The migration whose task is looked for.
struct Sought<'a> {
    cluster: &'a str,
    migration: &'a Migration,
    /// Green's task definition revision.
    shipped: &'a TaskDefinition,
    /// What is started where there is no task, before it is settled in which revision it runs alone.
    planned: MigrationTask,
}

impl Sought<'_> {
    fn is_alone(&self) -> bool {
        match self.migration.revision {
            MigrationRevision::Alone => true,
            MigrationRevision::Shipped => false,
        }
    }

    /// Of the revision that the task has.
    fn family(&self) -> String {
        let family = self.planned.revision.family();
        match self.is_alone() {
            true => revision::migration_family(family),
            false => family.to_owned(),
        }
    }
}
