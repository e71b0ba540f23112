//! Who deploys a service: `deploymentController`, and what ECS deploys by.

use serde_json::Value;

use super::configuration::DeploymentConfiguration;
use super::listener_rules::TwoTargetGroups;

/// Who deploys a service.
#[derive(Debug, Clone, PartialEq)]
pub enum Controller {
    CodeDeploy,
    /// Whoever creates its task sets.
    External,
    Ecs(Box<EcsManaged>),
}

/// A service that ECS itself deploys.
#[derive(Debug, Clone, PartialEq)]
pub struct EcsManaged {
    pub configuration: DeploymentConfiguration,
    /// `loadBalancers`, as given.
    pub load_balancers: Vec<Value>,
    /// Of a load balancer with `advancedConfiguration`.
    pub two_groups: Option<TwoTargetGroups>,
}

impl Controller {
    /// `type`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Controller::CodeDeploy => "CODE_DEPLOY",
            Controller::External => "EXTERNAL",
            Controller::Ecs(_) => "ECS",
        }
    }

    pub fn ecs(&self) -> Option<&EcsManaged> {
        match self {
            Controller::Ecs(managed) => Some(managed),
            Controller::CodeDeploy | Controller::External => None,
        }
    }
}
