//! The mark of a gate that failed. ECS tells people which hook failed and never why, so the reason is written on the task definition
//! revision that did not pass, where `report-outcome` reads it.

use std::fmt;
use std::str::FromStr;

use crate::gate::Gate;
use crate::names::DeploymentId;

/// The tag of a revision that did not pass a gate.
pub const GATE_TAG: &str = "greenlight:gate";

/// ECS takes values of 256 characters (ECS API Reference, Tag).
const CHARACTERS_AT_MOST: usize = 256;

/// A gate that failed: `failed <gate> <service deployment id> <first words of the reason>`. Who may tag revisions can write one, so
/// it explains a failure and proves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateMark {
    /// The gate.
    pub gate: Gate,
    /// The service deployment that it failed in: a revision may be deployed again.
    pub deployment: DeploymentId,
    /// Why, as far as the tag has room, in the characters that a tag takes.
    pub reason: String,
}

impl GateMark {
    /// The mark of a gate that failed for this reason.
    pub fn new(gate: Gate, deployment: DeploymentId, reason: &str) -> Self {
        Self {
            gate,
            deployment,
            reason: allowed(reason),
        }
    }
}

fn word(gate: Gate) -> &'static str {
    match gate {
        Gate::Migration => "migration",
        Gate::TestTraffic => "test-traffic",
        Gate::ProductionTraffic => "production-traffic",
    }
}

/// What a tag's value may hold: letters, digits, blanks and `+-=._:/@` (ECS API Reference, Tag). Anything else becomes a blank, and
/// several blanks one.
pub(crate) fn allowed(text: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+-=._:/@".contains(c);
    let blanked: String = text
        .chars()
        .map(|c| if is_allowed(c) { c } else { ' ' })
        .collect();
    blanked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tag's value.
impl fmt::Display for GateMark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gate, deployment, reason) = (word(self.gate), &self.deployment, &self.reason);
        let value = format!("failed {gate} {deployment} {reason}");
        let cut: String = value.chars().take(CHARACTERS_AT_MOST).collect();
        formatter.write_str(cut.trim_end())
    }
}

/// The tag's value is not such a mark: another version wrote it, or a person did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not `failed <gate> <deployment> <reason>`")]
pub struct NotAMark;

impl FromStr for GateMark {
    type Err = NotAMark;

    fn from_str(value: &str) -> Result<Self, NotAMark> {
        let mut parts = value.splitn(4, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (failed, gate, deployment, reason) = (part(), part(), part(), part());
        let gate = [Gate::Migration, Gate::TestTraffic, Gate::ProductionTraffic]
            .into_iter()
            .find(|known| word(*known) == gate);
        match (failed, gate, deployment.parse()) {
            ("failed", Some(gate), Ok(deployment)) => Ok(Self {
                gate,
                deployment,
                reason: reason.to_owned(),
            }),
            _ => Err(NotAMark),
        }
    }
}
