//! Calls a hook's function and waits for somebody to answer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::ending::Failure;
use super::lifecycle::LifecycleEvent;
use super::record::edit;
use super::{Hook, HookAnswer};
use crate::happening::What;
use crate::identity::sha256_hex;
use crate::world::Aws;

/// A hook that has not answered by then has failed.
const HOOK_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Calls the hook's function, if there is one, and waits for somebody to answer.
pub(super) async fn call(
    aws: &Aws,
    id: &str,
    event: LifecycleEvent,
    function: Option<&String>,
) -> Result<(), Failure> {
    let Some(function) = function else {
        return Ok(());
    };
    let missing = || {
        Failure::new(
            "INVALID_LAMBDA_FUNCTION",
            format!("The Lambda function {function} does not exist."),
        )
    };
    let found = aws.lambda.find(function).ok_or_else(missing)?;
    let execution_id = execution_id(id, event);
    let hook = Hook {
        execution_id: execution_id.clone(),
        event,
        answer: None,
    };
    edit(aws, id, |deployment| deployment.hooks.push(hook));
    aws.happenings.tell(What::HookCalled {
        deployment: id.to_owned(),
        lifecycle_event: event.as_str(),
        function: found.name.clone(),
    });
    let payload = json!({ "DeploymentId": id, "LifecycleEventHookExecutionId": execution_id });
    aws.lambda
        .invoke_async(&found.name, payload)
        .map_err(|_| missing())?;
    let answered = aws.codedeploy.until(|state| {
        state
            .deployment(id)?
            .hooks
            .iter()
            .find(|hook| hook.execution_id == execution_id)?
            .answer
    });
    tokio::select! {
        answer = answered => match answer {
            HookAnswer::Succeeded => Ok(()),
            HookAnswer::Failed => {
                let message = "One or more lifecycle event validation functions failed.";
                Err(Failure::new("HOOK_EXECUTION_FAILURE", message))
            }
        },
        () = aws.clock.sleep(HOOK_LIMIT) => {
            let message = "The deployment timed out while waiting for a status callback. CodeDeploy expects a status \
                           callback within one hour after a deployment hook is invoked.";
            Err(Failure::new("TIMEOUT", message))
        }
    }
}

/// About 300 characters of base64, as AWS's: it fits in no tag, token or `startedBy`.
fn execution_id(deployment: &str, event: LifecycleEvent) -> String {
    let secret = sha256_hex(&format!("{deployment} {}", event.as_str()));
    let content = json!({
        "encryptedData": STANDARD.encode(format!("{secret}{}", sha256_hex(&secret)).get(..96).unwrap_or_default()),
        "ivParameterSpec": STANDARD.encode(secret.get(..12).unwrap_or_default()),
        "materialSetSerial": 1,
    });
    STANDARD.encode(content.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execution_ids_are_long_base64_and_differ() {
        let first = execution_id("d-8X2K4PLQ3", LifecycleEvent::AfterInstall);
        assert!((250..350).contains(&first.len()), "{}", first.len());
        let content: serde_json::Value =
            serde_json::from_slice(&STANDARD.decode(&first).unwrap()).unwrap();
        assert_eq!(content["materialSetSerial"], 1);
        assert_ne!(
            first,
            execution_id("d-8X2K4PLQ3", LifecycleEvent::BeforeInstall)
        );
        assert_ne!(
            first,
            execution_id("d-8X2K4PLQ4", LifecycleEvent::AfterInstall)
        );
    }
}
