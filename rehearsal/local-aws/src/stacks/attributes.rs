//! The attributes of resources, for `Ref` and `Fn::GetAtt` (CloudFormation Template Reference, "Return values"). Those that only
//! the made resource has are unknown until then.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::names::{address, id, unknown};
use crate::identity::{ACCOUNT, REGISTRY, arn};

const OF_LOAD_BALANCERS: [&str; 5] = [
    "Ref",
    "LoadBalancerArn",
    "DNSName",
    "LoadBalancerFullName",
    "CanonicalHostedZoneID",
];

/// The prefixes of ids, and the attribute that is the id beside `Ref`.
const NETWORK_IDS: [(Kind, &str, &str); 8] = [
    (Kind::InternetGateway, "igw", "InternetGatewayId"),
    (Kind::LaunchTemplate, "lt", "LaunchTemplateId"),
    (Kind::NatGateway, "nat", "NatGatewayId"),
    (Kind::RouteTable, "rtb", "RouteTableId"),
    (Kind::SecurityGroup, "sg", "GroupId"),
    (Kind::Subnet, "subnet", "SubnetId"),
    (Kind::Vpc, "vpc", "VpcId"),
    (Kind::VpcEndpoint, "vpce", "Id"),
];

/// Attributes that have the value of a member: the attribute, and the member.
const AS_GIVEN: [(Kind, &str, &str); 6] = [
    (Kind::LoadBalancer, "LoadBalancerName", "Name"),
    (Kind::SecurityGroup, "VpcId", "VpcId"),
    (Kind::Service, "Name", "serviceName"),
    (Kind::Subnet, "VpcId", "VpcId"),
    (Kind::TargetGroup, "TargetGroupName", "Name"),
    (Kind::Vpc, "CidrBlock", "CidrBlock"),
];

/// By name; `Ref` is the value of `Ref`.
pub(super) type Attributes = BTreeMap<String, Value>;

/// The attributes of a resource before it is made; its members have its name.
pub(super) fn before(
    kind: Kind,
    stack: &str,
    logical_id: &str,
    members: &Map<String, Value>,
) -> Attributes {
    let member = |name: &str| {
        let value = members.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let mut known = own(kind, stack, logical_id, &member);
    // Attributes that are members as they are.
    for (of, attribute, from) in AS_GIVEN {
        if of == kind {
            known.push((attribute, member(from)));
        }
    }
    let text = |(name, value): (&str, String)| (name.to_owned(), json!(value));
    known.into_iter().map(text).collect()
}

/// Those that do not simply have the value of a member.
fn own(
    kind: Kind,
    stack: &str,
    logical_id: &str,
    member: &dyn Fn(&str) -> String,
) -> Vec<(&'static str, String)> {
    let name = || kind.name_member().map(member).unwrap_or_default();
    let role = |what: &str, name: &str| format!("arn:aws:iam::{ACCOUNT}:{what}/{name}");
    let made = |attributes: &[&'static str]| {
        let unknown = |name: &&'static str| (*name, unknown(logical_id, name));
        attributes.iter().map(unknown).collect::<Vec<_>>()
    };
    match kind {
        Kind::Alarm => vec![
            ("Ref", name()),
            ("Arn", arn("cloudwatch", &format!("alarm:{}", name()))),
        ],
        Kind::Application | Kind::AutoScalingGroup | Kind::DeploymentGroup => {
            vec![("Ref", name())]
        }
        Kind::Certificate => made(&["Ref"]),
        Kind::Cluster => vec![
            ("Ref", name()),
            ("Arn", arn("ecs", &format!("cluster/{}", name()))),
        ],
        Kind::InstanceProfile => vec![("Ref", name()), ("Arn", role("instance-profile", &name()))],
        Kind::Listener => made(&["Ref", "ListenerArn"]),
        Kind::ListenerRule => made(&["Ref", "RuleArn"]),
        Kind::LoadBalancer => made(&OF_LOAD_BALANCERS),
        Kind::LogGroup => vec![
            ("Ref", name()),
            ("Arn", arn("logs", &format!("log-group:{}:*", name()))),
        ],
        Kind::OidcProvider => {
            let provider = role(
                "oidc-provider",
                member("Url").trim_start_matches("https://"),
            );
            vec![("Ref", provider.clone()), ("Arn", provider)]
        }
        Kind::Repository => vec![
            ("Ref", name()),
            ("Arn", arn("ecr", &format!("repository/{}", name()))),
            ("RepositoryUri", format!("{REGISTRY}/{}", name())),
        ],
        Kind::Role => {
            let path = member("Path");
            let below = format!("{}{}", path.trim_start_matches('/'), name());
            vec![("Ref", name()), ("Arn", role("role", &below))]
        }
        Kind::Service => {
            let cluster = member("cluster");
            let cluster = cluster.rsplit('/').next().unwrap_or_default();
            let service = arn("ecs", &format!("service/{cluster}/{}", name()));
            vec![("Ref", service.clone()), ("ServiceArn", service)]
        }
        Kind::TargetGroup => made(&["Ref", "TargetGroupArn", "TargetGroupFullName"]),
        Kind::TaskDefinition => made(&["Ref", "TaskDefinitionArn"]),
        Kind::Eip
        | Kind::InternetGateway
        | Kind::LaunchTemplate
        | Kind::NatGateway
        | Kind::Route
        | Kind::RouteTable
        | Kind::SecurityGroup
        | Kind::SecurityGroupEgress
        | Kind::SecurityGroupIngress
        | Kind::Subnet
        | Kind::SubnetRouteTableAssociation
        | Kind::Vpc
        | Kind::VpcEndpoint
        | Kind::VpcGatewayAttachment => of_network(kind, stack, logical_id),
    }
}

/// The attributes of networks, whose ids follow from their names.
fn of_network(kind: Kind, stack: &str, logical_id: &str) -> Vec<(&'static str, String)> {
    if kind == Kind::Eip {
        let address = address(stack, logical_id);
        return vec![
            ("Ref", address.clone()),
            ("PublicIp", address),
            ("AllocationId", id("eipalloc", stack, logical_id)),
        ];
    }
    let (prefix, attribute) = NETWORK_IDS
        .into_iter()
        .find(|(of, _, _)| *of == kind)
        .map_or(("r", None), |(_, prefix, attribute)| {
            (prefix, Some(attribute))
        });
    let new = id(prefix, stack, logical_id);
    let mut known = vec![("Ref", new.clone())];
    known.extend(attribute.map(|attribute| (attribute, new)));
    if kind == Kind::LaunchTemplate {
        let versions = ["LatestVersionNumber", "DefaultVersionNumber"];
        known.extend(versions.map(|name| (name, "1".to_owned())));
    }
    known
}

/// The attributes of a made resource that only its API's answer has.
pub(super) fn after(answer: &[(&str, &Value)]) -> Attributes {
    let text = |(name, value): &(&str, &Value)| ((*name).to_owned(), (*value).clone());
    answer.iter().map(text).collect()
}
