//! The operations, by service. Each file has a table of its operations beside their handlers; dispatch, authorization,
//! throttling, routing and the tests iterate these tables.
//!
//! To add an operation, write its handler and its entry in the table of the same file.

mod cloudformation;
mod cloudwatch;
mod codedeploy;
mod ecr;
mod ecs;
mod elb;
mod events;
mod iam;
mod lambda;
mod logs;
mod scheduler;
mod secrets_manager;
mod sns;
mod ssm;
mod sts;

pub(super) use self::lambda::not_reachable;

use super::error::{ApiError, not_simulated};
use super::operation::{Operation, Route};
use super::service::{Protocol, Service};
use super::validation::not_null;

/// Every operation that the local AWS simulates.
pub fn all() -> impl Iterator<Item = (Service, &'static Operation)> {
    let services = Service::ALL.into_iter();
    services.flat_map(|service| of(service).map(move |operation| (service, operation)))
}

/// The operation that a request names.
pub fn find(service: Service, name: &str) -> Option<&'static Operation> {
    of(service).find(|operation| operation.name == name)
}

/// The operation of a REST service that has this method and path, with the members that the path has. A path of fixed
/// words wins over one with names in it.
pub(super) fn routed(method: &str, segments: &[String]) -> Option<Routed> {
    let matching = all().filter_map(|(service, operation)| {
        let route = operation.route?;
        let members = route.members(method, segments)?;
        Some((service, operation, route, members))
    });
    matching.min_by_key(|(_, _, _, members)| members.len())
}

type Routed = (
    Service,
    &'static Operation,
    Route,
    Vec<(&'static str, String)>,
);

fn of(service: Service) -> impl Iterator<Item = &'static Operation> {
    let tables: &[&[Operation]] = match service {
        Service::CloudFormation => &[cloudformation::OPERATIONS],
        Service::CloudWatch => &[cloudwatch::OPERATIONS],
        Service::CodeDeploy => codedeploy::OPERATIONS,
        Service::Ecr => &[ecr::OPERATIONS],
        Service::Ecs => ecs::OPERATIONS,
        Service::Elb => elb::OPERATIONS,
        Service::Events => &[events::OPERATIONS],
        Service::Iam => &[iam::OPERATIONS, iam::WRITING],
        Service::Lambda => &[lambda::OPERATIONS],
        Service::Logs => &[logs::OPERATIONS],
        Service::Scheduler => &[scheduler::OPERATIONS],
        Service::SecretsManager => &[secrets_manager::OPERATIONS],
        Service::Sns => &[sns::OPERATIONS],
        Service::Ssm => &[ssm::OPERATIONS],
        Service::Sts => &[sts::OPERATIONS],
    };
    tables.iter().copied().flatten()
}

/// The answer to an operation that no table has, with the protocol's code for it.
pub(super) fn unknown(protocol: Protocol, operation: &str) -> ApiError {
    let message = not_simulated(operation);
    match protocol {
        Protocol::Query(_) => ApiError::new("InvalidAction", message),
        Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => {
            ApiError::new("UnknownOperationException", message)
        }
        Protocol::Rest => ApiError::new("UnknownOperationException", message).with_status(404),
    }
}

/// The service's error for a required member that a request does not have.
pub(super) fn missing(service: Service) -> fn(&str) -> ApiError {
    match service {
        Service::CloudWatch => cloudwatch::missing,
        Service::CodeDeploy => codedeploy::missing,
        Service::Ecr => |member| {
            let message = format!(
                "Invalid parameter at '{member}' failed to satisfy constraint: 'must not be null'"
            );
            ApiError::new("InvalidParameterException", message)
        },
        Service::Ecs => |member| {
            ApiError::new(
                "InvalidParameterException",
                format!("{member} can not be blank."),
            )
        },
        Service::CloudFormation | Service::Elb | Service::Iam | Service::Sts => {
            |member| ApiError::new("ValidationError", not_null(member))
        }
        Service::Lambda => {
            |member| ApiError::new("InvalidParameterValueException", not_null(member))
        }
        Service::Logs => |member| ApiError::new("InvalidParameterException", not_null(member)),
        Service::Events | Service::Scheduler => {
            |member| ApiError::new("ValidationException", not_null(member))
        }
        Service::SecretsManager => secrets_manager::missing,
        Service::Ssm => ssm::missing,
        Service::Sns => |member| {
            let message =
                format!("Invalid parameter: {member} Reason: no value for required parameter");
            ApiError::new("InvalidParameter", message)
        },
    }
}

#[cfg(test)]
mod tests;
