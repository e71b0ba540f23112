//! Starts a task's containers, each once those that it depends on have come as far as they must.

use std::sync::Arc;
use std::time::SystemTime;

use super::Ecs;
use super::dependencies::{Dependency, Progress, Seen, Verdict, decide};
use super::exits::{self, Exit};
use super::health_watch;
use super::running::{
    Hold, Running, Startable, busy_at_most, change, change_container, is_stopping,
    request_stop_of_essential, stop_requested,
};
use super::task::TaskContainer;

/// What the agent states as the exit code of a container that waited in vain, though no process ever ran (amazon-ecs-agent,
/// `task_manager.go`).
const WAITED_IN_VAIN: i32 = 143;

/// A container that waits for others.
pub(super) struct Waiting {
    pub(super) startable: Startable,
    pub(super) dependencies: Vec<Dependency>,
}

/// The task stops before every container has started.
#[derive(Debug)]
pub(super) struct Interrupted;

/// What to do with those that wait.
enum Next {
    Start(usize),
    GiveUp(usize, String),
    /// Until something changes, or until then.
    Wait(Option<SystemTime>),
}

/// Starts a container and its health checks; the error is ECS's reason.
pub(super) fn begin(ecs: &Arc<Ecs>, task: &str, startable: Startable) -> Result<Running, String> {
    let process = startable.process(ecs, task)?;
    if let Some(check) = startable.health.clone() {
        let (name, listens) = (startable.name.clone(), startable.listens.clone());
        let watch = health_watch::watch(ecs.clone(), task.to_owned(), name, check, listens);
        ecs.context.background.spawn(watch);
    }
    Ok(Running {
        name: startable.name.clone(),
        essential: startable.essential,
        process,
        since: ecs.context.clock.now(),
        startable,
    })
}

/// Starts those that wait, until all run or the task stops.
pub(super) async fn bring_up(
    ecs: &Arc<Ecs>,
    task: &str,
    running: &mut Vec<Running>,
    mut waiting: Vec<Waiting>,
) -> Result<(), Interrupted> {
    while !waiting.is_empty() {
        if is_stopping(ecs, task) {
            return Err(Interrupted);
        }
        match next(ecs, task, running, &waiting) {
            Next::Start(index) => {
                let Waiting { startable, .. } = waiting.remove(index);
                let (name, essential) = (startable.name.clone(), startable.essential);
                match begin(ecs, task, startable) {
                    Ok(started) => running.push(started),
                    Err(reason) => give_up(ecs, task, &name, essential, reason),
                }
            }
            Next::GiveUp(index, reason) => {
                let Waiting { startable, .. } = waiting.remove(index);
                give_up(ecs, task, &startable.name, startable.essential, reason);
            }
            Next::Wait(until) => wait(ecs, task, running, &waiting, until).await,
        }
    }
    match is_stopping(ecs, task) {
        true => Err(Interrupted),
        false => Ok(()),
    }
}

fn next(ecs: &Ecs, task: &str, running: &[Running], waiting: &[Waiting]) -> Next {
    let containers = ecs.read(|state| state.task(task).map(|task| task.containers.clone()));
    let seen: Vec<Seen> = containers
        .into_iter()
        .flatten()
        .map(|container| seen(&container, running, waiting))
        .collect();
    let (now, mut wake) = (ecs.context.clock.now(), None::<SystemTime>);
    for (index, one) in waiting.iter().enumerate() {
        let Some(target) = seen.iter().find(|seen| seen.name == one.startable.name) else {
            continue;
        };
        match decide(target, &one.dependencies, &seen, now) {
            Verdict::Start => return Next::Start(index),
            Verdict::Never(reason) => return Next::GiveUp(index, reason),
            Verdict::Wait(until) => {
                wake = match (wake, until) {
                    (Some(wake), Some(until)) => Some(wake.min(until)),
                    (wake, until) => wake.or(until),
                };
            }
        }
    }
    Next::Wait(wake)
}

fn seen(container: &TaskContainer, running: &[Running], waiting: &[Waiting]) -> Seen {
    let startable = running.iter().map(|running| &running.startable);
    let mut all = startable.chain(waiting.iter().map(|waiting| &waiting.startable));
    let startable = all.find(|startable| startable.name == container.name);
    let waits = || {
        waiting
            .iter()
            .any(|one| one.startable.name == container.name)
    };
    let progress = match (container.exit_code, container.started_at) {
        (Some(_), None) => Progress::Never,
        (Some(code), Some(_)) => Progress::Ended(code),
        (None, Some(at)) => Progress::Started(at),
        (None, None) if waits() => Progress::Waiting,
        (None, None) => Progress::Counted,
    };
    Seen {
        name: container.name.clone(),
        image: container.image.clone(),
        progress,
        health: container.health,
        start_timeout: startable.and_then(|startable| startable.start_timeout),
    }
}

/// The container never starts. If it is essential, its task stops.
fn give_up(ecs: &Ecs, task: &str, name: &str, essential: bool, reason: String) {
    change_container(ecs, task, name, |container| {
        container.exit_code = Some(WAITED_IN_VAIN);
        container.reason = Some(reason);
    });
    if essential {
        request_stop_of_essential(ecs, task);
    }
}

/// Waits until a container has ended, a health has changed, the task is asked to stop, or this moment comes.
async fn wait(
    ecs: &Arc<Ecs>,
    task: &str,
    running: &mut Vec<Running>,
    waiting: &[Waiting],
    until: Option<SystemTime>,
) {
    let written = ecs.written();
    let for_end = waiting
        .iter()
        .flat_map(|one| &one.dependencies)
        .any(|dependency| {
            let runs = running
                .iter()
                .any(|running| running.name == dependency.name);
            runs && dependency.condition.is_end()
        });
    let exit = {
        // A process that others wait for ends in real time, and simulated time stands still for it, though not for ever.
        let hold = Hold::new(for_end.then(|| ecs.context.clock.busy()));
        let patience = busy_at_most(running);
        let moment = async {
            match until {
                Some(until) => ecs.context.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = hold.end_after(patience) => None,
            () = stop_requested(ecs, task) => None,
            exit = exits::next(ecs, task, running, &hold) => Some(exit),
            () = written => None,
            () = moment => None,
        }
    };
    match exit {
        Some(Exit::Essential) => {
            ecs.context.clock.become_known(task).await;
            request_stop_of_essential(ecs, task);
        }
        Some(Exit::Other) => {
            ecs.context.clock.become_known(task).await;
            change(ecs, task, |_, _| {});
        }
        // It has no target yet.
        Some(Exit::Restarted(_)) | None => {}
    }
}
