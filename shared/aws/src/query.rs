//! The Query protocol, for services of which one or two operations are asked: their own crates would be minutes of compiling for that.
//!
//! SNS's client speaks it, too, and every function has that already. Endpoint, signature and request are the other service's; signing,
//! retries and timeouts stay the SDK's, and errors have the shape of SNS's.

use aws_sdk_sns::Client;
use aws_sdk_sns::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sns::config::{Builder, ConfigBag, Intercept, Region, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_types::SigningName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::wire::{RawAnswer, replace_body};

/// A service that speaks Query.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    client: Client,
    name: &'static str,
    version: &'static str,
}

impl Query {
    /// `name` is the service's in signatures, and `version` that of its API. `region` is what calls are signed for where that is not
    /// the session's.
    pub(crate) fn new(
        session: &Session,
        name: &'static str,
        version: &'static str,
        region: Option<&'static str>,
        endpoint: &str,
    ) -> Self {
        let config = session.config();
        let mut own = Builder::from(config);
        if let Some(region) = region {
            own = own.region(Region::from_static(region));
        }
        // One address that is given for all services is this one's as well.
        if config.endpoint_url().is_none() {
            own = own.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(own.build()),
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

/// Names the service in the signature.
#[derive(Debug)]
pub(crate) struct SignedFor(pub(crate) &'static str);

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
