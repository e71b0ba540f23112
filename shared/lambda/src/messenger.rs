//! Publishes outcomes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws::CallFailed;
use aws::sns::Sns;
use rules::environment::Settings;
use rules::message;
use rules::names::{DeploymentId, PipelineName};
use rules::outcome::Outcome;
use serde_json::Value;

/// How many outcomes are remembered: an event that failed is delivered again within minutes.
const REMEMBERED: usize = 200;

/// Publishes outcomes.
///
/// Lambda delivers an event that failed again, usually to the same process. What was published of it is not published a second time
/// as long as the process lives; another one repeats it, because SNS does not show what it has taken.
#[derive(Debug, Clone)]
pub struct Messenger {
    sns: Sns,
    past: Arc<Mutex<Past>>,
}

#[derive(Debug, Default)]
struct Past {
    /// The id of the event that the invocation is about; none where it has none.
    event: Option<String>,
    /// The oldest first.
    published: VecDeque<Published>,
}

/// An outcome, as far as it tells one of an event from another.
#[derive(Debug, PartialEq, Eq)]
struct Published {
    event: String,
    pipeline: Option<PipelineName>,
    deployment: Option<DeploymentId>,
    outcome: &'static str,
}

impl Messenger {
    /// Over this client.
    pub fn new(sns: Sns) -> Self {
        Self {
            sns,
            past: Arc::default(),
        }
    }

    /// Notes which event is handled from now on; a process handles one at a time. A person's request has no id, and is not
    /// delivered again by itself.
    pub fn begin(&self, event: &Value) {
        self.past().event = event["id"].as_str().map(ToOwned::to_owned);
    }

    /// Publishes an outcome that a later one repeats or explains: a failure is logged, and no error.
    pub async fn try_publish(&self, settings: &Settings, outcome: &Outcome) {
        // The failure is in the log already.
        let _ = self.publish(settings, outcome).await;
    }

    /// Publishes an outcome, unless it was when the same event came before.
    ///
    /// # Errors
    /// SNS did not take it, or it is not known whether it did. The log has the summary.
    pub async fn publish(&self, settings: &Settings, outcome: &Outcome) -> Result<(), CallFailed> {
        let outcome_code = outcome.event.code();
        let this = self.of_event(outcome);
        if let Some(this) = &this
            && self.past().published.contains(this)
        {
            tracing::info!(outcome = outcome_code, "outcome published before");
            return Ok(());
        }
        let message = message::render(outcome, settings);
        let published = self.sns.publish(&settings.topic, &message).await;
        match (&published, this) {
            (Ok(()), Some(this)) => self.remember(this),
            (Ok(()), None) => {}
            (Err(failed), _) => {
                tracing::error!(outcome = outcome_code, error = %failed, summary = outcome.summary, "outcome not published");
            }
        }
        published
    }

    fn of_event(&self, outcome: &Outcome) -> Option<Published> {
        Some(Published {
            event: self.past().event.clone()?,
            pipeline: outcome.pipeline.clone(),
            deployment: outcome.deployment.clone(),
            outcome: outcome.event.code(),
        })
    }

    fn remember(&self, published: Published) {
        let mut past = self.past();
        if past.published.len() == REMEMBERED {
            past.published.pop_front();
        }
        past.published.push_back(published);
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
