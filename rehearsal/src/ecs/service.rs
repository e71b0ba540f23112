//! Services of the CODE_DEPLOY controller and their task sets: state, stability, and the shapes of ECS's answers.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::State;
use super::task::{Task, TaskStatus};
use crate::api::stamp::epoch_seconds;
use crate::elb::TargetHealth;
use crate::identity::arn;

#[derive(Debug, Clone)]
pub struct Service {
    pub cluster: String,
    pub name: String,
    pub desired_count: u32,
    pub launch_type: String,
    pub platform_version: String,
    /// As CreateService takes it.
    pub network_configuration: Value,
    pub load_balancer: LoadBalancerTarget,
    /// ARN; follows the PRIMARY task set.
    pub task_definition: String,
    pub task_sets: Vec<TaskSet>,
    pub created_at: SystemTime,
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
    /// The deployment that made it.
    pub external_id: Option<String>,
    pub load_balancer: LoadBalancerTarget,
    pub platform_version: String,
    pub network_configuration: Value,
    /// As CreateTaskSet takes it; absent: the service's launch type.
    pub capacity_provider_strategy: Option<Value>,
    pub created_at: SystemTime,
    pub updated_at: SystemTime,
    /// Tasks that ended by themselves since one stayed: the reason for waiting before the next.
    pub failures: u32,
    pub last_failure: Option<SystemTime>,
    /// Digests by image reference, resolved once for all tasks of the set.
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
    fn as_str(self) -> &'static str {
        match self {
            Stability::Stabilizing => "STABILIZING",
            Stability::SteadyState => "STEADY_STATE",
        }
    }
}

/// How many tasks of a service or task set run, and how many are on their way.
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

/// STEADY_STATE: as many run as are wanted, none is pending, and every one of them is healthy where its target group
/// is checked. A target group behind no listener is not checked, and says nothing.
pub fn stability(desired: u32, tasks: &[&Task], port: u16, health: &[TargetHealth]) -> Stability {
    let counts = counts(tasks.iter().copied());
    let healthy = |task: &&&Task| {
        let target = health
            .iter()
            .find(|target| target.id == task.address && target.port == port);
        target.is_some_and(|target| matches!(target.state, "healthy" | "unused"))
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

impl Service {
    pub fn arn(&self) -> String {
        arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }

    fn cluster_arn(&self) -> String {
        arn("ecs", &format!("cluster/{}", self.cluster))
    }

    pub fn primary(&self) -> Option<&TaskSet> {
        self.task_sets
            .iter()
            .find(|set| set.status == TaskSetStatus::Primary)
    }

    pub fn desired_count_of(&self, task_set: &TaskSet) -> u32 {
        match task_set.status {
            TaskSetStatus::Primary | TaskSetStatus::Active => self.desired_count,
            TaskSetStatus::Draining => 0,
        }
    }

    /// As DescribeServices shows it; `health` gives a target group's targets.
    pub fn describe(&self, state: &State, health: &dyn Fn(&str) -> Vec<TargetHealth>) -> Value {
        let counts = counts(state.tasks.iter().filter(|task| {
            task.service.as_deref() == Some(&self.name) && task.cluster == self.cluster
        }));
        let task_sets: Vec<Value> = self
            .task_sets
            .iter()
            .map(|set| self.describe_task_set(set, state, health))
            .collect();
        json!({
            "serviceArn": self.arn(),
            "serviceName": self.name,
            "clusterArn": self.cluster_arn(),
            "loadBalancers": [describe_target(&self.load_balancer)],
            "serviceRegistries": [],
            "status": "ACTIVE",
            "desiredCount": self.desired_count,
            "runningCount": counts.running,
            "pendingCount": counts.pending,
            "launchType": self.launch_type,
            "platformVersion": self.platform_version,
            "platformFamily": "Linux",
            "taskDefinition": self.task_definition,
            "deploymentConfiguration": { "maximumPercent": 200, "minimumHealthyPercent": 100 },
            "taskSets": task_sets,
            "deployments": [],
            "roleArn": "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "events": [],
            "createdAt": epoch_seconds(self.created_at),
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": self.network_configuration,
            "healthCheckGracePeriodSeconds": 0,
            "schedulingStrategy": "REPLICA",
            "deploymentController": { "type": "CODE_DEPLOY" },
            "enableECSManagedTags": false,
            "propagateTags": "NONE",
            "enableExecuteCommand": false,
        })
    }

    /// As DescribeTaskSets shows it.
    pub fn describe_task_set(
        &self,
        set: &TaskSet,
        state: &State,
        health: &dyn Fn(&str) -> Vec<TargetHealth>,
    ) -> Value {
        let tasks: Vec<&Task> = state.tasks_of(&set.id).collect();
        let counts = counts(tasks.iter().copied());
        let desired = self.desired_count_of(set);
        let targets = health(&set.load_balancer.target_group_arn);
        let stability = stability(desired, &tasks, set.load_balancer.port, &targets);
        let scale = if set.status == TaskSetStatus::Draining {
            0.0
        } else {
            100.0
        };
        let mut answer = json!({
            "id": set.id,
            "taskSetArn": arn("ecs", &format!("task-set/{}/{}/{}", self.cluster, self.name, set.id)),
            "serviceArn": self.arn(),
            "clusterArn": self.cluster_arn(),
            "status": set.status.as_str(),
            "taskDefinition": set.task_definition,
            "computedDesiredCount": desired,
            "pendingCount": counts.pending,
            "runningCount": counts.running,
            "createdAt": epoch_seconds(set.created_at),
            "updatedAt": epoch_seconds(set.updated_at),
            "launchType": self.launch_type,
            "platformVersion": set.platform_version,
            "platformFamily": "Linux",
            "networkConfiguration": set.network_configuration,
            "loadBalancers": [describe_target(&set.load_balancer)],
            "serviceRegistries": [],
            "scale": { "value": scale, "unit": "PERCENT" },
            "stabilityStatus": stability.as_str(),
            "stabilityStatusAt": epoch_seconds(set.updated_at),
            "tags": [],
        });
        if let Some(strategy) = &set.capacity_provider_strategy {
            answer["capacityProviderStrategy"] = strategy.clone();
            answer.as_object_mut().map(|set| set.remove("launchType"));
        }
        if let Some(deployment) = &set.external_id {
            answer["startedBy"] = json!("CODE_DEPLOY");
            answer["externalId"] = json!(deployment);
        }
        answer
    }
}

fn describe_target(target: &LoadBalancerTarget) -> Value {
    json!({
        "targetGroupArn": target.target_group_arn,
        "containerName": target.container,
        "containerPort": target.port,
    })
}
