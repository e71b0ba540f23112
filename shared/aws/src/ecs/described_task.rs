//! A task as RunTask and DescribeTasks answer it, read from raw JSON.
//!
//! The SDK's types refuse a whole answer for one number that they have no room for, and an exit code can be one: a Windows
//! container that was stopped ends with 3221225786. So each member is read by itself. One that does not matter, or that a
//! decision can do without, is none where it cannot be read; what a verdict is judged by is an error then.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use rules::migration::STOPPED;
use rules::observed::{ContainerOverride, Task, TaskContainer};
use rules::redact::{self, Places};
use serde_json::Value;
use time::UtcDateTime;

use crate::call::{Call, CallFailed};
use crate::text::time_from;

/// What RunTask can override for a task beside its containers.
const OF_TASK: [&str; 5] = [
    "cpu",
    "memory",
    "taskRoleArn",
    "executionRoleArn",
    "ephemeralStorage",
];
/// What it can override for a container beside its command and its environment.
const OF_CONTAINER: [&str; 5] = [
    "cpu",
    "environmentFiles",
    "memory",
    "memoryReservation",
    "resourceRequirements",
];

/// One element of `tasks`.
pub(super) fn translate(call: &Call, task: &Value) -> Result<Task, CallFailed> {
    let last_status = call.required(task["lastStatus"].as_str(), "tasks.lastStatus")?;
    let (overrides, other_overrides) = overrides_from(&task["overrides"]);
    let reasons =
        elements(&task["containers"]).filter_map(|container| container["reason"].as_str());
    let secret_places = Places::of(task["stoppedReason"].as_str().into_iter().chain(reasons));
    Ok(Task {
        arn: call.name(task["taskArn"].as_str(), "tasks.taskArn")?,
        cluster: call
            .required(task["clusterArn"].as_str(), "tasks.clusterArn")?
            .to_owned(),
        revision: call.name(
            task["taskDefinitionArn"].as_str(),
            "tasks.taskDefinitionArn",
        )?,
        started_by: text(&task["startedBy"]),
        last_status: last_status.to_owned(),
        stop_code: text(&task["stopCode"]),
        stopped_reason: task["stoppedReason"].as_str().map(redact::redact),
        created_at: time(&task["createdAt"]),
        started_at: time(&task["startedAt"]),
        stopped_at: time(&task["stoppedAt"]),
        containers: elements(&task["containers"])
            .filter_map(|container| container_from(call, container, last_status).transpose())
            .collect::<Result<_, _>>()?,
        overrides,
        other_overrides,
        secret_places,
    })
}

/// None for what has no name, which is none of the revision's containers.
fn container_from(
    call: &Call,
    container: &Value,
    task_status: &str,
) -> Result<Option<TaskContainer>, CallFailed> {
    let name = container["name"].as_str();
    let Some(name) = name.and_then(|name| name.parse().ok()) else {
        return Ok(None);
    };
    // A container that runs has no exit code yet, whatever stands in its place.
    let is_over = task_status == STOPPED || container["lastStatus"] == STOPPED;
    let exit_code = match is_over {
        true => exit_code(call, &container["exitCode"])?,
        false => None,
    };
    Ok(Some(TaskContainer {
        name,
        exit_code,
        reason: container["reason"].as_str().map(redact::redact),
        is_unhealthy: container["healthStatus"] == "UNHEALTHY",
        runtime_id: text(&container["runtimeId"]),
        // Text that is not a digest counts as none; where a digest is needed, its absence is reported.
        image_digest: container["imageDigest"]
            .as_str()
            .and_then(|digest| digest.parse().ok()),
    }))
}

/// An end that cannot be read must not pass for none: a 0 beside it would count.
fn exit_code(call: &Call, code: &Value) -> Result<Option<i64>, CallFailed> {
    if code.is_null() {
        return Ok(None);
    }
    match code.as_i64() {
        Some(code) => Ok(Some(code)),
        None => Err(call.unexpected(&format!(
            "the answer's `tasks.containers.exitCode` is `{code}`, expected an integer"
        ))),
    }
}

/// The overrides by container, and the names of those beside them. What cannot be read is named among the latter, so that it is
/// not taken for nothing where a task is compared with what was started.
fn overrides_from(overrides: &Value) -> (Vec<ContainerOverride>, Vec<String>) {
    let mut others = names_of(overrides, &OF_TASK);
    if !overrides.is_null() && !overrides.is_object() {
        others.push("overrides".to_owned());
    }
    let containers = &overrides["containerOverrides"];
    let read: Vec<Option<ContainerOverride>> = elements(containers).map(override_from).collect();
    let is_readable = containers.is_null() || containers.is_array();
    if !is_readable || read.contains(&None) {
        others.push("containerOverrides".to_owned());
    }
    (read.into_iter().flatten().collect(), others)
}

fn override_from(one: &Value) -> Option<ContainerOverride> {
    let command = strings(&one["command"]);
    let environment = variables(&one["environment"]);
    let unreadable = [
        ("command", command.is_none()),
        ("environment", environment.is_none()),
    ];
    let unreadable = unreadable.into_iter().filter(|(_, is)| *is);
    let mut others = names_of(one, &OF_CONTAINER);
    others.extend(unreadable.map(|(name, _)| name.to_owned()));
    Some(ContainerOverride {
        name: one["name"].as_str()?.parse().ok()?,
        command: command.unwrap_or_default(),
        environment: environment.unwrap_or_default(),
        others,
    })
}

/// Those of these members that are there: ECS may state one that nobody overrode, as null or as an empty list.
fn names_of(value: &Value, members: &[&str]) -> Vec<String> {
    let is_there = |member: &&&str| {
        let member = &value[**member];
        !member.is_null() && member.as_array().is_none_or(|list| !list.is_empty())
    };
    let there = members.iter().filter(is_there);
    there.map(|member| (*member).to_owned()).collect()
}

/// A list of strings, empty where it is left out; none where it is something else.
fn strings(list: &Value) -> Option<Vec<String>> {
    if list.is_null() {
        return Some(Vec::new());
    }
    list.as_array()?.iter().map(text).collect()
}

/// Variables, as `name` and `value`; none where one has no name.
fn variables(list: &Value) -> Option<BTreeMap<String, String>> {
    let variable = |pair: &Value| {
        Some((
            text(&pair["name"])?,
            text(&pair["value"]).unwrap_or_default(),
        ))
    };
    if list.is_null() {
        return Some(BTreeMap::new());
    }
    list.as_array()?.iter().map(variable).collect()
}

/// The elements of a list; none of what is not a list.
pub(super) fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Seconds since 1970, which may have a fraction (Smithy, `epoch-seconds`).
fn time(value: &Value) -> Option<UtcDateTime> {
    time_from(&DateTime::from_secs_f64(value.as_f64()?))
}
