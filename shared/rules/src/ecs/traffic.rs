//! How a service's traffic reaches its tasks: target groups, and the rules that ECS writes in a native deployment.

use crate::names::{ListenerArn, ListenerRuleArn, TargetGroupArn, TargetGroupName};
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

/// Why it is not clear which load balancer of a service is asked; with the names of target groups, of each load balancer the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// Several could be.
    Several(Vec<String>),
    /// The load balancer of the named target group has no rule that leads to what is asked.
    NoRule(TargetGroupName),
    /// The named target group is in none of them.
    Unknown(TargetGroupName, Vec<String>),
}

/// The load balancer of a service that a gate asks: the one that has the named target group, else the only one that leads to what is
/// asked. None where none leads there.
///
/// # Errors
/// Nothing says which one, or the name is another's, or of one that leads nowhere.
pub fn asked<'a>(
    balancers: &'a [LoadBalancer],
    named: Option<&TargetGroupName>,
    leads: impl Fn(&LoadBalancer) -> bool,
) -> Result<Option<&'a LoadBalancer>, Unclear> {
    let names = |of: &[&LoadBalancer]| -> Vec<String> {
        let first = of.iter().filter_map(|one| one.groups().next());
        first.map(|group| group.name().to_owned()).collect()
    };
    if let Some(named) = named {
        let mut all = balancers.iter();
        let is_named = |one: &&LoadBalancer| {
            let mut groups = one.groups();
            groups.any(|group| group.name() == named.as_str())
        };
        let found = all.find(is_named).ok_or_else(|| {
            let all: Vec<&LoadBalancer> = balancers.iter().collect();
            Unclear::Unknown(named.clone(), names(&all))
        })?;
        return match leads(found) {
            true => Ok(Some(found)),
            false => Err(Unclear::NoRule(named.clone())),
        };
    }
    let leading: Vec<&LoadBalancer> = balancers.iter().filter(|one| leads(one)).collect();
    match leading[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Unclear::Several(names(&leading))),
    }
}

impl Unclear {
    /// A sentence, with what is to be written into this table of the pipeline.
    pub fn sentence(&self, setting: &str, service: &str) -> String {
        let listed = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(" and ")
        };
        match self {
            Self::Several(names) => format!(
                "the load balancers of `{service}` with the target groups {} could all be asked by `{setting}`, expected one (hint: \
                 `target_group = \"{}\"` in `[pipeline.{setting}]`, or that of the other one)",
                listed(names),
                names.first().map_or("", String::as_str)
            ),
            Self::NoRule(named) => format!(
                "the load balancer of `{service}` with the target group `{named}` has no listener rule that `{setting}` could ask through \
                 (hint: name one in its `AdvancedConfiguration`, or another load balancer in `{setting}.target_group`)"
            ),
            Self::Unknown(given, names) => format!(
                "`{given}` is not a target group of `{service}`, expected one of its load balancers', such as {} (hint: correct \
                 `{setting}.target_group`)",
                match names.is_empty() {
                    true => "none, for it has none".to_owned(),
                    false => listed(names),
                }
            ),
        }
    }
}

impl LoadBalancer {
    /// Its target groups: one, or two where blue and green change places.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let advanced = self.advanced.as_ref();
        let second = advanced.and_then(|advanced| advanced.alternate_target_group.as_ref());
        self.target.target_group.iter().chain(second)
    }
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
