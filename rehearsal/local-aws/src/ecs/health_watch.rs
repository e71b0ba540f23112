//! Runs the health checks of a task's containers, and what follows from them.

use std::sync::Arc;

use super::Ecs;
use super::health_check::{HealthCheck, Results};
use super::running::{BUSY_AT_MOST, Listens, change_container, request_stop};
use super::service::ServiceEvent;
use super::task::{Health, Stop, TaskContainer, TaskStatus};
use crate::process::Process;

/// How often the interval of checks is doubled that succeed one after the other: from 30 seconds to an hour.
const DOUBLINGS_AT_MOST: u32 = 7;

/// Checks a container until it ends or its task stops.
pub(super) async fn watch(
    ecs: Arc<Ecs>,
    task: String,
    name: String,
    check: HealthCheck,
    listens: Listens,
) {
    let (mut results, mut well) = (Results::default(), 0_u32);
    let mut next = ecs.context.clock.now() + check.interval;
    loop {
        match is_awaited(&ecs, &task, results) {
            true => ecs.context.clock.sleep_until(next).await,
            // It is checked when time passes for another reason.
            false => ecs.context.clock.wait_until(next).await,
        }
        let Some(container) = running(&ecs, &task, &name) else {
            return;
        };
        let now = ecs.context.clock.now();
        let since = container
            .started_at
            .and_then(|at| now.duration_since(at).ok());
        let succeeded = run(&ecs, &check, &listens).await;
        let after = results.after(succeeded, since.unwrap_or_default(), &check);
        if after.health != results.health {
            change_container(&ecs, &task, &name, |container| {
                container.health = after.health
            });
        }
        results = after;
        well = match results {
            Results {
                health: Health::Healthy,
                failures: 0,
            } => well.saturating_add(1),
            Results { .. } => 0,
        };
        // Less often where nothing changes: a check is a process, and each stops a jump of the clock.
        next = now + check.interval * 2_u32.pow(well.saturating_sub(1).min(DOUBLINGS_AT_MOST));
        if results.health == Health::Unhealthy {
            stop_where_a_service_does(&ecs, &task, &container).await;
        }
    }
}

/// Whether the clock may jump for the next check: its result may start a container, or replace a task.
fn is_awaited(ecs: &Ecs, task: &str, results: Results) -> bool {
    match results.health {
        Health::Unknown => true,
        Health::Healthy => results.failures > 0,
        Health::Unhealthy => {
            ecs.read(|state| state.task(task).is_some_and(|task| task.service.is_some()))
        }
    }
}

/// The container while it runs.
fn running(ecs: &Ecs, task: &str, name: &str) -> Option<TaskContainer> {
    ecs.read(|state| {
        let task = state.task(task)?;
        let is_up = task.stop.is_none() && task.status <= TaskStatus::Running;
        let mut containers = task.containers.iter();
        let found = containers.find(|container| container.name == name)?;
        (is_up && found.exit_code.is_none()).then(|| found.clone())
    })
}

/// Runs the command once; what takes too long has failed.
async fn run(ecs: &Ecs, check: &HealthCheck, listens: &Listens) -> bool {
    let Some(command) = &check.command else {
        return true;
    };
    let _busy = ecs.context.clock.busy();
    let mut environment = command.environment.clone();
    // In the container it would be the container's port.
    let port = listens.get().map_or(0, |address| address.port());
    environment.insert("PORT".to_owned(), port.to_string());
    let started = Process::start_program(&command.program, &command.arguments, &environment, drop);
    let Ok(mut process) = started else {
        return false;
    };
    let within = check.timeout.min(BUSY_AT_MOST);
    match tokio::time::timeout(within, process.exited()).await {
        Ok(code) => code == 0,
        Err(_) => {
            process.kill().await;
            false
        }
    }
}

/// The service scheduler replaces a task with an unhealthy essential container once its grace period is over; a task of no
/// service goes on.
async fn stop_where_a_service_does(ecs: &Arc<Ecs>, task: &str, container: &TaskContainer) {
    let end = ecs.read(|state| {
        let task = state.task(task)?;
        let (service, _) = state.task_set(task.task_set.as_deref()?)?;
        Some(task.started_at? + service.grace_period())
    });
    let Some(end) = end.filter(|_| container.essential) else {
        return;
    };
    let now = ecs.context.clock.now();
    if now < end {
        return;
    }
    let stop = Stop {
        code: "ServiceSchedulerInitiated",
        reason: "Task failed container health checks".to_owned(),
    };
    add_event(ecs, task);
    request_stop(ecs, task, stop);
}

/// The service event that comes with it (ECS Developer Guide, service event messages).
fn add_event(ecs: &Ecs, task: &str) {
    let (id, at) = (ecs.context.ids.uuid(), ecs.context.clock.now());
    ecs.write(|state| {
        let Some(task) = state.task(task) else { return };
        let (task_id, cluster) = (task.id().to_owned(), task.cluster.clone());
        let Some(name) = task.service.clone() else {
            return;
        };
        let message = format!("(service {name}) (task {task_id}) failed container health checks.");
        if let Some(service) = state.service_mut(&cluster, &name) {
            service.events.insert(0, ServiceEvent { id, at, message });
        }
    });
}
