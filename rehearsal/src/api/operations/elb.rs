//! ELBv2's operations.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::api::page::page;
use crate::elb::{
    Forward, ListenerDescription, LoadBalancerDescription, TargetGroupDescription, TargetHealth,
};

pub(super) fn describe_load_balancers(call: Call<'_>) -> Answer {
    let (arns, names) = (
        call.input.texts("LoadBalancerArns")?,
        call.input.texts("Names")?,
    );
    let all = call.aws.load_balancers.load_balancers();
    let missing = ApiError::new(
        "LoadBalancerNotFound",
        "One or more load balancers not found",
    );
    let found = chosen(
        all,
        &[
            (&arns, &|lb: &LoadBalancerDescription| &lb.arn),
            (&names, &|lb| &lb.name),
        ],
        &missing,
    )?;
    answer(
        call,
        "LoadBalancers",
        found.iter().map(describe_load_balancer).collect(),
    )
}

pub(super) fn describe_target_groups(call: Call<'_>) -> Answer {
    let (arns, names) = (
        call.input.texts("TargetGroupArns")?,
        call.input.texts("Names")?,
    );
    let load_balancer = call.input.text("LoadBalancerArn")?;
    let all = call.aws.load_balancers.target_groups();
    let missing = ApiError::new("TargetGroupNotFound", "One or more target groups not found");
    let mut found = chosen(
        all,
        &[
            (&arns, &|group: &TargetGroupDescription| &group.arn),
            (&names, &|group| &group.settings.name),
        ],
        &missing,
    )?;
    if let Some(wanted) = load_balancer {
        found.retain(|group| group.load_balancer_arns.iter().any(|arn| arn == wanted));
    }
    answer(
        call,
        "TargetGroups",
        found.iter().map(describe_target_group).collect(),
    )
}

pub(super) fn describe_listeners(call: Call<'_>) -> Answer {
    let (arns, load_balancer) = (
        call.input.texts("ListenerArns")?,
        call.input.text("LoadBalancerArn")?,
    );
    let all = call.aws.load_balancers.listeners();
    let found = match (arns.is_empty(), load_balancer) {
        (true, None) | (false, Some(_)) => {
            let message = "You must specify either a load balancer ARN or listener ARNs";
            return Err(ApiError::new("ValidationError", message));
        }
        (true, Some(wanted)) => {
            if !call
                .aws
                .load_balancers
                .load_balancers()
                .iter()
                .any(|lb| lb.arn == wanted)
            {
                return Err(ApiError::new(
                    "LoadBalancerNotFound",
                    "One or more load balancers not found",
                ));
            }
            all.into_iter()
                .filter(|listener| listener.load_balancer_arn == wanted)
                .collect()
        }
        (false, None) => chosen(
            all,
            &[(&arns, &|listener: &ListenerDescription| &listener.arn)],
            &no_listener(),
        )?,
    };
    answer(
        call,
        "Listeners",
        found.iter().map(describe_listener).collect(),
    )
}

/// Every listener here has its default rule and no other.
pub(super) fn describe_rules(call: Call<'_>) -> Answer {
    let (rules, listener) = (
        call.input.texts("RuleArns")?,
        call.input.text("ListenerArn")?,
    );
    let all = call.aws.load_balancers.listeners();
    let found: Vec<ListenerDescription> = match listener {
        Some(wanted) => chosen(
            all,
            &[(&[wanted], &|listener: &ListenerDescription| &listener.arn)],
            &no_listener(),
        )?,
        None if rules.is_empty() => {
            return Err(ApiError::new(
                "ValidationError",
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
        None => all
            .into_iter()
            .filter(|listener| rules.contains(&rule_arn(listener).as_str()))
            .collect(),
    };
    if found.len() < rules.len() {
        return Err(ApiError::new("RuleNotFound", "One or more rules not found"));
    }
    let describe = |listener: &ListenerDescription| {
        json!({
            "RuleArn": rule_arn(listener),
            "Priority": "default",
            "Conditions": [],
            "Actions": [action(&listener.forward)],
            "IsDefault": true,
        })
    };
    answer(call, "Rules", found.iter().map(describe).collect())
}

pub(super) fn describe_target_health(call: Call<'_>) -> Answer {
    let group = call.input.required_text("TargetGroupArn")?;
    let health = call.aws.load_balancers.target_health(group);
    let health = health.ok_or_else(|| {
        ApiError::new("TargetGroupNotFound", "One or more target groups not found")
    })?;
    let mut wanted = Vec::new();
    for target in call.input.structures("Targets")? {
        wanted.push((target.required_text("Id")?, target.integer("Port")?));
    }
    let named = |id: &str, port: Option<i64>| {
        health.iter().find(|target| {
            target.id == id && port.is_none_or(|port| i64::from(target.port) == port)
        })
    };
    let described: Vec<Value> = match wanted.is_empty() {
        true => health.iter().map(describe_health).collect(),
        false => wanted
            .into_iter()
            .map(|(id, port)| {
                named(id, port).map_or_else(|| not_registered(id, port), describe_health)
            })
            .collect(),
    };
    Ok(json!({ "TargetHealthDescriptions": described }))
}

fn no_listener() -> ApiError {
    ApiError::new("ListenerNotFound", "One or more listeners not found")
}

/// A member by which a thing can be asked for: what was asked for, and where the thing carries it.
type Key<'k, T> = (&'k [&'k str], &'k dyn Fn(&T) -> &String);

/// Those that were named by any key, or all when nothing was named. Each name must exist.
fn chosen<T>(all: Vec<T>, keys: &[Key<'_, T>], missing: &ApiError) -> Result<Vec<T>, ApiError> {
    for (wanted, key) in keys {
        if wanted
            .iter()
            .any(|name| !all.iter().any(|item| key(item) == name))
        {
            return Err(missing.clone());
        }
    }
    if keys.iter().all(|(wanted, _)| wanted.is_empty()) {
        return Ok(all);
    }
    let named = |item: &T| {
        keys.iter()
            .any(|(wanted, key)| wanted.contains(&key(item).as_str()))
    };
    Ok(all.into_iter().filter(named).collect())
}

fn answer(call: Call<'_>, member: &str, items: Vec<Value>) -> Answer {
    let size = match call.input.integer("PageSize")? {
        None => 400,
        Some(size @ 1..=400) => usize::try_from(size).unwrap_or(400),
        Some(_) => {
            return Err(ApiError::new(
                "ValidationError",
                "PageSize must be between 1 and 400",
            ));
        }
    };
    let part = page(items, size, call.input.text("Marker")?);
    let part = part.map_err(|_| ApiError::new("ValidationError", "The marker is not valid"))?;
    Ok(json!({ member: part.items, "NextMarker": part.next_token }))
}

fn describe_load_balancer(load_balancer: &LoadBalancerDescription) -> Value {
    json!({
        "LoadBalancerArn": load_balancer.arn,
        "DNSName": load_balancer.dns_name,
        "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
        "LoadBalancerName": load_balancer.name,
        "Scheme": "internet-facing",
        "VpcId": "vpc-0rehearsal",
        "State": { "Code": "active" },
        "Type": "application",
        "AvailabilityZones": [{ "ZoneName": "eu-central-1a", "SubnetId": "subnet-0rehearsala" }],
        "SecurityGroups": ["sg-0rehearsal"],
        "IpAddressType": "ipv4",
    })
}

fn describe_target_group(group: &TargetGroupDescription) -> Value {
    let settings = &group.settings;
    json!({
        "TargetGroupArn": group.arn,
        "TargetGroupName": settings.name,
        "Protocol": "HTTP",
        "Port": settings.port,
        "VpcId": settings.vpc_id,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": settings.interval.as_secs(),
        "HealthCheckTimeoutSeconds": settings.timeout.as_secs(),
        "HealthyThresholdCount": settings.healthy_threshold,
        "UnhealthyThresholdCount": settings.unhealthy_threshold,
        "HealthCheckPath": settings.health_check_path,
        "Matcher": { "HttpCode": settings.matcher },
        "LoadBalancerArns": group.load_balancer_arns,
        "TargetType": settings.target_type,
        "ProtocolVersion": "HTTP1",
        "IpAddressType": "ipv4",
    })
}

fn describe_listener(listener: &ListenerDescription) -> Value {
    json!({
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [action(&listener.forward)],
    })
}

/// A forward to one target group carries its ARN twice; a weighted one only in its list.
fn action(forward: &[Forward]) -> Value {
    let groups: Vec<Value> = forward
        .iter()
        .map(|part| json!({ "TargetGroupArn": part.target_group_arn, "Weight": part.weight }))
        .collect();
    let config =
        json!({ "TargetGroups": groups, "TargetGroupStickinessConfig": { "Enabled": false } });
    match forward {
        [only] => {
            json!({ "Type": "forward", "TargetGroupArn": only.target_group_arn, "ForwardConfig": config })
        }
        _ => json!({ "Type": "forward", "ForwardConfig": config }),
    }
}

fn rule_arn(listener: &ListenerDescription) -> String {
    format!(
        "{}/default",
        listener.arn.replace(":listener/", ":listener-rule/")
    )
}

fn describe_health(target: &TargetHealth) -> Value {
    json!({
        "Target": { "Id": target.id, "Port": target.port },
        "HealthCheckPort": target.port.to_string(),
        "TargetHealth": { "State": target.state, "Reason": target.reason, "Description": target.description },
    })
}

fn not_registered(id: &str, port: Option<i64>) -> Value {
    json!({
        "Target": { "Id": id, "Port": port },
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_group_or_two_with_weights() {
        let forward = |weight| Forward {
            target_group_arn: format!("group-{weight}"),
            weight,
        };
        assert_eq!(action(&[forward(100)])["TargetGroupArn"], "group-100");
        let weighted = action(&[forward(90), forward(10)]);
        assert_eq!(weighted.get("TargetGroupArn"), None);
        assert_eq!(weighted["ForwardConfig"]["TargetGroups"][1]["Weight"], 10);
    }
}
