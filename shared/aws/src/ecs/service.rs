//! DescribeServices.

use aws_sdk_ecs::types::{LoadBalancer, TaskSet};
use rules::names::{ClusterName, ServiceName};
use rules::{observed, redact};

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
        revision: match service.task_definition() {
            Some(arn) => Some(call.name(Some(arn), "taskDefinition")?),
            None => None,
        },
        placement: observed::Placement {
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
        },
        load_balancer: load_balancer_from(call, service.load_balancers())?,
        desired_count: service.desired_count(),
        running_count: service.running_count(),
        task_sets: task_sets.collect::<Result<_, _>>()?,
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

/// CodeDeploy supports one load balancer a service. A classic one has no target group and no place here.
fn load_balancer_from(
    call: &Call,
    load_balancers: &[LoadBalancer],
) -> Result<Option<observed::LoadBalancerTarget>, CallFailed> {
    let Some(load_balancer) = load_balancers.first() else {
        return Ok(None);
    };
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
