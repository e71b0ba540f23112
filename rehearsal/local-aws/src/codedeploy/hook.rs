//! Calls a hook's function, waits for PutLifecycleEventHookExecutionStatus, and evaluates the answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ending::Failure;
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::record::edit;
use super::{CodeDeploy, Deployment, Hook, HookAnswer, State};
use crate::assumption::Assumption;
use crate::identity::sha256_hex;
use crate::lambda::{Answer, Refused};
use crate::timeline;

/// A hook without an answer after this time has failed.
const HOOK_LIMIT: Duration = Duration::from_secs(60 * 60);
/// The delay before a call that Lambda throttled is retried. Whether CodeDeploy retries is not documented; AWS's SDKs
/// do.
const AFTER_THROTTLE: Duration = Duration::from_secs(1);

/// Calls the hook's function, if there is one, and waits for an answer. Any caller may answer, not only the function:
/// the execution id is all that PutLifecycleEventHookExecutionStatus requires.
pub(super) async fn call(
    codedeploy: &Arc<CodeDeploy>,
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
    let found = codedeploy.lambda.find(function).ok_or_else(missing)?;
    let execution_id = execution_id(id, event);
    let hook = Hook {
        execution_id: execution_id.clone(),
        event,
        answer: None,
    };
    edit(codedeploy, id, |deployment| deployment.hooks.push(hook));
    codedeploy
        .context
        .timeline
        .record(timeline::Event::HookCalled {
            deployment: id.to_owned(),
            lifecycle_event: event.as_str(),
            function: found.name.clone(),
        });
    let payload = json!({ "DeploymentId": id, "LifecycleEventHookExecutionId": execution_id });
    invoke(codedeploy, id, &found.name, payload.clone()).map_err(|_| missing())?;
    let failed = || {
        let message = "One or more lifecycle event validation functions failed.";
        Err(Failure::new("HOOK_EXECUTION_FAILURE", message))
    };
    // Biased: a function that answers the hook and then fails has answered.
    tokio::select! {
        biased;
        answer = answered(codedeploy, id, &execution_id) => match answer {
            HookAnswer::Succeeded => Ok(()),
            HookAnswer::Failed => failed(),
        },
        () = noticed_error(codedeploy, &found.name, &payload) => failed(),
        () = codedeploy.context.clock.sleep(HOOK_LIMIT) => {
            let message = "The deployment timed out while waiting for a status callback. CodeDeploy expects a status \
                           callback within one hour after a deployment hook is invoked.";
            Err(Failure::new("TIMEOUT", message))
        }
    }
}

/// Invokes the function. CodeDeploy ignores the function's return value.
fn invoke(
    codedeploy: &Arc<CodeDeploy>,
    id: &str,
    function: &str,
    payload: Value,
) -> anyhow::Result<()> {
    if !codedeploy
        .context
        .assumptions
        .hold(Assumption::HookIsCalledSynchronously)
    {
        return Ok(codedeploy.lambda.invoke_async(function, payload)?);
    }
    let called = call_until_taken(
        codedeploy.clone(),
        id.to_owned(),
        function.to_owned(),
        payload,
    );
    codedeploy.context.background.spawn(called);
    Ok(())
}

/// Invokes the function synchronously, without retrying errors. A throttled call never reached the function, so it is
/// repeated for as long as the deployment is in progress.
async fn call_until_taken(
    codedeploy: Arc<CodeDeploy>,
    id: String,
    function: String,
    payload: Value,
) {
    let _open = codedeploy.lambda.hold();
    let is_active = |state: &State| {
        let deployment = state.deployment(&id);
        deployment.is_some_and(|deployment| deployment.status.is_active())
    };
    while let Err(Refused::Throttled | Refused::AccountThrottled) =
        codedeploy.lambda.invoke(&function, payload.clone()).await
        && codedeploy.read(is_active)
    {
        codedeploy.context.clock.sleep(AFTER_THROTTLE).await;
    }
}

async fn answered(codedeploy: &CodeDeploy, id: &str, execution_id: &str) -> HookAnswer {
    let find = |state: &State| {
        let mut hooks = state.deployment(id)?.hooks.iter();
        hooks.find(|hook| hook.execution_id == execution_id)?.answer
    };
    codedeploy.until(find).await
}

/// Waits for a function error that CodeDeploy notices. It is not known whether CodeDeploy notices any.
async fn noticed_error(codedeploy: &CodeDeploy, function: &str, payload: &Value) {
    if codedeploy
        .context
        .assumptions
        .hold(Assumption::HookErrorFailsAtOnce)
    {
        match codedeploy.lambda.first_answer(function, payload).await {
            Answer::Error { .. } => return,
            Answer::Response(_) => {}
        }
    }
    std::future::pending().await
}

/// How a second answer to the same hook is treated; AWS's behaviour is not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondAnswer {
    Refused,
    /// Accepts it without an error if it repeats the first answer.
    Accepted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerRefused {
    UnknownExecution,
    AlreadyCompleted(LifecycleEvent),
}

/// Returns the lifecycle event that was answered; `None` if the same answer was given before.
pub fn answer(
    deployment: &mut Deployment,
    execution_id: &str,
    answer: HookAnswer,
    second: SecondAnswer,
) -> Result<Option<LifecycleEvent>, AnswerRefused> {
    let mut hooks = deployment.hooks.iter_mut();
    let hook = hooks.find(|hook| hook.execution_id == execution_id);
    let hook = hook.ok_or(AnswerRefused::UnknownExecution)?;
    if second == SecondAnswer::Accepted && hook.answer == Some(answer) {
        return Ok(None);
    }
    let mut events = deployment.events.iter();
    let record = events.find(|record| record.event == hook.event);
    let running = record.is_some_and(|record| record.status == EventStatus::InProgress);
    if !running || hook.answer.is_some() {
        return Err(AnswerRefused::AlreadyCompleted(hook.event));
    }
    hook.answer = Some(answer);
    Ok(Some(hook.event))
}

/// About 300 characters of base64, like AWS's: too long for a tag, a client token or `startedBy`.
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
