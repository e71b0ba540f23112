//! The settings of a world and its services.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::assumption::Assumptions;
use crate::clock::Pace;
use crate::codedeploy::traffic::Routing;
use crate::ecr::{ImageSettings, IndexSettings, RepositorySettings};
use crate::ecs::capacity::LaunchKind;
use crate::elb::{Condition, ListenerPorts, Protocol};
use crate::fault::Planned;
use crate::iam::Removal;
use crate::program::{Executables, Programs};
use crate::secrets_manager::SecretSettings;
use crate::template::Template;

/// The initial state of a world.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    pub template: Template,
    /// Permissions to remove from those that the template grants.
    pub without: Vec<Removal>,
    /// The behaviour to simulate where AWS's is not known.
    pub assumptions: Assumptions,
    /// The API's port on loopback; 0 selects a free one.
    pub port: u16,
    pub repositories: Vec<RepositorySettings>,
    /// Images that are in the repositories from the beginning, without events.
    pub images: Vec<ImageSettings>,
    /// The same for multi-platform images.
    pub indexes: Vec<IndexSettings>,
    pub services: Vec<ServiceSettings>,
    /// The executable that represents every image in the repositories.
    pub sample_service: PathBuf,
    /// The programs that run in its place, in containers with these names.
    pub programs: Programs,
    /// How long, in real time, the world stays unchanged before the clock jumps: `clock::DWELL`, or less to make many
    /// runs faster.
    pub dwell: Duration,
    pub pace: Pace,
    /// Faults of calls by functions.
    pub faults: Vec<Planned>,
    /// Secrets in Secrets Manager.
    pub secrets: Vec<SecretSettings>,
    pub listener_ports: ListenerPorts,
    /// What every image of the sample service brings along beside its own environment.
    pub image_environment: BTreeMap<String, String>,
}

impl WorldSettings {
    pub(super) fn executables(&self) -> Executables {
        Executables {
            sample_service: self.sample_service.clone(),
            programs: self.programs.clone(),
            environment: self.image_environment.clone(),
        }
    }
}

/// An ECS service, and its load balancer, alarms and, under the CODE_DEPLOY controller, deployment group.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    pub name: String,
    pub cluster: String,
    pub family: String,
    pub containers: Vec<ContainerSettings>,
    /// The container behind the load balancer, and its port.
    pub load_balanced: (String, u16),
    pub desired_count: u32,
    /// Where its tasks run.
    pub launch: LaunchKind,
    pub deployed_by: DeployedBy,
    pub application: String,
    /// Its target groups are named after it, too.
    pub deployment_group: String,
    pub deployment_config: String,
    /// The custom configuration that `deployment_config` names if it is not predefined; it is created with the service.
    pub routing: Option<Routing>,
    pub test_listener: TestListener,
    /// What all its listeners speak.
    pub listeners: Protocol,
    /// How long a deployment waits for ContinueDeployment once green is ready; if absent, production is rerouted at
    /// once.
    pub ready_wait: Option<Duration>,
    pub termination_wait: Duration,
    /// `DEPLOYMENT_FAILURE`, `DEPLOYMENT_STOP_ON_ALARM`, `DEPLOYMENT_STOP_ON_REQUEST`; if empty, there is no automatic
    /// rollback.
    pub rollback_on: Vec<String>,
    /// CloudWatch alarms that stop a deployment, up to ten; they are created with the service, in state OK.
    pub alarms: Vec<String>,
    /// Alarms that the deployment group names as well, though they do not exist.
    pub missing_alarms: Vec<String>,
    pub health_check: HealthCheck,
    /// What else its creation has set, as UpdateService has it: `placementConstraints`, `healthCheckGracePeriodSeconds`.
    pub options: Map<String, Value>,
}

/// The deployment controller.
#[derive(Debug, Clone, PartialEq)]
pub enum DeployedBy {
    /// The application's deployment group.
    CodeDeploy,
    /// ECS itself: the settings of CodeDeploy and the test listener mean nothing.
    Ecs(Box<EcsDeployments>),
}

/// How ECS deploys a service.
#[derive(Debug, Clone, PartialEq)]
pub struct EcsDeployments {
    /// `deploymentConfiguration` as CreateService takes it: strategy, bake time, steps, circuit breaker, alarms, hooks. In a hook
    /// `hookTargetArn` may be the logical id of a function of the template, and `roleArn` that of a role.
    pub configuration: Value,
    /// What test traffic is, of a strategy that shifts traffic.
    pub test_rule: TestRule,
    /// The infrastructure role: its logical id in the template, or any ARN.
    pub infrastructure_role: String,
    pub balanced: IsBalanced,
    pub internal: Internal,
}

/// The rule of test traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestRule {
    Absent,
    /// On a listener of its own, with these conditions; without any, the default rule.
    OwnPort(Vec<Condition>),
    /// On the production listener, with these conditions.
    ProductionPort(Vec<Condition>),
}

/// A second entry of `loadBalancers`: a load balancer `NAME-internal` for the same container, with target groups and listeners of its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Internal {
    Absent,
    /// Of a strategy that shifts traffic with a test rule.
    Present,
    /// Without a test rule.
    Untested,
}

/// Whether a service is behind a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsBalanced {
    Balanced,
    /// Its tasks serve nobody.
    Headless,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestListener {
    Present,
    Absent,
}

#[derive(Debug, Clone)]
pub struct ContainerSettings {
    pub name: String,
    /// As in a task definition: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:…`.
    pub image: String,
    pub container_port: Option<u16>,
    pub essential: bool,
    /// `entryPoint` and `command`; if empty, the image's.
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// `awslogs-group` and `awslogs-stream-prefix`.
    pub logs: Option<(String, String)>,
    /// Further members of its definition, as RegisterTaskDefinition has them: `secrets`, `dependsOn`, `healthCheck`.
    pub definition: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub struct HealthCheck {
    pub path: String,
    /// ALB matcher: `200`, `200,301`, `200-299`.
    pub matcher: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    pub deregistration_delay: Duration,
}
