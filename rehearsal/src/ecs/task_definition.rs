//! Task definitions: what RegisterTaskDefinition takes and refuses, and what comes back.
//!
//! A revision keeps the JSON as it was registered, with every field that nothing here knows.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::api::stamp::epoch_seconds;
use crate::identity::{ACCOUNT, arn};

/// What only answers have. A registration that carries one of them does not set it.
const OUTPUT_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// One revision of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    pub family: String,
    pub number: u32,
    /// Everything that was registered but the tags.
    pub registered: Map<String, Value>,
    /// An array of `{key, value}`.
    pub tags: Vec<Value>,
    pub registered_at: SystemTime,
    pub deregistered_at: Option<SystemTime>,
}

impl Revision {
    pub fn arn(&self) -> String {
        arn(
            "ecs",
            &format!("task-definition/{}:{}", self.family, self.number),
        )
    }

    pub fn is_active(&self) -> bool {
        self.deregistered_at.is_none()
    }

    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        self.registered["containerDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
    }

    /// (container, image) of every container.
    pub fn images(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.containers()
            .map(|container| (text(&container["name"]), text(&container["image"])))
            .collect()
    }

    pub fn image_of(&self, container: &str) -> Option<String> {
        self.images()
            .into_iter()
            .find(|(name, _)| name == container)
            .map(|(_, image)| image)
    }

    /// The network mode; `bridge` where nothing is said, as on EC2.
    pub fn network_mode(&self) -> &str {
        self.registered
            .get("networkMode")
            .and_then(Value::as_str)
            .unwrap_or("bridge")
    }

    /// The launch types that it can run on.
    pub fn compatibilities(&self) -> Vec<&'static str> {
        let has = |member: &str| self.registered.contains_key(member);
        if has("cpu") && has("memory") && self.network_mode() == "awsvpc" {
            vec!["EC2", "FARGATE"]
        } else {
            vec!["EC2"]
        }
    }

    /// The `taskDefinition` structure of ECS's answers.
    pub fn describe(&self) -> Value {
        let mut answer = Map::from_iter([("taskDefinitionArn".to_owned(), json!(self.arn()))]);
        answer.extend(self.registered.clone());
        for (member, value) in [
            ("revision", json!(self.number)),
            (
                "status",
                json!(if self.is_active() {
                    "ACTIVE"
                } else {
                    "INACTIVE"
                }),
            ),
            (
                "requiresAttributes",
                json!([{ "name": "com.amazonaws.ecs.capability.docker-remote-api.1.18" }]),
            ),
            ("compatibilities", json!(self.compatibilities())),
            ("registeredAt", epoch_seconds(self.registered_at)),
            (
                "registeredBy",
                json!(format!("arn:aws:iam::{ACCOUNT}:user/rehearsal")),
            ),
        ] {
            answer.insert(member.to_owned(), value);
        }
        if let Some(moment) = self.deregistered_at {
            answer.insert("deregisteredAt".to_owned(), epoch_seconds(moment));
        }
        Value::Object(answer)
    }
}

/// Checks a registration and fills in what ECS fills in. The error is ECS's sentence (`ClientException`).
pub fn prepare(request: &Map<String, Value>) -> Result<(Map<String, Value>, Vec<Value>), String> {
    let mut registered = request.clone();
    registered.retain(|member, _| !OUTPUT_ONLY.contains(&member.as_str()));
    let tags = match registered.shift_remove("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(tags)) => tags,
        Some(_) => return Err("Tags must be a list.".to_owned()),
    };
    check_tags(&tags)?;
    check_family(
        request
            .get("family")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )?;
    let containers = request
        .get("containerDefinitions")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    check_containers(containers.unwrap_or_default())?;
    check_fargate(request)?;
    let awsvpc = request.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    if let Some(Value::Array(containers)) = registered.get_mut("containerDefinitions") {
        containers
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|container| complete(container, awsvpc));
    }
    for list in ["volumes", "placementConstraints"] {
        registered.entry(list).or_insert_with(|| json!([]));
    }
    Ok((registered, tags))
}

/// What ECS answers even when nobody said it.
fn complete(container: &mut Map<String, Value>, awsvpc: bool) {
    for (member, default) in [
        ("cpu", json!(0)),
        ("portMappings", json!([])),
        ("essential", json!(true)),
        ("environment", json!([])),
        ("mountPoints", json!([])),
        ("volumesFrom", json!([])),
    ] {
        container.entry(member).or_insert(default);
    }
    let mappings = container
        .get_mut("portMappings")
        .and_then(Value::as_array_mut);
    for mapping in mappings
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let port = if awsvpc {
            mapping.get("containerPort").cloned().unwrap_or_default()
        } else {
            json!(0)
        };
        mapping.entry("hostPort").or_insert(port);
        mapping.entry("protocol").or_insert(json!("tcp"));
    }
}

pub fn check_tags(tags: &[Value]) -> Result<(), String> {
    if tags.len() > 50 {
        return Err("Too many tags: the maximum number of tags is 50.".to_owned());
    }
    let mut keys = BTreeSet::new();
    for tag in tags {
        let (key, value) = (
            tag["key"].as_str().unwrap_or_default(),
            tag["value"].as_str().unwrap_or_default(),
        );
        let allowed = |text: &str| {
            text.chars()
                .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
        };
        match () {
            () if key.is_empty() || key.chars().count() > 128 => {
                return Err("Tag keys must have between 1 and 128 characters.".to_owned());
            }
            () if value.chars().count() > 256 => {
                return Err("Tag values must have up to 256 characters.".to_owned());
            }
            () if !allowed(key) || !allowed(value) => {
                return Err(format!("Some tags contain invalid characters: {key}"));
            }
            () if key.to_ascii_lowercase().starts_with("aws:") => {
                return Err("Tag keys must not begin with aws:.".to_owned());
            }
            () if !keys.insert(key) => return Err(format!("Duplicate tag keys found: {key}")),
            () => {}
        }
    }
    Ok(())
}

fn check_family(family: &str) -> Result<(), String> {
    let plain = family
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match family {
        "" => Err("Family can not be blank.".to_owned()),
        _ if family.len() > 255 => Err("Family is too long.".to_owned()),
        _ if !plain => Err("Family contains invalid characters.".to_owned()),
        _ => Ok(()),
    }
}

fn check_containers(containers: &[Value]) -> Result<(), String> {
    if containers.is_empty() {
        return Err("Container list cannot be empty.".to_owned());
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let text = |member: &str| container[member].as_str().unwrap_or_default();
        let (name, image) = (text("name"), text("image"));
        if name.is_empty() {
            return Err("Container.name should not be null or empty.".to_owned());
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err("Container.name contains invalid characters.".to_owned());
        }
        if !names.insert(name) {
            return Err(format!("Duplicate container name '{name}'."));
        }
        if image.is_empty() {
            return Err("Container.image should not be null or empty.".to_owned());
        }
        if image
            .split('@')
            .next()
            .is_some_and(|before_digest| before_digest.len() > 255)
        {
            return Err("Container.image repository should be 255 characters or less.".to_owned());
        }
        if image.contains(char::is_whitespace) {
            return Err("Container.image contains invalid characters.".to_owned());
        }
    }
    if containers
        .iter()
        .all(|container| container["essential"] == json!(false))
    {
        return Err("Task definition must have at least one essential container.".to_owned());
    }
    Ok(())
}

fn check_fargate(request: &Map<String, Value>) -> Result<(), String> {
    let required = request
        .get("requiresCompatibilities")
        .and_then(Value::as_array);
    if !required.is_some_and(|list| list.contains(&json!("FARGATE"))) {
        return Ok(());
    }
    let text = |member: &str| request.get(member).and_then(Value::as_str);
    match (text("networkMode"), text("cpu"), text("memory")) {
        (Some("awsvpc"), Some(_), Some(_)) => Ok(()),
        (Some("awsvpc"), _, None) => Err(
            "Fargate requires task definition to have memory defined at the task level.".to_owned(),
        ),
        (Some("awsvpc"), None, _) => {
            Err("Fargate requires that 'cpu' be defined at the task level.".to_owned())
        }
        (_, _, _) => Err("Fargate only supports network mode 'awsvpc'.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Value)) -> Map<String, Value> {
        let mut request = json!({
            "family": "web",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{ "name": "web", "image": "i", "portMappings": [{ "containerPort": 80 }] }],
        });
        change(&mut request);
        request.as_object().unwrap().clone()
    }

    #[test]
    fn registrations_are_refused_as_ecs_refuses_them() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 14] = [
            (|r| r["family"] = json!(""), "Family can not be blank."),
            (
                |r| r["family"] = json!("a b"),
                "Family contains invalid characters.",
            ),
            (
                |r| r["family"] = json!("a".repeat(256)),
                "Family is too long.",
            ),
            (
                |r| r["containerDefinitions"] = json!([]),
                "Container list cannot be empty.",
            ),
            (
                |r| r["containerDefinitions"][0]["name"] = json!(null),
                "Container.name should not be null or empty.",
            ),
            (
                |r| r["containerDefinitions"][0]["name"] = json!("a.b"),
                "Container.name contains invalid characters.",
            ),
            (
                |r| r["containerDefinitions"][0]["image"] = json!(""),
                "Container.image should not be null or empty.",
            ),
            (
                |r| r["containerDefinitions"][0]["essential"] = json!(false),
                "Task definition must have at least one essential container.",
            ),
            (
                |r| r["networkMode"] = json!("bridge"),
                "Fargate only supports network mode 'awsvpc'.",
            ),
            (
                |r| r["cpu"] = json!(null),
                "Fargate requires that 'cpu' be defined at the task level.",
            ),
            (
                |r| r["memory"] = json!(null),
                "Fargate requires task definition to have memory defined at the task level.",
            ),
            (
                |r| r["tags"] = json!([{"key": "", "value": ""}]),
                "Tag keys must have between 1 and 128 characters.",
            ),
            (
                |r| r["tags"] = json!([{"key": "a"}, {"key": "a"}]),
                "Duplicate tag keys found: a",
            ),
            (
                |r| r["tags"] = json!([{"key": "a", "value": "é".repeat(257)}]),
                "Tag values must have up to 256 characters.",
            ),
        ];
        for (change, sentence) in cases {
            assert_eq!(prepare(&request(change)).unwrap_err(), sentence);
        }
    }

    #[test]
    fn what_is_unknown_is_kept_and_what_is_missing_is_completed() {
        let (registered, tags) = prepare(&request(|r| {
            r["fieldOfTomorrow"] = json!({"deep": [1]});
            r["taskDefinitionArn"] = json!("arn of another");
            r["containerDefinitions"][0]["alsoNew"] = json!("x");
            r["tags"] = json!([{"key": "team", "value": "shop"}]);
        }))
        .unwrap();
        assert_eq!(registered["fieldOfTomorrow"], json!({"deep": [1]}));
        assert_eq!(
            (registered.get("tags"), registered.get("taskDefinitionArn")),
            (None, None)
        );
        assert_eq!(tags, [json!({"key": "team", "value": "shop"})]);
        let container = &registered["containerDefinitions"][0];
        assert_eq!(container["alsoNew"], "x");
        assert_eq!(container["essential"], true);
        assert_eq!(
            container["portMappings"],
            json!([{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}])
        );
    }
}
