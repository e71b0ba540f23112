//! Publishes outcomes: on the topic for people, and on the event bus for programs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aws::ecr::{Ecr, Place};
use aws::events::{Entry, EventBridge};
use aws::sns::Sns;
use aws::{CallFailed, Session};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rules::environment::Settings;
use rules::message;
use rules::names::{PipelineName, Tag};
use rules::outcome::Outcome;
use serde_json::Value;

/// How many outcomes are remembered, each for the topic and for the bus: an event that failed is delivered again within minutes.
const REMEMBERED: usize = 400;

/// Publishes outcomes.
///
/// Lambda delivers an event that failed again, usually to the same process. What was published of it is not published a second time
/// as long as the process lives; another one repeats it, because neither SNS nor EventBridge shows what it has taken.
#[derive(Debug, Clone)]
pub struct Messenger {
    session: Session,
    clients: Arc<OnceLock<Clients>>,
    past: Arc<Mutex<Past>>,
}

/// What publishing needs. A hook that succeeds publishes nothing, so they are made at the first outcome: each takes time at a cold start.
#[derive(Debug)]
struct Clients {
    sns: Sns,
    events: EventBridge,
    ecr: Ecr,
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
    to: Receiver,
    event: String,
    pipeline: Option<PipelineName>,
    summary: String,
}

/// Where an outcome is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    Topic,
    Bus,
}

impl Receiver {
    fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Bus => "bus",
        }
    }
}

impl Past {
    /// None where the event has no id.
    fn of_event(&self, to: Receiver, outcome: &Outcome) -> Option<Published> {
        Some(Published {
            to,
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
    /// Over clients of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
            clients: Arc::default(),
            past: Arc::default(),
        }
    }

    fn clients(&self) -> &Clients {
        self.clients.get_or_init(|| Clients {
            sns: Sns::new(&self.session),
            events: EventBridge::new(&self.session),
            ecr: Ecr::new(&self.session),
        })
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

    /// Publishes an outcome on the topic and on the bus; on neither if it was when the same event came before. What one of them
    /// does not take keeps nothing from the other: the event then comes again for that one alone.
    ///
    /// # Errors
    /// SNS or EventBridge did not take it, or it is not known whether it did. The log has the summary.
    pub async fn publish(&self, settings: &Settings, outcome: &Outcome) -> Result<(), CallFailed> {
        // People first: should the time be over between the two, they know. Boxed, because the types of both calls in those of
        // every caller are deeper than the compiler goes.
        let on_topic = self.send(settings, outcome).boxed();
        let on_topic = self.once(Receiver::Topic, outcome, on_topic).await;
        let on_bus = self.put(settings, outcome).boxed();
        let on_bus = self.once(Receiver::Bus, outcome, on_bus).await;
        on_topic.and(on_bus)
    }

    /// Publishes an outcome by this call, unless it was when the same event came before.
    async fn once(
        &self,
        to: Receiver,
        outcome: &Outcome,
        publication: BoxFuture<'_, Result<(), CallFailed>>,
    ) -> Result<(), CallFailed> {
        let (outcome_code, receiver) = (outcome.event.code(), to.as_str());
        let this = self.past().of_event(to, outcome);
        if let Some(this) = &this
            && self.past().published.contains(this)
        {
            tracing::info!(outcome = outcome_code, receiver, "outcome published before");
            return Ok(());
        }
        let published = publication.await;
        match (&published, this) {
            (Ok(()), Some(this)) => self.past().remember(this),
            (Ok(()), None) => {}
            (Err(failed), _) => {
                tracing::error!(outcome = outcome_code, receiver, error = %failed, summary = outcome.summary, "outcome not published");
            }
        }
        published
    }

    async fn send(&self, settings: &Settings, outcome: &Outcome) -> Result<(), CallFailed> {
        let message = message::render(outcome, settings);
        self.clients().sns.publish(&settings.topic, &message).await
    }

    async fn put(&self, settings: &Settings, outcome: &Outcome) -> Result<(), CallFailed> {
        let tags = self.tags(outcome).await?;
        let detail = message::detail(outcome, settings, message::commit_of(&tags));
        let entry = Entry {
            source: message::SOURCE,
            detail_type: message::DETAIL_TYPE,
            detail: &detail,
        };
        self.clients().events.put_event(&settings.bus, entry).await
    }

    /// The tags of the outcome's image, as ECR has them now; none where nothing says which image that is, or it was deleted.
    ///
    /// A failure that passes is an error, so that the event comes again and no commit is left without its status. One that stays (the
    /// repository is gone, its policy does not allow the call) would keep the outcome itself back for good.
    async fn tags(&self, outcome: &Outcome) -> Result<Vec<Tag>, CallFailed> {
        let (Some(image), Some(registry)) = (&outcome.image, &outcome.registry) else {
            return Ok(Vec::new());
        };
        let place = Place {
            registry,
            repository: &image.repository,
        };
        let described = self
            .clients()
            .ecr
            .describe_image_by_digest(place, &image.digest)
            .await;
        match described {
            Ok(pointed) => Ok(pointed.image.map(|image| image.tags).unwrap_or_default()),
            Err(failed) if failed.is_transient() => Err(failed),
            Err(failed) => {
                tracing::warn!(error = %failed, summary = outcome.summary, "commit not known");
                Ok(Vec::new())
            }
        }
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
        assert!(
            past.of_event(Receiver::Topic, &refused("1")).is_none(),
            "it has no id"
        );
        past.event = Some("e-1".to_owned());
        let first = past.of_event(Receiver::Topic, &refused("1")).unwrap();
        past.remember(first);
        let is_published = |past: &Past, outcome: &Outcome| {
            let this = past.of_event(Receiver::Topic, outcome).unwrap();
            past.published.contains(&this)
        };
        assert!(is_published(&past, &refused("1")));
        assert!(!is_published(&past, &refused("2")));
        let on_bus = past.of_event(Receiver::Bus, &refused("1")).unwrap();
        assert!(
            !past.published.contains(&on_bus),
            "the bus is another receiver"
        );
        past.event = Some("e-2".to_owned());
        assert!(!is_published(&past, &refused("1")));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut past = Past::default();
        for number in 0..=REMEMBERED {
            past.event = Some(number.to_string());
            let this = past.of_event(Receiver::Topic, &refused("1")).unwrap();
            past.remember(this);
        }
        assert_eq!(past.published.len(), REMEMBERED);
        assert_eq!(past.published.front().unwrap().event, "1");
    }
}
