//! Elastic Load Balancing: the health of targets, where a listener is reached, and what its rules are.

mod rule;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription;
use rules::names::{ListenerArn, TargetGroupArn};
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
        let request = self.client.describe_rules().listener_arn(listener.as_str());
        let mut pages = request.into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(error))?;
            for rule in page.rules() {
                rules.push(rule::rule_from(&call, rule)?);
            }
        }
        Ok(rules)
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
        Ok(Listener {
            protocol: call.required(protocol, "Listeners.Protocol")?,
            port: call.required(port, "Listeners.Port")?,
            dns_name: self.dns_name(load_balancer).await?,
            default_actions: rule::actions_from(&call, found.default_actions())?,
        })
    }

    async fn dns_name(&self, load_balancer: &str) -> Result<String, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeLoadBalancers", load_balancer);
        let request = self
            .client
            .describe_load_balancers()
            .load_balancer_arns(load_balancer);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let name = answer
            .load_balancers()
            .first()
            .and_then(|found| found.dns_name());
        call.required(name.map(str::to_owned), "LoadBalancers.DNSName")
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
