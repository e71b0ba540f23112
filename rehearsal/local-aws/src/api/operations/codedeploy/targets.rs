//! CodeDeploy's operations on a deployment's target and its hooks.

use serde_json::{Value, json};

use super::deployments::deployment;
use super::permissions::on_deployment;
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::assumption::Assumption;
use crate::codedeploy::hook::{self, AnswerRefused, SecondAnswer};
use crate::codedeploy::{DeploymentStatus, HookAnswer, describe};
use crate::ecs::service::Service;
use crate::timeline;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "BatchGetDeploymentTargets",
        batch_get_deployment_targets,
        on_deployment,
    ),
    Operation::new("GetDeploymentTarget", get_deployment_target, on_deployment).polled(),
    Operation::new(
        "ListDeploymentTargets",
        list_deployment_targets,
        on_deployment,
    ),
    Operation::new(
        "PutLifecycleEventHookExecutionStatus",
        put_lifecycle_event_hook_execution_status,
        on_deployment,
    ),
];

fn not_started(id: &str) -> ApiError {
    ApiError::new(
        "DeploymentNotStartedException",
        format!("The deployment {id} has not started yet"),
    )
}

fn list_deployment_targets(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let (found, group) = deployment(call, state)?;
        if found.status == DeploymentStatus::Created {
            return Err(not_started(&found.id));
        }
        Ok(json!({ "targetIds": [describe::target_id(group)] }))
    })
}

fn get_deployment_target(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("targetId")?;
    let targets = targets(call, &[wanted])?;
    let none = || {
        ApiError::new(
            "DeploymentTargetDoesNotExistException",
            format!("No deployment target found for ID: {wanted}"),
        )
    };
    Ok(json!({ "deploymentTarget": targets.first().ok_or_else(none)? }))
}

fn batch_get_deployment_targets(call: Call<'_>) -> Answer {
    let wanted = call.input.required_texts("targetIds")?;
    if wanted.len() > 25 {
        let message = "The maximum number of targets is 25";
        return Err(ApiError::new(
            "DeploymentTargetListSizeExceededException",
            message,
        ));
    }
    Ok(json!({ "deploymentTargets": targets(call, &wanted)? }))
}

fn targets(call: Call<'_>, wanted: &[&str]) -> Result<Vec<Value>, ApiError> {
    let (found, group) = call.aws.codedeploy.read(|state| {
        let (found, group) = deployment(call, state)?;
        Ok::<_, ApiError>((found.clone(), group.clone()))
    })?;
    if found.status == DeploymentStatus::Created {
        return Err(not_started(&found.id));
    }
    let known = wanted.contains(&describe::target_id(&group).as_str());
    let target = known.then(|| {
        call.aws
            .ecs
            .read(|ecs| describe::target(&found, &group, ecs))
    });
    Ok(target.into_iter().collect())
}

fn put_lifecycle_event_hook_execution_status(call: Call<'_>) -> Answer {
    let execution_id = call.input.text("lifecycleEventHookExecutionId")?;
    let second = if call
        .aws
        .assumptions
        .hold(Assumption::SecondAnswerIsAccepted)
    {
        SecondAnswer::Accepted
    } else {
        SecondAnswer::Refused
    };
    let (id, event, answer) = call.aws.codedeploy.write(|state| {
        let id = deployment(call, state)?.0.id.clone();
        let answer = hook_answer(call)?;
        let unknown = || refused(&id, AnswerRefused::UnknownExecution);
        let found = state.deployment_mut(&id).ok_or_else(unknown)?;
        let event = hook::answer(found, execution_id.unwrap_or_default(), answer, second);
        let event = event.map_err(|refusal| refused(&id, refusal))?;
        Ok::<_, ApiError>((id, event, answer))
    })?;
    if let Some(event) = event {
        let wanted = wanted(call, &id);
        call.aws.timeline.record(timeline::Event::HookAnswered {
            deployment: id,
            lifecycle_event: event.as_str(),
            status: match answer {
                HookAnswer::Succeeded => "Succeeded".to_owned(),
                HookAnswer::Failed => "Failed".to_owned(),
            },
            function: call.function.map(ToOwned::to_owned),
            wanted,
        });
    }
    Ok(json!({ "lifecycleEventHookExecutionId": execution_id }))
}

/// The desired count of a deployment's service.
fn wanted(call: Call<'_>, deployment: &str) -> Option<u32> {
    let (cluster, service) = call.aws.codedeploy.read(|state| {
        let group = state.group_of(state.deployment(deployment)?)?;
        Some((group.cluster.clone(), group.service.clone()))
    })?;
    let wanted = |service: &Service| service.desired_count;
    call.aws
        .ecs
        .read(|state| state.service(&cluster, &service).map(wanted))
}

fn hook_answer(call: Call<'_>) -> Result<HookAnswer, ApiError> {
    match call.input.text("status")? {
        Some("Succeeded") => Ok(HookAnswer::Succeeded),
        Some("Failed") => Ok(HookAnswer::Failed),
        Some(_) | None => Err(ApiError::new(
            "InvalidLifecycleEventHookExecutionStatusException",
            "The lifecycle event hook execution status must be Succeeded or Failed",
        )),
    }
}

/// The model's codes; the messages are inferred.
fn refused(id: &str, refusal: AnswerRefused) -> ApiError {
    match refusal {
        AnswerRefused::UnknownExecution => ApiError::new(
            "InvalidLifecycleEventHookExecutionIdException",
            "The lifecycle event hook execution ID is not valid",
        ),
        AnswerRefused::AlreadyCompleted(event) => ApiError::new(
            "LifecycleEventAlreadyCompletedException",
            format!(
                "The lifecycle event {} of deployment {id} has already completed",
                event.as_str()
            ),
        ),
    }
}
