//! A function for the tests: it implements the Runtime API and acts as its event requests.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "this test is the function when Lambda starts it, and does nothing otherwise"
)]
fn acts_as_a_function_when_lambda_starts_it() {
    if let Ok(runtime_api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        play(&runtime_api);
    }
}

#[expect(
    clippy::exit,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the function is a separate process"
)]
fn play(runtime_api: &str) {
    println!("the function starts");
    if std::env::var("TEST_FAILS_TO_START").is_ok() {
        let error = json!({ "errorType": "Runtime.NoConfiguration", "errorMessage": "`GREENLIGHT_CONFIG` is not set" });
        call(
            runtime_api,
            "POST",
            "runtime/init/error",
            &error.to_string(),
        );
        std::process::exit(1);
    }
    for count in 1.. {
        let (headers, event) = call(runtime_api, "GET", "runtime/invocation/next", "");
        let event: Value = serde_json::from_str(&event).unwrap();
        let request_id = &headers["lambda-runtime-aws-request-id"];
        let answer = |kind: &str, body: Value| {
            call(
                runtime_api,
                "POST",
                &format!("runtime/invocation/{request_id}/{kind}"),
                &body.to_string(),
            );
        };
        match event["do"].as_str() {
            Some("fail") => answer(
                "error",
                json!({ "errorType": "AwsDenied", "errorMessage": "access denied" }),
            ),
            Some("exit") => std::process::exit(3),
            Some("hang") => loop {
                std::thread::park();
            },
            Some("take memory") => {
                // Ones, because the kernel does not allocate pages of zeros.
                let taken: Vec<_> = (0..512).map(|_| vec![1_u8; 1 << 20]).collect();
                loop {
                    std::hint::black_box(&taken);
                    std::thread::park();
                }
            }
            Some("say much") => answer("response", json!("x".repeat(7 << 20))),
            Some("environment") => answer(
                "response",
                json!(std::env::vars().collect::<BTreeMap<_, _>>()),
            ),
            Some("headers") => answer("response", json!(headers)),
            Some(_) | None => answer("response", json!({ "count": count, "event": event })),
        }
    }
}

/// Sends one request on a new connection; returns the response's headers (in lower case) and body.
fn call(
    runtime_api: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (BTreeMap<String, String>, String) {
    let mut stream = TcpStream::connect(runtime_api).unwrap();
    write!(
        stream,
        "{method} /2018-06-01/{path} HTTP/1.1\r\nhost: runtime\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    (
        headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body.to_owned(),
    )
}
