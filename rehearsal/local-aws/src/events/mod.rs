//! The local EventBridge: events in, rules of `template.yaml` matched, functions invoked asynchronously.
//!
//! Every delivery arrives once and at once, unless a fault is injected or events come twice by assumption.

mod delivery;
mod delivery_queue;
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
use crate::identity::{ACCOUNT, Ids, REGION, arn};
use crate::lambda::Lambda;

use self::delivery_queue::DeliveryQueue;

pub use delivery::{DeadLetter, DeliveryFault, Refusal, RetryPolicy};
pub use pattern::Pattern;
pub use schedule::Schedule;

/// A rule of the template: a pattern or a schedule, and the function that it calls.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Logical id of the function it belongs to and of the event: `StartDeploymentPush`.
    pub name: String,
    pub trigger: Trigger,
    /// Physical name of the function.
    pub function: String,
    /// What the function gets instead of the event, where the rule says so.
    pub input: Option<Value>,
    pub retry: RetryPolicy,
    /// Logical id of the queue that gets what could not be delivered.
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

/// What becomes of the next deliveries by a rule.
struct Injected {
    rule: String,
    /// Only of events that hold this text.
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
    /// How often each rule delivers an event.
    copies: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    delivered: Vec<(Value, Vec<String>)>,
    dead_letters: Vec<DeadLetter>,
    /// (rule, event) of what never arrived.
    lost: Vec<(String, Value)>,
    injected: Vec<Injected>,
}

impl EventBus {
    /// Begins to deliver, schedules included: the first look of a `rate(…)` comes one period from now.
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
    /// Gives the event's id.
    pub fn emit(
        &self,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: Value,
    ) -> String {
        let event = self.envelope(source, detail_type, resources, detail);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        if let Some(event) = self.inner.queue.pass(event) {
            self.deliver(event);
        }
        id
    }

    /// From now on what this source tells does not arrive.
    pub fn hold(&self, source: &str) {
        self.inner.queue.hold(source);
    }

    /// What was held back, in order: to be delivered or lost. From now on everything arrives again.
    pub fn release(&self) -> Vec<Value> {
        self.inner.queue.release()
    }

    /// The next deliveries by the rule (`StartDeploymentPush`) meet these faults, one each, in order; `None` lets one
    /// pass. What was said before comes first.
    pub fn inject(&self, rule: &str, faults: impl IntoIterator<Item = Option<DeliveryFault>>) {
        self.inject_about(rule, "", faults);
    }

    /// The same for the rule's next deliveries of events that hold this text, such as a service's name.
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

    /// From now on nothing goes wrong with deliveries. What is late already stays late.
    pub fn calm(&self) {
        self.inner.lock().injected.clear();
    }

    pub fn rules(&self) -> &[Rule] {
        &self.inner.rules
    }

    /// Everything that no function would take.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.lock().dead_letters.clone()
    }

    /// (rule, event) of every delivery that an injected fault lost.
    pub fn lost(&self) -> Vec<(String, Value)> {
        self.inner.lock().lost.clone()
    }

    /// Delivers an envelope as it is (sample events, duplicates).
    pub fn deliver(&self, event: Value) {
        let matching = |rule: &&Rule| match &rule.trigger {
            Trigger::Pattern(pattern) => pattern.matches(&event),
            Trigger::Schedule(_) => false,
        };
        let rules: Vec<&Rule> = self.inner.rules.iter().filter(matching).collect();
        for rule in &rules {
            self.call(rule, &event);
        }
        self.keep(
            event.clone(),
            rules.iter().map(|rule| rule.name.clone()).collect(),
        );
    }

    /// Every event that came in, with the names of the rules that matched.
    pub fn delivered(&self) -> Vec<(Value, Vec<String>)> {
        self.inner.lock().delivered.clone()
    }

    async fn keep_schedule(self, rule: Rule, schedule: Schedule) {
        let mut due = self.inner.clock.now();
        loop {
            due += schedule.period;
            // What recurs for ever is no reason for the clock to jump.
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
        self.inner.lock().delivered.push((event, rules));
    }

    fn envelope(
        &self,
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
            "account": ACCOUNT,
            "time": rfc3339_seconds(self.inner.clock.now()),
            "region": REGION,
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

/// `2026-10-14T09:21:47Z`: an envelope's time has whole seconds.
pub(crate) fn rfc3339_seconds(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let moment = moment.replace_nanosecond(0).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
