//! Services of the CODE_DEPLOY controller and their task sets: state and stability.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::task::{Health, Task, TaskStatus};
use super::task_definition::Revision;
use crate::elb::TargetHealth;
use crate::identity::arn;

#[derive(Debug, Clone)]
pub struct Service {
    pub cluster: String,
    pub name: String,
    pub desired_count: u32,
    pub launch_type: String,
    pub platform_version: String,
    /// As given to CreateService.
    pub network_configuration: Value,
    /// The members that UpdateService has set.
    pub options: Map<String, Value>,
    pub tags: Vec<Value>,
    /// The service's events, newest first.
    pub events: Vec<ServiceEvent>,
    pub load_balancer: LoadBalancerTarget,
    /// ARN; follows the PRIMARY task set.
    pub task_definition: String,
    pub task_sets: Vec<TaskSet>,
    pub created_at: SystemTime,
}

/// A service event: a message of the service scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    pub id: String,
    pub at: SystemTime,
    pub message: String,
}

/// Container and port behind a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancerTarget {
    pub target_group_arn: String,
    pub container: String,
    pub port: u16,
}

#[derive(Debug, Clone)]
pub struct TaskSet {
    /// `ecs-svc/…`
    pub id: String,
    pub status: TaskSetStatus,
    pub task_definition: String,
    /// The deployment that created it.
    pub external_id: Option<String>,
    pub load_balancer: LoadBalancerTarget,
    pub platform_version: String,
    pub network_configuration: Value,
    /// As given to CreateTaskSet; if absent, the service's launch type applies.
    pub capacity_provider_strategy: Option<Value>,
    pub created_at: SystemTime,
    pub updated_at: SystemTime,
    /// The number of tasks that ended by themselves since one last stayed up; it determines the delay before the next
    /// start.
    pub failures: u32,
    pub last_failure: Option<SystemTime>,
    /// Digests by image reference, resolved once for all tasks of the set, so that a tag that moves does not split it.
    pub resolved: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSetStatus {
    Primary,
    Active,
    Draining,
}

impl TaskSetStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            TaskSetStatus::Primary => "PRIMARY",
            TaskSetStatus::Active => "ACTIVE",
            TaskSetStatus::Draining => "DRAINING",
        }
    }
}

/// Whether a task set has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    Stabilizing,
    SteadyState,
}

impl Stability {
    pub fn as_str(self) -> &'static str {
        match self {
            Stability::Stabilizing => "STABILIZING",
            Stability::SteadyState => "STEADY_STATE",
        }
    }
}

/// The numbers of running and pending tasks of a service or task set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub running: usize,
    pub pending: usize,
}

pub fn counts<'a>(tasks: impl Iterator<Item = &'a Task>) -> Counts {
    tasks.fold(Counts::default(), |counts, task| match task.status {
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => Counts {
            pending: counts.pending + 1,
            ..counts
        },
        TaskStatus::Running => Counts {
            running: counts.running + 1,
            ..counts
        },
        TaskStatus::Deactivating
        | TaskStatus::Stopping
        | TaskStatus::Deprovisioning
        | TaskStatus::Stopped => counts,
    })
}

/// STEADY_STATE: the desired count is running, no task is pending, and every task is healthy by its containers' health checks,
/// and if its target group is health-checked. A target group without a listener is not, and does not count.
pub fn stability(
    desired: u32,
    tasks: &[&Task],
    behind: &LoadBalancerTarget,
    health: &[TargetHealth],
) -> Stability {
    let counts = counts(tasks.iter().copied());
    let healthy = |task: &&&Task| {
        let target = target_of(task, behind, health);
        target.is_some_and(|target| matches!(target.state, "healthy" | "unused"))
    };
    let running = tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Running);
    let settled = counts.pending == 0
        && counts.running == desired as usize
        && running.clone().all(|task| healthy(&task))
        && running
            .clone()
            .all(|task| !task.is_checked() || task.health() == Health::Healthy);
    if settled {
        Stability::SteadyState
    } else {
        Stability::Stabilizing
    }
}

/// The target health of a task.
pub fn target_of<'h>(
    task: &Task,
    behind: &LoadBalancerTarget,
    health: &'h [TargetHealth],
) -> Option<&'h TargetHealth> {
    let (id, port) = task.target(&behind.container, behind.port)?;
    health
        .iter()
        .find(|target| target.id == id && target.port == port)
}

impl Service {
    pub fn arn(&self) -> String {
        arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }

    pub fn cluster_arn(&self) -> String {
        arn("ecs", &format!("cluster/{}", self.cluster))
    }

    pub fn primary(&self) -> Option<&TaskSet> {
        self.task_sets
            .iter()
            .find(|set| set.status == TaskSetStatus::Primary)
    }

    /// How long the target health of a new task is ignored.
    pub fn grace_period(&self) -> Duration {
        let seconds = self.options.get("healthCheckGracePeriodSeconds");
        Duration::from_secs(seconds.and_then(Value::as_u64).unwrap_or_default())
    }

    /// The tags that the service's tasks get, as UpdateService set it.
    pub fn tags_of_tasks(&self, revision: &Revision) -> Vec<Value> {
        let option = |name: &str| self.options.get(name);
        let mut tags = match option("propagateTags").and_then(Value::as_str) {
            Some("SERVICE") => self.tags.clone(),
            Some("TASK_DEFINITION") => revision.tags.clone(),
            Some(_) | None => Vec::new(),
        };
        if option("enableECSManagedTags") == Some(&json!(true)) {
            tags.push(json!({ "key": "aws:ecs:clusterName", "value": self.cluster }));
            tags.push(json!({ "key": "aws:ecs:serviceName", "value": self.name }));
        }
        tags
    }

    pub fn desired_count_of(&self, task_set: &TaskSet) -> u32 {
        match task_set.status {
            TaskSetStatus::Primary | TaskSetStatus::Active => self.desired_count,
            TaskSetStatus::Draining => 0,
        }
    }
}

#[cfg(test)]
mod tests;
