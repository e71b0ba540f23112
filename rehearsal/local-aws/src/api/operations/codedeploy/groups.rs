//! CodeDeploy's operations on deployment groups of ECS services.

use serde_json::{Value, json};

use super::group_request::{change, new_group, request};
use super::lookup::{application, config, group, listed, no_group};
use super::permissions::{group_arn, on_application, on_group};
use super::settings;
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::pass_role;
use crate::codedeploy::{Group, State, describe};
use crate::iam::Permission;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "BatchGetDeploymentGroups",
        batch_get_deployment_groups,
        on_groups,
    ),
    Operation::new(
        "CreateDeploymentGroup",
        create_deployment_group,
        on_group_with_role,
    ),
    Operation::new("DeleteDeploymentGroup", delete_deployment_group, on_group),
    Operation::new("GetDeploymentGroup", get_deployment_group, on_group),
    Operation::new(
        "ListDeploymentGroups",
        list_deployment_groups,
        on_application,
    ),
    Operation::new(
        "UpdateDeploymentGroup",
        update_deployment_group,
        on_group_with_role,
    ),
];

fn get_deployment_group(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let group = group(call, state)?;
        Ok(json!({ "deploymentGroupInfo": describe::deployment_group(group, state) }))
    })
}

fn batch_get_deployment_groups(call: Call<'_>) -> Answer {
    let names = call.input.required_texts("deploymentGroupNames")?;
    if names.len() > 100 {
        return Err(ApiError::new(
            "BatchLimitExceededException",
            "The maximum number of deployment group names is 100",
        ));
    }
    call.aws.codedeploy.read(|state| {
        let application = &application(call, state)?.name;
        let found = names
            .iter()
            .filter_map(|name| state.group(application, name));
        let described = found.map(|group| describe::deployment_group(group, state));
        Ok(json!({ "deploymentGroupsInfo": described.collect::<Vec<Value>>() }))
    })
}

fn list_deployment_groups(call: Call<'_>) -> Answer {
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

/// A service has one group at most.
fn check_mapping(state: &State, group: &Group) -> Result<(), ApiError> {
    let same = |other: &&Group| {
        (&other.cluster, &other.service) == (&group.cluster, &group.service) && other.id != group.id
    };
    match state.groups.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(ApiError::new(
            "ECSServiceMappingLimitExceededException",
            format!(
                "The Amazon ECS service {} is associated with the deployment group {} already",
                group.service, other.name
            ),
        )),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().count() <= 100 {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidDeploymentGroupNameException",
        "The deployment group name must have between 1 and 100 characters",
    ))
}

fn already_exists(name: &str) -> ApiError {
    ApiError::new(
        "DeploymentGroupAlreadyExistsException",
        format!("A deployment group with the name {name} already exists"),
    )
}

fn create_deployment_group(call: Call<'_>) -> Answer {
    let name = call.input.required_text("deploymentGroupName")?;
    check_name(name)?;
    call.input.required_text("serviceRoleArn")?;
    let request = request(call)?;
    settings::check_style(&call.input)?;
    let id = call.aws.ids.uuid();
    call.aws.codedeploy.write(|state| {
        let application = application(call, state)?.name.clone();
        if state.group(&application, name).is_some() {
            return Err(already_exists(name));
        }
        let group = new_group(application, name, id.clone(), request)?;
        config(&group.config, state)?;
        check_mapping(state, &group)?;
        state.groups.push(group);
        Ok(json!({ "deploymentGroupId": id }))
    })
}

fn update_deployment_group(call: Call<'_>) -> Answer {
    let current = call.input.required_text("currentDeploymentGroupName")?;
    let name = call
        .input
        .text("newDeploymentGroupName")?
        .unwrap_or(current);
    check_name(name)?;
    let request = request(call)?;
    if call.input.structure("deploymentStyle")?.is_some() {
        settings::check_style(&call.input)?;
    }
    call.aws.codedeploy.write(|state| {
        let application = application(call, state)?.name.clone();
        let none = || no_group(current);
        let mut group = state.group(&application, current).ok_or_else(none)?.clone();
        if name != current && state.group(&application, name).is_some() {
            return Err(already_exists(name));
        }
        change(&mut group, request);
        name.clone_into(&mut group.name);
        config(&group.config, state)?;
        check_mapping(state, &group)?;
        replace(state, current, group);
        Ok(json!({ "hooksNotCleanedUp": [] }))
    })
}

/// Deployments refer to their group by its name.
fn replace(state: &mut State, current: &str, group: Group) {
    let of_group =
        |application: &str, name: &str| application == group.application && name == current;
    for deployment in &mut state.deployments {
        if of_group(&deployment.application, &deployment.group) {
            deployment.group.clone_from(&group.name);
        }
    }
    let mut groups = state.groups.iter_mut();
    if let Some(known) = groups.find(|known| of_group(&known.application, &known.name)) {
        *known = group;
    }
}

/// Deleting a group that does not exist succeeds. A group's deployments are deleted with it. It is inferred that a
/// group with a running deployment cannot be deleted.
fn delete_deployment_group(call: Call<'_>) -> Answer {
    let application = call.input.required_text("applicationName")?;
    let name = call.input.required_text("deploymentGroupName")?;
    call.aws.codedeploy.write(|state| {
        if let Some(active) = state.active(application, name) {
            let message = format!(
                "The deployment group {name} has an active deployment {}",
                active.id
            );
            return Err(ApiError::new(
                "InvalidDeploymentGroupNameException",
                message,
            ));
        }
        let remain = |of: (&str, &str)| of != (application, name);
        state
            .deployments
            .retain(|deployment| remain((&deployment.application, &deployment.group)));
        state
            .groups
            .retain(|group| remain((&group.application, &group.name)));
        Ok(json!({ "hooksNotCleanedUp": [] }))
    })
}

fn on_groups(call: Call<'_>) -> Vec<Permission> {
    let application = call.named_or_any("applicationName");
    let names = call.all_named("deploymentGroupNames");
    call.on_each(names.map(|name| group_arn(application, name)))
}

/// A group's role is passed to CodeDeploy.
fn on_group_with_role(call: Call<'_>) -> Vec<Permission> {
    let current = call
        .named("currentDeploymentGroupName")
        .unwrap_or(call.named_or_any("deploymentGroupName"));
    let group = group_arn(call.named_or_any("applicationName"), current);
    let role = call.named("serviceRoleArn");
    let pass = role.map(|role| pass_role(role, "codedeploy.amazonaws.com"));
    [call.on(group)].into_iter().chain(pass).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_up_to_100_characters() {
        assert!(check_name(&"g".repeat(100)).is_ok());
        assert!(check_name(&"g".repeat(101)).is_err());
    }
}
