//! A call in the protocol of its service, and the answer as members.

use std::fmt;

use local_aws::api::operation::Operation;
use local_aws::api::operations;
use local_aws::api::service::{Protocol, Service};
use local_aws::world::World;
use serde_json::{Map, Value, json};

use crate::aws::signed;
use crate::odd_requests::{percent_encoded, write_form};

pub(super) struct Answered {
    pub(super) status: u16,
    code: String,
    pub(super) message: String,
    pub(super) body: Value,
}

impl Answered {
    /// Headers come without upper case.
    pub(super) fn is_code(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answered {
            status,
            code,
            message,
            body,
        } = self;
        match code.as_str() {
            "" => write!(f, "{status} {body}"),
            code => write!(f, "{status} {code}: {message}"),
        }
    }
}

/// Makes one call, `SERVICE OPERATION`.
pub(super) async fn make(world: &World, call: &str, input: &Value) -> Answered {
    let (prefix, name) = call.split_once(' ').unwrap();
    let service = Service::ALL
        .into_iter()
        .find(|service| service.prefix() == prefix);
    let service = service.unwrap_or_else(|| panic!("no service `{prefix}`"));
    let operation = operations::find(service, name).unwrap_or_else(|| panic!("no `{call}`"));
    let wire_name = service.wire_name().unwrap_or_default();
    match service.protocol() {
        Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => {
            let headers = format!("X-Amz-Target: {wire_name}.{name}\r\n");
            let (status, head, body) =
                signed(world, "POST", "/", &headers, &input.to_string()).await;
            in_json(status, &head, &body)
        }
        Protocol::Query(_) => {
            let mut form = format!("Action={name}&Version={wire_name}");
            for (member, value) in input.as_object().unwrap() {
                write_form(&mut form, member, value);
            }
            let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
            let (status, _, body) = signed(world, "POST", "/", headers, &form).await;
            in_xml(status, name, &body)
        }
        Protocol::Rest => {
            let (status, head, body) = rest(world, operation, input).await;
            in_json(status, &head, &body)
        }
    }
}

/// What stands for a schedule or a deployment of which nothing else matters.
pub(super) fn shorthand(input: &str) -> String {
    if let Some(expression) = input.strip_prefix("$SCHEDULE ") {
        return json!({
            "Name": "recorded",
            "ScheduleExpression": serde_json::from_str::<Value>(expression).unwrap(),
            "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 4 },
            "Target": {
                "Arn": "arn:aws:lambda:eu-central-1:111122223333:function:shop-hook",
                "RoleArn": "arn:aws:iam::111122223333:role/role-name",
            },
        })
        .to_string();
    }
    if input != "$DEPLOYMENT" {
        return input.to_owned();
    }
    let properties = json!({
        "TaskDefinition": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:1",
        "LoadBalancerInfo": { "ContainerName": "web", "ContainerPort": 8080 },
    });
    let service =
        json!({ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } });
    let content = json!({ "version": 0.0, "Resources": [service] }).to_string();
    let revision =
        json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content } });
    json!({ "applicationName": "shop", "deploymentGroupName": "shop-web", "revision": revision })
        .to_string()
}

async fn rest(world: &World, operation: &Operation, input: &Value) -> (u16, String, String) {
    let route = operation.route.unwrap();
    let (mut path, mut rest) = (route.path.to_owned(), Map::new());
    for (member, value) in input.as_object().unwrap() {
        let place = format!("{{{member}}}");
        match (value.as_str(), path.contains(&place)) {
            (Some(text), true) => path = path.replace(&place, &percent_encoded(text)),
            (_, _) => {
                rest.insert(member.clone(), value.clone());
            }
        }
    }
    if route.method == "POST" || route.method == "PUT" {
        let body = Value::Object(rest).to_string();
        return signed(world, route.method, &path, "", &body).await;
    }
    let query: Vec<String> = rest
        .iter()
        .map(|(member, value)| format!("{member}={}", percent_encoded(value.as_str().unwrap())))
        .collect();
    let path = match query.is_empty() {
        true => path,
        false => format!("{path}?{}", query.join("&")),
    };
    signed(world, route.method, &path, "", "").await
}

fn in_json(status: u16, head: &str, body: &str) -> Answered {
    let body: Value = serde_json::from_str(body).unwrap_or(json!({}));
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name))?;
        line.split(';').next().map(str::to_owned)
    };
    let in_body = || {
        let code = body["__type"].as_str()?;
        code.rsplit('#').next().map(str::to_owned)
    };
    let code = header("x-amzn-query-error: ")
        .or_else(|| header("x-amzn-errortype: "))
        .or_else(in_body);
    let message = body["message"].as_str().or(body["Message"].as_str());
    Answered {
        status,
        code: code.unwrap_or_default(),
        message: message.unwrap_or_default().to_owned(),
        body,
    }
}

fn in_xml(status: u16, operation: &str, body: &str) -> Answered {
    let mut rest = body;
    let body = elements(&mut rest);
    let error = &body["ErrorResponse"]["Error"];
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    let result = body[format!("{operation}Response")][format!("{operation}Result")].clone();
    Answered {
        status,
        code: text("Code"),
        message: text("Message"),
        body: if result.is_object() {
            result
        } else {
            json!({})
        },
    }
}

/// The elements up to the end of the one that they are in: members, a list of `member`, a map of `entry`, or a text.
fn elements(rest: &mut &str) -> Value {
    let mut members = Map::new();
    let mut items: Option<Vec<Value>> = None;
    loop {
        let Some(open) = rest.find('<') else {
            return Value::Object(members);
        };
        let text = &rest[..open];
        let end = open + rest[open..].find('>').unwrap();
        let tag = &rest[open + 1..end];
        *rest = &rest[end + 1..];
        if tag.starts_with('/') {
            return match items {
                Some(items) => Value::Array(items),
                None if members.is_empty() => Value::String(unescaped(text)),
                None => Value::Object(members),
            };
        }
        if tag.starts_with('?') {
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        let value = if tag.ends_with('/') {
            json!("")
        } else {
            elements(rest)
        };
        match name.as_str() {
            "member" => items.get_or_insert_default().push(value),
            "entry" => {
                let key = value["key"].as_str().unwrap().to_owned();
                members.insert(key, value["value"].clone());
            }
            _ => {
                members.insert(name, value);
            }
        }
    }
}

fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}
