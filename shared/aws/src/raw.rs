//! Services of which a command asks one or two things: their own crates would be minutes of compiling for that. Their calls are sent by the
//! client of a service that speaks the same protocol; endpoint, signature and request are the other service's, and signing, retries and
//! timeouts stay the SDK's. Errors have the same shapes.

use aws_sdk_secretsmanager::config::Builder as JsonBuilder;
use aws_sdk_sns::config::Builder as QueryBuilder;
use aws_sdk_sns::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sns::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_types::SigningName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::wire::{RawAnswer, replace_body};

/// A service that speaks Query.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    client: aws_sdk_sns::Client,
    name: &'static str,
    version: &'static str,
}

impl Query {
    /// `name` is the service's in signatures and in the host; `version` that of its API.
    pub(crate) fn new(session: &Session, name: &'static str, version: &'static str) -> Self {
        let config = session.config();
        let mut own = QueryBuilder::from(config);
        if config.endpoint_url().is_none() {
            own = own.endpoint_url(endpoint(session, name));
        }
        Self {
            client: aws_sdk_sns::Client::from_conf(own.build()),
            name,
            version,
        }
    }

    /// The answer's XML.
    pub(crate) async fn ask(
        &self,
        call: &Call,
        action: &str,
        members: &[(&str, &str)],
    ) -> Result<String, CallFailed> {
        let mut body = format!("Action={action}&Version={}", self.version);
        for (member, value) in members {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            body = format!("{body}&{member}={value}");
        }
        let raw = RawAnswer::default();
        let sent = self
            .client
            .list_topics()
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .interceptor(SignedFor(self.name))
            .interceptor(raw.clone())
            .send()
            .await;
        match (raw.take(), sent) {
            // SNS's client cannot read it, which says nothing.
            (Some(answer), _) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            (None, Err(error)) => Err(call.failed(error)),
            (None, Ok(_)) => Err(call.unexpected("the answer has no body")),
        }
    }
}

/// A service that speaks JSON.
#[derive(Debug, Clone)]
pub(crate) struct Json {
    client: aws_sdk_secretsmanager::Client,
    name: &'static str,
    target: &'static str,
}

impl Json {
    /// `name` is the service's in signatures and in the host; `target` what stands before an operation in `X-Amz-Target`.
    pub(crate) fn new(session: &Session, name: &'static str, target: &'static str) -> Self {
        let config = session.config();
        let mut own = JsonBuilder::from(config);
        if config.endpoint_url().is_none() {
            own = own.endpoint_url(endpoint(session, name));
        }
        Self {
            client: aws_sdk_secretsmanager::Client::from_conf(own.build()),
            name,
            target,
        }
    }

    /// The answer.
    pub(crate) async fn ask(
        &self,
        call: &Call,
        operation: &str,
        request: &Value,
    ) -> Result<Value, CallFailed> {
        let raw = RawAnswer::default();
        let (body, target) = (request.to_string(), format!("{}.{operation}", self.target));
        let sent = self
            .client
            .list_secrets()
            .customize()
            .mutate_request(move |sent| {
                sent.headers_mut().insert("x-amz-target", target.clone());
                replace_body(sent, &body);
            })
            .interceptor(SignedFor(self.name))
            .interceptor(raw.clone())
            .send()
            .await;
        let answer = match (raw.take(), sent) {
            (Some(answer), _) => answer,
            (None, Err(error)) => return Err(call.failed(error)),
            (None, Ok(_)) => return Err(call.unexpected("the answer has no body")),
        };
        serde_json::from_slice(&answer)
            .map_err(|error| call.unexpected(&format!("the answer is not JSON: {error}")))
    }
}

/// `https://monitoring.eu-central-1.amazonaws.com` (AWS General Reference, "Service endpoints"; the suffix is the partition's).
fn endpoint(session: &Session, name: &str) -> String {
    let region = session
        .config()
        .region()
        .map_or("", |region| region.as_ref());
    let suffix = match region {
        region if region.starts_with("cn-") => "amazonaws.com.cn",
        region if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{name}.{region}.{suffix}")
}

/// Names the service in the signature.
#[derive(Debug)]
struct SignedFor(&'static str);

impl Intercept for SignedFor {
    fn name(&self) -> &'static str {
        "SignedFor"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = SigningName::from_static(self.0);
        config.interceptor_state().store_put(name);
        Ok(())
    }
}
