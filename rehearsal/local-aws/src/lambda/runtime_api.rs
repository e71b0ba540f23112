//! The Runtime API of one execution environment, from which a function's process fetches events and to which it
//! answers.
//!
//! As on AWS each environment has its own API, so that the process behind an answer is known.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::lambda::Answer;

/// The maximum size of an answer: six megabytes and a hundred bytes, as in AWS's error message.
const LARGEST_RESPONSE: usize = 6 * 1024 * 1024 + 100;

/// One event on its way to the process.
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) function_arn: String,
    /// Computes the deadline, in milliseconds since the epoch; the time limit starts with the delivery.
    pub(super) deadline: Box<dyn Fn() -> u128 + Send>,
    pub(super) payload: Value,
    pub(super) delivered: oneshot::Sender<()>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The server of one environment; ends when dropped.
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    state: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    work_arrived: Notify,
}

/// The event that waits for the process, the one in progress, and the init error.
#[derive(Default)]
struct Desk {
    waiting: Option<Delivery>,
    running: Option<(String, oneshot::Sender<Answer>)>,
    failed_to_start: Option<Answer>,
}

impl RuntimeApi {
    pub(super) async fn start() -> anyhow::Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("open a Runtime API")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Shared::default());
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{request_id}/response",
                post(response),
            )
            .route(
                "/2018-06-01/runtime/invocation/{request_id}/error",
                post(error),
            )
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // Axum's default limit would only reject a large answer; `refuse` reports it to the process and to the
            // caller.
            .layer(DefaultBodyLimit::max(8 * LARGEST_RESPONSE))
            .with_state(state.clone());
        let server = tokio::spawn(async move {
            // The server ends with its environment; serving on loopback does not fail.
            let _ = axum::serve(listener, router).await;
        });
        Ok(RuntimeApi {
            address,
            state,
            server,
        })
    }

    /// Makes an event available to the process.
    pub(super) fn deliver(&self, delivery: Delivery) {
        self.state.lock().waiting = Some(delivery);
        self.state.work_arrived.notify_one();
    }

    /// Returns the init error that the process reported.
    pub(super) fn failed_to_start(&self) -> Option<Answer> {
        self.state.lock().failed_to_start.clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the answer to its caller if the process is working on this request.
    fn settle(&self, request_id: &str, answer: Answer) -> Response {
        let running = self
            .lock()
            .running
            .take_if(|(running, _)| running == request_id);
        match running {
            Some((_, waiting)) => {
                // The caller has given up at the time limit.
                let _ = waiting.send(answer);
                accepted()
            }
            None => refused("InvalidRequestID", "Invalid request ID"),
        }
    }
}

impl Shared {
    /// Refuses an answer, which its caller receives as a function error.
    fn settle_too_large(&self, request_id: &str, bytes: usize) -> Response {
        let message = format!(
            "Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
        );
        let answer = Answer::Error {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: message.clone(),
        };
        let settled = self.settle(request_id, answer);
        if settled.status() != StatusCode::ACCEPTED {
            return settled;
        }
        let error = json!({ "errorType": "RequestEntityTooLarge", "errorMessage": message });
        (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response()
    }
}

/// The long poll: responds once there is an event.
async fn next(State(state): State<Arc<Shared>>) -> Response {
    loop {
        let arrived = state.work_arrived.notified();
        let waiting = state.lock().waiting.take();
        let Some(delivery) = waiting else {
            arrived.await;
            continue;
        };
        let headers = [
            ("lambda-runtime-aws-request-id", delivery.request_id.clone()),
            (
                "lambda-runtime-deadline-ms",
                (delivery.deadline)().to_string(),
            ),
            ("lambda-runtime-invoked-function-arn", delivery.function_arn),
            ("lambda-runtime-trace-id", trace_id(&delivery.request_id)),
        ];
        let mut response = (
            [("content-type", "application/json")],
            delivery.payload.to_string(),
        )
            .into_response();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        state.lock().running = Some((delivery.request_id, delivery.answer));
        // The environment may have given up on the init phase.
        let _ = delivery.delivered.send(());
        return response;
    }
}

async fn response(
    State(state): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    if body.len() > LARGEST_RESPONSE {
        return state.settle_too_large(&request_id, body.len());
    }
    let answer = if body.is_empty() {
        Answer::Response(Value::Null)
    } else {
        match serde_json::from_slice(&body) {
            Ok(value) => Answer::Response(value),
            Err(error) => Answer::Error {
                error_type: "Runtime.MarshalError".to_owned(),
                error_message: format!("the function's answer is not JSON: {error}"),
            },
        }
    };
    state.settle(&request_id, answer)
}

async fn error(
    State(state): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.settle(&request_id, read_error(&headers, &body))
}

async fn init_error(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    state.lock().failed_to_start = Some(read_error(&headers, &body));
    accepted()
}

/// `{errorMessage, errorType, stackTrace}`; the header's type is used if the body has none.
fn read_error(headers: &HeaderMap, body: &[u8]) -> Answer {
    let body: Value =
        serde_json::from_slice(body).unwrap_or_else(|_| json!(String::from_utf8_lossy(body)));
    let header = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    let error_type = body["errorType"].as_str().or(header).unwrap_or("Unhandled");
    let error_message = body["errorMessage"]
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned);
    Answer::Error {
        error_type: error_type.to_owned(),
        error_message,
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string()).into_response()
}

fn refused(error_type: &str, message: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        json!({ "errorType": error_type, "errorMessage": message }).to_string(),
    )
        .into_response()
}

/// An X-Ray header for an unsampled trace.
fn trace_id(request_id: &str) -> String {
    let hexadecimal: String = request_id.chars().filter(char::is_ascii_hexdigit).collect();
    format!(
        "Root=1-{};Sampled=0",
        hexadecimal
            .split_at_checked(8)
            .map_or(String::new(), |(a, b)| format!("{a}-{b}"))
    )
}
