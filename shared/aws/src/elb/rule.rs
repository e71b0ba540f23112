//! Rules of a listener, from the SDK's types.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Rule, RuleCondition};
use rules::names::TargetGroupArn;
use rules::observed;

use crate::call::{Call, CallFailed};

/// The weight that ELB gives a target group without one.
const WEIGHT_UNSTATED: i32 = 1;

pub(super) fn rule_from(call: &Call, rule: &Rule) -> Result<observed::ListenerRule, CallFailed> {
    Ok(observed::ListenerRule {
        priority: call.required(rule.priority(), "Rules.Priority")?.to_owned(),
        conditions: rule.conditions().iter().map(condition_from).collect(),
        actions: actions_from(call, rule.actions())?,
        sticks_for: rule.actions().iter().find_map(sticks_for),
    })
}

/// ELB states the seconds of a stickiness that is off, too.
fn sticks_for(action: &Action) -> Option<u32> {
    let config = action.forward_config()?;
    let stickiness = config.target_group_stickiness_config()?;
    let seconds = stickiness.duration_seconds().unwrap_or_default();
    (stickiness.enabled() == Some(true)).then(|| u32::try_from(seconds).unwrap_or_default())
}

pub(super) fn actions_from(
    call: &Call,
    actions: &[Action],
) -> Result<Vec<observed::RuleAction>, CallFailed> {
    let mut in_order: Vec<&Action> = actions.iter().collect();
    in_order.sort_by_key(|action| action.order());
    in_order
        .into_iter()
        .filter(|action| !lets_everybody_through(action))
        .map(|action| action_from(call, action))
        .collect()
}

/// Whether a rule goes on to its next action for whoever is not signed in, too.
fn lets_everybody_through(action: &Action) -> bool {
    let oidc = action.authenticate_oidc_config();
    let cognito = action.authenticate_cognito_config();
    let oidc = oidc.and_then(|config| config.on_unauthenticated_request());
    let cognito = cognito.and_then(|config| config.on_unauthenticated_request());
    oidc.is_some_and(|behavior| behavior.as_str() == "allow")
        || cognito.is_some_and(|behavior| behavior.as_str() == "allow")
}

/// A forward to one target group may carry its ARN beside the list of groups, or alone.
fn action_from(call: &Call, action: &Action) -> Result<observed::RuleAction, CallFailed> {
    let kind = action.r#type().map_or("unknown", ActionTypeEnum::as_str);
    if kind != "forward" {
        return Ok(observed::RuleAction::Other(kind.to_owned()));
    }
    let listed = action
        .forward_config()
        .map(|config| config.target_groups())
        .unwrap_or_default();
    let mut groups: Vec<(TargetGroupArn, u32)> = Vec::new();
    for group in listed {
        let weight = group.weight().unwrap_or(WEIGHT_UNSTATED);
        groups.push((
            call.name(group.target_group_arn(), "TargetGroups.TargetGroupArn")?,
            u32::try_from(weight).unwrap_or_default(),
        ));
    }
    if let (true, Some(only)) = (groups.is_empty(), action.target_group_arn()) {
        groups.push((call.name(Some(only), "Actions.TargetGroupArn")?, 1));
    }
    Ok(observed::RuleAction::Forward(groups))
}

fn condition_from(condition: &RuleCondition) -> observed::RuleCondition {
    let field = condition.field().unwrap_or("unknown");
    // Values stand beside the field, where there is but one, or in a structure of the field's own.
    let plain = |values: &[String]| {
        if values.is_empty() {
            condition.values().to_vec()
        } else {
            values.to_vec()
        }
    };
    let unknown = || observed::RuleCondition::Unknown(field.to_owned());
    let by_regex = |regex: &[String]| !regex.is_empty();
    match field {
        "host-header" => match condition.host_header_config() {
            Some(config) if by_regex(config.regex_values()) => unknown(),
            config => observed::RuleCondition::Host(plain(
                config.map(|config| config.values()).unwrap_or_default(),
            )),
        },
        "path-pattern" => match condition.path_pattern_config() {
            Some(config) if by_regex(config.regex_values()) => unknown(),
            config => observed::RuleCondition::Path(plain(
                config.map(|config| config.values()).unwrap_or_default(),
            )),
        },
        "http-header" => match condition.http_header_config() {
            Some(config) if !by_regex(config.regex_values()) => observed::RuleCondition::Header {
                name: config.http_header_name().unwrap_or_default().to_owned(),
                values: config.values().to_vec(),
            },
            Some(_) | None => unknown(),
        },
        "query-string" => match condition.query_string_config() {
            Some(config) => observed::RuleCondition::Query(
                config
                    .values()
                    .iter()
                    .map(|pair| {
                        let key = pair.key().map(str::to_owned);
                        (key, pair.value().unwrap_or_default().to_owned())
                    })
                    .collect(),
            ),
            None => unknown(),
        },
        "http-request-method" => match condition.http_request_method_config() {
            Some(config) => observed::RuleCondition::Method(config.values().to_vec()),
            None => unknown(),
        },
        _ => unknown(),
    }
}
