//! Answers, in the protocol of their service.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::error::ApiError;
use super::operation::Reply;
use super::query;
use super::service::Protocol;

pub(super) fn render(
    protocol: Protocol,
    operation: &str,
    outcome: Result<&Reply, &ApiError>,
    request_id: &str,
) -> Response {
    let status = outcome.map_or_else(|error| error.status, |reply| reply.status);
    let (content_type, body) = match (protocol, outcome) {
        (Protocol::Json | Protocol::JsonWithCapitals, Ok(reply)) => {
            ("application/x-amz-json-1.1", reply.body.to_string())
        }
        (Protocol::Json, Err(error)) => (
            "application/x-amz-json-1.1",
            json_error(error, json_sentence(&error.code)).to_string(),
        ),
        (Protocol::JsonWithCapitals, Err(error)) => (
            "application/x-amz-json-1.1",
            json_error(error, "Message").to_string(),
        ),
        (Protocol::QueryCompatibleJson, Ok(reply)) => {
            ("application/x-amz-json-1.0", reply.body.to_string())
        }
        (Protocol::QueryCompatibleJson, Err(error)) => (
            "application/x-amz-json-1.0",
            json_error(error, "message").to_string(),
        ),
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

/// The member with an error's message, which two errors of Systems Manager begin with a capital letter (its model).
fn json_sentence(code: &str) -> &'static str {
    match code {
        "InternalServerError" | "TooManyUpdates" => "Message",
        _ => "message",
    }
}

/// Code, message, and the other members of the error's shape.
fn json_error(error: &ApiError, sentence: &str) -> Value {
    let mut body = json!({ "__type": error.code, sentence: error.message });
    for (name, value) in &error.members {
        body[*name] = value.clone();
    }
    body
}

/// An answer that breaks off before anything of it can be read.
pub(super) fn broken_off() -> Response {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(stream::iter([Err::<&[u8], _>(broken)])))
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

        let of_systems_manager = ApiError::new("InternalServerError", "unknown").with_status(500);
        let (_, _, body) = text(render(
            Protocol::Json,
            "GetParameter",
            Err(&of_systems_manager),
            "id",
        ))
        .await;
        assert_eq!(
            body,
            r#"{"__type":"InternalServerError","Message":"unknown"}"#
        );

        let (_, _, body) = text(render(
            Protocol::JsonWithCapitals,
            "GetSecretValue",
            Err(&error),
            "id",
        ))
        .await;
        assert_eq!(
            body,
            r#"{"__type":"ThrottlingException","Message":"Rate exceeded"}"#
        );

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
