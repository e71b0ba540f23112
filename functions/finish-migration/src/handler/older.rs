//! Migrations that an older version started: no record was written before the task, its two variables carry the ids, and the
//! schedule deletes itself when it calls. They are compared with all that is known, and end with the upgrade's hour.

use lambda::{Failure, Known, Started};
use rules::events::{TaskChanged, TimedOut};
use rules::migration::finish::{Described, Trigger};
use rules::migration::{self, Record, TaskRun};
use rules::names::{DeploymentId, HookExecutionId, TaskArn};
use rules::observed::Task;
use rules::{codedeploy, revision};
use time::UtcDateTime;

use super::Handler;
use super::find::{Found, Waiting};

const NOTHING_WAITS: &str = "no migration of this deployment waits (any more)";

/// A migration that an older version started.
struct Older {
    record: Record,
    known: Known,
    task: Task,
}

impl Handler {
    pub(super) async fn older_task(
        &self,
        started: &Started<()>,
        change: TaskChanged,
    ) -> Result<Found, Failure> {
        let older = self.older(started, &change.deployment, &change.task, None);
        Ok(match older.await? {
            Ok(Older { record, known, .. }) => {
                let waiting = Waiting::new(Trigger::Changed(change), record, Some(known), None);
                Found::Waiting(Box::new(waiting))
            }
            Err(reason) => Found::Ignored(reason),
        })
    }

    pub(super) async fn older_time_out(
        &self,
        time_out: TimedOut,
        now: Option<UtcDateTime>,
    ) -> Result<Found, Failure> {
        let Some((execution, task)) = &time_out.older else {
            return Ok(Found::Ignored(NOTHING_WAITS.to_owned()));
        };
        let started = self.start.as_ref().map_err(Failure::from)?;
        let older = self.older(started, &time_out.deployment, task, Some(execution));
        let Older {
            record,
            known,
            task,
        } = match older.await? {
            Ok(older) => older,
            Err(reason) => return Ok(Found::Ignored(reason)),
        };
        let minutes = i64::try_from(record.timeout_minutes).unwrap_or(i64::MAX / 60);
        let created_at = task.created_at;
        let due = created_at.map(|created_at| created_at + time::Duration::minutes(minutes));
        let trigger = Trigger::TimedOut { due, now };
        let task = Some(Described::Task(Box::new(task)));
        let waiting = Waiting::new(trigger, record, Some(known), task);
        Ok(Found::Waiting(Box::new(waiting)))
    }

    /// The migration that a task's two variables name, or the reason why it answers nothing.
    async fn older(
        &self,
        started: &Started<()>,
        deployment: &DeploymentId,
        task: &TaskArn,
        execution: Option<&HookExecutionId>,
    ) -> Result<Result<Older, String>, Failure> {
        let known = match self.known(started, deployment).await {
            Ok(Ok(known)) => known,
            Ok(Err(reason)) => return Ok(Err(reason)),
            Err(failed) if failed.is_transient() => return Err(failed.into()),
            Err(failed) => return Ok(Err(failed.to_string())),
        };
        if known.deployment.status.has_ended() {
            return Ok(Err(NOTHING_WAITS.to_owned()));
        }
        let cluster = known.pipeline.cluster.as_str();
        let described = match self
            .ecs
            .describe_tasks(cluster, std::slice::from_ref(task))
            .await
        {
            Err(failed) if failed.is_transient() => return Err(failed.into()),
            Err(failed) => return Ok(Err(failed.to_string())),
            Ok(described) => described.into_iter().next(),
        };
        let Some((task, variables)) =
            described.and_then(|task| Some((task.clone(), migration::variables(&task)?)))
        else {
            return Ok(Err(NOTHING_WAITS.to_owned()));
        };
        if execution.is_some_and(|execution| *execution != variables.execution) {
            return Ok(Err(
                "the task and the time-out name different calls of the hook".to_owned(),
            ));
        }
        let record = match of_older(&known, deployment, variables.execution, &task) {
            Ok(record) => record,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some(reason) = self.differs(&known, &record, &task).await? {
            return Ok(Err(reason));
        }
        let record = Record {
            task: Some(task.arn.clone()),
            ..record
        };
        Ok(Ok(Older {
            record,
            known,
            task,
        }))
    }

    /// Green's revision is not written down: it is known by the image that the deployment ships.
    async fn differs(
        &self,
        known: &Known,
        record: &Record,
        task: &Task,
    ) -> Result<Option<String>, Failure> {
        let Some(runs) = &record.runs else {
            return Ok(None);
        };
        let (deployment, executions) = (&record.deployment, &record.executions);
        let differs = migration::differences(task, deployment, &record.cluster, runs, executions);
        if !differs.is_empty() {
            return Ok(Some(format!(
                "task {} is not the migration of deployment `{deployment}`: {}",
                task.arn.id(),
                differs.join(", ")
            )));
        }
        let Some(digest) = codedeploy::shipped(&known.deployment) else {
            return Ok(Some(
                "it is not known which image this deployment ships".to_owned(),
            ));
        };
        let definition = self
            .ecs
            .describe_task_definition(task.revision.as_str())
            .await?;
        let is_shipped = revision::runs_digest(&definition, &runs.container, &digest);
        Ok((!is_shipped).then(|| {
            format!(
                "task {} does not run the image of deployment `{deployment}`",
                task.arn.id()
            )
        }))
    }
}

/// What an older version would have started for this deployment, apart from the revision.
fn of_older(
    known: &Known,
    deployment: &DeploymentId,
    execution: HookExecutionId,
    task: &Task,
) -> Result<Record, String> {
    let Some(configured) = &known.pipeline.migration else {
        return Err("the pipeline has no migration".to_owned());
    };
    Ok(Record {
        deployment: deployment.clone(),
        group: None,
        executions: vec![execution],
        cluster: known.pipeline.cluster.to_string(),
        runs: Some(TaskRun {
            revision: task.revision.clone(),
            container: configured.container.clone(),
            command: configured.command.clone(),
        }),
        task: None,
        timeout_minutes: configured.time_out.as_secs() / 60,
    })
}
