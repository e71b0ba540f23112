//! Takes environment values, secrets and the places of secrets out of text.
//!
//! Messages quote task logs and sentences of AWS, and either may hold what a task was given. So a quotation is redacted
//! where it begins, not where it is written: no later code can forget to.
//!
//! Values that a container is known to have are redacted wherever they stand: whole, line by line, and as passwords of URLs.
//! Unknown values are redacted where they look like a credential. Four kinds cannot be recognized: short values, parts of
//! values, encoded values, and a secret's content (Greenlight never reads it) where a program prints it bare.

mod credentials;
mod places;

use std::cmp::Reverse;

use serde_json::Value;

use places::without_places;

pub(crate) use credentials::{is_secret_name, redact_credentials};
pub use places::Places;
pub(crate) use places::with_names;

use crate::names::ContainerName;
use crate::observed::{Task, TaskDefinition};

/// Shorter values, in characters, are words and numbers (`true`, `8080`, `eu`): without them no log would be readable.
pub const VALUE_CHARACTERS_AT_LEAST: usize = 8;

/// Replaces the values that a container was given by their names.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Redactor(Vec<(String, String)>);

impl Redactor {
    /// The environment of a task's container: its revision's, and what RunTask added.
    pub fn of(definition: &TaskDefinition, task: &Task, container: &ContainerName) -> Self {
        let containers = definition.task_definition["containerDefinitions"].as_array();
        let own = containers
            .into_iter()
            .flatten()
            .find(|candidate| candidate["name"].as_str() == Some(container.as_str()));
        let list = |field: &str| {
            own.and_then(|own| own[field].as_array())
                .into_iter()
                .flatten()
        };
        let pair = |item: &Value, value: &str| {
            Some((
                item["name"].as_str()?.to_owned(),
                item[value].as_str()?.to_owned(),
            ))
        };
        let given = list("environment")
            .filter_map(|item| pair(item, "value"))
            .chain(list("secrets").filter_map(|item| pair(item, "valueFrom")));
        let overridden = task
            .overrides
            .iter()
            .flat_map(|one| one.environment.clone());
        Self::from_iter(given.chain(overridden))
    }

    /// The line with `[NAME]` in place of each known value, and `…` in place of what looks like a credential.
    pub fn redact(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, value) in &self.0 {
            line = line.replace(value.as_str(), &format!("[{name}]"));
        }
        redact_credentials(&line)
    }
}

impl FromIterator<(String, String)> for Redactor {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        let whole: Vec<(String, String)> = pairs.into_iter().collect();
        let parts = whole.iter().flat_map(|(name, value)| {
            let named = |part| (name.clone(), part);
            forms(value).into_iter().map(named)
        });
        let mut pairs: Vec<(String, String)> = whole.iter().cloned().chain(parts).collect();
        pairs.retain(|(_, value)| value.chars().count() >= VALUE_CHARACTERS_AT_LEAST);
        // A value that holds another one goes first, so that nothing of it stays; what is whole names what is a part, too.
        pairs.sort_by_key(|(_, value)| Reverse(value.len()));
        pairs.dedup();
        Self(pairs)
    }
}

/// How a value may turn up otherwise: within JSON, line by line, and as the password of the URL that it is.
fn forms(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .map(|(_, password)| password.to_owned());
    let lines = value.lines().map(|line| line.trim().to_owned());
    let quoted = json[1..json.len() - 1].to_owned();
    lines.chain([quoted]).chain(password).collect()
}

/// A sentence of AWS without the places of secrets, which ECS names when it cannot read one, and without what looks like a
/// credential: ECS quotes programs in it with their options.
pub fn redact(sentence: &str) -> String {
    redact_credentials(&without_places(sentence))
}

/// Every text in a request that an error of AWS might repeat, in every form in which it might.
pub fn texts(request: &Value) -> Vec<String> {
    match request {
        Value::String(text) => forms(text).into_iter().chain([text.clone()]).collect(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use crate::observed::ContainerOverride;

    use super::*;

    fn redactor(pairs: &[(&str, &str)]) -> Redactor {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_value_is_replaced_by_its_name() {
        let redactor = redactor(&[
            ("PASSWORD", "correct horse"),
            ("DATABASE_URL", "postgres://shop:correct horse@db"),
            ("DEBUG", "true"),
        ]);
        assert_eq!(
            redactor.redact(
                "cannot reach postgres://shop:correct horse@db: correct horse is refused, true"
            ),
            "cannot reach [DATABASE_URL]: [PASSWORD] is refused, true"
        );
    }

    #[test]
    fn a_value_of_several_lines_is_redacted_line_by_line() {
        let redactor = redactor(&[("KEY", "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\nnil\n")]);
        assert_eq!(
            redactor.redact("read MIIEvQIBADANBg, nil"),
            "read [KEY], nil"
        );
    }

    #[test]
    fn a_value_is_known_in_parts_and_in_json() {
        let redactor = redactor(&[
            ("DATABASE_URL", "postgres://shop:correct horse@db/shop"),
            ("MOTTO", "say \"friend\""),
        ]);
        assert_eq!(
            redactor.redact("`correct horse` is refused, {\"motto\":\"say \\\"friend\\\"\"}"),
            "`[DATABASE_URL]` is refused, {\"motto\":\"[MOTTO]\"}"
        );
    }

    #[test]
    fn a_program_is_quoted_without_its_credentials() {
        assert_eq!(
            redact(
                "CannotStartContainerError: exec: \"serve --db-password=hunter2\": no such file"
            ),
            "CannotStartContainerError: exec: \"serve --db-password=…\": no such file"
        );
    }

    #[test]
    fn a_container_has_its_revisions_environment_and_what_run_task_added() {
        let definition = TaskDefinition {
            task_definition: json!({"containerDefinitions": [
                {"name": "proxy", "environment": [{"name": "OTHER", "value": "other-value"}]},
                {"name": "web", "environment": [{"name": "KEY", "value": "hunter2hunter2"}, {"name": "NONE"}],
                 "secrets": [{"name": "TOKEN", "valueFrom": "prod/token/of/web"}]},
            ]}),
            tags: Value::Null,
        };
        let mut task = Task::for_tests(&[]);
        task.overrides.push(ContainerOverride {
            name: "web".parse().unwrap(),
            command: Vec::new(),
            environment: [("ID".to_owned(), "execution-id".to_owned())].into(),
            others: Vec::new(),
        });
        let redactor = Redactor::of(&definition, &task, &"web".parse().unwrap());
        assert_eq!(
            redactor.redact("other-value hunter2hunter2 prod/token/of/web execution-id"),
            "other-value [KEY] [TOKEN] [ID]"
        );
    }

    proptest! {
        #[test]
        fn no_value_survives(
            pairs in proptest::collection::vec(("[A-Z]{1,3}", "[a-f]{8,12}"), 0..5),
            text in "\\PC{0,20}",
        ) {
            let redactor: Redactor = pairs.iter().cloned().collect();
            let all: String = pairs.iter().map(|(_, value)| format!("{text}{value}")).collect();
            let redacted = redactor.redact(&all);
            for (_, value) in &pairs {
                prop_assert!(!redacted.contains(value.as_str()));
            }
        }

        #[test]
        fn any_sentence_has_its_places_taken_out(text in any::<String>(), place in "[a-z0-9:/-]{8,30}") {
            let said = redact(&format!("{text} arn:aws:ssm:eu-central-1:1:{place} {text}"));
            prop_assert!(!said.contains(&place) || text.contains(&place));
        }

        #[test]
        fn a_sentence_without_places_stays_as_it_is(text in "[^:]{0,40}") {
            prop_assert_eq!(without_places(&text), text);
        }
    }
}
