//! Publishes outcomes.

use aws::CallFailed;
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

    /// Publishes an outcome that a later one repeats or explains: a failure is logged, and no error.
    pub async fn try_publish(&self, settings: &Settings, outcome: &Outcome) {
        // The failure is in the log already.
        let _ = self.publish(settings, outcome).await;
    }

    /// Publishes an outcome.
    ///
    /// # Errors
    /// SNS did not take it, or it is not known whether it did. The log has the summary.
    pub async fn publish(&self, settings: &Settings, outcome: &Outcome) -> Result<(), CallFailed> {
        let message = message::render(outcome, settings);
        let published = self.sns.publish(&settings.topic, &message).await;
        let outcome_code = outcome.event.code();
        if let Err(failed) = &published {
            tracing::error!(outcome = outcome_code, error = %failed, summary = outcome.summary, "outcome not published");
        }
        published
    }
}
