//! Services and their task sets: state and stability.
//!
//! The tasks of a service revision are a task set here, too, though no API shows one for a service that ECS deploys.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::task::{Task, TaskStatus};
use super::task_definition::Revision;
use crate::elb::TargetHealth;
use crate::identity::arn;
use crate::service_deployment::controller::Controller;

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
    pub controller: Controller,
    /// ARN; follows the PRIMARY task set under CODE_DEPLOY. Under ECS it is the revision that is wanted, not the one that
    /// serves.
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

/// Container and port behind a target group; all empty for a service without a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// How often no task could be placed.
    pub unplaced: u32,
    /// The number of tasks that it is to have; the service's desired count if absent.
    pub desired: Option<u32>,
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

/// How long a task without a load balancer must run to count as healthy, where no container has a health check (ECS API
/// Reference, DeploymentConfiguration).
const HEALTHY_AFTER: Duration = Duration::from_secs(40);

/// When a running task counts as healthy that neither a load balancer nor a container's health check measures.
pub fn healthy_from(task: &Task) -> Option<SystemTime> {
    let is_measured = task.is_checked() || task.status != TaskStatus::Running;
    let since = task.started_at.filter(|_| !is_measured)?;
    Some(since + HEALTHY_AFTER)
}

/// Whether a task counts as healthy in a deployment: its containers' health checks succeed, and its target is healthy, or,
/// without a target and a check, it has run for long enough. A target group without a listener is not health-checked.
pub fn is_healthy(
    task: &Task,
    behind: &LoadBalancerTarget,
    health: &[TargetHealth],
    now: SystemTime,
) -> bool {
    if task.status != TaskStatus::Running || !task.passes_its_checks() {
        return false;
    }
    match behind.target_group_arn.as_str() {
        "" => task.is_checked() || healthy_from(task).is_some_and(|from| now >= from),
        _ => {
            let target = target_of(task, behind, health);
            target.is_some_and(|target| matches!(target.state, "healthy" | "unused"))
        }
    }
}

/// STEADY_STATE: the desired count is running, no task is pending, and every task is healthy by its containers' health checks,
/// and if it is behind a target group that is health-checked. A target group without a listener is not, and does not count.
pub fn stability(
    desired: u32,
    tasks: &[&Task],
    behind: &LoadBalancerTarget,
    health: &[TargetHealth],
) -> Stability {
    let counts = counts(tasks.iter().copied());
    let healthy = |task: &&&Task| {
        let target = target_of(task, behind, health);
        let is_healthy = target.is_some_and(|target| matches!(target.state, "healthy" | "unused"));
        task.passes_its_checks() && (is_healthy || behind.target_group_arn.is_empty())
    };
    let running = tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Running);
    let settled = counts.pending == 0
        && counts.running == desired as usize
        && running.clone().all(|task| healthy(&task));
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
            TaskSetStatus::Primary | TaskSetStatus::Active => {
                task_set.desired.unwrap_or(self.desired_count)
            }
            TaskSetStatus::Draining => 0,
        }
    }
}

#[cfg(test)]
mod tests;
