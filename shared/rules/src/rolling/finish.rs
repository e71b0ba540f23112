//! What becomes of a migration before a rolling update, when its task changed or its time is up. Nothing waits for an answer: its end is
//! written on the revision.

use time::{Duration, UtcDateTime};

use super::id::MigrationId;
use super::mark::{Ended, MigrationMark};
use super::record::Record;
use crate::events::TaskChanged;
use crate::gate::Verdict;
use crate::migration::verdict::{self, Lack, Seen};
use crate::migration::{differences_of, has_ended};
use crate::observed::{Task, TaskContainer};

/// Scheduler calls within the minute, and its clock is not that of the service that states the time.
const DUE_ABOUT: Duration = Duration::minutes(1);

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, for this reason.
    Nothing(String),
    /// ECS describes an older state than the event does: it has to be read again.
    NotYet(String),
    /// It has ended, and ECS shows how.
    Judge,
    /// Its time is up, and the sentence says so: it has to be stopped.
    Stop(String),
    /// It was never started.
    NeverStarted,
    /// Nobody can tell any more how it ended.
    Forgotten,
}

/// Why an event is about another task than the one that was written down; none where it may be that.
pub fn is_of_another(record: &Record, change: &TaskChanged<MigrationId>) -> Option<String> {
    if record.id != change.deployment {
        return Some(format!(
            "the service's migration is `{}`, not `{}`",
            record.id, change.deployment
        ));
    }
    let task = record.task.as_ref()?;
    (*task != change.task).then(|| {
        format!(
            "deployment `{}` waits for task {}, not for {}",
            record.deployment(),
            task.id(),
            change.task.id()
        )
    })
}

/// In what a task differs from the migration; nothing where it is that. The one whose ARN was written down is it.
pub fn differences(record: &Record, task: &Task) -> Vec<String> {
    if record.task.as_ref() == Some(&task.arn) {
        return Vec::new();
    }
    let started_by = record.id.started_by();
    differences_of(task, &started_by, record.cluster.as_str(), &record.runs)
}

/// What is done after an event about the migration's task, which ECS describes so.
///
/// # Errors
/// What else has to be read.
pub fn after_change(
    record: &Record,
    change: &TaskChanged<MigrationId>,
    task: Option<&Task>,
    seen: &Seen<'_>,
) -> Result<Step, Lack> {
    let not_yet = format!(
        "ECS does not describe task {} as far as its event does (hint: nothing to do if a later attempt succeeds)",
        change.task.id()
    );
    let Some(task) = task else {
        return Ok(Step::NotYet(not_yet));
    };
    let differs = differences(record, task);
    if !differs.is_empty() {
        return Ok(Step::Nothing(format!(
            "task {} is not the migration of deployment `{}`: {}",
            task.arn.id(),
            record.deployment(),
            differs.join(", ")
        )));
    }
    let container = &record.runs.container;
    if verdict::is_shown(task, container, seen)? {
        return Ok(Step::Judge);
    }
    if change.has_stopped || (change.says_ended(container) && !has_ended(task, container)) {
        return Ok(Step::NotYet(not_yet));
    }
    Ok(Step::Nothing(format!(
        "the migration of task {} is judged when ECS shows how it ended",
        task.arn.id()
    )))
}

/// What is done when the time may be up.
pub fn after_time_out(
    record: &Record,
    task: Option<&Task>,
    due: Option<UtcDateTime>,
    now: Option<UtcDateTime>,
) -> Step {
    if let Some(task) = task
        && has_ended(task, &record.runs.container)
    {
        // It ended in time, and its event was late or lost.
        return Step::Judge;
    }
    // Anybody who may call this function can claim that the time is up.
    if let (Some(due), Some(now)) = (due, now)
        && now.saturating_add(DUE_ABOUT) < due
    {
        return Step::Nothing(format!(
            "the migration of deployment `{}` has time until {due}",
            record.deployment()
        ));
    }
    match (task, &record.task) {
        (Some(task), _) => Step::Stop(verdict::overdue(task, record.timeout_minutes)),
        (None, Some(_)) => Step::Forgotten,
        (None, None) => Step::NeverStarted,
    }
}

/// The mark of a migration that has ended so; `is_superseded` where another deployment took its place. `now` is AWS's clock.
pub fn marked_as(
    record: &Record,
    task: Option<&Task>,
    verdict: Option<&Verdict>,
    is_superseded: bool,
    now: UtcDateTime,
) -> MigrationMark {
    let container = task.and_then(|task| {
        let mut containers = task.containers.iter();
        containers.find(|one| one.name == record.runs.container)
    });
    let started_at = task.and_then(|task| task.created_at).unwrap_or(now);
    MigrationMark {
        ended: match verdict {
            Some(Verdict::Succeeded(_)) if is_superseded => Ended::Superseded,
            Some(Verdict::Succeeded(_)) => Ended::Succeeded,
            Some(
                Verdict::Failed { .. }
                | Verdict::KeptFromRunning { .. }
                | Verdict::NothingRan(_)
                | Verdict::TooLate(_)
                | Verdict::Later(_)
                | Verdict::Ignored(_),
            ) => Ended::Failed(container.and_then(TaskContainer::ended_with)),
            None => Ended::Unknown,
        },
        task: task
            .map(|task| &task.arn)
            .or(record.task.as_ref())
            .map(|arn| arn.id().to_owned()),
        // The clocks are not the same, and the order came before.
        at: started_at.max(record.ordered_at),
        before: record.id.before.clone(),
    }
}
