//! What must not be told: environment values, secrets, and where secrets lie.
//!
//! Logs of tasks and sentences of AWS are quoted to people, and either may hold what a task was given. So it is taken out
//! where the quotation begins, not where it is written.
//!
//! What is known of a container is taken out wherever it stands: whole values of its environment, their lines, and the
//! passwords of URLs among them. What is not known is taken out where it looks like a credential. What remains is what
//! nobody can tell from a word: short values, parts of values, values that were encoded, and the contents of secrets, which
//! Greenlight never reads, where a program prints them bare.

mod credentials;

use std::cmp::Reverse;

use serde_json::Value;

pub(crate) use credentials::masked;

use crate::names::ContainerName;
use crate::observed::{Task, TaskDefinition};

/// Shorter values are words and numbers (`true`, `8080`, `eu`), and taking them out would leave no log readable.
pub const VALUE_CHARACTERS_AT_LEAST: usize = 8;

/// What a container was given, by name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets(Vec<(String, String)>);

impl Secrets {
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

    /// A line of a log with the names of values in place of the values, and without what looks like a credential.
    pub fn hidden(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, value) in &self.0 {
            line = line.replace(value.as_str(), &format!("[{name}]"));
        }
        masked(&line)
    }
}

impl FromIterator<(String, String)> for Secrets {
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

/// A sentence of AWS as people may be told it: without the places of secrets, which ECS names when it cannot read one, and
/// without what looks like a credential, because programs are quoted in it with the options that they were given.
pub fn told(sentence: &str) -> String {
    masked(&without_places(sentence))
}

fn without_places(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("arn:") {
        let (before, arn) = rest.split_at(start);
        let end = arn
            .find(|c: char| c.is_whitespace() || "'\"`,;()[]{}<>".contains(c))
            .unwrap_or(arn.len());
        let (arn, after) = arn.split_at(end);
        said.push_str(before);
        match arn.split(':').nth(2) {
            Some(service @ ("secretsmanager" | "ssm")) => {
                said.push_str("arn:…:");
                said.push_str(service);
                said.push_str(":…");
            }
            _ => said.push_str(arn),
        }
        rest = after;
    }
    said.push_str(rest);
    said
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

    fn secrets(pairs: &[(&str, &str)]) -> Secrets {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_value_is_told_by_its_name() {
        let secrets = secrets(&[
            ("PASSWORD", "correct horse"),
            ("DATABASE_URL", "postgres://shop:correct horse@db"),
            ("DEBUG", "true"),
        ]);
        assert_eq!(
            secrets.hidden(
                "cannot reach postgres://shop:correct horse@db: correct horse is refused, true"
            ),
            "cannot reach [DATABASE_URL]: [PASSWORD] is refused, true"
        );
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_line_by_line() {
        let secrets = secrets(&[("KEY", "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\nnil\n")]);
        assert_eq!(
            secrets.hidden("read MIIEvQIBADANBg, nil"),
            "read [KEY], nil"
        );
    }

    #[test]
    fn a_value_is_known_in_parts_and_in_json() {
        let secrets = secrets(&[
            ("DATABASE_URL", "postgres://shop:correct horse@db/shop"),
            ("MOTTO", "say \"friend\""),
        ]);
        assert_eq!(
            secrets.hidden("`correct horse` is refused, {\"motto\":\"say \\\"friend\\\"\"}"),
            "`[DATABASE_URL]` is refused, {\"motto\":\"[MOTTO]\"}"
        );
    }

    #[test]
    fn where_a_secret_lies_is_not_told() {
        assert_eq!(
            without_places(
                "unable to retrieve secret from asm: arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-Ab1: \
                 denied for arn:aws:iam::111122223333:role/web, 'arn:aws-cn:ssm:cn-north-1:1:parameter/prod/key'"
            ),
            "unable to retrieve secret from asm: arn:…:secretsmanager:… \
             denied for arn:aws:iam::111122223333:role/web, 'arn:…:ssm:…'"
        );
    }

    #[test]
    fn a_program_is_quoted_without_its_credentials() {
        assert_eq!(
            told("CannotStartContainerError: exec: \"serve --db-password=hunter2\": no such file"),
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
        let secrets = Secrets::of(&definition, &task, &"web".parse().unwrap());
        assert_eq!(
            secrets.hidden("other-value hunter2hunter2 prod/token/of/web execution-id"),
            "other-value [KEY] [TOKEN] [ID]"
        );
    }

    proptest! {
        #[test]
        fn no_value_survives(
            pairs in proptest::collection::vec(("[A-Z]{1,3}", "[a-f]{8,12}"), 0..5),
            text in "\\PC{0,20}",
        ) {
            let secrets: Secrets = pairs.iter().cloned().collect();
            let all: String = pairs.iter().map(|(_, value)| format!("{text}{value}")).collect();
            let hidden = secrets.hidden(&all);
            for (_, value) in &pairs {
                prop_assert!(!hidden.contains(value.as_str()));
            }
        }

        #[test]
        fn any_sentence_has_its_places_taken_out(text in any::<String>(), place in "[a-z0-9:/-]{8,30}") {
            let said = told(&format!("{text} arn:aws:ssm:eu-central-1:1:{place} {text}"));
            prop_assert!(!said.contains(&place) || text.contains(&place));
        }

        #[test]
        fn a_sentence_without_places_is_told_as_it_is(text in "[^:]{0,40}") {
            prop_assert_eq!(without_places(&text), text);
        }
    }
}
