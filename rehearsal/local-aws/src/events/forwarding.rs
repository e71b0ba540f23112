//! The default event buses of other accounts and Regions, as far as a rule there forwards their events to the stack's bus.
//!
//! Such a rule hands an event over with its role. Both that role's policies and, in another account, the bus's own policy must
//! allow it; otherwise the event is lost, because EventBridge does not retry where permissions are missing and the rule
//! has no dead-letter queue (EventBridge User Guide, "Sending and receiving events between AWS accounts").

use std::sync::Arc;

use serde_json::Value;

use super::{EventBus, Pattern};
use crate::iam::{Guard, Iam, Permission, ResourcePolicy};
use crate::identity::{ACCOUNT, Location, arn};
use crate::timeline::Timeline;

/// A rule whose target is an event bus.
#[derive(Debug, Clone)]
pub struct ForwardingRule {
    /// The account and Region of the bus that it watches.
    pub location: Location,
    pub pattern: Pattern,
    /// ARN of the bus that gets its events.
    pub target: String,
    /// The logical id of its role.
    pub role: String,
}

/// The default event buses of every account and Region.
pub struct Buses {
    stack: EventBus,
    /// The policy of the stack's bus.
    policy: Arc<ResourcePolicy>,
    rules: Vec<ForwardingRule>,
    iam: Arc<Iam>,
    timeline: Timeline,
}

impl Buses {
    pub fn new(
        stack: EventBus,
        policy: ResourcePolicy,
        rules: Vec<ForwardingRule>,
        iam: Arc<Iam>,
        timeline: Timeline,
    ) -> Buses {
        Buses {
            stack,
            policy: Arc::new(policy),
            rules,
            iam,
            timeline,
        }
    }

    /// Emits an event on the default bus of an account and Region.
    pub fn emit(
        &self,
        location: &Location,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: Value,
    ) {
        let event = self
            .stack
            .envelope_of(location, source, detail_type, resources, detail);
        if location.is_of_stack() {
            self.stack.send(event);
            return;
        }
        for rule in &self.rules {
            if rule.location == *location && rule.pattern.matches(&event) {
                self.forward(rule, &event);
            }
        }
    }

    /// The event keeps its `account` and `region`. Events for a bus that does not exist are lost.
    fn forward(&self, rule: &ForwardingRule, event: &Value) {
        if rule.target != arn("events", "event-bus/default") {
            return;
        }
        let text = |member: &str| event[member].as_str().unwrap_or_default();
        let put = Permission::new("events:PutEvents", &rule.target)
            .with("events:source", text("source"))
            .with("events:detail-type", text("detail-type"))
            .guarded(Guard {
                account: ACCOUNT.to_owned(),
                policy: Some(self.policy.clone()),
            });
        match self.iam.check(&rule.role, &[put]) {
            Ok(()) => {
                self.stack.send(event.clone());
            }
            Err(refusal) => self.timeline.record(refusal.event()),
        }
    }
}
