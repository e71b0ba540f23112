//! What a revision reads from Secrets Manager and the Parameter Store: ECS reads it when a task starts, and the task fails without it.

use serde_json::Value;

use crate::observed::TaskDefinition;

/// Something that a container is given when it starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// A secret, by the ARN or the name that finds it: without the key of its JSON, the stage and the version.
    SecretsManager(String),
    /// A parameter of the Parameter Store, by its name.
    Parameter {
        /// The name.
        name: String,
        /// Its ARN, where the revision has one.
        arn: Option<String>,
    },
}

/// What a revision's containers read, each once: secrets, secret options of their logs, credentials of their registries.
pub fn secrets(definition: &TaskDefinition) -> Vec<Secret> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let mut found = Vec::new();
    for container in containers.into_iter().flatten() {
        let lists = [
            &container["secrets"],
            &container["logConfiguration"]["secretOptions"],
        ];
        let lists = lists
            .into_iter()
            .flat_map(|list| list.as_array().into_iter().flatten());
        let named = lists.map(|one| &one["valueFrom"]);
        let credentials = [&container["repositoryCredentials"]["credentialsParameter"]];
        found.extend(named.chain(credentials).filter_map(Value::as_str).map(of));
    }
    found.sort();
    found.dedup();
    found
}

/// What is done about a secret of Secrets Manager that does not exist. One that is made gets another ARN than one that was deleted.
pub fn missing_secret(id: &str) -> String {
    match id.starts_with("arn:") {
        true => format!(
            "name another one, or where it was deleted:\naws secretsmanager restore-secret --secret-id {id}"
        ),
        false => format!(
            "name another one, or make it:\naws secretsmanager create-secret --name {id} --secret-string <its value>"
        ),
    }
}

/// `arn:aws:secretsmanager:…:secret:name-AbCdEf:key:stage:version`, `arn:aws:ssm:…:parameter/name`, or a parameter's name alone (ECS
/// Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables", and the same of Systems Manager).
fn of(value: &str) -> Secret {
    let parts: Vec<&str> = value.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "secretsmanager", ..] => {
            Secret::SecretsManager(parts.iter().take(7).copied().collect::<Vec<_>>().join(":"))
        }
        ["arn", _, "ssm", _, _, resource] => {
            let name = resource.strip_prefix("parameter/").unwrap_or(resource);
            // A name with a path begins with a slash, which the ARN has once.
            let name = if name.contains('/') {
                format!("/{name}")
            } else {
                name.to_owned()
            };
            Secret::Parameter {
                name,
                arn: Some(value.to_owned()),
            }
        }
        _ => Secret::Parameter {
            name: value.to_owned(),
            arn: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_name_a_secret() {
        let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/db-AbCdEf";
        let parameter = "arn:aws:ssm:eu-central-1:111122223333:parameter";
        let value = |text: String| json!({"name": "A", "valueFrom": text});
        let definition = TaskDefinition {
            task_definition: json!({"containerDefinitions": [
                {
                    "secrets": [value(format!("{arn}:password::")), value(arn.to_owned()), value(format!("{parameter}/shop/url"))],
                    "logConfiguration": {"secretOptions": [value(format!("{parameter}/token"))]},
                },
                {"secrets": [value("plain".to_owned())], "repositoryCredentials": {"credentialsParameter": format!("{arn}2")}},
            ]}),
            tags: Value::Null,
        };
        let of_parameter = |name: &str, arn: Option<&str>| Secret::Parameter {
            name: name.to_owned(),
            arn: arn.map(|path| format!("{parameter}/{path}")),
        };
        let expected = [
            Secret::SecretsManager(arn.to_owned()),
            Secret::SecretsManager(format!("{arn}2")),
            of_parameter("/shop/url", Some("shop/url")),
            of_parameter("plain", None),
            of_parameter("token", Some("token")),
        ];
        assert_eq!(secrets(&definition), expected);
    }
}
