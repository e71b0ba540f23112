//! Messages to people.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message that SNS accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub topic: String,
    pub subject: Option<String>,
    pub body: String,
}

impl Message {
    /// The outcome, in its own words (`started`, `migration-failed`): from the body if that is JSON, otherwise from the
    /// subject, `<pipeline>: <words> <image>`.
    pub fn outcome(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        if let Some(outcome) = body["outcome"].as_str() {
            return outcome.to_owned();
        }
        let words = [
            "migration failed",
            "test traffic failed",
            "rolled back",
            "parameter not written",
        ];
        let rest = self
            .subject
            .as_deref()
            .and_then(|subject| subject.split_once(": "))
            .map_or("", |(_, rest)| rest);
        let known = words
            .iter()
            .find(|words| rest.starts_with(**words))
            .copied();
        known
            .unwrap_or_else(|| rest.split(' ').next().unwrap_or(rest))
            .replace(' ', "-")
    }

    /// The pipeline of the message.
    pub fn pipeline(&self) -> Option<String> {
        let written = |body: &Value| Some(body["pipeline"].as_str()?.to_owned());
        self.written(written).or_else(|| self.row("Pipeline"))
    }

    /// The deployment of the message.
    pub fn deployment(&self) -> Option<String> {
        let written = |body: &Value| Some(body["deployment_id"].as_str()?.to_owned());
        let linked = |link: String| {
            let (_, rest) = link.split_once("/deployments/")?;
            rest.split('?').next().map(ToOwned::to_owned)
        };
        self.written(written)
            .or_else(|| self.row("Deployment").and_then(linked))
    }

    /// The digest of the image of the message.
    pub fn digest(&self) -> Option<String> {
        let written = |body: &Value| Some(body["image"]["digest"].as_str()?.to_owned());
        self.written(written).or_else(|| self.row("Digest"))
    }

    /// A member of a JSON body.
    fn written(&self, member: impl Fn(&Value) -> Option<String>) -> Option<String> {
        member(&serde_json::from_str(&self.body).unwrap_or_default())
    }

    /// A value in a text body, which aligns its names in a column.
    fn row(&self, name: &str) -> Option<String> {
        let mut lines = self.body.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("{name:<11}")))?;
        Some(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_outcome_is_read_from_both_formats() {
        for (subject, body, expected) in [
            (
                "shop-web: started shop/web:latest",
                "shop/web:latest is being deployed",
                "started",
            ),
            (
                "shop-web: migration failed shop/web:latest",
                "",
                "migration-failed",
            ),
            ("shop-web: rolled back shop/web", "", "rolled-back"),
            ("shop-web: shipped", "", "shipped"),
            (
                "x",
                r#"{"outcome": "test-traffic-failed"}"#,
                "test-traffic-failed",
            ),
            ("x", "", ""),
        ] {
            let message = Message {
                at: SystemTime::UNIX_EPOCH,
                topic: String::new(),
                subject: Some(subject.to_owned()),
                body: body.to_owned(),
            };
            assert_eq!(message.outcome(), expected, "{subject}");
        }
    }
}
