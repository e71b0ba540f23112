//! CloudWatch Logs' operations.

use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::full_arn;
use crate::iam::Permission;
use crate::identity::arn;
use crate::logs::filter::{Filter, NotPlayed};
use crate::logs::{From, LogEvent, window};
use crate::stamp::epoch_milliseconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("DescribeLogGroups", describe_log_groups, on_prefix),
    Operation::new("DescribeLogStreams", describe_log_streams, on_log_group),
    Operation::new("FilterLogEvents", filter_log_events, on_log_group),
    Operation::new("GetLogEvents", get_log_events, on_log_stream),
];

/// How many characters a filter pattern may have.
const LONGEST_PATTERN: usize = 1024;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn not_found(what: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("The specified log {what} does not exist."),
    )
}

/// The group by name, or by the ARN that `logGroupIdentifier` may hold.
fn group<'a>(call: Call<'a>) -> Result<&'a str, ApiError> {
    let named = call
        .input
        .text("logGroupName")?
        .or(call.input.text("logGroupIdentifier")?);
    let named = named
        .filter(|name| !name.is_empty())
        .ok_or_else(|| call.input.missing("logGroupName"))?;
    let name = named.split(":log-group:").last().unwrap_or(named);
    Ok(name.strip_suffix(":*").unwrap_or(name))
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
    let limit = limit(call)?;
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
    let window = window(events.len(), limit, from);
    let part: Vec<Value> = events[window.clone()]
        .iter()
        .map(|event| describe(event))
        .collect();
    Ok(json!({
        "events": part,
        "nextForwardToken": format!("f/{:056}/s", window.end),
        "nextBackwardToken": format!("b/{:056}/s", window.start),
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
    if pattern.chars().count() > LONGEST_PATTERN {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: Member must have length \
             less than or equal to {LONGEST_PATTERN}"
        )));
    }
    let filter = Filter::parse(pattern).map_err(|NotPlayed| {
        invalid("Invalid filter pattern: the rehearsal supports words and phrases only.")
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
    let mut events: Vec<(&str, usize, &LogEvent)> = Vec::new();
    for (name, written) in streams.iter().filter(|(name, _)| wanted(name)) {
        let inside = |event: &LogEvent| within(event, start, end) && filter.holds(&event.message);
        let numbered = written
            .iter()
            .enumerate()
            .filter(|(_, event)| inside(event));
        events.extend(numbered.map(|(number, event)| (name.as_str(), number, event)));
    }
    events.sort_by_key(|(_, _, event)| event.at);
    let part = page(events, limit(call)?, call.input.text("nextToken")?)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let describe = |(stream, number, event): &(&str, usize, &LogEvent)| {
        let mut described = describe(event);
        described["logStreamName"] = json!(stream);
        described["eventId"] = json!(format!("{:040}{number:016}", epoch_milliseconds(event.at)));
        described
    };
    let mut answer = json!({ "events": part.items.iter().map(describe).collect::<Vec<_>>(), "searchedLogStreams": [] });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn describe_log_groups(call: Call<'_>) -> Answer {
    let prefix = call.input.text("logGroupNamePrefix")?;
    let pattern = call.input.text("logGroupNamePattern")?;
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let groups = call.aws.logs.groups();
    let wanted = |name: &str| {
        prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.is_none_or(|pattern| name.contains(pattern))
    };
    let described = groups
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, group)| {
            let group_arn = arn("logs", &format!("log-group:{name}"));
            json!({
                "logGroupName": name,
                "creationTime": epoch_milliseconds(group.created_at),
                "metricFilterCount": 0,
                "arn": format!("{group_arn}:*"),
                "logGroupArn": group_arn,
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
            })
        });
    paged(call, "logGroups", described.collect())
}

fn describe_log_streams(call: Call<'_>) -> Answer {
    let group = group(call)?;
    let prefix = call.input.text("logStreamNamePrefix")?;
    let by_time = match call.input.text("orderBy")? {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_none() => true,
        Some("LastEventTime") => {
            return Err(invalid(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        Some(other) => {
            return Err(invalid(format!(
                "1 validation error detected: Value '{other}' at 'orderBy' failed to satisfy constraint: Member must \
                 satisfy enum value set: [LogStreamName, LastEventTime]"
            )));
        }
    };
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
    let size = match call.input.integer("limit")? {
        None => 50,
        Some(size @ 1..=50) => usize::try_from(size).unwrap_or(50),
        Some(_) => return Err(invalid("limit must be between 1 and 50.")),
    };
    let part = page(all, size, call.input.text("nextToken")?)
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn limit(call: Call<'_>) -> Result<usize, ApiError> {
    match call.input.integer("limit")? {
        None => Ok(10_000),
        Some(limit @ 1..=10_000) => Ok(usize::try_from(limit).unwrap_or(10_000)),
        Some(_) => Err(invalid("limit must be between 1 and 10000.")),
    }
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
