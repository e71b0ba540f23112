//! What callers say of load balancers and see of them: settings, descriptions, answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

#[derive(Debug, Clone)]
pub struct TargetGroupSettings {
    pub name: String,
    pub port: u16,
    /// `ip` or `instance`.
    pub target_type: String,
    pub vpc_id: String,
    pub health_check_path: String,
    /// ALB matcher: `200`, `200,301`, `200-299`.
    pub matcher: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    pub deregistration_delay: Duration,
}

#[derive(Debug, Clone)]
pub struct LoadBalancerDescription {
    pub arn: String,
    pub name: String,
    /// `localhost`
    pub dns_name: String,
}

#[derive(Debug, Clone)]
pub struct TargetGroupDescription {
    pub arn: String,
    pub settings: TargetGroupSettings,
    pub load_balancer_arns: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct ListenerDescription {
    pub arn: String,
    pub load_balancer_arn: String,
    /// The real loopback port.
    pub port: u16,
    /// `HTTP`
    pub protocol: String,
    pub forward: Vec<Forward>,
    /// Its rules but the default one, by priority.
    pub rules: Vec<RuleDescription>,
}

/// As DescribeRules shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDescription {
    pub arn: String,
    pub priority: u32,
    /// With `*` for any text and `?` for any character.
    pub path: String,
    pub forward: Vec<Forward>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub target_group_arn: String,
    pub weight: u32,
}

/// A target as ECS registers it, and the process that really answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What AWS shows: an address in the VPC (`ip`), or an instance id.
    pub id: String,
    pub port: u16,
    /// The loopback address of the process.
    pub process: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    pub id: String,
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`.
    pub state: &'static str,
    /// `Elb.RegistrationInProgress`, `Target.NotInUse`, …; none when healthy.
    pub reason: Option<&'static str>,
    pub description: Option<String>,
}

/// What a listener answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: u64,
    /// Answers other than 2xx and 3xx, the load balancer's own among them.
    pub failed: u64,
    /// Answers by version; those without `x-version` are not counted here.
    pub versions: BTreeMap<String, u64>,
}

/// One answer of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub asked_at: SystemTime,
    pub at: SystemTime,
    /// With the query.
    pub path: String,
    /// Which of the listener's addresses was asked.
    pub address: IpAddr,
    pub status: u16,
    pub version: Option<String>,
    /// The target that answered; none when the load balancer did.
    pub by: Option<Answering>,
}

/// A target, seen from the listener that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    pub target_group_arn: String,
    pub id: String,
    pub port: u16,
}

/// From now on a target is in this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    pub at: SystemTime,
    pub target: Answering,
    pub state: &'static str,
}
