//! Outcomes for programs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event that an event bus of the stack accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusEvent {
    /// The bus's name.
    pub bus: String,
    /// As EventBridge hands it to the targets of rules, in its envelope.
    pub event: Value,
}

impl BusEvent {
    /// What became of which commit: `started pending 5f0c2d7`, without the commit where it is not known.
    pub fn words(&self) -> String {
        let detail = &self.event["detail"];
        let words = ["outcome", "verdict"].map(|name| detail[name].as_str().unwrap_or("?"));
        match detail["commit"].as_str() {
            Some(commit) => format!("{} {}", words.join(" "), commit.get(..7).unwrap_or(commit)),
            None => words.join(" "),
        }
    }
}
