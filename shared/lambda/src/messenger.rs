//! Publishes outcomes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws::CallFailed;
use aws::sns::Sns;
use rules::environment::Settings;
use rules::message;
use rules::names::PipelineName;
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

/// What was published of an event. The same event may meet another state when it comes again: what says something else is published.
#[derive(Debug, PartialEq, Eq)]
struct Published {
    event: String,
    pipeline: Option<PipelineName>,
    summary: String,
}

impl Past {
    /// None where the event has no id.
    fn of_event(&self, outcome: &Outcome) -> Option<Published> {
        Some(Published {
            event: self.event.clone()?,
            pipeline: outcome.pipeline.clone(),
            summary: outcome.summary.clone(),
        })
    }

    fn remember(&mut self, published: Published) {
        if self.published.len() == REMEMBERED {
            self.published.pop_front();
        }
        self.published.push_back(published);
    }
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
        let this = self.past().of_event(outcome);
        if let Some(this) = &this
            && self.past().published.contains(this)
        {
            tracing::info!(outcome = outcome_code, "outcome published before");
            return Ok(());
        }
        let message = message::render(outcome, settings);
        let published = self.sns.publish(&settings.topic, &message).await;
        match (&published, this) {
            (Ok(()), Some(this)) => self.past().remember(this),
            (Ok(()), None) => {}
            (Err(failed), _) => {
                tracing::error!(outcome = outcome_code, error = %failed, summary = outcome.summary, "outcome not published");
            }
        }
        published
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rules::names::{Digest, Image};

    use super::*;

    fn refused(digit: &str) -> Outcome {
        let digest: Digest = format!("sha256:{}", digit.repeat(64)).parse().unwrap();
        let image = Image {
            repository: "shop/web".parse().unwrap(),
            digest,
            tag: None,
        };
        Outcome::push_without_configuration(image, "wrong")
    }

    #[test]
    fn what_says_something_else_is_another_message() {
        let mut past = Past::default();
        assert!(past.of_event(&refused("1")).is_none(), "it has no id");
        past.event = Some("e-1".to_owned());
        let first = past.of_event(&refused("1")).unwrap();
        past.remember(first);
        let is_published = |past: &Past, outcome: &Outcome| {
            past.published.contains(&past.of_event(outcome).unwrap())
        };
        assert!(is_published(&past, &refused("1")));
        assert!(!is_published(&past, &refused("2")));
        past.event = Some("e-2".to_owned());
        assert!(!is_published(&past, &refused("1")));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut past = Past::default();
        for number in 0..=REMEMBERED {
            past.event = Some(number.to_string());
            let this = past.of_event(&refused("1")).unwrap();
            past.remember(this);
        }
        assert_eq!(past.published.len(), REMEMBERED);
        assert_eq!(past.published.front().unwrap().event, "1");
    }
}
