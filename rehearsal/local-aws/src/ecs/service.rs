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
    /// What it is behind, an entry a target group; empty without a load balancer.
    pub load_balancers: Vec<LoadBalancerTarget>,
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

/// Container and port behind a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancerTarget {
    pub target_group_arn: String,
    pub container: String,
    pub port: u16,
}

/// A target group that tasks are in, and the health of its targets.
#[derive(Debug, Clone)]
pub struct Measured {
    pub behind: LoadBalancerTarget,
    pub health: Vec<TargetHealth>,
}

#[derive(Debug, Clone)]
pub struct TaskSet {
    /// `ecs-svc/…`
    pub id: String,
    pub status: TaskSetStatus,
    pub task_definition: String,
    /// The deployment that created it.
    pub external_id: Option<String>,
    /// The target groups that its tasks are in.
    pub load_balancers: Vec<LoadBalancerTarget>,
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

impl TaskSet {
    /// A service's first tasks; `deployment` is the one that created them.
    pub(crate) fn first(service: &Service, id: String, deployment: Option<String>) -> Self {
        Self {
            id,
            status: TaskSetStatus::Primary,
            task_definition: service.task_definition.clone(),
            external_id: deployment,
            load_balancers: service.load_balancers.clone(),
            platform_version: service.platform_version.clone(),
            network_configuration: service.network_configuration.clone(),
            capacity_provider_strategy: None,
            created_at: service.created_at,
            updated_at: service.created_at,
            failures: 0,
            last_failure: None,
            unplaced: 0,
            desired: None,
        }
    }
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

/// Whether a task counts as healthy in a deployment: its containers' health checks succeed, and its target is healthy in every
/// target group, or, without one and without a check, it has run for long enough. A target group without a listener is not
/// health-checked.
pub fn is_healthy(task: &Task, measured: &[Measured], now: SystemTime) -> bool {
    if task.status != TaskStatus::Running || !task.passes_its_checks() {
        return false;
    }
    match measured {
        [] => task.is_checked() || healthy_from(task).is_some_and(|from| now >= from),
        groups => groups.iter().all(|group| is_well_in(task, group)),
    }
}

fn is_well_in(task: &Task, group: &Measured) -> bool {
    let target = target_of(task, group);
    target.is_some_and(|target| matches!(target.state, "healthy" | "unused"))
}

/// The first target group in which the task's target is unhealthy; in one is enough for the scheduler to replace the task.
pub fn unhealthy_in<'m>(task: &Task, measured: &'m [Measured]) -> Option<&'m Measured> {
    let mut groups = measured.iter();
    groups.find(|group| target_of(task, group).is_some_and(|target| target.state == "unhealthy"))
}

/// STEADY_STATE: the desired count is running, no task is pending, and every task is healthy by its containers' health checks,
/// and in every target group that is health-checked. A target group without a listener is not, and does not count.
pub fn stability(desired: u32, tasks: &[&Task], measured: &[Measured]) -> Stability {
    let counts = counts(tasks.iter().copied());
    let healthy = |task: &&&Task| {
        task.passes_its_checks() && measured.iter().all(|group| is_well_in(task, group))
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

/// The target health of a task in a target group.
pub fn target_of<'m>(task: &Task, group: &'m Measured) -> Option<&'m TargetHealth> {
    let (id, port) = task.target(&group.behind.container, group.behind.port)?;
    let mut health = group.health.iter();
    health.find(|target| target.id == id && target.port == port)
}

/// The health of each target group.
pub fn measured(
    behind: Vec<LoadBalancerTarget>,
    health: impl Fn(&str) -> Vec<TargetHealth>,
) -> Vec<Measured> {
    let measured = behind.into_iter().map(|behind| Measured {
        health: health(&behind.target_group_arn),
        behind,
    });
    measured.collect()
}

impl Service {
    pub fn arn(&self) -> String {
        arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }

    pub fn cluster_arn(&self) -> String {
        arn("ecs", &format!("cluster/{}", self.cluster))
    }

    /// The container behind its first target group.
    pub fn serving_container(&self) -> Option<&str> {
        let first = self.load_balancers.first();
        first.map(|first| first.container.as_str())
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

impl TaskSet {
    /// The first target group; CodeDeploy knows one of a service.
    pub fn target_group(&self) -> Option<&str> {
        let first = self.load_balancers.first();
        first.map(|first| first.target_group_arn.as_str())
    }

    /// The container behind its first target group.
    pub fn serving_container(&self) -> Option<&str> {
        let first = self.load_balancers.first();
        first.map(|first| first.container.as_str())
    }
}

#[cfg(test)]
mod tests;
