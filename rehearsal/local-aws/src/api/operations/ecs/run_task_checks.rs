//! RunTask's validation, before it starts anything.

use serde_json::Value;

use super::placement;
use super::services::{invalid, known_launch_type};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::ecs::launch::is_platform;
use crate::ecs::registration::check_tags;
use crate::ecs::task_definition::Revision;

pub(super) fn check(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
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
    check_launch(input, revision)?;
    let defined = revision.registered.get("placementConstraints");
    let defined = defined.and_then(Value::as_array).map_or(0, Vec::len);
    placement::check(input, launch_type(input)?, defined)?;
    if input
        .text("propagateTags")?
        .is_some_and(|from| from != "TASK_DEFINITION" && from != "NONE")
    {
        return Err(invalid("propagateTags must be TASK_DEFINITION or NONE."));
    }
    input.structures("tags")?;
    check_tags(input.list("tags")?.map_or(&[], Vec::as_slice)).map_err(invalid)?;
    count(input)?;
    check_network(input, revision)?;
    check_overrides(input, revision)
}

/// Launch type or capacity providers, and whether the revision runs there. The messages are widely reported ones, of
/// CreateService too.
pub(super) fn check_launch(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
    let strategy = input.structures("capacityProviderStrategy")?;
    let given = known_launch_type(input)?;
    if given.is_some() && !strategy.is_empty() {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    if strategy.len() > 20 {
        return Err(invalid(
            "capacityProviderStrategy can have at most 20 items.",
        ));
    }
    for provider in strategy {
        let name = provider.required_text("capacityProvider")?;
        if name != "FARGATE" && name != "FARGATE_SPOT" {
            return Err(invalid(format!(
                "The specified capacity provider {name} was not found."
            )));
        }
    }
    let launch_type = launch_type(input)?;
    if !revision.compatibilities().contains(&launch_type) {
        return Err(invalid(format!(
            "Task definition does not support launch_type {launch_type}."
        )));
    }
    match (input.text("platformVersion")?, launch_type) {
        (None, _) => Ok(()),
        (Some(version), "FARGATE") if is_platform(version) => Ok(()),
        (Some(_), "FARGATE") => Err(ApiError::new(
            "PlatformUnknownException",
            "The specified platform does not exist.",
        )),
        (Some(_), _) => Err(invalid(format!(
            "The platform version must be null when specifying an {launch_type} launch type."
        ))),
    }
}

pub(super) fn count(input: &Input<'_>) -> Result<usize, ApiError> {
    match input.integer("count")? {
        None => Ok(1),
        Some(count @ 1..=10) => Ok(usize::try_from(count).unwrap_or(1)),
        Some(_) => Err(invalid("Task count must be between 1 and 10.")),
    }
}

/// The launch type. A cluster here has no default strategy, so the default is EC2.
pub(super) fn launch_type<'a>(input: &Input<'a>) -> Result<&'a str, ApiError> {
    if let Some(launch_type) = input.text("launchType")? {
        return Ok(launch_type);
    }
    let strategy = input.structures("capacityProviderStrategy")?;
    Ok(if strategy.is_empty() {
        "EC2"
    } else {
        "FARGATE"
    })
}

pub(super) fn check_network(input: &Input<'_>, revision: &Revision) -> Result<(), ApiError> {
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

    use serde_json::json;

    use super::*;

    fn missing(member: &str) -> ApiError {
        invalid(format!("{member} can not be blank."))
    }

    fn revision(network_mode: &str) -> Revision {
        let registered = json!({
            "networkMode": network_mode,
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{ "name": "web", "image": "i" }],
        });
        Revision {
            family: "web".to_owned(),
            number: 1,
            registered: registered.as_object().unwrap().clone().into(),
            tags: Vec::new(),
            registered_at: UNIX_EPOCH,
            registered_by: String::new(),
            deregistered_at: None,
        }
    }

    fn request(change: impl FnOnce(&mut Value)) -> Value {
        let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"] } });
        let mut request = json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network });
        change(&mut request);
        request
    }

    type Change = fn(&mut Value);

    /// The beginning of RunTask's refusal of the changed request; empty when it accepts it.
    fn refusals(cases: &[(Change, &str)]) {
        for (change, sentence) in cases {
            let request = request(change);
            let outcome = check(&Input::new(&request, missing).unwrap(), &revision("awsvpc"));
            let message = outcome.err().map(|error| error.message).unwrap_or_default();
            assert!(
                message.starts_with(sentence) && message.is_empty() == sentence.is_empty(),
                "{request}: {message}"
            );
        }
    }

    #[test]
    fn tokens_marks_counts_and_tags_are_checked() {
        refusals(&[
            (|_| {}, ""),
            (|r| r["clientToken"] = json!("a".repeat(64)), ""),
            (|r| r["clientToken"] = json!("a".repeat(65)), "clientToken"),
            (|r| r["clientToken"] = json!("a b"), "clientToken"),
            (|r| r["clientToken"] = json!("é"), "clientToken"),
            (|r| r["startedBy"] = json!("greenlight/d-8X2K4PLQ3"), ""),
            (|r| r["startedBy"] = json!("a:b"), "startedBy"),
            (|r| r["startedBy"] = json!("a.b"), "startedBy"),
            (|r| r["startedBy"] = json!("a".repeat(128)), ""),
            (|r| r["startedBy"] = json!("a".repeat(129)), "startedBy"),
            (|r| r["count"] = json!(0), "Task count"),
            (|r| r["count"] = json!(10), ""),
            (|r| r["count"] = json!(11), "Task count"),
            (|r| r["propagateTags"] = json!("TASK_DEFINITION"), ""),
            (|r| r["propagateTags"] = json!("SERVICE"), "propagateTags"),
            (
                |r| r["tags"] = json!([{ "key": "aws:x", "value": "" }]),
                "Tag keys",
            ),
        ]);
    }

    #[test]
    fn launch_types_and_platforms_are_checked() {
        refusals(&[
            (
                |r| r["capacityProviderStrategy"] = json!([{ "capacityProvider": "FARGATE" }]),
                "Specifying both",
            ),
            (|r| r["launchType"] = json!("LAMBDA"), "Launch type"),
            (
                |r| r["launchType"] = json!("EXTERNAL"),
                "Task definition does not support launch_type EXTERNAL.",
            ),
            (|r| r["platformVersion"] = json!("1.4.0"), ""),
            (
                |r| r["platformVersion"] = json!("9"),
                "The specified platform",
            ),
            (
                |r| {
                    r["launchType"] = json!("EC2");
                    r["platformVersion"] = json!("LATEST")
                },
                "The platform version must be null",
            ),
            (
                |r| {
                    r["launchType"] = json!(null);
                    r["capacityProviderStrategy"] = json!([{ "capacityProvider": "spot" }])
                },
                "The specified capacity provider spot",
            ),
        ]);
        let mut on_fargate = request(|_| {});
        on_fargate["networkConfiguration"] = json!(null);
        let outcome = check(
            &Input::new(&on_fargate, missing).unwrap(),
            &revision("bridge"),
        );
        assert_eq!(
            outcome.unwrap_err().message,
            "Task definition does not support launch_type FARGATE."
        );
    }

    #[test]
    fn fargate_takes_no_placement() {
        refusals(&[
            (
                |r| r["placementStrategy"] = json!([{ "type": "random" }]),
                "Placement strategies are not supported with FARGATE launch type.",
            ),
            (
                |r| {
                    r["launchType"] = json!("EC2");
                    r["placementStrategy"] = json!([{ "type": "random" }])
                },
                "",
            ),
        ]);
    }

    #[test]
    fn awsvpc_needs_a_network_and_other_modes_refuse_it() {
        refusals(&[
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
        ]);
        for (mode, network, refused) in [
            (
                "bridge",
                request(|_| {})["networkConfiguration"].clone(),
                true,
            ),
            ("bridge", json!(null), false),
            ("host", json!(null), false),
        ] {
            let mut request = request(|r| r["launchType"] = json!("EC2"));
            request["networkConfiguration"] = network;
            let outcome = check(&Input::new(&request, missing).unwrap(), &revision(mode));
            let message = outcome.err().map(|error| error.message);
            let sentence = "Network Configuration is not valid for the given networkMode of this task definition.";
            assert_eq!(message.as_deref(), refused.then_some(sentence), "{mode}");
        }
    }

    #[test]
    fn overrides_name_a_container_and_have_8192_characters() {
        refusals(&[(
            |r| r["overrides"] = json!({ "containerOverrides": [{ "name": "other" }] }),
            "Override for container named other",
        )]);
        // With a value of no characters this is the length of everything around it.
        let length = |value: usize| {
            let environment = json!([{ "name": "A", "value": "é".repeat(value) }]);
            json!({ "containerOverrides": [{ "name": "web", "environment": environment }] })
        };
        let around = length(0).to_string().chars().count();
        for (value, refused) in [(8192 - around, false), (8193 - around, true)] {
            let request = request(|r| r["overrides"] = length(value));
            let outcome = check(&Input::new(&request, missing).unwrap(), &revision("awsvpc"));
            let message = outcome.err().map(|error| error.message);
            let sentence = "Container Overrides length must be at most 8192";
            assert_eq!(message.as_deref(), refused.then_some(sentence));
        }
    }
}
