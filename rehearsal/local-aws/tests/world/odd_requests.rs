//! Invalid requests to every operation: each gets a response in AWS's shape, and nothing breaks.

use std::collections::BTreeSet;
use std::path::Path;

use local_aws::api::operation::Operation;
use local_aws::api::operations;
use local_aws::api::service::{Protocol, Service};
use local_aws::world::World;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::aws::{ecs, signed, world};

/// Every quoted word in the handlers' code: it includes the members that they read, and other words do no harm.
fn words() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/operations");
    let quoted = Regex::new(r#""([A-Za-z]{2,40})""#).unwrap();
    let mut words = BTreeSet::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = std::fs::read_to_string(path).unwrap();
            let found = quoted.captures_iter(&code);
            words.extend(found.map(|found| found[1].to_owned()));
        }
    }
    words
}

fn odd_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!("d-X"),
        json!("é\u{0}:@"),
        json!([]),
        json!([null, 1]),
        json!(["shop-web", "web"]),
        json!({}),
        json!({ "a": [{}] }),
        json!([{ "name": 1, "image": [] }]),
        json!("shop-web:1"),
        json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": "{}" } }),
    ]
}

/// Makes a call; returns its status, head and body.
type Answered = (u16, String, String);

async fn json_call(world: &World, service: Service, name: &str, members: &Value) -> Answered {
    let target = service.wire_name().unwrap();
    let headers = format!("X-Amz-Target: {target}.{name}\r\n");
    signed(world, "POST", "/", &headers, &members.to_string()).await
}

async fn query_call(world: &World, service: Service, name: &str, members: &Value) -> Answered {
    let version = service.wire_name().unwrap();
    let mut form = format!("Action={name}&Version={version}");
    for (member, value) in members.as_object().unwrap() {
        write_form(&mut form, member, value);
    }
    // IAM is one for all Regions, and takes signatures for us-east-1 only.
    let of_iam = if service == Service::Iam {
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20261121/us-east-1/iam/aws4_request, Signature=0\r\n"
    } else {
        ""
    };
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{of_iam}");
    signed(world, "POST", "/", &headers, &form).await
}

pub(crate) fn write_form(form: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => form.push_str(&format!("&{name}={value}")),
        Value::String(text) => form.push_str(&format!("&{name}={}", percent_encoded(text))),
        Value::Array(items) => {
            for (item, number) in items.iter().zip(1..) {
                write_form(form, &format!("{name}.member.{number}"), item);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                write_form(form, &format!("{name}.{member}"), value);
            }
        }
    }
}

async fn rest_call(world: &World, operation: &Operation, odd: &Value, members: &Value) -> Answered {
    let route = operation.route.unwrap();
    let name = odd.as_str().map_or(odd.to_string(), str::to_owned);
    let in_path = Regex::new(r"\{\w+\}").unwrap();
    let path = in_path.replace_all(route.path, percent_encoded(&name));
    signed(world, route.method, &path, "", &members.to_string()).await
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Whether a response has the shape of the service's protocol.
fn is_shaped(service: Service, (status, head, body): &Answered) -> bool {
    let is_json = serde_json::from_str::<Value>(body).is_ok();
    let member = |name: &str| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        body[name].is_string()
    };
    match (service.protocol(), status) {
        (Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson, 200) => {
            is_json
        }
        (Protocol::Json, 400) => member("__type") && member("message"),
        (Protocol::JsonWithCapitals, 400) => member("__type") && member("Message"),
        (Protocol::QueryCompatibleJson, 400 | 404) => {
            member("__type") && member("message") && head.contains("x-amzn-query-error: ")
        }
        (Protocol::Query(_), 200) => body.contains("Response xmlns="),
        (Protocol::Query(_), 400 | 403 | 404) => body.contains("</Code><Message>"),
        (Protocol::Rest, 200) => is_json,
        (Protocol::Rest, 400 | 403 | 404 | 409 | 413) => {
            head.contains("x-amzn-errortype: ") && (member("message") || member("Message"))
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_odd_requests_in_aws_shape() {
    let world = world(|_| {}).await;
    let words = words();
    for (service, operation) in operations::all() {
        for odd in odd_values() {
            let members: Map<String, Value> = words
                .iter()
                .map(|word| (word.clone(), odd.clone()))
                .collect();
            let members = Value::Object(members);
            let name = operation.name;
            let answered = match service.protocol() {
                Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => {
                    json_call(&world, service, name, &members).await
                }
                Protocol::Query(_) => query_call(&world, service, name, &members).await,
                Protocol::Rest => rest_call(&world, operation, &odd, &members).await,
            };
            let (status, _, body) = &answered;
            assert!(
                is_shaped(service, &answered),
                "{}:{name} with {odd}: {status} {body}",
                service.prefix()
            );
        }
    }
    let described = ecs(
        &world,
        "DescribeServices",
        json!({ "cluster": "prod", "services": ["web"] }),
    )
    .await;
    assert_eq!(described["services"][0]["desiredCount"], 2);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_operations_are_refused() {
    let world = world(|_| {}).await;
    for service in Service::ALL {
        let (name, members) = ("DeleteEverything", json!({}));
        let (answered, code) = match service.protocol() {
            Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => (
                json_call(&world, service, name, &members).await,
                "UnknownOperationException",
            ),
            Protocol::Query(_) => (
                query_call(&world, service, name, &members).await,
                "InvalidAction",
            ),
            Protocol::Rest => (
                signed(&world, "POST", "/everything", "", "{}").await,
                "UnknownOperationException",
            ),
        };
        let (status, head, body) = answered;
        let expected_status = match service.protocol() {
            Protocol::Rest => 404,
            Protocol::Json
            | Protocol::JsonWithCapitals
            | Protocol::QueryCompatibleJson
            | Protocol::Query(_) => 400,
        };
        assert_eq!(status, expected_status, "{service:?}");
        let text = format!("{head} {body}").to_lowercase();
        assert!(text.contains(&code.to_lowercase()), "{service:?}: {text}");
        let sentence = "if aws has it, only the rehearsal lacks it";
        assert!(text.contains(sentence), "{service:?}: {text}");
    }
    // Services that are not simulated at all say the same.
    for (method, path, headers, form) in [
        ("POST", "/", "X-Amz-Target: AmazonSQS.SendMessage\r\n", "{}"),
        ("POST", "/", "X-Amz-Target: nothing\r\n", "{}"),
        (
            "POST",
            "/",
            "",
            "Action=DescribeInstances&Version=2016-11-15",
        ),
        ("GET", "/bucket/key", "", ""),
    ] {
        let (_, _, body) = signed(&world, method, path, headers, form).await;
        let sentence = "if AWS has it, only the rehearsal lacks it";
        assert!(body.contains(sentence), "{path} {headers} {form}: {body}");
    }
    world.shutdown().await;
}
