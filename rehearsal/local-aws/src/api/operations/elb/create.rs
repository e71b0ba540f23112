//! CreateLoadBalancer, CreateTargetGroup and ModifyTargetGroupAttributes: a person sets up what a service will be behind.
//!
//! Limits and defaults are those of the API reference; sentences are inferred unless they say otherwise.

use std::time::Duration;

use serde_json::json;

use super::refusal::{are_arns, invalid, no_target_group};
use super::shapes::{describe_load_balancer, describe_target_group};
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::validation::Violations;
use crate::elb::TargetGroupSettings;
use crate::iam::Permission;
use crate::identity::arn;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "CreateLoadBalancer",
        create_load_balancer,
        on_new_load_balancer,
    ),
    Operation::new("CreateTargetGroup", create_target_group, on_new_group),
    Operation::new("ModifyTargetGroupAttributes", modify_attributes, on_group),
];

fn create_load_balancer(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    check_name("Load balancer", name)?;
    if name.starts_with("internal-") {
        return Err(invalid("Load balancer name cannot begin with 'internal-'"));
    }
    let kind = call.input.text("Type")?.unwrap_or("application");
    let mut known = call.aws.load_balancers.load_balancers().into_iter();
    let balancer = known.find(|known| known.name == name);
    if balancer
        .as_ref()
        .is_some_and(|known| known.kind.as_str() != kind)
    {
        // AWS's sentence.
        let message = format!(
            "A load balancer with the same name '{name}' exists, but with different settings"
        );
        return Err(ApiError::new("DuplicateLoadBalancerName", message));
    }
    if kind != "application" {
        let what = format!("CreateLoadBalancer of the type `{kind}`, only `application`");
        return Err(invalid(not_simulated(&what)));
    }
    let subnets = call.input.texts("Subnets")?.len();
    if subnets + call.input.structures("SubnetMappings")?.len() < 2 {
        // AWS's sentence.
        let message = "At least two subnets in two different Availability Zones must be specified";
        return Err(ApiError::new("InvalidSubnet", message));
    }
    // With the same settings AWS answers with the one that is there. Nothing of them but the name and the type is kept here.
    let balancer = balancer.unwrap_or_else(|| call.aws.load_balancers.create_load_balancer(name));
    Ok(json!({ "LoadBalancers": [describe_load_balancer(&balancer)] }))
}

/// Letters, digits and hyphens, at most 32; no hyphen at either end.
fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    let problem = if name.len() > 32 {
        "cannot be longer than '32' characters"
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        "can only contain characters that are alphanumeric characters and hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') || name.is_empty() {
        "cannot begin or end with a hyphen(-)"
    } else {
        return Ok(());
    };
    Err(invalid(format!("{what} name '{name}' {problem}")))
}

fn create_target_group(call: Call<'_>) -> Answer {
    let settings = settings(&call.input)?;
    let mut known = call.aws.load_balancers.target_groups().into_iter();
    let group = match known.find(|known| known.settings.name == settings.name) {
        None => call.aws.load_balancers.create_target_group(settings),
        Some(same) if same.settings == settings => same,
        Some(_) => {
            let name = &settings.name;
            let message = format!(
                "A target group with the same name '{name}' exists, but with different settings"
            );
            return Err(ApiError::new("DuplicateTargetGroupName", message));
        }
    };
    Ok(json!({ "TargetGroups": [describe_target_group(&group)] }))
}

fn settings(input: &Input<'_>) -> Result<TargetGroupSettings, ApiError> {
    let name = input.required_text("Name")?;
    check_name("Target group", name)?;
    for (member, simulated) in [
        ("Protocol", "HTTP"),
        ("ProtocolVersion", "HTTP1"),
        ("HealthCheckProtocol", "HTTP"),
        ("HealthCheckPort", "traffic-port"),
    ] {
        if let Some(other) = input.text(member)?.filter(|given| *given != simulated) {
            let what = format!("{member} `{other}` of a target group, only `{simulated}`");
            return Err(invalid(not_simulated(&what)));
        }
    }
    if input.boolean("HealthCheckEnabled")? == Some(false) {
        return Err(invalid(
            "Health check enabled must be true for target groups with target type 'instance' or 'ip'",
        ));
    }
    let target_type = input.text("TargetType")?.unwrap_or("instance");
    if !["instance", "ip"].contains(&target_type) {
        let what = format!("the target type `{target_type}`");
        return Err(invalid(not_simulated(&what)));
    }
    let port = input.integer("Port")?;
    let port = port.ok_or_else(|| invalid("A port must be specified"))?;
    let vpc_id = input.text("VpcId")?;
    let vpc_id = vpc_id.ok_or_else(|| invalid("A VPC ID must be specified"))?;
    input
        .text("Protocol")?
        .ok_or_else(|| invalid("A protocol must be specified"))?;
    let member = |member: &str| input.integer(member);
    let (interval, timeout) = (
        member("HealthCheckIntervalSeconds")?.unwrap_or(30),
        member("HealthCheckTimeoutSeconds")?.unwrap_or(5),
    );
    let (healthy, unhealthy) = (
        member("HealthyThresholdCount")?.unwrap_or(5),
        member("UnhealthyThresholdCount")?.unwrap_or(2),
    );
    Violations::new("ValidationError")
        .range("port", Some(port), 1, 65_535)
        .range("healthCheckIntervalSeconds", Some(interval), 5, 300)
        .range("healthCheckTimeoutSeconds", Some(timeout), 2, 120)
        .range("healthyThresholdCount", Some(healthy), 2, 10)
        .range("unhealthyThresholdCount", Some(unhealthy), 2, 10)
        .check()?;
    if timeout >= interval {
        return Err(invalid(format!(
            "Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
        )));
    }
    let matcher = input.structure("Matcher")?;
    let matcher = matcher
        .map(|matcher| matcher.text("HttpCode"))
        .transpose()?;
    // All of them are within limits.
    let seconds = |count: i64| Duration::from_secs(count.unsigned_abs());
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(TargetGroupSettings {
        name: name.to_owned(),
        port: u16::try_from(port).unwrap_or(u16::MAX),
        target_type: target_type.to_owned(),
        vpc_id: vpc_id.to_owned(),
        health_check_path: input.text("HealthCheckPath")?.unwrap_or("/").to_owned(),
        matcher: matcher.flatten().unwrap_or("200").to_owned(),
        interval: seconds(interval),
        timeout: seconds(timeout),
        healthy_threshold: count(healthy),
        unhealthy_threshold: count(unhealthy),
        // The default of the attribute.
        deregistration_delay: Duration::from_secs(300),
    })
}

/// The one attribute that means something here.
const DELAY: &str = "deregistration_delay.timeout_seconds";

fn modify_attributes(call: Call<'_>) -> Answer {
    let group = call.input.required_text("TargetGroupArn")?;
    are_arns(&[group], "targetgroup")?;
    if call.aws.load_balancers.target_group_port(group).is_none() {
        return Err(no_target_group());
    }
    let mut delay = None;
    for attribute in call.input.structures("Attributes")? {
        let (key, value) = (
            attribute.required_text("Key")?,
            attribute.text("Value")?.unwrap_or_default(),
        );
        if key != DELAY {
            let what = format!("the attribute `{key}` of a target group, only `{DELAY}`");
            return Err(invalid(not_simulated(&what)));
        }
        let seconds = value.parse::<u64>().ok().filter(|seconds| *seconds <= 3600);
        let seconds = seconds.ok_or_else(|| {
            let message = format!("'{value}' is not a value of '{DELAY}', a number from 0 to 3600");
            ApiError::new("InvalidConfigurationRequest", message)
        })?;
        delay = Some(seconds);
    }
    let seconds = delay.ok_or_else(|| call.input.missing("attributes"))?;
    call.aws
        .load_balancers
        .set_deregistration_delay(group, Duration::from_secs(seconds));
    Ok(json!({ "Attributes": [{ "Key": DELAY, "Value": seconds.to_string() }] }))
}

/// SAR, Elastic Load Balancing V2: the new load balancer.
fn on_new_load_balancer(call: Call<'_>) -> Vec<Permission> {
    let name = call.named_or_any("Name");
    vec![call.on(arn(
        "elasticloadbalancing",
        &format!("loadbalancer/app/{name}/*"),
    ))]
}

/// SAR, Elastic Load Balancing V2: the new target group.
fn on_new_group(call: Call<'_>) -> Vec<Permission> {
    let name = call.named_or_any("Name");
    vec![call.on(arn(
        "elasticloadbalancing",
        &format!("targetgroup/{name}/*"),
    ))]
}

/// SAR, Elastic Load Balancing V2: the target group.
fn on_group(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("TargetGroupArn"))]
}
