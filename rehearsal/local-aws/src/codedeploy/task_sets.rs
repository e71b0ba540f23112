//! A deployment's changes to ECS and the load balancer: it creates, promotes and drains task sets, and shifts
//! listeners.

use std::sync::Arc;

use super::ending::Failure;
use super::{CodeDeploy, Deployment, Group, TargetGroup};
use crate::assumption::Assumption;
use crate::ecs::keep;
use crate::ecs::launch::is_platform;
use crate::ecs::service::{LoadBalancerTarget, TaskSet, TaskSetStatus};
use crate::elb::Forward;
use crate::timeline::{self, ListenerKind, Weight};

/// The service's PRIMARY task set and the two target groups, blue's first.
pub(super) struct Sides {
    pub blue: String,
    pub blue_group: TargetGroup,
    pub green_group: TargetGroup,
}

pub(super) fn sides(codedeploy: &CodeDeploy, group: &Group) -> Result<Sides, Failure> {
    let primary = codedeploy.ecs.read(|state| {
        let primary = state.service(&group.cluster, &group.service)?.primary()?;
        Some((primary.id.clone(), primary.target_group()?.to_owned()))
    });
    let not_found = || {
        Failure::new(
            "INVALID_ECS_SERVICE",
            format!("The ECS service {} has no primary task set", group.service),
        )
    };
    let (blue, blue_arn) = primary.ok_or_else(not_found)?;
    // The deployment group does not state which target group is blue: they alternate with every deployment, and only
    // the PRIMARY task set shows which one is in use.
    let [first, second] = group.target_groups.clone();
    let (blue_group, green_group) = if first.arn == blue_arn {
        (first, second)
    } else {
        (second, first)
    };
    Ok(Sides {
        blue,
        blue_group,
        green_group,
    })
}

/// Checks that both listeners forward to blue when a deployment begins.
pub(super) fn check_listeners(
    codedeploy: &CodeDeploy,
    group: &Group,
    sides: &Sides,
) -> Result<(), Failure> {
    let listeners = codedeploy.load_balancers.listeners();
    let behind = |arn: &String| {
        let listener = listeners.iter().find(|listener| listener.arn == *arn);
        let serves =
            |part: &Forward| part.target_group_arn == sides.blue_group.arn && part.weight > 0;
        listener.is_some_and(|listener| listener.forward.iter().any(serves))
    };
    let mut listeners_of_group = [&group.production_listener]
        .into_iter()
        .chain(&group.test_listener);
    let Some(elsewhere) = listeners_of_group.find(|arn| !behind(arn)) else {
        return Ok(());
    };
    let message = format!(
        "ELB could not be updated due to the following error: Primary taskset target group must be behind listener {elsewhere}"
    );
    Err(Failure::new("ELASTIC_LOAD_BALANCING_INVALID", message))
}

/// Creates the green task set, which starts its tasks.
pub(super) fn create_green(
    codedeploy: &Arc<CodeDeploy>,
    group: &Group,
    deployment: &Deployment,
    sides: &Sides,
) -> Result<String, Failure> {
    // CreateDeployment does not validate the AppSpec against ECS: a resource that does not exist fails Install, not the
    // call.
    let spec = &deployment.app_spec;
    let revision = codedeploy
        .ecs
        .read(|state| state.revision(&spec.task_definition).cloned());
    let Some(revision) = revision else {
        return Err(ecs_error(codedeploy, "Unable to describe task definition."));
    };
    // The sentence that ECS gives RunTask and UpdateService (reported); that CreateTaskSet says the same is inferred.
    if !revision.is_active() {
        return Err(ecs_error(codedeploy, "TaskDefinition is inactive"));
    }
    check_platform(codedeploy, group, spec.platform_version.as_deref())?;
    let container = revision
        .containers()
        .find(|container| container["name"] == spec.container.as_str());
    let ports = container
        .and_then(|container| container["portMappings"].as_array())
        .into_iter()
        .flatten();
    if !ports
        .into_iter()
        .any(|mapping| mapping["containerPort"] == spec.port)
    {
        let message = format!(
            "The container {} did not have a container port {} defined.",
            spec.container, spec.port
        );
        return Err(ecs_error(codedeploy, &message));
    }
    let now = codedeploy.context.clock.now();
    let id = format!("ecs-svc/{}", codedeploy.context.ids.decimal());
    let made = codedeploy.ecs.write(|state| {
        let service = state.service_mut(&group.cluster, &group.service)?;
        let network = spec.network_configuration.clone();
        service.task_sets.push(TaskSet {
            id: id.clone(),
            status: TaskSetStatus::Active,
            task_definition: revision.arn(),
            // The only link from a task set to its deployment. A hook that searches for green in BeforeInstall finds
            // none.
            external_id: Some(deployment.id.clone()),
            load_balancers: vec![LoadBalancerTarget {
                target_group_arn: sides.green_group.arn.clone(),
                container: spec.container.clone(),
                port: spec.port,
            }],
            platform_version: spec
                .platform_version
                .clone()
                .unwrap_or_else(|| service.platform_version.clone()),
            network_configuration: network.unwrap_or_else(|| service.network_configuration.clone()),
            capacity_provider_strategy: spec.capacity_provider_strategy.clone(),
            created_at: now,
            updated_at: now,
            failures: 0,
            last_failure: None,
            unplaced: 0,
            desired: None,
        });
        Some(())
    });
    made.ok_or_else(|| ecs_error(codedeploy, "Service not found."))?;
    codedeploy
        .context
        .background
        .spawn(keep::keep(codedeploy.ecs.clone(), id.clone()));
    Ok(id)
}

/// The AppSpec's platform version, which ECS checks when the task set is created.
fn check_platform(
    codedeploy: &CodeDeploy,
    group: &Group,
    version: Option<&str>,
) -> Result<(), Failure> {
    let Some(version) = version else {
        return Ok(());
    };
    let launch_type = codedeploy.ecs.read(|state| {
        let service = state.service(&group.cluster, &group.service)?;
        Some(service.launch_type.clone())
    });
    match launch_type.as_deref() {
        Some("FARGATE") | None if is_platform(version) => Ok(()),
        Some("FARGATE") | None => Err(ecs_failure(
            codedeploy,
            "PlatformUnknownException",
            "The specified platform does not exist.",
        )),
        Some(other) => Err(ecs_failure(
            codedeploy,
            "InvalidParameterException",
            &format!("The platform version must be null when specifying an {other} launch type."),
        )),
    }
}

fn ecs_error(codedeploy: &CodeDeploy, message: &str) -> Failure {
    ecs_failure(codedeploy, "ClientException", message)
}

fn ecs_failure(codedeploy: &CodeDeploy, code: &str, message: &str) -> Failure {
    let sentence = format!(
        "The ECS service cannot be updated due to an unexpected error: {message} (Service: AmazonECS; Status Code: 400; \
         Error Code: {code}; Request ID: {}; Proxy: null)",
        codedeploy.context.ids.uuid()
    );
    Failure::new("ECS_UPDATE_ERROR", sentence)
}

/// Forwards `green_percent` of a listener's requests to green and the rest to blue.
pub(super) fn set_weights(
    codedeploy: &CodeDeploy,
    group: &Group,
    deployment: &Deployment,
    kind: ListenerKind,
    green_percent: u32,
) {
    let listener = match kind {
        ListenerKind::Production => Some(&group.production_listener),
        ListenerKind::Test => group.test_listener.as_ref(),
    };
    let (Some(listener), Some(blue), Some(green)) = (listener, &deployment.blue, &deployment.green)
    else {
        return;
    };
    let side = |id: &str, label: &'static str, percent: u32| {
        let (arn, image) = codedeploy.ecs.read(|state| {
            let (_, set) = state.task_set(id)?;
            let behind = set.load_balancers.first()?;
            let revision = state.revision(&set.task_definition)?;
            let image = revision.image_of(&behind.container);
            Some((behind.target_group_arn.clone(), image))
        })?;
        let version = image.and_then(|image| codedeploy.ecr.version(&image));
        Some((
            Forward {
                target_group_arn: arn,
                weight: percent,
            },
            Weight {
                task_set: label,
                version,
                percent,
            },
        ))
    };
    let sides = [
        side(blue, "Blue", 100 - green_percent),
        side(green, "Green", green_percent),
    ];
    let (forward, weights): (Vec<Forward>, _) = sides.into_iter().flatten().unzip();
    if codedeploy
        .context
        .assumptions
        .hold(Assumption::ListenerRulesFollow)
    {
        codedeploy.load_balancers.set_rules(listener, &forward);
    }
    // Both groups stay in the listener's action, if need be with weight 0: a group in no action is not health-checked,
    // and its targets would be `unused` when a rollback needs them.
    codedeploy.load_balancers.set_forward(listener, forward);
    // Before the change is recorded, so that a step that acts on the entry finds these weights in effect for at least
    // the dwell.
    codedeploy.context.clock.dwell();
    codedeploy
        .context
        .timeline
        .record(timeline::Event::Weights {
            cluster: group.cluster.clone(),
            service: group.service.clone(),
            listener: kind,
            weights,
        });
}

/// UpdateServicePrimaryTaskSet.
pub(super) fn make_primary(codedeploy: &CodeDeploy, group: &Group, task_set: &str) {
    let now = codedeploy.context.clock.now();
    codedeploy.ecs.write(|state| {
        let Some(service) = state.service_mut(&group.cluster, &group.service) else {
            return;
        };
        for set in &mut service.task_sets {
            let status = match set.status {
                // A stopped deployment may have left a DRAINING task set, which never serves again.
                TaskSetStatus::Draining => TaskSetStatus::Draining,
                _ if set.id == task_set => TaskSetStatus::Primary,
                TaskSetStatus::Primary | TaskSetStatus::Active => TaskSetStatus::Active,
            };
            if set.status != status {
                set.status = status;
                set.updated_at = now;
            }
        }
    });
}

/// Copies the settings of the PRIMARY task set to the service.
pub(super) fn follow_primary(codedeploy: &CodeDeploy, group: &Group) {
    codedeploy.ecs.write(|state| {
        let Some(service) = state.service_mut(&group.cluster, &group.service) else {
            return;
        };
        if let Some(primary) = service.primary().cloned() {
            service.task_definition = primary.task_definition;
            service.load_balancers = primary.load_balancers;
            service.platform_version = primary.platform_version;
            service.network_configuration = primary.network_configuration;
        }
    });
}

/// DeleteTaskSet; returns when the last task of the set has stopped.
pub(super) async fn delete_task_set(codedeploy: &CodeDeploy, task_set: &str) {
    let now = codedeploy.context.clock.now();
    codedeploy.ecs.write(|state| {
        if let Some(set) = state.task_set_mut(task_set) {
            set.status = TaskSetStatus::Draining;
            set.updated_at = now;
        }
    });
    codedeploy
        .ecs
        .until(|state| state.task_set(task_set).is_none().then_some(()))
        .await;
    codedeploy
        .ecs
        .write(|state| state.resolved.remove(task_set));
}
