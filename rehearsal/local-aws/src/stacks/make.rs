//! Makes one resource: by the operations that CloudFormation calls, with the rights of the stack's owner.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::attributes::{Attributes, after};
use super::kind::Kind;
use super::service;
use crate::acm::is_domain;
use crate::api::error::ApiError;
use crate::api::service::Service;
use crate::ecr::{RepositorySettings, TagMutability};
use crate::ecs::capacity::{INSTANCE_TYPES, register_instances};
use crate::world::World;

/// The cluster of instances whose user data names none (ECS Developer Guide, `ECS_CLUSTER`).
const USUAL_CLUSTER: &str = "default";

/// Makes the resources of one stack.
pub(super) struct Maker<'w> {
    world: &'w World,
    /// Instance type and cluster, by the id of the launch template.
    instances: BTreeMap<String, (String, String)>,
}

type Members = Map<String, Value>;
type Made = Result<Attributes, String>;

impl<'w> Maker<'w> {
    pub(super) fn new(world: &'w World) -> Maker<'w> {
        Maker {
            world,
            instances: BTreeMap::new(),
        }
    }

    /// Makes a resource, to which `Ref` refers so where that is known, and returns the attributes that only its API's answer has. The error
    /// is the reason in CloudFormation's event.
    pub(super) async fn make(&mut self, kind: Kind, reference: &Value, members: &Members) -> Made {
        match kind {
            Kind::Alarm => self.alarm(members).await,
            Kind::Application => self.deploys("CreateApplication", members).await,
            Kind::AutoScalingGroup => self.instances(members),
            Kind::Certificate => self.certificate(members),
            Kind::Cluster => {
                let cluster = text(members, "clusterName").to_owned();
                self.world.ecs.write(|state| {
                    // CreateCluster answers with one that is there.
                    if !state.clusters.contains(&cluster) {
                        state.clusters.push(cluster);
                    }
                });
                Ok(Attributes::new())
            }
            Kind::DeploymentGroup => self.deploys("CreateDeploymentGroup", members).await,
            Kind::LaunchTemplate => Ok(self.launch_template(reference, members)),
            Kind::Listener => {
                let answer = self.call(Service::Elb, "CreateListener", members).await?;
                let arn = &answer["Listeners"][0]["ListenerArn"];
                Ok(after(&[("Ref", arn), ("ListenerArn", arn)]))
            }
            Kind::ListenerRule => {
                let answer = self.call(Service::Elb, "CreateRule", members).await?;
                let arn = &answer["Rules"][0]["RuleArn"];
                Ok(after(&[("Ref", arn), ("RuleArn", arn)]))
            }
            Kind::LoadBalancer => self.load_balancer(members).await,
            Kind::LogGroup => self.log_group(members),
            Kind::Repository => self.repository(members).await,
            Kind::Role => self.role(members).await,
            Kind::Service => {
                self.call(Service::Ecs, "CreateService", members).await?;
                let (cluster, name) = (text(members, "cluster"), text(members, "serviceName"));
                service::becomes_stable(self.world, cluster, name).await?;
                Ok(Attributes::new())
            }
            Kind::TargetGroup => self.target_group(members).await,
            Kind::TaskDefinition => {
                let answer = self.call(Service::Ecs, "RegisterTaskDefinition", members);
                let arn = &answer.await?["taskDefinition"]["taskDefinitionArn"];
                Ok(after(&[("Ref", arn), ("TaskDefinitionArn", arn)]))
            }
            // What they would make is not simulated.
            Kind::Eip
            | Kind::InstanceProfile
            | Kind::InternetGateway
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
            | Kind::VpcGatewayAttachment => Ok(Attributes::new()),
        }
    }

    async fn call(
        &self,
        service: Service,
        operation: &str,
        members: &Members,
    ) -> Result<Value, String> {
        let members = Value::Object(members.clone());
        let answer = self.world.api.call(service, operation, members).await;
        answer.map_err(|error| handler_message(service, &error))
    }

    async fn deploys(&self, operation: &str, members: &Members) -> Made {
        self.call(Service::CodeDeploy, operation, members).await?;
        Ok(Attributes::new())
    }

    async fn load_balancer(&self, members: &Members) -> Made {
        let answer = self
            .call(Service::Elb, "CreateLoadBalancer", members)
            .await?;
        let made = &answer["LoadBalancers"][0];
        let arn = &made["LoadBalancerArn"];
        let full = json!(behind(arn, ":loadbalancer/"));
        Ok(after(&[
            ("Ref", arn),
            ("LoadBalancerArn", arn),
            ("DNSName", &made["DNSName"]),
            ("CanonicalHostedZoneID", &made["CanonicalHostedZoneId"]),
            ("LoadBalancerFullName", &full),
        ]))
    }

    async fn target_group(&self, members: &Members) -> Made {
        let mut members = members.clone();
        let attributes = members.shift_remove("TargetGroupAttributes");
        let answer = self
            .call(Service::Elb, "CreateTargetGroup", &members)
            .await?;
        let arn = answer["TargetGroups"][0]["TargetGroupArn"].clone();
        if let Some(attributes) = attributes {
            let change = object(json!({ "TargetGroupArn": arn, "Attributes": attributes }));
            self.call(Service::Elb, "ModifyTargetGroupAttributes", &change)
                .await?;
        }
        let full = json!(format!("targetgroup/{}", behind(&arn, ":targetgroup/")));
        Ok(after(&[
            ("Ref", &arn),
            ("TargetGroupArn", &arn),
            ("TargetGroupFullName", &full),
        ]))
    }

    /// ACM issues it when somebody has shown that the names are his, for which CloudFormation waits; here it is issued at once.
    fn certificate(&self, members: &Members) -> Made {
        let others = items(members, "SubjectAlternativeNames").filter_map(Value::as_str);
        let mut names = vec![text(members, "DomainName").to_owned()];
        for other in others {
            if !names.iter().any(|known| known == other) {
                names.push(other.to_owned());
            }
        }
        if let Some(wrong) = names.iter().find(|name| !is_domain(name)) {
            return Err(format!(
                "Resource handler returned message: \"Value '{wrong}' at 'domainName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern of a domain name (Service: Acm, Status Code: 400)\" (HandlerErrorCode: \
                 InvalidRequest)"
            ));
        }
        let requested = self.world.certificates.request(&names);
        let arn = json!(requested.map_err(|error| format!("{error:#}"))?);
        Ok(after(&[("Ref", &arn)]))
    }

    /// With the state that CloudWatch gives an alarm whose metric has no data.
    async fn alarm(&self, members: &Members) -> Made {
        self.call(Service::CloudWatch, "PutMetricAlarm", members)
            .await?;
        let treated = match text(members, "TreatMissingData") {
            "notBreaching" => Some(("OK", "NonBreaching")),
            "breaching" => Some(("ALARM", "Breaching")),
            _ => None,
        };
        if let Some((state, treated)) = treated {
            let reason = format!(
                "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [{treated}]."
            );
            let change = object(json!({
                "AlarmName": text(members, "AlarmName"), "StateValue": state, "StateReason": reason,
            }));
            self.call(Service::CloudWatch, "SetAlarmState", &change)
                .await?;
        }
        Ok(Attributes::new())
    }

    async fn role(&self, members: &Members) -> Made {
        let name = text(members, "RoleName");
        let mut role = object(json!({
            "RoleName": name,
            "AssumeRolePolicyDocument": members.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null).to_string(),
        }));
        if let Some(path) = members.get("Path") {
            role.insert("Path".to_owned(), path.clone());
        }
        self.call(Service::Iam, "CreateRole", &role).await?;
        for policy in items(members, "Policies") {
            let policy = object(json!({
                "RoleName": name, "PolicyName": policy["PolicyName"], "PolicyDocument": policy["PolicyDocument"].to_string(),
            }));
            self.call(Service::Iam, "PutRolePolicy", &policy).await?;
        }
        for policy in items(members, "ManagedPolicyArns") {
            let policy = object(json!({ "RoleName": name, "PolicyArn": policy }));
            self.call(Service::Iam, "AttachRolePolicy", &policy).await?;
        }
        Ok(Attributes::new())
    }

    async fn repository(&self, members: &Members) -> Made {
        let name = text(members, "RepositoryName");
        let filters = items(members, "ImageTagMutabilityExclusionFilters");
        let filters = filters.filter_map(|filter| {
            let value = filter["ImageTagMutabilityExclusionFilterValue"].as_str();
            value.map(ToOwned::to_owned)
        });
        let filters: Vec<String> = filters.collect();
        let tags = match text(members, "ImageTagMutability") {
            "" | "MUTABLE" => TagMutability::Mutable,
            "IMMUTABLE" => TagMutability::Immutable,
            "MUTABLE_WITH_EXCLUSION" => TagMutability::MutableExcept(filters),
            "IMMUTABLE_WITH_EXCLUSION" => TagMutability::ImmutableExcept(filters),
            other => return Err(format!("{other} is not a valid ImageTagMutability")),
        };
        let settings = RepositorySettings {
            tags,
            ..RepositorySettings::new(name)
        };
        let now = self.world.clock.now();
        self.world.ecr.create(settings, now)?;
        let policy = members.get("LifecyclePolicy");
        if let Some(policy) = policy.and_then(|policy| policy["LifecyclePolicyText"].as_str()) {
            let request = object(json!({ "repositoryName": name, "lifecyclePolicyText": policy }));
            self.call(Service::Ecr, "PutLifecyclePolicy", &request)
                .await?;
        }
        if let Some(policy) = members.get("RepositoryPolicyText") {
            let policy = policy
                .as_str()
                .map_or_else(|| policy.to_string(), ToOwned::to_owned);
            let request = object(json!({ "repositoryName": name, "policyText": policy }));
            self.call(Service::Ecr, "SetRepositoryPolicy", &request)
                .await?;
        }
        Ok(Attributes::new())
    }

    fn log_group(&self, members: &Members) -> Made {
        let name = text(members, "LogGroupName");
        if self.world.logs.groups().contains_key(name) {
            return Err(format!(
                "Resource of type 'AWS::Logs::LogGroup' with identifier '{{\"/properties/LogGroupName\":\"{name}\"}}' already exists."
            ));
        }
        self.world.logs.create_group(name, self.world.clock.now());
        Ok(Attributes::new())
    }

    /// Instances join the cluster that their user data writes into the configuration of ECS's agent.
    fn launch_template(&mut self, reference: &Value, members: &Members) -> Attributes {
        let data = members
            .get("LaunchTemplateData")
            .cloned()
            .unwrap_or_default();
        let user_data = data["UserData"].as_str().unwrap_or_default();
        let decoded = STANDARD.decode(user_data).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let named = decoded.split("ECS_CLUSTER=").nth(1);
        let cluster = named.and_then(|rest| rest.split_whitespace().next());
        let of_type = data["InstanceType"].as_str().unwrap_or_default().to_owned();
        let cluster = cluster.unwrap_or(USUAL_CLUSTER).to_owned();
        self.instances.insert(
            reference.as_str().unwrap_or_default().to_owned(),
            (of_type, cluster),
        );
        Attributes::new()
    }

    fn instances(&self, members: &Members) -> Made {
        let template = members.get("LaunchTemplate").cloned().unwrap_or_default();
        let id = template["LaunchTemplateId"].as_str().unwrap_or_default();
        let (of_type, cluster) = self.instances.get(id).ok_or_else(|| {
            format!("The specified launch template, with template ID {id}, does not exist.")
        })?;
        let of_type = INSTANCE_TYPES
            .into_iter()
            .find(|known| known.name == of_type);
        let of_type = of_type.ok_or("the instance type is not known")?;
        let number = |member: &str| members.get(member).and_then(Value::as_u64);
        let count = number("DesiredCapacity")
            .or(number("MinSize"))
            .unwrap_or_default();
        let count = usize::try_from(count).unwrap_or_default();
        register_instances(&self.world.ecs, cluster, count, of_type);
        Ok(Attributes::new())
    }
}

/// The reason in CloudFormation's event, as its resource handlers write it.
fn handler_message(service: Service, error: &ApiError) -> String {
    let code = error.code.as_ref();
    let kind = match () {
        () if code.contains("AlreadyExists") || code.starts_with("Duplicate") => "AlreadyExists",
        () if code.contains("NotFound") || code.starts_with("NoSuch") => "NotFound",
        () if error.is_denial() => "AccessDenied",
        () => "InvalidRequest",
    };
    format!(
        "Resource handler returned message: \"{} (Service: {}, Status Code: {})\" (HandlerErrorCode: {kind})",
        error.message,
        service.prefix(),
        error.status
    )
}

/// The part of an ARN behind a word.
fn behind<'a>(arn: &'a Value, word: &str) -> &'a str {
    let arn = arn.as_str().unwrap_or_default();
    arn.split_once(word).map_or("", |(_, rest)| rest)
}

fn text<'m>(members: &'m Members, member: &str) -> &'m str {
    let value = members.get(member).and_then(Value::as_str);
    value.unwrap_or_default()
}

fn items<'m>(members: &'m Members, member: &str) -> impl Iterator<Item = &'m Value> {
    let items = members.get(member).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn object(value: Value) -> Members {
    value.as_object().cloned().unwrap_or_default()
}
