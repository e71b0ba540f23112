//! How a service's traffic reaches its tasks: target groups, and the rules that ECS writes in a native deployment.

use crate::names::{ListenerArn, ListenerRuleArn, TargetGroupArn};
use crate::observed::LoadBalancerTarget;

/// One entry of a service's `loadBalancers` that has a container and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Container, port and target group.
    pub target: LoadBalancerTarget,
    /// What a native strategy needs; none in a rolling service.
    pub advanced: Option<Advanced>,
}

/// `advancedConfiguration`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// The second target group; blue and green change places between the two.
    pub alternate_target_group: Option<TargetGroupArn>,
    /// Where production traffic comes from.
    pub production_rule: Option<TrafficRule>,
    /// Where test traffic comes from; none where there is none.
    pub test_rule: Option<TrafficRule>,
    /// The role with which ECS writes them.
    pub role: Option<String>,
}

/// What ECS points at green: a rule of an Application Load Balancer, or a listener of a Network Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrafficRule {
    /// A rule, perhaps a listener's default rule.
    Rule(ListenerRuleArn),
    /// A listener.
    Listener(ListenerArn),
}

impl TrafficRule {
    /// The listener that it belongs to, or is.
    pub fn listener(&self) -> Option<ListenerArn> {
        match self {
            Self::Rule(rule) => rule.listener(),
            Self::Listener(listener) => Some(listener.clone()),
        }
    }

    /// Its ARN.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Rule(rule) => rule.as_str(),
            Self::Listener(listener) => listener.as_str(),
        }
    }
}
