//! ECS: services and their deployments, task definitions, tasks.

mod described_task;
mod service;
mod service_deployment;
mod service_revision;
mod shipped;
mod task;
mod task_definition;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, Failure, LaunchType,
    NetworkConfiguration, PlacementConstraint, PlacementConstraintType, PlacementStrategy,
    PlacementStrategyType,
};
use rules::observed;
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::wire::RawAnswer;

pub use service_deployment::{ServiceDeployments, Updated};
pub use task::{DescribedTasks, RunTaskAnswer, TaskFailure, Tasks, refused};

/// ECS's operations.
#[derive(Debug, Clone)]
pub struct Ecs {
    client: Client,
}

impl Ecs {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }
}

fn network_from(network: Option<&NetworkConfiguration>) -> Option<observed::NetworkConfiguration> {
    let vpc = network?.awsvpc_configuration()?;
    Some(observed::NetworkConfiguration {
        subnets: vpc.subnets().to_vec(),
        security_groups: vpc.security_groups().to_vec(),
        assign_public_ip: vpc
            .assign_public_ip()
            .map(|assign| assign.as_str().to_owned()),
    })
}

fn network_to(
    call: &Call,
    network: &observed::NetworkConfiguration,
) -> Result<NetworkConfiguration, CallFailed> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(
            Some(network.security_groups.clone()).filter(|groups| !groups.is_empty()),
        )
        .set_assign_public_ip(
            network
                .assign_public_ip
                .as_deref()
                .map(AssignPublicIp::from),
        )
        .build()
        .map_err(|error| call.unexpected(&error.to_string()))?;
    Ok(NetworkConfiguration::builder()
        .awsvpc_configuration(vpc)
        .build())
}

fn capacity_from(strategy: &[CapacityProviderStrategyItem]) -> Vec<observed::CapacityProvider> {
    let one = |item: &CapacityProviderStrategyItem| observed::CapacityProvider {
        name: item.capacity_provider().to_owned(),
        weight: item.weight(),
        base: item.base(),
    };
    strategy.iter().map(one).collect()
}

fn capacity_to(
    call: &Call,
    providers: &[observed::CapacityProvider],
) -> Result<Vec<CapacityProviderStrategyItem>, CallFailed> {
    let one = |provider: &observed::CapacityProvider| {
        CapacityProviderStrategyItem::builder()
            .capacity_provider(&provider.name)
            .weight(provider.weight)
            .base(provider.base)
            .build()
            .map_err(|error| call.unexpected(&error.to_string()))
    };
    providers.iter().map(one).collect()
}

/// ECS returns a launch type beside a strategy, but takes only one of the two.
fn placement_from(
    network: Option<&NetworkConfiguration>,
    launch_type: Option<&LaunchType>,
    strategy: &[CapacityProviderStrategyItem],
    platform_version: Option<&str>,
) -> observed::Placement {
    observed::Placement {
        network_configuration: network_from(network),
        launch_type: launch_type
            .filter(|_| strategy.is_empty())
            .map(|launch| launch.as_str().to_owned()),
        capacity_providers: capacity_from(strategy),
        platform_version: platform_version.map(str::to_owned),
        ..observed::Placement::default()
    }
}

fn constraint_from(constraint: &PlacementConstraint) -> Option<observed::PlacementConstraint> {
    Some(observed::PlacementConstraint {
        kind: constraint.r#type()?.as_str().to_owned(),
        expression: constraint.expression().map(str::to_owned),
    })
}

fn constraint_to(constraint: &observed::PlacementConstraint) -> PlacementConstraint {
    PlacementConstraint::builder()
        .r#type(PlacementConstraintType::from(constraint.kind.as_str()))
        .set_expression(constraint.expression.clone())
        .build()
}

fn strategy_from(strategy: &PlacementStrategy) -> Option<observed::PlacementStrategy> {
    Some(observed::PlacementStrategy {
        kind: strategy.r#type()?.as_str().to_owned(),
        field: strategy.field().map(str::to_owned),
    })
}

fn strategy_to(strategy: &observed::PlacementStrategy) -> PlacementStrategy {
    PlacementStrategy::builder()
        .r#type(PlacementStrategyType::from(strategy.kind.as_str()))
        .set_field(strategy.field.clone())
        .build()
}

/// The sentence of ECS, in a successful answer, about a part of a request that did not work.
fn sentence(failure: &Failure) -> String {
    let said = [failure.reason(), failure.detail(), failure.arn()];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What AWS answered, also where the SDK stumbled over something in it.
fn read(call: &Call, raw: &RawAnswer, sent: Result<(), CallFailed>) -> Result<Value, CallFailed> {
    match raw.take() {
        Some(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| call.unexpected(&error.to_string()))
        }
        None => Err(sent
            .err()
            .unwrap_or_else(|| call.unexpected("the answer has no body"))),
    }
}
