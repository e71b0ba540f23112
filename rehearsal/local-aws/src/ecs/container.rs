//! From a container definition to a process: image, command, environment and logs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::ecr::Reference;
use crate::process::Container;
use crate::program::{Executables, Program, Programs, Pulled, Replaced};

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
    executables: &Executables,
    task_id: &str,
) -> Plan {
    let reference = definition["image"].as_str().unwrap_or_default();
    let name = definition["name"].as_str().unwrap_or_default();
    let own = of_container(overrides, name);
    let programs = &executables.programs;
    let custom = |image: &Pulled| {
        let program = programs.of(name)?;
        Some(plan_custom(
            definition,
            own,
            (programs, program),
            image,
            task_id,
        ))
    };
    let image = match image {
        Reference::Foreign => return custom(&Pulled::default()).unwrap_or(Plan::Counted),
        Reference::Missing => return Plan::Refused(cannot_pull(reference)),
        Reference::Forbidden => return Plan::Refused(may_not_pull(reference)),
        Reference::Found(image) => image,
    };
    if let Some(plan) = custom(&Pulled::from(&**image)) {
        return plan;
    }
    if image.version.is_none() {
        // A manifest pushed by another client, which cannot run here.
        return Plan::Counted;
    }
    let program = &executables.sample_service;
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
            let mut environment = executables.environment.clone();
            environment.extend(image.environment.clone());
            environment.extend(pairs(&definition["environment"]));
            environment.extend(pairs(&own["environment"]));
            environment.extend([metadata(name, task_id)]);
            let container = Container {
                program: program.to_owned(),
                arguments: arguments.to_vec(),
                environment,
                custom: None,
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

/// How a container with a program of the user's runs. What it runs is real: a shell is a shell.
fn plan_custom(
    definition: &Value,
    overrides: &Value,
    (programs, program): (&Programs, &Program),
    image: &Pulled,
    task_id: &str,
) -> Plan {
    let name = definition["name"].as_str().unwrap_or_default();
    let mut environment = pairs(&definition["environment"]);
    environment.extend(pairs(&overrides["environment"]));
    environment.extend([metadata(name, task_id)]);
    let replaced = Replaced {
        entry_point: texts(&definition["entryPoint"]),
        command: declared(definition, &overrides["command"]),
        environment,
        stop_timeout: definition["stopTimeout"].as_u64(),
    };
    let ran = match replaced.command.is_empty() {
        true => program.command.clone(),
        false => replaced.command.clone(),
    };
    let ran = replaced.entry_point.iter().cloned().chain(ran).collect();
    match programs.container(program, image, replaced) {
        Ok(container) => Plan::Process {
            container,
            log: log_stream(definition, name, task_id),
            ran: through_shell(ran),
        },
        Err(error) => Plan::Refused(format!("CannotStartContainerError: {error:#}")),
    }
}

/// The last path segment identifies the task (ECS Developer Guide, task metadata endpoint version 4).
fn metadata(container: &str, task_id: &str) -> (String, String) {
    (
        "ECS_CONTAINER_METADATA_URI_V4".to_owned(),
        format!("http://169.254.170.2/v4/{task_id}-{container}"),
    )
}

/// Docker's rule: the entry point, followed by the overridden command, the declared one, or the image's.
fn command(definition: &Value, overridden: &Value) -> Vec<String> {
    let mut words = texts(&definition["entryPoint"]);
    let declared = declared(definition, overridden);
    if words.is_empty() && declared.is_empty() {
        words.extend(["sample-service".to_owned(), "serve".to_owned()]);
    }
    words.extend(declared);
    words
}

/// The command that RunTask has in place of the definition's, or that one; empty if there is none.
fn declared(definition: &Value, overridden: &Value) -> Vec<String> {
    let mut commands = [overridden, &definition["command"]].map(texts).into_iter();
    let declared = commands.find(|command| !command.is_empty());
    declared.unwrap_or_default()
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

    fn programs() -> Programs {
        let program = Program {
            command: ["own", "serve"].map(str::to_owned).into(),
            ..Program::default()
        };
        Programs {
            by_container: BTreeMap::from([("own".to_owned(), program)]),
            ..Programs::default()
        }
    }

    fn check(definition: Value, overrides: Value, image: &Reference) -> String {
        match plan(
            &definition,
            &overrides,
            image,
            &Executables {
                sample_service: "/bin/sample-service".into(),
                programs: programs(),
                ..Executables::default()
            },
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
    fn a_program_runs_in_its_container_whatever_its_image_is_but_for_one_that_cannot_be_pulled() {
        let run = json!({ "containerOverrides": [
            { "name": "own", "command": ["sh", "-c", "exec own migrate"], "environment": [{ "name": "B", "value": "run" }] },
        ]});
        let definition = json!({
            "name": "own", "command": ["declared"], "stopTimeout": 2,
            "environment": [{ "name": "A", "value": "task" }, { "name": "B", "value": "task" }],
        });
        let plan = |definition: &Value, overrides: &Value, image: &Reference| {
            let executables = Executables {
                sample_service: "/bin/sample-service".into(),
                programs: programs(),
                ..Executables::default()
            };
            match plan(definition, overrides, image, &executables, "t1") {
                Plan::Process { container, ran, .. } => {
                    let ended = container.custom.and_then(|custom| custom.stop_timeout);
                    let (a, b) = (
                        container.environment.get("A").cloned(),
                        container.environment.get("B").cloned(),
                    );
                    let environment = [a, b].map(Option::unwrap_or_default).join(" ");
                    format!(
                        "{} {} | {} | {environment} | {ended:?}",
                        container.program.display(),
                        container.arguments.join(" "),
                        ran.join(" "),
                    )
                }
                Plan::Counted => "counted".to_owned(),
                Plan::Refused(reason) => reason,
            }
        };
        let alone = json!({ "name": "own" });
        for (definition, overrides, image, expected) in [
            (
                &alone,
                json!({}),
                ours(),
                "own serve | own serve |   | None",
            ),
            (
                &alone,
                json!({}),
                Reference::Foreign,
                "own serve | own serve |   | None",
            ),
            (
                &definition,
                json!({}),
                ours(),
                "declared  | declared | task task | Some(2)",
            ),
            (
                &definition,
                run,
                ours(),
                "sh -c exec own migrate | own migrate | task run | Some(2)",
            ),
        ] {
            assert_eq!(plan(definition, &overrides, &image), expected);
        }
        let missing = plan(&alone, &json!({}), &Reference::Missing);
        assert!(missing.starts_with("CannotPullContainerError"), "{missing}");
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
