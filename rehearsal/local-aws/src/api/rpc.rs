//! Smithy's RPC v2 protocol with CBOR, which AWS's models of CodeDeploy and CloudWatch name first: a call is translated to
//! JSON and answered as one, and its answer is translated back.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::cbor::{self, NotCbor};
use super::error::ApiError;
use super::operations;
use super::service::{Protocol, Service};

/// The services whose models name this protocol.
const SPEAKING: [Service; 2] = [Service::CloudWatch, Service::CodeDeploy];

/// A call in this protocol, as a JSON service gets it.
pub(super) struct Translated {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Translates a call; `None` if it is in another protocol.
pub(super) fn translate(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<Result<Translated, Response>> {
    headers
        .get("smithy-protocol")
        .filter(|protocol| *protocol == "rpc-v2-cbor")?;
    // `/service/GraniteServiceVersion20100801/operation/DescribeAlarms`
    let (service, operation) = uri
        .path()
        .strip_prefix("/service/")?
        .split_once("/operation/")?;
    let target = HeaderValue::from_str(&format!("{service}.{operation}")).ok()?;
    let speaks = |known: &Service| known.wire_name() == Some(service);
    if method != Method::POST || !SPEAKING.iter().any(speaks) {
        let what = format!("{method} {service}.{operation} in RPC v2 with CBOR");
        return Some(Err(refused(&operations::unknown(Protocol::Json, &what))));
    }
    let members = match body.is_empty() {
        true => Ok(json!({})),
        false => cbor::decode(body),
    };
    Some(match members {
        Ok(members) => {
            let mut headers = headers.clone();
            headers.insert("x-amz-target", target);
            Ok(Translated {
                uri: Uri::from_static("/"),
                headers,
                body: Bytes::from(members.to_string()),
            })
        }
        Err(NotCbor) => {
            let message = "the request's body is not a CBOR map";
            Err(refused(&ApiError::new("SerializationException", message)))
        }
    })
}

fn refused(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let error = json!({ "__type": error.code, "message": error.message });
    rendered(status, HeaderMap::new(), &error)
}

/// Translates the answer of a JSON service.
pub(super) async fn translate_back(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    // An answer that is lost on its way stays lost.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return super::render::broken_off();
    };
    let value = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}));
    rendered(parts.status, parts.headers, &value)
}

fn rendered(status: StatusCode, mut headers: HeaderMap, value: &Value) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/cbor"),
    );
    headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    (status, headers, Body::from(cbor::encode(value, &is_time))).into_response()
}

/// Whether a number is a time: in the models of both services every member with such a name is one, and no other.
fn is_time(member: &str) -> bool {
    let ends = ["Time", "Timestamp", "At", "Date"];
    ends.iter().any(|end| member.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(protocol: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            "smithy-protocol".parse().unwrap(),
            HeaderValue::from_static(protocol),
        )])
    }

    #[tokio::test]
    async fn a_call_becomes_a_json_call_and_its_answer_cbor() {
        let uri = "/service/CodeDeploy_20141006/operation/GetDeployment";
        let uri: Uri = uri.parse().unwrap();
        let members = json!({ "deploymentId": "d-1" });
        let body = Bytes::from(cbor::encode(&members, &|_| false));
        let post = |uri: &Uri, headers: &HeaderMap, body: &Bytes| {
            translate(&Method::POST, uri, headers, body)
        };
        let call = post(&uri, &headers("rpc-v2-cbor"), &body);
        let call = call.unwrap().ok().unwrap();
        assert_eq!(
            call.headers["x-amz-target"],
            "CodeDeploy_20141006.GetDeployment"
        );
        assert_eq!(call.body, members.to_string().as_bytes());
        assert!(post(&uri, &headers("rpc-v2-json"), &body).is_none());
        assert!(post(&uri, &HeaderMap::new(), &body).is_none());
        let broken = post(&uri, &headers("rpc-v2-cbor"), &Bytes::from_static(b"{"));
        assert_eq!(broken.unwrap().err().unwrap().status(), 400);

        let answered = (
            StatusCode::BAD_REQUEST,
            "{\"__type\":\"A\",\"message\":\"b\"}",
        );
        let answer = translate_back(answered.into_response()).await;
        assert_eq!(answer.headers()["smithy-protocol"], "rpc-v2-cbor");
        assert_eq!(answer.headers()["content-type"], "application/cbor");
        assert_eq!(answer.status(), 400);
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert_eq!(
            cbor::decode(&body),
            Ok(json!({ "__type": "A", "message": "b" }))
        );
    }

    #[tokio::test]
    async fn only_the_services_that_speak_it_are_called_and_only_with_post() {
        let body = Bytes::from(cbor::encode(&json!({}), &|_| false));
        let speaking = [Service::CloudWatch, Service::CodeDeploy];
        for service in Service::ALL {
            let name = service.wire_name().unwrap_or("Unnamed");
            let uri = format!("/service/{name}/operation/Any").parse().unwrap();
            for method in [Method::POST, Method::GET, Method::PUT] {
                let call = translate(&method, &uri, &headers("rpc-v2-cbor"), &body).unwrap();
                if method == Method::POST && speaking.contains(&service) {
                    assert!(call.is_ok(), "{service:?}");
                    continue;
                }
                let answer = call.err().unwrap();
                assert_eq!(answer.status(), 400, "{method} {service:?}");
                let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
                let error = cbor::decode(&body).unwrap();
                assert_eq!(error["__type"], "UnknownOperationException", "{error}");
            }
        }
    }
}
