//! A revision: the log groups that it writes to, its roles, and the platform that it runs on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::image::Platform;
use crate::observed::TaskDefinition;

/// A log group that a container writes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Its Region, where the revision says it.
    pub region: Option<String>,
    /// Whether ECS makes it where it does not exist (`awslogs-create-group`).
    pub is_made: bool,
}

/// The log groups of a revision, each once.
pub fn log_groups(definition: &TaskDefinition) -> BTreeSet<LogGroup> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let containers = containers.into_iter().flatten();
    let logs = containers.map(|container| &container["logConfiguration"]);
    let awslogs = logs
        .filter(|one| one["logDriver"] == "awslogs")
        .map(|one| &one["options"]);
    let group = |options: &Value| {
        Some(LogGroup {
            name: options["awslogs-group"].as_str()?.to_owned(),
            region: options["awslogs-region"].as_str().map(str::to_owned),
            is_made: options["awslogs-create-group"] == "true",
        })
    };
    awslogs.filter_map(group).collect()
}

/// The roles of a revision: what it calls it, and its ARN or name.
pub fn role_names(definition: &TaskDefinition) -> Vec<(&'static str, &str)> {
    let of = |what, member: &str| Some((what, definition.task_definition[member].as_str()?));
    [
        of("task role", "taskRoleArn"),
        of("execution role", "executionRoleArn"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The platform that its tasks need; none where the instances that they run on decide that. On Fargate it is Linux on X86_64 where nothing
/// else is said (ECS API Reference, RuntimePlatform).
pub fn wanted_platform(definition: &TaskDefinition, is_fargate: bool) -> Option<Platform> {
    let stated = &definition.task_definition["runtimePlatform"];
    let architecture = match stated["cpuArchitecture"].as_str() {
        Some("ARM64") => "arm64",
        Some("X86_64") => "amd64",
        Some(_) => return None,
        None if is_fargate => "amd64",
        None => return None,
    };
    let is_windows = stated["operatingSystemFamily"]
        .as_str()
        .is_some_and(|os| os.starts_with("WINDOWS"));
    let os = if is_windows { "windows" } else { "linux" };
    Some(Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn revision(value: Value) -> TaskDefinition {
        TaskDefinition {
            task_definition: value,
            tags: Value::Null,
        }
    }

    #[test]
    fn the_platform_is_stated_or_fargates_own() {
        let check = |stated: Value, is_fargate: bool, expected: Option<&str>| {
            let definition = revision(json!({ "runtimePlatform": stated }));
            let found = wanted_platform(&definition, is_fargate);
            let found = found.map(|one| format!("{}/{}", one.os, one.architecture));
            assert_eq!(found.as_deref(), expected);
        };
        check(Value::Null, true, Some("linux/amd64"));
        check(Value::Null, false, None);
        check(
            json!({"cpuArchitecture": "ARM64"}),
            false,
            Some("linux/arm64"),
        );
        check(
            json!({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}),
            true,
            Some("linux/arm64"),
        );
        check(
            json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
            true,
            Some("windows/amd64"),
        );
        check(json!({"cpuArchitecture": "RISCV"}), true, None);
    }

    #[test]
    fn only_awslogs_writes_to_log_groups() {
        let definition = revision(json!({"containerDefinitions": [
            {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web", "awslogs-region": "eu-central-1"}}},
            {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/new", "awslogs-create-group": "true"}}},
            {"logConfiguration": {"logDriver": "awsfirelens", "options": {"awslogs-group": "/ecs/other"}}},
            {},
        ], "taskRoleArn": "arn:aws:iam::111122223333:role/web"}));
        let group = |name: &str, region: Option<&str>, is_made| LogGroup {
            name: name.to_owned(),
            region: region.map(str::to_owned),
            is_made,
        };
        assert_eq!(
            log_groups(&definition),
            BTreeSet::from([
                group("/ecs/new", None, true),
                group("/ecs/web", Some("eu-central-1"), false)
            ])
        );
        assert_eq!(
            role_names(&definition),
            [("task role", "arn:aws:iam::111122223333:role/web")]
        );
    }
}
