//! What goes around the SDK's types: an answer's bytes, a request's body, and when a request may be sent again.
//!
//! Signing, retries and timeouts stay the SDK's; only what is on the wire is read, or replaced, on its way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::retry::ErrorKind;
use time::UtcDateTime;

use crate::text::time_from;

/// The body of a successful answer, byte by byte as it came, whatever the SDK's types make of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawAnswer(Arc<Mutex<Option<Vec<u8>>>>);

impl RawAnswer {
    /// The bytes; none when no successful answer came.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for RawAnswer {
    fn name(&self) -> &'static str {
        "RawAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if response.status().is_success() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                response.body().bytes().map(<[u8]>::to_vec);
        }
        Ok(())
    }
}

/// When AWS was asked, by its own clock. Every answer of HTTP states its `Date` (RFC 9110, section 6.6.1), errors as well;
/// what passed since the request was sent is taken off it.
#[derive(Debug, Clone, Default)]
pub(crate) struct AskedAt(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    sent: Option<Instant>,
    moment: Option<UtcDateTime>,
    answered: Option<UtcDateTime>,
}

impl AskedAt {
    /// The moment, or up to a second before it; none when no answer came, or one that did not state its date.
    pub(crate) fn take(&self) -> Option<UtcDateTime> {
        self.lock().moment.take()
    }

    /// When AWS answered, or up to a second before it.
    pub(crate) fn take_answered(&self) -> Option<UtcDateTime> {
        self.lock().answered.take()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for AskedAt {
    fn name(&self) -> &'static str {
        "AskedAt"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.lock().sent = Some(Instant::now());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let answered = date
            .and_then(|date| DateTime::from_str(date, Format::HttpDate).ok())
            .and_then(|date| time_from(&date));
        let mut asked = self.lock();
        asked.answered = answered;
        asked.moment = answered
            .zip(asked.sent)
            .map(|(answered, sent)| answered - sent.elapsed());
        Ok(())
    }
}

/// Sends `body` instead of what the SDK made of its types.
pub(crate) fn replace_body(request: &mut HttpRequest, body: &str) {
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

/// For operations that AWS cannot recognise as a repetition: only a request that was throttled, and so did nothing, is
/// sent again. After a lost answer it is not known whether the call did something; the caller has to read that.
#[derive(Debug)]
pub(crate) struct OnlyWhenThrottled;

impl ClassifyRetry for OnlyWhenThrottled {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::RetryForbidden
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let throttled = matches!(
            previous,
            RetryAction::RetryIndicated(RetryReason::RetryableError {
                kind: ErrorKind::ThrottlingError,
                ..
            })
        );
        if throttled {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "OnlyWhenThrottled"
    }

    /// After every classifier of the SDK, so that it judges their verdict.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
