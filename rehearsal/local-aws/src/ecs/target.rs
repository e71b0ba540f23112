//! A task's targets: registered once their processes listen, deregistered before the task is stopped.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::program_failure;
use super::running::{Running, change};
use super::service::LoadBalancerTarget;
use super::task::{Task, TaskStatus};
use super::{Ecs, Served};
use crate::elb::Target;

/// How long a program of the user's is waited for that has failed in another task: the service scheduler starts it again and again.
const LISTENS_AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// Registers the task with its target groups, with each once the process behind it reports its address. A process that does not
/// report one gets targets that refuse every connection.
pub(super) async fn register(ecs: &Arc<Ecs>, task: &Task, running: &mut [Running]) {
    // A process reports its address once, and may be behind several target groups.
    let mut reported: BTreeMap<String, Option<SocketAddr>> = BTreeMap::new();
    for target in of_set(ecs, task) {
        let process = match reported.get(&target.container) {
            Some(process) => *process,
            None => {
                let process = process(ecs, task, &target.container, running).await;
                reported.insert(target.container.clone(), process);
                process
            }
        };
        if let Some(process) = process {
            register_at(ecs, task, &target, process);
        }
    }
}

/// The address of a container's process; `None` if it has ended, so that there is no target to register.
async fn process(
    ecs: &Ecs,
    task: &Task,
    container: &str,
    running: &mut [Running],
) -> Option<SocketAddr> {
    let nothing_listens = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut running = running.iter_mut();
    let Some(running) = running.find(|running| running.name == container) else {
        return Some(nothing_listens);
    };
    let (mut within, address) = running.process.listens_within();
    let version = version(ecs, task, container);
    if program_failure::is_known(ecs, container, version.as_deref()) {
        within = within.min(LISTENS_AGAIN_WITHIN);
    }
    match tokio::time::timeout(within, running.process.listening()).await {
        Ok(address) => address,
        // A program of the user's may still listen, if the health checks leave it the time.
        Err(_) => Some(address.unwrap_or(nothing_listens)),
    }
}

fn register_at(ecs: &Ecs, task: &Task, target: &LoadBalancerTarget, process: SocketAddr) {
    let Some((id, port)) = task.target(&target.container, target.port) else {
        return;
    };
    let now = ecs.context.clock.now();
    ecs.write(|state| {
        let set = task.task_set.as_deref().and_then(|id| state.task_set(id));
        let deployment = set.and_then(|(_, set)| set.external_id.clone());
        if !state.forgets_tasks {
            state.served.push(Served {
                since: now,
                task: task.arn.clone(),
                deployment,
                target_group_arn: target.target_group_arn.clone(),
                id: id.to_owned(),
                port,
            });
        }
    });
    let registered = Target {
        id: id.to_owned(),
        port,
        process,
        version: version(ecs, task, &target.container),
    };
    ecs.load_balancers
        .register_target(&target.target_group_arn, registered);
}

/// The version that a program of the user's does not state in its answers.
fn version(ecs: &Ecs, task: &Task, container: &str) -> Option<String> {
    ecs.executables.programs.of(container)?;
    let mut containers = task.containers.iter();
    let found = containers.find(|one| one.name == container)?;
    ecs.ecr.version(&found.image)
}

/// Waits until requests in flight have ended before the containers are stopped, unless the process is gone already.
pub(super) async fn leave(ecs: &Arc<Ecs>, task: &Task, running: &[Running]) {
    let targets = of_set(ecs, task);
    if targets.is_empty() {
        return;
    }
    change(ecs, &task.arn, |task, _| {
        task.status = TaskStatus::Deactivating
    });
    let groups = ecs.load_balancers.target_groups();
    let mut longest = Duration::ZERO;
    for target in &targets {
        if let Some((id, port)) = task.target(&target.container, target.port) {
            ecs.load_balancers
                .deregister_target(&target.target_group_arn, id, port);
        }
        let mut running = running.iter();
        if running.any(|running| running.name == target.container) {
            let mut groups = groups.iter();
            let group = groups.find(|group| group.arn == target.target_group_arn);
            let delay = group.map(|group| group.settings.deregistration_delay);
            longest = longest.max(delay.unwrap_or_default());
        }
    }
    ecs.context.clock.sleep(longest).await;
}

/// The targets of a service's task; none of a one-off task.
fn of_set(ecs: &Ecs, task: &Task) -> Vec<LoadBalancerTarget> {
    let targets = task
        .task_set
        .as_deref()
        .and_then(|id| ecs.read(|state| Some(state.task_set(id)?.1.load_balancers.clone())));
    targets.unwrap_or_default()
}

/// Points the task's target at the process of a container that has started again, once that listens. The target stays
/// registered meanwhile, and refuses connections.
pub(super) async fn follow(ecs: &Arc<Ecs>, task_arn: &str, restarted: &mut Running) {
    let Some(task) = ecs.read(|state| state.task(task_arn).cloned()) else {
        return;
    };
    let mut targets = of_set(ecs, &task);
    targets.retain(|target| target.container == restarted.name);
    if targets.is_empty() {
        return;
    }
    let (within, _) = restarted.process.listens_within();
    let listening = tokio::time::timeout(within, restarted.process.listening()).await;
    let Ok(Some(address)) = listening else {
        return;
    };
    for target in targets {
        if let Some((id, port)) = task.target(&target.container, target.port) {
            ecs.load_balancers
                .set_process(&target.target_group_arn, (id, port), address);
        }
    }
}
