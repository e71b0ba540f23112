//! RunTask: what it refuses, and the tasks that it starts.

use serde_json::{Value, json};

use super::ecs_services::{cluster, invalid};
use super::ecs_tasks::described;
use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::stamp::epoch_seconds;
use crate::ecs::launch::{Launch, launch};
use crate::ecs::task::Task;
use crate::ecs::task_definition::Revision;

pub(super) fn run_task(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("taskDefinition")?;
    let (cluster, revision) = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let found = state.revision(wanted).cloned();
        let revision =
            found.ok_or_else(|| ApiError::new("ClientException", "TaskDefinition not found."))?;
        Ok::<_, ApiError>((cluster, revision))
    })?;
    if !revision.is_active() {
        return Err(ApiError::new(
            "ClientException",
            "TaskDefinition is inactive",
        ));
    }
    check(&call.input, &revision)?;
    let token = call.input.text("clientToken")?;
    if let Some(arns) = token
        .map(|token| same_request(call, token))
        .transpose()?
        .flatten()
    {
        return Ok(json!({ "tasks": described(call, &arns), "failures": [] }));
    }
    let started: Vec<Task> = (0..count(&call.input)?)
        .map(|_| {
            Ok(launch(
                call.aws,
                launch_of(&call.input, &cluster, &revision)?,
            ))
        })
        .collect::<Result<_, ApiError>>()?;
    let arns: Vec<String> = started.iter().map(|task| task.arn.clone()).collect();
    if let Some(token) = token {
        let request = (Value::Object(call.input.raw().clone()), arns);
        call.aws
            .ecs
            .write(|state| state.client_tokens.insert(token.to_owned(), request));
    }
    let tasks: Vec<Value> = started
        .iter()
        .map(|task| task.describe(epoch_seconds))
        .collect();
    Ok(json!({ "tasks": tasks, "failures": [] }))
}

fn launch_of(input: &Input<'_>, cluster: &str, revision: &Revision) -> Result<Launch, ApiError> {
    let overrides = input
        .value("overrides")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut overrides = overrides.as_object().cloned().unwrap_or_default();
    overrides
        .entry("containerOverrides")
        .or_insert_with(|| json!([]));
    let group = input.text("group")?;
    Ok(Launch {
        cluster: cluster.to_owned(),
        revision: revision.clone(),
        launch_type: input.text("launchType")?.unwrap_or("EC2").to_owned(),
        service: None,
        group: group.map_or_else(|| format!("family:{}", revision.family), ToOwned::to_owned),
        started_by: input.text("startedBy")?.map(ToOwned::to_owned),
        overrides: Value::Object(overrides),
        tags: input.list("tags")?.cloned().unwrap_or_default(),
    })
}

fn count(input: &Input<'_>) -> Result<usize, ApiError> {
    match input.integer("count")? {
        None => Ok(1),
        Some(count @ 1..=10) => Ok(usize::try_from(count).unwrap_or(1)),
        Some(_) => Err(invalid("Task count must be between 1 and 10.")),
    }
}

/// The tasks of an earlier request with this token, which must have been the same request.
fn same_request(call: Call<'_>, token: &str) -> Result<Option<Vec<String>>, ApiError> {
    let known = call
        .aws
        .ecs
        .read(|state| state.client_tokens.get(token).cloned());
    match known {
        None => Ok(None),
        Some((request, arns)) if request.as_object() == Some(call.input.raw()) => Ok(Some(arns)),
        Some((_, arns)) => {
            let message = format!(
                "The client token was used with different parameters: {}",
                arns.join(", ")
            );
            Err(ApiError::new("ConflictException", message))
        }
    }
}

/// What RunTask refuses before it starts anything.
fn check(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
    let token = input.text("clientToken")?;
    if token.is_some_and(|token| {
        token.len() > 64 || !token.bytes().all(|byte| (33..=126).contains(&byte))
    }) {
        return Err(invalid(
            "clientToken must have up to 64 characters in the range of 33 to 126.",
        ));
    }
    let charset = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-/_".contains(&byte))
    };
    if input
        .text("startedBy")?
        .is_some_and(|text| text.len() > 128 || !charset(text))
    {
        return Err(invalid(
            "startedBy must have up to 128 letters, numbers, hyphens, forward slashes and underscores.",
        ));
    }
    if input.text("launchType")?.is_some()
        && input
            .list("capacityProviderStrategy")?
            .is_some_and(|list| !list.is_empty())
    {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    if input
        .text("propagateTags")?
        .is_some_and(|from| from != "TASK_DEFINITION" && from != "NONE")
    {
        return Err(invalid("propagateTags must be TASK_DEFINITION or NONE."));
    }
    input.structures("tags")?;
    count(input)?;
    check_network(input, revision)?;
    check_overrides(input, revision)
}

fn check_network(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
    let network = input.structure("networkConfiguration")?;
    let awsvpc = network
        .map(|network| network.structure("awsvpcConfiguration"))
        .transpose()?
        .flatten();
    match (revision.network_mode(), awsvpc) {
        ("awsvpc", None) => Err(invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )),
        ("awsvpc", Some(settings)) => {
            let (subnets, groups) = (
                settings.texts("subnets")?,
                settings.texts("securityGroups")?,
            );
            match settings.text("assignPublicIp")?.unwrap_or("DISABLED") {
                "ENABLED" | "DISABLED" => {}
                other => return Err(invalid(format!("Invalid assignPublicIp: {other}"))),
            }
            match (subnets.len(), groups.len()) {
                (0, _) => Err(invalid("subnets can not be empty.")),
                (17.., _) => Err(invalid("subnets can have at most 16 items.")),
                (_, 6..) => Err(invalid("securityGroups can have at most 5 items.")),
                (_, _) => Ok(()),
            }
        }
        (_, Some(_)) => Err(invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        (_, None) => Ok(()),
    }
}

fn check_overrides(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
    let Some(overrides) = input.structure("overrides")? else {
        return Ok(());
    };
    if Value::Object(overrides.raw().clone())
        .to_string()
        .chars()
        .count()
        > 8192
    {
        return Err(invalid("Container Overrides length must be at most 8192"));
    }
    for container in overrides.structures("containerOverrides")? {
        let name = container.required_text("name")?;
        container.texts("command")?;
        for entry in container.structures("environment")? {
            entry.text("name")?;
            entry.text("value")?;
        }
        if !revision.images().iter().any(|(known, _)| known == name) {
            return Err(invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn missing(member: &str) -> ApiError {
        invalid(format!("{member} can not be blank."))
    }

    fn revision(network_mode: &str) -> Revision {
        let registered = json!({
            "networkMode": network_mode,
            "containerDefinitions": [{ "name": "web", "image": "i" }],
        });
        Revision {
            family: "web".to_owned(),
            number: 1,
            registered: registered.as_object().unwrap().clone(),
            tags: Vec::new(),
            registered_at: UNIX_EPOCH,
            deregistered_at: None,
        }
    }

    fn request(change: impl FnOnce(&mut Value)) -> Value {
        let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"] } });
        let mut request = json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network });
        change(&mut request);
        request
    }

    #[test]
    fn run_task_is_refused_as_ecs_refuses_it() {
        type Change = fn(&mut Value);
        let environment = json!([{ "name": "A", "value": "x".repeat(8192) }]);
        let cases: [(Change, &str); 13] = [
            (|_| {}, ""),
            (|r| r["clientToken"] = json!("a".repeat(65)), "clientToken"),
            (|r| r["clientToken"] = json!("a b"), "clientToken"),
            (|r| r["startedBy"] = json!("greenlight/d-8X2K4PLQ3"), ""),
            (|r| r["startedBy"] = json!("a:b"), "startedBy"),
            (|r| r["startedBy"] = json!("a".repeat(129)), "startedBy"),
            (|r| r["count"] = json!(11), "Task count"),
            (
                |r| r["networkConfiguration"] = json!(null),
                "Network Configuration must",
            ),
            (
                |r| r["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = json!([]),
                "subnets",
            ),
            (
                |r| {
                    r["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] =
                        json!(["1", "2", "3", "4", "5", "6"])
                },
                "securityGroups",
            ),
            (
                |r| r["capacityProviderStrategy"] = json!([{ "capacityProvider": "FARGATE" }]),
                "Specifying both",
            ),
            (|r| r["propagateTags"] = json!("SERVICE"), "propagateTags"),
            (
                |r| r["overrides"] = json!({ "containerOverrides": [{ "name": "other" }] }),
                "Override for container named other",
            ),
        ];
        for (change, sentence) in cases {
            let request = request(change);
            let outcome = check(&Input::new(&request, missing).unwrap(), &revision("awsvpc"));
            let message = outcome.err().map(|error| error.message).unwrap_or_default();
            assert!(
                message.starts_with(sentence) && message.is_empty() == sentence.is_empty(),
                "{request}: {message}"
            );
        }
        let long = request(|r| {
            r["overrides"] =
                json!({ "containerOverrides": [{ "name": "web", "environment": environment }] })
        });
        let outcome = check(&Input::new(&long, missing).unwrap(), &revision("awsvpc"));
        assert_eq!(
            outcome.unwrap_err().message,
            "Container Overrides length must be at most 8192"
        );
        let network = request(|_| {});
        let outcome = check(&Input::new(&network, missing).unwrap(), &revision("bridge"));
        assert!(
            outcome
                .unwrap_err()
                .message
                .starts_with("Network Configuration is not valid")
        );
    }
}
