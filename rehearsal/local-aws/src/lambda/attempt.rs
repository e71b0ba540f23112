//! One attempt of an invocation, in an idle environment or in a new one.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use crate::clock::Busy;
use crate::lambda::call_latency::CallLatency;
use crate::lambda::environment::{Afterwards, Environment, Session};
use crate::lambda::log::{self, Log};
use crate::lambda::{Answer, Function, Invocation, Known, Lambda, external};
use crate::timeline;

impl Lambda {
    pub(super) async fn attempt(
        &self,
        function: &Function,
        request_id: &str,
        payload: Value,
    ) -> Answer {
        let busy = self.inner.clock.busy();
        let started = Instant::now();
        self.inner
            .timeline
            .record(timeline::Event::FunctionInvoked {
                function: function.binary_name.clone(),
                request_id: request_id.to_owned(),
            });
        let (answer, log_stream) = self.answer(function, request_id, &payload, busy).await;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.timeline.record(timeline::Event::FunctionEnded {
            function: function.binary_name.clone(),
            request_id: request_id.to_owned(),
            error: match &answer {
                Answer::Response(_) => None,
                Answer::Error {
                    error_type,
                    error_message,
                } => Some(format!("{error_type}: {error_message}")),
            },
            decisions: match &answer {
                Answer::Response(answer) => timeline::Decision::of_answer(answer),
                Answer::Error { .. } => Vec::new(),
            },
            milliseconds,
        });
        self.inner.lock().add(Invocation {
            function: function.name.clone(),
            binary_name: function.binary_name.clone(),
            request_id: request_id.to_owned(),
            payload,
            answer: answer.clone(),
            milliseconds,
            log_stream,
        });
        // The number of open invocations is unchanged; the write wakes those that wait for this answer.
        self.inner.open.send_modify(|_| {});
        answer
    }

    /// Returns the function's answer, and the log stream of its environment.
    async fn answer(
        &self,
        function: &Function,
        request_id: &str,
        payload: &Value,
        busy: Busy,
    ) -> (Answer, Option<String>) {
        let failed = |error: anyhow::Error| Answer::Error {
            error_type: "Runtime.InvalidEntrypoint".to_owned(),
            error_message: format!("RequestId: {request_id} Error: {error:#}"),
        };
        if let Some(invocations) = self.external(&function.name) {
            let answer = external::invoke(&invocations, payload).await;
            return (answer.unwrap_or_else(failed), None);
        }
        let mut environment = match self.environment(function).await {
            Ok(environment) => environment,
            Err(error) => return (failed(error), None),
        };
        let _under_way = environment.latency.begin(request_id, busy);
        let clock = &self.inner.clock;
        let log = environment.log.clone();
        log.write(log::start(function.log_format, request_id, clock.now()));
        let outcome = environment.invoke(request_id, payload.clone()).await;
        for line in log::end(
            function,
            request_id,
            &outcome.answer,
            outcome.measured,
            clock.now(),
        ) {
            log.write(line);
        }
        if outcome.afterwards == Afterwards::Reusable {
            let mut state = self.inner.lock();
            state
                .idle
                .entry(function.name.clone())
                .or_default()
                .push(environment);
        }
        (outcome.answer, Some(log.stream))
    }

    async fn environment(&self, function: &Function) -> anyhow::Result<Environment> {
        loop {
            let idle = self
                .inner
                .lock()
                .idle
                .get_mut(&function.name)
                .and_then(Vec::pop);
            let Some(mut environment) = idle else { break };
            // A process that ended between two invocations is replaced silently, as on AWS.
            if !environment.has_ended() {
                return Ok(environment);
            }
        }
        let inner = &self.inner;
        let id = inner.ids.hexadecimal();
        let log = Log {
            clock: inner.clock.clone(),
            logs: inner.logs.clone(),
            group: function.log_group.clone(),
            stream: log::stream_name(function, inner.clock.now(), &id),
            lines: Arc::clone(&inner.log(function)),
        };
        let session = Session {
            token: inner.ids.hexadecimal(),
            kill: Arc::default(),
            latency: Arc::new(CallLatency::new(inner.clock.clone())),
        };
        let known = Known {
            kill: Arc::downgrade(&session.kill),
            latency: Arc::downgrade(&session.latency),
        };
        inner.lock().add_session(session.token.clone(), known);
        Environment::start(function, &inner.local_aws, log, session).await
    }
}
