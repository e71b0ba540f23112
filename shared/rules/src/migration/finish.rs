//! What becomes of a migration that waits for its verdict, when its task changed or its time is up.

use time::{Duration, UtcDateTime};

use super::{NO_LONGER_NEEDED, Record, STOPPED, Verdict as Judged, has_ended, judge};
use crate::events::TaskChanged;
use crate::gate::Verdict;
use crate::names::ContainerName;
use crate::observed::Task;

/// Scheduler calls within the minute, and its clock is not that of the service that states the time.
const DUE_ABOUT: Duration = Duration::minutes(1);

/// What the end of a migration is decided from. The last three are observed only where the decision [`needs`](Need) them:
/// none means not observed, never nothing found.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What happened.
    pub trigger: Trigger,
    /// What was written down before the migration was started.
    pub record: Record,
    /// The container that migrates; none where neither the record nor the configuration names one.
    pub container: Option<ContainerName>,
    /// Whether the deployment has ended, as far as that is known.
    pub deployment: Deployment,
    /// The migration's task.
    pub task: Option<Described>,
    /// The containers whose end ends the task.
    pub essential: Option<Vec<ContainerName>>,
    /// The last lines of the migration's log; empty where it cannot be read.
    pub log: Option<Vec<String>>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A task that is marked as the migration changed.
    Changed(TaskChanged),
    /// The time-out schedule called, or something that claims to be it.
    TimedOut {
        /// When the migration's time is up.
        due: Option<UtcDateTime>,
        /// The time by AWS's clock.
        now: Option<UtcDateTime>,
    },
}

/// Whether the migration's deployment has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// It waits, or that could not be read: an answer is worth the attempt.
    MayWait,
    /// It has.
    HasEnded,
}

/// A task, as ECS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Described {
    /// This one.
    Task(Box<Task>),
    /// ECS knows none, yet or any more.
    Unknown,
    /// It cannot be read, now or ever, for this reason.
    Unreadable(String),
}

/// What has to be observed before anything can be decided: each is a member of [`Observed`] that is none so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// [`Observed::task`]
    Task,
    /// [`Observed::essential`]
    Essential,
    /// [`Observed::log`]
    Log,
}

/// What becomes of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Nothing, for this reason.
    Nothing(String),
    /// ECS describes an older state than the event does: it has to be read again.
    NotYet(String),
    /// The hook is answered with this verdict.
    Answer(Verdict),
    /// The hook is answered, and then this task is stopped for this reason: a sidecar keeps it up after its migration.
    AnswerAndStop(Verdict, Box<Task>, &'static str),
    /// The task is stopped for this reason, and then the hook is answered as failed: its time is up.
    StopAndFail(Box<Task>, String),
}

/// Decides what becomes of a migration.
///
/// # Errors
/// What else has to be observed. It is decided again with it, from the beginning: all is plain data.
pub fn decide(observed: &Observed) -> Result<Finish, Need> {
    match &observed.trigger {
        Trigger::Changed(change) => changed(observed, change),
        Trigger::TimedOut { due, now } => timed_out(observed, *due, *now),
    }
}

fn changed(observed: &Observed, change: &TaskChanged) -> Result<Finish, Need> {
    let record = &observed.record;
    let nothing = |reason| Ok(Finish::Nothing(reason));
    if let Some(task) = &record.task
        && *task != change.task
    {
        return nothing(format!(
            "deployment `{}` waits for task {}, not for {}",
            record.deployment,
            task.id(),
            change.task.id()
        ));
    }
    let Some(container) = &observed.container else {
        return nothing("the pipeline has no migration".to_owned());
    };
    let not_yet = format!(
        "ECS does not describe task {} as far as its event does (hint: nothing to do if a later attempt succeeds)",
        change.task.id()
    );
    let task = match observed.task.as_ref().ok_or(Need::Task)? {
        Described::Task(task) => task,
        Described::Unknown => return Ok(Finish::NotYet(not_yet)),
        Described::Unreadable(reason) => return nothing(reason.clone()),
    };
    // Before its end is judged: any task may claim to be the migration.
    let differs = record.differences(task);
    if !differs.is_empty() {
        return nothing(format!(
            "task {} is not the migration of deployment `{}`: {}",
            change.task.id(),
            record.deployment,
            differs.join(", ")
        ));
    }
    if has_ended(task, container) {
        return judged(observed, task, container);
    }
    if change.says_ended(container) {
        return Ok(Finish::NotYet(not_yet));
    }
    nothing(format!(
        "the migration of task {} still runs",
        task.arn.id()
    ))
}

fn timed_out(
    observed: &Observed,
    due: Option<UtcDateTime>,
    now: Option<UtcDateTime>,
) -> Result<Finish, Need> {
    let record = &observed.record;
    let described = observed.task.as_ref().ok_or(Need::Task)?;
    if let Described::Task(task) = described
        && let Some(container) = &observed.container
        && has_ended(task, container)
    {
        // It ended in time, and its event was late or lost, or is still to come.
        return judged(observed, task, container);
    }
    // Anybody who may call this function can claim that the time is up.
    if let (Some(due), Some(now)) = (due, now)
        && now + DUE_ABOUT < due
    {
        return Ok(Finish::Nothing(format!(
            "the migration of deployment `{}` has time until {due}",
            record.deployment
        )));
    }
    let failed = |reason| Verdict::Failed {
        reason,
        log: Vec::new(),
    };
    let verdict = match described {
        Described::Task(task) => {
            let reason = format!(
                "the migration ran longer than its {} minutes",
                record.timeout_minutes
            );
            return Ok(Finish::StopAndFail(task.clone(), reason));
        }
        Described::Unknown if record.task.is_none() => Verdict::NothingRan(
            "the migration was never started: run-migration broke off before it, and no later call started it in time"
                .to_owned(),
        ),
        Described::Unknown => {
            failed("ECS does not know the migration's task (any more)".to_owned())
        }
        Described::Unreadable(reason) => failed(reason.clone()),
    };
    Ok(Finish::Answer(observed.delivered(verdict)))
}

fn judged(observed: &Observed, task: &Task, container: &ContainerName) -> Result<Finish, Need> {
    let nothing_essential = Vec::new();
    let essential = if needs_essential(task) {
        observed.essential.as_ref().ok_or(Need::Essential)?
    } else {
        &nothing_essential
    };
    let verdict = match judge(task, container, essential) {
        Judged::Succeeded => Verdict::Succeeded(format!(
            "the migration of task {} exited with code 0",
            task.arn.id()
        )),
        Judged::Failed { reason, ran: true } => Verdict::Failed {
            reason,
            log: observed.log.clone().ok_or(Need::Log)?,
        },
        Judged::Failed { reason, ran: false } => Verdict::NothingRan(reason),
    };
    let verdict = observed.delivered(verdict);
    Ok(if task.last_status == STOPPED {
        Finish::Answer(verdict)
    } else {
        Finish::AnswerAndStop(verdict, Box::new(task.clone()), NO_LONGER_NEEDED)
    })
}

/// Whether another container's end can have ended the task. Where none can it does not matter which are essential.
fn needs_essential(task: &Task) -> bool {
    let ended = task.containers.iter();
    let ended = ended.filter(|container| container.exit_code.is_some());
    let is_alone = task.stop_code.is_none() && ended.count() < 2;
    !is_alone && task.containers.len() >= 2
}

impl Observed {
    /// The verdict as it is answered.
    pub fn delivered(&self, verdict: Verdict) -> Verdict {
        match self.deployment {
            Deployment::MayWait => verdict,
            Deployment::HasEnded => verdict.after_the_end(),
        }
    }
}

#[cfg(test)]
mod tests;
