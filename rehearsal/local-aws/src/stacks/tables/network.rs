//! EC2 and Auto Scaling: networks, which are not simulated, and container instances.

use crate::stacks::shape::{Property, Shape, list, no_effect, number, structure, text};

const NETWORK: &str = "no network is simulated: everything reaches everything";
const TAGS: &str = "nothing here reads these tags";

pub(super) const VPC: &[Property] = &[
    text("CidrBlock"),
    no_effect("EnableDnsHostnames", NETWORK),
    no_effect("EnableDnsSupport", NETWORK),
    no_effect("InstanceTenancy", NETWORK),
    no_effect("Tags", TAGS),
];

pub(super) const SUBNET: &[Property] = &[
    text("VpcId"),
    no_effect("AvailabilityZone", NETWORK),
    no_effect("CidrBlock", NETWORK),
    no_effect("MapPublicIpOnLaunch", NETWORK),
    no_effect("Tags", TAGS),
];

pub(super) const INTERNET_GATEWAY: &[Property] = &[no_effect("Tags", TAGS)];

pub(super) const VPC_GATEWAY_ATTACHMENT: &[Property] = &[
    no_effect("InternetGatewayId", NETWORK),
    no_effect("VpcId", NETWORK),
];

pub(super) const ROUTE_TABLE: &[Property] = &[no_effect("Tags", TAGS), no_effect("VpcId", NETWORK)];

pub(super) const ROUTE: &[Property] = &[
    no_effect("DestinationCidrBlock", NETWORK),
    no_effect("GatewayId", NETWORK),
    no_effect("NatGatewayId", NETWORK),
    no_effect("RouteTableId", NETWORK),
];

pub(super) const ASSOCIATION: &[Property] = &[
    no_effect("RouteTableId", NETWORK),
    no_effect("SubnetId", NETWORK),
];

pub(super) const EIP: &[Property] = &[no_effect("Domain", NETWORK), no_effect("Tags", TAGS)];

pub(super) const NAT_GATEWAY: &[Property] = &[
    no_effect("AllocationId", NETWORK),
    no_effect("ConnectivityType", NETWORK),
    no_effect("SubnetId", NETWORK),
    no_effect("Tags", TAGS),
];

pub(super) const VPC_ENDPOINT: &[Property] = &[
    no_effect("PolicyDocument", NETWORK),
    no_effect("PrivateDnsEnabled", NETWORK),
    no_effect("RouteTableIds", NETWORK),
    no_effect("SecurityGroupIds", NETWORK),
    no_effect("ServiceName", NETWORK),
    no_effect("SubnetIds", NETWORK),
    no_effect("VpcEndpointType", NETWORK),
    no_effect("VpcId", NETWORK),
];

pub(super) const SECURITY_GROUP: &[Property] = &[
    text("VpcId"),
    no_effect("GroupDescription", NETWORK),
    no_effect("GroupName", NETWORK),
    no_effect("SecurityGroupEgress", NETWORK),
    no_effect("SecurityGroupIngress", NETWORK),
    no_effect("Tags", TAGS),
];

pub(super) const SECURITY_GROUP_INGRESS: &[Property] = &[
    no_effect("CidrIp", NETWORK),
    no_effect("CidrIpv6", NETWORK),
    no_effect("Description", NETWORK),
    no_effect("FromPort", NETWORK),
    no_effect("GroupId", NETWORK),
    no_effect("IpProtocol", NETWORK),
    no_effect("SourceSecurityGroupId", NETWORK),
    no_effect("ToPort", NETWORK),
];

pub(super) const SECURITY_GROUP_EGRESS: &[Property] = &[
    no_effect("CidrIp", NETWORK),
    no_effect("CidrIpv6", NETWORK),
    no_effect("Description", NETWORK),
    no_effect("DestinationSecurityGroupId", NETWORK),
    no_effect("FromPort", NETWORK),
    no_effect("GroupId", NETWORK),
    no_effect("IpProtocol", NETWORK),
    no_effect("ToPort", NETWORK),
];

const INSTANCE: &str = "instances are counted here, and run nothing of their own";

pub(super) const LAUNCH_TEMPLATE: &[Property] = &[
    structure(
        "LaunchTemplateData",
        &[
            text("InstanceType"),
            text("UserData"),
            no_effect("BlockDeviceMappings", INSTANCE),
            no_effect("IamInstanceProfile", INSTANCE),
            no_effect("ImageId", INSTANCE),
            no_effect("KeyName", INSTANCE),
            no_effect("MetadataOptions", INSTANCE),
            no_effect("SecurityGroupIds", NETWORK),
            no_effect("TagSpecifications", TAGS),
        ],
    ),
    no_effect(
        "LaunchTemplateName",
        "nothing here looks for it by its name",
    ),
];

const SCALING: &str = "the number of instances stays what it is at first";

pub(super) const AUTO_SCALING_GROUP: &[Property] = &[
    text("AutoScalingGroupName"),
    number("DesiredCapacity"),
    number("MaxSize"),
    number("MinSize"),
    structure(
        "LaunchTemplate",
        &[
            text("LaunchTemplateId"),
            no_effect("Version", "a launch template has one version here"),
        ],
    ),
    list("VPCZoneIdentifier", &Shape::Text),
    no_effect("Cooldown", SCALING),
    no_effect("HealthCheckGracePeriod", SCALING),
    no_effect("HealthCheckType", SCALING),
    no_effect("Tags", TAGS),
];
