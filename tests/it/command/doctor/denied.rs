//! Credentials that may not read something: `doctor` says what is not known, and goes on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use super::serve;
use crate::command::local::{Local, Printed};

/// A gate before the local AWS that denies the calls whose head has this text.
fn denying(local: &Local, text: &'static str) -> SocketAddr {
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, aws) = (gate.local_addr().unwrap(), local.address());
    thread::spawn(move || {
        for stream in gate.incoming().map_while(Result::ok) {
            thread::spawn(move || pass(stream, aws, text));
        }
    });
    address
}

/// One call a connection. A client that went away needs no answer.
fn pass(mut client: TcpStream, aws: SocketAddr, text: &str) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or_default()];
    client.read_exact(&mut body).ok()?;
    if head.contains(text) {
        let denied = r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#;
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: AccessDeniedException\r\ncontent-type: application/x-amz-json-1.1\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n{denied}",
            denied.len()
        );
        return client.write_all(answer.as_bytes()).ok();
    }
    let mut server = TcpStream::connect(aws).ok()?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()
}

#[track_caller]
fn check<const N: usize>(text: &'static str, expected: [&str; N]) {
    let local = serve("ship", None);
    let mut command = local.command("doctor --json");
    command.env(
        "AWS_ENDPOINT_URL",
        format!("http://{}", denying(&local, text)),
    );
    let printed = Printed::of(command);
    let answer: Value = serde_json::from_str(&printed.stdout).expect(&printed.stderr);
    let pipelines = answer["pipelines"].as_array().into_iter().flatten();
    let findings = pipelines
        .chain([&answer])
        .flat_map(|one| one["findings"].as_array().into_iter().flatten());
    let found: Vec<String> = findings
        .map(|one| {
            let text = |member: &str| one[member].as_str().unwrap_or_default();
            format!(
                "{} {} -> {}",
                text("severity"),
                text("subject"),
                text("remedy")
            )
        })
        .collect();
    assert_eq!(
        (found.as_slice(), printed.status),
        (expected.map(str::to_owned).as_slice(), 0)
    );
}

#[test]
fn what_the_caller_may_not_read_is_not_known_and_nothing_is_wrong() {
    check(
        "CodeDeploy_20141006.ListDeployments",
        ["not_known plan -> your credentials need `codedeploy:ListDeployments`"],
    );
    check(
        ".DescribeTaskDefinition",
        ["not_known containers -> your credentials need `ecs:DescribeTaskDefinition`"],
    );
}

#[test]
fn without_the_settings_of_the_stack_all_else_is_checked() {
    check(
        "greenlight-start-deployment/configuration",
        ["not_known stack -> your credentials need `lambda:GetFunctionConfiguration`"],
    );
}
