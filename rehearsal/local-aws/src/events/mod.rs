//! The local EventBridge: matches events with the rules of `template.yaml` and invokes functions asynchronously.
//!
//! Every event is delivered once and at once, unless a fault is injected or events come twice by assumption.

mod custom_bus;
mod delivery;
mod delivery_queue;
mod forwarding;
mod matcher;
mod pattern;
mod schedule;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::assumption::{Assumption, Assumptions};
use crate::clock::Clock;
use crate::events::delivery::Delivery;
use crate::identity::{Ids, Location, arn};
use crate::lambda::Lambda;
use crate::timeline::{self, Timeline};

use self::delivery_queue::DeliveryQueue;

pub use custom_bus::{CustomBus, CustomBuses, EventOnBus};
pub use delivery::{DeadLetter, DeliveryFault, Refusal, RetryPolicy};
pub use forwarding::{Buses, ForwardingRule};
pub(crate) use matcher::HINT;
pub use pattern::Pattern;
pub use schedule::Schedule;

/// A rule of the template: a pattern or a schedule, and the function that it calls.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The logical ids of the function and of the event: `StartDeploymentPush`.
    pub name: String,
    pub trigger: Trigger,
    /// Physical name of the function.
    pub function: String,
    /// The rule's constant input, which replaces the event.
    pub input: Option<Value>,
    pub retry: RetryPolicy,
    /// Logical id of the dead-letter queue.
    pub dead_letters: Option<String>,
}

impl Rule {
    pub fn arn(&self) -> String {
        arn("events", &format!("rule/{}", self.name))
    }
}

#[derive(Debug, Clone)]
pub enum Trigger {
    Pattern(Pattern),
    /// `rate(1 hour)`
    Schedule(Schedule),
}

/// The faults of the next deliveries by a rule.
struct Injected {
    rule: String,
    /// Only for events that contain this text.
    about: String,
    faults: VecDeque<Option<DeliveryFault>>,
}

/// The default event bus. Cheap to clone.
#[derive(Clone)]
pub struct EventBus {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    rules: Vec<Rule>,
    lambda: Lambda,
    ids: Ids,
    queue: DeliveryQueue,
    /// The number of times that each rule delivers an event.
    copies: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    delivered: Vec<(Value, Vec<String>)>,
    dead_letters: Vec<DeadLetter>,
    /// (rule, event) of every lost delivery.
    lost: Vec<(String, Value)>,
    injected: Vec<Injected>,
    /// Events are delivered and not kept.
    keeps_nothing: bool,
}

impl EventBus {
    /// Starts deliveries and schedules: a `rate(…)` fires first one period from now.
    pub fn start(
        clock: Clock,
        rules: Vec<Rule>,
        lambda: Lambda,
        assumptions: &Assumptions,
    ) -> EventBus {
        let inner = Inner {
            copies: if assumptions.hold(Assumption::EventsComeTwice) {
                2
            } else {
                1
            },
            clock,
            rules,
            lambda,
            ids: Ids::default(),
            queue: DeliveryQueue::default(),
            state: Mutex::default(),
        };
        let bus = EventBus {
            inner: Arc::new(inner),
        };
        for rule in &bus.inner.rules {
            if let Trigger::Schedule(schedule) = &rule.trigger {
                bus.inner
                    .clock
                    .spawn(bus.clone().keep_schedule(rule.clone(), *schedule));
            }
        }
        bus
    }

    /// Wraps `detail` in the EventBridge envelope (id, time, account, region) and delivers it to every matching rule.
    /// Returns the event's id.
    pub fn emit(
        &self,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: Value,
    ) -> String {
        self.send(self.envelope(source, detail_type, resources, detail))
    }

    /// The same for PutEvents: the timeline states which rules match it, if any.
    pub fn put(
        &self,
        (source, detail_type): (&str, &str),
        resources: Vec<String>,
        detail: Value,
        timeline: &Timeline,
    ) -> String {
        let event = self.envelope(source, detail_type, resources, detail);
        self.state_rules(&event, timeline);
        self.send(event)
    }

    fn send(&self, event: Value) -> String {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        if let Some(event) = self.inner.queue.pass(event) {
            self.deliver(event);
        }
        id
    }

    /// Holds back events of this source from now on.
    pub fn hold(&self, source: &str) {
        self.inner.queue.hold(source);
    }

    /// Stops holding back, and returns the held events, in order: the caller delivers or drops them.
    pub fn release(&self) -> Vec<Value> {
        self.inner.queue.release()
    }

    /// Injects these faults into the rule's (`StartDeploymentPush`) next deliveries, one each, in order; `None` lets
    /// one pass. Faults that were injected before come first.
    pub fn inject(&self, rule: &str, faults: impl IntoIterator<Item = Option<DeliveryFault>>) {
        self.inject_about(rule, "", faults);
    }

    /// The same for the rule's next deliveries of events that contain this text, such as a service's name.
    pub fn inject_about(
        &self,
        rule: &str,
        about: &str,
        faults: impl IntoIterator<Item = Option<DeliveryFault>>,
    ) {
        self.inner.lock().injected.push(Injected {
            rule: rule.to_owned(),
            about: about.to_owned(),
            faults: faults.into_iter().collect(),
        });
    }

    /// Ends all faults of later deliveries. Those that are delayed already stay delayed.
    pub fn calm(&self) {
        self.inner.lock().injected.clear();
    }

    pub fn rules(&self) -> &[Rule] {
        &self.inner.rules
    }

    /// Returns the events that no function accepted.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.lock().dead_letters.clone()
    }

    /// Returns (rule, event) of every delivery that an injected fault lost.
    pub fn lost(&self) -> Vec<(String, Value)> {
        self.inner.lock().lost.clone()
    }

    /// Delivers a custom event: the timeline states which rules match it, if any.
    pub fn deliver_custom(&self, event: Value, timeline: &Timeline) {
        self.state_rules(&event, timeline);
        self.deliver(event);
    }

    fn state_rules(&self, event: &Value, timeline: &Timeline) {
        let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
        let rules = self.matching(event);
        timeline.record(timeline::Event::EventArrived {
            source: text("source"),
            detail_type: text("detail-type"),
            rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        });
    }

    fn matching(&self, event: &Value) -> Vec<&Rule> {
        let matches = |rule: &&Rule| match &rule.trigger {
            Trigger::Pattern(pattern) => pattern.matches(event),
            Trigger::Schedule(_) => false,
        };
        self.inner.rules.iter().filter(matches).collect()
    }

    /// Delivers an envelope unchanged (sample events, duplicates).
    pub fn deliver(&self, event: Value) {
        let rules = self.matching(&event);
        for rule in &rules {
            self.call(rule, &event);
        }
        self.keep(
            event.clone(),
            rules.iter().map(|rule| rule.name.clone()).collect(),
        );
    }

    /// Returns every event received, with the names of the rules that matched.
    pub fn delivered(&self) -> Vec<(Value, Vec<String>)> {
        self.inner.lock().delivered.clone()
    }

    async fn keep_schedule(self, rule: Rule, schedule: Schedule) {
        let mut due = self.inner.clock.now();
        loop {
            due += schedule.period;
            // Patient, because the clock must not jump for a schedule that recurs forever.
            self.inner.clock.wait_until(due).await;
            let event = self.envelope("aws.events", "Scheduled Event", vec![rule.arn()], json!({}));
            self.call(&rule, &event);
            self.keep(event, vec![rule.name.clone()]);
        }
    }

    fn call(&self, rule: &Rule, event: &Value) {
        for _ in 0..self.inner.copies {
            let fault = self.next_fault(&rule.name, event);
            let delivery = Delivery {
                rule: rule.clone(),
                event: event.clone(),
            };
            delivery.start(self, fault);
        }
    }

    fn next_fault(&self, rule: &str, event: &Value) -> Option<DeliveryFault> {
        let text = event.to_string();
        let mut state = self.inner.lock();
        let mut injected = state.injected.iter_mut();
        let next = injected.find(|injected| {
            let is_meant = injected.rule == rule && text.contains(&injected.about);
            is_meant && !injected.faults.is_empty()
        });
        next?.faults.pop_front()?
    }

    fn keep(&self, event: Value, rules: Vec<String>) {
        let mut state = self.inner.lock();
        if !state.keeps_nothing {
            state.delivered.push((event, rules));
        }
    }

    /// Keeps no delivered event any more.
    pub(crate) fn keep_no_history(&self) {
        let mut state = self.inner.lock();
        state.keeps_nothing = true;
        state.delivered = Vec::new();
    }

    fn envelope(
        &self,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: Value,
    ) -> Value {
        self.envelope_of(&Location::default(), source, detail_type, resources, detail)
    }

    /// The envelope of an event of an account and Region.
    fn envelope_of(
        &self,
        location: &Location,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: Value,
    ) -> Value {
        json!({
            "version": "0",
            "id": self.inner.ids.uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": location.account,
            "time": rfc3339_seconds(self.inner.clock.now()),
            "region": location.region,
            "resources": resources,
            "detail": detail,
        })
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `2026-10-14T09:21:47Z`: an envelope's time is in whole seconds.
pub(crate) fn rfc3339_seconds(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let moment = moment.replace_nanosecond(0).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
