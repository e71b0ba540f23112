//! PutLifecycleEventHookExecutionStatus: a hook's answer.

use aws_sdk_codedeploy::config::Builder;
use aws_sdk_codedeploy::types::LifecycleEventStatus;
use rules::codedeploy::{HookAnswer, HookReceipt};
use rules::names::{DeploymentId, HookExecutionId};

use super::CodeDeploy;
use crate::call::{Call, CallFailed};
use crate::wire::OnlyWhenThrottled;

impl CodeDeploy {
    /// Answers a hook. It is sent again only when it was throttled: after a lost answer, a second one is refused as too late,
    /// and only the caller can know better.
    pub async fn put_lifecycle_event_hook_execution_status(
        &self,
        deployment: &DeploymentId,
        execution: &HookExecutionId,
        answer: HookAnswer,
    ) -> Result<HookReceipt, CallFailed> {
        let call = Call::new(
            "codedeploy:PutLifecycleEventHookExecutionStatus",
            deployment.as_str(),
        )
        .redacting([execution.to_string()]);
        let sent = self
            .client
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(deployment.as_str())
            .lifecycle_event_hook_execution_id(execution.as_str())
            .status(match answer {
                HookAnswer::Succeeded => LifecycleEventStatus::Succeeded,
                HookAnswer::Failed => LifecycleEventStatus::Failed,
            })
            .customize()
            .config_override(Builder::new().retry_classifier(OnlyWhenThrottled))
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(HookReceipt::Accepted);
        };
        let over = error
            .as_service_error()
            .is_some_and(|error| error.is_lifecycle_event_already_completed_exception());
        if over {
            Ok(HookReceipt::AlreadyCompleted)
        } else {
            Err(call.failed(error))
        }
    }
}
