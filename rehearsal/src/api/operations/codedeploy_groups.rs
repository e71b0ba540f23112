//! CodeDeploy's operations on deployment groups of ECS services.

use serde_json::{Value, json};

use super::codedeploy::{application, group, listed, no_config, no_group};
use super::codedeploy_settings::{self as settings, BlueGreen, Routes};
use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::codedeploy::traffic::ALL_AT_ONCE;
use crate::codedeploy::{Alarms, Group, State, describe};

pub(super) fn get_deployment_group(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let group = group(call, state)?;
        Ok(json!({ "deploymentGroupInfo": describe::deployment_group(group, state) }))
    })
}

pub(super) fn batch_get_deployment_groups(call: Call<'_>) -> Answer {
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

/// What a request to create or change a group says, each part if it is there.
struct Request {
    config: Option<String>,
    role: Option<String>,
    service: Option<(String, String)>,
    alarms: Option<Alarms>,
    rollback_on: Option<Vec<String>>,
    blue_green: Option<BlueGreen>,
    routes: Option<Routes>,
    triggers: Option<Value>,
}

fn request(call: Call<'_>) -> Result<Request, ApiError> {
    let input = &call.input;
    // Observed: even an empty list is one too many.
    if input.list("autoScalingGroups")?.is_some() {
        return Err(ApiError::new(
            "InvalidAutoScalingGroupException",
            "For ECS deployment group, autoScalingGroups can not be specified",
        ));
    }
    let role = input.text("serviceRoleArn")?.map(ToOwned::to_owned);
    if role.as_ref().is_some_and(|role| !role.contains(":role/")) {
        let message = "The service role ARN is not the ARN of a role";
        return Err(ApiError::new("InvalidRoleException", message));
    }
    Ok(Request {
        config: input.text("deploymentConfigName")?.map(ToOwned::to_owned),
        role,
        service: service(call)?,
        alarms: settings::alarms(input, "alarmConfiguration")?,
        rollback_on: settings::rollback_on(input)?,
        blue_green: settings::blue_green(input)?,
        routes: settings::routes(call)?,
        triggers: input
            .list("triggerConfigurations")?
            .map(|triggers| json!(triggers)),
    })
}

/// Cluster and name of the one service.
fn service(call: Call<'_>) -> Result<Option<(String, String)>, ApiError> {
    let services = call.input.structures("ecsServices")?;
    let service = match services.as_slice() {
        [] => return Ok(None),
        [service] => service,
        [_, _, ..] => {
            return Err(ApiError::new(
                "ECSServiceMappingLimitExceededException",
                "A deployment group can have one ECS service",
            ));
        }
    };
    let cluster = service.text("clusterName")?.unwrap_or("default");
    let name = service.text("serviceName")?.unwrap_or_default();
    let found = call.aws.ecs.read(|state| {
        let service = state.service(cluster, name)?;
        Some((service.cluster.clone(), service.name.clone()))
    });
    let none = || {
        let message =
            format!("The Amazon ECS service {name} in cluster {cluster} could not be found");
        ApiError::new("InvalidECSServiceException", message)
    };
    found.ok_or_else(none).map(Some)
}

/// Of a service there is one group.
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

fn check_config(state: &State, name: &str) -> Result<(), ApiError> {
    state
        .config(name)
        .map(|_| ())
        .ok_or_else(|| no_config(name))
}

fn already_exists(name: &str) -> ApiError {
    ApiError::new(
        "DeploymentGroupAlreadyExistsException",
        format!("A deployment group with the name {name} already exists"),
    )
}

pub(super) fn create_deployment_group(call: Call<'_>) -> Answer {
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
        check_config(state, &group.config)?;
        check_mapping(state, &group)?;
        state.groups.push(group);
        Ok(json!({ "deploymentGroupId": id }))
    })
}

fn new_group(
    application: String,
    name: &str,
    id: String,
    request: Request,
) -> Result<Group, ApiError> {
    let (cluster, service) = request.service.ok_or_else(|| {
        let message = "For ECS deployment group, ecsServices must be specified";
        ApiError::new("InvalidECSServiceException", message)
    })?;
    let routes = request.routes.ok_or_else(|| {
        let message = "For ECS deployment group, loadBalancerInfo must be specified";
        ApiError::new("InvalidLoadBalancerInfoException", message)
    })?;
    let blue_green = request.blue_green.ok_or_else(|| {
        let message =
            "For ECS deployment group, blueGreenDeploymentConfiguration must be specified";
        ApiError::new("InvalidBlueGreenDeploymentConfigurationException", message)
    })?;
    let BlueGreen {
        ready_option,
        termination_wait,
    } = blue_green;
    Ok(Group {
        application,
        name: name.to_owned(),
        id,
        cluster,
        service,
        target_groups: routes.target_groups,
        production_listener: routes.production_listener,
        test_listener: routes.test_listener,
        // Which one AWS takes where none is named is inferred.
        config: request.config.unwrap_or_else(|| ALL_AT_ONCE.to_owned()),
        service_role: request.role.unwrap_or_default(),
        triggers: request.triggers.unwrap_or_else(|| json!([])),
        ready_option,
        termination_wait,
        rollback_on: request.rollback_on.unwrap_or_default(),
        alarms: request.alarms.unwrap_or_default(),
    })
}

pub(super) fn update_deployment_group(call: Call<'_>) -> Answer {
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
        check_config(state, &group.config)?;
        check_mapping(state, &group)?;
        replace(state, current, group);
        Ok(json!({ "hooksNotCleanedUp": [] }))
    })
}

fn change(group: &mut Group, request: Request) {
    let Request {
        config,
        role,
        service,
        alarms,
        rollback_on,
        blue_green,
        routes,
        triggers,
    } = request;
    if let Some((cluster, service)) = service {
        (group.cluster, group.service) = (cluster, service);
    }
    if let Some(routes) = routes {
        group.target_groups = routes.target_groups;
        group.production_listener = routes.production_listener;
        group.test_listener = routes.test_listener;
    }
    if let Some(blue_green) = blue_green {
        group.ready_option = blue_green.ready_option;
        group.termination_wait = blue_green.termination_wait;
    }
    group.config = config.unwrap_or_else(|| group.config.clone());
    group.service_role = role.unwrap_or_else(|| group.service_role.clone());
    group.triggers = triggers.unwrap_or_else(|| group.triggers.clone());
    group.alarms = alarms.unwrap_or_else(|| group.alarms.clone());
    group.rollback_on = rollback_on.unwrap_or_else(|| group.rollback_on.clone());
}

/// A group's deployments go by its name.
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

/// A group that is not there is gone already. Its deployments go with it; that of one that runs is refused is inferred.
pub(super) fn delete_deployment_group(call: Call<'_>) -> Answer {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::ReadyOption;

    #[test]
    fn names_have_up_to_100_characters() {
        assert!(check_name(&"g".repeat(100)).is_ok());
        assert!(check_name(&"g".repeat(101)).is_err());
    }

    #[test]
    fn what_is_not_said_stays() {
        let nothing = Request {
            config: None,
            role: None,
            service: None,
            alarms: None,
            rollback_on: None,
            blue_green: None,
            routes: None,
            triggers: None,
        };
        let target_group = |name: &str| crate::codedeploy::TargetGroup {
            name: name.to_owned(),
            arn: name.to_owned(),
        };
        let group = Group {
            application: "a".to_owned(),
            name: "g".to_owned(),
            id: "i".to_owned(),
            cluster: "c".to_owned(),
            service: "s".to_owned(),
            target_groups: [target_group("blue"), target_group("green")],
            production_listener: "p".to_owned(),
            test_listener: None,
            config: "config".to_owned(),
            service_role: "role".to_owned(),
            triggers: json!([{}]),
            ready_option: ReadyOption::ContinueDeployment,
            termination_wait: std::time::Duration::from_secs(60),
            rollback_on: vec!["DEPLOYMENT_FAILURE".to_owned()],
            alarms: Alarms::default(),
        };
        let mut changed = group.clone();
        change(&mut changed, nothing);
        assert_eq!(format!("{changed:?}"), format!("{group:?}"));
    }
}
