//! Redaction for the record and the page: the values of containers' environment variables and the tokens by which hooks
//! are answered, wherever they occur. AWS keeps both in dead letters, because it keeps whole events.
//!
//! The functions' own texts are searched first (`leaks.rs`): a function that reveals a secret must be noticed.

use local_aws::ecs::task_definition::Revision;
use local_aws::world::Aws;
use serde_json::{Map, Value, json};

/// Shorter values are too common to redact: `8080`, `true`, `eu`.
const CHARACTERS_AT_LEAST: usize = 8;

/// Removes these values from texts and documents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor {
    /// (value, name), long values first, because one may contain another.
    values: Vec<(String, String)>,
}

impl Redactor {
    /// The environments of all task definitions, every hook's execution id, and what is in Secrets Manager.
    pub(crate) fn of(aws: &Aws) -> Redactor {
        let variables: Vec<(String, String)> = aws.ecs.read(|state| {
            let revisions = state.families.values().flatten();
            variables(revisions).collect()
        });
        let executions: Vec<(String, String)> = aws.codedeploy.read(|state| {
            let deployments = state.deployments.iter();
            let hooks = deployments.flat_map(|deployment| &deployment.hooks);
            let named = |id: &String| ("LifecycleEventHookExecutionId".to_owned(), id.clone());
            hooks.map(|hook| named(&hook.execution_id)).collect()
        });
        let secrets = secret_values(aws);
        Redactor::new(variables.into_iter().chain(executions).chain(secrets))
    }

    /// Of (name, value).
    fn new(variables: impl Iterator<Item = (String, String)>) -> Redactor {
        let mut values: Vec<(String, String)> = variables
            .filter(|(_, value)| value.chars().count() >= CHARACTERS_AT_LEAST)
            .flat_map(|(name, value)| [(in_json(&value), name.clone()), (value, name)])
            .collect();
        values.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then(one.cmp(other)));
        values.dedup();
        Redactor { values }
    }

    /// The text, with a placeholder for each value.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for (value, name) in &self.values {
            if told.contains(value) {
                told = told.replace(value, &format!("[value of {name}]"));
            }
        }
        told
    }

    /// The same for a document; all values in its environments are removed, too.
    pub(crate) fn document(&self, mut document: Value) -> Value {
        empty_environments(&mut document);
        self.within(&mut document);
        document
    }

    fn within(&self, document: &mut Value) {
        match document {
            Value::String(text) => *text = self.text(text),
            Value::Object(members) => members.values_mut().for_each(|value| self.within(value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.within(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// (name, value) of every secret in Secrets Manager: its text, and the texts in it if it is a JSON object.
pub(crate) fn secret_values(aws: &Aws) -> impl Iterator<Item = (String, String)> {
    let texts = aws.secrets_manager.texts().into_iter();
    texts.flat_map(|(name, text)| {
        let members: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
        let members = members.into_iter().filter_map(|(key, value)| {
            let value = value.as_str()?.to_owned();
            Some((format!("{name}, {key}"), value))
        });
        let members: Vec<(String, String)> = members.collect();
        members.into_iter().chain([(name, text)])
    })
}

/// (name, value) of the environments in task definitions.
fn variables<'a>(
    revisions: impl Iterator<Item = &'a Revision>,
) -> impl Iterator<Item = (String, String)> {
    let variables = revisions
        .flat_map(Revision::containers)
        .flat_map(|container| container["environment"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    variables.map(move |variable| (text(&variable["name"]), text(&variable["value"])))
}

/// A text as it occurs in a JSON document, without the quotes.
fn in_json(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn empty_environments(document: &mut Value) {
    match document {
        Value::Object(members) => {
            if let Some(Value::Array(variables)) = members.get_mut("environment") {
                for variable in variables {
                    if variable.get("value").is_some() {
                        variable["value"] = json!("[not shown]");
                    }
                }
            }
            members.values_mut().for_each(empty_environments);
        }
        Value::Array(items) => items.iter_mut().for_each(empty_environments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(variables: &[(&str, &str)]) -> Redactor {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Redactor::new(variables.iter().map(owned))
    }

    #[test]
    fn values_are_redacted_longest_first() {
        let redactor = redactor(&[
            ("HOST", "db.internal"),
            ("URL", "postgres://shop:hunter2@db.internal/shop"),
            ("PORT", "5432"),
        ]);
        assert_eq!(
            redactor.text(
                "cannot reach postgres://shop:hunter2@db.internal/shop (db.internal, port 5432)"
            ),
            "cannot reach [value of URL] ([value of HOST], port 5432)"
        );
    }

    #[test]
    fn an_environment_in_a_document_has_no_values() {
        let event = json!({ "detail": { "overrides": { "containerOverrides": [
            { "environment": [{ "name": "PIN", "value": "1234" }], "name": "web" },
        ] } } });
        let told = redactor(&[]).document(event).to_string();
        assert!(
            !told.contains("1234") && told.contains("[not shown]"),
            "{told}"
        );
        assert!(told.contains("\"web\""));
        let log = json!({ "line": "it is C:\\secrets, not `\"quoted\"!!`" });
        let redactor = redactor(&[("PATH_TO_IT", "C:\\secrets"), ("QUOTED", "\"quoted\"!!")]);
        let expected = "it is [value of PATH_TO_IT], not `[value of QUOTED]`";
        assert!(redactor.text(&log.to_string()).contains(expected));
        assert_eq!(redactor.document(log)["line"], expected);
    }

    #[test]
    fn the_environment_of_a_task_definition_is_redacted() {
        let definition = json!({ "containerDefinitions": [
            { "name": "web", "environment": [{ "name": "SHOP_TOKEN", "value": "planted-value" }] },
            { "name": "proxy" },
        ] });
        let revision = Revision {
            family: "shop-web".to_owned(),
            number: 1,
            registered: definition.as_object().unwrap().clone().into(),
            tags: Vec::new(),
            registered_at: std::time::SystemTime::UNIX_EPOCH,
            registered_by: String::new(),
            deregistered_at: None,
        };
        let redactor = Redactor::new(variables([&revision].into_iter()));
        let expected = "no such table with [value of SHOP_TOKEN]";
        assert_eq!(redactor.text("no such table with planted-value"), expected);
    }
}
