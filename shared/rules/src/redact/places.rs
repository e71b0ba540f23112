//! The places of secrets: ECS names them where it cannot read one.

use std::fmt;

use serde_json::Value;

use crate::observed::TaskDefinition;

/// What stands in place of a parameter's name.
const REDACTED: &str = "…";

/// What stands before the names of parameters of Systems Manager, which need not be ARNs (ECS Developer Guide, "Troubleshooting
/// Amazon ECS ResourceInitializationError errors": `Fetching secret data from SSM Parameter Store in region: invalid parameters:
/// name`).
const BEFORE_NAMES: [&str; 2] = ["invalid parameters:", "invalid ssm parameters:"];

/// The places of secrets that sentences of AWS named, by which a revision's own names of them are found. Nothing shows them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<String>);

impl fmt::Debug for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl Places {
    /// Those that these sentences name.
    pub fn of<'a>(sentences: impl IntoIterator<Item = &'a str>) -> Self {
        let mut places = Self::default();
        for sentence in sentences {
            split(sentence, &mut places.0);
        }
        places
    }

    /// Whether no sentence named one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A sentence with the names that the revision has for these secrets: of ten secrets people know which.
    pub fn named(&self, sentence: String, definition: &TaskDefinition) -> String {
        with_names(sentence, &self.names(definition))
    }

    /// The names that the revision has for these secrets, as [`Redactor`](super::Redactor) writes them.
    pub fn names(&self, definition: &TaskDefinition) -> Vec<String> {
        let known = secrets(&definition.task_definition);
        let is_named = |place: &str| self.0.iter().any(|named| is_same(place, named));
        let mut names: Vec<String> = known
            .filter(|(_, place)| is_named(place))
            .map(|(name, _)| format!("[{name}]"))
            .collect();
        names.dedup();
        names
    }
}

/// A sentence with the [names](Places::names) of the secrets that it is about.
pub(crate) fn with_names(sentence: String, names: &[String]) -> String {
    match names.is_empty() {
        true => sentence,
        false => format!("{sentence} (secret: {})", names.join(", ")),
    }
}

/// Every secret of a task definition: its name, and where it is.
fn secrets(definition: &Value) -> impl Iterator<Item = (&str, &str)> {
    let containers = definition["containerDefinitions"].as_array();
    containers.into_iter().flatten().flat_map(|container| {
        let lists = [
            &container["secrets"],
            &container["logConfiguration"]["secretOptions"],
        ];
        let listed = lists.into_iter().filter_map(Value::as_array).flatten();
        let listed =
            listed.filter_map(|one| Some((one["name"].as_str()?, one["valueFrom"].as_str()?)));
        let credentials = container["repositoryCredentials"]["credentialsParameter"].as_str();
        listed.chain(credentials.map(|place| ("repositoryCredentials", place)))
    })
}

/// A `valueFrom` names a parameter or its ARN; that of a secret may end with a key, a stage and a version.
fn is_same(value_from: &str, named: &str) -> bool {
    let name = |place: &str| {
        let name = place.split_once(":parameter/");
        let name = name.map_or(place, |(_, name)| name);
        name.trim_start_matches('/').to_owned()
    };
    name(value_from) == name(named)
        || value_from
            .strip_prefix(named)
            .is_some_and(|rest| rest.starts_with(':'))
}

/// The sentence without the places of secrets.
pub(super) fn without_places(text: &str) -> String {
    split(text, &mut Vec::new())
}

fn split(text: &str, places: &mut Vec<String>) -> String {
    // Names first: an ARN among them is one.
    without_arns(&without_names(text, places), places)
}

fn without_arns(text: &str, places: &mut Vec<String>) -> String {
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
                places.push(arn.trim_end_matches([':', '.']).to_owned());
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

fn without_names(text: &str, places: &mut Vec<String>) -> String {
    // Of the same length, so that what is found in one is at the same place in the other.
    let lower = text.to_ascii_lowercase();
    let next = |from: usize| {
        let found = BEFORE_NAMES.iter().filter_map(|mark| {
            let start = lower[from..].find(mark)?;
            Some(from + start + mark.len())
        });
        found.min()
    };
    let mut said = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(names) = next(at) {
        said.push_str(&text[at..names]);
        at = names + without_list(&text[names..], &mut said, places);
    }
    said.push_str(&text[at..]);
    said
}

/// Takes a list of names from the beginning of `text`: with commas, or in brackets as Go writes it. Answers how long it was.
fn without_list(text: &str, said: &mut String, places: &mut Vec<String>) -> usize {
    let is_between = |c: char| c.is_whitespace() || "[,'\"`".contains(c);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
    let mut at = 0;
    let mut is_in_brackets = false;
    loop {
        let rest = &text[at..];
        let start = rest.find(|c| !is_between(c)).unwrap_or(rest.len());
        let (between, rest) = rest.split_at(start);
        is_in_brackets |= between.contains('[');
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches([':', '.']);
        let goes_on = at == 0 || is_in_brackets || between.contains(',');
        if name.is_empty() || !goes_on {
            return at;
        }
        said.push_str(between);
        said.push_str(REDACTED);
        places.push(name.to_owned());
        at += between.len() + name.len();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_of_a_secret_is_redacted() {
        for (said, expected) in [
            (
                "unable to retrieve secret from asm: arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-Ab1: \
                 denied for arn:aws:iam::111122223333:role/web, 'arn:aws-cn:ssm:cn-north-1:1:parameter/prod/key'",
                "unable to retrieve secret from asm: arn:…:secretsmanager:… \
                 denied for arn:aws:iam::111122223333:role/web, 'arn:…:ssm:…'",
            ),
            (
                "Fetching secret data from SSM Parameter Store in eu-central-1: invalid parameters: /shop/prod/db-password",
                "Fetching secret data from SSM Parameter Store in eu-central-1: invalid parameters: …",
            ),
            (
                "service call has been retried 1 time(s): invalid ssm parameters: /shop/prod/key, DbPassword: status 400",
                "service call has been retried 1 time(s): invalid ssm parameters: …, …: status 400",
            ),
            (
                "Invalid parameters: [/shop/a /shop/b DbPassword]. Check them",
                "Invalid parameters: [… … …]. Check them",
            ),
            (
                "invalid parameters: arn:aws:ssm:eu-central-1:1:parameter/shop/key, /shop/other.",
                "invalid parameters: …, ….",
            ),
            ("invalid parameters:", "invalid parameters:"),
            (
                "invalid parameters: /a and more",
                "invalid parameters: … and more",
            ),
            ("Invalid parameter: TopicArn", "Invalid parameter: TopicArn"),
        ] {
            assert_eq!(without_places(said), expected);
        }
    }

    #[test]
    fn a_secret_is_named_as_its_revision_names_it() {
        let secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-AbCdEf";
        let definition = TaskDefinition {
            task_definition: json!({"containerDefinitions": [
                {"name": "proxy", "repositoryCredentials": {"credentialsParameter": format!("{secret}Hub")}},
                {"name": "web", "secrets": [
                    {"name": "DB_PASSWORD", "valueFrom": format!("{secret}:password::")},
                    {"name": "DB_USER", "valueFrom": format!("{secret}:user::")},
                    {"name": "OTHER", "valueFrom": format!("{secret}X")},
                    {"name": "KEY", "valueFrom": "/shop/key"},
                    {"name": "PLAIN", "valueFrom": "arn:aws:ssm:eu-central-1:111122223333:parameter/Plain"},
                ], "logConfiguration": {"secretOptions": [{"name": "splunk-token", "valueFrom": "/shop/splunk"}]}},
            ]}),
            tags: Value::Null,
        };
        for (said, names) in [
            (
                format!("failed to fetch secret {secret} from secrets manager"),
                "[DB_PASSWORD], [DB_USER]",
            ),
            (
                format!("failed to fetch {secret}:user::: denied"),
                "[DB_USER]",
            ),
            (
                format!("cannot pull with {secret}Hub."),
                "[repositoryCredentials]",
            ),
            ("invalid parameters: /shop/key".to_owned(), "[KEY]"),
            (
                "invalid ssm parameters: Plain, /shop/splunk".to_owned(),
                "[PLAIN], [splunk-token]",
            ),
            (
                "arn:aws:ssm:eu-central-1:111122223333:parameter/shop/key".to_owned(),
                "[KEY]",
            ),
            ("invalid parameters: /shop/unknown".to_owned(), ""),
            ("Essential container in task exited".to_owned(), ""),
        ] {
            let places = Places::of([said.as_str()]);
            let expected = match names {
                "" => "why".to_owned(),
                names => format!("why (secret: {names})"),
            };
            assert_eq!(
                places.named("why".to_owned(), &definition),
                expected,
                "{said}"
            );
            assert_eq!(format!("{places:?}"), "…");
        }
    }
}
