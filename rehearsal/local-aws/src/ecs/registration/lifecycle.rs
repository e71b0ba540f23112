//! The start and the health of containers: dependencies, time-outs, health checks, restart policies.
//!
//! That these are refused, and the numbers, are documented (ECS API Reference, ContainerDefinition, ContainerDependency,
//! HealthCheck, ContainerRestartPolicy); the sentences are inferred.

use serde_json::{Map, Value};

const CONDITIONS: [&str; 4] = ["START", "COMPLETE", "SUCCESS", "HEALTHY"];
/// Exit codes that a restart policy can ignore.
const IGNORED_AT_MOST: usize = 50;

pub(super) fn check(registered: &Map<String, Value>) -> Result<(), String> {
    let containers = registered
        .get("containerDefinitions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default();
        check_dependencies(name, container, containers)?;
        check_health(name, &container["healthCheck"])?;
        check_restarts(name, &container["restartPolicy"])?;
        between(name, container, "startTimeout", 2, 120)?;
    }
    check_circles(containers)
}

fn invalid(name: &str, why: &str) -> String {
    format!("Invalid setting for container '{name}'. {why}")
}

fn between(name: &str, object: &Value, member: &str, low: i64, high: i64) -> Result<(), String> {
    match object[member].as_i64() {
        Some(given) if !(low..=high).contains(&given) => Err(invalid(
            name,
            &format!("'{member}' must be between {low} and {high}."),
        )),
        Some(_) | None => Ok(()),
    }
}

fn check_dependencies(name: &str, container: &Value, all: &[Value]) -> Result<(), String> {
    for dependency in needs(container) {
        let condition = dependency["condition"].as_str().unwrap_or_default();
        if !CONDITIONS.contains(&condition) {
            let known = CONDITIONS.join(", ");
            return Err(invalid(
                name,
                &format!("'condition' must be one of {known}."),
            ));
        }
        let other = dependency["containerName"].as_str().unwrap_or_default();
        let Some(found) = all.iter().find(|one| one["name"] == other) else {
            return Err(invalid(
                name,
                &format!("It depends on the unknown container '{other}'."),
            ));
        };
        let ends = ["COMPLETE", "SUCCESS"].contains(&condition);
        if ends && found["essential"] != false {
            let why = format!(
                "The condition {condition} can't be set on the essential container '{other}'."
            );
            return Err(invalid(name, &why));
        }
        if condition == "HEALTHY" && !found["healthCheck"].is_object() {
            let why =
                format!("The condition HEALTHY requires a health check of container '{other}'.");
            return Err(invalid(name, &why));
        }
    }
    Ok(())
}

fn needs(container: &Value) -> impl Iterator<Item = &Value> {
    container["dependsOn"].as_array().into_iter().flatten()
}

/// Takes away containers that need none of the others, until none is left.
fn check_circles(containers: &[Value]) -> Result<(), String> {
    let mut left: Vec<&Value> = containers.iter().collect();
    while !left.is_empty() {
        let is_free = |one: &&Value| {
            needs(one).all(|need| {
                !left
                    .iter()
                    .any(|other| other["name"] == need["containerName"])
            })
        };
        match left.iter().position(is_free) {
            Some(index) => drop(left.remove(index)),
            None => return Err("Container dependencies must not form a circle.".to_owned()),
        }
    }
    Ok(())
}

fn check_health(name: &str, check: &Value) -> Result<(), String> {
    if check.is_null() {
        return Ok(());
    }
    let command = check["command"].as_array();
    if command.is_none_or(Vec::is_empty) {
        return Err(invalid(name, "'healthCheck.command' must be specified."));
    }
    between(name, check, "interval", 5, 300)?;
    between(name, check, "timeout", 2, 60)?;
    between(name, check, "retries", 1, 10)?;
    between(name, check, "startPeriod", 0, 300)
}

fn check_restarts(name: &str, policy: &Value) -> Result<(), String> {
    if policy.is_null() {
        return Ok(());
    }
    if !policy["enabled"].is_boolean() {
        return Err(invalid(name, "'restartPolicy.enabled' must be specified."));
    }
    let ignored = policy["ignoredExitCodes"].as_array().map_or(0, Vec::len);
    if ignored > IGNORED_AT_MOST {
        let why = format!("'restartPolicy' can ignore at most {IGNORED_AT_MOST} exit codes.");
        return Err(invalid(name, &why));
    }
    between(name, policy, "restartAttemptPeriod", 60, 1800)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// ECS's refusal of these containers; empty where it takes them.
    fn refusal(containers: Value) -> String {
        let registered = json!({ "containerDefinitions": containers });
        let registered = registered.as_object().cloned().unwrap_or_default();
        check(&registered).err().unwrap_or_default()
    }

    #[test]
    fn dependencies_are_checked() {
        let on = |other: &str, condition: &str| {
            let needs = json!([{ "containerName": other, "condition": condition }]);
            json!({ "name": "web", "dependsOn": needs })
        };
        let init = |essential: bool| json!({ "name": "init", "essential": essential });
        for (containers, expected) in [
            (json!([init(false), on("init", "SUCCESS")]), ""),
            (json!([init(true), on("init", "START")]), ""),
            (
                json!([init(true), on("init", "SUCCESS")]),
                "can't be set on the essential container 'init'.",
            ),
            (
                json!([init(false), on("init", "HEALTHY")]),
                "requires a health check of container 'init'.",
            ),
            (
                json!([init(false), on("init", "READY")]),
                "must be one of START, COMPLETE, SUCCESS, HEALTHY.",
            ),
            (json!([on("init", "START")]), "unknown container 'init'."),
            (json!([on("web", "START")]), "must not form a circle."),
        ] {
            let said = refusal(containers.clone());
            assert!(said.ends_with(expected), "{containers}: {said}");
            assert_eq!(said.is_empty(), expected.is_empty(), "{containers}: {said}");
        }
    }

    #[test]
    fn numbers_are_checked() {
        let check = |change: Value| json!({ "name": "web", "healthCheck": change });
        let policy = |change: Value| json!({ "name": "web", "restartPolicy": change });
        let command = json!(["CMD", "true"]);
        for (container, expected) in [
            (check(json!({ "command": command })), ""),
            (check(json!({})), "'healthCheck.command' must be specified."),
            (
                check(json!({ "command": command, "interval": 4 })),
                "'interval' must be between 5 and 300.",
            ),
            (
                check(json!({ "command": command, "timeout": 61 })),
                "'timeout' must be between 2 and 60.",
            ),
            (
                check(json!({ "command": command, "retries": 0 })),
                "'retries' must be between 1 and 10.",
            ),
            (
                check(json!({ "command": command, "startPeriod": 301 })),
                "'startPeriod' must be between 0 and 300.",
            ),
            (policy(json!({ "enabled": true })), ""),
            (
                policy(json!({})),
                "'restartPolicy.enabled' must be specified.",
            ),
            (
                policy(json!({ "enabled": true, "restartAttemptPeriod": 59 })),
                "'restartAttemptPeriod' must be between 60 and 1800.",
            ),
            (
                policy(json!({ "enabled": true, "ignoredExitCodes": vec![1; 51] })),
                "can ignore at most 50 exit codes.",
            ),
            (
                json!({ "name": "web", "startTimeout": 121 }),
                "'startTimeout' must be between 2 and 120.",
            ),
        ] {
            let said = refusal(json!([container]));
            assert!(said.ends_with(expected), "{container}: {said}");
            assert_eq!(said.is_empty(), expected.is_empty(), "{container}: {said}");
        }
    }
}
