//! Why a deployment ended badly, from its stopped tasks and the service's events.

mod own;
mod service_events;

use crate::config::Migration;
use crate::culprit::{culprits, ending_of, is_out_of_memory, likely, log_of_migration, waited_for};
use crate::migration::{self, TaskRun, Verdict};
use crate::names::{ContainerName, RevisionArn};
use crate::observed::{Service, ServiceEvent, Task, TaskContainer};

pub use own::Own;
pub use service_events::trouble;

/// A task as the cause of a deployment's bad end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause<'a> {
    /// In one sentence.
    pub sentence: String,
    /// The task.
    pub task: &'a Task,
    /// The container whose log goes with it; none where none of them ran.
    pub container: Option<ContainerName>,
}

/// What a deployment's migration did to the database, as far as its task shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrated {
    /// It came to its end.
    Done,
    /// It may have run, and it is not known that it came to its end.
    Partly,
    /// It was started, and none of it ran.
    Nothing,
}

impl Migrated {
    /// How far the database is, in a sentence.
    pub fn database(self) -> &'static str {
        match self {
            Self::Done => "migrated: the deployment's migration had come to its end",
            Self::Partly => {
                "perhaps partially migrated: the deployment's migration may have run, and it is not known that it came to its end"
            }
            Self::Nothing => "as it was: nothing of the deployment's migration ran",
        }
    }
}

/// What is known of what a deployment shipped, beside its tasks.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The revision.
    pub shipped: &'a RevisionArn,
    /// The containers whose end ends a task of it; empty where that is not known.
    pub essential: &'a [ContainerName],
    /// What `startedBy` of its migration's task is.
    pub migration_started_by: &'a str,
    /// The revisions in which its migration ran alone; none where it ran in the shipped one.
    pub alone: Option<Alone<'a>>,
    /// The service; none where it cannot be read.
    pub service: Option<&'a Service>,
    /// The cluster in which it runs.
    pub cluster: &'a str,
    /// Which of the revision's tasks are its own.
    pub own: Own<'a>,
}

/// The revisions in which a deployment's migration ran alone.
#[derive(Debug, Clone, Copy)]
pub struct Alone<'a> {
    /// Those that are what was to be registered for it: more than one where an attempt was repeated.
    pub revisions: &'a [RevisionArn],
    /// The containers whose end ends a task of them.
    pub essential: &'a [ContainerName],
}

impl<'a> Known<'a> {
    /// The containers whose end ends this migration; none where it is no task of a revision in which that may have run.
    fn essential_of_migration(&self, task: &Task) -> Option<&'a [ContainerName]> {
        if task.revision == *self.shipped {
            return Some(self.essential);
        }
        let alone = self.alone?;
        alone
            .revisions
            .contains(&task.revision)
            .then_some(alone.essential)
    }
}

/// The cause among stopped tasks: the deployment's migration where it failed, or else one of green's own tasks. No migration is
/// given where it is known not to have failed.
pub fn find<'a>(
    stopped: &'a [Task],
    known: Known<'a>,
    migration: Option<&Migration>,
) -> Option<Cause<'a>> {
    let failed_migration = migration.and_then(|migration| {
        let tasks = migrations_of(stopped, known, migration);
        let mut causes = tasks.iter().filter_map(|task| {
            let essential = known.essential_of_migration(task)?;
            of_migration(task, &migration.container, essential)
        });
        let cause = causes.next()?;
        Some(match tasks.len() {
            1 => cause,
            count => Cause {
                sentence: format!(
                    "{count} tasks are marked as the deployment's migration, and ECS does not state which of them is; one of \
                     them: {}",
                    cause.sentence
                ),
                ..cause
            },
        })
    });
    failed_migration.or_else(|| of_green(&own::own_tasks(stopped, known), known))
}

/// What the deployment's migration did; none where none of its tasks is among the stopped ones.
pub fn migrated(stopped: &[Task], known: Known<'_>, migration: &Migration) -> Option<Migrated> {
    let of = |task: &Task| {
        if was_taken_down_after_its_end(task, &migration.container) {
            return Migrated::Done;
        }
        let essential = known.essential_of_migration(task).unwrap_or_default();
        match migration::judge(task, &migration.container, &task.essential(essential)) {
            Verdict::Succeeded => Migrated::Done,
            Verdict::Failed { ran: true, .. } => Migrated::Partly,
            Verdict::Failed { ran: false, .. } => Migrated::Nothing,
        }
    };
    let tasks = migrations_of(stopped, known, migration);
    let mut found = tasks.into_iter().map(of);
    let first = found.next()?;
    Some(match found.all(|other| other == first) {
        true => first,
        false => Migrated::Partly,
    })
}

/// The tasks that are marked as the deployment's migration. Whoever may call RunTask can mark one so; of several those count that
/// are in every member what was to be started.
fn migrations_of<'a>(
    stopped: &'a [Task],
    known: Known<'_>,
    migration: &Migration,
) -> Vec<&'a Task> {
    let started_by = known.migration_started_by;
    let marked: Vec<&Task> = stopped
        .iter()
        .filter(|task| {
            task.started_by.as_deref() == Some(started_by)
                && known.essential_of_migration(task).is_some()
        })
        .collect();
    let is_it = |task: &&&Task| {
        let runs = TaskRun {
            revision: task.revision.clone(),
            alone_of: None,
            container: migration.container.clone(),
            command: migration.command.clone(),
        };
        migration::differences_of(task, started_by, known.cluster, &runs).is_empty()
    };
    let same: Vec<&Task> = marked.iter().filter(is_it).copied().collect();
    if same.is_empty() { marked } else { same }
}

fn of_migration<'a>(
    task: &'a Task,
    container: &ContainerName,
    essential: &[ContainerName],
) -> Option<Cause<'a>> {
    if was_taken_down_after_its_end(task, container) {
        return None;
    }
    match migration::judge(task, container, &task.essential(essential)) {
        Verdict::Succeeded => None,
        Verdict::Failed { reason, ran } => Some(Cause {
            sentence: reason,
            task,
            container: log_of_migration(task, container, essential, ran),
        }),
    }
}

/// We stop what a sidecar keeps up after the migration. Somebody else may have given our reason: good enough for a message,
/// which decides nothing.
fn was_taken_down_after_its_end(task: &Task, container: &ContainerName) -> bool {
    let exited_with_zero =
        |other: &TaskContainer| other.name == *container && other.exit_code == Some(0);
    task.stopped_reason.as_deref() == Some(migration::NO_LONGER_NEEDED)
        && task.containers.iter().any(exited_with_zero)
}

/// Why a task stopped, by ECS's sentence. The stop code alone does not say: `ServiceSchedulerInitiated` is a task that failed
/// its health checks and one that is scaled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    /// ECS took it down: this does not show why it had to.
    TakenDown,
    /// Something else stopped it: a person, or the infrastructure.
    FromOutside,
    /// It failed.
    Failed,
    /// The load balancer's health check failed it.
    LoadBalancerHealth,
    /// Its containers' own health checks failed it.
    ContainerHealth,
}

/// What ECS's sentences about failures have in common (ECS Developer Guide, stopped tasks error messages).
const SIGNS_OF_FAILURE: [&str; 7] = [
    "fail",
    "unhealthy",
    "error",
    "unable",
    "cannot",
    "timeout",
    "timed out",
];

fn stop_of(task: &Task, essential: &[ContainerName]) -> Stop {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let reason = reason.to_ascii_lowercase();
    let is_about_health = reason.contains("health check");
    if is_about_health && reason.contains("container health check") {
        return Stop::ContainerHealth;
    }
    if is_about_health {
        return Stop::LoadBalancerHealth;
    }
    // A sidecar's end ends no task.
    let essential = task.essential(essential);
    let mut containers = task.containers.iter();
    if containers.any(|one| is_out_of_memory(one) && essential.contains(&one.name)) {
        return Stop::Failed;
    }
    match task.stop_code.as_deref() {
        Some("EssentialContainerExited" | "TaskFailedToStart") => Stop::Failed,
        Some("ServiceSchedulerInitiated") | None => {
            // A scale-in names the deployment that wanted it, whatever that is called.
            let is_failure = !reason.starts_with("scaling activity")
                && SIGNS_OF_FAILURE.iter().any(|sign| reason.contains(sign));
            if is_failure {
                Stop::Failed
            } else {
                Stop::TakenDown
            }
        }
        Some(_) => Stop::FromOutside,
    }
}

/// The latest of green's tasks that failed; where none did, of those that something else stopped.
fn of_green<'a>(stopped: &[&'a Task], known: Known<'a>) -> Option<Cause<'a>> {
    let of = |which: &dyn Fn(Stop) -> bool| -> Vec<&'a Task> {
        let these = stopped
            .iter()
            .copied()
            .filter(|task| which(stop_of(task, known.essential)));
        these.collect()
    };
    let failed = of(&|stop| stop >= Stop::Failed);
    let counted = if failed.is_empty() {
        of(&|stop| stop == Stop::FromOutside)
    } else {
        failed
    };
    let task = counted
        .iter()
        .copied()
        .max_by_key(|task| (task.stopped_at, &task.arn))?;
    let (why, container) = match stop_of(task, known.essential) {
        Stop::LoadBalancerHealth => of_load_balancer_health(task, known),
        Stop::ContainerHealth => of_container_health(task, known),
        Stop::Failed | Stop::FromOutside | Stop::TakenDown => of_containers(task, known),
    };
    // Of a rollback it is the previous one.
    let revision = known.shipped.short();
    let tasks = match counted.len() {
        1 => format!("a task of revision {revision} stopped"),
        count => format!("{count} tasks of revision {revision} stopped, the last one"),
    };
    Some(Cause {
        sentence: format!("{tasks}: {why}"),
        task,
        container,
    })
}

/// The load balancer reaches one container, and how that answered is in the service's events.
fn of_load_balancer_health(task: &Task, known: Known<'_>) -> (String, Option<ContainerName>) {
    let events = known
        .service
        .map_or(&[][..], |service| service.events.as_slice());
    let why = match last_target_reason(task, known.own.task_set, events) {
        Some(reason) => format!(
            "{}; the target's last reason: {reason}",
            said(task, known.essential)
        ),
        None => said(task, known.essential),
    };
    (why, serving(known))
}

/// The container that the service is about: how it ended shows nothing, because ECS stopped it.
fn serving(known: Known<'_>) -> Option<ContainerName> {
    let reached = known
        .service
        .and_then(|service| service.load_balancer.as_ref());
    let container = reached.map(|target| &target.container);
    container.or(known.essential.first()).cloned()
}

/// Why the load balancer found a target unhealthy: of this task, else of its task set, else of its target group. ECS writes
/// `(service S, taskSet ID) (task ID) (port P) is unhealthy in (target-group ARN) due to (reason R)`, the newest first; not every
/// such event names the task (ECS Developer Guide, service unhealthy event messages).
fn last_target_reason<'a>(
    task: &Task,
    task_set: Option<&str>,
    events: &'a [ServiceEvent],
) -> Option<&'a str> {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let target_group = reason.split_once("(target-group ").map(|(_, rest)| {
        let end = rest.find(')').unwrap_or(rest.len());
        format!("(target-group {})", &rest[..end])
    });
    let this_task = format!("(task {})", task.arn.id());
    let task_set = task_set.or(task.started_by.as_deref());
    let task_set = task_set.map(|id| format!("taskSet {id})"));
    let marks = [Some(this_task), task_set, target_group];
    let unhealthy = || {
        events
            .iter()
            .map(|event| event.message.as_str())
            .filter(|event| event.contains(" is unhealthy in "))
    };
    let event = marks
        .into_iter()
        .flatten()
        .find_map(|mark| unhealthy().find(|event| event.contains(&mark)))?;
    let (_, reason) = event.split_once("due to (reason ")?;
    Some(
        reason
            .trim_end()
            .trim_end_matches('.')
            .strip_suffix(')')
            .unwrap_or(reason),
    )
}

/// ECS's sentence does not say which container's health check failed.
fn of_container_health(task: &Task, known: Known<'_>) -> (String, Option<ContainerName>) {
    let unhealthy = || {
        task.containers
            .iter()
            .filter(|container| container.is_unhealthy)
    };
    let names: Vec<String> = unhealthy()
        .map(|container| format!("`{}`", container.name))
        .collect();
    if names.is_empty() {
        return (said(task, known.essential), serving(known));
    }
    let why = format!(
        "{}; UNHEALTHY: {}",
        said(task, known.essential),
        names.join(", ")
    );
    (
        why,
        unhealthy().next().map(|container| container.name.clone()),
    )
}

/// What ended, and ECS's sentence about the task. One that never started has no log.
fn of_containers(task: &Task, known: Known<'_>) -> (String, Option<ContainerName>) {
    let culprits = culprits(task, known.essential);
    let mut parts: Vec<String> = culprits
        .iter()
        .flat_map(|container| {
            let waited = waited_for(task, &container.name);
            std::iter::once(ending_of(container)).chain(waited)
        })
        .collect();
    if culprits.len() > 1 {
        parts.push("ECS does not state which ended first".to_owned());
    }
    if parts.is_empty() || task.stopped_reason.is_some() {
        parts.push(said(task, known.essential));
    }
    (parts.join("; "), likely(task, known.essential))
}

/// ECS's sentence about the task, and its stop code where the sentence does not say who stopped it.
fn said(task: &Task, essential: &[ContainerName]) -> String {
    let reason = task.stopped_reason.as_deref().map(str::trim);
    let reason = reason.filter(|reason| !reason.is_empty());
    match (reason, task.stop_code.as_deref()) {
        (Some(reason), Some(code)) if stop_of(task, essential) == Stop::FromOutside => {
            format!("{reason} ({code})")
        }
        (Some(reason), _) => reason.to_owned(),
        (None, Some(code)) => format!("ECS gave no reason but the stop code {code}"),
        (None, None) => "ECS gave no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests;
