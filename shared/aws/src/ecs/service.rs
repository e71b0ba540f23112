//! DescribeServices.

use std::time::Duration;

use aws_sdk_ecs::types::{
    AdvancedConfiguration, Deployment, DeploymentConfiguration, DeploymentLifecycleHook,
    DeploymentLifecycleHookAction, DeploymentLifecycleHookTargetType, LoadBalancer,
    ServiceCurrentRevisionSummary, TaskSet,
};
use rules::names::{ClusterName, ServiceName};
use rules::{ecs, observed, redact};

use super::{Ecs, constraint_from, placement_from, sentence, strategy_from};
use crate::call::{Call, CallFailed};
use crate::text::time_from;

impl Ecs {
    /// The service as it is now. One that was deleted, which ECS remembers as `INACTIVE` for a while, is not found.
    pub async fn describe_service(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<observed::Service, CallFailed> {
        let call = Call::new("ecs:DescribeServices", format!("{cluster}/{service}"));
        let answer = self
            .client
            .describe_services()
            .cluster(cluster.as_str())
            .services(service.as_str())
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        if let Some(failure) = answer.failures().first() {
            return Err(match failure.reason().unwrap_or_default() {
                reason @ ("MISSING" | "INACTIVE") => call.not_found(reason),
                _ => call.unexpected(&sentence(failure)),
            });
        }
        let found = call.required(answer.services().first(), "services")?;
        if found.status() == Some("INACTIVE") {
            return Err(call.not_found("INACTIVE"));
        }
        translate(&call, found)
    }
}

fn translate(
    call: &Call,
    service: &aws_sdk_ecs::types::Service,
) -> Result<observed::Service, CallFailed> {
    let task_sets = service
        .task_sets()
        .iter()
        .map(|task_set| task_set_from(call, task_set));
    Ok(observed::Service {
        // ECS leaves the controller out where it is its own.
        deployment_controller: service.deployment_controller().map_or_else(
            || "ECS".to_owned(),
            |controller| controller.r#type().as_str().to_owned(),
        ),
        scheduling_strategy: service
            .scheduling_strategy()
            .map(|strategy| strategy.as_str().to_owned()),
        resource_management: service
            .resource_management_type()
            .map(|by| by.as_str().to_owned()),
        configuration: service
            .deployment_configuration()
            .map(configuration_from)
            .unwrap_or_default(),
        revision: match service.task_definition() {
            Some(arn) => Some(call.name(Some(arn), "taskDefinition")?),
            None => None,
        },
        placement: placement_of(service),
        load_balancer: load_balancer_from(call, service.load_balancers())?,
        load_balancers: load_balancers_from(call, service.load_balancers())?,
        desired_count: service.desired_count(),
        running_count: service.running_count(),
        task_sets: task_sets.collect::<Result<_, _>>()?,
        rollouts: service
            .deployments()
            .iter()
            .map(|deployment| rollout_from(call, deployment))
            .collect::<Result<_, _>>()?,
        current_deployment: match service.current_service_deployment() {
            Some(arn) => Some(call.name(Some(arn), "currentServiceDeployment")?),
            None => None,
        },
        current_revisions: service
            .current_service_revisions()
            .iter()
            .map(|revision| running_from(call, revision))
            .collect::<Result<_, _>>()?,
        events: service
            .events()
            .iter()
            .filter_map(|event| {
                Some(observed::ServiceEvent {
                    at: event.created_at().and_then(time_from),
                    message: redact::redact(event.message()?),
                })
            })
            .collect(),
    })
}

fn placement_of(service: &aws_sdk_ecs::types::Service) -> observed::Placement {
    observed::Placement {
        constraints: service
            .placement_constraints()
            .iter()
            .filter_map(constraint_from)
            .collect(),
        strategies: service
            .placement_strategy()
            .iter()
            .filter_map(strategy_from)
            .collect(),
        ..placement_from(
            service.network_configuration(),
            service.launch_type(),
            service.capacity_provider_strategy(),
            service.platform_version(),
        )
    }
}

fn task_set_from(call: &Call, task_set: &TaskSet) -> Result<observed::TaskSet, CallFailed> {
    Ok(observed::TaskSet {
        id: call.required(task_set.id(), "taskSets.id")?.to_owned(),
        status: match call.required(task_set.status(), "taskSets.status")? {
            "PRIMARY" => observed::TaskSetStatus::Primary,
            "DRAINING" => observed::TaskSetStatus::Draining,
            // `ACTIVE`, and whatever AWS may add: it is there, and it is not the one that serves production.
            _ => observed::TaskSetStatus::Active,
        },
        created_at: task_set.created_at().and_then(time_from),
        // A controller other than CodeDeploy may write what it likes here.
        deployment: task_set.external_id().and_then(|id| id.parse().ok()),
        revision: call.name(task_set.task_definition(), "taskSets.taskDefinition")?,
        placement: placement_from(
            task_set.network_configuration(),
            task_set.launch_type(),
            task_set.capacity_provider_strategy(),
            task_set.platform_version(),
        ),
        load_balancer: load_balancer_from(call, task_set.load_balancers())?,
        computed_desired_count: task_set.computed_desired_count(),
        running_count: task_set.running_count(),
    })
}

fn rollout_from(call: &Call, deployment: &Deployment) -> Result<observed::Rollout, CallFailed> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Ok(observed::Rollout {
        id: text(deployment.id()),
        status: text(deployment.status()),
        revision: call.name(deployment.task_definition(), "deployments.taskDefinition")?,
        desired_count: deployment.desired_count(),
        running_count: deployment.running_count(),
        failed_tasks: deployment.failed_tasks(),
        state: deployment
            .rollout_state()
            .map(|state| state.as_str().to_owned()),
        state_reason: deployment.rollout_state_reason().map(redact::redact),
        created_at: deployment.created_at().and_then(time_from),
    })
}

fn running_from(
    call: &Call,
    revision: &ServiceCurrentRevisionSummary,
) -> Result<observed::RunningRevision, CallFailed> {
    Ok(observed::RunningRevision {
        arn: call.name(revision.arn(), "currentServiceRevisions.arn")?,
        requested_count: revision.requested_task_count(),
        running_count: revision.running_task_count(),
    })
}

fn configuration_from(configuration: &DeploymentConfiguration) -> ecs::Configuration {
    ecs::Configuration {
        strategy: configuration
            .strategy()
            .map(|strategy| strategy.as_str().to_owned()),
        hooks: configuration
            .lifecycle_hooks()
            .iter()
            .map(hook_from)
            .collect(),
        circuit_breaker: configuration.deployment_circuit_breaker().map(|breaker| {
            ecs::CircuitBreaker {
                enable: breaker.enable(),
                rollback: breaker.rollback(),
            }
        }),
        alarms: configuration.alarms().map(|alarms| ecs::Alarms {
            enable: alarms.enable(),
            rollback: alarms.rollback(),
            names: alarms.alarm_names().to_vec(),
        }),
        minimum_healthy_percent: configuration.minimum_healthy_percent(),
        maximum_percent: configuration.maximum_percent(),
        bake_minutes: configuration.bake_time_in_minutes(),
        step: step_from(configuration),
    }
}

fn step_from(configuration: &DeploymentConfiguration) -> Option<ecs::Step> {
    let linear = configuration.linear_configuration();
    let linear = linear.map(|one| (one.step_percent(), one.step_bake_time_in_minutes()));
    let canary = configuration.canary_configuration();
    let canary = canary.map(|one| (one.canary_percent(), one.canary_bake_time_in_minutes()));
    let (percent, minutes) = linear.or(canary)?;
    Some(ecs::Step {
        percent: percent?.to_string(),
        minutes,
    })
}

/// DescribeServices was seen to return pause hooks with their stages alone, so what has no function is a pause.
pub(super) fn hook_from(hook: &DeploymentLifecycleHook) -> ecs::Hook {
    let function = hook
        .hook_target_arn()
        .filter(|_| hook.target_type() != Some(&DeploymentLifecycleHookTargetType::Pause));
    let timeout = hook.timeout_configuration();
    let minutes = timeout.and_then(|timeout| timeout.timeout_in_minutes());
    let action = timeout.and_then(|timeout| timeout.action());
    ecs::Hook {
        target: match function {
            Some(function) => ecs::HookTarget::Lambda {
                function: function.to_owned(),
                role: hook.role_arn().map(str::to_owned),
            },
            None => ecs::HookTarget::Pause,
        },
        stages: hook
            .lifecycle_stages()
            .iter()
            .map(|stage| ecs::Stage::of(stage.as_str()))
            .collect(),
        timeout: minutes
            .and_then(|minutes| u64::try_from(minutes).ok())
            .map(|minutes| Duration::from_secs(minutes * 60)),
        goes_on: action == Some(&DeploymentLifecycleHookAction::Continue),
    }
}

/// CodeDeploy supports one load balancer a service.
fn load_balancer_from(
    call: &Call,
    load_balancers: &[LoadBalancer],
) -> Result<Option<observed::LoadBalancerTarget>, CallFailed> {
    match load_balancers.first() {
        Some(load_balancer) => target_from(call, load_balancer),
        None => Ok(None),
    }
}

fn load_balancers_from(
    call: &Call,
    load_balancers: &[LoadBalancer],
) -> Result<Vec<ecs::LoadBalancer>, CallFailed> {
    let mut found = Vec::new();
    for load_balancer in load_balancers {
        let Some(target) = target_from(call, load_balancer)? else {
            continue;
        };
        let advanced = load_balancer.advanced_configuration();
        let advanced = advanced.map(|advanced| advanced_from(call, advanced));
        found.push(ecs::LoadBalancer {
            target,
            advanced: advanced.transpose()?,
        });
    }
    Ok(found)
}

fn advanced_from(
    call: &Call,
    advanced: &AdvancedConfiguration,
) -> Result<ecs::Advanced, CallFailed> {
    Ok(ecs::Advanced {
        alternate_target_group: match advanced.alternate_target_group_arn() {
            Some(arn) => Some(call.name(Some(arn), "alternateTargetGroupArn")?),
            None => None,
        },
        production_rule: rule_from(
            call,
            advanced.production_listener_rule(),
            "productionListenerRule",
        )?,
        test_rule: rule_from(call, advanced.test_listener_rule(), "testListenerRule")?,
        role: advanced.role_arn().map(str::to_owned),
    })
}

/// The rule of an Application Load Balancer, or the listener of a Network Load Balancer.
fn rule_from(
    call: &Call,
    arn: Option<&str>,
    field: &str,
) -> Result<Option<ecs::TrafficRule>, CallFailed> {
    let Some(text) = arn else {
        return Ok(None);
    };
    Ok(Some(match text.contains(":listener/") {
        true => ecs::TrafficRule::Listener(call.name(arn, field)?),
        false => ecs::TrafficRule::Rule(call.name(arn, field)?),
    }))
}

/// A classic load balancer has no target group, and an entry without a container no place here.
fn target_from(
    call: &Call,
    load_balancer: &LoadBalancer,
) -> Result<Option<observed::LoadBalancerTarget>, CallFailed> {
    let (Some(container), Some(port)) = (
        load_balancer.container_name(),
        load_balancer.container_port(),
    ) else {
        return Ok(None);
    };
    Ok(Some(observed::LoadBalancerTarget {
        container: call.name(Some(container), "loadBalancers.containerName")?,
        port: call.required(u16::try_from(port).ok(), "loadBalancers.containerPort")?,
        target_group: match load_balancer.target_group_arn() {
            Some(arn) => Some(call.name(Some(arn), "loadBalancers.targetGroupArn")?),
            None => None,
        },
    }))
}
