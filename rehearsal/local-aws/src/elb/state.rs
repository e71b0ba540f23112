//! The state of all load balancers, behind one lock.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::sync::Notify;

use crate::clock::{Busy, Clock};
use crate::elb::forward::Distribution;
use crate::elb::health::Health;
use crate::elb::node::{Node, Nodes};
use crate::elb::rule::{Asked, Rule};
use crate::elb::stickiness;
use crate::elb::tls::Protocol;
use crate::elb::{
    Answer, Answering, HealthChange, LoadBalancerDescription, OwnAnswer, Secured, Target,
    TargetGroupSettings, Traffic,
};

pub(super) struct Inner {
    pub(super) clock: Clock,
    pub(super) nodes: Nodes,
    pub(super) client: Client<HttpConnector, Body>,
    state: Mutex<State>,
    /// A listener's action has changed: target groups come into use or go out of use.
    pub(super) usage_changed: Notify,
    pub(super) health_changed: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) load_balancers: Vec<LoadBalancerDescription>,
    pub(super) target_groups: Vec<TargetGroup>,
    pub(super) listeners: Vec<Listener>,
    pub(super) created_ever: u64,
    /// Connections so far, by listener.
    connections: BTreeMap<String, usize>,
    pub(super) health_changes: Vec<HealthChange>,
    /// Neither answers nor changes of health are kept.
    pub(super) keeps_nothing: bool,
}

pub(super) struct TargetGroup {
    pub(super) arn: String,
    pub(super) settings: TargetGroupSettings,
    pub(super) registered: BTreeMap<u64, Registered>,
    /// The request counter of the round robin among targets.
    turn: usize,
}

pub(super) struct Registered {
    pub(super) target: Target,
    pub(super) health: Health,
    /// The number of requests in flight to the target.
    in_flight: usize,
    /// While a draining target answers, the clock does not jump.
    draining: Option<Busy>,
    /// Since when it drains, if it was healthy: a node that has not received the change still routes to it.
    drained_at: Option<SystemTime>,
    delay: Delay,
}

/// The deregistration delay of a draining target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delay {
    Running,
    Over,
}

pub(super) struct Listener {
    pub(super) arn: String,
    pub(super) load_balancer_arn: String,
    pub(super) port: u16,
    pub(super) asked_port: u16,
    pub(super) protocol: Protocol,
    pub(super) addresses: Vec<IpAddr>,
    /// The listener's action, as AWS describes it.
    pub(super) distribution: Distribution,
    /// What it answers itself, where its action forwards nothing.
    pub(super) own_answer: Option<OwnAnswer>,
    pub(super) secured: Option<Secured>,
    /// The actions that its nodes apply.
    pub(super) nodes: Vec<Node>,
    /// For how long a client stays with a target group of the action.
    pub(super) sticks_for: Option<Duration>,
    /// By priority.
    pub(super) rules: Vec<Rule>,
    /// The target group and the registration that each open connection of a Network Load Balancer is with.
    pub(super) pinned: BTreeMap<usize, (String, u64)>,
    pub(super) traffic: Traffic,
    pub(super) answers: Vec<Answer>,
}

/// The next step for a registered target.
pub(super) enum Check {
    NotInUse,
    Ask {
        target: SocketAddr,
        health: Health,
        settings: Box<TargetGroupSettings>,
    },
}

/// Where a request goes.
#[derive(Default)]
pub(super) struct Routed {
    /// The rule that it meets; `None` for the default one.
    pub(super) rule: Option<String>,
    /// For how long the client is kept at the target group that it gets.
    pub(super) sticks_for: Option<Duration>,
    /// `None` if there is no target.
    pub(super) ticket: Option<Ticket>,
    pub(super) own_answer: Option<OwnAnswer>,
}

/// A request's slot at a target; released on drop.
pub(super) struct Ticket {
    inner: Arc<Inner>,
    registration: u64,
    pub(super) target: Answering,
    pub(super) process: SocketAddr,
    pub(super) version: Option<String>,
}

impl Inner {
    pub(super) fn new(clock: Clock, nodes: Nodes) -> Inner {
        let client = Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let (usage_changed, health_changed) = (Notify::new(), Notify::new());
        Inner {
            clock,
            nodes,
            client,
            state: Mutex::default(),
            usage_changed,
            health_changed,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next step for a registration; `None` once it is over.
    pub(super) fn check(&self, group: &str, registration: u64) -> Option<Check> {
        let mut state = self.lock();
        let (arn, in_use) = (group, state.is_in_use(group));
        let group = state.target_group(group)?;
        let settings = Box::new(group.settings.clone());
        let registered = group.registered.get_mut(&registration)?;
        match (&registered.health, in_use) {
            (Health::Draining, _) => None,
            (_, false) => {
                registered.health = Health::Unused;
                state.note(self.clock.now(), arn, registration);
                Some(Check::NotInUse)
            }
            (health, true) => {
                if *health == Health::Unused {
                    registered.health = Health::Registering;
                }
                let (target, health) = (registered.target.process, registered.health.clone());
                state.note(self.clock.now(), arn, registration);
                Some(Check::Ask {
                    target,
                    health,
                    settings,
                })
            }
        }
    }

    /// A registered target is another process from now on.
    pub(super) fn set_process(&self, group: &str, (id, port): (&str, u16), process: SocketAddr) {
        let mut state = self.lock();
        let Some(group) = state.target_group(group) else {
            return;
        };
        for registered in group.registered.values_mut() {
            if (registered.target.id.as_str(), registered.target.port) == (id, port) {
                registered.target.process = process;
            }
        }
    }

    pub(super) fn set_health(&self, group: &str, registration: u64, health: Health) {
        let mut state = self.lock();
        let in_use = state.is_in_use(group);
        let registered = state
            .target_group(group)
            .and_then(|group| group.registered.get_mut(&registration));
        if let Some(registered) =
            registered.filter(|registered| in_use && registered.health != Health::Draining)
            && registered.health != health
        {
            registered.health = health;
            state.note(self.clock.now(), group, registration);
            drop(state);
            self.health_changed.notify_waiters();
        }
    }

    /// Counts a new connection to a listener and returns its number.
    pub(super) fn connect(&self, listener_arn: &str) -> usize {
        let mut state = self.lock();
        let connections = state.connections.entry(listener_arn.to_owned());
        let connections = connections.or_default();
        *connections += 1;
        *connections - 1
    }

    /// A connection to a listener has ended.
    pub(super) fn disconnect(&self, listener_arn: &str, connection: usize) {
        if let Some(listener) = self.lock().listener(listener_arn) {
            listener.pinned.remove(&connection);
        }
    }

    /// Selects the rule that the listener's next request meets, and its target.
    pub(super) fn route(
        self: &Arc<Inner>,
        listener_arn: &str,
        connection: usize,
        asked: &Asked<'_>,
    ) -> Routed {
        let mut state = self.lock();
        let Some(listener) = state.listener(listener_arn) else {
            return Routed::default();
        };
        let rule = listener.rules.iter().position(|rule| rule.is_met(asked));
        let of_default = listener.own_answer.clone().filter(|_| rule.is_none());
        Routed {
            own_answer: of_default,
            rule: rule.map(|rule| listener.rules[rule].arn.clone()),
            sticks_for: match rule {
                Some(rule) => listener.rules[rule].sticks_for,
                None => listener.sticks_for,
            },
            ticket: self.target(&mut state, listener_arn, connection, rule, asked),
        }
    }

    /// The target of a request that meets this rule of the listener; `None` if there is none.
    fn target(
        self: &Arc<Inner>,
        state: &mut State,
        listener_arn: &str,
        connection: usize,
        rule: Option<usize>,
        asked: &Asked<'_>,
    ) -> Option<Ticket> {
        let now = self.clock.now();
        let listener = state.listener(listener_arn)?;
        let is_pinning = listener.protocol == Protocol::Tcp;
        if let Some((group, registration)) = listener.pinned.get(&connection).cloned() {
            let target = state
                .target_group(&group)?
                .take(registration, &self.clock)?;
            return Some(self.ticket(group, registration, target));
        }
        let number = connection % listener.nodes.len().max(1);
        let (nodes, is_sticky) = match rule {
            Some(rule) => {
                let rule = listener.rules.get_mut(rule)?;
                (&mut rule.nodes, rule.sticks_for.is_some())
            }
            None => (&mut listener.nodes, listener.sticks_for.is_some()),
        };
        let node = nodes.get_mut(number)?;
        let known_until = node.knows_until(now);
        let distribution = node.distribution(now);
        let kept = stickiness::kept(asked.headers, distribution, now).filter(|_| is_sticky);
        let group = match kept {
            Some(kept) => kept,
            None => distribution.next()?.to_owned(),
        };
        let group_state = state.target_group(&group)?;
        let (registration, target) = group_state.take_turn(known_until, &self.clock)?;
        if let Some(listener) = state.listener(listener_arn).filter(|_| is_pinning) {
            listener
                .pinned
                .insert(connection, (group.clone(), registration));
        }
        Some(self.ticket(group, registration, target))
    }

    fn ticket(self: &Arc<Inner>, group: String, registration: u64, target: Target) -> Ticket {
        Ticket {
            inner: self.clone(),
            registration,
            process: target.process,
            version: target.version,
            target: Answering {
                target_group_arn: group,
                id: target.id,
                port: target.port,
            },
        }
    }

    /// Counts a response of the listener.
    pub(super) fn count(&self, listener_arn: &str, answer: Answer) {
        let mut state = self.lock();
        let is_kept = !state.keeps_nothing;
        if let Some(listener) = state.listener(listener_arn) {
            listener.traffic.count(&answer);
            if is_kept {
                listener.answers.push(answer);
            }
        }
    }

    /// Starts to drain a target; returns its registration and the group's deregistration delay, or `None` if there is
    /// no such target.
    pub(super) fn drain(&self, group: &str, id: &str, port: u16) -> Option<(u64, Duration)> {
        let mut state = self.lock();
        let arn = group;
        let group = state.target_group(arn)?;
        let delay = group.settings.deregistration_delay;
        let (&registration, registered) = group.registered.iter_mut().find(|(_, registered)| {
            (registered.target.id.as_str(), registered.target.port) == (id, port)
        })?;
        let was_healthy = registered.health == Health::Healthy;
        registered.drained_at = was_healthy.then(|| self.clock.now());
        registered.health = Health::Draining;
        registered.draining = (registered.in_flight > 0).then(|| self.clock.busy());
        state.note(self.clock.now(), arn, registration);
        drop(state);
        self.health_changed.notify_waiters();
        self.usage_changed.notify_waiters();
        Some((registration, delay))
    }

    /// Removes a draining target, now or with its last response.
    pub(super) fn end_delay(&self, group: &str, registration: u64) {
        let mut state = self.lock();
        if let Some(group) = state.target_group(group) {
            if let Some(registered) = group.registered.get_mut(&registration) {
                registered.delay = Delay::Over;
            }
            group.forget_drained();
        }
        drop(state);
        self.health_changed.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        let Some(group) = state.target_group(&self.target.target_group_arn) else {
            return;
        };
        if let Some(registered) = group.registered.get_mut(&self.registration) {
            registered.in_flight -= 1;
            if registered.in_flight == 0 {
                registered.draining = None;
            }
        }
        let before = group.registered.len();
        group.forget_drained();
        let is_one_gone = group.registered.len() < before;
        drop(state);
        // Most requests change no target's health.
        if is_one_gone {
            self.inner.health_changed.notify_waiters();
        }
    }
}

impl State {
    fn listener(&mut self, arn: &str) -> Option<&mut Listener> {
        self.listeners
            .iter_mut()
            .find(|listener| listener.arn == arn)
    }

    pub(super) fn target_group(&mut self, arn: &str) -> Option<&mut TargetGroup> {
        self.target_groups.iter_mut().find(|group| group.arn == arn)
    }

    /// Records a target's health if it has changed.
    pub(super) fn note(&mut self, at: SystemTime, group: &str, registration: u64) {
        if self.keeps_nothing {
            return;
        }
        let registered = self.target_group(group);
        let Some(registered) = registered.and_then(|group| group.registered.get(&registration))
        else {
            return;
        };
        let (id, port) = (registered.target.id.clone(), registered.target.port);
        let state = registered.health.describe(&id, port).state;
        let target = Answering {
            target_group_arn: group.to_owned(),
            id,
            port,
        };
        let mut before = self.health_changes.iter().rev();
        let before = before.find(|change| change.target == target);
        if before.is_none_or(|before| before.state != state) {
            self.health_changes.push(HealthChange { at, target, state });
        }
    }

    /// Whether a listener's action or rule contains the group, with any weight.
    pub(super) fn is_in_use(&self, group: &str) -> bool {
        self.listeners.iter().any(|listener| listener.names(group))
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.created_ever += 1;
        self.created_ever
    }
}

impl TargetGroup {
    pub(super) fn new(arn: String, settings: TargetGroupSettings) -> TargetGroup {
        TargetGroup {
            arn,
            settings,
            registered: BTreeMap::new(),
            turn: 0,
        }
    }

    /// A target that is registered again while it drains is a new registration.
    pub(super) fn register(&mut self, registration: u64, target: Target, health: Health) {
        self.registered.retain(|_, registered| {
            (&registered.target.id, registered.target.port) != (&target.id, target.port)
        });
        self.registered.insert(
            registration,
            Registered {
                target,
                health,
                in_flight: 0,
                draining: None,
                drained_at: None,
                delay: Delay::Running,
            },
        );
    }

    /// Returns the next healthy target. If none is healthy, every registered target gets requests: ALB fails open.
    ///
    /// A target that began to drain after `known_until` still counts as healthy for the selecting node.
    fn take_turn(&mut self, known_until: SystemTime, clock: &Clock) -> Option<(u64, Target)> {
        let with = |wanted: &dyn Fn(&Registered) -> bool| -> Vec<u64> {
            let chosen = self
                .registered
                .iter()
                .filter(|(_, registered)| wanted(registered));
            chosen.map(|(registration, _)| *registration).collect()
        };
        let healthy = with(&|registered| {
            let drained_at = registered.drained_at;
            registered.health == Health::Healthy || drained_at.is_some_and(|at| at > known_until)
        });
        let candidates = if healthy.is_empty() {
            with(&|registered| registered.health != Health::Draining)
        } else {
            healthy
        };
        let registration = *candidates.get(self.turn % candidates.len().max(1))?;
        self.turn = self.turn.wrapping_add(1);
        Some((registration, self.take(registration, clock)?))
    }

    /// Sends a request to this target, also to one that drains; `None` once it is gone.
    fn take(&mut self, registration: u64, clock: &Clock) -> Option<Target> {
        let registered = self.registered.get_mut(&registration)?;
        registered.in_flight += 1;
        if registered.health == Health::Draining && registered.draining.is_none() {
            registered.draining = Some(clock.busy());
        }
        Some(registered.target.clone())
    }

    pub(super) fn in_flight(&self) -> usize {
        self.registered
            .values()
            .map(|registered| registered.in_flight)
            .sum()
    }

    fn forget_drained(&mut self) {
        self.registered.retain(|_, registered| {
            registered.health != Health::Draining
                || registered.delay == Delay::Running
                || registered.in_flight > 0
        });
    }
}
