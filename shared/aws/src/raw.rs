//! Services of which one or two things are asked, and the JSON protocol for them: ECS's client speaks it, and every function has that.
//! It sends their calls as SNS's does those of `query`.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::Builder;
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};
#[cfg(feature = "command")]
use crate::query::Query;
use crate::query::SignedFor;
use crate::wire::{RawAnswer, replace_body};

/// A service of the session's Region that speaks Query. `name` is the service's in signatures and in the host; `version` that of its API.
#[cfg(feature = "command")]
pub(crate) fn query(session: &Session, name: &'static str, version: &'static str) -> Query {
    Query::new(session, name, version, None, &endpoint(session, name))
}

/// A service that speaks JSON.
#[derive(Debug, Clone)]
pub(crate) struct Json {
    client: Client,
    name: &'static str,
    target: &'static str,
}

impl Json {
    /// `name` is the service's in signatures and in the host; `target` what stands before an operation in `X-Amz-Target`.
    pub(crate) fn new(session: &Session, name: &'static str, target: &'static str) -> Self {
        let config = session.config();
        let mut own = Builder::from(config);
        if config.endpoint_url().is_none() {
            own = own.endpoint_url(endpoint(session, name));
        }
        Self {
            client: Client::from_conf(own.build()),
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
            .list_clusters()
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
