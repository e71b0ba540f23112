//! What AWS says, in our words: plain data that decisions are taken from. Nothing here decides anything.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use time::UtcDateTime;

use crate::names::{
    ApplicationName, ClusterName, ContainerName, DeploymentConfigName, DeploymentGroupName,
    DeploymentId, Digest, ListenerArn, RevisionArn, ServiceName, Tag, TargetGroupArn, TaskArn,
};

/// An image as ECR describes it (DescribeImages).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDetail {
    /// Its identity.
    pub digest: Digest,
    /// Every tag that points at it now.
    pub tags: Vec<Tag>,
    /// When it was pushed.
    pub pushed_at: UtcDateTime,
    /// The manifest's media type, where ECR says it.
    pub media_type: Option<String>,
    /// The artifact's media type, where ECR says it: tells an image from an attestation or a signature.
    pub artifact_media_type: Option<String>,
}

impl ImageDetail {
    /// Whether it lists manifests for several platforms, or may: where ECR does not say what it is.
    pub fn may_be_index(&self) -> bool {
        self.media_type.as_deref().is_none_or(|media_type| {
            media_type.contains("image.index") || media_type.contains("manifest.list")
        })
    }
}

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
}

/// The awsvpc settings of a service, a task set or a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfiguration {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`, as ECS says it.
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
    /// The service's own task definition; follows the PRIMARY task set where there is one.
    pub revision: Option<RevisionArn>,
    /// The service's own placement.
    pub placement: Placement,
    /// Container and port behind the load balancer, from the service's `loadBalancers`.
    pub load_balancer: Option<LoadBalancerTarget>,
    /// Tasks that somebody wants.
    pub desired_count: i32,
    /// Tasks that run, of all task sets.
    pub running_count: i32,
    /// Task sets, as ECS lists them.
    pub task_sets: Vec<TaskSet>,
}

impl Service {
    /// The task set that serves production.
    pub fn primary(&self) -> Option<&TaskSet> {
        self.task_sets
            .iter()
            .find(|task_set| task_set.status == TaskSetStatus::Primary)
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

/// A task definition as ECS sent it: raw, with every field that this build does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    /// The `taskDefinition` object of DescribeTaskDefinition's answer.
    pub task_definition: Value,
    /// The `tags` beside it (`include: ["TAGS"]`); null or an array.
    pub tags: Value,
}

/// An ECS task: from DescribeTasks, or from a task state change event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// Its cluster's ARN or name, as AWS says it.
    pub cluster: String,
    /// What it runs.
    pub revision: RevisionArn,
    /// What RunTask was told, or the service's or task set's id.
    pub started_by: Option<String>,
    /// `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `EssentialContainerExited`, `TaskFailedToStart`, …
    pub stop_code: Option<String>,
    /// A sentence.
    pub stopped_reason: Option<String>,
    /// When RunTask made it.
    pub created_at: Option<UtcDateTime>,
    /// When its containers began to run; none when they never did.
    pub started_at: Option<UtcDateTime>,
    /// When its containers ended.
    pub stopped_at: Option<UtcDateTime>,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
    /// What RunTask overrode, by container; none where AWS did not say.
    pub overrides: Vec<ContainerOverride>,
    /// What RunTask overrode beside it, by its name: `cpu`, `taskRoleArn`, …
    pub other_overrides: Vec<String>,
}

#[cfg(test)]
impl Task {
    /// A task of deployment `d-1` that has stopped.
    pub(crate) fn for_tests(containers: &[(&str, Option<i32>)]) -> Self {
        let container = |(name, exit_code): &(&str, Option<i32>)| TaskContainer {
            name: name.parse().unwrap(),
            exit_code: *exit_code,
            reason: None,
            image_digest: None,
        };
        let moment = UtcDateTime::UNIX_EPOCH;
        Self {
            arn: "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c"
                .parse()
                .unwrap(),
            cluster: "arn:aws:ecs:eu-central-1:111122223333:cluster/prod".to_owned(),
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
                .parse()
                .unwrap(),
            started_by: Some("greenlight/d-1".to_owned()),
            last_status: "STOPPED".to_owned(),
            stop_code: Some("EssentialContainerExited".to_owned()),
            stopped_reason: Some("Essential container in task exited".to_owned()),
            created_at: Some(moment),
            started_at: Some(moment),
            stopped_at: Some(moment),
            containers: containers.iter().map(container).collect(),
            overrides: Vec::new(),
            other_overrides: Vec::new(),
        }
    }
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskContainer {
    /// Its name.
    pub name: ContainerName,
    /// None while it runs, and for ever when it never started.
    pub exit_code: Option<i32>,
    /// Why it did not start, or how it was killed.
    pub reason: Option<String>,
    /// The digest of the image that it runs; ECS states it for images of private ECR repositories.
    pub image_digest: Option<Digest>,
}

/// What RunTask overrode for one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOverride {
    /// The container's name.
    pub name: ContainerName,
    /// The command; empty where it was left as it is.
    pub command: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Everything else that was overridden, by its name: `cpu`, `environmentFiles`, …
    pub others: Vec<String>,
}

/// A CodeDeploy deployment group (GetDeploymentGroup).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentGroup {
    /// The cluster and service that it deploys to; none when it is not an ECS group.
    pub service: Option<(ClusterName, ServiceName)>,
    /// The names of its two target groups.
    pub target_groups: Vec<String>,
    /// The production listener.
    pub production_listener: Option<ListenerArn>,
    /// The test listener, where it has one.
    pub test_listener: Option<ListenerArn>,
    /// The deployment configuration that it uses by default.
    pub deployment_config: Option<DeploymentConfigName>,
    /// Whether and when it rolls back by itself.
    pub rolls_back: bool,
}

/// A CodeDeploy deployment (GetDeployment, BatchGetDeployments).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its application.
    pub application: ApplicationName,
    /// Its deployment group.
    pub deployment_group: DeploymentGroupName,
    /// How far it is.
    pub status: DeploymentStatus,
    /// Who made it.
    pub creator: Creator,
    /// Free text; ours carries the digest.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// When it ended.
    pub completed_at: Option<UtcDateTime>,
    /// CodeDeploy's error code (`HOOK_EXECUTION_FAILURE`, `ALARM_ACTIVE`, …) and sentence.
    pub error: Option<(String, String)>,
    /// The rollback deployment that it triggered.
    pub rolled_back_by: Option<DeploymentId>,
    /// The deployment that it rolls back.
    pub rolls_back: Option<DeploymentId>,
    /// The SHA-256 of its AppSpec, under which GetApplicationRevision finds the content.
    pub app_spec_sha256: Option<String>,
}

/// A deployment's status, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// Not begun: `Created`, `Queued`.
    Created,
    /// Under way: `InProgress`, `Baking`.
    InProgress,
    /// Green is ready and waits for a person.
    Ready,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Was stopped, by a person or an alarm.
    Stopped,
}

impl DeploymentStatus {
    /// Whether nothing more happens to the deployment.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Stopped => true,
            Self::Created | Self::InProgress | Self::Ready => false,
        }
    }
}

/// Who made a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creator {
    /// Somebody who called CreateDeployment, Greenlight included.
    Caller,
    /// CodeDeploy itself, to roll another deployment back.
    Rollback,
}

/// The one target of an ECS deployment (GetDeploymentTarget).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentTarget {
    /// Lifecycle events in order.
    pub lifecycle_events: Vec<LifecycleEvent>,
}

/// One lifecycle event of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// `BeforeInstall`, `Install`, …
    pub name: String,
    /// How far it is.
    pub status: LifecycleEventStatus,
    /// When it began.
    pub started_at: Option<UtcDateTime>,
    /// When it ended.
    pub ended_at: Option<UtcDateTime>,
    /// CodeDeploy's sentence about a failure.
    pub message: Option<String>,
}

/// A lifecycle event's status, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleEventStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Not run, because something before it failed.
    Skipped,
    /// CodeDeploy does not know, or says something newer than this build.
    Unknown,
}

impl LifecycleEventStatus {
    /// The status as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::Unknown => "Unknown",
        }
    }
}

/// The health of one target (DescribeTargetHealth).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    /// Address or instance id, and port: `10.0.12.41:8080`.
    pub target: String,
    /// `healthy`, `initial`, `unhealthy`, `unused`, `draining`, `unavailable`, …
    pub state: String,
    /// `Target.ResponseCodeMismatch`, …; none when healthy.
    pub reason: Option<String>,
    /// A sentence.
    pub description: Option<String>,
}

/// The targets of a group at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHealth {
    /// Every target that is registered.
    pub targets: Vec<TargetHealth>,
    /// When ELB answered, by its own clock, or up to a second before; none where it did not say.
    pub answered_at: Option<UtcDateTime>,
}

/// A listener of a load balancer, with what is needed to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// `HTTP` or `HTTPS`; of a Network Load Balancer `TCP`, `TLS`, …
    pub protocol: String,
    /// Its port.
    pub port: u16,
    /// The load balancer's DNS name.
    pub dns_name: String,
    /// What it does where no rule says otherwise.
    pub default_actions: Vec<RuleAction>,
}

impl Listener {
    /// Whether it reads requests and has rules, as an Application Load Balancer's does.
    pub fn has_rules(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTP" | "HTTPS")
    }
}

/// A rule of a listener (DescribeRules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRule {
    /// A number as text, or `default`.
    pub priority: String,
    /// All of them must be met.
    pub conditions: Vec<RuleCondition>,
    /// What it does, in order.
    pub actions: Vec<RuleAction>,
}

/// A condition of a rule: one of its values must be met. Values may hold the wildcards `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleCondition {
    /// `host-header`
    Host(Vec<String>),
    /// `path-pattern`
    Path(Vec<String>),
    /// `http-header`
    Header {
        /// The header's name.
        name: String,
        /// Its values.
        values: Vec<String>,
    },
    /// `query-string`: key and value; without a key any.
    Query(Vec<(Option<String>, String)>),
    /// `http-request-method`, without wildcards
    Method(Vec<String>),
    /// One that cannot be evaluated from outside: `source-ip`, a regular expression, or what AWS may add.
    Unknown(String),
}

/// What a rule does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// Sends it to these target groups, by weight.
    Forward(Vec<(TargetGroupArn, u32)>),
    /// Answers it, or may: `redirect`, `fixed-response`, `authenticate-oidc`, …
    Other(String),
}
