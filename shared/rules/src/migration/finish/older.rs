//! Migrations that an older version started: no record was written before the task, its two variables carry the ids, and the
//! schedule deletes itself when it calls. They are compared with all that is known, and end with the upgrade's hour.

use time::UtcDateTime;

use super::waiting::{Waiting, known};
use super::{Described, Early, IfUnreadable, Need, Observed, Search};
use crate::codedeploy::{self, Known};
use crate::config::Config;
use crate::events::{TaskChanged, TimedOut};
use crate::migration::{self, Record, TaskRun};
use crate::names::{DeploymentId, HookExecutionId, TaskArn};
use crate::observed::Task;

const NOTHING_WAITS: &str = "no migration of this deployment waits (any more)";

pub(super) fn of_changed(
    config: &Config,
    change: &TaskChanged,
    observed: &Observed,
) -> Result<Waiting, Early> {
    let (record, known, _) = find(config, &change.deployment, &change.task, None, observed)?;
    Ok(Waiting::new(record, Some(known), None, None))
}

pub(super) fn of_timed_out(
    config: Option<&Config>,
    time_out: &TimedOut,
    now: Option<UtcDateTime>,
    observed: &Observed,
) -> Result<Waiting, Early> {
    let Some((execution, task)) = &time_out.older else {
        return Err(Early::Nothing(NOTHING_WAITS.to_owned()));
    };
    let config = config.ok_or(Need::Configuration)?;
    let deployment = &time_out.deployment;
    let (record, known, task) = find(config, deployment, task, Some(execution), observed)?;
    let minutes = i64::try_from(record.timeout_minutes).unwrap_or(i64::MAX / 60);
    let created_at = task.created_at;
    let due = created_at.map(|created_at| created_at + time::Duration::minutes(minutes));
    Ok(Waiting::new(record, Some(known), due, now))
}

/// The migration that a task's two variables name.
fn find<'a>(
    config: &Config,
    deployment: &DeploymentId,
    task: &TaskArn,
    execution: Option<&HookExecutionId>,
    observed: &'a Observed,
) -> Result<(Record, Known, &'a Task), Early> {
    let known = known(config, deployment, observed, IfUnreadable::Decide)?;
    let known = known.map_err(Early::Nothing)?;
    if known.deployment.status.has_ended() {
        return Err(Early::Nothing(NOTHING_WAITS.to_owned()));
    }
    let search = || Search::Task(known.pipeline.cluster.to_string(), task.clone());
    let described = observed.task.as_ref();
    let described = described.ok_or_else(|| Need::Task(search(), IfUnreadable::Decide))?;
    let task = match described {
        Described::This(task) => task,
        Described::Unknown => return Err(Early::Nothing(NOTHING_WAITS.to_owned())),
        Described::Unreadable(reason) => return Err(Early::Nothing(reason.clone())),
    };
    let Some(variables) = migration::variables(task) else {
        return Err(Early::Nothing(NOTHING_WAITS.to_owned()));
    };
    if execution.is_some_and(|execution| *execution != variables.execution) {
        return Err(Early::Nothing(
            "the task and the time-out name different calls of the hook".to_owned(),
        ));
    }
    let record = record(&known, deployment, variables.execution, task, observed)?;
    Ok((record, known, task))
}

/// What an older version would have started for this deployment, if this task is it.
fn record(
    known: &Known,
    deployment: &DeploymentId,
    execution: HookExecutionId,
    task: &Task,
    observed: &Observed,
) -> Result<Record, Early> {
    let nothing = |reason: String| Early::Nothing(reason);
    let Some(configured) = &known.pipeline.migration else {
        return Err(nothing("the pipeline has no migration".to_owned()));
    };
    let runs = TaskRun {
        revision: task.revision.clone(),
        alone_of: None,
        container: configured.container.clone(),
        command: configured.command.clone(),
    };
    let cluster = known.pipeline.cluster.to_string();
    let executions = vec![execution];
    let differs = migration::differences(task, deployment, &cluster, &runs, &executions);
    if !differs.is_empty() {
        return Err(nothing(format!(
            "task {} is not the migration of deployment `{deployment}`: {}",
            task.arn.id(),
            differs.join(", ")
        )));
    }
    // Green's revision is not written down: it is known by the image that the deployment ships.
    let Some(digest) = codedeploy::shipped(&known.pipeline, &known.deployment) else {
        return Err(nothing(
            "it is not known which image this deployment ships".to_owned(),
        ));
    };
    let (revision, container) = (task.revision.clone(), runs.container.clone());
    let runs_shipped = observed.runs_shipped;
    if !runs_shipped.ok_or(Need::RunsShipped(revision, container, digest))? {
        return Err(nothing(format!(
            "task {} does not run the image of deployment `{deployment}`",
            task.arn.id()
        )));
    }
    Ok(Record {
        deployment: deployment.clone(),
        group: None,
        executions,
        cluster,
        runs: Some(runs),
        task: Some(task.arn.clone()),
        timeout_minutes: configured.time_out.as_secs() / 60,
    })
}
