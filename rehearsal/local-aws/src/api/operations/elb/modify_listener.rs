//! ModifyListener: a person points a listener at other target groups, for instance back at blue after a deployment that
//! failed without a rollback.

use std::time::Duration;

use serde_json::json;

use super::refusal::{are_arns, invalid, no_listener, no_target_group};
use super::shapes::describe_listener;
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call};
use crate::api::validation::Violations;
use crate::elb::{Forward, whole_listener};
use crate::iam::Permission;

/// What a listener has beside its action, and does not change here.
const FIXED: [&str; 6] = [
    "Port",
    "Protocol",
    "SslPolicy",
    "Certificates",
    "AlpnPolicy",
    "MutualAuthentication",
];

/// What an action may have beside its order and target groups, and has not here.
const OTHER: [&str; 5] = [
    "RedirectConfig",
    "FixedResponseConfig",
    "AuthenticateCognitoConfig",
    "AuthenticateOidcConfig",
    "JwtValidationConfig",
];
/// Target groups of an action of an Application Load Balancer (Elastic Load Balancing quotas).
const GROUPS_AT_MOST: usize = 5;

pub(super) fn modify_listener(call: Call<'_>) -> Answer {
    let arn = call.input.required_text("ListenerArn")?;
    are_arns(&[arn], "listener")?;
    let mut listeners = call.aws.load_balancers.listeners().into_iter();
    let listener = listeners.find(|known| known.arn == arn);
    let listener = listener.ok_or_else(no_listener)?;
    if let Some(member) = FIXED
        .iter()
        .find(|member| call.input.value(member).is_some())
    {
        let what = format!("a change of a listener's {member}, only of its DefaultActions");
        return Err(invalid(not_simulated(&what)));
    }
    let actions = call.input.structures("DefaultActions")?;
    let (forward, sticks_for) = match actions.as_slice() {
        // Without an action the listener stays as it is.
        [] => return Ok(json!({ "Listeners": [describe_listener(&listener)] })),
        [action] => (forward(action)?, stickiness(action)?),
        [_, _, ..] => {
            return Err(invalid(not_simulated(
                "several actions of a listener, only one that forwards",
            )));
        }
    };
    check_association(call, &forward, &listener.load_balancer_arn)?;
    let balancers = &call.aws.load_balancers;
    balancers.set_stickiness(&whole_listener(arn), sticks_for);
    balancers.set_forward(arn, forward);
    let mut listeners = call.aws.load_balancers.listeners().into_iter();
    let changed = listeners.find(|known| known.arn == arn);
    Ok(json!({ "Listeners": [describe_listener(&changed.unwrap_or(listener))] }))
}

/// A target group belongs to one load balancer at most.
pub(super) fn check_association(
    call: Call<'_>,
    forward: &[Forward],
    load_balancer: &str,
) -> Result<(), ApiError> {
    let groups = call.aws.load_balancers.target_groups();
    for part in forward {
        let group = groups
            .iter()
            .find(|known| known.arn == part.target_group_arn);
        let group = group.ok_or_else(no_target_group)?;
        let mut others = group.load_balancer_arns.iter();
        if others.any(|other| other != load_balancer) {
            let message = format!(
                "The following target groups cannot be associated with more than one load balancer: {}",
                group.arn
            );
            return Err(ApiError::new("TargetGroupAssociationLimit", message));
        }
    }
    Ok(())
}

/// The target groups of an action, named in one of the two ways or in both.
pub(super) fn forward(action: &Input<'_>) -> Result<Vec<Forward>, ApiError> {
    let kind = action.required_text("Type")?;
    if kind != "forward" {
        let what = format!("a listener's action `{kind}`, only `forward`");
        return Err(invalid(not_simulated(&what)));
    }
    if let Some(member) = OTHER.iter().find(|member| action.value(member).is_some()) {
        let what = format!("{member} of a listener's action, only its target groups");
        return Err(invalid(not_simulated(&what)));
    }
    // Nothing follows from the order of an action that is the only one.
    Violations::new("ValidationError")
        .range("order", action.integer("Order")?, 1, 50_000)
        .check()?;
    let single = action.text("TargetGroupArn")?;
    let mut forward: Vec<Forward> = Vec::new();
    for group in weighted(action)? {
        let weight = group.integer("Weight")?;
        Violations::new("ValidationError")
            .range("weight", weight, 0, 999)
            .check()?;
        forward.push(Forward {
            target_group_arn: group.required_text("TargetGroupArn")?.to_owned(),
            weight: u32::try_from(weight.unwrap_or(1)).unwrap_or(1),
        });
    }
    match (single, forward.as_slice()) {
        (None, []) => {
            return Err(invalid(
                "You must specify the target group that the action forwards to",
            ));
        }
        (Some(single), []) => forward.push(Forward {
            target_group_arn: single.to_owned(),
            weight: 1,
        }),
        (Some(single), [only]) if only.target_group_arn == single => {}
        (Some(_), [_, ..]) => {
            return Err(invalid(
                "You cannot specify both a target group ARN and a forward config with different target groups",
            ));
        }
        (None, [_, ..]) => {}
    }
    let arns: Vec<&str> = forward
        .iter()
        .map(|part| part.target_group_arn.as_str())
        .collect();
    are_arns(&arns, "targetgroup")?;
    check_groups(&arns)?;
    Ok(forward)
}

/// The target groups of `ForwardConfig`.
fn weighted<'a>(action: &Input<'a>) -> Result<Vec<Input<'a>>, ApiError> {
    let Some(config) = action.structure("ForwardConfig")? else {
        return Ok(Vec::new());
    };
    config.structures("TargetGroups")
}

/// For how long the action keeps a client at a target group; `None` if it does not (ELB API Reference, TargetGroupStickinessConfig).
pub(super) fn stickiness(action: &Input<'_>) -> Result<Option<Duration>, ApiError> {
    let config = action.structure("ForwardConfig")?;
    let config = config.map(|config| config.structure("TargetGroupStickinessConfig"));
    let Some(config) = config.transpose()?.flatten() else {
        return Ok(None);
    };
    let seconds = config.integer("DurationSeconds")?;
    Violations::new("ValidationError")
        .range("durationSeconds", seconds, 1, 604_800)
        .check()?;
    if config.boolean("Enabled")? != Some(true) {
        return Ok(None);
    }
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let missing = "You must specify a duration when target group stickiness is enabled";
    let seconds = seconds.ok_or_else(|| invalid(missing))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// The sentences are inferred.
fn check_groups(arns: &[&str]) -> Result<(), ApiError> {
    if arns.len() > GROUPS_AT_MOST {
        let count = arns.len();
        let message = format!(
            "A forward action can have at most {GROUPS_AT_MOST} target groups, found {count}"
        );
        return Err(invalid(message));
    }
    let again = |(index, arn): &(usize, &&str)| arns[..*index].contains(arn);
    match arns.iter().enumerate().find(again) {
        Some((_, arn)) => {
            let message = format!("The target group '{arn}' is specified more than once");
            Err(invalid(message))
        }
        None => Ok(()),
    }
}

/// SAR, Elastic Load Balancing V2: the listener.
pub(super) fn on_listener(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("ListenerArn"))]
}
