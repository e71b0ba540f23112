//! EventBridge Scheduler's operations.

use serde_json::{Map, Value, json};

use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::api::stamp::epoch_seconds;
use crate::identity::arn;
use crate::scheduler::{AfterCompletion, Schedule, create, due};

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
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

pub(super) fn create_schedule(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.len() > 64 || !name.bytes().all(plain) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [0-9a-zA-Z-_.]+"
        )));
    }
    group(call)?;
    let expression = call.input.required_text("ScheduleExpression")?;
    let due = due(expression)
        .ok_or_else(|| invalid(format!("Invalid Schedule Expression {expression}.")))?;
    if call
        .input
        .text("ScheduleExpressionTimezone")?
        .is_some_and(|zone| zone != "UTC")
    {
        return Err(invalid(
            "Invalid ScheduleExpressionTimezone: the rehearsal knows UTC only.",
        ));
    }
    match call
        .input
        .required_structure("FlexibleTimeWindow")?
        .required_text("Mode")?
    {
        "OFF" => {}
        mode => {
            return Err(invalid(format!(
                "Invalid FlexibleTimeWindow mode {mode} for a one-time schedule."
            )));
        }
    }
    let after = match call.input.text("ActionAfterCompletion")?.unwrap_or("NONE") {
        "DELETE" => AfterCompletion::Delete,
        "NONE" => AfterCompletion::Keep,
        other => return Err(invalid(format!("Invalid ActionAfterCompletion {other}."))),
    };
    let target = call.input.required_structure("Target")?;
    let function = target.required_text("Arn")?.to_owned();
    let role = target.required_text("RoleArn")?.to_owned();
    if !call.aws.iam.trusts_scheduler(&role) {
        let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        return Err(invalid(message));
    }
    let input = target.text("Input")?.unwrap_or("{}");
    let input =
        serde_json::from_str(input).map_err(|_| invalid("Invalid Input: it must be JSON."))?;
    let members = Value::Object(call.input.raw().clone());
    let now = call.aws.clock.now();
    let schedule = Schedule {
        name: name.to_owned(),
        members,
        due,
        function,
        role,
        input,
        after,
        created_at: now,
    };
    create(call.aws, schedule).map_err(|_| {
        ApiError::new(
            "ConflictException",
            format!("Schedule {name} already exists."),
        )
        .with_status(409)
    })?;
    Ok(json!({ "ScheduleArn": schedule_arn(name) }))
}

pub(super) fn get_schedule(call: Call<'_>) -> Answer {
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
        ("State", json!("ENABLED")),
        ("CreationDate", epoch_seconds(schedule.created_at)),
        ("LastModificationDate", epoch_seconds(schedule.created_at)),
    ] {
        answer.entry(member).or_insert(value);
    }
    Ok(Value::Object(answer))
}

pub(super) fn delete_schedule(call: Call<'_>) -> Answer {
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
