//! Service revisions: what a service deployment deploys, immutable but for what ECS resolves while it does.

use std::time::SystemTime;

use serde_json::Value;

use crate::ecs::service::LoadBalancerTarget;
use crate::identity::arn;

/// A service revision.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRevision {
    /// The digits that its ARN, its tasks' `startedBy` and the deployment's id in events share.
    pub digits: String,
    pub cluster: String,
    pub service: String,
    /// ARN.
    pub task_definition: String,
    pub launch_type: String,
    pub platform_version: String,
    pub network_configuration: Value,
    /// As given to CreateService or UpdateService.
    pub load_balancers: Vec<Value>,
    /// The target groups that its tasks are in, an entry a load balancer, once that is decided.
    pub resolved: Vec<Resolved>,
    pub created_at: SystemTime,
}

/// A target group that a revision's tasks are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// ARN.
    pub target_group: String,
    /// ARN of the production rule, where the load balancer has two target groups.
    pub production_rule: Option<String>,
}

impl Resolved {
    /// The target groups of tasks whose load balancers have one each.
    pub fn without_rules(behind: &[LoadBalancerTarget]) -> Vec<Resolved> {
        let resolved = behind.iter().map(|behind| Resolved {
            target_group: behind.target_group_arn.clone(),
            production_rule: None,
        });
        resolved.collect()
    }
}

impl ServiceRevision {
    pub fn arn(&self) -> String {
        revision_arn(&self.cluster, &self.service, &self.digits)
    }

    /// The id of its tasks' set, also their `startedBy`.
    pub fn task_set(&self) -> String {
        task_set_of(&self.digits)
    }
}

/// `service-revision/CLUSTER/SERVICE/DIGITS`.
pub fn revision_arn(cluster: &str, service: &str, digits: &str) -> String {
    arn(
        "ecs",
        &format!("service-revision/{cluster}/{service}/{digits}"),
    )
}

/// `ecs-svc/DIGITS`.
pub fn task_set_of(digits: &str) -> String {
    format!("ecs-svc/{digits}")
}
