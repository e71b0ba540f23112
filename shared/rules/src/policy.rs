//! The narrowing parameters of `template.yaml`: patterns that allow what the pipelines need and nothing else.
//!
//! Each parameter takes one pattern, so that several names become what they begin with, up to a separator. What the configuration
//! file does not hold (families, roles and log groups) comes from the revisions that the services run, where those are given.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::{Config, HeaderValue, Pipeline};
use crate::observed::TaskDefinition;

/// One parameter of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in `template.yaml`.
    pub name: &'static str,
    /// What it should be.
    pub value: String,
    /// What a person has to know of it; none where it is exactly what the pipelines name.
    pub note: Option<String>,
}

/// What a service runs, and with which roles ECS calls its hooks.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The revision.
    pub definition: TaskDefinition,
    /// The roles of its hooks that are not the stack's own, by their ARNs.
    pub hook_roles: Vec<String>,
}

/// Any text.
const ANY: &str = "*";
/// Behind which a pattern may be cut: `shop-web` and `shop-worker` are `shop-*`, and not `shop-w*`, which `shop-wiki` would match.
const SEPARATORS: [char; 5] = ['/', '-', '_', '.', '#'];

/// The parameters that these pipelines need, in the order of the template. `services` are those that were read; none leaves the
/// parameters about them open.
pub fn parameters(config: &Config, services: &[Running]) -> Vec<Parameter> {
    let pipelines = &config.pipelines;
    let named = |name, of: fn(&Pipeline) -> &str| {
        narrowed(name, pipelines.iter().map(|one| of(one).to_owned()))
    };
    let shown = |name, of: fn(&Running) -> Vec<String>| match services {
        [] => open(
            name,
            "the file does not say it: `--services` reads it from what runs",
        ),
        services => narrowed(name, services.iter().flat_map(of)),
    };
    let mut parameters = vec![named("Repositories", |one| one.repository.as_str())];
    parameters.extend(registry("RegistryAccount", pipelines, |one| {
        one.registry
            .account
            .as_ref()
            .map(|account| account.as_str())
    }));
    parameters.extend(registry("RegistryRegion", pipelines, |one| {
        one.registry.region.as_ref().map(|region| region.as_str())
    }));
    parameters.extend([
        named("Clusters", |one| one.cluster.as_str()),
        shown("TaskDefinitionFamilies", |one| {
            text(&one.definition.task_definition["family"])
        }),
        shown("TaskRoles", |one| {
            role(&one.definition.task_definition["taskRoleArn"])
        }),
        shown("ExecutionRoles", |one| {
            role(&one.definition.task_definition["executionRoleArn"])
        }),
        shown("HookRoles", |one| {
            one.hook_roles.iter().map(|arn| name_of(arn)).collect()
        }),
        named("Applications", |one| one.codedeploy.application.as_str()),
        shown("TaskLogGroups", |one| log_groups(&one.definition)),
    ]);
    parameters.extend(header_secrets(pipelines));
    parameters.extend(published(pipelines));
    parameters
}

/// The parameters as `parameter_overrides` of `samconfig.toml` has them, each below its note.
pub fn overrides(parameters: &[Parameter]) -> String {
    let line = |parameter: &Parameter| {
        let Parameter { name, value, note } = parameter;
        let note = note.as_ref().map(|note| format!("    # {note}\n"));
        format!("{}    \"{name}={value}\",\n", note.unwrap_or_default())
    };
    parameters.iter().map(line).collect()
}

fn open(name: &'static str, why: &str) -> Parameter {
    Parameter {
        name,
        value: ANY.to_owned(),
        note: Some(why.to_owned()),
    }
}

/// The one pattern that matches these names.
fn narrowed(name: &'static str, names: impl Iterator<Item = String>) -> Parameter {
    let names: BTreeSet<String> = names.collect();
    let value = match (names.first(), names.last()) {
        (Some(first), Some(last)) if first == last => {
            return Parameter {
                name,
                value: first.clone(),
                note: None,
            };
        }
        // Sorted, these two differ first.
        (Some(first), Some(last)) => format!("{}{ANY}", common(first, last)),
        (_, _) => return open(name, "no service of these pipelines has one"),
    };
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let note = format!("one pattern for {}", listed.join(", "));
    Parameter {
        name,
        value,
        note: Some(note),
    }
}

/// What both begin with, up to a separator.
fn common<'a>(first: &'a str, last: &str) -> &'a str {
    let same = first
        .char_indices()
        .zip(last.chars())
        .find(|((_, a), b)| a != b);
    let same = same.map_or(first.len().min(last.len()), |((at, _), _)| at);
    let start = first.get(..same).unwrap_or_default();
    let cut = start.rfind(SEPARATORS).map_or(0, |at| at + 1);
    start.get(..cut).unwrap_or_default()
}

/// A registry elsewhere; none where all pipelines follow the stack's own.
fn registry(
    name: &'static str,
    pipelines: &[Pipeline],
    of: fn(&Pipeline) -> Option<&str>,
) -> Option<Parameter> {
    let elsewhere: BTreeSet<&str> = pipelines.iter().filter_map(of).collect();
    let first = elsewhere.first()?;
    let others = elsewhere.len() > 1;
    let note = others.then(|| {
        let all: Vec<String> = elsewhere.iter().map(|one| format!("`{one}`")).collect();
        let all = all.join(", ");
        format!("a stack has one registry beside its own, and the pipelines name {all}")
    });
    Some(Parameter {
        name,
        value: (*first).to_owned(),
        note,
    })
}

/// The secrets that headers are filled from; none where no header is.
fn header_secrets(pipelines: &[Pipeline]) -> Option<Parameter> {
    let gates = pipelines.iter().flat_map(|pipeline| {
        let production = pipeline.production_traffic.iter();
        production.chain([&pipeline.test_traffic.checks])
    });
    let headers = gates.flat_map(|gate| {
        let of_requests = gate.requests.iter().flat_map(|request| &request.headers);
        gate.headers.iter().chain(of_requests)
    });
    let secrets = headers.filter_map(|header| match &header.value {
        HeaderValue::Secret { secret, .. } => Some(secret.as_str()),
        HeaderValue::Literal(_) => None,
    });
    let secrets: BTreeSet<&str> = secrets.collect();
    (!secrets.is_empty()).then(|| Parameter {
        name: "HeaderSecrets",
        value: secrets.into_iter().collect::<Vec<_>>().join(","),
        note: None,
    })
}

/// The folder of the parameters that are written; none where none is.
fn published(pipelines: &[Pipeline]) -> Option<Parameter> {
    let names = pipelines.iter().filter_map(|one| one.publish.as_ref());
    let names: BTreeSet<&str> = names.map(|name| name.as_str()).collect();
    let (first, last) = (names.first()?, names.last()?);
    let parts = first.split_inclusive('/').zip(last.split_inclusive('/'));
    let same = parts.take_while(|(one, other)| one == other && one.ends_with('/'));
    let others = names.len() > 1;
    let note = others.then(|| {
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("what is below it: {}", listed.join(", "))
    });
    Some(Parameter {
        name: "PublishedParameters",
        value: same.map(|(one, _)| one).collect(),
        note,
    })
}

fn text(value: &Value) -> Vec<String> {
    value.as_str().map(str::to_owned).into_iter().collect()
}

/// A role's name with its path: a task definition may name it alone.
fn role(value: &Value) -> Vec<String> {
    value.as_str().map(name_of).into_iter().collect()
}

fn name_of(role: &str) -> String {
    let name = role.split_once(":role/").map(|(_, name)| name);
    name.unwrap_or(role).to_owned()
}

fn log_groups(definition: &TaskDefinition) -> Vec<String> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let groups = containers.into_iter().flatten().filter_map(|container| {
        let options = &container["logConfiguration"]["options"];
        options["awslogs-group"].as_str()
    });
    groups.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn running(family: &str, task_role: Option<&str>, group: &str, hook_roles: &[&str]) -> Running {
        let definition = TaskDefinition {
            task_definition: json!({
                "family": family, "taskRoleArn": task_role,
                "executionRoleArn": "arn:aws:iam::111122223333:role/ecsTaskExecutionRole",
                "containerDefinitions": [{"logConfiguration": {"options": {"awslogs-group": group}}}, {}],
            }),
            tags: Value::Null,
        };
        let arn = |name: &&str| format!("arn:aws:iam::111122223333:role/{name}");
        Running {
            definition,
            hook_roles: hook_roles.iter().map(arn).collect(),
        }
    }

    #[track_caller]
    fn check(file: &str, services: &[Running], expected: &[&str]) {
        let config = Config::parse(file).unwrap();
        let lines = overrides(&parameters(&config, services));
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        assert_eq!(lines, expected);
    }

    const WEB: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    const UNREAD: &str = "# the file does not say it: `--services` reads it from what runs";

    #[test]
    fn one_pipeline_needs_exactly_its_names() {
        check(
            WEB,
            &[],
            &[
                r#""Repositories=shop/web","#,
                r#""Clusters=prod","#,
                UNREAD,
                r#""TaskDefinitionFamilies=*","#,
                UNREAD,
                r#""TaskRoles=*","#,
                UNREAD,
                r#""ExecutionRoles=*","#,
                UNREAD,
                r#""HookRoles=*","#,
                r#""Applications=AppECS-prod-web","#,
                UNREAD,
                r#""TaskLogGroups=*","#,
            ],
        );
    }

    #[test]
    fn several_names_become_what_they_begin_with_up_to_a_separator() {
        let worker = WEB
            .replace("web", "worker")
            .replace("'latest'", "'latest'\nregistry_account='444455556666'");
        let task_role = "arn:aws:iam::111122223333:role/shop/task-web";
        check(
            &format!("{WEB}{worker}"),
            &[
                running(
                    "shop-web",
                    Some(task_role),
                    "/ecs/shop-web",
                    &["hooks/web", "hooks/all"],
                ),
                running("shop-worker", None, "/ecs/shop-worker", &["hooks/all"]),
            ],
            &[
                r"# one pattern for `shop/web`, `shop/worker`",
                r#""Repositories=shop/*","#,
                r#""RegistryAccount=444455556666","#,
                r#""Clusters=prod","#,
                r"# one pattern for `shop-web`, `shop-worker`",
                r#""TaskDefinitionFamilies=shop-*","#,
                r#""TaskRoles=shop/task-web","#,
                r#""ExecutionRoles=ecsTaskExecutionRole","#,
                r"# one pattern for `hooks/all`, `hooks/web`",
                r#""HookRoles=hooks/*","#,
                r"# one pattern for `AppECS-prod-web`, `AppECS-prod-worker`",
                r#""Applications=AppECS-prod-*","#,
                r"# one pattern for `/ecs/shop-web`, `/ecs/shop-worker`",
                r#""TaskLogGroups=/ecs/shop-*","#,
            ],
        );
    }

    #[test]
    fn names_with_nothing_in_common_are_any_name_and_so_is_a_role_that_no_service_has() {
        let other = WEB
            .replace("web", "api")
            .replace("shop/", "pay/")
            .replace("prod", "dev");
        check(
            &format!("{WEB}{other}"),
            &[running("web", None, "web", &[])],
            &[
                r"# one pattern for `pay/api`, `shop/web`",
                r#""Repositories=*","#,
                r"# one pattern for `dev`, `prod`",
                r#""Clusters=*","#,
                r#""TaskDefinitionFamilies=web","#,
                r"# no service of these pipelines has one",
                r#""TaskRoles=*","#,
                r#""ExecutionRoles=ecsTaskExecutionRole","#,
                r"# no service of these pipelines has one",
                r#""HookRoles=*","#,
                r"# one pattern for `AppECS-dev-api`, `AppECS-prod-web`",
                r#""Applications=AppECS-*","#,
                r#""TaskLogGroups=web","#,
            ],
        );
    }

    #[test]
    fn a_secret_of_a_header_is_named_and_other_headers_are_not() {
        let secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";
        let file = format!(
            "{WEB}[pipeline.test_traffic]\nheaders = {{ x-test = 'green', x-token = {{ secret = '{secret}' }} }}\n\
             [[pipeline.test_traffic.request]]\npath='/'\n"
        );
        let config = Config::parse(&file).unwrap();
        let last = parameters(&config, &[]).pop().unwrap();
        assert_eq!((last.name, last.value.as_str()), ("HeaderSecrets", secret));
    }

    #[test]
    fn parameters_that_are_written_are_narrowed_to_their_folder() {
        let of = |names: &[&str]| {
            let pipelines = names.iter().enumerate().map(|(index, name)| {
                let one = WEB.replace("'web'", &format!("'web{index}'"));
                format!("{one}publish='{name}'\n")
            });
            let config = Config::parse(&pipelines.collect::<String>()).unwrap();
            let last = parameters(&config, &[]).pop().unwrap();
            (last.name, last.value, last.note)
        };
        let expected = |value: &str, note: Option<&str>| {
            let note = note.map(str::to_owned);
            ("PublishedParameters", value.to_owned(), note)
        };
        assert_eq!(of(&["/shop/web/image"]), expected("/shop/web/", None));
        assert_eq!(
            of(&["/shop/web/image", "/shop/worker/image"]),
            expected(
                "/shop/",
                Some("what is below it: `/shop/web/image`, `/shop/worker/image`")
            )
        );
        assert_eq!(
            of(&["/shop/web", "/pay/web", "/shop/a"]).1,
            "/",
            "they have nothing in common"
        );
    }
}
