//! CodeDeploy's call of a hook.

use serde::Deserialize;
use serde_json::Value;

use super::{UnreadableEvent, read};
use crate::names::{DeploymentId, HookExecutionId};

/// CodeDeploy calls a hook. Nothing else is in the payload, not even which hook it is (CodeDeploy User Guide, AppSpec
/// "hooks" section): so each hook has a function of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HookCall {
    /// The deployment that waits.
    pub deployment_id: DeploymentId,
    /// What its answer must carry.
    #[serde(rename = "LifecycleEventHookExecutionId")]
    pub execution_id: HookExecutionId,
}

impl HookCall {
    /// Reads a hook's payload.
    ///
    /// # Errors
    /// What lacks either id: then there is nobody to answer.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        read(event)
    }
}
