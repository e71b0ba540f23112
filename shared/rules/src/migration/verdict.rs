//! The verdict of a migration's task, whichever engine waits for it.

use super::{
    PROVISIONING, STOPPED, Verdict as Judged, ended_first, has_ended, judge, may_not_have_begun,
    shows_no_container,
};
use crate::culprit::log_of_migration;
use crate::gate::Verdict;
use crate::names::ContainerName;
use crate::observed::Task;
use crate::redact::with_names;
use crate::task_log::TaskLog;

/// A task of which not every container has begun. Others may run already: a task is `RUNNING` when all of its containers are.
const PENDING: &str = "PENDING";

/// What a verdict may depend on beside the task: none means not read, never nothing found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen<'a> {
    /// The containers whose end ends the task.
    pub essential: Option<&'a [ContainerName]>,
    /// The names that the task's revision has for the secrets that its sentences are about.
    pub secrets: Option<&'a [String]>,
    /// The log of the migration, or of what kept it from starting.
    pub log: Option<&'a TaskLog>,
}

/// What has to be read before there is a verdict: a member of [`Seen`] that is none so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// [`Seen::essential`]
    Essential,
    /// [`Seen::secrets`]
    Secrets,
    /// [`Seen::log`] of this container
    Log(ContainerName),
}

/// Judges a task whose migration has ended or is being stopped.
///
/// # Errors
/// What else has to be read. It is judged again with it.
pub fn of(task: &Task, container: &ContainerName, seen: &Seen<'_>) -> Result<Verdict, Lack> {
    let essential = essential(task, seen)?;
    let log = |ran| match log_of_migration(task, container, essential, ran) {
        Some(of) => seen.log.cloned().ok_or(Lack::Log(of)),
        None => Ok(TaskLog::default()),
    };
    Ok(match judge(task, container, essential) {
        Judged::Succeeded => Verdict::Succeeded(format!(
            "the migration of task {} exited with code 0",
            task.arn.id()
        )),
        Judged::Failed { reason, ran: true } => Verdict::Failed {
            reason: with_secrets(seen, task, reason)?,
            log: log(true)?,
        },
        Judged::Failed { reason, ran: false } => Verdict::KeptFromRunning {
            reason: with_secrets(seen, task, reason)?,
            log: log(false)?,
        },
    })
}

/// Whether ECS shows how the migration ended. Before that the last exit codes may still tell who was first, and what is judged
/// is judged for good.
///
/// # Errors
/// What else has to be read.
pub fn is_shown(task: &Task, container: &ContainerName, seen: &Seen<'_>) -> Result<bool, Lack> {
    if task.last_status == STOPPED || !has_ended(task, container) {
        return Ok(task.last_status == STOPPED);
    }
    Ok(ended_first(task, container, essential(task, seen)?))
}

/// Why a migration whose time is up has failed.
pub fn overdue(task: &Task, minutes: u64) -> String {
    let status = task.last_status.as_str();
    match status {
        PROVISIONING => format!(
            "the migration did not start within its {minutes} minutes (its task was {status})"
        ),
        PENDING => {
            format!(
                "the migration did not end within its {minutes} minutes (its task was {status})"
            )
        }
        _ => format!("the migration did not end within its {minutes} minutes"),
    }
}

/// What became of stopping a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// ECS stops it.
    Yes,
    /// It may still run.
    No,
}

/// The verdict of a task that was stopped because its time was up; `stopped` says what became of that, and `after` is the
/// task as ECS describes it then.
pub fn after_stop(
    task: &Task,
    after: Option<&Task>,
    reason: &str,
    stopped: Stopped,
    log: TaskLog,
) -> Verdict {
    let ran_nothing = may_not_have_begun(task) && after.is_some_and(shows_no_container);
    match stopped {
        Stopped::Yes if ran_nothing => Verdict::NothingRan(format!("{reason}, and was stopped")),
        Stopped::Yes => Verdict::Failed {
            reason: format!("{reason} and was stopped"),
            log,
        },
        Stopped::No => Verdict::Failed {
            reason: format!("{reason} and could not be stopped: it may still run"),
            log,
        },
    }
}

/// A sentence of ECS about the task names no secret's place. Where it did, the revision's own name of the secret is added.
fn with_secrets(seen: &Seen<'_>, task: &Task, reason: String) -> Result<String, Lack> {
    if task.secret_places.is_empty() {
        return Ok(reason);
    }
    Ok(with_names(reason, seen.secrets.ok_or(Lack::Secrets)?))
}

/// The containers whose end ends the task; none where it does not matter which.
fn essential<'a>(task: &Task, seen: &Seen<'a>) -> Result<&'a [ContainerName], Lack> {
    if !needs_essential(task) {
        return Ok(&[]);
    }
    seen.essential.ok_or(Lack::Essential)
}

/// Whether another container's end can have ended the task. Where none can it does not matter which are essential.
fn needs_essential(task: &Task) -> bool {
    let ended = task.containers.iter();
    let ended = ended.filter(|container| container.exit_code.is_some());
    let is_alone = task.stop_code.is_none() && ended.count() < 2;
    !is_alone && task.containers.len() >= 2
}
