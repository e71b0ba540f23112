//! The mark of a gate that did not let a revision pass.

use crate::gate::Gate;
use crate::names::DeploymentId;
use crate::observed::TaskDefinition;
use crate::revision::mark;

/// The tag that a hook function writes before it answers `FAILED`: `failed <gate> <service deployment id> <words of the reason>`. ECS
/// itself never tells people why a hook failed.
const TAG: &str = "greenlight:gate";

/// Why a gate failed, by its own mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GateMark {
    pub(super) gate: Gate,
    pub(super) deployment: DeploymentId,
    pub(super) reason: String,
}

impl GateMark {
    /// The one on this revision; none where there is none, or it is not such a mark.
    pub(super) fn on(definition: &TaskDefinition) -> Option<Self> {
        let mut parts = mark(definition, TAG)?.splitn(4, ' ');
        let (failed, gate) = (parts.next()?, parts.next()?);
        let deployment = parts.next()?.parse().ok()?;
        let gate = match (failed, gate) {
            ("failed", "migration") => Gate::Migration,
            ("failed", "test-traffic") => Gate::TestTraffic,
            ("failed", "production-traffic") => Gate::ProductionTraffic,
            _ => return None,
        };
        Some(Self {
            gate,
            deployment,
            reason: parts.next().unwrap_or_default().to_owned(),
        })
    }
}
