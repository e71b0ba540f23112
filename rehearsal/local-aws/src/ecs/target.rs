//! A task's target: registered once its process listens, deregistered before the task is stopped.

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

/// Registers the task with its target group once its process reports its address. A process that does not report one
/// gets a target that refuses every connection.
pub(super) async fn register(
    ecs: &Arc<Ecs>,
    task: &Task,
    target: &LoadBalancerTarget,
    running: &mut [Running],
) {
    let nothing_listens = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let process = match running
        .iter_mut()
        .find(|running| running.name == target.container)
    {
        Some(running) => {
            let (mut within, address) = running.process.listens_within();
            let version = version(ecs, task, &target.container);
            if program_failure::is_known(ecs, &target.container, version.as_deref()) {
                within = within.min(LISTENS_AGAIN_WITHIN);
            }
            match tokio::time::timeout(within, running.process.listening()).await {
                Ok(Some(address)) => address,
                // The process has ended, so there is no target to register.
                Ok(None) => return,
                // A program of the user's may still listen, if the health checks leave it the time.
                Err(_) => address.unwrap_or(nothing_listens),
            }
        }
        None => nothing_listens,
    };
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
    let set = task.task_set.as_deref();
    let target = set.and_then(|id| {
        ecs.read(|state| state.task_set(id).map(|(_, set)| set.load_balancer.clone()))
    });
    let target = target.filter(|target| !target.target_group_arn.is_empty());
    let Some(target) = target else { return };
    change(ecs, &task.arn, |task, _| {
        task.status = TaskStatus::Deactivating
    });
    if let Some((id, port)) = task.target(&target.container, target.port) {
        ecs.load_balancers
            .deregister_target(&target.target_group_arn, id, port);
    }
    if running
        .iter()
        .any(|running| running.name == target.container)
    {
        let groups = ecs.load_balancers.target_groups();
        let group = groups
            .into_iter()
            .find(|group| group.arn == target.target_group_arn);
        ecs.context
            .clock
            .sleep(group.map_or(Duration::ZERO, |group| group.settings.deregistration_delay))
            .await;
    }
}

/// Points the task's target at the process of a container that has started again, once that listens. The target stays
/// registered meanwhile, and refuses connections.
pub(super) async fn follow(ecs: &Arc<Ecs>, task_arn: &str, restarted: &mut Running) {
    let found = ecs.read(|state| {
        let task = state.task(task_arn)?.clone();
        let (_, set) = state.task_set(task.task_set.as_deref()?)?;
        Some((task, set.load_balancer.clone()))
    });
    let Some((task, target)) = found.filter(|(_, target)| target.container == restarted.name)
    else {
        return;
    };
    let (within, _) = restarted.process.listens_within();
    let listening = tokio::time::timeout(within, restarted.process.listening()).await;
    let (Ok(Some(address)), Some((id, port))) =
        (listening, task.target(&target.container, target.port))
    else {
        return;
    };
    ecs.load_balancers
        .set_process(&target.target_group_arn, (id, port), address);
}
