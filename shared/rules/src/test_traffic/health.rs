//! The standard gRPC health check (grpc/grpc, doc/health-checking.md): one small message each way, read and written here.

use std::time::Duration;

use super::CheckFailed;
use crate::config::Request;

/// A message begins with a byte that says whether it is compressed, and its length in four bytes (gRPC over HTTP/2).
const PREFIX: usize = 5;
/// `HealthCheckResponse.ServingStatus`.
const SERVING: u64 = 1;
/// gRPC's status codes, from 0.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What came back over HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthAnswer {
    /// HTTP's status: 200 of every gRPC server, whatever it answers.
    pub status: u16,
    /// `grpc-status`, of the trailers or, where there is no message, of the headers.
    pub grpc_status: Option<String>,
    /// The message with its prefix.
    pub body: Vec<u8>,
    /// From sending the request to the end of the trailers.
    pub after: Duration,
}

/// `HealthCheckRequest { string service = 1 }` with its prefix. The configuration limits a service's name to 127 characters,
/// so that each length fits in one byte.
pub fn request(service: &str) -> Vec<u8> {
    let length = u8::try_from(service.len()).unwrap_or(u8::MAX);
    let mut message = Vec::new();
    // A field that is empty is left out.
    if length > 0 {
        message.extend([0x0a, length]);
        message.extend(service.as_bytes());
    }
    let mut framed = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap_or(u8::MAX)];
    framed.extend(message);
    framed
}

/// Judges a health check by its answer.
pub(super) fn judge(request: &Request, answer: &HealthAnswer) -> Result<(), CheckFailed> {
    let check_failed = |got: String| {
        Err(CheckFailed {
            path: request.path.clone(),
            wanted: wanted(request),
            got,
        })
    };
    if answer.status != 200 {
        return check_failed(format!(
            "status {}{}",
            answer.status,
            explained(answer.status, request)
        ));
    }
    let code = answer
        .grpc_status
        .as_deref()
        .and_then(|code| code.parse::<usize>().ok());
    match code {
        Some(0) => {}
        Some(code) => {
            let name = CODES
                .get(code)
                .map_or(String::new(), |name| format!(" ({name})"));
            return check_failed(format!("gRPC status {code}{name}{}", hint(code)));
        }
        None => return check_failed("no gRPC status: not the answer of a gRPC server".to_owned()),
    }
    match serving_status(&answer.body) {
        Some(SERVING) => {}
        Some(0) => return check_failed("UNKNOWN".to_owned()),
        Some(2) => return check_failed("NOT_SERVING".to_owned()),
        Some(3) => return check_failed("SERVICE_UNKNOWN".to_owned()),
        Some(other) => return check_failed(format!("the serving status {other}, which is none")),
        None => return check_failed("a message that is no health check's answer".to_owned()),
    }
    match request.within.filter(|within| answer.after > *within) {
        Some(within) => Err(CheckFailed {
            path: request.path.clone(),
            wanted: format!("an answer within {} ms", within.as_millis()),
            got: format!("one after {} ms", answer.after.as_millis()),
        }),
        None => Ok(()),
    }
}

/// What is wanted of a request in the first place.
pub(super) fn wanted(request: &Request) -> String {
    match request.grpc_service.as_deref() {
        None => format!("status {}", request.status),
        Some("") => "SERVING for the whole server".to_owned(),
        Some(service) => format!("SERVING for `{service}`"),
    }
}

/// An Application Load Balancer answers 464 where the request's protocol version does not fit its target group's (Elastic Load
/// Balancing User Guide, troubleshooting).
pub(super) fn explained(status: u16, request: &Request) -> &'static str {
    match (status, &request.grpc_service) {
        (464, Some(_)) => {
            ": the load balancer refuses a protocol version that is not its target group's (hint: the target group's must be gRPC)"
        }
        (464, None) => {
            ": the load balancer refuses a protocol version that is not its target group's (hint: where the target group's is gRPC, \
             ask with `grpc_service`; where it is HTTP2, the load balancer's attribute `routing.http2.enabled` must be true)"
        }
        (_, _) => "",
    }
}

fn hint(code: usize) -> &'static str {
    match CODES.get(code) {
        Some(&"NOT_FOUND") => " (hint: the server's health service does not know that name)",
        Some(&"UNIMPLEMENTED") => " (hint: the server has no `grpc.health.v1.Health`)",
        Some(_) | None => "",
    }
}

/// The status of `HealthCheckResponse { ServingStatus status = 1 }`; a field that is left out is 0.
fn serving_status(body: &[u8]) -> Option<u64> {
    let (prefix, message) = body.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix.get(1..)?.try_into().ok()?);
    if prefix.first() != Some(&0) || usize::try_from(length).ok()? != message.len() {
        return None;
    }
    let (mut rest, mut status) = (message, 0);
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        // The kinds of protobuf's wire format: a number, eight bytes, bytes behind their length, four bytes.
        let skipped = match tag & 7 {
            0 => {
                let number = varint(&mut rest)?;
                if tag >> 3 == 1 {
                    status = number;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        rest = rest.get(skipped..)?;
    }
    Some(status)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::test_traffic::{self, Answer};

    fn configured(lines: &str) -> Request {
        let text = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
             [[pipeline.test_traffic.request]]\n{lines}"
        );
        let mut pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        pipeline.test_traffic.checks.requests.remove(0)
    }

    /// Bytes as protoc encodes them: `protoc --encode=grpc.health.v1.HealthCheckRequest`.
    #[test]
    fn a_service_is_asked_for_by_its_name_and_the_server_by_none() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
    }

    const ONE: &str = "grpc_service = 'shop.Orders'\n";
    const SERVES: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

    /// What is said of an answer after 100 ms, without the path.
    fn said(lines: &str, status: u16, grpc_status: Option<&str>, body: &[u8]) -> String {
        let answer = Answer::Health(HealthAnswer {
            status,
            grpc_status: grpc_status.map(str::to_owned),
            body: body.to_vec(),
            after: Duration::from_millis(100),
        });
        let said = test_traffic::judge(&configured(lines), &answer)
            .map_or_else(|failed| failed.to_string(), |()| "well".to_owned());
        said.replace("`/grpc.health.v1.Health/Check`: wanted ", "")
    }

    #[test]
    fn only_serving_is_well() {
        assert_eq!(said(ONE, 200, Some("0"), SERVES), "well");
        assert_eq!(said("grpc_service = ''\n", 200, Some("0"), SERVES), "well");
        // With a field that is not known, of each kind.
        let fields = [
            0x12, 1, b'a', 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 8, 0x81, 0,
        ];
        let more = |length: u8| [&[0, 0, 0, 0, length], &fields[..]].concat();
        assert_eq!(said(ONE, 200, Some("0"), &more(20)), "well");
        let none = "a message that is no health check's answer";
        for (body, got) in [
            (&more(21)[..], none),
            (&[0, 0, 0, 0, 0], "UNKNOWN"),
            (&[0, 0, 0, 0, 2, 8, 2], "NOT_SERVING"),
            (&[0, 0, 0, 0, 2, 8, 3], "SERVICE_UNKNOWN"),
            (
                &[0, 0, 0, 0, 2, 8, 9],
                "the serving status 9, which is none",
            ),
            (&[], none),
            (&[1, 0, 0, 0, 2, 8, 1], none),
            (&[0, 0, 0, 0, 2, 8, 0x81], none),
            (&[0, 0, 0, 0, 2, 0x12, 9], none),
        ] {
            let expected = format!("SERVING for `shop.Orders`, got {got}");
            assert_eq!(said(ONE, 200, Some("0"), body), expected);
        }
    }

    #[test]
    fn what_a_server_or_a_load_balancer_refuses_is_said() {
        for (status, grpc_status, got) in [
            (
                200,
                Some("12"),
                "gRPC status 12 (UNIMPLEMENTED) (hint: the server has no `grpc.health.v1.Health`)",
            ),
            (
                200,
                Some("5"),
                "gRPC status 5 (NOT_FOUND) (hint: the server's health service does not know that name)",
            ),
            (200, Some("99"), "gRPC status 99"),
            (200, None, "no gRPC status: not the answer of a gRPC server"),
            (503, None, "status 503"),
            (
                464,
                None,
                "status 464: the load balancer refuses a protocol version that is not its target group's (hint: the target group's \
                 must be gRPC)",
            ),
        ] {
            let found = said("grpc_service = ''\n", status, grpc_status, SERVES);
            assert_eq!(found, format!("SERVING for the whole server, got {got}"));
        }
        let limited = format!("{ONE}within_milliseconds = 99\n");
        let late = "an answer within 99 ms, got one after 100 ms";
        assert_eq!(said(&limited, 200, Some("0"), SERVES), late);
    }

    #[test]
    fn a_protocol_version_that_does_not_fit_is_called_so() {
        let answer = Answer::Answered {
            status: 464,
            body: String::new(),
            after: Duration::ZERO,
        };
        let said = test_traffic::judge(&configured("path = '/'\n"), &answer).unwrap_err();
        assert_eq!(
            said.to_string(),
            "`/`: wanted status 200, got status 464: the load balancer refuses a protocol version that is not its target group's \
             (hint: where the target group's is gRPC, ask with `grpc_service`; where it is HTTP2, the load balancer's attribute \
             `routing.http2.enabled` must be true)"
        );
    }
}
