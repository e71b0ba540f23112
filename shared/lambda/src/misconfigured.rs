//! Tells people of an event that met a wrong configuration.

use std::fs;

use rules::names::TopicArn;
use rules::outcome::Outcome;
use serde_json::Value;

use crate::{Failure, Messenger, Misconfigured};

/// Publishes what `of` makes of the event, the topic, the configuration file as it is and what is wrong with it. Returns the failure
/// of the invocation: the event is kept, and the alarm says so.
pub async fn fail_misconfigured(
    messenger: &Messenger,
    misconfigured: &Misconfigured,
    event: &Value,
    of: impl FnOnce(&Value, &TopicArn, Option<&str>, &str) -> Option<Outcome>,
) -> Failure {
    let failure = Failure::from(misconfigured);
    if let Some(settings) = &misconfigured.settings {
        let file = fs::read_to_string(&settings.config).ok();
        let problems = failure.to_string();
        if let Some(outcome) = of(event, &settings.topic, file.as_deref(), &problems) {
            messenger.try_publish(settings, &outcome).await;
        }
    }
    failure
}
