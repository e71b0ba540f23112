//! Asynchronous invocations: Lambda's queue, its retries, and what becomes of an event that failed for good.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Busy;
use crate::lambda::destination::{self, Condition};
use crate::lambda::{Answer, Function, Lambda};

impl Lambda {
    /// Attempts until one succeeds, the retries are used up, or the event is too old.
    pub(super) async fn attempt_until_it_succeeds(
        &self,
        function: &Function,
        payload: Value,
        busy: Busy,
    ) {
        let clock = &self.inner.clock;
        let accepted = clock.now();
        let request_id = self.inner.ids.uuid();
        let mut busy = Some(busy);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let answer = match self
                .attempt_in_place(function, &request_id, payload.clone())
                .await
            {
                Ok(answer) => answer,
                Err(error) => Answer::Error {
                    error_type: "Runtime.InvalidEntrypoint".to_owned(),
                    error_message: format!("{error:#}"),
                },
            };
            if matches!(answer, Answer::Response(_)) {
                return;
            }
            // The clock may jump over the pause, not over the attempts.
            let pause = Duration::from_secs(60 * u64::from(attempts));
            let condition = if attempts > function.maximum_retry_attempts {
                Condition::RetriesExhausted
            } else if clock.now() + pause > accepted + function.maximum_event_age {
                Condition::EventAgeExceeded
            } else {
                drop(busy.take());
                clock.sleep(pause).await;
                busy = Some(clock.busy());
                continue;
            };
            let record = destination::record(
                function,
                &request_id,
                &payload,
                attempts,
                condition,
                &answer,
                clock.now(),
            );
            if let Some(queue) = &function.on_failure
                && self.may_send(function)
            {
                self.inner.lock().dead_letters.push((queue.clone(), record));
            }
            return;
        }
    }

    /// Lambda sends with the function's role. What the role does not allow is lost, and only a metric of Lambda's tells
    /// (Lambda Developer Guide, `DestinationDeliveryFailures`).
    fn may_send(&self, function: &Function) -> bool {
        let Some(iam) = self.inner.iam.get() else {
            return true;
        };
        match iam.check_on_failure(&function.binary_name) {
            Ok(()) => true,
            Err(refusal) => {
                self.inner.say(|| refusal.told());
                false
            }
        }
    }

    /// One attempt, when there is a place for it. Lambda's queue tries a throttled event again and again for hours; here
    /// it is next as soon as a place is free.
    async fn attempt_in_place(
        &self,
        function: &Function,
        request_id: &str,
        payload: Value,
    ) -> anyhow::Result<Answer> {
        let _place = match self.inner.places.get(&function.name) {
            Some(places) => Some(places.acquire().await?),
            None => None,
        };
        self.attempt(function, request_id, payload).await
    }
}
