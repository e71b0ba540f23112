//! EventBridge's operations.

use serde_json::{Value, json};

use crate::api::aside::aside;
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::{full_arn, no_resource};
use crate::events::{Pattern, Rule, Trigger};
use crate::iam::Permission;
use crate::identity::arn;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("DescribeRule", describe_rule, on_rule),
    Operation::new(
        "ListRuleNamesByTarget",
        list_rule_names_by_target,
        no_resource,
    ),
    Operation::new("ListRules", list_rules, no_resource),
    Operation::new("ListTargetsByRule", list_targets_by_rule, on_rule),
    Operation::new("PutEvents", put_events, on_buses),
    Operation::new(
        "TestEventPattern",
        |call| aside(|| test_event_pattern(call)),
        no_resource,
    ),
];

/// An entry of PutEvents, or a whole request of it, in bytes.
const LARGEST_REQUEST: usize = 1 << 20;

/// Every entry becomes either an event on the bus or a separate error.
fn put_events(call: Call<'_>) -> Answer {
    let entries = call.input.structures("Entries")?;
    if entries.is_empty() || entries.len() > 10 {
        let message = "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have \
                       length between 1 and 10";
        return Err(ApiError::new("ValidationException", message));
    }
    let bytes: usize = entries.iter().map(size).sum();
    if bytes > LARGEST_REQUEST {
        let message = format!(
            "Total size of the entries in the request is over the limit: {bytes} > {LARGEST_REQUEST}."
        );
        return Err(ApiError::new("ValidationException", message));
    }
    let results: Vec<Value> = entries
        .into_iter()
        .map(|entry| put(call, entry))
        .collect::<Result<_, _>>()?;
    let failed = results
        .iter()
        .filter(|result| result.get("ErrorCode").is_some())
        .count();
    Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
}

fn put(call: Call<'_>, entry: Input<'_>) -> Result<Value, ApiError> {
    let refused = |code: &str, message: &str| json!({ "ErrorCode": code, "ErrorMessage": message });
    for member in ["Source", "DetailType", "Detail"] {
        if entry.text(member)?.is_none_or(str::is_empty) {
            let message = format!(
                "Parameter {member} is not valid. Reason: {member} is a required argument."
            );
            return Ok(refused("InvalidArgument", &message));
        }
    }
    let text = |member| entry.text(member).map(Option::unwrap_or_default);
    let (source, detail_type) = (text("Source")?, text("DetailType")?);
    let detail = serde_json::from_str::<Value>(text("Detail")?);
    let bus = text("EventBusName")?;
    if !matches!(bus, "" | "default") && bus != arn("events", "event-bus/default") {
        return Ok(refused(
            "ResourceNotFoundException",
            &format!("Event bus {bus} does not exist."),
        ));
    }
    // Only AWS emits events of `aws.` sources.
    if source.starts_with("aws.") {
        return Ok(refused(
            "NotAuthorizedForSourceException",
            "Not authorized for the source.",
        ));
    }
    match detail.ok().filter(Value::is_object) {
        Some(detail) => {
            let resources = entry
                .texts("Resources")?
                .into_iter()
                .map(ToOwned::to_owned)
                .collect();
            Ok(json!({ "EventId": call.aws.events.emit(source, detail_type, resources, detail) }))
        }
        None => Ok(refused("MalformedDetail", "Detail is malformed.")),
    }
}

/// An entry's size as AWS counts it, but for its time, which is not simulated.
fn size(entry: &Input<'_>) -> usize {
    let text = |member| entry.text(member).ok().flatten().map_or(0, str::len);
    let resources = entry.texts("Resources").unwrap_or_default();
    text("Source")
        + text("DetailType")
        + text("Detail")
        + resources.iter().map(|r| r.len()).sum::<usize>()
}

fn test_event_pattern(call: Call<'_>) -> Answer {
    let invalid = |message: String| ApiError::new("InvalidEventPatternException", message);
    let pattern = call.input.required_text("EventPattern")?;
    let event = call.input.required_text("Event")?;
    let pattern = serde_json::from_str(pattern).map_err(anyhow::Error::from);
    let pattern = pattern
        .and_then(|pattern| Pattern::parse(&pattern))
        .map_err(|error| invalid(format!("Event pattern is not valid. Reason: {error:#}")))?;
    let event: Value = serde_json::from_str(event)
        .map_err(|error| invalid(format!("Parameter Event is not valid. Reason: {error}")))?;
    let expected = [
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
    ];
    if let Some(missing) = expected.iter().find(|member| event.get(**member).is_none()) {
        return Err(invalid(format!(
            "Parameter Event is not valid. Reason: `{missing}` is missing"
        )));
    }
    Ok(json!({ "Result": pattern.matches(&event) }))
}

fn list_rules(call: Call<'_>) -> Answer {
    let prefix = call.input.text("NamePrefix")?.unwrap_or_default();
    let rules = call
        .aws
        .events
        .rules()
        .iter()
        .filter(|rule| rule.name.starts_with(prefix));
    paged(call, "Rules", rules.map(describe).collect())
}

fn list_rule_names_by_target(call: Call<'_>) -> Answer {
    let target = call.input.required_text("TargetArn")?;
    let rules = call.aws.events.rules().iter();
    let calling = rules.filter(|rule| target_arn(rule) == target);
    let names = calling.map(|rule| json!(rule.name)).collect();
    paged(call, "RuleNames", names)
}

/// One page of a list, of up to 100 entries.
fn paged(call: Call<'_>, member: &str, all: Vec<Value>) -> Answer {
    let size = match call.input.integer("Limit")? {
        None => 100,
        Some(size @ 1..=100) => usize::try_from(size).unwrap_or(100),
        Some(_) => {
            let message = "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have \
                           value between 1 and 100";
            return Err(ApiError::new("ValidationException", message));
        }
    };
    let part = page(all, size, call.input.text("NextToken")?)
        .map_err(|_| ApiError::new("ValidationException", "Token is not valid."))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

fn describe_rule(call: Call<'_>) -> Answer {
    find(call, call.input.required_text("Name")?).map(describe)
}

fn list_targets_by_rule(call: Call<'_>) -> Answer {
    let rule = find(call, call.input.required_text("Rule")?)?;
    let mut target = json!({
        "Id": rule.function,
        "Arn": target_arn(rule),
        "RetryPolicy": {
            "MaximumRetryAttempts": rule.retry.maximum_attempts,
            "MaximumEventAgeInSeconds": rule.retry.maximum_event_age.as_secs(),
        },
    });
    if let Some(input) = &rule.input {
        target["Input"] = json!(input.to_string());
    }
    Ok(json!({ "Targets": [target] }))
}

fn target_arn(rule: &Rule) -> String {
    arn("lambda", &format!("function:{}", rule.function))
}

fn find<'a>(call: Call<'a>, name: &str) -> Result<&'a Rule, ApiError> {
    let missing = || {
        let message = format!("Rule {name} does not exist on EventBus default.");
        ApiError::new("ResourceNotFoundException", message)
    };
    let mut rules = call.aws.events.rules().iter();
    rules.find(|rule| rule.name == name).ok_or_else(missing)
}

fn describe(rule: &Rule) -> Value {
    let mut described = json!({
        "Name": rule.name,
        "Arn": rule.arn(),
        "State": "ENABLED",
        "EventBusName": "default",
    });
    match &rule.trigger {
        Trigger::Pattern(pattern) => {
            described["EventPattern"] = json!(pattern.written().to_string())
        }
        Trigger::Schedule(schedule) => {
            described["ScheduleExpression"] = json!(schedule.expression())
        }
    }
    described
}

/// SAR, Amazon EventBridge: `rule/NAME` of a rule on the default bus.
fn on_rule(call: Call<'_>) -> Vec<Permission> {
    let name = call.named("Rule").unwrap_or(call.named_or_any("Name"));
    vec![call.on(arn("events", &format!("rule/{name}")))]
}

/// `event-bus/NAME`, of each entry.
fn on_buses(call: Call<'_>) -> Vec<Permission> {
    let entries = call.input.value("Entries").and_then(Value::as_array);
    let bus = |entry: &Value| {
        let name = entry["EventBusName"].as_str().unwrap_or("default");
        full_arn("events", "event-bus/", name)
    };
    call.on_each(entries.into_iter().flatten().map(bus))
}
