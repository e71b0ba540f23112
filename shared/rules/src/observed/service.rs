//! An ECS service, its task sets, and where their tasks run.

use std::fmt;

use time::UtcDateTime;

use crate::ecs::{Configuration, LoadBalancer};
use crate::names::{
    ContainerName, DeploymentId, RevisionArn, ServiceDeploymentArn, ServiceRevisionArn,
    TargetGroupArn,
};

/// Where and how tasks of a service or a task set run: what RunTask needs to run one more in the same place.
/// JSON values are as ECS sends and takes them (`networkConfiguration`, `capacityProviderStrategy`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Placement {
    /// `networkConfiguration`; none outside the awsvpc network mode.
    pub network_configuration: Option<NetworkConfiguration>,
    /// `EC2`, `FARGATE`, `EXTERNAL`, `MANAGED_INSTANCES`; none where capacity providers are used.
    pub launch_type: Option<String>,
    /// Capacity providers with base and weight, in order.
    pub capacity_providers: Vec<CapacityProvider>,
    /// Fargate's platform version.
    pub platform_version: Option<String>,
    /// Which container instances may run a task (`placementConstraints`). A service has them; a task set has none of its own.
    pub constraints: Vec<PlacementConstraint>,
    /// Which of those instances ECS takes first (`placementStrategy`), in order. As the constraints, a service's.
    pub strategies: Vec<PlacementStrategy>,
}

impl Placement {
    /// Whether tasks run on Fargate, which has no container instances to choose from. Other capacity providers cannot have a
    /// name that begins with `FARGATE` (ECS API Reference, CreateCapacityProvider).
    pub fn is_fargate(&self) -> bool {
        let mut providers = self.capacity_providers.iter();
        let by_provider =
            providers.any(|provider| ["FARGATE", "FARGATE_SPOT"].contains(&provider.name.as_str()));
        by_provider || self.launch_type.as_deref() == Some("FARGATE")
    }
}

/// A rule that a container instance must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementConstraint {
    /// `memberOf` or `distinctInstance`.
    pub kind: String,
    /// In ECS's cluster query language; none for `distinctInstance`.
    pub expression: Option<String>,
}

/// How ECS chooses among the container instances that satisfy the constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementStrategy {
    /// `spread`, `binpack` or `random`.
    pub kind: String,
    /// `instanceId`, `attribute:…`, `cpu`, `memory`; none for `random`.
    pub field: Option<String>,
}

/// The awsvpc settings of a service, a task set or a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfiguration {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`, as ECS returns it.
    pub assign_public_ip: Option<String>,
}

/// One part of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// The provider's name.
    pub name: String,
    /// Relative weight.
    pub weight: i32,
    /// Tasks that it gets before weights count.
    pub base: i32,
}

/// An ECS service (DescribeServices).
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `CODE_DEPLOY`, `ECS`, `EXTERNAL`.
    pub deployment_controller: String,
    /// `REPLICA` or `DAEMON`; none where ECS states none, which is `REPLICA`.
    pub scheduling_strategy: Option<String>,
    /// `ECS` for a service of Express Mode, `CUSTOMER` or nothing for any other one.
    pub resource_management: Option<String>,
    /// How ECS's own deployments go; a service of CodeDeploy has little of it.
    pub configuration: Configuration,
    /// The service's own task definition. Under CODE_DEPLOY it follows the PRIMARY task set; otherwise it is the wanted one, which
    /// UpdateService sets at once and a rollback sets back, and not the one that serves.
    pub revision: Option<RevisionArn>,
    /// The service's own placement.
    pub placement: Placement,
    /// Container and port behind the load balancer, from the service's `loadBalancers`.
    pub load_balancer: Option<LoadBalancerTarget>,
    /// Every load balancer entry with a container and port, in order.
    pub load_balancers: Vec<LoadBalancer>,
    /// The number of tasks that ECS keeps running.
    pub desired_count: i32,
    /// Tasks that run, of all task sets.
    pub running_count: i32,
    /// Task sets, as ECS lists them.
    pub task_sets: Vec<TaskSet>,
    /// What ECS itself rolls out, as it lists them (`deployments`).
    pub rollouts: Vec<Rollout>,
    /// The service deployment that ECS names as the current one.
    pub current_deployment: Option<ServiceDeploymentArn>,
    /// The service revisions that have tasks, or should have.
    pub current_revisions: Vec<RunningRevision>,
    /// What ECS reports of it, newest first (`events`).
    pub events: Vec<ServiceEvent>,
}

/// A deployment of ECS's own controller, as DescribeServices has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// `ecs-svc/…`
    pub id: String,
    /// `PRIMARY` (the newest), `ACTIVE` (being replaced), `INACTIVE`.
    pub status: String,
    /// What it runs.
    pub revision: RevisionArn,
    /// Tasks that it should have.
    pub desired_count: i32,
    /// Tasks that run.
    pub running_count: i32,
    /// Tasks that failed one after the other; 0 again once one runs.
    pub failed_tasks: i32,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; documented for rolling services only.
    pub state: Option<String>,
    /// Why, in a sentence of AWS's, redacted.
    pub state_reason: Option<String>,
    /// When it was created.
    pub created_at: Option<UtcDateTime>,
}

/// A service revision with tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRevision {
    /// The revision.
    pub arn: ServiceRevisionArn,
    /// Tasks that it should have.
    pub requested_count: i32,
    /// Tasks that run.
    pub running_count: i32,
}

/// What ECS reports of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When it happened; none where ECS does not state it.
    pub at: Option<UtcDateTime>,
    /// In a sentence.
    pub message: String,
}

impl Service {
    /// One of CodeDeploy's with two tasks and nothing else.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            deployment_controller: "CODE_DEPLOY".to_owned(),
            scheduling_strategy: None,
            resource_management: None,
            configuration: Configuration::default(),
            revision: None,
            placement: Placement::default(),
            load_balancer: None,
            load_balancers: Vec::new(),
            desired_count: 2,
            running_count: 2,
            task_sets: Vec::new(),
            rollouts: Vec::new(),
            current_deployment: None,
            current_revisions: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The task set that serves production.
    pub fn primary(&self) -> Option<&TaskSet> {
        self.task_sets
            .iter()
            .find(|task_set| task_set.status == TaskSetStatus::Primary)
    }

    /// The target group of the task set that serves production, where ECS names it.
    pub fn primary_target_group(&self) -> Option<&TargetGroupArn> {
        let target = self.primary()?.load_balancer.as_ref()?;
        target.target_group.as_ref()
    }

    /// The task set that this deployment made.
    pub fn green(&self, deployment: &DeploymentId) -> Option<&TaskSet> {
        self.task_sets
            .iter()
            .find(|task_set| task_set.deployment.as_ref() == Some(deployment))
    }
}

/// Which container and port of a task the load balancer reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancerTarget {
    /// The container's name.
    pub container: ContainerName,
    /// The container's port.
    pub port: u16,
    /// The target group, where ECS names it.
    pub target_group: Option<TargetGroupArn>,
}

/// A task set: blue or green.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSet {
    /// `ecs-svc/…`
    pub id: String,
    /// Serving production, not serving it, or being stopped.
    pub status: TaskSetStatus,
    /// When it was created; none where ECS does not state it.
    pub created_at: Option<UtcDateTime>,
    /// The deployment that made it (`externalId`); none for the first one.
    pub deployment: Option<DeploymentId>,
    /// What it runs.
    pub revision: RevisionArn,
    /// Where its tasks run.
    pub placement: Placement,
    /// Container, port and target group.
    pub load_balancer: Option<LoadBalancerTarget>,
    /// Tasks that it should have now.
    pub computed_desired_count: i32,
    /// Tasks that run.
    pub running_count: i32,
}

/// How many tasks of a service are wanted, and how many of its PRIMARY task set run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskCount {
    /// The service's desired count.
    pub desired: i32,
    /// Those that run.
    pub running: i32,
}

impl TaskCount {
    /// At this moment.
    pub fn of(service: &Service) -> Self {
        let primary = service.primary().map(|task_set| task_set.running_count);
        Self {
            desired: service.desired_count,
            running: primary.unwrap_or(service.running_count),
        }
    }

    /// Whether tasks are wanted and none runs.
    pub fn is_down(self) -> bool {
        self.desired > 0 && self.running == 0
    }
}

impl fmt::Display for TaskCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.desired == 1 { "task" } else { "tasks" };
        write!(formatter, "{} of {} {noun}", self.running, self.desired)
    }
}

/// A task set's status, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskSetStatus {
    /// Serves production traffic.
    Primary,
    /// Does not serve production traffic.
    Active,
    /// Is being stopped.
    Draining,
}
