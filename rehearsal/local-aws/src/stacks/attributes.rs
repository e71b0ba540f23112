//! The attributes of resources, for `Ref` and `Fn::GetAtt` (CloudFormation Template Reference, "Return values"). Those that only
//! the made resource has are unknown until then.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::names::{address, id, unknown};
use crate::identity::{ACCOUNT, REGISTRY, arn};

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
    let name = || kind.name_member().map(member).unwrap_or_default();
    let new = |prefix: &str| id(prefix, stack, logical_id);
    let role = |what: &str, name: &str| format!("arn:aws:iam::{ACCOUNT}:{what}/{name}");
    let made = |attributes: &[&'static str]| {
        let unknown = |name: &&'static str| (*name, unknown(logical_id, name));
        attributes.iter().map(unknown).collect::<Vec<_>>()
    };
    let known: Vec<(&'static str, String)> = match kind {
        Kind::Alarm => vec![
            ("Ref", name()),
            ("Arn", arn("cloudwatch", &format!("alarm:{}", name()))),
        ],
        Kind::Application | Kind::AutoScalingGroup | Kind::DeploymentGroup => {
            vec![("Ref", name())]
        }
        Kind::Cluster => vec![
            ("Ref", name()),
            ("Arn", arn("ecs", &format!("cluster/{}", name()))),
        ],
        Kind::Eip => vec![
            ("Ref", address(stack, logical_id)),
            ("PublicIp", address(stack, logical_id)),
            ("AllocationId", new("eipalloc")),
        ],
        Kind::InstanceProfile => vec![("Ref", name()), ("Arn", role("instance-profile", &name()))],
        Kind::InternetGateway => vec![("Ref", new("igw")), ("InternetGatewayId", new("igw"))],
        Kind::LaunchTemplate => vec![
            ("Ref", new("lt")),
            ("LaunchTemplateId", new("lt")),
            ("LatestVersionNumber", "1".to_owned()),
            ("DefaultVersionNumber", "1".to_owned()),
        ],
        Kind::Listener => made(&["Ref", "ListenerArn"]),
        Kind::ListenerRule => made(&["Ref", "RuleArn"]),
        Kind::LoadBalancer => {
            let mut attributes = made(&[
                "Ref",
                "LoadBalancerArn",
                "DNSName",
                "LoadBalancerFullName",
                "CanonicalHostedZoneID",
            ]);
            attributes.push(("LoadBalancerName", name()));
            attributes
        }
        Kind::LogGroup => vec![
            ("Ref", name()),
            ("Arn", arn("logs", &format!("log-group:{}:*", name()))),
        ],
        Kind::NatGateway => vec![("Ref", new("nat")), ("NatGatewayId", new("nat"))],
        Kind::OidcProvider => {
            let url = member("Url");
            let host = url.trim_start_matches("https://").to_owned();
            let provider = role("oidc-provider", &host);
            vec![("Ref", provider.clone()), ("Arn", provider)]
        }
        Kind::Repository => vec![
            ("Ref", name()),
            ("Arn", arn("ecr", &format!("repository/{}", name()))),
            ("RepositoryUri", format!("{REGISTRY}/{}", name())),
        ],
        Kind::Role => {
            let path = member("Path");
            let below = path.trim_start_matches('/');
            vec![
                ("Ref", name()),
                ("Arn", role("role", &format!("{below}{}", name()))),
            ]
        }
        Kind::Route
        | Kind::SecurityGroupEgress
        | Kind::SecurityGroupIngress
        | Kind::SubnetRouteTableAssociation
        | Kind::VpcGatewayAttachment => vec![("Ref", new("r"))],
        Kind::RouteTable => vec![("Ref", new("rtb")), ("RouteTableId", new("rtb"))],
        Kind::SecurityGroup => vec![
            ("Ref", new("sg")),
            ("GroupId", new("sg")),
            ("VpcId", member("VpcId")),
        ],
        Kind::Service => {
            let cluster = member("cluster");
            let cluster = cluster.rsplit('/').next().unwrap_or_default();
            let service = arn("ecs", &format!("service/{cluster}/{}", name()));
            vec![
                ("Ref", service.clone()),
                ("ServiceArn", service),
                ("Name", name()),
            ]
        }
        Kind::Subnet => vec![
            ("Ref", new("subnet")),
            ("SubnetId", new("subnet")),
            ("VpcId", member("VpcId")),
        ],
        Kind::TargetGroup => {
            let mut attributes = made(&["Ref", "TargetGroupArn", "TargetGroupFullName"]);
            attributes.push(("TargetGroupName", name()));
            attributes
        }
        Kind::TaskDefinition => made(&["Ref", "TaskDefinitionArn"]),
        Kind::Vpc => vec![
            ("Ref", new("vpc")),
            ("VpcId", new("vpc")),
            ("CidrBlock", member("CidrBlock")),
        ],
        Kind::VpcEndpoint => vec![("Ref", new("vpce")), ("Id", new("vpce"))],
    };
    let text = |(name, value): (&str, String)| (name.to_owned(), json!(value));
    known.into_iter().map(text).collect()
}

/// The attributes of a made resource that only its API's answer has.
pub(super) fn after(answer: &[(&str, &Value)]) -> Attributes {
    let text = |(name, value): &(&str, &Value)| ((*name).to_owned(), (*value).clone());
    answer.iter().map(text).collect()
}
