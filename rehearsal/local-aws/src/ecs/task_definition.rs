//! Task definitions as registered and as returned.
//!
//! A revision keeps the registered JSON, unknown fields included.

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
