//! EventBridge Scheduler's operations.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::{no_resource, pass_role};
use crate::iam::Permission;
use crate::identity::arn;
use crate::scheduler::{AfterCompletion, Schedule, State, create, due, update};
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateSchedule", create_schedule, on_schedule_with_role)
        .route("POST", "/schedules/{Name}"),
    Operation::new("DeleteSchedule", delete_schedule, on_schedule)
        .route("DELETE", "/schedules/{Name}"),
    Operation::new("GetSchedule", get_schedule, on_schedule).route("GET", "/schedules/{Name}"),
    Operation::new("ListSchedules", list_schedules, no_resource).route("GET", "/schedules"),
    Operation::new("UpdateSchedule", update_schedule, on_schedule_with_role)
        .route("PUT", "/schedules/{Name}"),
];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// The error for a value that the service's model does not allow.
fn not_satisfied(value: &str, member: &str, constraint: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Schedule {name} does not exist."),
    )
    .with_status(404)
}

fn schedule_arn(name: &str) -> String {
    arn("scheduler", &format!("schedule/default/{name}"))
}

fn create_schedule(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(plain) {
        let constraint = "Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+";
        return Err(not_satisfied(name, "name", constraint));
    }
    if name.len() > 64 {
        let constraint = "Member must have length less than or equal to 64";
        return Err(not_satisfied(name, "name", constraint));
    }
    group(call)?;
    let schedule = read(call, name)?;
    if let Some(known) = call.aws.scheduler.find(name)
        && known.is_repeated_by(&schedule.members)
    {
        return Ok(json!({ "ScheduleArn": schedule_arn(name) }));
    }
    create(&call.aws.scheduler, schedule).map_err(|_| {
        ApiError::new(
            "ConflictException",
            format!("Schedule {name} already exists."),
        )
        .with_status(409)
    })?;
    Ok(json!({ "ScheduleArn": schedule_arn(name) }))
}

/// The request replaces all members: one that it leaves out returns to its default (EventBridge Scheduler API
/// Reference, UpdateSchedule).
fn update_schedule(call: Call<'_>) -> Answer {
    group(call)?;
    let name = call.input.required_text("Name")?;
    let known = call
        .aws
        .scheduler
        .find(name)
        .ok_or_else(|| not_found(name))?;
    let schedule = Schedule {
        created_at: known.created_at,
        ..read(call, name)?
    };
    update(&call.aws.scheduler, schedule);
    Ok(json!({ "ScheduleArn": schedule_arn(name) }))
}

fn read(call: Call<'_>, name: &str) -> Result<Schedule, ApiError> {
    let input = &call.input;
    let expression = input.required_text("ScheduleExpression")?;
    let due = due(expression)
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {expression}.")))?;
    let zone = input.text("ScheduleExpressionTimezone")?;
    if zone.is_some_and(|zone| zone != "UTC") {
        let message = "Invalid ScheduleExpressionTimezone: the rehearsal supports UTC only.";
        return Err(invalid(message));
    }
    let after = match input.text("ActionAfterCompletion")?.unwrap_or("NONE") {
        "DELETE" => AfterCompletion::Delete,
        "NONE" => AfterCompletion::Keep,
        other => return Err(not_one_of(other, "actionAfterCompletion", "[NONE, DELETE]")),
    };
    let state = match input.text("State")?.unwrap_or("ENABLED") {
        "ENABLED" => State::Enabled,
        "DISABLED" => State::Disabled,
        other => return Err(not_one_of(other, "state", "[ENABLED, DISABLED]")),
    };
    let (function, role, payload) = target(&input.required_structure("Target")?)?;
    if !call.aws.iam.trusts_scheduler(&role) {
        let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        return Err(invalid(message));
    }
    Ok(Schedule {
        name: name.to_owned(),
        members: Value::Object(input.raw().clone()),
        due: due + flexible(&input.required_structure("FlexibleTimeWindow")?)?,
        function,
        role,
        input: payload,
        after,
        state,
        created_at: call.aws.clock.now(),
        changed_at: call.aws.clock.now(),
    })
}

fn not_one_of(value: &str, member: &str, values: &str) -> ApiError {
    not_satisfied(
        value,
        member,
        &format!("Member must satisfy enum value set: {values}"),
    )
}

/// How much later than its time a schedule may invoke its target: here it uses all of its window.
fn flexible(window: &Input<'_>) -> Result<Duration, ApiError> {
    let minutes = window.integer("MaximumWindowInMinutes")?;
    match (window.required_text("Mode")?, minutes) {
        ("OFF", None) => Ok(Duration::ZERO),
        ("OFF", Some(_)) => Err(invalid(
            "MaximumWindowInMinutes should not be specified when FlexibleTimeWindow Mode is OFF.",
        )),
        ("FLEXIBLE", Some(minutes @ 1..=1440)) => {
            Ok(Duration::from_secs(60 * minutes.unsigned_abs()))
        }
        ("FLEXIBLE", _) => Err(invalid(
            "MaximumWindowInMinutes must be between 1 and 1440 when FlexibleTimeWindow Mode is FLEXIBLE.",
        )),
        (mode, _) => Err(not_one_of(
            mode,
            "flexibleTimeWindow.mode",
            "[OFF, FLEXIBLE]",
        )),
    }
}

/// The target's function, the role to invoke it with, and its payload.
fn target(target: &Input<'_>) -> Result<(String, String, Value), ApiError> {
    let function = target.required_text("Arn")?;
    if !function.starts_with("arn:") || !function.contains(":lambda:") {
        let message = format!("Invalid Arn {function}: the rehearsal calls Lambda functions only.");
        return Err(invalid(message));
    }
    let role = target.required_text("RoleArn")?;
    let is_role = matches!(
        role.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "iam", "", account, name] if account.len() == 12 && name.len() > 5 && name.starts_with("role/")
    );
    if !is_role {
        let constraint = "Member must satisfy regular expression pattern: \
                          arn:aws[a-z-]*:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+";
        return Err(not_satisfied(role, "target.roleArn", constraint));
    }
    if let Some(policy) = target.structure("RetryPolicy")? {
        let limits = [
            ("MaximumRetryAttempts", 0, 185),
            ("MaximumEventAgeInSeconds", 60, 86_400),
        ];
        for (member, least, most) in limits {
            let value = policy
                .integer(member)?
                .filter(|value| !(least..=most).contains(value));
            if let Some(value) = value {
                let constraint = format!("Member must have value between {least} and {most}");
                return Err(not_satisfied(
                    &value.to_string(),
                    &format!("target.retryPolicy.{member}"),
                    &constraint,
                ));
            }
        }
    }
    let input = target.text("Input")?.unwrap_or("{}");
    let payload = serde_json::from_str(input)
        .map_err(|_| invalid("Invalid RequestJson provided. Reason: The Input is not JSON."))?;
    Ok((function.to_owned(), role.to_owned(), payload))
}

fn get_schedule(call: Call<'_>) -> Answer {
    group(call)?;
    let name = call.input.required_text("Name")?;
    let schedule = call
        .aws
        .scheduler
        .find(name)
        .ok_or_else(|| not_found(name))?;
    let mut answer: Map<String, Value> = schedule.members.as_object().cloned().unwrap_or_default();
    answer.shift_remove("ClientToken");
    for (member, value) in [
        ("Arn", json!(schedule_arn(name))),
        ("GroupName", json!("default")),
        ("State", json!(schedule.state.as_str())),
        ("ActionAfterCompletion", json!("NONE")),
        ("ScheduleExpressionTimezone", json!("UTC")),
        ("CreationDate", epoch_seconds(schedule.created_at)),
        ("LastModificationDate", epoch_seconds(schedule.changed_at)),
    ] {
        answer.entry(member).or_insert(value);
    }
    Ok(Value::Object(answer))
}

fn list_schedules(call: Call<'_>) -> Answer {
    let group = call.input.text("ScheduleGroup")?.unwrap_or("default");
    let prefix = call.input.text("NamePrefix")?.unwrap_or_default();
    let state = call.input.text("State")?;
    let size = match call.input.integer("MaxResults")? {
        None => 100,
        Some(size @ 1..=100) => usize::try_from(size).unwrap_or(100),
        Some(size) => {
            let constraint = "Member must have value between 1 and 100";
            return Err(not_satisfied(&size.to_string(), "maxResults", constraint));
        }
    };
    let wanted = |schedule: &Schedule| {
        group == "default"
            && schedule.name.starts_with(prefix)
            && state.is_none_or(|state| state == schedule.state.as_str())
    };
    let describe = |schedule: Schedule| {
        json!({
            "Arn": schedule_arn(&schedule.name),
            "Name": schedule.name,
            "GroupName": "default",
            "State": schedule.state.as_str(),
            "CreationDate": epoch_seconds(schedule.created_at),
            "LastModificationDate": epoch_seconds(schedule.changed_at),
            "Target": { "Arn": schedule.function },
        })
    };
    let all = call.aws.scheduler.all().into_iter();
    let found = all.filter(wanted).map(describe).collect();
    let part = page(found, size, call.input.text("NextToken")?)
        .map_err(|_| invalid("Invalid NextToken."))?;
    let mut answer = json!({ "Schedules": part.items });
    if let Some(token) = part.next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

fn delete_schedule(call: Call<'_>) -> Answer {
    group(call)?;
    let name = call.input.required_text("Name")?;
    call.aws
        .scheduler
        .delete(name)
        .map(|_| json!({}))
        .ok_or_else(|| not_found(name))
}

/// There is only the default group.
fn group(call: Call<'_>) -> Result<(), ApiError> {
    let named = call
        .input
        .text("GroupName")?
        .or(call.input.text("groupName")?)
        .unwrap_or("default");
    if named == "default" {
        return Ok(());
    }
    Err(ApiError::new(
        "ResourceNotFoundException",
        format!("Schedule group {named} does not exist."),
    )
    .with_status(404))
}

/// SAR, Amazon EventBridge Scheduler: `schedule/GROUP/NAME`.
fn on_schedule(call: Call<'_>) -> Vec<Permission> {
    let group = call.named("GroupName").or(call.named("groupName"));
    let group = group.unwrap_or("default");
    let name = call.named_or_any("Name");
    vec![call.on(arn("scheduler", &format!("schedule/{group}/{name}")))]
}

/// A schedule's role is passed to it.
fn on_schedule_with_role(call: Call<'_>) -> Vec<Permission> {
    let target = call.input.value("Target").unwrap_or(&Value::Null);
    let role = target["RoleArn"].as_str().unwrap_or("*");
    let mut needed = on_schedule(call);
    needed.push(pass_role(role, "scheduler.amazonaws.com"));
    needed
}
