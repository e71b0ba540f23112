//! Events that wait for delivery: a scenario holds them back, so that they arrive late, in another order or never.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The sources whose events are held back, and their events since.
#[derive(Default)]
pub(super) struct DeliveryQueue(Mutex<State>);

#[derive(Default)]
struct State {
    sources: BTreeSet<String>,
    events: Vec<Value>,
}

impl DeliveryQueue {
    pub(super) fn hold(&self, source: &str) {
        self.lock().sources.insert(source.to_owned());
    }

    /// Returns the event unless its source is held back.
    pub(super) fn pass(&self, event: Value) -> Option<Value> {
        let mut state = self.lock();
        let source = event["source"].as_str().unwrap_or_default();
        if !state.sources.contains(source) {
            return Some(event);
        }
        state.events.push(event);
        None
    }

    /// Stops holding events back, and returns those that were held back, in order.
    pub(super) fn release(&self) -> Vec<Value> {
        std::mem::take(&mut *self.lock()).events
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_events_of_held_sources_wait_until_the_release() {
        let queue = DeliveryQueue::default();
        let event = |source: &str, number: u32| json!({ "source": source, "number": number });
        assert!(queue.pass(event("aws.ecr", 1)).is_some());
        queue.hold("aws.ecr");
        assert!(queue.pass(event("aws.codedeploy", 2)).is_some());
        assert!(queue.pass(event("aws.ecr", 3)).is_none());
        assert!(queue.pass(event("aws.ecr", 4)).is_none());
        assert_eq!(queue.release(), [event("aws.ecr", 3), event("aws.ecr", 4)]);
        assert!(queue.pass(event("aws.ecr", 5)).is_some());
        assert_eq!(queue.release(), [Value::Null; 0]);
    }
}
