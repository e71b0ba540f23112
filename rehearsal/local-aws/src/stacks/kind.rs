//! The types of resources that stacks can have here.

use serde_json::{Map, Value, json};

use super::names::{generated, generated_short};

/// A type of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Alarm,
    Application,
    AutoScalingGroup,
    Certificate,
    Cluster,
    DeploymentGroup,
    Eip,
    InstanceProfile,
    InternetGateway,
    LaunchTemplate,
    Listener,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    NatGateway,
    OidcProvider,
    Repository,
    Role,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityGroupEgress,
    SecurityGroupIngress,
    Service,
    Subnet,
    SubnetRouteTableAssociation,
    TargetGroup,
    TaskDefinition,
    Vpc,
    VpcEndpoint,
    VpcGatewayAttachment,
}

impl Kind {
    pub(super) const ALL: [Kind; 31] = [
        Kind::Alarm,
        Kind::Application,
        Kind::AutoScalingGroup,
        Kind::Certificate,
        Kind::Cluster,
        Kind::DeploymentGroup,
        Kind::Eip,
        Kind::InstanceProfile,
        Kind::InternetGateway,
        Kind::LaunchTemplate,
        Kind::Listener,
        Kind::ListenerRule,
        Kind::LoadBalancer,
        Kind::LogGroup,
        Kind::NatGateway,
        Kind::OidcProvider,
        Kind::Repository,
        Kind::Role,
        Kind::Route,
        Kind::RouteTable,
        Kind::SecurityGroup,
        Kind::SecurityGroupEgress,
        Kind::SecurityGroupIngress,
        Kind::Service,
        Kind::Subnet,
        Kind::SubnetRouteTableAssociation,
        Kind::TargetGroup,
        Kind::TaskDefinition,
        Kind::Vpc,
        Kind::VpcEndpoint,
        Kind::VpcGatewayAttachment,
    ];

    /// As a template names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Alarm => "AWS::CloudWatch::Alarm",
            Kind::Application => "AWS::CodeDeploy::Application",
            Kind::AutoScalingGroup => "AWS::AutoScaling::AutoScalingGroup",
            Kind::Certificate => "AWS::CertificateManager::Certificate",
            Kind::Cluster => "AWS::ECS::Cluster",
            Kind::DeploymentGroup => "AWS::CodeDeploy::DeploymentGroup",
            Kind::Eip => "AWS::EC2::EIP",
            Kind::InstanceProfile => "AWS::IAM::InstanceProfile",
            Kind::InternetGateway => "AWS::EC2::InternetGateway",
            Kind::LaunchTemplate => "AWS::EC2::LaunchTemplate",
            Kind::Listener => "AWS::ElasticLoadBalancingV2::Listener",
            Kind::ListenerRule => "AWS::ElasticLoadBalancingV2::ListenerRule",
            Kind::LoadBalancer => "AWS::ElasticLoadBalancingV2::LoadBalancer",
            Kind::LogGroup => "AWS::Logs::LogGroup",
            Kind::NatGateway => "AWS::EC2::NatGateway",
            Kind::OidcProvider => "AWS::IAM::OIDCProvider",
            Kind::Repository => "AWS::ECR::Repository",
            Kind::Role => "AWS::IAM::Role",
            Kind::Route => "AWS::EC2::Route",
            Kind::RouteTable => "AWS::EC2::RouteTable",
            Kind::SecurityGroup => "AWS::EC2::SecurityGroup",
            Kind::SecurityGroupEgress => "AWS::EC2::SecurityGroupEgress",
            Kind::SecurityGroupIngress => "AWS::EC2::SecurityGroupIngress",
            Kind::Service => "AWS::ECS::Service",
            Kind::Subnet => "AWS::EC2::Subnet",
            Kind::SubnetRouteTableAssociation => "AWS::EC2::SubnetRouteTableAssociation",
            Kind::TargetGroup => "AWS::ElasticLoadBalancingV2::TargetGroup",
            Kind::TaskDefinition => "AWS::ECS::TaskDefinition",
            Kind::Vpc => "AWS::EC2::VPC",
            Kind::VpcEndpoint => "AWS::EC2::VPCEndpoint",
            Kind::VpcGatewayAttachment => "AWS::EC2::VPCGatewayAttachment",
        }
    }

    /// The last part of its name: `TargetGroup`.
    pub(super) fn short_name(self) -> &'static str {
        self.name().rsplit(':').next().unwrap_or_default()
    }

    pub(super) fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The member of its name, where it has one, as its API writes it.
    pub(super) fn name_member(self) -> Option<&'static str> {
        match self {
            Kind::Alarm => Some("AlarmName"),
            Kind::Application => Some("applicationName"),
            Kind::AutoScalingGroup => Some("AutoScalingGroupName"),
            Kind::Cluster => Some("clusterName"),
            Kind::DeploymentGroup => Some("deploymentGroupName"),
            Kind::InstanceProfile => Some("InstanceProfileName"),
            Kind::LoadBalancer | Kind::TargetGroup => Some("Name"),
            Kind::LogGroup => Some("LogGroupName"),
            Kind::Repository => Some("RepositoryName"),
            Kind::Role => Some("RoleName"),
            Kind::Service => Some("serviceName"),
            Kind::TaskDefinition => Some("family"),
            Kind::Certificate
            | Kind::Eip
            | Kind::InternetGateway
            | Kind::LaunchTemplate
            | Kind::Listener
            | Kind::ListenerRule
            | Kind::NatGateway
            | Kind::OidcProvider
            | Kind::Route
            | Kind::RouteTable
            | Kind::SecurityGroup
            | Kind::SecurityGroupEgress
            | Kind::SecurityGroupIngress
            | Kind::Subnet
            | Kind::SubnetRouteTableAssociation
            | Kind::Vpc
            | Kind::VpcEndpoint
            | Kind::VpcGatewayAttachment => None,
        }
    }

    /// Gives a resource that its template does not name a generated name.
    pub(super) fn named(self, stack: &str, logical_id: &str, members: &mut Map<String, Value>) {
        let Some(member) = self.name_member() else {
            return;
        };
        let name = if matches!(self, Kind::LoadBalancer | Kind::TargetGroup) {
            generated_short(stack, logical_id)
        } else if self == Kind::Repository {
            // ECR takes small letters only.
            generated(stack, logical_id).to_ascii_lowercase()
        } else {
            generated(stack, logical_id)
        };
        members.entry(member).or_insert_with(|| json!(name));
    }
}
