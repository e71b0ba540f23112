//! Tells people.

use aws::sns::Sns;
use rules::environment::Settings;
use rules::message;
use rules::outcome::Outcome;

/// Publishes outcomes.
#[derive(Debug, Clone)]
pub struct Messenger {
    sns: Sns,
}

impl Messenger {
    /// Over this client.
    pub fn new(sns: Sns) -> Self {
        Self { sns }
    }

    /// Publishes an outcome. A deployment does not depend on it: what cannot be published is logged.
    pub async fn publish(&self, settings: &Settings, outcome: &Outcome) {
        let message = message::render(outcome, settings.format, &settings.topic);
        let published = self
            .sns
            .publish(&settings.topic, message.subject.as_deref(), &message.body)
            .await;
        let outcome_code = outcome.event.code();
        if let Err(failed) = published {
            tracing::error!(outcome = outcome_code, error = %failed, summary = outcome.summary, "outcome not published");
        }
    }
}
