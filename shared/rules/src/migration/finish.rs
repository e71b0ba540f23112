//! What becomes of a migration that waits for its verdict, when its task changed or its time is up.
//!
//! Of what triggers this only ids are believed. Which task may answer, and which hook, is in the time-out schedule that
//! `run-migration` made; what became of the task, ECS knows.

mod older;
mod waiting;

use time::{Duration, UtcDateTime};

use self::waiting::Waiting;
use super::not_of;
use super::verdict::{self, Lack, Seen, Stopped};
use super::{NO_LONGER_NEEDED, Record, STOPPED, has_ended};
use crate::codedeploy::{Deployment, Known};
use crate::config::Config;
use crate::events::{FinishEvent, TaskChanged};
use crate::gate::Verdict;
use crate::names::{ContainerName, DeploymentId, Digest, RevisionArn, TaskArn};
use crate::observed::Task;
use crate::task_log::TaskLog;

/// Scheduler calls within the minute, and its clock is not that of the service that states the time.
const DUE_ABOUT: Duration = Duration::minutes(1);

/// What the end of a migration is decided from. Each member is observed only where the decision [`needs`](Need) it: none
/// means not observed, never nothing found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The deployment's time-out schedule.
    pub schedule: Option<Schedule>,
    /// The deployment that waits.
    pub deployment: Option<Described<Deployment>>,
    /// The migration's task.
    pub task: Option<Described<Task>>,
    /// Whether the task's revision runs the image that the deployment ships.
    pub runs_shipped: Option<bool>,
    /// In what the task's revision differs from the one in which the migration of the shipped revision runs alone.
    pub alone: Option<Described<Vec<String>>>,
    /// The containers whose end ends the task.
    pub essential: Option<Vec<ContainerName>>,
    /// The names that the task's revision has for the secrets that its sentences are about.
    pub secrets: Option<Vec<String>>,
    /// The log of the migration, or of what kept it from starting.
    pub log: Option<TaskLog>,
}

/// The answer of GetSchedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The schedule; none where there is none (any more).
    pub found: Option<FoundSchedule>,
    /// The time by AWS's clock.
    pub now: Option<UtcDateTime>,
}

/// What a time-out schedule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSchedule {
    /// The [`Record`] as JSON.
    pub input: String,
    /// When the migration's time is up; none where it is not a one-time schedule in UTC.
    pub at: Option<UtcDateTime>,
}

/// What AWS has of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Described<T> {
    /// This.
    This(Box<T>),
    /// AWS knows none, yet or any more.
    Unknown,
    /// It cannot be read, now or ever, for this reason.
    Unreadable(String),
}

/// What has to be observed before anything can be decided: each is a member of [`Observed`] that is none so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The configuration: without it, nothing can be decided.
    Configuration,
    /// [`Observed::schedule`]
    Schedule(DeploymentId),
    /// [`Observed::deployment`]
    Deployment(DeploymentId, IfUnreadable),
    /// [`Observed::task`]
    Task(Search, IfUnreadable),
    /// [`Observed::runs_shipped`]: whether this container of this revision runs this image
    RunsShipped(RevisionArn, ContainerName, Digest),
    /// [`Observed::alone`]: of this revision of the task, the shipped one and the container that migrates
    Alone(RevisionArn, RevisionArn, ContainerName, IfUnreadable),
    /// [`Observed::essential`] of this task
    Essential(Box<Task>),
    /// [`Observed::secrets`] of this task
    Secrets(Box<Task>),
    /// [`Observed::log`] of this container of this task
    Log(Box<Task>, ContainerName),
}

/// What to make of something that can never be read. What can be read later is an error either way: the event comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfUnreadable {
    /// It is an error, too.
    Fail,
    /// It is decided without it: [`Described::Unreadable`].
    Decide,
}

/// Where a migration's task is found.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// This task of this cluster.
    Task(String, TaskArn),
    /// The one that differs in nothing from what would have been started: no ARN was written down.
    Unnoted(Box<Record>),
}

/// What becomes of a migration.
#[derive(Debug, Clone)]
pub enum Finish {
    /// Nothing, for this reason.
    Nothing(String),
    /// Nothing can be made of what AWS has, for this reason.
    Refused(String),
    /// ECS describes an older state than the event does: it has to be read again.
    NotYet(String),
    /// It has ended, or its time is up.
    End(Box<End>),
}

/// The end of a migration: its hook is answered, and then its schedule is of no use any more.
#[derive(Debug, Clone)]
pub struct End {
    /// What was written down before the migration was started.
    pub record: Record,
    /// The deployment and its pipeline; none where they cannot be read.
    pub known: Option<Known>,
    /// What is done.
    pub act: Act,
}

/// What is done about a migration that has ended, or whose time is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The hook is answered with this verdict.
    Answer(Verdict),
    /// The hook is answered, and then this task is stopped for this reason: a sidecar keeps it up after its migration.
    AnswerAndStop(Verdict, Box<Task>, &'static str),
    /// The task is stopped for this reason, and then the hook is answered as failed: its time is up.
    StopAndFail(Box<Task>, String),
    /// The same where the task cannot be read: what cannot be judged must not run on.
    StopUnread(TaskArn, String),
}

/// Why a decision ends before the migration's end is judged.
enum Early {
    Need(Need),
    Nothing(String),
    Refused(String),
    NotYet(String),
}

impl From<Need> for Early {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

/// Decides what becomes of a migration. Without a configuration the time-out is answered all the same: what it needs stands
/// in its schedule.
///
/// # Errors
/// What else has to be observed. It is decided again with it, from the beginning: all is plain data.
pub fn decide(
    config: Option<&Config>,
    event: &FinishEvent,
    observed: &Observed,
) -> Result<Finish, Need> {
    let decided = match event {
        FinishEvent::Ignored(reason) => Err(Early::Nothing(reason.clone())),
        FinishEvent::Changed(change) => waiting::of_changed(config, change, observed)
            .and_then(|waiting| Ok((changed(&waiting, observed, change)?, waiting))),
        FinishEvent::TimedOut(time_out) => waiting::of_timed_out(config, time_out, observed)
            .and_then(|waiting| Ok((timed_out(&waiting, observed)?, waiting))),
    };
    Ok(match decided {
        Ok((act, Waiting { record, known, .. })) => {
            Finish::End(Box::new(End { record, known, act }))
        }
        Err(Early::Need(need)) => return Err(need),
        Err(Early::Nothing(reason)) => Finish::Nothing(reason),
        Err(Early::Refused(reason)) => Finish::Refused(reason),
        Err(Early::NotYet(reason)) => Finish::NotYet(reason),
    })
}

fn changed(waiting: &Waiting, observed: &Observed, change: &TaskChanged) -> Result<Act, Early> {
    let record = &waiting.record;
    let nothing = |reason| Err(Early::Nothing(reason));
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
    let Some(container) = &waiting.container else {
        return nothing("the pipeline has no migration".to_owned());
    };
    let not_yet = format!(
        "ECS does not describe task {} as far as its event does (hint: nothing to do if a later attempt succeeds)",
        change.task.id()
    );
    // What cannot be read is an error: the event comes again.
    let search = || Search::Task(record.cluster.clone(), change.task.clone());
    let task = observed.task.as_ref();
    let task = match task.ok_or_else(|| Need::Task(search(), IfUnreadable::Fail))? {
        Described::This(task) => task,
        Described::Unknown => return Err(Early::NotYet(not_yet)),
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
    let has_ended = has_ended(task, container);
    let is_shown = verdict::is_shown(task, container, &seen(observed));
    let is_shown = is_shown.map_err(|lack| need(lack, task))?;
    if is_shown {
        let act = judged(waiting, observed, task, container, IfUnreadable::Fail)?;
        return Ok(act);
    }
    if change.has_stopped || (change.says_ended(container) && !has_ended) {
        return Err(Early::NotYet(not_yet));
    }
    if has_ended {
        // The last exit codes may still tell who was first; what is judged now is judged for good.
        return nothing(format!(
            "the migration of task {} has ended, perhaps because its task is stopped: it is judged when it is `STOPPED`",
            task.arn.id()
        ));
    }
    nothing(format!(
        "the migration of task {} still runs",
        task.arn.id()
    ))
}

fn timed_out(waiting: &Waiting, observed: &Observed) -> Result<Act, Early> {
    let record = &waiting.record;
    // The time-out comes once: what cannot be read then, now or ever, fails the hook.
    let described = observed.task.as_ref();
    let described =
        described.ok_or_else(|| Need::Task(Search::of(record), IfUnreadable::Decide))?;
    if let Described::This(task) = described
        && let Some(container) = &waiting.container
        && has_ended(task, container)
    {
        // It ended in time, and its event was late or lost, or is still to come.
        let act = judged(waiting, observed, task, container, IfUnreadable::Decide)?;
        return Ok(act);
    }
    // Anybody who may call this function can claim that the time is up.
    if let (Some(due), Some(now)) = (waiting.due, waiting.now)
        && now + DUE_ABOUT < due
    {
        return Err(Early::Nothing(format!(
            "the migration of deployment `{}` has time until {due}",
            record.deployment
        )));
    }
    let failed = |reason| Verdict::Failed {
        reason,
        log: TaskLog::default(),
    };
    let verdict = match described {
        Described::This(task) => {
            let reason = verdict::overdue(task, record.timeout_minutes);
            return Ok(Act::StopAndFail(task.clone(), reason));
        }
        Described::Unknown if record.task.is_none() => Verdict::NothingRan(
            "the migration was never started: run-migration broke off before it, and no later call started it in time"
                .to_owned(),
        ),
        Described::Unknown => {
            failed("ECS does not know the migration's task (any more)".to_owned())
        }
        Described::Unreadable(why) => {
            let minutes = record.timeout_minutes;
            let reason = format!(
                "the migration's {minutes} minutes are over, and its task cannot be read ({why})"
            );
            match &record.task {
                Some(task) => return Ok(Act::StopUnread(task.clone(), reason)),
                None => failed(reason),
            }
        }
    };
    Ok(Act::Answer(delivered(waiting.known.as_ref(), verdict)))
}

fn judged(
    waiting: &Waiting,
    observed: &Observed,
    task: &Task,
    container: &ContainerName,
    if_unreadable: IfUnreadable,
) -> Result<Act, Need> {
    let seen = seen(observed);
    let verdict = match verdict::of(task, container, &seen).map_err(|lack| need(lack, task))? {
        succeeded @ Verdict::Succeeded(_) => {
            match not_of_shipped(waiting, observed, task, if_unreadable)? {
                Some(reason) => Verdict::Failed {
                    reason,
                    log: TaskLog::default(),
                },
                None => succeeded,
            }
        }
        other @ (Verdict::Failed { .. }
        | Verdict::NothingRan(_)
        | Verdict::KeptFromRunning { .. }
        | Verdict::TooLate(_)
        | Verdict::Later(_)
        | Verdict::Ignored(_)) => other,
    };
    let verdict = delivered(waiting.known.as_ref(), verdict);
    Ok(if task.last_status == STOPPED {
        Act::Answer(verdict)
    } else {
        Act::AnswerAndStop(verdict, Box::new(task.clone()), NO_LONGER_NEEDED)
    })
}

fn seen(observed: &Observed) -> Seen<'_> {
    Seen {
        essential: observed.essential.as_deref(),
        secrets: observed.secrets.as_deref(),
        log: observed.log.as_ref(),
    }
}

fn need(lack: Lack, task: &Task) -> Need {
    let task = Box::new(task.clone());
    match lack {
        Lack::Essential => Need::Essential(task),
        Lack::Secrets => Need::Secrets(task),
        Lack::Log(container) => Need::Log(task, container),
    }
}

/// Why the 0 of a migration that ran alone is none of the shipped revision's; none where it is. That run-migration registered the
/// task's revision for it is not believed: a revision that anybody tagged so would migrate nothing.
fn not_of_shipped(
    waiting: &Waiting,
    observed: &Observed,
    task: &Task,
    if_unreadable: IfUnreadable,
) -> Result<Option<String>, Need> {
    let Some(runs) = &waiting.record.runs else {
        return Ok(None);
    };
    let Some(shipped) = &runs.alone_of else {
        return Ok(None);
    };
    let (ran, container) = (task.revision.clone(), runs.container.clone());
    let need = || Need::Alone(ran, shipped.clone(), container, if_unreadable);
    let differs = match observed.alone.as_ref().ok_or_else(need)? {
        Described::This(differences) => differences.as_ref().clone(),
        Described::Unknown => vec!["ECS does not know it".to_owned()],
        Described::Unreadable(reason) => vec![format!("it could not be compared ({reason})")],
    };
    Ok(not_of(task, shipped, &differs))
}

/// The verdict as it is answered: a deployment that has ended waits for none.
fn delivered(known: Option<&Known>, verdict: Verdict) -> Verdict {
    match known {
        Some(known) if known.deployment.status.has_ended() => verdict.after_the_end(),
        Some(_) | None => verdict,
    }
}

impl End {
    /// The verdict of a task that was stopped because its time was up; `stopped` says what became of that, and `after` is the
    /// task as ECS describes it then.
    pub fn failed(
        &self,
        task: &Task,
        after: Option<&Task>,
        reason: &str,
        stopped: Stopped,
        log: TaskLog,
    ) -> Verdict {
        let verdict = verdict::after_stop(task, after, reason, stopped, log);
        delivered(self.known.as_ref(), verdict)
    }

    /// The same for a task that could not be read.
    pub fn unread(&self, reason: &str, stopped: Stopped) -> Verdict {
        let verdict = Verdict::Failed {
            reason: match stopped {
                Stopped::Yes => format!("{reason}: it was stopped"),
                Stopped::No => format!("{reason}, nor could it be stopped: it may still run"),
            },
            log: TaskLog::default(),
        };
        delivered(self.known.as_ref(), verdict)
    }
}

impl Search {
    /// The task that was written down, or else the one that is in all what would have been started.
    fn of(record: &Record) -> Self {
        match &record.task {
            Some(task) => Self::Task(record.cluster.clone(), task.clone()),
            None => Self::Unnoted(Box::new(record.clone())),
        }
    }
}

#[cfg(test)]
mod tests;
