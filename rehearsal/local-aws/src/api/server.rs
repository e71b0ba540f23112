//! The HTTP server: from a request to its response.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::aside::aside;
use super::error::ApiError;
use super::fault_injection::{self, Caller};
use super::operation::Outcome;
use super::render::render;
use super::request::{self, Request};
use super::service::{Protocol, Service};
use super::{Api, recording, region, rpc};
use crate::aws::Aws;
use crate::stamp;

/// More than any operation's limit.
const LARGEST_BODY: usize = 8 << 20;

/// Serves the API until the future is dropped. It does not keep the services alive.
pub(crate) async fn serve(listener: TcpListener, api: Weak<Api>) {
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(
            (api.clone(), LARGEST_BODY),
            recording::record,
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
    match rpc::translate(&method, &uri, &headers, &body) {
        None => answer_call(api, method, uri, headers, body).await,
        Some(Ok(call)) => {
            let answer = answer_call(api, method, call.uri, call.headers, call.body).await;
            rpc::translate_back(answer).await
        }
        Some(Err(refused)) => refused,
    }
}

async fn answer_call(
    api: Weak<Api>,
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
    let refused = match key {
        None => Err(unsigned(request.service)),
        Some(_) => region::check(&request, &api.aws.ecr),
    };
    if let Err(error) = refused {
        let outcome = Err(error);
        api.record(&request, None, &outcome);
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

fn unsigned(service: Service) -> ApiError {
    match service.protocol() {
        Protocol::Query(_) => ApiError::new(
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
        .with_status(403),
        Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => {
            ApiError::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )
        }
        Protocol::Rest => ApiError::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
        .with_status(403),
    }
}
