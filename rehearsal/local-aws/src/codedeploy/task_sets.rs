//! What a deployment does to ECS and the load balancer: task sets made, made PRIMARY and drained, listeners moved.

use std::sync::Arc;

use super::ending::Failure;
use super::{CodeDeploy, Deployment, Group, TargetGroup};
use crate::assumption::Assumption;
use crate::ecs::keep;
use crate::ecs::service::{LoadBalancerTarget, TaskSet, TaskSetStatus};
use crate::elb::Forward;
use crate::timeline::{self, ListenerKind, Weight};

/// The service's PRIMARY task set and the pair of target groups, with blue's first.
pub(super) struct Sides {
    pub blue: String,
    pub blue_group: TargetGroup,
    pub green_group: TargetGroup,
}

pub(super) fn sides(codedeploy: &CodeDeploy, group: &Group) -> Result<Sides, Failure> {
    let primary = codedeploy.ecs.read(|state| {
        let primary = state.service(&group.cluster, &group.service)?.primary()?;
        Some((
            primary.id.clone(),
            primary.load_balancer.target_group_arn.clone(),
        ))
    });
    let not_found = || {
        Failure::new(
            "INVALID_ECS_SERVICE",
            format!("The ECS service {} has no primary task set", group.service),
        )
    };
    let (blue, blue_arn) = primary.ok_or_else(not_found)?;
    // The group does not say which of the two is blue: they change places with every deployment, and only the PRIMARY
    // task set knows.
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

/// Both listeners must send requests to blue when a deployment begins.
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
    if behind(&group.production_listener) && group.test_listener.as_ref().is_none_or(behind) {
        return Ok(());
    }
    let message = "ELB could not be updated due to the following error: Primary taskset target group must be behind listener";
    Err(Failure::new("ELASTIC_LOAD_BALANCING_INVALID", message))
}

/// Makes the green task set, which begins to start its tasks.
pub(super) fn create_green(
    codedeploy: &Arc<CodeDeploy>,
    group: &Group,
    deployment: &Deployment,
    sides: &Sides,
) -> Result<String, Failure> {
    // CreateDeployment does not look at ECS. What the AppSpec names and is not there fails Install, not the call.
    let spec = &deployment.app_spec;
    let revision = codedeploy
        .ecs
        .read(|state| state.revision(&spec.task_definition).cloned());
    let Some(revision) = revision.filter(|revision| revision.is_active()) else {
        return Err(ecs_error(codedeploy, "Unable to describe task definition."));
    };
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
            // The only link from a task set to its deployment. In BeforeInstall it leads nowhere yet: a hook that looks
            // for green there finds none.
            external_id: Some(deployment.id.clone()),
            load_balancer: LoadBalancerTarget {
                target_group_arn: sides.green_group.arn.clone(),
                container: spec.container.clone(),
                port: spec.port,
            },
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
            resolved: std::collections::BTreeMap::new(),
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

fn ecs_error(codedeploy: &CodeDeploy, message: &str) -> Failure {
    let sentence = format!(
        "The ECS service cannot be updated due to an unexpected error: {message} (Service: AmazonECS; Status Code: 400; \
         Error Code: ClientException; Request ID: {}; Proxy: null)",
        codedeploy.context.ids.uuid()
    );
    Failure::new("ECS_UPDATE_ERROR", sentence)
}

/// Sends `green_percent` of a listener's requests to green, and the rest to blue.
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
            let image = state
                .revision(&set.task_definition)?
                .image_of(&set.load_balancer.container);
            Some((set.load_balancer.target_group_arn.clone(), image))
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
    // Both groups stay behind the listener, with weight 0 where nothing goes: a group that is behind none is not checked,
    // and its targets would be `unused` when a rollback needs them.
    codedeploy.load_balancers.set_forward(listener, forward);
    // Before it is told: whoever acts on the entry finds production with these weights for the dwell at least.
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
                // There may be one when the deployment before was stopped while it drained: it never serves again.
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

/// The service itself takes the settings of its PRIMARY task set.
pub(super) fn follow_primary(codedeploy: &CodeDeploy, group: &Group) {
    codedeploy.ecs.write(|state| {
        let Some(service) = state.service_mut(&group.cluster, &group.service) else {
            return;
        };
        if let Some(primary) = service.primary().cloned() {
            service.task_definition = primary.task_definition;
            service.load_balancer = primary.load_balancer;
            service.platform_version = primary.platform_version;
            service.network_configuration = primary.network_configuration;
        }
    });
}

/// DeleteTaskSet; waits until the last of its tasks has stopped.
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
}
