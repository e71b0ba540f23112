//! A recording of the wire: every call with the bytes of its request and its response, one JSON object per line, to be
//! validated by other programs.
//!
//! A line has `caller`, `method`, `path`, `headers`, `body`, `status`, `answer_headers` and `answer_body`; headers are
//! pairs, in order. Headers that the HTTP server itself adds to an answer (its length, the date) are not among them. A
//! body that is not UTF-8 is in base64 under `body_base64` or `answer_body_base64`. A call whose caller got no answer
//! is not written. Nor are credentials: real ones of a misdirected program must not end up in a file, and neither are the
//! contents of secrets. Otherwise bodies are complete, task definitions included.

use std::sync::Weak;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Api;
use super::render::broken_off;
use super::request::access_key_id;

/// Headers that carry a credential or prove possession of one.
const SECRET: [&str; 2] = ["authorization", "x-amz-security-token"];

/// Members that carry a secret of Secrets Manager.
const SECRET_MEMBERS: [&str; 2] = ["SecretString", "SecretBinary"];

/// The layer around the API that records each call once it is answered.
pub(super) async fn record(
    State((api, largest_body)): State<(Weak<Api>, usize)>,
    request: Request,
    next: Next,
) -> Response {
    let recording = api.upgrade().filter(|api| api.wire.is_open());
    let Some(api) = recording else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(sent) = to_bytes(body, largest_body).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let caller = access_key_id(&parts.headers).and_then(|key| api.ledger.function(key));
    let mut line = Map::from_iter([
        ("caller".to_owned(), json!(caller)),
        ("method".to_owned(), json!(parts.method.as_str())),
        ("path".to_owned(), json!(parts.uri.to_string())),
        ("headers".to_owned(), pairs(&parts.headers)),
    ]);
    insert_body(&mut line, "body", &sent);
    let response = next.run(Request::from_parts(parts, Body::from(sent))).await;
    let (parts, body) = response.into_parts();
    // The answer is complete already, unless it is lost on its way: then the call was not answered.
    let Ok(answered) = to_bytes(body, usize::MAX).await else {
        return broken_off();
    };
    line.insert("status".to_owned(), json!(parts.status.as_u16()));
    line.insert("answer_headers".to_owned(), pairs(&parts.headers));
    insert_body(&mut line, "answer_body", &answered);
    api.wire.write(&Value::Object(line));
    Response::from_parts(parts, Body::from(answered))
}

fn insert_body(line: &mut Map<String, Value>, name: &str, bytes: &Bytes) {
    let (name, text) = match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), without_secrets(text)),
        Err(_) => (format!("{name}_base64"), STANDARD.encode(bytes)),
    };
    line.insert(name, Value::String(text));
}

/// The text as it is, but for the contents of secrets.
fn without_secrets(text: &str) -> String {
    if !SECRET_MEMBERS.iter().any(|member| text.contains(member)) {
        return text.to_owned();
    }
    let mut members: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    for member in SECRET_MEMBERS {
        if let Some(value) = members.get_mut(member) {
            *value = json!("not written");
        }
    }
    Value::Object(members).to_string()
}

fn pairs(headers: &HeaderMap) -> Value {
    let pair = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        let value = match SECRET.contains(&name.as_str()) {
            true => "not written".into(),
            false => String::from_utf8_lossy(value.as_bytes()),
        };
        json!([name.as_str(), value])
    };
    headers.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_written_and_everything_else_is() {
        let headers: HeaderMap = [
            ("authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x"),
            ("x-amz-target", "Logs_20140328.GetLogEvents"),
            ("x-amz-security-token", "FwoGZXIv"),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
        assert_eq!(
            pairs(&headers),
            json!([
                ["authorization", "not written"],
                ["x-amz-target", "Logs_20140328.GetLogEvents"],
                ["x-amz-security-token", "not written"],
            ])
        );
    }

    #[test]
    fn the_content_of_a_secret_is_not_written() {
        for (body, written) in [
            (
                r#"{"Name":"a","SecretString":"x"}"#,
                r#"{"Name":"a","SecretString":"not written"}"#,
            ),
            (
                r#"{"SecretBinary":"x"}"#,
                r#"{"SecretBinary":"not written"}"#,
            ),
            ("SecretString, which is not JSON", "{}"),
            ("{ }", "{ }"),
        ] {
            assert_eq!(without_secrets(body), written);
        }
    }

    #[test]
    fn a_body_is_text_or_base64() {
        let mut line = Map::new();
        insert_body(&mut line, "body", &Bytes::from_static(b"{}"));
        insert_body(&mut line, "answer_body", &Bytes::from_static(b"\xff\x00"));
        assert_eq!(
            Value::Object(line),
            json!({"body": "{}", "answer_body_base64": "/wA="})
        );
    }
}
