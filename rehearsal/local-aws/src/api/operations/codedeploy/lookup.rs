//! Shared by CodeDeploy's operations: lookups with their errors, and pages.

use serde_json::json;

use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call};
use crate::api::page::{UnknownToken, page};
use crate::codedeploy::traffic::{DeploymentConfig, predefined_elsewhere};
use crate::codedeploy::{Application, Group, State};

/// CodeDeploy has a specific exception for nearly every required member.
pub(crate) fn missing(member: &str) -> ApiError {
    let (code, what) = match member {
        "applicationName" => ("ApplicationNameRequiredException", "Application name"),
        "deploymentGroupName" => (
            "DeploymentGroupNameRequiredException",
            "Deployment group name",
        ),
        "deploymentConfigName" => (
            "DeploymentConfigNameRequiredException",
            "Deployment configuration name",
        ),
        "deploymentId" | "deploymentIds" => ("DeploymentIdRequiredException", "Deployment ID"),
        "targetId" | "targetIds" => (
            "DeploymentTargetIdRequiredException",
            "Deployment target ID",
        ),
        "serviceRoleArn" => ("RoleRequiredException", "Service role ARN"),
        "currentDeploymentGroupName" | "deploymentGroupNames" => (
            "DeploymentGroupNameRequiredException",
            "Deployment group name",
        ),
        "applicationNames" => ("ApplicationNameRequiredException", "Application name"),
        // Observed.
        "revision" => {
            let message = "RevisionLocation must be specified";
            return ApiError::new("RevisionRequiredException", message);
        }
        _ => ("InvalidInputException", member),
    };
    ApiError::new(code, format!("{what} is required"))
}

pub(super) fn application<'s>(
    call: Call<'_>,
    state: &'s State,
) -> Result<&'s Application, ApiError> {
    application_named(call.input.required_text("applicationName")?, state)
}

pub(super) fn application_named<'s>(
    name: &str,
    state: &'s State,
) -> Result<&'s Application, ApiError> {
    let none = || {
        ApiError::new(
            "ApplicationDoesNotExistException",
            format!("No application found for name: {name}"),
        )
    };
    state.application(name).ok_or_else(none)
}

pub(super) fn group<'s>(call: Call<'_>, state: &'s State) -> Result<&'s Group, ApiError> {
    let application = application(call, state)?;
    let name = call.input.required_text("deploymentGroupName")?;
    state
        .group(&application.name, name)
        .ok_or_else(|| no_group(name))
}

pub(super) fn no_group(name: &str) -> ApiError {
    ApiError::new(
        "DeploymentGroupDoesNotExistException",
        format!("No Deployment Group found for name: {name}"),
    )
}

/// One page of a list: CodeDeploy returns 100 at a time; a request cannot set the size.
pub(super) fn listed(call: Call<'_>, member: &str, names: Vec<String>) -> Answer {
    let part = page(names, 100, call.input.text("nextToken")?);
    let part = part.map_err(token)?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

pub(super) fn token(_: UnknownToken) -> ApiError {
    ApiError::new(
        "InvalidNextTokenException",
        "The next token was specified in an invalid format.",
    )
}

/// The configuration that a deployment or deployment group names. AWS's error for one of another compute platform is not
/// published: its code and sentence are inferred.
pub(super) fn config<'s>(name: &str, state: &'s State) -> Result<&'s DeploymentConfig, ApiError> {
    let refused = || match predefined_elsewhere(name) {
        Some(found) => {
            let platform = found.platform;
            let message = format!(
                "The Deployment Configuration {name} is for the compute platform {platform}, expected one for ECS"
            );
            ApiError::new("InvalidDeploymentConfigNameException", message)
        }
        None => no_config(name),
    };
    state.config(name).ok_or_else(refused)
}

pub(super) fn no_config(name: &str) -> ApiError {
    ApiError::new(
        "DeploymentConfigDoesNotExistException",
        format!("No Deployment Configuration found for name: {name}"),
    )
}
