//! The public types of the load balancers: settings, descriptions, responses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::elb::condition::Condition;
use crate::elb::redirect::Redirect;
use crate::elb::tls::Protocol;

#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The type of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalancerKind {
    /// Forwards requests, by rules.
    Application,
    /// Forwards connections.
    Network,
}

impl LoadBalancerKind {
    /// As DescribeLoadBalancers returns it.
    pub fn as_str(self) -> &'static str {
        match self {
            LoadBalancerKind::Application => "application",
            LoadBalancerKind::Network => "network",
        }
    }

    pub(super) fn in_arn(self) -> &'static str {
        match self {
            LoadBalancerKind::Application => "app",
            LoadBalancerKind::Network => "net",
        }
    }
}

#[derive(Debug, Clone)]
pub struct LoadBalancerDescription {
    pub arn: String,
    pub name: String,
    pub kind: LoadBalancerKind,
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
    /// The port that it was asked for.
    pub asked_port: u16,
    pub protocol: Protocol,
    pub forward: Vec<Forward>,
    /// For how long a client stays with a target group of the action; `None` if the weights decide of every request.
    pub sticks_for: Option<Duration>,
    /// What it answers itself, where it forwards nothing.
    pub own_answer: Option<OwnAnswer>,
    /// What CreateListener gave a listener that speaks HTTPS.
    pub secured: Option<Secured>,
    /// Its rules without the default one, by priority.
    pub rules: Vec<RuleDescription>,
}

/// As DescribeRules returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDescription {
    pub arn: String,
    pub priority: u32,
    /// All of them must be met.
    pub conditions: Vec<Condition>,
    pub forward: Vec<Forward>,
    pub sticks_for: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub target_group_arn: String,
    pub weight: u32,
}

/// The default certificate of a listener, and its security policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    pub certificate_arn: String,
    /// The names that the certificate is for.
    pub names: Vec<String>,
    pub security_policy: String,
}

/// What a listener does with requests that meet no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultAction {
    Forward(Vec<Forward>),
    Own(OwnAnswer),
}

/// An answer of a listener's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnAnswer {
    /// With this status.
    FixedResponse(u16),
    Redirect(Redirect),
}

impl From<Vec<Forward>> for DefaultAction {
    fn from(forward: Vec<Forward>) -> DefaultAction {
        DefaultAction::Forward(forward)
    }
}

impl DefaultAction {
    /// Empty where it answers itself.
    pub fn forward(&self) -> &[Forward] {
        match self {
            DefaultAction::Forward(forward) => forward,
            DefaultAction::Own(_) => &[],
        }
    }

    pub fn own_answer(&self) -> Option<&OwnAnswer> {
        match self {
            DefaultAction::Forward(_) => None,
            DefaultAction::Own(answer) => Some(answer),
        }
    }
}

/// The port of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerPort {
    /// This one of the machine.
    Exactly(u16),
    /// Any free one, in place of the one that was asked for: all load balancers share the ports of one machine.
    AnyFor(u16),
}

/// The ports of this machine that listeners get which are made by CreateListener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListenerPorts {
    /// Those that they ask for: a client of the local AWS chooses ones that are free.
    #[default]
    AsAsked,
    /// Free ones: what asks is a template, whose ports are those of a load balancer.
    Free,
}

/// A target as ECS registers it, and the process behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As AWS shows it: an address in the VPC (`ip`), or an instance id.
    pub id: String,
    pub port: u16,
    /// The loopback address of the process.
    pub process: SocketAddr,
    /// The version of a process whose answers do not state one in `x-version`.
    pub version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    pub id: String,
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`.
    pub state: &'static str,
    /// `Elb.RegistrationInProgress`, `Target.NotInUse`, …; `None` if healthy.
    pub reason: Option<&'static str>,
    pub description: Option<String>,
}

/// The responses of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: u64,
    /// Responses other than 2xx and 3xx, including the load balancer's own.
    pub failed: u64,
    /// Responses by version; those without `x-version` are not counted here.
    pub versions: BTreeMap<String, u64>,
}

impl Traffic {
    pub fn count(&mut self, answer: &Answer) {
        self.requests += 1;
        if !(200..400).contains(&answer.status) {
            self.failed += 1;
        }
        if let Some(version) = &answer.version {
            *self.versions.entry(version.clone()).or_default() += 1;
        }
    }
}

/// One response of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub asked_at: SystemTime,
    pub at: SystemTime,
    /// The path with its query.
    pub path: String,
    /// The listener's address that received the request.
    pub address: IpAddr,
    pub status: u16,
    pub version: Option<String>,
    /// ARN of the rule that it met; `None` for the default one.
    pub rule: Option<String>,
    /// The target that responded; `None` if the load balancer did.
    pub by: Option<Answering>,
}

/// A target and the listener that forwards to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    pub target_group_arn: String,
    pub id: String,
    pub port: u16,
}

/// A target's state from this moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    pub at: SystemTime,
    pub target: Answering,
    pub state: &'static str,
}
