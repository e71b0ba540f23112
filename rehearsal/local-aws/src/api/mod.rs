//! The local AWS over HTTP: one server on loopback that speaks every service's own protocol.
//!
//! A request is parsed (`request`) and its caller recognised. It is refused when its token bucket is empty (`throttle`)
//! or the template does not allow it (`iam`); otherwise the operation's handler (`operations`) answers. The answer is
//! rendered in the service's protocol and recorded.

mod aside;
pub mod error;
mod fault_injection;
pub mod input;
pub mod ledger;
pub mod operation;
pub mod operations;
pub mod page;
mod permission;
pub mod query;
pub mod request;
pub mod service;
pub mod throttle;
pub mod wire;

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::aside::aside;
use self::error::ApiError;
use self::fault_injection::Caller;
use self::input::Input;
use self::ledger::{AwsCall, Ledger};
use self::operation::{Call, Outcome, Reply};
use self::request::Request;
use self::service::{Protocol, Service};
use self::throttle::Throttle;
use self::wire::Wire;
use crate::aws::Aws;
use crate::fault::Faults;
use crate::identity::Ids;
use crate::stamp;
use crate::timeline;

/// More than any operation's limit.
const LARGEST_BODY: usize = 8 << 20;

/// The API of one world: the services behind it, and what it keeps of calls.
pub struct Api {
    aws: Arc<Aws>,
    /// Of calls, apart from the ids of things: those are the same however calls overtake each other.
    request_ids: Ids,
    ledger: Ledger,
    throttle: Throttle,
    /// What happens to calls of functions.
    pub faults: Faults,
    pub wire: Wire,
}

impl Api {
    pub(crate) fn new(aws: Arc<Aws>, faults: Faults) -> Api {
        let functions = aws.lambda.functions().into_iter();
        Api {
            ledger: Ledger::new(functions.map(|function| function.binary_name)),
            aws,
            request_ids: Ids::default(),
            throttle: Throttle::default(),
            faults,
            wire: Wire::default(),
        }
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<AwsCall> {
        self.ledger.calls()
    }
}

/// Serves the API until the future is dropped. It does not keep the services alive.
pub(crate) async fn serve(listener: TcpListener, api: Weak<Api>) {
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(
            (api.clone(), LARGEST_BODY),
            wire::record,
        ))
        .with_state(api);
    // `axum::serve` never ends by itself, and never with an error.
    let _ = axum::serve(listener, router).await;
}

/// Parsing a body of up to this many bytes takes no noticeable time.
const SMALL_BODY: usize = 64 << 10;

async fn answer(
    State(api): State<Weak<Api>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(api) = api.upgrade() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let request_id = api.request_ids.uuid();
    let parse = || request::parse(&method, &uri, &headers, &body);
    let parsed = match body.len() {
        ..=SMALL_BODY => parse(),
        _ => aside(parse),
    };
    let request = match parsed {
        Ok(request) => Arc::new(request),
        Err((protocol, error)) => return render(protocol, "", Err(&error), &request_id),
    };
    let key = request::access_key_id(&headers);
    if key.is_none() {
        let outcome = Err(unsigned(request.service));
        record(&api, &request, None, &outcome);
        return respond(&api.aws, &request, &outcome, &request_id);
    }
    let Some(function) = key.and_then(|key| api.ledger.function(key)) else {
        let outcome = fault_injection::perform(&api, request.clone(), None).await;
        return respond(&api.aws, &request, &outcome, &request_id);
    };
    let caller = Caller::new(function, &headers);
    let took_time = caller.until_delivered(&api.aws, &request).await;
    let response = match caller.meets(&api, &request) {
        Some(fault) => fault_injection::answer(&api, request, &caller, fault, &request_id).await,
        None => {
            let outcome =
                fault_injection::perform(&api, request.clone(), Some(caller.clone())).await;
            respond(&api.aws, &request, &outcome, &request_id)
        }
    };
    if took_time {
        caller.until_all_are_delivered(&api.aws).await;
    }
    response
}

/// The response to a call without a fault.
fn respond(aws: &Aws, request: &Request, outcome: &Outcome, request_id: &str) -> Response {
    let mut response = render(
        request.service.protocol(),
        &request.operation,
        outcome.as_ref(),
        request_id,
    );
    if !outcome.as_ref().is_err_and(ApiError::is_denial) {
        date(&mut response, aws.clock.now());
    }
    response
}

/// Dates the response by the simulated clock, the only one that the local AWS has. A denial keeps the real date: when
/// the date of a denial is minutes off, the SDK blames its own clock and retries, which it never does on AWS.
fn date(response: &mut Response, now: SystemTime) {
    if let Ok(date) = stamp::http_date(now).parse() {
        response.headers_mut().insert(header::DATE, date);
    }
}

async fn handle(api: &Api, request: &Request, caller: Option<&Caller>) -> Outcome {
    let input = Input::new(&request.members, operations::missing(request.service))?;
    let aws = &api.aws;
    let operation = operations::find(request.service, &request.operation);
    if let Some(bucket) = operation.and_then(|operation| operation.bucket) {
        api.throttle.take(bucket, aws.clock.now())?;
    }
    let call = Call {
        aws,
        service: request.service,
        function: caller.map(|caller| caller.function.as_str()),
        session: caller.and_then(|caller| caller.session.as_deref()),
        operation: &request.operation,
        input,
    };
    ledger::authorize(call, operation)?;
    match operation {
        Some(operation) => operation.answer(call).await,
        None => Err(operations::unknown(call)),
    }
}

fn unsigned(service: Service) -> ApiError {
    match service.protocol() {
        Protocol::Query(_) => ApiError::new(
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
        .with_status(403),
        Protocol::Json | Protocol::QueryCompatibleJson => ApiError::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Protocol::Rest => ApiError::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
        .with_status(403),
    }
}

fn record(api: &Api, request: &Request, function: Option<String>, outcome: &Outcome) {
    if let Err(error) = outcome {
        api.aws.timeline.record(timeline::Event::CallRefused {
            function: function.clone(),
            operation: format!("{}:{}", request.service.prefix(), request.operation),
            code: error.code.clone().into_owned(),
            message: error.message.clone(),
        });
    }
    api.ledger.record(AwsCall {
        at: api.aws.clock.now(),
        function,
        service: request.service.prefix(),
        operation: request.operation.clone(),
        status: outcome
            .as_ref()
            .map_or_else(|error| error.status, |reply| reply.status),
        error: outcome
            .as_ref()
            .err()
            .map(|error| error.code.clone().into_owned()),
        request: request.members.clone(),
        response: outcome.as_ref().map_or_else(
            |error| json!({ "message": error.message }),
            |reply| reply.body.clone(),
        ),
    });
}

fn render(
    protocol: Protocol,
    operation: &str,
    outcome: Result<&Reply, &ApiError>,
    request_id: &str,
) -> Response {
    let status = outcome.map_or_else(|error| error.status, |reply| reply.status);
    let (content_type, body) = match (protocol, outcome) {
        (Protocol::Json, Ok(reply)) => ("application/x-amz-json-1.1", reply.body.to_string()),
        (Protocol::Json, Err(error)) => {
            ("application/x-amz-json-1.1", json_error(error).to_string())
        }
        (Protocol::QueryCompatibleJson, Ok(reply)) => {
            ("application/x-amz-json-1.0", reply.body.to_string())
        }
        (Protocol::QueryCompatibleJson, Err(error)) => {
            ("application/x-amz-json-1.0", json_error(error).to_string())
        }
        (Protocol::Query(namespace), Ok(reply)) => (
            "text/xml",
            query::render(namespace, operation, &reply.body, request_id),
        ),
        (Protocol::Query(namespace), Err(error)) => (
            "text/xml",
            query::render_error(namespace, error, request_id),
        ),
        (Protocol::Rest, Ok(reply)) if reply.body.is_null() => ("application/json", String::new()),
        (Protocol::Rest, Ok(reply)) => ("application/json", reply.body.to_string()),
        // Lambda and Scheduler send the code in a header.
        (Protocol::Rest, Err(error)) => ("application/json", error.rest_body().to_string()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    if let Ok(id) = request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    if let (Protocol::Rest, Err(error)) = (protocol, outcome)
        && let Ok(code) = error.code.parse()
    {
        headers.insert("x-amzn-errortype", code);
    }
    if let (Protocol::QueryCompatibleJson, Err(error)) = (protocol, outcome)
        && let Ok(code) = format!("{};Sender", error.code.trim_end_matches("Fault")).parse()
    {
        headers.insert("x-amzn-query-error", code);
    }
    for (name, value) in outcome.iter().flat_map(|reply| &reply.headers) {
        if let Ok(value) = value.parse() {
            headers.insert(*name, value);
        }
    }
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body,
    )
        .into_response()
}

/// Code, message, and the other members of the error's shape.
fn json_error(error: &ApiError) -> Value {
    let mut body = json!({ "__type": error.code, "message": error.message });
    for (name, value) in &error.members {
        body[*name] = value.clone();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> (u16, HeaderMap, String) {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(bytes.to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn errors_have_the_shape_of_their_protocol() {
        let error = ApiError::new("ThrottlingException", "Rate exceeded");
        let (status, headers, body) =
            text(render(Protocol::Json, "RunTask", Err(&error), "id")).await;
        assert_eq!(
            (status, body.as_str()),
            (
                400,
                r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#
            )
        );
        assert_eq!(headers["x-amzn-requestid"], "id");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.1");

        let fault = ApiError::new("InvalidFormatFault", "no JSON");
        let protocol = Protocol::QueryCompatibleJson;
        let (_, headers, body) = text(render(protocol, "SetAlarmState", Err(&fault), "id")).await;
        assert_eq!(
            body,
            r#"{"__type":"InvalidFormatFault","message":"no JSON"}"#
        );
        assert_eq!(headers["x-amzn-query-error"], "InvalidFormat;Sender");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.0");

        let error = error.with_status(403);
        let (status, _, body) =
            text(render(Protocol::Query("n"), "Publish", Err(&error), "id")).await;
        assert_eq!(status, 403);
        assert!(
            body.contains("<Error><Type>Sender</Type><Code>ThrottlingException</Code>"),
            "{body}"
        );

        let (status, headers, body) =
            text(render(Protocol::Rest, "Invoke", Err(&error), "id")).await;
        assert_eq!(
            (status, body.as_str()),
            (403, r#"{"Message":"Rate exceeded"}"#)
        );
        assert_eq!(headers["x-amzn-errortype"], "ThrottlingException");
    }
}
