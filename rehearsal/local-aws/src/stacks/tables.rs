//! The properties of each type of resource.

mod balancing;
mod deploying;
mod network;
mod others;

use super::kind::Kind;
use super::shape::{Naming, Property};

/// The properties that a type has here, and how its API writes them.
pub(super) fn of(kind: Kind) -> (&'static [Property], Naming) {
    match kind {
        Kind::Alarm => (others::ALARM, Naming::AsWritten),
        Kind::Application => (deploying::APPLICATION, Naming::SmallFirst),
        Kind::AutoScalingGroup => (network::AUTO_SCALING_GROUP, Naming::AsWritten),
        Kind::Certificate => (balancing::CERTIFICATE, Naming::AsWritten),
        Kind::Cluster => (deploying::CLUSTER, Naming::SmallFirst),
        Kind::DeploymentGroup => (deploying::DEPLOYMENT_GROUP, Naming::SmallFirst),
        Kind::Eip => (network::EIP, Naming::AsWritten),
        Kind::InstanceProfile => (others::INSTANCE_PROFILE, Naming::AsWritten),
        Kind::InternetGateway => (network::INTERNET_GATEWAY, Naming::AsWritten),
        Kind::LaunchTemplate => (network::LAUNCH_TEMPLATE, Naming::AsWritten),
        Kind::Listener => (balancing::LISTENER, Naming::AsWritten),
        Kind::ListenerRule => (balancing::LISTENER_RULE, Naming::AsWritten),
        Kind::LoadBalancer => (balancing::LOAD_BALANCER, Naming::AsWritten),
        Kind::LogGroup => (others::LOG_GROUP, Naming::AsWritten),
        Kind::NatGateway => (network::NAT_GATEWAY, Naming::AsWritten),
        Kind::OidcProvider => (others::OIDC_PROVIDER, Naming::AsWritten),
        Kind::Repository => (others::REPOSITORY, Naming::AsWritten),
        Kind::Role => (others::ROLE, Naming::AsWritten),
        Kind::Route => (network::ROUTE, Naming::AsWritten),
        Kind::RouteTable => (network::ROUTE_TABLE, Naming::AsWritten),
        Kind::SecurityGroup => (network::SECURITY_GROUP, Naming::AsWritten),
        Kind::SecurityGroupEgress => (network::SECURITY_GROUP_EGRESS, Naming::AsWritten),
        Kind::SecurityGroupIngress => (network::SECURITY_GROUP_INGRESS, Naming::AsWritten),
        Kind::Service => (deploying::SERVICE, Naming::SmallFirst),
        Kind::Subnet => (network::SUBNET, Naming::AsWritten),
        Kind::SubnetRouteTableAssociation => (network::ASSOCIATION, Naming::AsWritten),
        Kind::TargetGroup => (balancing::TARGET_GROUP, Naming::AsWritten),
        Kind::TaskDefinition => (deploying::TASK_DEFINITION, Naming::SmallFirst),
        Kind::Vpc => (network::VPC, Naming::AsWritten),
        Kind::VpcEndpoint => (network::VPC_ENDPOINT, Naming::AsWritten),
        Kind::VpcGatewayAttachment => (network::VPC_GATEWAY_ATTACHMENT, Naming::AsWritten),
    }
}

/// Every type with the properties that are read and those that have no effect here, as rows of a table for the documents.
pub fn rows() -> Vec<String> {
    let row = |kind: Kind| {
        let (properties, _) = of(kind);
        let quoted = |names: &[&str]| match names {
            [] => "–".to_owned(),
            names => format!("`{}`", names.join("`, `")),
        };
        let read = properties.iter().filter(|one| one.reason().is_none());
        let read: Vec<&str> = read.map(|one| one.name).collect();
        let mut reasons: Vec<&str> = properties.iter().filter_map(Property::reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let of_reason = |reason: &str| {
            let named = properties.iter().filter(|one| one.reason() == Some(reason));
            let named: Vec<&str> = named.map(|one| one.name).collect();
            format!("{}: {reason}", quoted(&named))
        };
        let without: Vec<String> = reasons.into_iter().map(of_reason).collect();
        let without = match without.is_empty() {
            true => "–".to_owned(),
            false => without.join("; "),
        };
        format!("| `{}` | {} | {without} |", kind.name(), quoted(&read))
    };
    Kind::ALL.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_stands_once_and_has_a_reason_where_it_has_no_effect() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
            let (properties, _) = of(kind);
            let mut names: Vec<&str> = properties.iter().map(|one| one.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), properties.len(), "{kind:?}");
            let mut reasons = properties.iter().filter_map(Property::reason);
            assert!(reasons.all(|reason| reason.contains(' ')), "{kind:?}");
        }
    }
}
