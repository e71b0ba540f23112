//! Delivery from a matching rule to its function: faults, retries and dead letters.
//!
//! EventBridge's responsibility ends when Lambda has accepted the event into its queue. A failing function, and the
//! retries and dead letters that follow, are Lambda's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{EventBus, Rule};
use crate::identity::{arn, sha256_hex};

/// The first and the longest delay between two attempts. AWS documents only "exponential backoff with jitter"; these
/// values fit its 185 attempts into its 24 hours.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A rule's retry policy: the maximum age of an event and the number of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub maximum_attempts: u32,
    pub maximum_event_age: Duration,
}

impl Default for RetryPolicy {
    /// EventBridge's default.
    fn default() -> RetryPolicy {
        RetryPolicy {
            maximum_attempts: 185,
            maximum_event_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// A fault of one delivery by a rule. Only `EventBus::inject` causes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It is lost silently, which "best effort" delivery allows.
    Lost,
    /// It arrives twice.
    Twice,
    /// It arrives later by this duration, after events that were emitted later.
    Late(Duration),
    /// The target refuses it this many times before accepting it.
    Refused(u32, Refusal),
}

/// Why a target refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Throttled,
    TimedOut,
    /// EventBridge may not call the function: not retried.
    NoPermissions,
    /// The function does not exist: not retried.
    NoResource,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Refusal::Throttled => "THROTTLING",
            Refusal::TimedOut => "TIMEOUT",
            Refusal::NoPermissions => "NO_PERMISSIONS",
            Refusal::NoResource => "NO_RESOURCE",
        }
    }

    /// The codes are AWS's; the messages are not documented.
    fn message(self) -> &'static str {
        match self {
            Refusal::Throttled => "Rate Exceeded.",
            Refusal::TimedOut => "The target did not answer in time.",
            Refusal::NoPermissions => "EventBridge has no permission to invoke the target.",
            Refusal::NoResource => "The target does not exist.",
        }
    }

    fn is_worth_another_attempt(self) -> bool {
        match self {
            Refusal::Throttled | Refusal::TimedOut => true,
            Refusal::NoPermissions | Refusal::NoResource => false,
        }
    }
}

/// An event that EventBridge gave up on, as stored in the dead-letter queue.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Logical id of the queue.
    pub queue: String,
    /// The message's body.
    pub event: Value,
    /// `RULE_ARN`, `TARGET_ARN`, `ERROR_CODE`, `ERROR_MESSAGE`, and after retries `EXHAUSTED_RETRY_CONDITION` and
    /// `RETRY_ATTEMPTS`.
    pub attributes: BTreeMap<&'static str, String>,
}

impl DeadLetter {
    /// Returns it as one JSON value, for the record.
    pub fn to_value(&self) -> Value {
        json!({ "event": self.event, "attributes": self.attributes })
    }
}

/// One event on its way to one rule's function.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) rule: Rule,
    pub(super) event: Value,
}

/// The limit of the retry policy that ended the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exhausted {
    MaximumRetryAttempts,
    MaximumEventAgeInSeconds,
}

impl Exhausted {
    fn as_str(self) -> &'static str {
        match self {
            Exhausted::MaximumRetryAttempts => "MaximumRetryAttempts",
            Exhausted::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}

impl Delivery {
    /// Delivers at once without a fault, and otherwise when the fault allows it.
    pub(super) fn start(self, bus: &EventBus, fault: Option<DeliveryFault>) {
        match fault {
            None => self.hand_over(bus),
            Some(DeliveryFault::Lost) => bus.inner.lock().lost.push((self.rule.name, self.event)),
            Some(DeliveryFault::Twice) => {
                self.hand_over(bus);
                self.hand_over(bus);
            }
            Some(DeliveryFault::Late(delay)) => self.later(bus, move |delivery, bus| async move {
                bus.inner.clock.sleep(delay).await;
                delivery.hand_over(&bus);
            }),
            Some(DeliveryFault::Refused(times, refusal)) => {
                self.later(bus, move |delivery, bus| async move {
                    delivery.attempt(&bus, times, refusal).await;
                });
            }
        }
    }

    /// A pending delivery keeps the world from being settled.
    fn later<F>(self, bus: &EventBus, task: impl FnOnce(Delivery, EventBus) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let open = bus.inner.lambda.hold();
        let task = task(self, bus.clone());
        bus.inner.clock.spawn(async move {
            let _open = open;
            task.await;
        });
    }

    fn hand_over(&self, bus: &EventBus) {
        let payload = self
            .rule
            .input
            .clone()
            .unwrap_or_else(|| self.event.clone());
        if bus
            .inner
            .lambda
            .invoke_async(&self.rule.function, payload)
            .is_err()
        {
            self.bury(bus, Refusal::NoResource, 0, None);
        }
    }

    /// Retries until the target has refused the event as often as the fault states; the delays between attempts grow.
    async fn attempt(&self, bus: &EventBus, refusals: u32, refusal: Refusal) {
        let clock = &bus.inner.clock;
        let policy = self.rule.retry;
        let last_moment = clock.now() + policy.maximum_event_age;
        for retries in 0..refusals {
            if !refusal.is_worth_another_attempt() {
                return self.bury(bus, refusal, retries, None);
            }
            if retries == policy.maximum_attempts {
                return self.bury(bus, refusal, retries, Some(Exhausted::MaximumRetryAttempts));
            }
            let next = clock.now() + self.pause(retries);
            clock.sleep_until(SystemTime::min(next, last_moment)).await;
            if next >= last_moment {
                return self.bury(
                    bus,
                    refusal,
                    retries,
                    Some(Exhausted::MaximumEventAgeInSeconds),
                );
            }
        }
        self.hand_over(bus);
    }

    /// Doubles each time, less a jitter of up to a half. The jitter depends on the event, so that the delays are the
    /// same in every run.
    fn pause(&self, retries: u32) -> Duration {
        let whole = FIRST_PAUSE
            .saturating_mul(1 << retries.min(16))
            .min(LONGEST_PAUSE);
        let chance = sha256_hex(&format!("{} {retries}", self.event["id"]));
        let chance = u32::from_str_radix(chance.get(..4).unwrap_or("0"), 16).unwrap_or(0);
        whole - whole.mul_f64(f64::from(chance) / f64::from(u16::MAX) / 2.0)
    }

    fn bury(&self, bus: &EventBus, refusal: Refusal, retries: u32, exhausted: Option<Exhausted>) {
        let Some(queue) = self.rule.dead_letters.clone() else {
            return;
        };
        let mut attributes = BTreeMap::from([
            ("RULE_ARN", self.rule.arn()),
            (
                "TARGET_ARN",
                arn("lambda", &format!("function:{}", self.rule.function)),
            ),
            ("ERROR_CODE", refusal.code().to_owned()),
            ("ERROR_MESSAGE", refusal.message().to_owned()),
        ]);
        if let Some(exhausted) = exhausted {
            attributes.insert("EXHAUSTED_RETRY_CONDITION", exhausted.as_str().to_owned());
            attributes.insert("RETRY_ATTEMPTS", retries.to_string());
        }
        let event = self.event.clone();
        let letter = DeadLetter {
            queue,
            event,
            attributes,
        };
        let mut state = bus.inner.lock();
        if !state.keeps_nothing {
            state.dead_letters.push(letter);
        }
    }
}
