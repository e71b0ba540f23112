//! Elastic Load Balancing's operations (version 2).

mod create;
mod create_listener;
mod modify_listener;
mod refusal;
mod rules;
mod shapes;

use serde_json::{Value, json};

use self::modify_listener::{modify_listener, on_listener};
use self::refusal::{
    are_arns, invalid, must_be_load_balancer, no_listener, no_load_balancers, no_target_group,
};
use self::rules::{create_rule, modify_rule, on_new_rule, on_rule};
use self::shapes::{
    describe_health, describe_listener, describe_load_balancer, describe_rules_of,
    describe_target_group, not_registered,
};
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::no_resource;
use crate::api::validation::Violations;
use crate::elb::{ListenerDescription, LoadBalancerDescription, TargetGroupDescription};

pub(super) const OPERATIONS: &[&[Operation]] = &[
    create::OPERATIONS,
    create_listener::OPERATIONS,
    OF_WHAT_IS_THERE,
];

const OF_WHAT_IS_THERE: &[Operation] = &[
    Operation::new("CreateRule", create_rule, on_new_rule),
    Operation::new("DescribeListeners", describe_listeners, no_resource),
    Operation::new(
        "DescribeLoadBalancers",
        describe_load_balancers,
        no_resource,
    ),
    Operation::new("DescribeRules", describe_rules, no_resource),
    Operation::new("DescribeTargetGroups", describe_target_groups, no_resource),
    Operation::new("DescribeTargetHealth", describe_target_health, no_resource).polled(),
    Operation::new("ModifyListener", modify_listener, on_listener),
    Operation::new("ModifyRule", modify_rule, on_rule),
];

fn describe_load_balancers(call: Call<'_>) -> Answer {
    let (arns, names) = (
        call.input.texts("LoadBalancerArns")?,
        call.input.texts("Names")?,
    );
    only_one([!arns.is_empty(), !names.is_empty()])?;
    are_arns(&arns, "loadbalancer")?;
    let all = call.aws.load_balancers.load_balancers();
    let found = chosen(
        all,
        &[
            (&arns, &|lb: &LoadBalancerDescription| &lb.arn),
            (&names, &|lb| &lb.name),
        ],
        &no_load_balancers(&[arns.as_slice(), names.as_slice()].concat()),
    )?;
    answer(
        call,
        "LoadBalancers",
        found.iter().map(describe_load_balancer).collect(),
    )
}

fn describe_target_groups(call: Call<'_>) -> Answer {
    let (arns, names) = (
        call.input.texts("TargetGroupArns")?,
        call.input.texts("Names")?,
    );
    let load_balancer = call.input.text("LoadBalancerArn")?;
    only_one([!arns.is_empty(), !names.is_empty(), load_balancer.is_some()])?;
    are_arns(&arns, "targetgroup")?;
    if let Some(wanted) = load_balancer {
        must_be_load_balancer(call, wanted)?;
    }
    let all = call.aws.load_balancers.target_groups();
    let mut found = chosen(
        all,
        &[
            (&arns, &|group: &TargetGroupDescription| &group.arn),
            (&names, &|group| &group.settings.name),
        ],
        &no_target_group(),
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

fn describe_listeners(call: Call<'_>) -> Answer {
    let (arns, load_balancer) = (
        call.input.texts("ListenerArns")?,
        call.input.text("LoadBalancerArn")?,
    );
    let all = call.aws.load_balancers.listeners();
    let found = match (arns.is_empty(), load_balancer) {
        (true, None) | (false, Some(_)) => {
            let message = "You must specify either a load balancer ARN or listener ARNs";
            return Err(invalid(message));
        }
        (true, Some(wanted)) => {
            must_be_load_balancer(call, wanted)?;
            all.into_iter()
                .filter(|listener| listener.load_balancer_arn == wanted)
                .collect()
        }
        (false, None) => {
            are_arns(&arns, "listener")?;
            chosen(all, &[(&arns, &listener_arn)], &no_listener())?
        }
    };
    answer(
        call,
        "Listeners",
        found.iter().map(describe_listener).collect(),
    )
}

fn describe_rules(call: Call<'_>) -> Answer {
    let (arns, listener) = (
        call.input.texts("RuleArns")?,
        call.input.text("ListenerArn")?,
    );
    let all = call.aws.load_balancers.listeners();
    let of_listener = match listener {
        Some(_) if !arns.is_empty() => {
            return Err(invalid(
                "Listener ARN and rule ARNs cannot be specified at the same time",
            ));
        }
        Some(wanted) => {
            are_arns(&[wanted], "listener")?;
            chosen(all, &[(&[wanted], &listener_arn)], &no_listener())?
        }
        None if arns.is_empty() => {
            return Err(invalid(
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
        None => all,
    };
    let mut rules: Vec<Value> = of_listener.iter().flat_map(describe_rules_of).collect();
    if listener.is_none() {
        rules.retain(|rule| arns.iter().any(|arn| rule["RuleArn"] == *arn));
        if rules.len() < arns.len() {
            return Err(ApiError::new("RuleNotFound", "One or more rules not found"));
        }
    }
    answer(call, "Rules", rules)
}

fn describe_target_health(call: Call<'_>) -> Answer {
    let group = call.input.required_text("TargetGroupArn")?;
    are_arns(&[group], "targetgroup")?;
    let health = call.aws.load_balancers.target_health(group);
    let health = health.ok_or_else(no_target_group)?;
    let include = call.input.texts("Include")?;
    if include
        .iter()
        .any(|what| !["AnomalyDetection", "All"].contains(what))
    {
        return Err(invalid("Include must be AnomalyDetection or All"));
    }
    let mut wanted = Vec::new();
    for target in call.input.structures("Targets")? {
        wanted.push((target.required_text("Id")?, target.integer("Port")?));
    }
    let named = |id: &str, port: Option<i64>| {
        health.iter().find(|target| {
            target.id == id && port.is_none_or(|port| i64::from(target.port) == port)
        })
    };
    let default_port = || {
        let port = call.aws.load_balancers.target_group_port(group);
        i64::from(port.unwrap_or(80))
    };
    let described: Vec<Value> = match wanted.is_empty() {
        true => health.iter().map(describe_health).collect(),
        false => wanted
            .into_iter()
            .map(|(id, port)| {
                let unregistered = || not_registered(id, port.unwrap_or_else(default_port));
                named(id, port).map_or_else(unregistered, describe_health)
            })
            .collect(),
    };
    Ok(json!({ "TargetHealthDescriptions": described }))
}

/// A request must name its subject in one way. The message is inferred.
fn only_one<const N: usize>(given: [bool; N]) -> Result<(), ApiError> {
    match given.into_iter().filter(|given| *given).count() {
        0 | 1 => Ok(()),
        _ => Err(invalid(
            "ARNs, names and a load balancer ARN cannot be specified at the same time",
        )),
    }
}

/// A member that selects things: the values that were requested, and the thing's own value.
type Key<'k, T> = (&'k [&'k str], &'k dyn Fn(&T) -> &String);

/// The things that any key selects, or all without a selection. Each requested value must exist.
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
    let size = call.input.integer("PageSize")?;
    Violations::new("ValidationError")
        .range("pageSize", size, 1, 400)
        .check()?;
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(400);
    let part = page(items, size, call.input.text("Marker")?);
    let part = part.map_err(|_| invalid("The marker is not valid"))?;
    Ok(json!({ member: part.items, "NextMarker": part.next_token }))
}

fn listener_arn(listener: &ListenerDescription) -> &String {
    &listener.arn
}
