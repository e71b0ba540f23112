//! The members of a request to create or change a deployment group of an ECS service, and the group that they make.

use serde_json::{Value, json};

use super::settings::{self, BlueGreen, Routes};
use crate::api::error::ApiError;
use crate::api::operation::Call;
use crate::codedeploy::traffic::ALL_AT_ONCE;
use crate::codedeploy::{Alarms, Group};
use crate::service_deployment::controller::Controller;

/// The parts of a request to create or change a group, those that it has.
pub(super) struct Request {
    config: Option<String>,
    role: Option<String>,
    service: Option<(String, String)>,
    alarms: Option<Alarms>,
    rollback_on: Option<Vec<String>>,
    blue_green: Option<BlueGreen>,
    routes: Option<Routes>,
    triggers: Option<Value>,
}

pub(super) fn request(call: Call<'_>) -> Result<Request, ApiError> {
    let input = &call.input;
    // Observed: even an empty list is refused.
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
    let (cluster, name) = found.ok_or_else(none)?;
    check_controller(call, &cluster, &name)?;
    Ok(Some((cluster, name)))
}

/// Reported of groups; that CreateDeployment says the same where a service was moved since is inferred.
pub(super) fn check_controller(call: Call<'_>, cluster: &str, name: &str) -> Result<(), ApiError> {
    let controller = call
        .aws
        .ecs
        .read(|state| Some(state.service(cluster, name)?.controller.clone()));
    match controller {
        Some(Controller::Ecs(_) | Controller::External) => Err(ApiError::new(
            "InvalidECSServiceException",
            "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
        )),
        // One that is gone fails the deployment, not the call.
        Some(Controller::CodeDeploy) | None => Ok(()),
    }
}

pub(super) fn new_group(
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
        // AWS's default is inferred.
        config: request.config.unwrap_or_else(|| ALL_AT_ONCE.to_owned()),
        service_role: request.role.unwrap_or_default(),
        triggers: request.triggers.unwrap_or_else(|| json!([])),
        ready_option,
        termination_wait,
        rollback_on: request.rollback_on.unwrap_or_default(),
        alarms: request.alarms.unwrap_or_default(),
    })
}

pub(super) fn change(group: &mut Group, request: Request) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::ReadyOption;

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
