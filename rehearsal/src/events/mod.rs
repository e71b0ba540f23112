//! The local EventBridge: events in, rules of `template.yaml` matched, functions invoked asynchronously.

mod held;
mod matcher;
mod pattern;
mod schedule;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;
use crate::identity::{ACCOUNT, Ids, REGION, arn};
use crate::lambda::Lambda;

use self::held::Held;

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
}

#[derive(Debug, Clone)]
pub enum Trigger {
    Pattern(Pattern),
    /// `rate(1 hour)`
    Schedule(Schedule),
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
    delivered: Mutex<Vec<(Value, Vec<String>)>>,
    held: Held,
}

impl EventBus {
    /// Begins to deliver, schedules included: the first look of a `rate(…)` comes one period from now.
    pub fn start(clock: Clock, rules: Vec<Rule>, lambda: Lambda) -> EventBus {
        let inner = Inner {
            clock,
            rules,
            lambda,
            ids: Ids::default(),
            delivered: Mutex::default(),
            held: Held::default(),
        };
        let bus = EventBus {
            inner: Arc::new(inner),
        };
        for rule in &bus.inner.rules {
            if let Trigger::Schedule(schedule) = &rule.trigger {
                tokio::spawn(bus.clone().keep_schedule(rule.clone(), *schedule));
            }
        }
        bus
    }

    /// Wraps `detail` in the EventBridge envelope (id, time, account, region) and delivers it to every matching rule.
    pub fn emit(&self, source: &str, detail_type: &str, resources: Vec<String>, detail: Value) {
        let event = self.envelope(source, detail_type, resources, detail);
        if let Some(event) = self.inner.held.pass(event) {
            self.deliver(event);
        }
    }

    /// From now on what this source tells does not arrive.
    pub fn hold(&self, source: &str) {
        self.inner.held.hold(source);
    }

    /// What was held back, in order: to be delivered or lost. From now on everything arrives again.
    pub fn release(&self) -> Vec<Value> {
        self.inner.held.release()
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
        self.inner
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn keep_schedule(self, rule: Rule, schedule: Schedule) {
        let mut due = self.inner.clock.now();
        loop {
            due += schedule.period;
            // What recurs for ever is no reason for the clock to jump.
            self.inner.clock.wait_until(due).await;
            let resources = vec![arn("events", &format!("rule/{}", rule.name))];
            let event = self.envelope("aws.events", "Scheduled Event", resources, json!({}));
            self.call(&rule, &event);
            self.keep(event, vec![rule.name.clone()]);
        }
    }

    fn call(&self, rule: &Rule, event: &Value) {
        let payload = rule.input.clone().unwrap_or_else(|| event.clone());
        // A rule of the template names a function of the template: `Template::read` makes both.
        let _ = self.inner.lambda.invoke_async(&rule.function, payload);
    }

    fn keep(&self, event: Value, rules: Vec<String>) {
        self.inner
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((event, rules));
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

/// `2026-10-14T09:21:47Z`: an envelope's time has whole seconds.
fn rfc3339_seconds(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let moment = moment.replace_nanosecond(0).unwrap_or(moment);
    moment.format(&Rfc3339).unwrap_or_default()
}
