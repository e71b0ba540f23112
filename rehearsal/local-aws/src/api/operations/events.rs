//! EventBridge's operations.

use serde_json::{Value, json};

use crate::api::aside::aside;
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::{full_arn, no_resource};
use crate::api::validation::{Violations, is_of, member};
use crate::events::{HINT, Pattern, Rule, Trigger};
use crate::iam::Permission;
use crate::identity::{ACCOUNT, arn};

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

/// The code of a request that the service's model does not allow.
const INVALID: &str = "ValidationException";
/// An entry of PutEvents, or a whole request of it, in bytes.
const LARGEST_REQUEST: usize = 1 << 20;

/// Every entry becomes either an event on the bus or a separate error.
fn put_events(call: Call<'_>) -> Answer {
    let entries = call.input.structures("Entries")?;
    let written = || {
        let written: Vec<String> = entries.iter().map(in_java).collect();
        format!("[{}]", written.join(", "))
    };
    Violations::new(INVALID)
        .size("entries", written, entries.len(), 1, 10)
        .check()?;
    let bytes: usize = entries.iter().map(size).sum();
    if bytes > LARGEST_REQUEST {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(ApiError::new(INVALID, message));
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

/// An entry as the sentence about too many of them quotes it (recorded): a structure of AWS's own program.
fn in_java(entry: &Input<'_>) -> String {
    let plain = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let member = |name: &str| {
        let Some(value) = entry.value(name) else {
            return "null".to_owned();
        };
        let items = value.as_array().map(|items| {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        });
        items.unwrap_or_else(|| plain(value))
    };
    format!(
        "PutEventsRequestEntry(time={}, source={}, resources={}, detailType={}, detail={}, eventBusName={}, traceHeader={}, \
         kmsKeyIdentifier=null, internalMetadata=null)",
        member("Time"),
        member("Source"),
        member("Resources"),
        member("DetailType"),
        member("Detail"),
        member("EventBusName"),
        member("TraceHeader"),
    )
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
    // Only AWS emits events of `aws.` sources.
    if source.starts_with("aws.") {
        return Ok(refused(
            "NotAuthorizedForSourceException",
            "Not authorized for the source.",
        ));
    }
    match detail.ok().filter(Value::is_object) {
        Some(detail) => {
            let resources = entry.texts("Resources")?.into_iter();
            let resources = resources.map(ToOwned::to_owned).collect();
            let (events, timeline) = (&call.aws.events, &call.aws.timeline);
            let (buses, about) = (&call.aws.custom_buses, (source, detail_type));
            let id = match (is_default(bus), buses.find(bus)) {
                (true, _) => events.put(about, resources, detail, timeline),
                (false, Some(bus)) => buses.put(bus, events, about, resources, detail),
                // Recorded: an event for a bus that does not exist is accepted, and lost.
                (false, None) => call.aws.ids.uuid(),
            };
            Ok(json!({ "EventId": id }))
        }
        None => Ok(refused("MalformedDetail", "Detail is malformed.")),
    }
}

/// Whether a request names the default bus, or none, which is the same.
fn is_default(bus: &str) -> bool {
    matches!(bus, "" | "default") || bus == arn("events", "event-bus/default")
}

/// Refuses a bus that does not exist, and names that the model does not allow.
fn check_names(call: Call<'_>, rule: &str) -> Result<(), ApiError> {
    let name = call.input.text(rule)?;
    let bus = call.input.text("EventBusName")?;
    let at = member(rule);
    Violations::new(INVALID)
        .length(&at, name, 1, 64)
        .pattern(&at, name, r"[\.\-_A-Za-z0-9]+", |name| is_of(name, ".-_"))
        .length("eventBusName", bus, 1, 1600)
        .check()?;
    match bus.filter(|bus| !is_default(bus) && call.aws.custom_buses.find(bus).is_none()) {
        None => Ok(()),
        Some(bus) => {
            let message = format!("Event bus {} does not exist.", name_of(bus));
            Err(ApiError::new("ResourceNotFoundException", message))
        }
    }
}

/// The name of a bus that is given by name or ARN.
fn name_of(bus: &str) -> &str {
    bus.rsplit_once(":event-bus/").map_or(bus, |(_, name)| name)
}

/// The rules of the bus that a request names: those of the template are all on the default one.
fn rules<'a>(call: Call<'a>) -> impl Iterator<Item = &'a Rule> {
    let bus = call.named("EventBusName").unwrap_or_default();
    let on_default = call.aws.events.rules().iter();
    on_default.filter(move |_| is_default(bus))
}

/// An entry's size as AWS counts it (EventBridge User Guide, "Calculating PutEvents event entry size"); its time, which is
/// not simulated, counts too.
fn size(entry: &Input<'_>) -> usize {
    let text = |member| entry.text(member).ok().flatten().map_or(0, str::len);
    let resources = entry.texts("Resources").unwrap_or_default();
    let time = if entry.value("Time").is_some() { 14 } else { 0 };
    time + text("Source")
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
        .map_err(|error| invalid(not_valid(&error)))?;
    // Recorded: `resources` may be missing, though the documentation requires it.
    let expected = ["id", "detail-type", "source", "account", "time", "region"];
    let event: Option<Value> = serde_json::from_str(event).ok();
    let event = event.filter(|event| expected.iter().all(|member| event.get(member).is_some()));
    let event = event.ok_or_else(|| ApiError::new(INVALID, "Parameter Event is not valid."))?;
    Ok(json!({ "Result": pattern.matches(&event) }))
}

/// EventBridge's sentence, and below it, as there, the place; the local AWS adds its help to that.
fn not_valid(error: &anyhow::Error) -> String {
    let places: Vec<String> = error.chain().map(ToString::to_string).collect();
    let (cause, places) = places
        .split_last()
        .map_or(("", &[][..]), |(cause, places)| (cause.as_str(), places));
    let (reason, hint) = cause
        .split_once(HINT)
        .map_or((cause, None), |(reason, hint)| {
            (reason, Some(format!("{}{hint}", HINT.trim_start())))
        });
    let below: Vec<String> = places.iter().cloned().chain(hint).collect();
    let below = match below.is_empty() {
        true => String::new(),
        false => format!("\n {}", below.join(" ")),
    };
    format!("Event pattern is not valid. Reason: {reason}{below}")
}

fn list_rules(call: Call<'_>) -> Answer {
    check_names(call, "NamePrefix")?;
    let prefix = call.input.text("NamePrefix")?.unwrap_or_default();
    let named = rules(call).filter(|rule| rule.name.starts_with(prefix));
    paged(call, "Rules", named.map(describe).collect())
}

fn list_rule_names_by_target(call: Call<'_>) -> Answer {
    let target = call.input.required_text("TargetArn")?;
    check_names(call, "NamePrefix")?;
    let calling = rules(call).filter(|rule| target_arn(rule) == target);
    let names = calling.map(|rule| json!(rule.name)).collect();
    paged(call, "RuleNames", names)
}

/// One page of a list, of up to 100 entries.
fn paged(call: Call<'_>, member: &str, all: Vec<Value>) -> Answer {
    let limit = call.input.integer("Limit")?;
    Violations::new(INVALID)
        .range("limit", limit, 1, 100)
        .check()?;
    let size = limit.and_then(|limit| usize::try_from(limit).ok());
    let part = page(all, size.unwrap_or(100), call.input.text("NextToken")?)
        .map_err(|_| ApiError::new(INVALID, "Token is not valid."))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

fn describe_rule(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    check_names(call, "Name")?;
    let mut described = describe(find(call, name)?);
    described["CreatedBy"] = json!(ACCOUNT);
    Ok(described)
}

fn list_targets_by_rule(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Rule")?;
    check_names(call, "Rule")?;
    let rule = find(call, name)?;
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
        let bus = name_of(call.named("EventBusName").unwrap_or("default"));
        let message = format!("Rule {name} does not exist on EventBus {bus}.");
        ApiError::new("ResourceNotFoundException", message)
    };
    rules(call)
        .find(|rule| rule.name == name)
        .ok_or_else(missing)
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

/// SAR, Amazon EventBridge: `rule/NAME` of a rule on the default bus, `rule/BUS/NAME` of one on another.
fn on_rule(call: Call<'_>) -> Vec<Permission> {
    let name = call.named("Rule").unwrap_or(call.named_or_any("Name"));
    let bus = call.named("EventBusName").filter(|bus| !is_default(bus));
    let rule = match bus {
        Some(bus) => format!("rule/{}/{name}", name_of(bus)),
        None => format!("rule/{name}"),
    };
    vec![call.on(arn("events", &rule))]
}

/// `event-bus/NAME`, of each entry.
fn on_buses(call: Call<'_>) -> Vec<Permission> {
    let entries = call.input.value("Entries").and_then(Value::as_array);
    let put = |entry: &Value| {
        let text = |member: &str| entry[member].as_str();
        let name = text("EventBusName").unwrap_or("default");
        let mut permission = call.on(full_arn("events", "event-bus/", name));
        if let Some(bus) = call.aws.custom_buses.find(name) {
            permission = permission.guarded(bus.guard());
        }
        for (key, member) in [
            ("events:source", "Source"),
            ("events:detail-type", "DetailType"),
        ] {
            if let Some(value) = text(member) {
                permission = permission.with(key, value);
            }
        }
        permission
    };
    entries.into_iter().flatten().map(put).collect()
}
