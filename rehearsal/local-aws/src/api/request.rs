//! HTTP requests, parsed: the service, the operation, the caller's access key and the members.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::service::{Protocol, STS_NAMESPACE, Service};
use super::{operations, query};

/// A request, parsed as far as its protocol goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub service: Service,
    pub operation: String,
    pub members: Value,
    /// The Region that it is signed for, if it is signed.
    pub region: Option<String>,
}

/// Parses a request; an error comes with the protocol to answer it in.
pub fn parse(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request, (Protocol, ApiError)> {
    let parsed = if let Some(target) = header(headers, "x-amz-target") {
        parse_json(target, body).map_err(|error| (Protocol::Json, error))
    } else if uri.path() == "/" {
        parse_query(method, uri, body)
    } else {
        parse_rest(method, uri, headers, body).map_err(|error| (Protocol::Rest, error))
    };
    Ok(Request {
        region: signed_region(headers).map(ToOwned::to_owned),
        ..parsed?
    })
}

fn parse_json(target: &str, body: &Bytes) -> Result<Request, ApiError> {
    let unknown = || operations::unknown(Protocol::Json, target);
    let (prefix, operation) = target.rsplit_once('.').ok_or_else(unknown)?;
    let service = named(prefix).ok_or_else(unknown)?;
    let members = if body.is_empty() {
        json!({})
    } else {
        json_body(body)?
    };
    Ok(Request {
        service,
        operation: operation.to_owned(),
        members,
        region: None,
    })
}

fn json_body(body: &Bytes) -> Result<Value, ApiError> {
    let unreadable = || {
        ApiError::new(
            "SerializationException",
            "the request's body is not a JSON object",
        )
    };
    serde_json::from_slice(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(unreadable)
}

fn parse_query(method: &Method, uri: &Uri, body: &Bytes) -> Result<Request, (Protocol, ApiError)> {
    let form = if body.is_empty() {
        uri.query().unwrap_or_default()
    } else {
        std::str::from_utf8(body).unwrap_or("")
    };
    let members = query::parse(form);
    let text = |member: &str| members[member].as_str().unwrap_or_default().to_owned();
    let (action, version) = (text("Action"), text("Version"));
    match named(&version) {
        Some(service) => Ok(Request {
            service,
            operation: action,
            members,
            region: None,
        }),
        None => {
            let protocol = Protocol::Query(STS_NAMESPACE);
            let operation = match action.as_str() {
                // A REST service such as S3 has no action.
                "" => format!("`{method} {}`", uri.path()),
                action => format!("`{action}` of the API version `{version}`"),
            };
            Err((protocol, operations::unknown(protocol, &operation)))
        }
    }
}

/// The JSON or Query service that a request names.
fn named(wire_name: &str) -> Option<Service> {
    let mut all = Service::ALL.into_iter();
    all.find(|service| service.wire_name() == Some(wire_name))
}

fn parse_rest(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request, ApiError> {
    let unknown = || operations::unknown(Protocol::Rest, &format!("`{method} {}`", uri.path()));
    let segments: Vec<String> = uri.path().split('/').skip(1).map(query::decode).collect();
    let (service, operation, route, in_path) =
        operations::routed(method.as_str(), &segments).ok_or_else(unknown)?;
    let mut members = match (route.body, body.is_empty()) {
        (Some(read), _) => read(headers, body)?,
        (None, true) => Map::new(),
        (None, false) => json_body(body)?.as_object().cloned().unwrap_or_default(),
    };
    let query = query::parse(uri.query().unwrap_or_default());
    members.extend(query.as_object().cloned().unwrap_or_default());
    for (member, value) in in_path {
        members.insert(member.to_owned(), json!(value));
    }
    Ok(Request {
        service,
        operation: operation.name.to_owned(),
        members: Value::Object(members),
        region: None,
    })
}

/// The access key id that signed the request; none for an unsigned one.
pub fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    let key = credential(headers)?.split('/').next();
    key.filter(|key| !key.is_empty())
}

/// The Region that the request is signed for.
fn signed_region(headers: &HeaderMap) -> Option<&str> {
    let region = credential(headers)?.split('/').nth(2);
    region.filter(|region| !region.is_empty())
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`
fn credential(headers: &HeaderMap) -> Option<&str> {
    let authorization = header(headers, "authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    authorization
        .split([',', ' '])
        .find_map(|part| part.trim().strip_prefix("Credential="))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn check(
        method: &str,
        uri: &str,
        pairs: &[(&'static str, &str)],
        body: &'static str,
    ) -> Result<Request, String> {
        let method = method.parse().unwrap();
        let body = Bytes::from_static(body.as_bytes());
        parse(&method, &uri.parse().unwrap(), &headers(pairs), &body)
            .map_err(|(_, error)| error.code.into_owned())
    }

    fn request(service: Service, operation: &str, members: Value) -> Result<Request, String> {
        Ok(Request {
            service,
            operation: operation.to_owned(),
            members,
            region: None,
        })
    }

    #[test]
    fn every_protocol_is_understood() {
        let ecs = [("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask")];
        assert_eq!(
            check("POST", "/", &ecs, r#"{"taskDefinition":"web"}"#),
            request(Service::Ecs, "RunTask", json!({"taskDefinition": "web"}))
        );
        assert_eq!(
            check("POST", "/", &ecs, ""),
            request(Service::Ecs, "RunTask", json!({}))
        );
        assert_eq!(
            check("POST", "/", &[], "Action=Publish&Version=2010-03-31"),
            request(
                Service::Sns,
                "Publish",
                json!({"Action": "Publish", "Version": "2010-03-31"})
            )
        );
        assert_eq!(
            check("POST", "/schedules/a%2Fb", &[], r#"{"State":"ENABLED"}"#),
            request(
                Service::Scheduler,
                "CreateSchedule",
                json!({"State": "ENABLED", "Name": "a/b"})
            )
        );
        assert_eq!(
            check(
                "POST",
                "/2015-03-31/functions/f/invocations",
                &[("x-amz-invocation-type", "Event")],
                "[1]"
            ),
            request(
                Service::Lambda,
                "Invoke",
                json!({"Payload": [1], "InvocationType": "Event", "FunctionName": "f"})
            )
        );
    }

    #[test]
    fn unparseable_requests_are_refused() {
        let ecs = [("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask")];
        let cases = [
            (
                check("POST", "/", &[("x-amz-target", "Nothing.Here")], "{}"),
                "UnknownOperationException",
            ),
            (
                check("POST", "/", &[("x-amz-target", "nothing")], "{}"),
                "UnknownOperationException",
            ),
            (check("POST", "/", &ecs, "{"), "SerializationException"),
            (check("POST", "/", &ecs, "[]"), "SerializationException"),
            (check("POST", "/", &[], "Action=Publish"), "InvalidAction"),
            (
                check("GET", "/nowhere", &[], ""),
                "UnknownOperationException",
            ),
            (
                check("POST", "/2015-03-31/functions/f/invocations", &[], "{"),
                "InvalidRequestContentException",
            ),
        ];
        for (outcome, code) in cases {
            assert_eq!(outcome, Err(code.to_owned()));
        }
    }

    #[test]
    fn the_caller_signed_the_request() {
        let signed = "AWS4-HMAC-SHA256 Credential=GREENLIGHTX/20261121/eu-central-1/ecs/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(
            access_key_id(&headers(&[("authorization", signed)])),
            Some("GREENLIGHTX")
        );
        assert_eq!(
            signed_region(&headers(&[("authorization", signed)])),
            Some("eu-central-1")
        );
        for unsigned in [
            "",
            "Basic abc",
            "AWS4-HMAC-SHA256 SignedHeaders=host",
            "AWS4-HMAC-SHA256 Credential=",
        ] {
            assert_eq!(
                access_key_id(&headers(&[("authorization", unsigned)])),
                None,
                "{unsigned}"
            );
        }
        assert_eq!(access_key_id(&HeaderMap::new()), None);
    }
}
