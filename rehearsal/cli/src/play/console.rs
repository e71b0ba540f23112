//! Calls of people, as the console or the AWS CLI makes them.

use std::fmt::{Display, Formatter};

use anyhow::anyhow;
use axum::body::Body;
use axum::http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_aws::world::World;
use serde_json::Value;

/// Any key will do: a person's key differs from those of functions.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIAPERSON/20260101/eu-central-1/aws/aws4_request, \
                      SignedHeaders=host, Signature=00";

/// AWS answered a call with an error.
#[derive(Debug)]
pub(super) struct Refused {
    target: String,
    answer: String,
}

impl Display for Refused {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` was refused: {}", self.target, self.answer)
    }
}

impl std::error::Error for Refused {}

/// Returns the response; the error is `Refused` where AWS answered with one.
pub(super) async fn call(world: &World, target: &str, request: &Value) -> anyhow::Result<Value> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(world.endpoint())
        .header("authorization", SIGNED)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(Body::from(request.to_string()))?;
    let response = client.request(request).await?;
    let is_well = response.status().is_success();
    let body = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX).await;
    let body = body.map_err(|error| anyhow!("the answer to `{target}` broke off: {error}"))?;
    if is_well {
        return Ok(serde_json::from_slice(&body).unwrap_or_default());
    }
    let answer = String::from_utf8_lossy(&body).into_owned();
    let target = target.to_owned();
    Err(Refused { target, answer }.into())
}
