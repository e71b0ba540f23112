//! The state of a load balancer: the health of targets, listeners and their rules.

use time::UtcDateTime;

use crate::names::TargetGroupArn;

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
    /// When ELB answered, by its own clock, or up to a second before; none where its answer states no date.
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
    /// Whether only the VPC reaches it (`Scheme` is `internal`).
    pub is_internal: bool,
    /// What it does where no other rule applies.
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
    /// For how many seconds a client stays with the target group that it got first, by a cookie (`TargetGroupStickinessConfig`); none
    /// where the weights decide of every request.
    pub sticks_for: Option<u32>,
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
