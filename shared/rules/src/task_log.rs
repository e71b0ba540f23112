//! The log of a task's container: where it is, and, where nothing of it can be quoted, why not.

use crate::names::ContainerName;
use crate::observed::{Task, TaskDefinition};

/// The last lines of a log, as a message quotes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskLog {
    /// Whose log it is; none where no log goes with the message.
    pub of: Option<ContainerName>,
    /// The lines, oldest first.
    pub lines: Vec<String>,
    /// Why there are none.
    pub why_none: Option<String>,
}

impl TaskLog {
    /// Nothing of this container's log, for this reason.
    pub fn none(container: &ContainerName, why: String) -> Self {
        Self {
            of: Some(container.clone()),
            lines: Vec::new(),
            why_none: Some(why),
        }
    }
}

/// A log stream of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The log group.
    pub group: String,
    /// The stream.
    pub stream: String,
}

/// Where the container of a task wrote its log (ECS Developer Guide, awslogs log driver): with a prefix the stream is
/// `<prefix>/<container>/<task id>`, without one it is named after Docker's id of the container.
///
/// # Errors
/// Why it cannot be read, and where it is.
pub fn stream(
    definition: &TaskDefinition,
    task: &Task,
    container: &ContainerName,
) -> Result<LogStream, String> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let mut containers = containers.into_iter().flatten();
    let own = containers
        .find(|candidate| candidate["name"].as_str() == Some(container.as_str()))
        .ok_or_else(|| "the revision has no such container".to_owned())?;
    let logs = &own["logConfiguration"];
    let option = |name: &str| logs["options"][name].as_str();
    match logs["logDriver"].as_str() {
        Some("awslogs") => {}
        Some("awsfirelens") => {
            return Err(
                "it logs through FireLens (`awsfirelens`); read it where its log router sends it"
                    .to_owned(),
            );
        }
        Some(driver) => {
            return Err(format!(
                "its log driver is `{driver}`, expected `awslogs`; read it where that driver writes"
            ));
        }
        None => return Err("its revision has no `logConfiguration`".to_owned()),
    }
    let group = option("awslogs-group")
        .ok_or_else(|| "its `logConfiguration` names no `awslogs-group`".to_owned())?;
    let region = task.arn.region();
    if let Some(elsewhere) = option("awslogs-region").filter(|given| *given != region) {
        return Err(format!(
            "its log group `{group}` is in the Region {elsewhere}, and only logs of {region} are read"
        ));
    }
    let runtime_id = || {
        let mut containers = task.containers.iter();
        let this = containers.find(|candidate| candidate.name == *container);
        this.and_then(|container| container.runtime_id.clone())
    };
    let stream = match option("awslogs-stream-prefix") {
        Some(prefix) => format!("{prefix}/{container}/{}", task.arn.id()),
        None => runtime_id().ok_or_else(|| {
            format!(
                "its log group `{group}` has no `awslogs-stream-prefix`, and ECS does not state the container's runtime id, \
                 after which the stream is named"
            )
        })?,
    };
    Ok(LogStream {
        group: group.to_owned(),
        stream,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observed::TaskContainer;

    fn definition(logs: Value) -> TaskDefinition {
        let container = json!({"name": "web", "logConfiguration": logs});
        TaskDefinition {
            task_definition: json!({"containerDefinitions": [container]}),
            tags: Value::Null,
        }
    }

    #[track_caller]
    fn check(driver: &str, options: &Value, runtime_id: Option<&str>, expected: &str) {
        let definition = definition(json!({"logDriver": driver, "options": options}));
        let mut task = Task::for_tests(&[("proxy", None)]);
        task.containers.push(TaskContainer {
            runtime_id: runtime_id.map(str::to_owned),
            ..TaskContainer::for_tests("web", Some(1))
        });
        let found = stream(&definition, &task, &"web".parse().unwrap());
        let found = found.map(|log| format!("{} {}", log.group, log.stream));
        assert_eq!(found.unwrap_or_else(|why| why), expected);
    }

    #[test]
    fn a_log_is_found_or_it_is_said_where_it_is() {
        let group = |more: &[(&str, &str)]| {
            let mut options = json!({"awslogs-group": "/ecs/web"});
            for (name, value) in more {
                options[*name] = json!(value);
            }
            options
        };
        let prefix = ("awslogs-stream-prefix", "ecs");
        let region = |region| group(&[prefix, ("awslogs-region", region)]);
        check(
            "awslogs",
            &group(&[prefix]),
            None,
            "/ecs/web ecs/web/8f3c1a7c",
        );
        check(
            "awslogs",
            &region("eu-central-1"),
            None,
            "/ecs/web ecs/web/8f3c1a7c",
        );
        check("awslogs", &group(&[]), Some("4f5e6d"), "/ecs/web 4f5e6d");
        check(
            "awslogs",
            &group(&[]),
            None,
            "its log group `/ecs/web` has no `awslogs-stream-prefix`, and ECS does not state the container's runtime id, after \
             which the stream is named",
        );
        check(
            "awslogs",
            &region("us-east-1"),
            None,
            "its log group `/ecs/web` is in the Region us-east-1, and only logs of eu-central-1 are read",
        );
        check(
            "awslogs",
            &json!({}),
            None,
            "its `logConfiguration` names no `awslogs-group`",
        );
        check(
            "awsfirelens",
            &group(&[prefix]),
            None,
            "it logs through FireLens (`awsfirelens`); read it where its log router sends it",
        );
        check(
            "splunk",
            &json!({}),
            None,
            "its log driver is `splunk`, expected `awslogs`; read it where that driver writes",
        );
    }

    #[test]
    fn a_container_that_logs_nowhere_is_told_as_such() {
        let task = Task::for_tests(&[("web", Some(1))]);
        let found = |logs, container: &str| {
            stream(&definition(logs), &task, &container.parse().unwrap()).unwrap_err()
        };
        let none = "its revision has no `logConfiguration`";
        assert_eq!(found(Value::Null, "web"), none);
        assert_eq!(found(json!({}), "web"), none);
        let absent = "the revision has no such container";
        assert_eq!(found(json!({}), "api"), absent);
    }
}
