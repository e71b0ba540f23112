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
    /// Of each load balancer, where they have `advancedConfiguration`.
    pub two_groups: Vec<TwoTargetGroups>,
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

    /// The target groups and rules by which ECS shifts traffic, an entry a load balancer.
    pub fn two_groups(&self) -> &[TwoTargetGroups] {
        let managed = self.ecs();
        managed.map_or(&[], |managed| managed.two_groups.as_slice())
    }

    pub fn ecs(&self) -> Option<&EcsManaged> {
        match self {
            Controller::Ecs(managed) => Some(managed),
            Controller::CodeDeploy | Controller::External => None,
        }
    }
}
