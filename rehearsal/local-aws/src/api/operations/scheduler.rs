//! EventBridge Scheduler's operations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::{no_resource, pass_role};
use crate::api::validation::{Violations, is_of, member};
use crate::iam::Permission;
use crate::identity::arn;
use crate::scheduler::{AfterCompletion, Expression, Schedule, State, create, update};
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

const INVALID: &str = "ValidationException";
/// 9999-12-31T23:59:59Z, the latest time that `at(…)` can have.
const LATEST: f64 = 253_402_300_799.0;
const NAME: &str = "[0-9a-zA-Z-_.]+";
const ROLE: &str = r"arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+";

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(INVALID, message)
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

/// How old the `StartDate` of a new schedule may be.
const OLDEST_START: Duration = Duration::from_secs(5 * 60);

fn create_schedule(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    Violations::new(INVALID)
        .length("name", Some(name), 1, 64)
        .pattern("name", Some(name), NAME, |name| is_of(name, "-_."))
        .check()?;
    group(call)?;
    let schedule = read(call, name, Expression::first)?;
    check_is_ahead(call, &schedule)?;
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

/// A recurring schedule's `StartDate` may be five minutes old; public programs report this sentence. It is not confirmed whether
/// a one-time schedule may be past: it calls at once. Nothing is known of updates.
fn check_is_ahead(call: Call<'_>, schedule: &Schedule) -> Result<(), ApiError> {
    match schedule.expression {
        Expression::Once(_) => Ok(()),
        Expression::Every(_) | Expression::Cron(_) => {
            let start = date(&call.input, "StartDate")?;
            match start.is_some_and(|start| start + OLDEST_START < schedule.created_at) {
                true => Err(invalid(
                    "The StartDate you specify cannot be earlier than 5 minutes ago.",
                )),
                false => Ok(()),
            }
        }
    }
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
        ..read(call, name, Expression::first_after_update)?
    };
    update(&call.aws.scheduler, schedule);
    Ok(json!({ "ScheduleArn": schedule_arn(name) }))
}

/// The first time of an expression, by its `StartDate` and the time of the request.
type First = fn(&Expression, Option<SystemTime>, SystemTime) -> Option<SystemTime>;

fn read(call: Call<'_>, name: &str, first: First) -> Result<Schedule, ApiError> {
    let input = &call.input;
    let written = input.required_text("ScheduleExpression")?;
    let expression = Expression::parse(written)
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {written}.")))?;
    check_options(input)?;
    let (from, until) = (date(input, "StartDate")?, date(input, "EndDate")?);
    let now = call.aws.clock.now();
    let due = first(&expression, from, now);
    // Scheduler ignores the `EndDate` of a one-time schedule (API Reference, CreateSchedule).
    let until = match expression {
        Expression::Once(_) => None,
        Expression::Every(_) | Expression::Cron(_) => until,
    };
    let after = match input.text("ActionAfterCompletion")? {
        Some("DELETE") => AfterCompletion::Delete,
        Some(_) | None => AfterCompletion::Keep,
    };
    let state = match input.text("State")? {
        Some("DISABLED") => State::Disabled,
        Some(_) | None => State::Enabled,
    };
    let (function, role, payload) = target(&input.required_structure("Target")?)?;
    if !call.aws.iam.trusts_scheduler(&role) {
        let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        return Err(invalid(message));
    }
    Ok(Schedule {
        name: name.to_owned(),
        members: Value::Object(input.raw().clone()),
        expression,
        due,
        delay: flexible(&input.required_structure("FlexibleTimeWindow")?)?,
        until,
        function,
        role,
        input: payload,
        after,
        state,
        created_at: now,
        changed_at: now,
    })
}

/// The options of a schedule that have a few values.
fn check_options(input: &Input<'_>) -> Result<(), ApiError> {
    let zone = input.text("ScheduleExpressionTimezone")?;
    Violations::new(INVALID)
        .length("description", input.text("Description")?, 0, 512)
        .length("scheduleExpressionTimezone", zone, 1, 50)
        .one_of("state", input.text("State")?, &["ENABLED", "DISABLED"])
        .one_of(
            "actionAfterCompletion",
            input.text("ActionAfterCompletion")?,
            &["NONE", "DELETE"],
        )
        .check()?;
    match zone.filter(|zone| !["UTC", "Etc/UTC", "GMT", "Etc/GMT"].contains(zone)) {
        None => Ok(()),
        Some(zone) => Err(invalid(not_simulated(&format!(
            "the time zone `{zone}` of a schedule, only UTC"
        )))),
    }
}

/// A time in seconds since 1970: one in milliseconds is beyond the latest. AWS's limits are not published; the sentence is
/// that of its validation.
fn date(input: &Input<'_>, name: &str) -> Result<Option<SystemTime>, ApiError> {
    let seconds = input.number(name)?;
    Violations::new(INVALID)
        .range(&member(name), seconds, 0.0, LATEST)
        .check()?;
    let since = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds));
    Ok(seconds.and_then(since))
}

/// How much later than its time a schedule may invoke its target: here it uses all of its window.
fn flexible(window: &Input<'_>) -> Result<Duration, ApiError> {
    let minutes = window.integer("MaximumWindowInMinutes")?;
    let mode = window.required_text("Mode")?;
    Violations::new(INVALID)
        .range(
            "flexibleTimeWindow.maximumWindowInMinutes",
            minutes,
            1,
            1440,
        )
        .one_of("flexibleTimeWindow.mode", Some(mode), &["OFF", "FLEXIBLE"])
        .check()?;
    match (mode, minutes) {
        ("OFF", Some(_)) => Err(invalid(
            "MaximumWindowInMinutes should not be specified when FlexibleTimeWindow Mode is OFF.",
        )),
        ("FLEXIBLE", None) => Err(invalid(
            "MaximumWindowInMinutes must be between 1 and 1440 when FlexibleTimeWindow Mode is FLEXIBLE.",
        )),
        (_, minutes) => Ok(Duration::from_secs(
            60 * minutes.unwrap_or(0).unsigned_abs(),
        )),
    }
}

/// The target's function, the role to invoke it with, and its payload.
fn target(target: &Input<'_>) -> Result<(String, String, Value), ApiError> {
    let function = target.required_text("Arn")?;
    if !function.starts_with("arn:") || !function.contains(":lambda:") {
        return Err(invalid(not_simulated(&format!(
            "schedules with the target `{function}`, only those with a Lambda function"
        ))));
    }
    let role = target.required_text("RoleArn")?;
    let is_role = matches!(
        role.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "iam", "", account, name] if account.len() == 12 && name.len() > 5 && name.starts_with("role/")
    );
    Violations::new(INVALID)
        .pattern("target.roleArn", Some(role), ROLE, |_| is_role)
        .check()?;
    if let Some(policy) = target.structure("RetryPolicy")? {
        let attempts = policy.integer("MaximumRetryAttempts")?;
        let age = policy.integer("MaximumEventAgeInSeconds")?;
        Violations::new(INVALID)
            .range(
                "target.retryPolicy.maximumRetryAttempts",
                attempts,
                0,
                MOST_ATTEMPTS,
            )
            .range(
                "target.retryPolicy.maximumEventAgeInSeconds",
                age,
                60,
                OLDEST_EVENT,
            )
            .check()?;
    }
    let input = target.text("Input")?.unwrap_or("{}");
    let payload = serde_json::from_str(input)
        .map_err(|_| invalid("Invalid RequestJson provided. Reason: The Input is not JSON."))?;
    Ok((function.to_owned(), role.to_owned(), payload))
}

/// How often at most, and until what age in seconds, a target is called again; both are the defaults too.
const MOST_ATTEMPTS: i64 = 185;
const OLDEST_EVENT: i64 = 86_400;

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
    if let Some(target) = answer.get_mut("Target").and_then(Value::as_object_mut) {
        let policy = target.entry("RetryPolicy").or_insert_with(|| json!({}));
        for (member, default) in [
            ("MaximumEventAgeInSeconds", json!(OLDEST_EVENT)),
            ("MaximumRetryAttempts", json!(MOST_ATTEMPTS)),
        ] {
            if policy[member].is_null() {
                policy[member] = default;
            }
        }
    }
    Ok(Value::Object(answer))
}

fn list_schedules(call: Call<'_>) -> Answer {
    let group = call.input.text("ScheduleGroup")?.unwrap_or("default");
    let prefix = call.input.text("NamePrefix")?.unwrap_or_default();
    let state = call.input.text("State")?;
    let most = call.input.integer("MaxResults")?;
    Violations::new(INVALID)
        .range("maxResults", most, 1, 100)
        .one_of("state", state, &["ENABLED", "DISABLED"])
        .check()?;
    let size = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
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
