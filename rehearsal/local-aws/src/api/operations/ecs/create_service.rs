//! CreateService: a service of the controller ECS with its first deployment, one of CODE_DEPLOY with its first tasks, or one of
//! EXTERNAL without tasks.

use serde_json::{Value, json};

use super::load_balancers;
use super::permissions::{in_cluster, tag_new, with_tag_keys};
use super::run_task_checks::{check_launch, check_network};
use super::services::{cluster, described, invalid, known_launch_type, service_arn};
use super::update_service::{NOT_SIMULATED, changes, check_configuration_elsewhere, platform};
use super::wanted_revision::{check_containers, check_target_types, wanted_revision};
use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::{Answer, Call, Operation};
use crate::api::throttle::Bucket;
use crate::ecs::keep;
use crate::ecs::registration::check_tags;
use crate::ecs::service::{LoadBalancerTarget, Service, TaskSet};
use crate::iam::Permission;
use crate::service_deployment::configuration::{DeploymentConfiguration, Strategy};
use crate::service_deployment::controller::{Controller, EcsManaged};
use crate::service_deployment::start;

pub(super) const OPERATIONS: &[Operation] =
    &[
        Operation::new("CreateService", create_service, on_new_service)
            .bucket(Bucket::ServiceModify),
    ];

fn create_service(call: Call<'_>) -> Answer {
    let name = call.input.required_text("serviceName")?.to_owned();
    let cluster = call.aws.ecs.read(|state| cluster(call, state))?;
    let is_there = call
        .aws
        .ecs
        .read(|state| state.service(&cluster, &name).is_some());
    if is_there {
        return Err(invalid("Creation of service was not idempotent."));
    }
    let is_given = |member: &&&str| {
        let value = call.input.value(member);
        value.is_some_and(|value| value.as_array().is_none_or(|items| !items.is_empty()))
    };
    if let Some(member) = NOT_SIMULATED.iter().find(is_given) {
        return Err(invalid(not_simulated(&format!("{member} of a service"))));
    }
    if call
        .input
        .text("schedulingStrategy")?
        .is_some_and(|kind| kind != "REPLICA")
    {
        return Err(invalid(not_simulated(
            "services of the scheduling strategy DAEMON",
        )));
    }
    let mut service = service(call, cluster, name)?;
    let (cluster, name) = (service.cluster.clone(), service.name.clone());
    match service.controller {
        Controller::Ecs(_) => {
            call.aws.ecs.write(|state| state.services.push(service));
            start::start(&call.aws.service_deployments, &cluster, &name);
        }
        Controller::CodeDeploy => {
            let id = format!("ecs-svc/{}", call.aws.ids.decimal());
            // They serve until the first deployment by CodeDeploy.
            let first = TaskSet::first(&service, id.clone(), None);
            service.task_sets.push(first);
            call.aws.ecs.write(|state| state.services.push(service));
            let keeping = keep::keep(call.aws.ecs.clone(), id);
            call.aws.background.spawn(keeping);
        }
        Controller::External => call.aws.ecs.write(|state| state.services.push(service)),
    }
    let described = described(call, &cluster, &name, true);
    Ok(json!({ "service": described.unwrap_or_default() }))
}

fn service(call: Call<'_>, cluster: String, name: String) -> Result<Service, ApiError> {
    let input = &call.input;
    let launch_type = known_launch_type(input)?.unwrap_or("EC2").to_owned();
    let platform = platform(input, &launch_type)?;
    let platform_version = match platform {
        None | Some("LATEST") => "1.4.0".to_owned(),
        Some(version) => version.to_owned(),
    };
    let (desired_count, mut options) = changes(input, &launch_type)?;
    options.remove("deploymentConfiguration");
    let tags = input.list("tags")?.cloned().unwrap_or_default();
    input.structures("tags")?;
    check_tags(&tags).map_err(invalid)?;
    let network = input.structure("networkConfiguration")?;
    let (controller, load_balancers) = controller(call)?;
    let task_definition = match &controller {
        Controller::Ecs(_) | Controller::CodeDeploy => {
            let revision = wanted_revision(call, None)?;
            check_launch(input, &revision)?;
            check_network(input, &revision)?;
            check_containers(&revision, &load_balancers)?;
            check_target_types(call, &revision, &load_balancers)?;
            revision.arn()
        }
        Controller::External => String::new(),
    };
    let desired_count = desired_count.ok_or_else(|| input.missing("desiredCount"))?;
    Ok(Service {
        cluster,
        name,
        desired_count,
        launch_type,
        platform_version,
        network_configuration: network
            .map_or(Value::Null, |network| Value::Object(network.raw().clone())),
        options,
        tags,
        events: Vec::new(),
        load_balancers,
        controller,
        task_definition,
        task_sets: Vec::new(),
        created_at: call.aws.clock.now(),
    })
}

fn controller(call: Call<'_>) -> Result<(Controller, Vec<LoadBalancerTarget>), ApiError> {
    let given = call.input.structure("deploymentController")?;
    match given.map(|given| given.required_text("type")).transpose()? {
        None | Some("ECS") => {}
        Some("EXTERNAL") if call.input.text("taskDefinition")?.is_some() => {
            return Err(invalid(
                "taskDefinition cannot be specified for a service with an EXTERNAL deployment controller.",
            ));
        }
        Some("EXTERNAL") => return Ok((Controller::External, Vec::new())),
        Some("CODE_DEPLOY") => {
            let configuration = call.input.structure("deploymentConfiguration")?;
            check_configuration_elsewhere(configuration)?;
            let entries = call.input.structures("loadBalancers")?;
            let balancers = &call.aws.load_balancers;
            let balanced = load_balancers::read(&entries, Strategy::Rolling, balancers)?;
            // The sentence is inferred. CodeDeploy shifts traffic between target groups.
            if balanced.given.is_empty() {
                return Err(invalid(
                    "A load balancer is required for a service with a CODE_DEPLOY deployment controller.",
                ));
            }
            return Ok((Controller::CodeDeploy, balanced.targets));
        }
        Some(other) => {
            return Err(invalid(format!(
                "Invalid deployment controller type: {other}"
            )));
        }
    }
    let configuration = call.input.structure("deploymentConfiguration")?;
    let configuration = configuration
        .map(|given| given.raw().clone())
        .unwrap_or_default();
    let configuration = DeploymentConfiguration::read(&configuration).map_err(invalid)?;
    let entries = call.input.structures("loadBalancers")?;
    let strategy = configuration.strategy;
    let balanced = load_balancers::read(&entries, strategy, &call.aws.load_balancers)?;
    let managed = EcsManaged {
        configuration,
        load_balancers: balanced.given,
        two_groups: balanced.two_groups,
    };
    Ok((Controller::Ecs(Box::new(managed)), balanced.targets))
}

/// SAR: the service; the roles of hooks and load balancers are passed to ECS.
fn on_new_service(call: Call<'_>) -> Vec<Permission> {
    let service = service_arn(call, call.named_or_any("serviceName"));
    let mut needed = vec![with_tag_keys(call, in_cluster(call, call.on(&service)))];
    needed.extend(tag_new(call, &service));
    needed.extend(load_balancers::passed_roles(call));
    needed
}
