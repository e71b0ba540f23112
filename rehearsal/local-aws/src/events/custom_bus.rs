//! Event buses of the stack's own. No rule of the template listens on one, so their events are kept and not delivered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::EventBus;
use crate::iam::{Guard, ResourcePolicy};
use crate::identity::{ACCOUNT, arn};

/// A resource `AWS::Events::EventBus`, with the statements of its policies.
#[derive(Debug, Clone, Default)]
pub struct CustomBus {
    pub name: String,
    pub policy: Arc<ResourcePolicy>,
}

impl CustomBus {
    pub fn arn(&self) -> String {
        arn("events", &format!("event-bus/{}", self.name))
    }

    /// Its policy decides with the caller's who may put events on it.
    pub(crate) fn guard(&self) -> Guard {
        Guard {
            account: ACCOUNT.to_owned(),
            policy: Some(self.policy.clone()),
        }
    }
}

/// An event on a bus, in its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct EventOnBus {
    pub bus: String,
    pub event: Value,
}

/// The event buses beside the default one.
pub struct CustomBuses {
    buses: Vec<CustomBus>,
    /// None once it keeps no history.
    events: Mutex<Option<Vec<EventOnBus>>>,
}

impl CustomBuses {
    pub fn new(buses: Vec<CustomBus>) -> CustomBuses {
        CustomBuses {
            buses,
            events: Mutex::new(Some(Vec::new())),
        }
    }

    /// The bus of this name or ARN.
    pub fn find(&self, bus: &str) -> Option<&CustomBus> {
        let is_called = |known: &&CustomBus| known.name == bus || known.arn() == bus;
        self.buses.iter().find(is_called)
    }

    /// Keeps an event, whose envelope the default bus writes. Returns the event's id.
    pub(crate) fn put(
        &self,
        bus: &CustomBus,
        writer: &EventBus,
        (source, detail_type): (&str, &str),
        resources: Vec<String>,
        detail: Value,
    ) -> String {
        let event = writer.envelope(source, detail_type, resources, detail);
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        if let Some(events) = self.lock().as_mut() {
            let bus = bus.name.clone();
            events.push(EventOnBus { bus, event });
        }
        id
    }

    /// Returns every event so far, in order.
    pub fn events(&self) -> Vec<EventOnBus> {
        self.lock().clone().unwrap_or_default()
    }

    /// Keeps no event any more.
    pub(crate) fn keep_no_history(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<EventOnBus>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
