//! Tells people of an event that met a wrong configuration.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};

use rules::names::TopicArn;
use rules::outcome::Outcome;
use serde_json::Value;

use crate::{Failure, Messenger, Misconfigured};

/// The events that this process has told of, by their ids. Lambda gives a failed event to a function three times, usually to the
/// same process: what is told twice otherwise is told once, and where another process gets it the message comes again.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeSet<String>>);

impl Told {
    /// Publishes once what `of` makes of the event, the topic, the configuration file as it is and what is wrong with it. Returns the
    /// failure of the invocation: the event is kept, and the alarm says so.
    pub async fn fail(
        &self,
        messenger: &Messenger,
        misconfigured: &Misconfigured,
        event: &Value,
        of: impl FnOnce(&Value, &TopicArn, Option<&str>, &str) -> Option<Outcome>,
    ) -> Failure {
        let failure = Failure::from(misconfigured);
        let Some(settings) = &misconfigured.settings else {
            return failure;
        };
        let file = fs::read_to_string(&settings.config).ok();
        let problems = failure.to_string();
        if let Some(outcome) = of(event, &settings.topic, file.as_deref(), &problems)
            && self.is_first(event)
            && messenger.publish(settings, &outcome).await.is_err()
        {
            self.forget(event);
        }
        failure
    }

    /// A request of a person has no id, and is not delivered again by itself.
    fn is_first(&self, event: &Value) -> bool {
        let id = event["id"].as_str();
        id.is_none_or(|id| self.ids().insert(id.to_owned()))
    }

    fn forget(&self, event: &Value) {
        if let Some(id) = event["id"].as_str() {
            self.ids().remove(id);
        }
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
