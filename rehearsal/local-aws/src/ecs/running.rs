//! A task's containers while they run, and the changes of a task that ECS tells.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Ecs;
use super::container::{LogStream, TAKES};
use super::health_check::HealthCheck;
use super::restart::RestartPolicy;
use super::task::{ContainerEnd, Stop, Task, TaskContainer};
use crate::clock::{Busy, Clock};
use crate::process::{self, Container, Process};

/// A process that has not reported its address after this real time, or a one-off process that has not ended, counts as
/// blocked, and simulated time advances without it.
pub(super) const BUSY_AT_MOST: Duration = Duration::from_secs(10);

/// The same where a program of the user's runs. Its work takes the time that it takes; one that hangs meets the limits of AWS, such
/// as that of a migration, after this.
const CUSTOM_BUSY_AT_MOST: Duration = Duration::from_secs(5 * 60);

/// How long simulated time stands still for the work of these.
pub(super) fn busy_at_most(running: &[Running]) -> Duration {
    let is_custom = |running: &Running| running.startable.container.custom.is_some();
    match running.iter().any(is_custom) {
        true => CUSTOM_BUSY_AT_MOST,
        false => BUSY_AT_MOST,
    }
}

/// A container that can start as a process.
pub(super) struct Startable {
    pub(super) name: String,
    pub(super) essential: bool,
    pub(super) container: Container,
    pub(super) log: Option<LogStream>,
    /// The command's words without a leading shell.
    pub(super) ran: Vec<String>,
    pub(super) restarts: RestartPolicy,
    pub(super) health: Option<HealthCheck>,
    /// How long others wait for it.
    pub(super) start_timeout: Option<Duration>,
    /// The simulated time that it takes at least, of a one-off task.
    pub(super) takes: Option<Duration>,
    /// The address that its process has reported.
    pub(super) listens: Listens,
}

/// The address at which a container's process listens, once it does.
#[derive(Debug, Clone, Default)]
pub(super) struct Listens(Arc<Mutex<Option<SocketAddr>>>);

impl Listens {
    pub(super) fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, address: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }
}

/// Holds simulated time while processes work in real time, though not for ever.
pub(super) struct Hold(Mutex<Option<Busy>>);

impl Hold {
    pub(super) fn new(busy: Option<Busy>) -> Hold {
        Hold(Mutex::new(busy))
    }

    pub(super) fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Ends after this real time, and never returns.
    pub(super) async fn end_after(&self, patience: Duration) {
        tokio::time::sleep(patience).await;
        self.end();
        std::future::pending().await
    }
}

/// A container that runs as a process.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) essential: bool,
    pub(super) process: Process,
    pub(super) startable: Startable,
    /// When it started last.
    pub(super) since: SystemTime,
}

impl Startable {
    pub(super) fn new(
        definition: &Value,
        container: Container,
        log: Option<LogStream>,
        ran: Vec<String>,
        task: &Task,
    ) -> Startable {
        let minutes = container.environment.get(TAKES);
        let minutes = minutes.filter(|_| task.task_set.is_none());
        let minutes = minutes.and_then(|minutes| minutes.parse::<u64>().ok());
        Startable {
            name: definition["name"].as_str().unwrap_or_default().to_owned(),
            essential: definition["essential"] != false,
            health: HealthCheck::of(definition, &container),
            restarts: RestartPolicy::of(definition),
            start_timeout: definition["startTimeout"].as_u64().map(Duration::from_secs),
            takes: minutes.map(|minutes| Duration::from_secs(60 * minutes)),
            listens: Listens::default(),
            container,
            log,
            ran,
        }
    }

    /// Starts its process in this task; the error is ECS's reason.
    pub(super) fn process(&self, ecs: &Arc<Ecs>, task: &str) -> Result<Process, String> {
        let (logs, clock) = (ecs.logs.clone(), ecs.context.clock.clone());
        let (log, listens) = (self.log.clone(), self.listens.clone());
        let write = move |line: String| {
            if let Some(address) = process::address_in(&line) {
                listens.set(address);
            }
            if let Some(log) = &log {
                logs.write(&log.group, &log.stream, line, clock.now());
            }
        };
        let started = Process::start(&self.container, write)
            .map_err(|error| format!("CannotStartContainerError: {error:#}"))?;
        hold_until_asleep(&ecs.context.clock, &started);
        let now = ecs.context.clock.now();
        change_container(ecs, task, &self.name, |container| {
            container.started_at = Some(now);
            container.ran.clone_from(&self.ran);
        });
        Ok(started)
    }
}

/// Starting is work in real time, of a container without a port as well, whose health check would otherwise come before it listens.
fn hold_until_asleep(clock: &Clock, started: &Process) {
    let Some(id) = started.id() else { return };
    let busy = clock.busy();
    tokio::spawn(async move {
        process::asleep(id).await;
        drop(busy);
    });
}

/// Requests a task to stop. A task that is stopping already keeps its reason.
pub fn request_stop(ecs: &Ecs, task_arn: &str, stop: Stop) {
    ecs.write(|state| {
        if let Some(task) = state.task_mut(task_arn) {
            task.stop.get_or_insert(stop);
        }
    });
}

/// An essential container of the task has ended.
pub(super) fn request_stop_of_essential(ecs: &Ecs, task: &str) {
    let reason = "Essential container in task exited".to_owned();
    let code = "EssentialContainerExited";
    request_stop(ecs, task, Stop { code, reason });
}

/// Changes a task and emits the state-change event.
pub(super) fn change(
    ecs: &Ecs,
    task: &str,
    edit: impl FnOnce(&mut Task, SystemTime),
) -> Option<Task> {
    let now = ecs.context.clock.now();
    let changed = ecs.write(|state| {
        let task = state.task_mut(task)?;
        edit(task, now);
        task.version += 1;
        task.updated_at = now;
        Some(task.clone())
    })?;
    emit_change(ecs, &changed);
    Some(changed)
}

pub(super) fn change_container(
    ecs: &Ecs,
    task: &str,
    name: &str,
    edit: impl FnOnce(&mut TaskContainer),
) {
    ecs.write(|state| {
        let task = state.task_mut(task);
        let container = task.and_then(|task| {
            task.containers
                .iter_mut()
                .find(|container| container.name == name)
        });
        if let Some(container) = container {
            edit(container);
        }
    });
}

pub(super) fn ended_with(ecs: &Ecs, task: &str, name: &str, code: i32, by_itself: bool) {
    let at = ecs.context.clock.now();
    change_container(ecs, task, name, |container| {
        container.exit_code = Some(code);
        container.end = Some(ContainerEnd { at, by_itself });
    });
}

pub(super) fn emit_change(ecs: &Ecs, task: &Task) {
    ecs.events.emit(
        "aws.ecs",
        "ECS Task State Change",
        vec![task.arn.clone()],
        task.event_detail(),
    );
}

pub(super) fn is_stopping(ecs: &Ecs, task: &str) -> bool {
    ecs.read(|state| state.task(task).is_none_or(|task| task.stop.is_some()))
}

pub(super) async fn stop_requested(ecs: &Ecs, task: &str) {
    ecs.until(|state| {
        state
            .task(task)
            .is_none_or(|task| task.stop.is_some())
            .then_some(())
    })
    .await;
}
