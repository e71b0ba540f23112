//! What a world begins with, and the services in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::assumption::Assumptions;
use crate::clock::Pace;
use crate::codedeploy::traffic::Routing;
use crate::ecr::{ImageSettings, IndexSettings, RepositorySettings};
use crate::ecs::capacity::LaunchKind;
use crate::fault::Planned;
use crate::iam::Removal;
use crate::template::Template;

/// What a world begins with.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    pub template: Template,
    /// What is taken away of what the template grants.
    pub without: Vec<Removal>,
    /// Which of two possibilities is played where AWS's behaviour is not known.
    pub assumptions: Assumptions,
    /// The API's port on loopback; 0 takes a free one.
    pub port: u16,
    pub repositories: Vec<RepositorySettings>,
    /// Images that lie in the repositories from the beginning; no event tells of them.
    pub images: Vec<ImageSettings>,
    /// The same, of images for several platforms.
    pub indexes: Vec<IndexSettings>,
    pub services: Vec<ServiceSettings>,
    /// The executable that stands for every image of the repositories.
    pub sample_service: PathBuf,
    /// How long, in real time, the world stays as it is before the clock jumps: `clock::DWELL` unless many plays are to
    /// take less time.
    pub dwell: Duration,
    pub pace: Pace,
    /// What happens to calls of functions.
    pub faults: Vec<Planned>,
}

/// An ECS service of the CODE_DEPLOY controller, with everything around it.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    pub name: String,
    pub cluster: String,
    pub family: String,
    pub containers: Vec<ContainerSettings>,
    /// The container behind the load balancer, with the port that it has there.
    pub load_balanced: (String, u16),
    pub desired_count: u32,
    /// What its tasks run on.
    pub launch: LaunchKind,
    pub application: String,
    pub deployment_group: String,
    pub deployment_config: String,
    /// What `deployment_config` does where it is none of AWS's own: it is made with the service.
    pub routing: Option<Routing>,
    pub test_listener: TestListener,
    /// How long the deployment waits, when green is ready, for somebody to continue it; none: production is rerouted
    /// at once.
    pub ready_wait: Option<Duration>,
    pub termination_wait: Duration,
    /// `DEPLOYMENT_FAILURE`, `DEPLOYMENT_STOP_ON_ALARM`, `DEPLOYMENT_STOP_ON_REQUEST`; empty: no automatic rollback.
    pub rollback_on: Vec<String>,
    /// CloudWatch alarms that stop a deployment; they are made with the service, in state OK. Up to ten.
    pub alarms: Vec<String>,
    pub health_check: HealthCheck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestListener {
    Present,
    Absent,
}

#[derive(Debug, Clone)]
pub struct ContainerSettings {
    pub name: String,
    /// As a task definition says it: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:…`.
    pub image: String,
    pub container_port: Option<u16>,
    pub essential: bool,
    /// `entryPoint` and `command`; empty: the image's own.
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// `awslogs-group` and `awslogs-stream-prefix`.
    pub logs: Option<(String, String)>,
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
