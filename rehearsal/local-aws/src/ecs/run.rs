//! One task, from PROVISIONING to STOPPED: its processes, its target, its events.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Ecs;
use super::container::{self, Plan};
use super::dependencies;
use super::exits::{self, Exit};
use super::program_failure;
use super::running::{
    Hold, Running, Startable, busy_at_most, change, change_container, ended_with, is_stopping,
    request_stop_of_essential, stop_requested,
};
use super::secrets;
use super::start_order::{self, Waiting};
use super::target;
use super::task::{Network, Stop, Task, TaskStatus};
use super::task_definition::Revision;
use crate::assumption::Assumption;
use crate::ecr::{OCI_VERSION, Reference};
use crate::timeline;

pub use super::running::request_stop;

/// How long a network interface takes to attach and to detach.
const INTERFACE: Duration = Duration::from_secs(10);

pub(super) async fn run(ecs: Arc<Ecs>, task: String, revision: Revision) {
    provision(&ecs, &task).await;
    let mut running = Vec::new();
    if !is_stopping(&ecs, &task) {
        match start(&ecs, &task, &revision, &mut running) {
            Ok(waiting) => {
                let all = start_order::bring_up(&ecs, &task, &mut running, waiting).await;
                if all.is_ok() {
                    serve_or_finish(&ecs, &task, &mut running).await;
                }
            }
            Err(reason) => request_stop(
                &ecs,
                &task,
                Stop {
                    code: "TaskFailedToStart",
                    reason,
                },
            ),
        }
    }
    let definitions: Vec<Value> = revision.containers().cloned().collect();
    let order = dependencies::stop_order(&definitions);
    running.sort_by_key(|running| order.iter().position(|name| *name == running.name));
    end(&ecs, &task, running).await;
    program_failure::tell(&ecs, &task);
}

/// A network interface takes time to attach; a task that shares its container instance's is PENDING already.
async fn provision(ecs: &Ecs, task_arn: &str) {
    let interface = interface(ecs, task_arn);
    if let Some(takes) = interface {
        tokio::select! {
            biased;
            () = ecs.context.clock.sleep(takes) => {}
            () = stop_requested(ecs, task_arn) => {}
        }
    }
    if is_stopping(ecs, task_arn) {
        return;
    }
    let pull = |task: &mut Task, now| {
        task.status = TaskStatus::Pending;
        task.pulled_at = Some(now);
    };
    match interface {
        Some(_) => {
            change(ecs, task_arn, pull);
        }
        None => {
            let now = ecs.context.clock.now();
            ecs.write(|state| state.task_mut(task_arn).map(|task| pull(task, now)));
        }
    }
}

/// How long the task's network interface takes to attach or detach; zero without one.
fn interface(ecs: &Ecs, task_arn: &str) -> Option<Duration> {
    let task = ecs.read(|state| state.task(task_arn).cloned())?;
    let at_once = task.service.is_none()
        && ecs
            .context
            .assumptions
            .hold(Assumption::TaskStopsBeforeAnswer);
    match task.network {
        Network::Interface(_) if at_once => Some(Duration::ZERO),
        Network::Interface(_) => Some(INTERFACE),
        Network::Host(_) => None,
    }
}

/// Starts every container that waits for no other, and returns the others; or why the task cannot start. Containers started
/// before the failure end with it.
fn start(
    ecs: &Arc<Ecs>,
    task_arn: &str,
    revision: &Revision,
    running: &mut Vec<Running>,
) -> Result<Vec<Waiting>, String> {
    let _busy = ecs.context.clock.busy();
    let Some(task) = ecs.read(|state| state.task(task_arn).cloned()) else {
        return Ok(Vec::new());
    };
    let mut waiting = Vec::new();
    // Secrets are fetched for the whole task, before its first container starts.
    let definitions = secrets::filled(revision, &ecs.secrets_manager)?;
    for definition in &definitions {
        let name = definition["name"].as_str().unwrap_or_default();
        let image = resolve(ecs, &task, definition, &revision.pulls_as());
        if let Reference::Found(image) = &image {
            let platform = ecs
                .context
                .assumptions
                .hold(Assumption::TasksStatePlatformDigests)
                .then(|| image.platform_digest())
                .flatten();
            change_container(ecs, task_arn, name, |container| {
                container.image_digest = Some(platform.unwrap_or_else(|| image.digest.clone()))
            });
        }
        let plan = container::plan(
            definition,
            &task.overrides,
            &image,
            &ecs.executables,
            task.id(),
        );
        let refused = match plan {
            Plan::Counted => {
                tell_nothing_runs(ecs, &task, definition, &image);
                None
            }
            Plan::Refused(reason) => Some(reason),
            Plan::Process {
                container,
                log,
                ran,
            } => {
                let startable = Startable::new(definition, container, log, ran, &task);
                let dependencies = dependencies::of(definition);
                match dependencies.is_empty() {
                    true => {
                        let started = start_order::begin(ecs, task_arn, startable);
                        started.map(|started| running.push(started)).err()
                    }
                    false => {
                        waiting.push(Waiting {
                            startable,
                            dependencies,
                        });
                        None
                    }
                }
            }
        };
        if let Some(reason) = refused {
            change_container(ecs, task_arn, name, |container| {
                container.reason = Some(reason.clone())
            });
            running.clear();
            return Err(reason);
        }
    }
    Ok(waiting)
}

/// A sidecar that is only counted keeps nothing from its end. The container behind the load balancer would have to answer, and
/// the one whose command is overridden to end.
fn tell_nothing_runs(ecs: &Ecs, task: &Task, definition: &Value, image: &Reference) {
    let name = definition["name"].as_str().unwrap_or_default();
    let overrides = task.overrides["containerOverrides"].as_array();
    let is_overridden = overrides.is_some_and(|all| all.iter().any(|one| one["name"] == name));
    let serves = task.task_set.as_deref().is_some_and(|id| {
        ecs.read(|state| {
            let set = state.task_set(id);
            let behind = set.map(|(_, set)| set.load_balancers.as_slice());
            behind.is_some_and(|behind| behind.iter().any(|one| one.container == name))
        })
    });
    if !serves && !is_overridden {
        return;
    }
    let reason = match image {
        Reference::Found(_) => format!("has no annotation `{OCI_VERSION}`"),
        Reference::Foreign | Reference::Missing | Reference::Forbidden => {
            "is not in the local registry".to_owned()
        }
    };
    ecs.context.timeline.record(timeline::Event::NothingRuns {
        task: task.arn.clone(),
        purpose: task.purpose(),
        container: name.to_owned(),
        image: definition["image"].as_str().unwrap_or_default().to_owned(),
        reason,
    });
}

/// Resolves a container's image: in a task set, to the image that it named for the set's first task, unless the container's
/// `versionConsistency` is disabled (ECS API Reference, ContainerDefinition).
fn resolve(ecs: &Ecs, task: &Task, definition: &Value, role_arn: &str) -> Reference {
    let reference = definition["image"].as_str().unwrap_or_default();
    let set = task.task_set.as_deref();
    let set = set.filter(|_| definition["versionConsistency"] != "disabled");
    let known = set.and_then(|id| {
        let known = |state: &super::State| state.resolved.get(id)?.get(reference).cloned();
        ecs.read(known)
    });
    let by_digest = |digest: &String| {
        let repository = reference.split('@').next().unwrap_or(reference);
        let path = repository.rsplit('/').next().unwrap_or_default();
        let tag = path.split_once(':').map_or(0, |(_, tag)| tag.len() + 1);
        let image = format!("{}@{digest}", &repository[..repository.len() - tag]);
        ecs.ecr.pull(&image, role_arn)
    };
    let resolved = known
        .as_ref()
        .map_or_else(|| ecs.ecr.pull(reference, role_arn), by_digest);
    if let (Reference::Found(image), None, Some(id)) = (&resolved, known, set) {
        ecs.write(|state| {
            let of_set = state.resolved.entry(id.to_owned()).or_default();
            of_set.insert(reference.to_owned(), image.digest.clone());
        });
    }
    resolved
}

/// Runs the task from RUNNING until an essential container ends or the task is asked to stop.
async fn serve_or_finish(ecs: &Arc<Ecs>, task: &str, running: &mut Vec<Running>) {
    let hold = Hold::new(Some(ecs.context.clock.busy()));
    let started = change(ecs, task, |task, now| {
        task.status = TaskStatus::Running;
        task.started_at = Some(now);
    });
    let Some(started) = started else { return };
    ecs.context.timeline.record(timeline::Event::TaskStarted {
        task: started.arn.clone(),
        purpose: started.purpose(),
        version: version(ecs, &started),
    });
    target::register(ecs, &started, running).await;
    // A service's task is settled once it listens; a one-off task is in progress until it ends.
    let patience = if started.task_set.is_some() {
        Duration::ZERO
    } else {
        busy_at_most(running)
    };
    tokio::select! {
        biased;
        () = hold.end_after(patience) => {}
        () = stop_requested(ecs, task) => {}
        () = essential_exit(ecs, task, running, &hold) => {
            // The next moment comes only while nothing is busy.
            hold.end();
            ecs.context.clock.become_known(task).await;
            request_stop_of_essential(ecs, task);
        }
    }
}

/// Waits until an essential container has ended. Other containers may end before, and some start again.
async fn essential_exit(ecs: &Arc<Ecs>, task: &str, running: &mut Vec<Running>, hold: &Hold) {
    loop {
        match exits::next(ecs, task, running, hold).await {
            Exit::Essential => return,
            Exit::Other => {
                // The task continues, and ECS emits an event for the container that ended.
                ecs.context.clock.become_known(task).await;
                change(ecs, task, |_, _| {});
            }
            Exit::Restarted(index) => {
                if let Some(restarted) = running.get_mut(index) {
                    target::follow(ecs, task, restarted).await;
                }
            }
        }
    }
}

/// Stops the task: deregisters its target, stops its containers, and detaches its network interface.
async fn end(ecs: &Arc<Ecs>, task_arn: &str, running: Vec<Running>) {
    let Some(task) = ecs.read(|state| state.task(task_arn).cloned()) else {
        return;
    };
    note_failure(ecs, &task);
    if task.started_at.is_some() {
        target::leave(ecs, &task, &running).await;
    }
    let stopping = change(ecs, task_arn, |task, now| {
        task.status = TaskStatus::Stopping;
        task.stopping_at = Some(now);
    });
    let busy = ecs.context.clock.busy();
    for mut container in running {
        let by_itself = container.process.has_exited();
        container.process.stop().await;
        let code = container.process.exited().await;
        ended_with(ecs, task_arn, &container.name, code, by_itself);
    }
    drop(busy);
    ecs.context.clock.become_known(task_arn).await;
    if let Some(takes) = interface(ecs, task_arn) {
        // The exit code is set before the task is STOPPED, as on AWS: a function that acts on this event acts too
        // early.
        change(ecs, task_arn, |task, _| {
            task.status = TaskStatus::Deprovisioning
        });
        ecs.context.clock.sleep(takes).await;
    }
    let stopped = change(ecs, task_arn, |task, now| {
        task.status = TaskStatus::Stopped;
        task.stopped_at = Some(now);
    });
    if let Some(task) = stopped.or(stopping) {
        ecs.context.timeline.record(timeline::Event::TaskStopped {
            task: task.arn.clone(),
            purpose: task.purpose(),
            version: version(ecs, &task),
            exit_code: task.exit_code(),
            stop_code: task.stop.as_ref().map(|stop| stop.code),
            reason: task.stop.as_ref().map(|stop| stop.reason.clone()),
        });
    }
}

/// A service's task that ended unasked counts as a failure of its task set.
fn note_failure(ecs: &Ecs, task: &Task) {
    let by_itself = task.stop.as_ref().is_some_and(Stop::is_failure);
    let (Some(id), true) = (&task.task_set, by_itself) else {
        return;
    };
    let now = ecs.context.clock.now();
    ecs.write(|state| {
        if let Some(set) = state.task_set_mut(id) {
            set.failures += 1;
            set.last_failure = Some(now);
        }
    });
}

fn version(ecs: &Ecs, task: &Task) -> Option<String> {
    task.containers
        .iter()
        .find_map(|container| ecs.ecr.version(&container.image))
}
