//! What the scheduler sees of a service's tasks.

use std::time::SystemTime;

use super::failures::{TaskEnd, TaskSeen};
use super::rolling::Tasks;
use super::service_deployments::ServiceDeployments;
use crate::ecs::State;
use crate::ecs::service::{Measured, TaskSet, healthy_from, is_healthy, measured};
use crate::ecs::task::Task;

/// The tasks of one set.
#[derive(Debug, Clone, Default)]
pub(super) struct SetSeen {
    pub(super) tasks: Vec<TaskSeen>,
    /// Tasks that nobody asked to stop.
    pub(super) counts: Tasks,
    pub(super) unplaced: u32,
    /// When the next task without a load balancer will have run for long enough.
    pub(super) next: Option<SystemTime>,
}

/// Reads the tasks of a set with the health of their targets.
pub(super) fn set(deployments: &ServiceDeployments, id: &str) -> SetSeen {
    let behind = deployments.ecs.read(|state| {
        let (_, set) = state.task_set(id)?;
        Some(set.load_balancers.clone())
    });
    let balancers = &deployments.load_balancers;
    let health = |group: &str| balancers.target_health(group).unwrap_or_default();
    let measured = measured(behind.unwrap_or_default(), health);
    let now = deployments.context.clock.now();
    deployments.ecs.read(|state| {
        let Some((_, set)) = state.task_set(id) else {
            return SetSeen::default();
        };
        seen(state, set, &measured, now)
    })
}

fn seen(state: &State, set: &TaskSet, measured: &[Measured], now: SystemTime) -> SetSeen {
    let task = |task: &Task| TaskSeen {
        arn: task.arn.clone(),
        is_healthy: task.stop.is_none() && is_healthy(task, measured, now),
        end: end(task),
    };
    let tasks: Vec<TaskSeen> = state.tasks_of(&set.id).map(task).collect();
    let live = state.tasks_of(&set.id).filter(|task| task.stop.is_none());
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    SetSeen {
        counts: Tasks {
            live: count(live.count()),
            healthy: count(tasks.iter().filter(|task| task.is_healthy).count()),
        },
        next: next(state, set, now),
        unplaced: set.unplaced,
        tasks,
    }
}

fn next(state: &State, set: &TaskSet, now: SystemTime) -> Option<SystemTime> {
    if !set.load_balancers.is_empty() {
        return None;
    }
    let live = state.tasks_of(&set.id).filter(|task| task.stop.is_none());
    let due = live.filter_map(healthy_from);
    due.filter(|due| *due > now).min()
}

/// How a task ended that was not asked to stop by the scheduler or a person.
fn end(task: &Task) -> Option<TaskEnd> {
    let stop = task.stop.as_ref()?;
    let was_asked = stop.code == "UserInitiated" || stop.reason.starts_with("Scaling");
    let failed = [
        "Task failed ELB health checks",
        "Task failed container health checks",
    ];
    let is_unhealthy = failed.iter().any(|reason| stop.reason.starts_with(reason));
    match (was_asked, is_unhealthy) {
        (true, _) => None,
        (false, true) => Some(TaskEnd::Unhealthy),
        (false, false) => Some(TaskEnd::ByItself),
    }
}

/// Waits until something about the tasks may have changed.
pub(super) async fn changed(
    deployments: &ServiceDeployments,
    next: Option<SystemTime>,
    written: tokio::sync::futures::Notified<'_>,
    health_changed: tokio::sync::futures::Notified<'_>,
) {
    let due = async {
        match next {
            Some(moment) => deployments.context.clock.sleep_until(moment).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = written => {}
        () = health_changed => {}
        () = due => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::task::Stop;

    #[test]
    fn a_task_ends_by_itself_or_by_a_health_check_where_nobody_asked() {
        for (code, reason, expected) in [
            ("UserInitiated", "Task stopped by a person", None),
            (
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/1)",
                None,
            ),
            (
                "ServiceSchedulerInitiated",
                "Task failed ELB health checks in (target-group web)",
                Some(TaskEnd::Unhealthy),
            ),
            (
                "ServiceSchedulerInitiated",
                "Task failed container health checks",
                Some(TaskEnd::Unhealthy),
            ),
            (
                "EssentialContainerExited",
                "Essential container in task exited",
                Some(TaskEnd::ByItself),
            ),
        ] {
            let reason = reason.to_owned();
            let mut task = Task::for_tests("task/1");
            assert_eq!(end(&task), None);
            task.stop = Some(Stop { code, reason });
            assert_eq!(end(&task), expected, "{task:?}");
        }
    }
}
