//! Functions that the template does not declare: other hooks, registered with a running world.
//!
//! Such a function is an endpoint of the Invoke API, as `cargo lambda watch`, `sam local start-lambda` and the runtime
//! interface emulator serve it, or an executable that implements the Runtime API, as `cargo lambda build` produces it.
//! Its policies and time limit are unknown, so it has no policies and Lambda's longest time limit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use axum::body::{Body, to_bytes};
use axum::http::{Request, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{Answer, Function, Lambda, LogFormat, default_group};
use crate::iam::Iam;
use crate::identity::ACCOUNT;

/// Lambda's longest time limit.
const TIMEOUT: Duration = Duration::from_secs(900);
/// Lambda's largest response of a synchronous invocation.
const LARGEST_ANSWER: usize = 6 << 20;
const INVOCATIONS: &str = "/2015-03-31/functions/";

/// The location of a function that the template does not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An endpoint of the Invoke API, or the full invocation URL of one function.
    Endpoint(Uri),
    Executable(PathBuf),
}

/// A registered function, with its invocation URL unless it is started here.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) function: Function,
    invocations: Option<Uri>,
}

/// The role of a function that the template does not declare. What it may do besides answering a hook is not known.
pub(crate) fn role_of_external(function: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{function}-role")
}

fn create_role(iam: &Iam, function: &str) -> anyhow::Result<()> {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    let answers = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "codedeploy:PutLifecycleEventHookExecutionStatus", "Resource": "*" },
    ] });
    let role = iam.create_role(&role_of_external(function), &trust);
    let role = role.map_err(|refused| anyhow!("the role of `{function}`: {refused:?}"))?;
    let name = role.role_arn.rsplit('/').next().unwrap_or_default();
    let written = iam.put_role_policy(name, "answer-hooks", &answers);
    written.map_err(|refused| anyhow!("the role of `{function}`: {refused:?}"))
}

impl Lambda {
    /// Registers a function with this name. The variables are those of one that is started here.
    pub fn register(
        &self,
        name: &str,
        place: Place,
        environment: BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        if self.find(name).is_some() {
            bail!("the function `{name}` exists already");
        }
        create_role(&self.inner.iam, name)?;
        let (binary, invocations) = match place {
            Place::Executable(binary) => (binary, None),
            Place::Endpoint(endpoint) => (PathBuf::new(), Some(invocations(&endpoint, name)?)),
        };
        let function = Function {
            logical_id: name.to_owned(),
            binary_name: name.to_owned(),
            name: name.to_owned(),
            binary,
            environment,
            timeout: TIMEOUT,
            memory_megabytes: 128,
            maximum_retry_attempts: 2,
            maximum_event_age: Duration::from_secs(6 * 3600),
            reserved_concurrency: None,
            on_failure: None,
            log_group: default_group(name),
            log_format: LogFormat::Text,
        };
        self.inner.lock().registered.push(Registered {
            function,
            invocations,
        });
        Ok(())
    }

    pub(super) fn registered(&self, name: &str) -> Option<Registered> {
        let state = self.inner.lock();
        state
            .registered
            .iter()
            .find(|registered| registered.function.name == name)
            .cloned()
    }

    /// Returns the invocation URL of a function that is not started here.
    pub(super) fn external(&self, name: &str) -> Option<Uri> {
        self.registered(name)?.invocations
    }
}

fn invocations(endpoint: &Uri, name: &str) -> anyhow::Result<Uri> {
    let text = endpoint.to_string();
    let whole = match text.contains(INVOCATIONS) {
        true => text,
        false => format!(
            "{}{INVOCATIONS}{name}/invocations",
            text.trim_end_matches('/')
        ),
    };
    whole.parse().with_context(|| format!("`{whole}` as a URL"))
}

/// One synchronous invocation over HTTP.
pub(super) async fn invoke(invocations: &Uri, payload: &Value) -> anyhow::Result<Answer> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(invocations)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(payload.to_string()))?;
    let in_time = tokio::time::timeout(TIMEOUT, client.request(request)).await;
    let Ok(answered) = in_time else {
        return Ok(Answer::Error {
            error_type: "Sandbox.Timedout".to_owned(),
            error_message: format!("Task timed out after {}.00 seconds", TIMEOUT.as_secs()),
        });
    };
    let (parts, body) = answered
        .with_context(|| format!("invoke `{invocations}`"))?
        .into_parts();
    let body = to_bytes(Body::new(body), LARGEST_ANSWER).await?;
    if !parts.status.is_success() {
        let said = String::from_utf8_lossy(&body);
        bail!("`{invocations}` answered {}: {said}", parts.status);
    }
    let failed = parts.headers.contains_key("x-amz-function-error");
    Ok(answer(failed, &body))
}

/// The runtime interface emulator reports a function error only in the body; Lambda also sets a header.
fn answer(failed: bool, body: &[u8]) -> Answer {
    let value: Value = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())),
    };
    let text = |member: &str| value[member].as_str().map(ToOwned::to_owned);
    match (text("errorType"), text("errorMessage")) {
        (Some(error_type), Some(error_message)) => Answer::Error {
            error_type,
            error_message,
        },
        (error_type, error_message) if failed => Answer::Error {
            error_type: error_type.unwrap_or_else(|| "Unhandled".to_owned()),
            error_message: error_message.unwrap_or_else(|| value.to_string()),
        },
        _ => Answer::Response(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_is_called_by_name_and_a_full_url_unchanged() {
        let of = |endpoint: &'static str| {
            invocations(&Uri::from_static(endpoint), "my-hook")
                .unwrap()
                .to_string()
        };
        let expected = "http://127.0.0.1:9000/2015-03-31/functions/my-hook/invocations";
        assert_eq!(of("http://127.0.0.1:9000"), expected);
        assert_eq!(of("http://127.0.0.1:9000/"), expected);
        let whole = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations";
        assert_eq!(of(whole), whole);
    }

    #[test]
    fn a_function_error_is_read_from_the_header_or_the_body() {
        let error = |error_type: &str, error_message: &str| Answer::Error {
            error_type: error_type.to_owned(),
            error_message: error_message.to_owned(),
        };
        let cases: [(bool, &[u8], Answer); 5] = [
            (false, b"", Answer::Response(Value::Null)),
            (false, br#"{"a":1}"#, Answer::Response(json!({"a": 1}))),
            (
                false,
                br#"{"errorType":"KeyError","errorMessage":"'a'"}"#,
                error("KeyError", "'a'"),
            ),
            (true, br#"{"errorMessage":"no"}"#, error("Unhandled", "no")),
            (true, b"null", error("Unhandled", "null")),
        ];
        for (failed, body, expected) in cases {
            assert_eq!(answer(failed, body), expected);
        }
    }
}
