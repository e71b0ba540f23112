//! Asynchronous invocations: Lambda's event queue, its retries and dead letters.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::lambda::destination::{self, Condition};
use crate::lambda::{Answer, Function, Lambda};

/// The first and the longest delay after a throttle; a throttled event is retried until it is too old.
const FIRST_THROTTLE_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_THROTTLE_PAUSE: Duration = Duration::from_secs(5 * 60);

/// An event in the queue.
pub(super) struct Queued<'a> {
    lambda: &'a Lambda,
    function: &'a Function,
    request_id: String,
    payload: Value,
    accepted: SystemTime,
    attempts: u32,
    throttles: u32,
    /// The function's last answer.
    answer: Option<Answer>,
}

/// The next step after an attempt.
enum Next {
    Done,
    GiveUp,
    /// Retry after a delay.
    Wait(Duration),
}

impl Lambda {
    /// Attempts the invocation until one succeeds, the retries are exhausted, or the event is too old. The clock may
    /// jump over the delays, not over the attempts.
    pub(super) async fn attempt_until_it_succeeds(&self, function: &Function, payload: Value) {
        let clock = &self.inner.clock;
        let mut event = Queued {
            lambda: self,
            function,
            request_id: self.inner.ids.uuid(),
            payload,
            accepted: clock.now(),
            attempts: 0,
            throttles: 0,
            answer: None,
        };
        loop {
            let pause = match event.attempt().await {
                Next::Done => return,
                Next::GiveUp => return event.bury(Condition::RetriesExhausted),
                Next::Wait(pause) => pause,
            };
            let (next, too_old) = (clock.now() + pause, event.too_old_at());
            clock.sleep_until(SystemTime::min(next, too_old)).await;
            if next >= too_old {
                return event.bury(Condition::EventAgeExceeded);
            }
        }
    }
}

impl Queued<'_> {
    /// Makes one attempt if the concurrency allows it.
    async fn attempt(&mut self) -> Next {
        let Ok(_place) = self.lambda.place(self.function) else {
            self.throttles += 1;
            let pause = FIRST_THROTTLE_PAUSE.saturating_mul(1 << (self.throttles - 1).min(16));
            return Next::Wait(pause.min(LONGEST_THROTTLE_PAUSE));
        };
        self.attempts += 1;
        let answer = self
            .lambda
            .attempt(self.function, &self.request_id, self.payload.clone())
            .await;
        let failed = matches!(answer, Answer::Error { .. });
        self.answer = Some(answer);
        match failed {
            false => Next::Done,
            true if self.attempts > self.function.maximum_retry_attempts => Next::GiveUp,
            // One minute after the first attempt, two after the second.
            true => Next::Wait(Duration::from_secs(60 * u64::from(self.attempts))),
        }
    }

    fn too_old_at(&self) -> SystemTime {
        self.accepted + self.function.maximum_event_age
    }

    fn bury(self, condition: Condition) {
        let Some(queue) = &self.function.on_failure else {
            return;
        };
        if !self.may_send() {
            return;
        }
        let record = destination::record(
            self.function,
            &self.request_id,
            &self.payload,
            self.attempts,
            condition,
            self.answer.as_ref(),
            self.lambda.inner.clock.now(),
        );
        let mut state = self.lambda.inner.lock();
        if !state.keeps_nothing {
            state.dead_letters.push((queue.clone(), record));
        }
    }

    /// Sends a record to the destination with the function's role, as Lambda does. Without the permission the record is
    /// lost, and only a metric shows it (Lambda Developer Guide, `DestinationDeliveryFailures`).
    fn may_send(&self) -> bool {
        let inner = &self.lambda.inner;
        match inner.iam.check_on_failure(&self.function.binary_name) {
            Ok(()) => true,
            Err(refusal) => {
                inner.timeline.record(refusal.event());
                false
            }
        }
    }
}
