//! UpdateService: what it changes at once, and what starts a deployment (ECS API Reference, UpdateService, the text of each
//! member).

use serde_json::{Map, Value, json};

use super::change_controller;
use super::load_balancers::{self, Balanced};
use super::placement;
use super::services::{described, invalid, on_service, service};
use super::wanted_revision::{check_containers, check_target_types, wanted_revision};
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::throttle::Bucket;
use crate::assumption::Assumption;
use crate::ecs::launch::is_platform;
use crate::ecs::service::Service;
use crate::iam::Permission;
use crate::service_deployment::configuration::LeftOut;
use crate::service_deployment::controller::{Controller, EcsManaged};
use crate::service_deployment::start;
use crate::service_deployment::status::Status;

pub(super) const OPERATIONS: &[Operation] =
    &[
        Operation::new("UpdateService", update_service, on_service_with_roles)
            .bucket(Bucket::ServiceModify),
    ];

/// The members that name UpdateService's service and its desired count, and the controller that the service has.
const TAKEN: [&str; 4] = ["cluster", "service", "desiredCount", "deploymentController"];
/// The other members that UpdateService accepts for a service of the CODE_DEPLOY controller.
const OPTIONS: [&str; 6] = [
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
];
/// What ECS deploys and the rehearsal does not.
pub(super) const NOT_SIMULATED: [&str; 6] = [
    "capacityProviderStrategy",
    "gatewayConnectors",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

fn update_service(call: Call<'_>) -> Answer {
    let service = call.aws.ecs.read(|state| service(call, state).cloned())?;
    if change_controller::moves_to_ecs(call, &service.controller)? {
        let managed = change_controller::move_to_ecs(call, &service)?;
        return update_here(call, &service, &managed);
    }
    match &service.controller {
        Controller::CodeDeploy => {
            let by = "a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.";
            update_elsewhere(call, &service, by)
        }
        // Inferred from the sentence for CODE_DEPLOY.
        Controller::External => {
            let by =
                "an EXTERNAL deployment controller. Use CreateTaskSet to start a new deployment.";
            update_elsewhere(call, &service, by)
        }
        Controller::Ecs(managed) => update_here(call, &service, managed),
    }
}

/// Changes a service that ECS does not deploy.
fn update_elsewhere(call: Call<'_>, service: &Service, by: &str) -> Answer {
    if let Some(refused) = refused_change(call.input.raw().iter()) {
        return Err(invalid(format!("{refused} on services with {by}")));
    }
    let configuration = call.input.structure("deploymentConfiguration")?;
    check_configuration_elsewhere(configuration)?;
    let (desired, options) = changes(&call.input, &service.launch_type)?;
    call.aws.ecs.write(|state| {
        if let Some(service) = state.service_mut(&service.cluster, &service.name) {
            service.desired_count = desired.unwrap_or(service.desired_count);
            service.options.extend(options);
        }
    });
    answer(call, service)
}

/// The sentences are AWS's (ECS Developer Guide, "Troubleshooting Amazon ECS deployment strategy updates").
pub(super) fn check_configuration_elsewhere(
    configuration: Option<Input<'_>>,
) -> Result<(), ApiError> {
    let is_given = |member| configuration.is_some_and(|given| given.value(member).is_some());
    for (member, feature) in [
        ("deploymentCircuitBreaker", "Deployment circuit breaker"),
        ("alarms", "Alarm based rollback"),
    ] {
        if is_given(member) {
            return Err(invalid(format!(
                "{feature} feature is only supported with ECS deployment controller. Update to ECS deployment controller and try again."
            )));
        }
    }
    Ok(())
}

fn answer(call: Call<'_>, service: &Service) -> Answer {
    let described = described(call, &service.cluster, &service.name, false);
    Ok(json!({ "service": described.unwrap_or_default() }))
}

/// Changes a service that ECS deploys, and starts a deployment if what changed needs one. A second one while another is under
/// way is no error: the newest wins.
fn update_here(call: Call<'_>, service: &Service, managed: &EcsManaged) -> Answer {
    check_members(call)?;
    let next = changed(call, service, managed)?;
    let is_forced = call.input.boolean("forceNewDeployment")? == Some(true)
        || change_controller::starts_a_deployment(call, &service.controller);
    let previous = call.aws.service_deployments.read(|state| {
        let mut all = state.of_service(&service.cluster, &service.name);
        all.next().map(|newest| (newest.arn.clone(), newest.status))
    });
    let assumptions = &call.aws.assumptions;
    let is_rolling_back = previous
        .as_ref()
        .is_some_and(|(_, status)| *status == Status::RollbackInProgress);
    if (is_forced || differs(service, &next))
        && is_rolling_back
        && assumptions.hold(Assumption::UpdateDuringRollbackIsRefused)
    {
        return Err(invalid(
            "The service cannot be updated while a rollback of its deployment is in progress.",
        ));
    }
    // Of two updates to the same revision at the same moment the second one changes nothing.
    let starts = call.aws.ecs.write(|state| {
        let Some(current) = state.service_mut(&service.cluster, &service.name) else {
            return false;
        };
        let starts = is_forced || differs(current, &next);
        // Its task sets and events may have changed since.
        let (sets, events) = (current.task_sets.clone(), current.events.clone());
        *current = Service {
            task_sets: sets,
            events,
            ..next
        };
        starts
    });
    if service.controller.ecs().is_none() {
        start::adopt(
            &call.aws.service_deployments,
            &service.cluster,
            &service.name,
        );
    }
    if starts {
        start::start(
            &call.aws.service_deployments,
            &service.cluster,
            &service.name,
        );
    }
    let mut answer = answer(call, service)?;
    if let Some((previous, _)) = previous
        && assumptions.hold(Assumption::UpdateAnswersPreviousDeployment)
    {
        answer["service"]["currentServiceDeployment"] = json!(previous);
    }
    Ok(answer)
}

/// The service as the request wants it.
fn changed(call: Call<'_>, service: &Service, managed: &EcsManaged) -> Result<Service, ApiError> {
    let (desired, options) = changes(&call.input, &service.launch_type)?;
    let mut next = service.clone();
    let managed = configured(call, managed)?;
    let balanced = balanced(call, service, &managed)?;
    let revision = wanted_revision(call, Some(&service.task_definition))?;
    check_containers(&revision, &balanced.targets)?;
    check_target_types(call, &revision, &balanced.targets)?;
    next.desired_count = desired.unwrap_or(service.desired_count);
    next.options.extend(options);
    next.options.remove("deploymentConfiguration");
    next.task_definition = revision.arn();
    next.load_balancers = balanced.targets;
    if let Some(network) = call.input.structure("networkConfiguration")? {
        next.network_configuration = Value::Object(network.raw().clone());
    }
    if let Some(platform) = platform(&call.input, &service.launch_type)? {
        platform.clone_into(&mut next.platform_version);
    }
    next.controller = Controller::Ecs(Box::new(EcsManaged {
        load_balancers: balanced.given,
        two_groups: balanced.two_groups,
        ..managed
    }));
    Ok(next)
}

/// What a deployment brings: the members whose text says that they trigger one. A change of the controller is another matter.
fn differs(before: &Service, after: &Service) -> bool {
    let is_balanced_otherwise = match (before.controller.ecs(), after.controller.ecs()) {
        (Some(before), Some(after)) => before.load_balancers != after.load_balancers,
        (None, _) | (_, None) => false,
    };
    before.task_definition != after.task_definition
        || before.network_configuration != after.network_configuration
        || before.platform_version != after.platform_version
        || is_balanced_otherwise
}

fn check_members(call: Call<'_>) -> Result<(), ApiError> {
    let is_given = |member: &&&str| {
        let value = call.input.value(member);
        value.is_some_and(|value| value.as_array().is_none_or(|items| !items.is_empty()))
    };
    if let Some(member) = NOT_SIMULATED.iter().find(is_given) {
        return Err(invalid(not_simulated(&format!("{member} of a service"))));
    }
    Ok(())
}

/// With the request's `deploymentConfiguration`, which does not trigger a deployment.
fn configured(call: Call<'_>, managed: &EcsManaged) -> Result<EcsManaged, ApiError> {
    let Some(given) = call.input.structure("deploymentConfiguration")? else {
        return Ok(managed.clone());
    };
    let forgets = call
        .aws
        .assumptions
        .hold(Assumption::EcsForgetsLeftOutConfiguration);
    let left_out = match forgets {
        true => LeftOut::IsReset,
        false => LeftOut::Stays,
    };
    let updated = managed.configuration.updated(given.raw(), left_out);
    Ok(EcsManaged {
        configuration: updated.map_err(invalid)?,
        ..managed.clone()
    })
}

fn balanced(call: Call<'_>, service: &Service, managed: &EcsManaged) -> Result<Balanced, ApiError> {
    let strategy = managed.configuration.strategy;
    if call.input.list("loadBalancers")?.is_some() {
        let entries = call.input.structures("loadBalancers")?;
        return load_balancers::read(&entries, strategy, &call.aws.load_balancers);
    }
    if strategy.is_native() && managed.two_groups.is_empty() && !managed.load_balancers.is_empty() {
        return Err(invalid(load_balancers::NEEDS_ADVANCED));
    }
    Ok(Balanced {
        given: managed.load_balancers.clone(),
        targets: service.load_balancers.clone(),
        two_groups: managed.two_groups.clone(),
    })
}

/// `platformVersion`, which only Fargate has.
pub(super) fn platform<'a>(
    input: &Input<'a>,
    launch_type: &str,
) -> Result<Option<&'a str>, ApiError> {
    let given = input.text("platformVersion")?;
    match given {
        Some(_) if launch_type != "FARGATE" => Err(invalid(format!(
            "The platform version must be null when specifying an {launch_type} launch type."
        ))),
        Some(version) if !is_platform(version) => Err(ApiError::new(
            "PlatformUnknownException",
            "The specified platform does not exist.",
        )),
        Some(_) | None => Ok(given),
    }
}

/// The desired count, and the other members as the service keeps them.
pub(super) fn changes(
    input: &Input<'_>,
    launch_type: &str,
) -> Result<(Option<u32>, Map<String, Value>), ApiError> {
    let count = |member: &str| {
        let given = input.integer(member)?;
        let read = |count| {
            u32::try_from(count).map_err(|_| invalid(format!("{member} cannot be negative.")))
        };
        given.map(read).transpose()
    };
    let desired = count("desiredCount")?;
    count("healthCheckGracePeriodSeconds")?;
    input.boolean("enableECSManagedTags")?;
    let propagate = input.text("propagateTags")?;
    if propagate.is_some_and(|from| !["TASK_DEFINITION", "SERVICE", "NONE"].contains(&from)) {
        return Err(invalid(
            "propagateTags must be TASK_DEFINITION, SERVICE or NONE.",
        ));
    }
    // The revision that the next deployment brings may have constraints of its own: RunTask counts them.
    placement::check(input, launch_type, 0)?;
    let kept = |(name, value): (&String, &Value)| {
        let option = OPTIONS.contains(&name.as_str()) && !value.is_null();
        option.then(|| (name.clone(), value.clone()))
    };
    Ok((desired, input.raw().iter().filter_map(kept).collect()))
}

/// The first change that only a CodeDeploy deployment may make, in ECS's words. That `forceNewDeployment` is refused is
/// inferred; `false` changes nothing.
fn refused_change<'a>(
    mut members: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Option<String> {
    let asks = |name: &str, value: &Value| match name {
        "forceNewDeployment" => *value == json!(true),
        _ => !value.is_null(),
    };
    let takes = |name: &str| TAKEN.contains(&name) || OPTIONS.contains(&name);
    let (name, _) = members.find(|(name, value)| asks(name, value) && !takes(name))?;
    match name.as_str() {
        "forceNewDeployment" => return Some("Cannot force a new deployment".to_owned()),
        "networkConfiguration" => return Some("Unable to update network parameters".to_owned()),
        _ => {}
    }
    let words = name.chars().map(|c| match c.is_uppercase() {
        true => format!(" {}", c.to_lowercase()),
        false => c.to_string(),
    });
    Some(format!("Unable to update {}", words.collect::<String>()))
}

/// SAR: the service; the roles of hooks and load balancers are passed to ECS.
fn on_service_with_roles(call: Call<'_>) -> Vec<Permission> {
    let mut needed = on_service(call);
    needed.extend(load_balancers::passed_roles(call));
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_code_deploy_takes_few_changes() {
        let cases = [
            (json!({ "service": "web", "desiredCount": 3 }), None),
            (
                json!({ "service": "web", "taskDefinition": "web:2" }),
                Some("Unable to update task definition"),
            ),
            (
                json!({ "service": "web", "networkConfiguration": {} }),
                Some("Unable to update network parameters"),
            ),
            (
                json!({ "service": "web", "loadBalancers": [] }),
                Some("Unable to update load balancers"),
            ),
            (
                json!({ "service": "web", "platformVersion": "LATEST" }),
                Some("Unable to update platform version"),
            ),
            (
                json!({ "service": "web", "forceNewDeployment": true }),
                Some("Cannot force a new deployment"),
            ),
            (
                json!({ "service": "web", "forceNewDeployment": false, "propagateTags": "SERVICE" }),
                None,
            ),
            (json!({ "service": "web", "taskDefinition": null }), None),
        ];
        for (request, refused) in cases {
            assert_eq!(
                refused_change(request.as_object().unwrap().iter()).as_deref(),
                refused,
                "{request}"
            );
        }
    }

    #[test]
    fn what_update_service_takes_is_checked_and_kept() {
        let missing = |_: &str| invalid("missing");
        let cases = [
            (json!({ "desiredCount": 3 }), "Some(3) {}"),
            (
                json!({ "desiredCount": -1 }),
                "desiredCount cannot be negative.",
            ),
            (
                json!({ "propagateTags": "SERVICE", "desiredCount": null }),
                r#"None {"propagateTags":"SERVICE"}"#,
            ),
            (
                json!({ "propagateTags": "ALL" }),
                "propagateTags must be TASK_DEFINITION, SERVICE or NONE.",
            ),
            (
                json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true } } }),
                "Deployment circuit breaker feature is only supported with ECS deployment controller. Update to ECS deployment controller and try again.",
            ),
            (
                json!({ "placementStrategy": [{ "type": "random" }] }),
                "Placement strategies are not supported with FARGATE launch type.",
            ),
        ];
        for (request, wanted) in cases {
            let input = Input::new(&request, missing).unwrap();
            let configuration = input.structure("deploymentConfiguration").unwrap();
            let checked = check_configuration_elsewhere(configuration);
            let outcome = match checked.and_then(|()| changes(&input, "FARGATE")) {
                Ok((desired, options)) => format!("{desired:?} {}", Value::Object(options)),
                Err(error) => error.message,
            };
            assert_eq!(outcome, wanted, "{request}");
        }
    }
}
