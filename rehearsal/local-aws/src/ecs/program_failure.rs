//! Tells that a program of the user's failed, with what it printed last.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Ecs;
use super::task::{Task, TaskContainer};
use crate::timeline::{Entry, Event};

/// As many lines as say why; the rest is in the container's log.
const LINES_AT_MOST: usize = 10;

/// The reason of a target that accepts no connection, which has no status either.
const NO_CONNECTION: &str = "Health checks failed";

/// Tells it of a stopped task, once for each version and reason: the service scheduler tries again and again. The end of a one-off task
/// is what its deployment is about, unless it never began.
pub(super) fn tell(ecs: &Arc<Ecs>, task_arn: &str) {
    let Some(task) = ecs.read(|state| state.task(task_arn).cloned()) else {
        return;
    };
    let Some(stop) = &task.stop else { return };
    if !stop.is_failure() || (task.service.is_none() && stop.code != "TaskFailedToStart") {
        return;
    }
    for container in failed(ecs, &task) {
        let reason = why(ecs, &task, container);
        let version = ecs.ecr.version(&container.image);
        let told = told(ecs, &container.name, version.as_deref());
        if told.contains(&reason) {
            continue;
        }
        let lines = ecs
            .logs
            .last_of_container(&container.name, task.id(), LINES_AT_MOST);
        ecs.context.timeline.record(Event::ProgramFailed {
            task: task.arn.clone(),
            purpose: task.purpose(),
            container: container.name.clone(),
            version,
            reason,
            lines,
        });
    }
}

/// The reasons that were told of a program in this version of its image.
fn told(ecs: &Ecs, name: &str, of: Option<&str>) -> Vec<String> {
    let entries = ecs.context.timeline.entries().into_iter();
    let reasons = entries.filter_map(|entry| {
        let Event::ProgramFailed {
            container,
            version,
            reason,
            ..
        } = entry.event
        else {
            return None;
        };
        (container == name && version.as_deref() == of).then_some(reason)
    });
    reasons.collect()
}

/// Whether a program has failed before in this version of its image.
pub(super) fn is_known(ecs: &Ecs, container: &str, version: Option<&str>) -> bool {
    !told(ecs, container, version).is_empty()
}

/// The containers whose programs ended by themselves, or did not start; without any, all that have a program, because their answers
/// were wrong.
fn failed<'a>(ecs: &Ecs, task: &'a Task) -> Vec<&'a TaskContainer> {
    let containers = task.containers.iter();
    let custom = containers.filter(|one| ecs.executables.programs.of(&one.name).is_some());
    let custom: Vec<&TaskContainer> = custom.collect();
    let is_to_blame =
        |one: &&&TaskContainer| one.reason.is_some() || one.end.is_some_and(|end| end.by_itself);
    let to_blame: Vec<&TaskContainer> = custom.iter().filter(is_to_blame).copied().collect();
    match to_blame.is_empty() {
        true => custom,
        false => to_blame,
    }
}

fn why(ecs: &Ecs, task: &Task, container: &TaskContainer) -> String {
    if let Some(reason) = &container.reason {
        return reason.clone();
    }
    match (container.exit_code, container.end) {
        (Some(code), Some(end)) if end.by_itself => format!("ended with exit code {code}"),
        _ => unhealthy(ecs, task).unwrap_or_else(|| {
            let stop = task.stop.as_ref();
            stop.map_or_else(String::new, |stop| stop.reason.clone())
        }),
    }
}

/// The service event of a target that is unhealthy has the reason of it, which the stopped task does not.
fn unhealthy(ecs: &Ecs, task: &Task) -> Option<String> {
    let service = task.service.as_deref()?;
    ecs.read(|state| {
        let mut events = state.service(&task.cluster, service)?.events.iter();
        let of_task = format!("(task {})", task.id());
        let event = events.find(|event| event.message.contains(&of_task))?;
        let (_, reason) = event.message.split_once("due to (reason ")?;
        let reason = reason.trim_end_matches(')');
        Some(match reason {
            NO_CONNECTION => format!(
                "{reason}: nothing answers at its port (hint: it has to listen at 127.0.0.1 and `{{port}}`, which is also in PORT)"
            ),
            _ => reason.to_owned(),
        })
    })
}

/// Waits until a program of the user's fails, and says how: without what serves at the beginning there is nothing to play.
pub(crate) async fn first(mut timeline: Receiver<Entry>) -> String {
    loop {
        match timeline.recv().await {
            Ok(Entry {
                event:
                    Event::ProgramFailed {
                        container,
                        version,
                        reason,
                        lines,
                        ..
                    },
                ..
            }) => {
                let version = version.as_deref().unwrap_or("without a version");
                let printed = match lines.as_slice() {
                    [] => "it printed nothing".to_owned(),
                    lines => format!("it printed last:\n  {}", lines.join("\n  ")),
                };
                return format!(
                    "the program in container `{container}` ({version}): {reason}; {printed}"
                );
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
