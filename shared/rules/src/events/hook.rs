//! Calls of a hook, by CodeDeploy or by ECS itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::object::Object;
use super::{UnreadableEvent, read};
use crate::ecs::Stage;
use crate::names::{DeploymentId, HookExecutionId, ServiceDeploymentArn, ServiceRevisionArn};

/// A call of a hook. The payload tells whose it is.
#[derive(Debug, Clone, PartialEq)]
pub enum HookCall {
    /// CodeDeploy's.
    CodeDeploy(CodeDeployCall),
    /// That of a deployment of ECS's own.
    Ecs(Box<EcsCall>),
}

/// CodeDeploy calls a hook. Nothing else is in the payload, not even which hook it is (CodeDeploy User Guide, AppSpec
/// "hooks" section): so each hook has a function of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeployCall {
    /// The deployment that waits.
    pub deployment_id: DeploymentId,
    /// What its answer must carry.
    #[serde(rename = "LifecycleEventHookExecutionId")]
    pub execution_id: HookExecutionId,
}

/// ECS calls a hook of a service (ECS Developer Guide, "Lambda lifecycle hooks"). Only ids, the stage, weights and what this hook
/// returned before are taken from it; everything else is read.
#[derive(Debug, Clone, PartialEq)]
pub struct EcsCall {
    /// The service deployment that waits.
    pub deployment: ServiceDeploymentArn,
    /// The stage that it is in.
    pub stage: Stage,
    /// The ARN of its service.
    pub service: String,
    /// What it deploys; in a rollback as well.
    pub target: ServiceRevisionArn,
    /// Test traffic by the ARN of the service revision, in percent; filled at `TEST_TRAFFIC_SHIFT` only.
    pub test_weights: BTreeMap<String, f64>,
    /// Production traffic in the same way; filled at the stages before and of its shift.
    pub production_weights: BTreeMap<String, f64>,
    /// What the service configures for the hook, merged with what its last answer of `IN_PROGRESS` returned; null where there is
    /// neither.
    pub details: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    /// Not used, but a payload without it is not ECS's: whether it stays the same over several calls is not documented.
    #[serde(rename = "executionId")]
    _execution_id: HookExecutionId,
    lifecycle_stage: String,
    resource_arn: ServiceDeploymentArn,
    execution_details: Object<Execution>,
    #[serde(default)]
    hook_details: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution {
    service_arn: String,
    target_service_revision_arn: ServiceRevisionArn,
    #[serde(default)]
    test_traffic_weights: BTreeMap<String, f64>,
    #[serde(default)]
    production_traffic_weights: BTreeMap<String, f64>,
}

impl HookCall {
    /// Reads a hook's payload.
    ///
    /// # Errors
    /// What lacks an id: then there is nobody to answer.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        let is_ecs = event.get("DeploymentId").is_none() && event.get("executionId").is_some();
        if !is_ecs {
            return read(event).map(Self::CodeDeploy);
        }
        let written: Written = read(event)?;
        let Object(execution) = written.execution_details;
        Ok(Self::Ecs(Box::new(EcsCall {
            deployment: written.resource_arn,
            stage: Stage::of(&written.lifecycle_stage),
            service: execution.service_arn,
            target: execution.target_service_revision_arn,
            test_weights: execution.test_traffic_weights,
            production_weights: execution.production_traffic_weights,
            details: written.hook_details,
        })))
    }
}
