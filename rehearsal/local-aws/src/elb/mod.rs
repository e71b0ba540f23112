//! The load balancer: real listeners on loopback, weighted target groups, health checks.

mod condition;
mod description;
mod forward;
mod health;
mod listen;
mod listener;
pub mod matcher;
mod node;
mod proxy;
mod redirect;
mod rule;
mod rule_arn;
mod security_policy;
mod state;
mod stickiness;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::futures::Notified;

use crate::clock::Clock;
use crate::elb::forward::Distribution;
use crate::elb::health::Health;
use crate::elb::rule::Rule;
use crate::elb::rule_arn::rule_prefix;
use crate::elb::state::{Inner, Listener, TargetGroup};
use crate::identity::arn;

pub use condition::{Condition, QueryPair};
pub use description::{
    Answer, Answering, DefaultAction, Forward, HealthChange, ListenerDescription, ListenerPort,
    ListenerPorts, LoadBalancerDescription, LoadBalancerKind, OwnAnswer, RuleDescription, Secured,
    Target, TargetGroupDescription, TargetGroupSettings, TargetHealth, Traffic,
};
pub use health::SPEED_UP;
pub use node::{NODES_AT_MOST, Nodes};
pub use redirect::Redirect;
pub use rule_arn::{default_rule, is_of_network, listener_of, whole_listener};
pub use security_policy::is_security_policy;
pub use tls::{AUTHORITY, Protocol, client_config};

/// All load balancers of the rehearsal; cheap to clone.
#[derive(Clone)]
pub struct LoadBalancers {
    inner: Arc<Inner>,
}

impl LoadBalancers {
    pub fn new(clock: Clock, nodes: Nodes) -> LoadBalancers {
        LoadBalancers {
            inner: Arc::new(Inner::new(clock, nodes)),
        }
    }

    pub fn create_load_balancer(&self, name: &str) -> LoadBalancerDescription {
        self.create(LoadBalancerKind::Application, name)
    }

    /// Its listeners speak `Protocol::Tcp`.
    pub fn create_network_load_balancer(&self, name: &str) -> LoadBalancerDescription {
        self.create(LoadBalancerKind::Network, name)
    }

    fn create(&self, kind: LoadBalancerKind, name: &str) -> LoadBalancerDescription {
        let mut state = self.inner.lock();
        let number = state.next_number();
        let description = LoadBalancerDescription {
            arn: arn(
                "elasticloadbalancing",
                &format!("loadbalancer/{}/{name}/{number:016x}", kind.in_arn()),
            ),
            name: name.to_owned(),
            kind,
            dns_name: "localhost".to_owned(),
        };
        state.load_balancers.push(description.clone());
        description
    }

    pub fn create_target_group(&self, settings: TargetGroupSettings) -> TargetGroupDescription {
        let mut state = self.inner.lock();
        let number = state.next_number();
        let arn = arn(
            "elasticloadbalancing",
            &format!("targetgroup/{}/{number:016x}", settings.name),
        );
        state
            .target_groups
            .push(TargetGroup::new(arn.clone(), settings.clone()));
        TargetGroupDescription {
            arn,
            settings,
            load_balancer_arns: Vec::new(),
        }
    }

    /// Adds a rule: requests that meet these conditions are forwarded there, regardless of the listener's default action.
    /// Returns its ARN; `None` if there is no such listener.
    pub fn add_rule(
        &self,
        listener_arn: &str,
        priority: u32,
        conditions: Vec<Condition>,
        forward: Vec<Forward>,
    ) -> Option<String> {
        let mut state = self.inner.lock();
        let number = state.next_number();
        let mut listeners = state.listeners.iter_mut();
        let listener = listeners.find(|listener| listener.arn == listener_arn)?;
        let arn = format!("{}/{number:016x}", rule_prefix(&listener.arn));
        listener.rules.push(Rule {
            arn: arn.clone(),
            priority,
            conditions,
            nodes: self.inner.nodes.of_listener(&forward),
            distribution: Distribution::new(forward),
            sticks_for: None,
        });
        listener.rules.sort_by_key(|rule| rule.priority);
        drop(state);
        self.inner.usage_changed.notify_waiters();
        self.inner.health_changed.notify_waiters();
        Some(arn)
    }

    /// What a rule forwards, a listener's default one included; `None` if there is no such rule.
    pub fn rule_forward(&self, rule_arn: &str) -> Option<Vec<Forward>> {
        let state = self.inner.lock();
        state.listeners.iter().find_map(|listener| {
            if whole_listener(&listener.arn) == rule_arn {
                return Some(listener.distribution.forward());
            }
            let mut rules = listener.rules.iter();
            let rule = rules.find(|rule| rule.arn == rule_arn)?;
            Some(rule.distribution.forward())
        })
    }

    /// Changes what a rule forwards, a listener's default one included.
    pub fn set_rule_forward(&self, rule_arn: &str, forward: Vec<Forward>) {
        let listener = {
            let mut state = self.inner.lock();
            let now = self.inner.clock.now();
            let mut rules = state
                .listeners
                .iter_mut()
                .flat_map(|listener| &mut listener.rules);
            match rules.find(|rule| rule.arn == rule_arn) {
                Some(rule) => {
                    rule.set(now, forward.clone());
                    None
                }
                None => {
                    let mut listeners = state.listeners.iter();
                    let found = listeners.find(|known| whole_listener(&known.arn) == rule_arn);
                    found.map(|listener| listener.arn.clone())
                }
            }
        };
        if let Some(listener) = listener {
            self.set_forward(&listener, forward);
        }
        self.inner.usage_changed.notify_waiters();
        self.inner.health_changed.notify_waiters();
    }

    /// Changes for how long a rule keeps clients, a listener's default one included.
    pub fn set_stickiness(&self, rule_arn: &str, sticks_for: Option<Duration>) {
        for listener in &mut self.inner.lock().listeners {
            if whole_listener(&listener.arn) == rule_arn {
                listener.sticks_for = sticks_for;
            }
            let rules = listener.rules.iter_mut();
            let named = rules.filter(|rule| rule.arn == rule_arn);
            named.for_each(|rule| rule.sticks_for = sticks_for);
        }
    }

    /// Changes a rule's conditions.
    pub fn set_rule_conditions(&self, rule_arn: &str, conditions: Vec<Condition>) {
        let mut state = self.inner.lock();
        let mut rules = state
            .listeners
            .iter_mut()
            .flat_map(|listener| &mut listener.rules);
        if let Some(rule) = rules.find(|rule| rule.arn == rule_arn) {
            rule.conditions = conditions;
        }
    }

    /// Changes the listener's action. Each node applies it from the next request on after it has received the change.
    pub fn set_forward(&self, listener_arn: &str, forward: Vec<Forward>) {
        let mut state = self.inner.lock();
        if let Some(listener) = state
            .listeners
            .iter_mut()
            .find(|listener| listener.arn == listener_arn)
        {
            let now = self.inner.clock.now();
            listener.own_answer = None;
            for node in &mut listener.nodes {
                node.announce(now, &forward);
            }
            listener.distribution = Distribution::new(forward);
        }
        drop(state);
        self.inner.usage_changed.notify_waiters();
        self.inner.health_changed.notify_waiters();
    }

    /// Changes every rule of the listener that forwards to one of these target groups.
    pub fn set_rules(&self, listener_arn: &str, forward: &[Forward]) {
        let mut state = self.inner.lock();
        let mut listeners = state.listeners.iter_mut();
        if let Some(listener) = listeners.find(|listener| listener.arn == listener_arn) {
            for rule in &mut listener.rules {
                let mut targets = forward.iter();
                if targets.any(|to| rule.distribution.names(&to.target_group_arn)) {
                    rule.set(self.inner.clock.now(), forward.to_vec());
                }
            }
        }
        drop(state);
        self.inner.usage_changed.notify_waiters();
        self.inner.health_changed.notify_waiters();
    }

    pub fn register_target(&self, target_group_arn: &str, target: Target) {
        let mut state = self.inner.lock();
        let registration = state.next_number();
        let health = if state.is_in_use(target_group_arn) {
            Health::Registering
        } else {
            Health::Unused
        };
        if let Some(group) = state.target_group(target_group_arn) {
            group.register(registration, target, health);
            state.note(self.inner.clock.now(), target_group_arn, registration);
            drop(state);
            self.inner.clock.spawn(health::watch(
                self.inner.clone(),
                target_group_arn.to_owned(),
                registration,
            ));
            self.inner.health_changed.notify_waiters();
        }
    }

    /// A target's process has started again and listens there; the target keeps its registration and its health.
    pub fn set_process(&self, group: &str, target: (&str, u16), process: SocketAddr) {
        self.inner.set_process(group, target, process);
    }

    /// Drains the target: it gets no new requests, and those in flight end. It is returned as draining until the
    /// deregistration delay is over, even without requests in flight.
    pub fn deregister_target(&self, target_group_arn: &str, id: &str, port: u16) {
        let Some((registration, delay)) = self.inner.drain(target_group_arn, id, port) else {
            return;
        };
        let over = self.inner.clock.now() + delay;
        let (inner, group) = (self.inner.clone(), target_group_arn.to_owned());
        self.inner.clock.spawn(async move {
            // Patient, because nothing waits for the end of the delay, so the clock need not jump to it.
            inner.clock.wait_until(over).await;
            inner.end_delay(&group, registration);
        });
    }

    /// Returns `None` if there is no such target group.
    pub fn target_health(&self, target_group_arn: &str) -> Option<Vec<TargetHealth>> {
        let mut state = self.inner.lock();
        let in_use = state.is_in_use(target_group_arn);
        let registered = state.target_group(target_group_arn)?.registered.values();
        let described = registered.map(|registered| {
            // The checks notice with a delay that a group comes into use or goes out of use, so that is derived here.
            let health = match (&registered.health, in_use) {
                (Health::Draining, _) => &Health::Draining,
                (_, false) => &Health::Unused,
                (Health::Unused, true) => &Health::Registering,
                (health, true) => health,
            };
            health.describe(&registered.target.id, registered.target.port)
        });
        Some(described.collect())
    }

    /// Returns the number of requests in flight to a group's targets.
    pub fn in_flight(&self, target_group_arn: &str) -> usize {
        self.inner
            .lock()
            .target_group(target_group_arn)
            .map_or(0, |group| group.in_flight())
    }

    pub fn load_balancers(&self) -> Vec<LoadBalancerDescription> {
        self.inner.lock().load_balancers.clone()
    }

    pub fn target_groups(&self) -> Vec<TargetGroupDescription> {
        let state = self.inner.lock();
        let describe = |group: &TargetGroup| {
            let listeners = state
                .listeners
                .iter()
                .filter(|listener| listener.names(&group.arn));
            let mut load_balancer_arns: Vec<String> =
                listeners.map(|l| l.load_balancer_arn.clone()).collect();
            load_balancer_arns.sort();
            load_balancer_arns.dedup();
            TargetGroupDescription {
                arn: group.arn.clone(),
                settings: group.settings.clone(),
                load_balancer_arns,
            }
        };
        state.target_groups.iter().map(describe).collect()
    }

    /// Changes how long the group's targets drain from now on.
    pub fn set_deregistration_delay(&self, arn: &str, delay: Duration) {
        if let Some(group) = self.inner.lock().target_group(arn) {
            group.settings.deregistration_delay = delay;
        }
    }

    /// The port of a target that is registered without one.
    pub fn target_group_port(&self, arn: &str) -> Option<u16> {
        let mut state = self.inner.lock();
        state.target_group(arn).map(|group| group.settings.port)
    }

    pub fn listeners(&self) -> Vec<ListenerDescription> {
        self.inner
            .lock()
            .listeners
            .iter()
            .map(Listener::describe)
            .collect()
    }

    /// Returns a listener's responses so far, by the version in their `x-version` header.
    pub fn traffic(&self, listener_arn: &str) -> Traffic {
        let state = self.inner.lock();
        let listener = state
            .listeners
            .iter()
            .find(|listener| listener.arn == listener_arn);
        listener
            .map(|listener| listener.traffic.clone())
            .unwrap_or_default()
    }

    /// Returns every response of a listener so far, in order.
    pub fn answers(&self, listener_arn: &str) -> Vec<Answer> {
        let state = self.inner.lock();
        let mut listeners = state.listeners.iter();
        let listener = listeners.find(|listener| listener.arn == listener_arn);
        listener
            .map(|listener| listener.answers.clone())
            .unwrap_or_default()
    }

    /// Returns the addresses at which a listener is reached.
    pub fn addresses(&self, listener_arn: &str) -> Vec<IpAddr> {
        let state = self.inner.lock();
        let mut listeners = state.listeners.iter();
        let listener = listeners.find(|listener| listener.arn == listener_arn);
        listener.map_or_else(Vec::new, |listener| listener.addresses.clone())
    }

    /// Keeps no answer and no change of a target's health any more.
    pub(crate) fn keep_no_history(&self) {
        let mut state = self.inner.lock();
        state.keeps_nothing = true;
        state.health_changes = Vec::new();
        for listener in &mut state.listeners {
            listener.answers = Vec::new();
        }
    }

    /// Returns every change of a target's health, in order.
    pub fn health_changes(&self) -> Vec<HealthChange> {
        self.inner.lock().health_changes.clone()
    }

    /// Completes with the next change of any target's health.
    pub fn health_changed(&self) -> Notified<'_> {
        self.inner.health_changed.notified()
    }
}

#[cfg(test)]
mod tests;
