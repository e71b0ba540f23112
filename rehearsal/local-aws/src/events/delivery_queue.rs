//! Events that wait for delivery: a scenario keeps them back, so that they come late, in another order or never.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The sources whose events are held back, and what they told since.
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

    /// Gives the event back where its source may tell it now.
    pub(super) fn pass(&self, event: Value) -> Option<Value> {
        let mut state = self.lock();
        let source = event["source"].as_str().unwrap_or_default();
        if !state.sources.contains(source) {
            return Some(event);
        }
        state.events.push(event);
        None
    }

    /// Everything that was held back, in order; nothing is held back any more.
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
    fn only_the_sources_that_are_held_wait_until_they_are_released() {
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
