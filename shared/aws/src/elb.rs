//! Elastic Load Balancing: the health of targets, where a listener is reached, and what its rules are.

mod leads;
mod rule;
#[cfg(feature = "command")]
mod target_group;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer, LoadBalancerSchemeEnum, TargetHealthDescription,
};
use rules::names::{ListenerArn, ListenerRuleArn, TargetGroupArn};
use rules::observed::{GroupHealth, Listener, ListenerRule, TargetHealth};
use rules::redact;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::wire::AskedAt;

/// Elastic Load Balancing's operations.
#[derive(Debug, Clone)]
pub struct Elb {
    client: Client,
}

impl Elb {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Every target that is registered in the group, how it is, and when that was.
    pub async fn describe_target_health(
        &self,
        target_group: &TargetGroupArn,
    ) -> Result<GroupHealth, CallFailed> {
        let call = Call::new(
            "elasticloadbalancing:DescribeTargetHealth",
            target_group.as_str(),
        );
        let request = self
            .client
            .describe_target_health()
            .target_group_arn(target_group.as_str());
        let asked_at = AskedAt::default();
        let sent = request.customize().interceptor(asked_at.clone()).send();
        let answer = sent.await.map_err(|error| call.failed(error))?;
        let described = answer.target_health_descriptions();
        Ok(GroupHealth {
            targets: described.iter().map(health_from).collect(),
            answered_at: asked_at.take_answered(),
        })
    }

    /// Every rule of the listener, the default one among them.
    pub async fn describe_rules(
        &self,
        listener: &ListenerArn,
    ) -> Result<Vec<ListenerRule>, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeRules", listener.as_str());
        let rules = self.rules_of(&call, listener).await?;
        rules
            .iter()
            .map(|rule| rule::rule_from(&call, rule))
            .collect()
    }

    /// One rule. Its listener is not in the answer: the rule's ARN names it.
    pub async fn describe_rule(&self, rule: &ListenerRuleArn) -> Result<ListenerRule, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeRules", rule.as_str());
        let request = self.client.describe_rules().rule_arns(rule.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = call.required(answer.rules().first(), "Rules")?;
        rule::rule_from(&call, found)
    }

    /// Where the listener is reached: DescribeListeners, then DescribeLoadBalancers for the address.
    pub async fn describe_listener(&self, listener: &ListenerArn) -> Result<Listener, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeListeners", listener.as_str());
        let request = self
            .client
            .describe_listeners()
            .listener_arns(listener.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = call.required(answer.listeners().first(), "Listeners")?;
        let load_balancer =
            call.required(found.load_balancer_arn(), "Listeners.LoadBalancerArn")?;
        let port = found.port().and_then(|port| u16::try_from(port).ok());
        let protocol = found
            .protocol()
            .map(|protocol| protocol.as_str().to_owned());
        let protocol = call.required(protocol, "Listeners.Protocol")?;
        let port = call.required(port, "Listeners.Port")?;
        let default_actions = rule::actions_from(&call, found.default_actions())?;
        let balancer = self.load_balancer(load_balancer).await?;
        let dns_name = balancer.dns_name().map(str::to_owned);
        let call = Call::new("elasticloadbalancing:DescribeLoadBalancers", load_balancer);
        Ok(Listener {
            protocol,
            port,
            dns_name: call.required(dns_name, "LoadBalancers.DNSName")?,
            is_internal: balancer.scheme() == Some(&LoadBalancerSchemeEnum::Internal),
            default_actions,
        })
    }

    async fn load_balancer(&self, arn: &str) -> Result<LoadBalancer, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeLoadBalancers", arn);
        let request = self
            .client
            .describe_load_balancers()
            .load_balancer_arns(arn);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = answer.load_balancers.unwrap_or_default();
        call.required(found.into_iter().next(), "LoadBalancers")
    }
}

fn health_from(target: &TargetHealthDescription) -> TargetHealth {
    let id = target
        .target()
        .and_then(|target| target.id())
        .unwrap_or("?");
    let port = target.target().and_then(|target| target.port());
    let health = target.target_health();
    TargetHealth {
        target: port.map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
        // A target without a state is not healthy: the wait for `healthy` goes on.
        state: health
            .and_then(|health| health.state())
            .map_or("unknown", |state| state.as_str())
            .to_owned(),
        reason: health
            .and_then(|health| health.reason())
            .map(|reason| reason.as_str().to_owned()),
        description: health
            .and_then(|health| health.description())
            .map(redact::redact),
    }
}
