//! From a container definition to a process: image, command, environment and logs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::ecr::Reference;
use crate::process::Container;

/// A variable in an image's environment: a JSON array of commands, each an array, that also run the image's migration.
pub const MIGRATION: &str = "SAMPLE_MIGRATION";

/// A variable in an image's environment: the minutes of simulated time that a one-off task of it takes at least. Its process
/// takes real time, which no test has.
pub const TAKES: &str = "REHEARSAL_TASK_MINUTES";

/// How a container runs.
#[derive(Debug, Clone)]
pub enum Plan {
    /// It runs as a process and writes to this log.
    Process {
        container: Container,
        log: Option<LogStream>,
        /// The command's words without a leading shell.
        ran: Vec<String>,
    },
    /// Its image is not in the rehearsal's registry: it counts as running, but no process runs.
    Counted,
    /// It cannot start, with ECS's reason.
    Refused(String),
}

/// The log group and stream of the awslogs driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    pub group: String,
    pub stream: String,
}

/// Decides how one container of a task runs.
pub fn plan(
    definition: &Value,
    overrides: &Value,
    image: &Reference,
    program: &Path,
    task_id: &str,
) -> Plan {
    let reference = definition["image"].as_str().unwrap_or_default();
    let image = match image {
        Reference::Foreign => return Plan::Counted,
        Reference::Missing => return Plan::Refused(cannot_pull(reference)),
        Reference::Forbidden => return Plan::Refused(may_not_pull(reference)),
        Reference::Found(image) => image,
    };
    if image.version.is_none() {
        // A manifest pushed by another client, which cannot run here.
        return Plan::Counted;
    }
    let name = definition["name"].as_str().unwrap_or_default();
    let own = of_container(overrides, name);
    let given = command(definition, &own["command"]);
    let ran = through_shell(given.clone());
    let words = through_shell(substitute_migration(given, &image.environment));
    let executable = program.file_name().unwrap_or_default().to_string_lossy();
    match words.split_first() {
        Some((first, arguments))
            if Path::new(first)
                .file_name()
                .is_some_and(|name| name == &*executable) =>
        {
            let mut environment = image.environment.clone();
            environment.extend(pairs(&definition["environment"]));
            environment.extend(pairs(&own["environment"]));
            // The last path segment identifies the task (ECS Developer Guide, task metadata endpoint version 4).
            let metadata = format!("http://169.254.170.2/v4/{task_id}-{name}");
            environment.insert("ECS_CONTAINER_METADATA_URI_V4".to_owned(), metadata);
            let container = Container {
                program: program.to_owned(),
                arguments: arguments.to_vec(),
                environment,
            };
            Plan::Process {
                container,
                log: log_stream(definition, name, task_id),
                ran,
            }
        }
        Some((first, _)) => Plan::Refused(cannot_start(first)),
        None => Plan::Refused(cannot_start("")),
    }
}

/// Docker's rule: the entry point, followed by the overridden command, the declared one, or the image's.
fn command(definition: &Value, overridden: &Value) -> Vec<String> {
    let mut words = texts(&definition["entryPoint"]);
    let declared = [overridden, &definition["command"]]
        .map(texts)
        .into_iter()
        .find(|command| !command.is_empty());
    match declared {
        Some(command) => words.extend(command),
        None if words.is_empty() => words.extend(["sample-service".to_owned(), "serve".to_owned()]),
        None => {}
    }
    words
}

/// The command that a shell runs: for `sh -c SCRIPT …` the script, with the remaining words as `$0`, `$1`, …. A script
/// is one command here, because only the sample service may run.
pub(super) fn through_shell(words: Vec<String>) -> Vec<String> {
    let [shell, option, script, arguments @ ..] = &words[..] else {
        return words;
    };
    let is_shell = ["sh", "bash", "dash", "ash"].iter().any(|name| {
        Path::new(shell)
            .file_name()
            .is_some_and(|base| base == *name)
    });
    let takes_script = option
        .strip_prefix('-')
        .is_some_and(|cluster| cluster.contains('c') && !cluster.starts_with('-'));
    if !is_shell || !takes_script {
        return words;
    }
    let expanded = script.split_whitespace().flat_map(|word| match word {
        "$@" | "\"$@\"" | "$*" => arguments.iter().skip(1).cloned().collect(),
        "$0" | "\"$0\"" => arguments.first().cloned().into_iter().collect(),
        word => vec![word.to_owned()],
    });
    let mut expanded: Vec<String> = expanded.collect();
    if expanded.first().is_some_and(|word| word == "exec") {
        expanded.remove(0);
    }
    through_shell(expanded)
}

/// A custom migration command runs the sample service's migration.
fn substitute_migration(words: Vec<String>, image: &BTreeMap<String, String>) -> Vec<String> {
    let declared = image.get(MIGRATION).map(String::as_str).unwrap_or_default();
    let migrations: Vec<Vec<String>> = serde_json::from_str(declared).unwrap_or_default();
    match !words.is_empty() && migrations.contains(&words) {
        true => ["sample-service", "migrate"].map(str::to_owned).into(),
        false => words,
    }
}

fn of_container<'a>(overrides: &'a Value, name: &str) -> &'a Value {
    let containers = overrides["containerOverrides"]
        .as_array()
        .into_iter()
        .flatten();
    containers
        .into_iter()
        .find(|container| container["name"] == name)
        .unwrap_or(&Value::Null)
}

fn log_stream(definition: &Value, name: &str, task_id: &str) -> Option<LogStream> {
    let log = &definition["logConfiguration"];
    let option = |key: &str| log["options"][key].as_str();
    let group = option("awslogs-group").filter(|_| log["logDriver"] == "awslogs")?;
    let stream = match option("awslogs-stream-prefix") {
        Some(prefix) => format!("{prefix}/{name}/{task_id}"),
        None => task_id.to_owned(),
    };
    Some(LogStream {
        group: group.to_owned(),
        stream,
    })
}

fn pairs(environment: &Value) -> BTreeMap<String, String> {
    let pair = |entry: &Value| {
        Some((
            entry["name"].as_str()?.to_owned(),
            entry["value"].as_str().unwrap_or_default().to_owned(),
        ))
    };
    environment
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(pair)
        .collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|word| word.as_str().map(ToOwned::to_owned))
        .collect()
}

fn cannot_pull(reference: &str) -> String {
    format!(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: \
         {reference}: not found"
    )
}

/// As public reports quote it for a repository whose policy does not let the task's role pull.
fn may_not_pull(reference: &str) -> String {
    let (host, path) = reference.split_once('/').unwrap_or((reference, ""));
    let wanted = match path.split_once('@') {
        Some((_, digest)) => digest,
        None => path.rsplit_once(':').map_or("latest", |(_, tag)| tag),
    };
    format!(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: \
         pulling from host {host} failed with status code [manifests {wanted}]: 403 Forbidden"
    )
}

fn cannot_start(executable: &str) -> String {
    format!(
        "CannotStartContainerError: failed to create shim task: OCI runtime create failed: exec: \"{executable}\": \
         executable file not found in $PATH: unknown"
    )
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::ecr::{Image, ImageStatus};

    fn ours() -> Reference {
        Reference::Found(Box::new(Image {
            status: ImageStatus::Active,
            archived_at: None,
            activated_at: None,
            digest: "sha256:0".to_owned(),
            tags: Vec::new(),
            pushed_at: UNIX_EPOCH,
            media_type: String::new(),
            artifact_media_type: None,
            manifest: String::new(),
            version: Some("1.1.0".to_owned()),
            environment: BTreeMap::from(
                [("A", "image"), ("B", "image"), ("C", "image")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned())),
            ),
        }))
    }

    fn check(definition: Value, overrides: Value, image: &Reference) -> String {
        match plan(
            &definition,
            &overrides,
            image,
            Path::new("/bin/sample-service"),
            "t1",
        ) {
            Plan::Process { container, log, .. } => {
                let environment: Vec<_> = container
                    .environment
                    .iter()
                    .map(|(k, v)| format!("{k}={v}"))
                    .collect();
                let log = log
                    .map(|log| format!("{} {}", log.group, log.stream))
                    .unwrap_or_default();
                format!(
                    "{} | {} | {log}",
                    container.arguments.join(" "),
                    environment.join(" ")
                )
            }
            Plan::Counted => "counted".to_owned(),
            Plan::Refused(reason) => reason.split(':').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn containers_become_processes() {
        let logs = json!({
            "logDriver": "awslogs",
            "options": { "awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web" },
        });
        let migrate = json!({ "containerOverrides": [
            { "name": "other", "command": ["x"] },
            { "name": "web", "command": ["sample-service", "migrate"], "environment": [{ "name": "C", "value": "run" }] },
        ]});
        let cases = [
            (
                json!({ "name": "web" }),
                json!({}),
                "serve | A=image B=image C=image ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/t1-web | ",
            ),
            (
                json!({ "name": "web", "environment": [{ "name": "B", "value": "task" }, { "name": "C", "value": "task" }], "logConfiguration": logs }),
                migrate,
                "migrate | A=image B=task C=run ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/t1-web | /ecs/web web/web/t1",
            ),
            (
                json!({ "name": "web", "entryPoint": ["sample-service"], "command": ["serve"] }),
                json!({}),
                "serve | A=image B=image C=image ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/t1-web | ",
            ),
            (
                json!({ "name": "web", "command": ["python", "manage.py"] }),
                json!({}),
                "CannotStartContainerError",
            ),
        ];
        for (definition, overrides, wanted) in cases {
            assert_eq!(check(definition, overrides, &ours()), wanted);
        }
        let other = json!({ "name": "web", "command": ["python", "manage.py", "migrate"] });
        let Reference::Found(mut image) = ours() else {
            unreachable!()
        };
        image.environment = BTreeMap::from([(
            MIGRATION.to_owned(),
            json!([["rake", "db:migrate"], other["command"]]).to_string(),
        )]);
        let wanted = r#"migrate | ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/t1-web SAMPLE_MIGRATION=[["rake","db:migrate"],["python","manage.py","migrate"]] | "#;
        assert_eq!(check(other, json!({}), &Reference::Found(image)), wanted);
        assert_eq!(
            check(json!({ "name": "web" }), json!({}), &Reference::Foreign),
            "counted"
        );
        for reference in [Reference::Missing, Reference::Forbidden] {
            assert_eq!(
                check(json!({ "name": "web" }), json!({}), &reference),
                "CannotPullContainerError"
            );
        }
    }

    #[test]
    fn a_pull_that_is_not_allowed_names_the_host_and_the_image() {
        for (path, wanted) in [
            ("shop/web:1.0", "[manifests 1.0]"),
            ("shop/web", "[manifests latest]"),
            ("shop/web@sha256:0a", "[manifests sha256:0a]"),
            ("shop/web:1.0@sha256:0a", "[manifests sha256:0a]"),
        ] {
            let reason = may_not_pull(&format!("registry.example/{path}"));
            let expected =
                format!("pulling from host registry.example failed with status code {wanted}: 403");
            assert!(reason.contains(&expected), "{reason}");
        }
    }
}
