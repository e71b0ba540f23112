//! CodeDeploy's operations on applications, groups, configurations and revisions.

use serde_json::json;

use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::api::page::page;
use crate::api::stamp::epoch_seconds;
use crate::codedeploy::{Application, Group, State, describe};

/// CodeDeploy has an exception of its own for nearly every required member.
pub(super) fn missing(member: &str) -> ApiError {
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
        "revision" => ("RevisionRequiredException", "Revision"),
        _ => ("InvalidInputException", member),
    };
    ApiError::new(code, format!("{what} is required"))
}

pub(super) fn application<'s>(
    call: Call<'_>,
    state: &'s State,
) -> Result<&'s Application, ApiError> {
    let name = call.input.required_text("applicationName")?;
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
    let none = || {
        ApiError::new(
            "DeploymentGroupDoesNotExistException",
            format!("No Deployment Group found for name: {name}"),
        )
    };
    state.group(&application.name, name).ok_or_else(none)
}

/// One page of a list: CodeDeploy gives out 100 at a time, and takes no size.
pub(super) fn listed(call: Call<'_>, member: &str, names: Vec<String>) -> Answer {
    let part = page(names, 100, call.input.text("nextToken")?);
    let part = part.map_err(|_| {
        ApiError::new(
            "InvalidNextTokenException",
            "The next token was specified in an invalid format.",
        )
    })?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

pub(super) fn get_application(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let application = application(call, state)?;
        Ok(json!({ "application": {
            "applicationId": application.id,
            "applicationName": application.name,
            "createTime": epoch_seconds(application.created_at),
            "linkedToGitHub": false,
            "computePlatform": "ECS",
        }}))
    })
}

pub(super) fn list_applications(call: Call<'_>) -> Answer {
    let names = |state: &State| {
        state
            .applications
            .iter()
            .map(|application| application.name.clone())
            .collect()
    };
    listed(call, "applications", call.aws.codedeploy.read(names))
}

pub(super) fn list_deployment_groups(call: Call<'_>) -> Answer {
    let (name, groups) = call.aws.codedeploy.read(|state| {
        let name = application(call, state)?.name.clone();
        let of_application = state
            .groups
            .iter()
            .filter(|group| group.application == name);
        let groups = of_application.map(|group| group.name.clone()).collect();
        Ok::<_, ApiError>((name, groups))
    })?;
    let mut answer = listed(call, "deploymentGroups", groups)?;
    answer["applicationName"] = json!(name);
    Ok(answer)
}

pub(super) fn get_deployment_group(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let group = group(call, state)?;
        Ok(json!({ "deploymentGroupInfo": describe::deployment_group(group, state) }))
    })
}

pub(super) fn get_deployment_config(call: Call<'_>) -> Answer {
    let name = call.input.required_text("deploymentConfigName")?;
    call.aws.codedeploy.read(|state| {
        let config = state.config(name).ok_or_else(|| no_config(name))?;
        Ok(json!({ "deploymentConfigInfo": {
            "deploymentConfigName": config.name,
            "computePlatform": "ECS",
            "trafficRoutingConfig": config.routing.describe(),
        }}))
    })
}

pub(super) fn no_config(name: &str) -> ApiError {
    ApiError::new(
        "DeploymentConfigDoesNotExistException",
        format!("No Deployment Configuration found for name: {name}"),
    )
}

pub(super) fn get_application_revision(call: Call<'_>) -> Answer {
    let revision = call.input.required_structure("revision")?;
    let content = revision.structure("appSpecContent")?;
    let sha256 = content
        .map(|content| content.text("sha256"))
        .transpose()?
        .flatten();
    let sha256 = sha256.ok_or_else(|| {
        ApiError::new(
            "InvalidRevisionException",
            "The revision must name an AppSpec by its SHA-256",
        )
    })?;
    call.aws.codedeploy.read(|state| {
        let application = application(call, state)?;
        let of_application = state
            .revisions
            .iter()
            .filter(|known| known.application == application.name);
        let found = of_application
            .into_iter()
            .find(|known| known.sha256 == sha256);
        let none = || {
            ApiError::new(
                "RevisionDoesNotExistException",
                "No revision found for the given SHA-256",
            )
        };
        Ok(describe::application_revision(found.ok_or_else(none)?))
    })
}
