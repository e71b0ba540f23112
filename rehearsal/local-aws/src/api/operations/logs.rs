//! CloudWatch Logs' operations.

use serde_json::{Value, json};

use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::full_arn;
use crate::api::validation::{Violations, is_of};
use crate::iam::Permission;
use crate::identity::arn;
use crate::logs::filter::{Filter, NotPlayed};
use crate::logs::{From, LogEvent, window};
use crate::stamp::epoch_milliseconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateLogGroup", create_log_group, on_log_group),
    Operation::new("DescribeLogGroups", describe_log_groups, on_prefix),
    Operation::new("DescribeLogStreams", describe_log_streams, on_log_group),
    Operation::new("FilterLogEvents", filter_log_events, on_log_group),
    Operation::new("GetLogEvents", get_log_events, on_log_stream),
];

/// How many characters a filter pattern may have.
const LONGEST_PATTERN: usize = 1024;

const INVALID: &str = "InvalidParameterException";

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(INVALID, message)
}

fn not_found(what: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("The specified log {what} does not exist."),
    )
}

/// The group by name, or by the ARN that `logGroupIdentifier` may hold.
fn group<'a>(call: Call<'a>) -> Result<&'a str, ApiError> {
    let name = call.input.text("logGroupName")?;
    let identifier = call.input.text("logGroupIdentifier")?;
    let (prefix, stream) = (
        call.input.text("logStreamNamePrefix")?,
        call.input.text("logStreamName")?,
    );
    let no_colon = |text: &str| !text.contains([':', '*']);
    Violations::new(INVALID)
        .length("logGroupName", name, 1, 512)
        .pattern("logGroupName", name, r"[\.\-_/#A-Za-z0-9]+", |name| {
            is_of(name, ".-_/#")
        })
        .length("logGroupIdentifier", identifier, 1, 2048)
        .pattern(
            "logGroupIdentifier",
            identifier,
            r"[\w#+=/:,.@-]*",
            |text| is_of(text, "_#+=/:,.@-"),
        )
        .length("logStreamNamePrefix", prefix, 1, 512)
        .pattern("logStreamNamePrefix", prefix, "[^:*]*", no_colon)
        .length("logStreamName", stream, 1, 512)
        .pattern("logStreamName", stream, "[^:*]*", no_colon)
        .check()?;
    match (name, identifier) {
        (Some(_), Some(_)) => {
            let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            Err(ApiError::new("ValidationException", message))
        }
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) if identifier.starts_with("arn:") => {
            // An ARN of another account or Region is the ARN of nothing here; the sentence is inferred.
            let own = arn("logs", "log-group:");
            identifier
                .strip_prefix(&own)
                .ok_or_else(|| not_found("group"))
        }
        (None, Some(identifier)) => Ok(identifier),
        (None, None) => Err(call.input.missing("logGroupName")),
    }
}

fn get_log_events(call: Call<'_>) -> Answer {
    let group = group(call)?;
    let stream = call.input.required_text("logStreamName")?;
    let from = match (
        call.input.text("nextToken")?,
        call.input.boolean("startFromHead")?,
    ) {
        (Some(token), _) => from_token(token)?,
        (None, Some(true)) => From::Head,
        (None, Some(false) | None) => From::Tail,
    };
    let limit = limit(call, 10_000)?;
    let streams = call
        .aws
        .logs
        .streams(group)
        .ok_or_else(|| not_found("group"))?;
    let all = streams.get(stream).ok_or_else(|| not_found("stream"))?;
    let (start, end) = (
        call.input.integer("startTime")?,
        call.input.integer("endTime")?,
    );
    let inside = |event: &&LogEvent| within(event, start, end);
    let events: Vec<&LogEvent> = all.iter().filter(inside).collect();
    let window = window(&events, limit, from);
    let part: Vec<Value> = window.events.iter().map(|event| describe(event)).collect();
    Ok(json!({
        "events": part,
        "nextForwardToken": format!("f/{:056}/s", window.forward),
        "nextBackwardToken": format!("b/{:056}/s", window.backward),
    }))
}

fn filter_log_events(call: Call<'_>) -> Answer {
    let group = group(call)?;
    let (names, prefix) = (
        call.input.texts("logStreamNames")?,
        call.input.text("logStreamNamePrefix")?,
    );
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid(
            "logStreamNames and logStreamNamePrefix can not be combined.",
        ));
    }
    let pattern = call.input.text("filterPattern")?.unwrap_or_default();
    Violations::new(INVALID)
        .length("filterPattern", Some(pattern), 0, LONGEST_PATTERN)
        .check()?;
    let filter = Filter::parse(pattern).map_err(|NotPlayed| {
        invalid(not_simulated(
            "filter patterns other than of words and phrases",
        ))
    })?;
    let (start, end) = (
        call.input.integer("startTime")?,
        call.input.integer("endTime")?,
    );
    let streams = call
        .aws
        .logs
        .streams(group)
        .ok_or_else(|| not_found("group"))?;
    let wanted = |name: &str| {
        (names.is_empty() || names.contains(&name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
    };
    let mut events: Vec<(&str, &LogEvent)> = Vec::new();
    for (name, written) in streams.iter().filter(|(name, _)| wanted(name)) {
        let inside = |event: &LogEvent| within(event, start, end) && filter.holds(&event.message);
        let found = written.iter().filter(|event| inside(event));
        events.extend(found.map(|event| (name.as_str(), event)));
    }
    events.sort_by_key(|(_, event)| event.at);
    let part = page(events, limit(call, 10_000)?, call.input.text("nextToken")?)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let describe = |(stream, event): &(&str, &LogEvent)| {
        let mut described = describe(event);
        described["logStreamName"] = json!(stream);
        let (at, number) = (epoch_milliseconds(event.at), event.number);
        described["eventId"] = json!(format!("{at:040}{number:016}"));
        described
    };
    let mut answer = json!({ "events": part.items.iter().map(describe).collect::<Vec<_>>(), "searchedLogStreams": [] });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

/// What a person does, no function of the template.
fn create_log_group(call: Call<'_>) -> Answer {
    const NOT_SIMULATED: [&str; 3] = ["kmsKeyId", "tags", "deletionProtectionEnabled"];
    // It takes no ARN.
    call.input.required_text("logGroupName")?;
    let name = group(call)?;
    let class = call.input.text("logGroupClass")?;
    let classes = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"];
    Violations::new(INVALID)
        .one_of("logGroupClass", class, &classes)
        .check()?;
    let mut others = NOT_SIMULATED
        .into_iter()
        .filter(|member| call.input.value(member).is_some());
    let class = class.filter(|class| *class != "STANDARD");
    if let Some(what) = others.next().or(class) {
        return Err(invalid(not_simulated(&format!(
            "`{what}` of CreateLogGroup"
        ))));
    }
    match call.aws.logs.create_group(name, call.aws.clock.now()) {
        true => Ok(json!({})),
        false => Err(ApiError::new(
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        )),
    }
}

fn describe_log_groups(call: Call<'_>) -> Answer {
    let prefix = call.input.text("logGroupNamePrefix")?;
    let pattern = call.input.text("logGroupNamePattern")?;
    let class = call.input.text("logGroupClass")?;
    let allowed = r"[\.\-_/#A-Za-z0-9]+";
    Violations::new(INVALID)
        .pattern("logGroupNamePrefix", prefix, allowed, |text| {
            is_of(text, ".-_/#")
        })
        .length("logGroupNamePrefix", prefix, 1, 512)
        .one_of(
            "logGroupClass",
            class,
            &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"],
        )
        .check()?;
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let groups = call.aws.logs.groups();
    let wanted = |name: &str| {
        class.is_none_or(|class| class == "STANDARD")
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.is_none_or(|pattern| name.contains(pattern))
    };
    let described = groups
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, group)| {
            let group_arn = arn("logs", &format!("log-group:{name}"));
            let mut group = json!({
                "logGroupName": name,
                "creationTime": epoch_milliseconds(group.created_at),
                "metricFilterCount": 0,
                "arn": format!("{group_arn}:*"),
                "logGroupArn": group_arn,
                "logGroupClass": "STANDARD",
            });
            // Recorded: the search by pattern does not tell them.
            if pattern.is_none() {
                group["storedBytes"] = json!(0);
                group["deletionProtectionEnabled"] = json!(false);
            }
            group
        });
    paged(call, "logGroups", described.collect())
}

fn describe_log_streams(call: Call<'_>) -> Answer {
    let group = group(call)?;
    let prefix = call.input.text("logStreamNamePrefix")?;
    let order = call.input.text("orderBy")?;
    Violations::new(INVALID)
        .one_of("orderBy", order, &["LogStreamName", "LastEventTime"])
        .check()?;
    let by_time = order == Some("LastEventTime");
    if by_time && prefix.is_some() {
        return Err(invalid(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let streams = call
        .aws
        .logs
        .streams(group)
        .ok_or_else(|| not_found("group"))?;
    let wanted = |name: &str| prefix.is_none_or(|prefix| name.starts_with(prefix));
    let mut streams: Vec<_> = streams.iter().filter(|(name, _)| wanted(name)).collect();
    if by_time {
        streams.sort_by_key(|(_, events)| events.last().map(|event| event.at));
    }
    if call.input.boolean("descending")? == Some(true) {
        streams.reverse();
    }
    let described = streams.into_iter().map(|(name, events)| {
        let (first, last) = (events.first(), events.last());
        json!({
            "logStreamName": name,
            "arn": arn("logs", &format!("log-group:{group}:log-stream:{name}")),
            "creationTime": first.map(|event| epoch_milliseconds(event.at)),
            "firstEventTimestamp": first.map(|event| epoch_milliseconds(event.at)),
            "lastEventTimestamp": last.map(|event| epoch_milliseconds(event.at)),
            "lastIngestionTime": last.map(|event| epoch_milliseconds(event.at)),
            "storedBytes": 0,
        })
    });
    paged(call, "logStreams", described.collect())
}

/// A page of groups or streams, of at most 50 entries.
fn paged(call: Call<'_>, member: &str, all: Vec<Value>) -> Answer {
    let size = limit(call, 50)?;
    let part = page(all, size, call.input.text("nextToken")?)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

/// The size of a page, of which the model states the largest, and which is the default here.
fn limit(call: Call<'_>, most: i64) -> Result<usize, ApiError> {
    let limit = call.input.integer("limit")?;
    Violations::new(INVALID)
        .range("limit", limit, 1, most)
        .check()?;
    Ok(usize::try_from(limit.unwrap_or(most)).unwrap_or(usize::MAX))
}

fn from_token(token: &str) -> Result<From, ApiError> {
    let number = |rest: &str| {
        rest.strip_suffix("/s")
            .and_then(|digits| digits.parse().ok())
    };
    let forward = token.strip_prefix("f/").and_then(number).map(From::After);
    let backward = || token.strip_prefix("b/").and_then(number).map(From::Before);
    forward
        .or_else(backward)
        .ok_or_else(|| invalid("The specified nextToken is invalid."))
}

fn within(event: &LogEvent, start: Option<i64>, end: Option<i64>) -> bool {
    let at = i64::try_from(epoch_milliseconds(event.at)).unwrap_or(i64::MAX);
    start.is_none_or(|start| at >= start) && end.is_none_or(|end| at < end)
}

fn describe(event: &LogEvent) -> Value {
    let at = epoch_milliseconds(event.at);
    json!({ "timestamp": at, "message": event.message, "ingestionTime": at })
}

/// SAR, Amazon CloudWatch Logs. Reading a whole group requires a permission on `log-group:NAME:log-stream:`, as
/// refusals show.
fn on_log_group(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(format!("{}:log-stream:", named_group_arn(call)))]
}

fn on_log_stream(call: Call<'_>) -> Vec<Permission> {
    let stream = call.named_or_any("logStreamName");
    vec![call.on(format!("{}:log-stream:{stream}", named_group_arn(call)))]
}

/// Without a prefix the group in the ARN is empty, as refusals show.
fn on_prefix(call: Call<'_>) -> Vec<Permission> {
    let prefix = call.named("logGroupNamePrefix").unwrap_or_default();
    let group = format!("log-group:{prefix}:log-stream:");
    vec![call.on(arn("logs", &group))]
}

fn named_group_arn(call: Call<'_>) -> String {
    match call.named("logGroupName") {
        Some(name) => arn("logs", &format!("log-group:{name}")),
        None => full_arn(
            "logs",
            "log-group:",
            call.named_or_any("logGroupIdentifier"),
        ),
    }
}
