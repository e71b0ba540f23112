//! What forwards to a target group: DescribeTargetGroups, then the listeners of its load balancers, and their rules.

use aws_sdk_elasticloadbalancingv2::types::{Listener, Rule};
use rules::ecs::TrafficRule;
use rules::names::{ListenerArn, TargetGroupArn};
use rules::observed::RuleAction;
use rules::rolling::Leads;

use super::{Elb, rule};
use crate::call::{Call, CallFailed};

impl Elb {
    /// Every rule that gives the target group a share of its requests, and of a load balancer without rules every such listener; in the
    /// order of listeners and rules.
    ///
    /// # Errors
    /// A call failed.
    pub async fn leads_to(&self, group: &TargetGroupArn) -> Result<Vec<Leads>, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeTargetGroups", group.as_str());
        let request = self.client.describe_target_groups();
        let request = request.target_group_arns(group.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let described = answer.target_groups().first();
        let balancers = call
            .required(described, "TargetGroups")?
            .load_balancer_arns();
        let mut leads = Vec::new();
        for balancer in balancers {
            for listener in self.listeners_of(balancer).await? {
                leads.extend(self.leads_of(&listener, balancer, group).await?);
            }
        }
        Ok(leads)
    }

    async fn listeners_of(&self, balancer: &str) -> Result<Vec<Listener>, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeListeners", balancer);
        let request = self.client.describe_listeners().load_balancer_arn(balancer);
        let mut pages = request.into_paginator().send();
        let mut listeners = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(error))?;
            listeners.extend(page.listeners.unwrap_or_default());
        }
        Ok(listeners)
    }

    async fn leads_of(
        &self,
        listener: &Listener,
        balancer: &str,
        group: &TargetGroupArn,
    ) -> Result<Vec<Leads>, CallFailed> {
        let call = Call::new("elasticloadbalancing:DescribeListeners", balancer);
        let arn: ListenerArn = call.name(listener.listener_arn(), "Listeners.ListenerArn")?;
        let port = listener.port().and_then(|port| u16::try_from(port).ok());
        let port = call.required(port, "Listeners.Port")?;
        let protocol = listener.protocol().map(|one| one.as_str().to_owned());
        let protocol = call.required(protocol, "Listeners.Protocol")?;
        let leads = |rule, is_default| Leads {
            rule,
            protocol: protocol.clone(),
            port,
            is_default,
        };
        if !arn.has_rules() {
            let actions = rule::actions_from(&call, listener.default_actions())?;
            let found = forwards(&actions, group).then(|| leads(TrafficRule::Listener(arn), true));
            return Ok(found.into_iter().collect());
        }
        let call = Call::new("elasticloadbalancing:DescribeRules", arn.as_str());
        let mut found = Vec::new();
        for one in self.rules_of(&call, &arn).await? {
            let actions = rule::actions_from(&call, one.actions())?;
            if forwards(&actions, group) {
                let arn = call.name(one.rule_arn(), "Rules.RuleArn")?;
                let is_default = one.is_default().unwrap_or_default();
                found.push(leads(TrafficRule::Rule(arn), is_default));
            }
        }
        Ok(found)
    }

    pub(super) async fn rules_of(
        &self,
        call: &Call,
        listener: &ListenerArn,
    ) -> Result<Vec<Rule>, CallFailed> {
        let request = self.client.describe_rules().listener_arn(listener.as_str());
        let mut pages = request.into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(error))?;
            rules.extend(page.rules.unwrap_or_default());
        }
        Ok(rules)
    }
}

fn forwards(actions: &[RuleAction], group: &TargetGroupArn) -> bool {
    let mut groups = actions.iter().flat_map(|action| match action {
        RuleAction::Forward(groups) => groups.as_slice(),
        RuleAction::Other(_) => &[],
    });
    groups.any(|(one, weight)| one == group && *weight > 0)
}
