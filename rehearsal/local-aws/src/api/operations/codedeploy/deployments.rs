//! CodeDeploy's operations on deployments.

use serde_json::{Value, json};

use super::lookup::{group, listed};
use super::permissions::{group_of, on_deployment, on_group, on_group_of_deployment};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::codedeploy::requests::{DeploymentWait, Refusal};
use crate::codedeploy::{Deployment, Group, State, describe};
use crate::iam::Permission;
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "BatchGetDeployments",
        batch_get_deployments,
        on_groups_of_deployments,
    ),
    Operation::new("ContinueDeployment", continue_deployment, on_deployment),
    Operation::new("GetDeployment", get_deployment, on_group_of_deployment),
    Operation::new("ListDeployments", list_deployments, on_group),
    Operation::new("StopDeployment", stop_deployment, on_deployment),
];

/// A deployment by `deploymentId`, with its group.
pub(super) fn deployment<'s>(
    call: Call<'_>,
    state: &'s State,
) -> Result<(&'s Deployment, &'s Group), ApiError> {
    let id = call.input.required_text("deploymentId")?;
    let valid = id
        .strip_prefix("d-")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !valid {
        return Err(ApiError::new(
            "InvalidDeploymentIdException",
            format!("The deployment ID {id} is not valid"),
        ));
    }
    let none = || does_not_exist(id);
    let found = state.deployment(id).ok_or_else(none)?;
    Ok((found, state.group_of(found).ok_or_else(none)?))
}

fn does_not_exist(id: &str) -> ApiError {
    ApiError::new(
        "DeploymentDoesNotExistException",
        format!("The deployment {id} could not be found"),
    )
}

fn get_deployment(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let (deployment, group) = deployment(call, state)?;
        Ok(json!({ "deploymentInfo": describe::deployment(deployment, group, state) }))
    })
}

fn batch_get_deployments(call: Call<'_>) -> Answer {
    let ids = call.input.required_texts("deploymentIds")?;
    if ids.len() > 25 {
        return Err(ApiError::new(
            "BatchLimitExceededException",
            "The maximum number of deployment IDs is 25",
        ));
    }
    call.aws.codedeploy.read(|state| {
        let found = ids.iter().filter_map(|id| state.deployment(id));
        let described = found.filter_map(|found| {
            let group = state.group_of(found)?;
            Some(describe::deployment(found, group, state))
        });
        Ok(json!({ "deploymentsInfo": described.collect::<Vec<Value>>() }))
    })
}

/// The filters of ListDeployments. Times are epoch seconds.
#[derive(Debug, Default, PartialEq)]
struct Filter<'a> {
    application: Option<&'a str>,
    group: Option<&'a str>,
    statuses: Vec<&'a str>,
    start: Option<f64>,
    end: Option<f64>,
}

impl Filter<'_> {
    fn takes(&self, deployment: &Deployment) -> bool {
        let created = epoch_seconds(deployment.created_at)
            .as_f64()
            .unwrap_or_default();
        self.application
            .is_none_or(|name| deployment.application == name)
            && self.group.is_none_or(|name| deployment.group == name)
            && (self.statuses.is_empty() || self.statuses.contains(&deployment.status.as_str()))
            && self.start.is_none_or(|start| created >= start)
            && self.end.is_none_or(|end| created <= end)
    }
}

fn list_deployments(call: Call<'_>) -> Answer {
    let filter = filter(&call.input)?;
    let ids = call.aws.codedeploy.read(|state| {
        if filter.group.is_some() {
            group(call, state)?;
        }
        // Newest first.
        let found = state
            .deployments
            .iter()
            .rev()
            .filter(|deployment| filter.takes(deployment));
        Ok::<_, ApiError>(found.map(|deployment| deployment.id.clone()).collect())
    })?;
    listed(call, "deployments", ids)
}

fn filter<'a>(input: &Input<'a>) -> Result<Filter<'a>, ApiError> {
    let (application, group) = (
        input.text("applicationName")?,
        input.text("deploymentGroupName")?,
    );
    match (application, group) {
        (Some(_), None) => return Err(input.missing("deploymentGroupName")),
        (None, Some(_)) => return Err(input.missing("applicationName")),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let statuses = input.texts("includeOnlyStatuses")?;
    let known = [
        "Created",
        "Queued",
        "InProgress",
        "Baking",
        "Succeeded",
        "Failed",
        "Stopped",
        "Ready",
    ];
    if let Some(unknown) = statuses.iter().find(|status| !known.contains(status)) {
        return Err(ApiError::new(
            "InvalidDeploymentStatusException",
            format!("{unknown} is not a deployment status"),
        ));
    }
    let range = input.structure("createTimeRange")?;
    let bound = |name| {
        range
            .map(|range| range.number(name))
            .transpose()
            .map(Option::flatten)
    };
    let (start, end) = (bound("start")?, bound("end")?);
    if matches!((start, end), (Some(start), Some(end)) if start > end) {
        return Err(ApiError::new(
            "InvalidTimeRangeException",
            "The start of the time range is after its end",
        ));
    }
    Ok(Filter {
        application,
        group,
        statuses,
        start,
        end,
    })
}

fn stop_deployment(call: Call<'_>) -> Answer {
    let roll_back = call.input.boolean("autoRollbackEnabled")?;
    call.aws.codedeploy.write(|state| {
        let id = deployment(call, state)?.0.id.clone();
        state.request_stop(&id, roll_back).map_err(refused)
    })?;
    Ok(json!({ "status": "Pending", "statusMessage": "Stopping deployment" }))
}

/// The model's codes; the messages are inferred.
fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::DoesNotExist(id) => does_not_exist(&id),
        Refusal::AlreadyCompleted { id, status } => ApiError::new(
            "DeploymentAlreadyCompletedException",
            format!(
                "The deployment {id} is already in a terminal state: {}",
                status.as_str()
            ),
        ),
        Refusal::IsNotWaiting(id) => ApiError::new(
            "DeploymentIsNotInReadyStateException",
            format!("The deployment {id} does not have a status of Ready and can't continue yet"),
        ),
    }
}

fn continue_deployment(call: Call<'_>) -> Answer {
    let wait = match call.input.text("deploymentWaitType")? {
        // The wait type came later than the operation: a request without one is inferred to mean the older wait.
        Some("READY_WAIT") | None => DeploymentWait::Ready,
        Some("TERMINATION_WAIT") => DeploymentWait::Termination,
        Some(other) => {
            let message = format!("{other} is not a deployment wait type");
            return Err(ApiError::new("InvalidDeploymentWaitTypeException", message));
        }
    };
    call.aws.codedeploy.write(|state| {
        let id = deployment(call, state)?.0.id.clone();
        state.end_wait(&id, wait).map_err(refused)
    })?;
    Ok(json!({}))
}

fn on_groups_of_deployments(call: Call<'_>) -> Vec<Permission> {
    call.on_each(call.all_named("deploymentIds").map(|id| group_of(call, id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operations::codedeploy::lookup::missing;

    fn check(request: &Value) -> String {
        let input = Input::new(request, missing).unwrap();
        match filter(&input) {
            Ok(filter) => format!("{} statuses", filter.statuses.len()),
            Err(error) => error.code.into_owned(),
        }
    }

    #[test]
    fn list_deployments_filters() {
        let cases = [
            (json!({}), "0 statuses"),
            (
                json!({ "includeOnlyStatuses": ["Created", "InProgress"] }),
                "2 statuses",
            ),
            (
                json!({ "includeOnlyStatuses": ["SUCCESS"] }),
                "InvalidDeploymentStatusException",
            ),
            (
                json!({ "applicationName": "a" }),
                "DeploymentGroupNameRequiredException",
            ),
            (
                json!({ "deploymentGroupName": "g" }),
                "ApplicationNameRequiredException",
            ),
            (
                json!({ "createTimeRange": { "start": 2.5, "end": 1 } }),
                "InvalidTimeRangeException",
            ),
            (
                json!({ "createTimeRange": { "start": "x" } }),
                "SerializationException",
            ),
        ];
        for (request, wanted) in cases {
            assert_eq!(check(&request), wanted, "{request}");
        }
    }
}
