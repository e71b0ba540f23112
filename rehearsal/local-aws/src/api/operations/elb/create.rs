//! CreateLoadBalancer, CreateTargetGroup, ModifyTargetGroupAttributes and CreateListener: a person sets up what a service will be behind.
//!
//! Limits and defaults are those of the API reference; sentences are inferred unless they say otherwise.

use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;

use super::modify_listener::{check_association, forward, stickiness};
use super::refusal::{are_arns, invalid, must_be_load_balancer, no_target_group};
use super::shapes::{describe_listener, describe_load_balancer, describe_target_group};
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation, Outcome, Reply};
use crate::api::validation::Violations;
use crate::elb::{
    DefaultAction, ListenerDescription, ListenerPort, ListenerPorts, LoadBalancerKind, Protocol,
    TargetGroupSettings, whole_listener,
};
use crate::iam::Permission;
use crate::identity::arn;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new_async(
        "CreateListener",
        |call| create_listener(call).boxed(),
        on_new_listener,
    ),
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

async fn create_listener(call: Call<'_>) -> Outcome {
    let load_balancer = call.input.required_text("LoadBalancerArn")?;
    let kind = must_be_load_balancer(call, load_balancer)?.kind;
    let protocol = call.input.text("Protocol")?;
    if let (Some(other @ ("HTTP" | "HTTPS")), LoadBalancerKind::Network) = (protocol, kind) {
        // AWS's sentence.
        let message =
            format!("Listener protocol '{other}' must be one of 'TLS, TCP, TCP_UDP, UDP'");
        return Err(invalid(message));
    }
    match protocol {
        Some("HTTP") => {}
        None => return Err(invalid("A listener protocol must be specified")),
        Some(other) => {
            let what = format!("CreateListener with the protocol `{other}`, only `HTTP`");
            return Err(invalid(not_simulated(&what)));
        }
    }
    let port = call.input.integer("Port")?;
    let port = port.ok_or_else(|| invalid("A listener port must be specified"))?;
    Violations::new("ValidationError")
        .range("port", Some(port), 1, 65_535)
        .check()?;
    let port = u16::try_from(port).unwrap_or(u16::MAX);
    let of_balancer = |known: &ListenerDescription| known.load_balancer_arn == load_balancer;
    let mut known = call.aws.load_balancers.listeners().into_iter();
    if known.any(|known| of_balancer(&known) && known.asked_port == port) {
        // AWS's sentence.
        let message = "A listener already exists on this port for this load balancer";
        return Err(ApiError::new("DuplicateListener", message));
    }
    let actions = call.input.structures("DefaultActions")?;
    let (action, sticks_for) = match actions.as_slice() {
        [] => return Err(call.input.missing("defaultActions")),
        [action] => (default_action(action)?, stickiness(action)?),
        [_, _, ..] => {
            return Err(invalid(not_simulated(
                "several actions of a listener, only one that forwards",
            )));
        }
    };
    check_association(call, action.forward(), load_balancer)?;
    // All load balancers have one machine's ports here.
    let wanted = match call.aws.listener_ports {
        ListenerPorts::AsAsked => ListenerPort::Exactly(port),
        ListenerPorts::Free => ListenerPort::AnyFor(port),
    };
    let mut created = call
        .aws
        .load_balancers
        .listen_at(wanted, Protocol::Http, load_balancer, action)
        .await
        .map_err(|error| {
            let what = format!("a listener at port {port} of this machine ({error:#})");
            invalid(not_simulated(&what))
        })?;
    let rule = whole_listener(&created.arn);
    call.aws.load_balancers.set_stickiness(&rule, sticks_for);
    created.sticks_for = sticks_for;
    Ok(Reply::from(
        json!({ "Listeners": [describe_listener(&created)] }),
    ))
}

/// The action of a new listener. Of the limits of a fixed response only its status is checked (API Reference,
/// FixedResponseActionConfig).
fn default_action(action: &Input<'_>) -> Result<DefaultAction, ApiError> {
    if action.text("Type")? != Some("fixed-response") {
        return forward(action).map(DefaultAction::Forward);
    }
    let config = action.required_structure("FixedResponseConfig")?;
    let status = config.required_text("StatusCode")?;
    if let Some(member) = ["ContentType", "MessageBody"]
        .iter()
        .find(|member| config.value(member).is_some())
    {
        let what = format!("{member} of a fixed response, only its StatusCode");
        return Err(invalid(not_simulated(&what)));
    }
    let number = status.parse::<u16>().ok();
    let number = number.filter(|status| [2, 4, 5].contains(&(status / 100)));
    match number {
        Some(status) => Ok(DefaultAction::FixedResponse(status)),
        None => Err(invalid(format!(
            "'{status}' is not a status of a fixed response, 2XX, 4XX or 5XX"
        ))),
    }
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

/// SAR, Elastic Load Balancing V2: the load balancer.
fn on_new_listener(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("LoadBalancerArn"))]
}
