//! `serve` and who means it harm: whatever one client asks, it is answered, others are served meanwhile, and SIGTERM ends it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::serving::{HUNG, Serving};

/// The status of an answer, and its text.
fn ask(address: SocketAddr, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HUNG)).unwrap();
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=REHEARSAL/20261128/eu-central-1/events/aws4_request";
    let head = format!(
        "POST / HTTP/1.1\r\nhost: aws\r\nconnection: close\r\n{signed}\r\n{headers}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A body that is refused need not be taken to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (
        status.unwrap_or_else(|| panic!("no answer: {answer}")),
        answer,
    )
}

fn test_pattern(address: SocketAddr, pattern: &Value, detail: &Value) -> (u16, String) {
    let event = json!({
        "id": "1", "detail-type": "t", "source": "s", "account": "1", "time": "2026-11-28T00:00:00Z",
        "region": "eu-central-1", "resources": [], "detail": detail,
    });
    let body = json!({"EventPattern": pattern.to_string(), "Event": event.to_string()});
    ask(
        address,
        "x-amz-target: AWSEvents.TestEventPattern",
        body.to_string().as_bytes(),
    )
}

fn describe_clusters(address: SocketAddr) -> u16 {
    let target = "x-amz-target: AmazonEC2ContainerServiceV20141113.DescribeClusters";
    ask(address, target, b"{}").0
}

/// Gives the status of the answer.
type Ask = fn(SocketAddr) -> u16;

/// What a hostile client asks, and the status that it is answered with.
const HOSTILE: [(&str, Ask, u16); 7] = [
    ("a pattern to try in many ways", many_stars, 200),
    (
        "the same, of a text without end",
        many_stars_and_a_long_text,
        200,
    ),
    (
        "lists to try in more ways than there are atoms",
        long_lists,
        200,
    ),
    ("a deep body", deep_body, 400),
    ("a deep form", deep_form, 400),
    ("a large body", large_body, 413),
    ("a body that grows when it is read", growing_body, 400),
];

fn many_stars(address: SocketAddr) -> u16 {
    let pattern = json!({"detail": {"a": [{"wildcard": "*a*a*a*a*b"}]}});
    test_pattern(address, &pattern, &json!({"a": "a".repeat(200)})).0
}

fn many_stars_and_a_long_text(address: SocketAddr) -> u16 {
    let pattern = json!({"detail": {"a": [{"wildcard": "*a*a*a*a*b"}]}});
    test_pattern(address, &pattern, &json!({"a": "a".repeat(1 << 20)})).0
}

fn long_lists(address: SocketAddr) -> u16 {
    let many: Vec<u32> = (0..20_000).collect();
    let any = json!([{"numeric": [">=", 0]}]);
    let pattern = json!({"detail": {"a": any, "b": any, "c": any, "d": any, "e": [-1]}});
    let detail = json!({"a": many, "b": many, "c": many, "d": many, "e": many});
    test_pattern(address, &pattern, &detail).0
}

fn deep_body(address: SocketAddr) -> u16 {
    let body = "[".repeat(1 << 20);
    ask(
        address,
        "x-amz-target: AWSEvents.PutEvents",
        body.as_bytes(),
    )
    .0
}

fn deep_form(address: SocketAddr) -> u16 {
    let deep = "A.".repeat(1_000_000);
    let form = format!("Action=Publish&Version=2010-03-31&{deep}=1");
    let kind = "content-type: application/x-www-form-urlencoded";
    ask(address, kind, form.as_bytes()).0
}

fn large_body(address: SocketAddr) -> u16 {
    let body = vec![b' '; 9 << 20];
    ask(address, "x-amz-target: AWSEvents.PutEvents", &body).0
}

fn growing_body(address: SocketAddr) -> u16 {
    let laughs: String = (1..15).fold("a0: &a0 x\n".to_owned(), |text, n| {
        let many = format!("*a{}, ", n - 1).repeat(9);
        format!("{text}a{n}: &a{n} [{many}]\n")
    });
    let revision = json!({"revisionType": "AppSpecContent", "appSpecContent": {"content": laughs}});
    let body = json!({
        "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web", "revision": revision,
    });
    let target = "x-amz-target: CodeDeploy_20141006.CreateDeployment";
    ask(address, target, body.to_string().as_bytes()).0
}

#[test]
fn a_hostile_request_is_answered_and_others_are_meanwhile() {
    let mut serving = Serving::start(&[""; 0]);
    let address = serving.address;
    thread::scope(|scope| {
        for (what, hostile, status) in HOSTILE.into_iter().chain(HOSTILE) {
            scope.spawn(move || assert_eq!(hostile(address), status, "{what}"));
            assert_eq!(describe_clusters(address), 200);
        }
    });
    let complex = json!({"detail": {"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}});
    let (status, answer) = test_pattern(address, &complex, &json!({}));
    assert_eq!(status, 400);
    assert!(answer.contains("Rule is too complex"), "{answer}");
    for _ in 0..4 {
        // It may find nobody there any more.
        thread::spawn(move || std::panic::catch_unwind(|| long_lists(address)));
    }
    let process = serving.child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &process]).status();
    assert!(told.unwrap().success());
    assert!(serving.child.wait().unwrap().success());
}
