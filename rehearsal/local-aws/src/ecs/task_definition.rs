//! Task definitions as registered and as returned.
//!
//! A revision keeps the registered JSON, unknown fields included.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::identity::{ACCOUNT, arn};
use crate::stamp::epoch_seconds;

/// One revision of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    pub family: String,
    pub number: u32,
    /// The registration without its tags.
    pub registered: Registered,
    /// An array of `{key, value}`.
    pub tags: Vec<Value>,
    pub registered_at: SystemTime,
    /// The caller's ARN: of a function, the session of its role.
    pub registered_by: String,
    pub deregistered_at: Option<SystemTime>,
}

/// A registration. ECS keeps every revision, and most are never read again: as text one takes a fifth of what its parsed
/// members take, which are made when they are read.
#[derive(Debug, Clone)]
pub struct Registered {
    text: Arc<str>,
    members: OnceLock<Arc<Map<String, Value>>>,
}

impl Registered {
    /// Keeps the text only, until the members are read again.
    pub fn pack(&mut self) {
        self.members = OnceLock::new();
    }

    #[cfg(test)]
    pub fn is_packed(&self) -> bool {
        self.members.get().is_none()
    }
}

impl From<Map<String, Value>> for Registered {
    fn from(members: Map<String, Value>) -> Registered {
        Registered {
            text: Value::Object(members).to_string().into(),
            members: OnceLock::new(),
        }
    }
}

impl Deref for Registered {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        self.members
            .get_or_init(|| Arc::new(serde_json::from_str(&self.text).unwrap_or_default()))
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Registered) -> bool {
        **self == **other
    }
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

    /// ARN of the role that pulls images: the execution role, on EC2 without one that of the container instance.
    pub fn pulls_as(&self) -> String {
        let role = self.registered.get("executionRoleArn");
        match role.and_then(Value::as_str) {
            Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
            Some(name) => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            None => format!("arn:aws:iam::{ACCOUNT}:role/ecsInstanceRole"),
        }
    }

    /// The network mode, by default `bridge`, as on EC2.
    pub fn network_mode(&self) -> &str {
        self.registered
            .get("networkMode")
            .and_then(Value::as_str)
            .unwrap_or("bridge")
    }

    /// The launch types on which it can run.
    pub fn compatibilities(&self) -> Vec<&'static str> {
        let has = |member: &str| self.registered.contains_key(member);
        if has("cpu") && has("memory") && self.network_mode() == "awsvpc" {
            vec!["EC2", "FARGATE"]
        } else {
            vec!["EC2"]
        }
    }

    /// The `taskDefinition` structure of ECS's responses.
    pub fn describe(&self) -> Value {
        let mut answer = Map::from_iter([("taskDefinitionArn".to_owned(), json!(self.arn()))]);
        answer.extend(Map::clone(&self.registered));
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
            ("registeredBy", json!(self.registered_by)),
        ] {
            answer.insert(member.to_owned(), value);
        }
        if let Some(moment) = self.deregistered_at {
            answer.insert("deregisteredAt".to_owned(), epoch_seconds(moment));
        }
        Value::Object(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_the_same_packed_and_read_again() {
        let given = json!({
            "family": "web", "cpu": "256", "fieldOfTomorrow": {"deep": [1, 2.5, 18_446_744_073_709_551_615_u64, null]},
            "containerDefinitions": [{"name": "web", "image": "i", "environment": [{"name": "A", "value": "é\n\""}]}],
        });
        let members = given.as_object().unwrap();
        let mut registered = Registered::from(members.clone());
        for _ in 0..2 {
            assert!(registered.is_packed());
            assert_eq!(*registered, *members);
            assert!(registered.keys().eq(members.keys()), "in their order");
            assert!(!registered.is_packed());
            registered.pack();
        }
    }
}
