//! CreateRule and ModifyRule: a person adds a listener rule, or puts its target groups back.

use std::time::Duration;

use serde_json::{Value, json};

use super::modify_listener::{check_association, forward, stickiness};
use super::refusal::{are_arns, invalid, no_listener};
use super::shapes::describe_rules_of;
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call};
use crate::api::validation::Violations;
use crate::elb::{
    Condition, Forward, ListenerDescription, Protocol, QueryPair, default_rule, listener_of,
};
use crate::iam::Permission;

/// Values of all conditions of a rule together (Elastic Load Balancing quotas).
const VALUES_AT_MOST: usize = 5;

pub(super) fn create_rule(call: Call<'_>) -> Answer {
    let arn = call.input.required_text("ListenerArn")?;
    are_arns(&[arn], "listener")?;
    let listener = listener(call, arn).ok_or_else(no_listener)?;
    if listener.protocol == Protocol::Tcp {
        // A Network Load Balancer's (ELB API Reference, CreateRule: the listener must be an Application Load Balancer's).
        let message = "Rules are not supported for listeners of load balancers of type 'network'";
        return Err(invalid(message));
    }
    let priority = call.input.integer("Priority")?;
    let priority = priority.ok_or_else(|| call.input.missing("priority"))?;
    Violations::new("ValidationError")
        .range("priority", Some(priority), 1, 50_000)
        .check()?;
    let priority = u32::try_from(priority).unwrap_or(u32::MAX);
    if listener.rules.iter().any(|rule| rule.priority == priority) {
        let message = format!("Priority '{priority}' is currently in use");
        return Err(ApiError::new("PriorityInUse", message));
    }
    let conditions = conditions(call)?;
    if conditions.is_empty() {
        return Err(call.input.missing("conditions"));
    }
    let action = action(call, &listener)?;
    let action = action.ok_or_else(|| call.input.missing("actions"))?;
    let created = call
        .aws
        .load_balancers
        .add_rule(arn, priority, conditions, action.forward);
    let created = created.ok_or_else(no_listener)?;
    call.aws
        .load_balancers
        .set_stickiness(&created, action.sticks_for);
    Ok(json!({ "Rules": described(call, &created) }))
}

pub(super) fn modify_rule(call: Call<'_>) -> Answer {
    let arn = call.input.required_text("RuleArn")?;
    let not_found = || ApiError::new("RuleNotFound", "One or more rules not found");
    are_arns(&[arn], "listener-rule")?;
    let listener = listener(call, &listener_of(arn)).ok_or_else(not_found)?;
    if described(call, arn).is_empty() {
        return Err(not_found());
    }
    // A listener's default rule is changed by ModifyListener.
    if arn == default_rule(&listener.arn) {
        let message = format!("Default rule '{arn}' cannot be modified");
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    let conditions = conditions(call)?;
    let action = action(call, &listener)?;
    if !conditions.is_empty() {
        call.aws.load_balancers.set_rule_conditions(arn, conditions);
    }
    if let Some(action) = action {
        call.aws
            .load_balancers
            .set_stickiness(arn, action.sticks_for);
        call.aws
            .load_balancers
            .set_rule_forward(arn, action.forward);
    }
    Ok(json!({ "Rules": described(call, arn) }))
}

fn listener(call: Call<'_>, arn: &str) -> Option<ListenerDescription> {
    let mut listeners = call.aws.load_balancers.listeners().into_iter();
    listeners.find(|known| known.arn == arn)
}

fn described(call: Call<'_>, rule: &str) -> Vec<Value> {
    let listener = listener(call, &listener_of(rule));
    let mut rules: Vec<Value> = listener.iter().flat_map(describe_rules_of).collect();
    rules.retain(|described| described["RuleArn"] == rule);
    rules
}

/// What a rule does with a request.
struct Action {
    forward: Vec<Forward>,
    /// For how long a client stays with the target group that it was given; none where each request is given one.
    sticks_for: Option<Duration>,
}

/// The only action; none if the request has no action.
fn action(call: Call<'_>, listener: &ListenerDescription) -> Result<Option<Action>, ApiError> {
    let actions = call.input.structures("Actions")?;
    match actions.as_slice() {
        [] => Ok(None),
        [action] => {
            let forward = forward(action)?;
            check_association(call, &forward, &listener.load_balancer_arn)?;
            Ok(Some(Action {
                forward,
                sticks_for: stickiness(action)?,
            }))
        }
        [_, _, ..] => Err(invalid(not_simulated(
            "several actions of a rule, only one that forwards",
        ))),
    }
}

fn conditions(call: Call<'_>) -> Result<Vec<Condition>, ApiError> {
    let given = call.input.structures("Conditions")?;
    let conditions: Vec<Condition> = given.iter().map(condition).collect::<Result<_, _>>()?;
    let count = |condition: &Condition| match condition {
        Condition::Path(values) | Condition::Host(values) | Condition::Method(values) => {
            values.len()
        }
        Condition::Header { patterns, .. } => patterns.len(),
        Condition::Query(pairs) => pairs.len(),
    };
    if conditions.iter().map(count).sum::<usize>() > VALUES_AT_MOST {
        return Err(ApiError::new(
            "ValidationError",
            format!("Rules can have at most {VALUES_AT_MOST} condition values"),
        ));
    }
    Ok(conditions)
}

fn condition(given: &Input<'_>) -> Result<Condition, ApiError> {
    let field = given.required_text("Field")?;
    let config = |member: &str| given.structure(member);
    // Paths and hosts may be given in the older member.
    let values = |member: &str| {
        let in_config = config(member)?.map(|config| config.texts("Values"));
        let values = match in_config {
            Some(values) => values?,
            None => given.texts("Values")?,
        };
        match values.is_empty() {
            true => Err(invalid("A condition value must be specified")),
            false => Ok::<_, ApiError>(values.into_iter().map(str::to_owned).collect()),
        }
    };
    match field {
        "path-pattern" => Ok(Condition::Path(values("PathPatternConfig")?)),
        "host-header" => Ok(Condition::Host(values("HostHeaderConfig")?)),
        "http-request-method" => Ok(Condition::Method(values("HttpRequestMethodConfig")?)),
        "http-header" => {
            let header = given.required_structure("HttpHeaderConfig")?;
            Ok(Condition::Header {
                name: header.required_text("HttpHeaderName")?.to_owned(),
                patterns: values("HttpHeaderConfig")?,
            })
        }
        "query-string" => {
            let config = given.required_structure("QueryStringConfig")?;
            let mut pairs = Vec::new();
            for pair in config.structures("Values")? {
                pairs.push(QueryPair {
                    key: pair.text("Key")?.map(ToOwned::to_owned),
                    value: pair.required_text("Value")?.to_owned(),
                });
            }
            Ok(Condition::Query(pairs))
        }
        "source-ip" => Err(invalid(not_simulated("the condition `source-ip`"))),
        other => Err(invalid(format!(
            "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, \
             query-string, source-ip]'"
        ))),
    }
}

/// SAR, Elastic Load Balancing V2: the listener.
pub(super) fn on_new_rule(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("ListenerArn"))]
}

/// SAR, Elastic Load Balancing V2: the rule.
pub(super) fn on_rule(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("RuleArn"))]
}
