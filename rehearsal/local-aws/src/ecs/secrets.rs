//! Variables of containers whose values come from Secrets Manager.
//!
//! `valueFrom` that names a parameter of Systems Manager is left out: there are no parameters here.

use serde_json::{Value, json};

use super::task_definition::Revision;
use crate::secrets_manager::{Content, SecretsManager, Wanted};

/// How ECS begins the reason why a task stops that cannot get its secrets, on Fargate 1.4.0, as public reports quote it.
const UNABLE: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                      failed: unable to retrieve secret from asm: ";

/// The revision's container definitions, with the values of secrets in their environments; or the reason why the task
/// stops.
pub(super) fn filled(revision: &Revision, secrets: &SecretsManager) -> Result<Vec<Value>, String> {
    revision
        .containers()
        .map(|definition| fill(definition, secrets))
        .collect()
}

fn fill(definition: &Value, secrets: &SecretsManager) -> Result<Value, String> {
    let mut definition = definition.clone();
    let references = definition["secrets"].as_array().cloned();
    for reference in references.into_iter().flatten() {
        let from = reference["valueFrom"].as_str().unwrap_or_default();
        let Some(named) = Named::read(from) else {
            continue;
        };
        let value = named
            .value(secrets)
            .map_err(|why| format!("{UNABLE}{why}"))?;
        let variable = json!({ "name": reference["name"], "value": value });
        match definition["environment"].as_array_mut() {
            Some(environment) => environment.push(variable),
            None => definition["environment"] = json!([variable]),
        }
    }
    Ok(definition)
}

/// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:KEY:STAGE:VERSION]`
struct Named<'a> {
    arn: &'a str,
    key: Option<&'a str>,
    wanted: Wanted<'a>,
}

impl<'a> Named<'a> {
    fn read(from: &'a str) -> Option<Named<'a>> {
        let is_secret = from.split(':').nth(2) == Some("secretsmanager");
        let colons: Vec<usize> = from.match_indices(':').map(|(at, _)| at).collect();
        let arn = match colons.get(6) {
            Some(end) => &from[..*end],
            None => from,
        };
        let part = |number: usize| {
            let part = from.split(':').nth(number)?;
            Some(part).filter(|part| !part.is_empty())
        };
        is_secret.then(|| Named {
            arn,
            key: part(7),
            wanted: Wanted {
                stage: part(8),
                id: part(9),
            },
        })
    }

    fn value(&self, secrets: &SecretsManager) -> Result<String, String> {
        let arn = self.arn;
        let found = secrets.value(arn, self.wanted).map_err(|refused| {
            let code = refused.code();
            format!(
                "service call has been retried 1 time(s): failed to fetch secret {arn} from secrets manager: {code}: {refused}"
            )
        })?;
        let (_, version) = found;
        let text = match version.content {
            Content::Text(text) | Content::Binary(text) => text,
        };
        let Some(key) = self.key else {
            return Ok(text);
        };
        let object: Value = serde_json::from_str(&text).unwrap_or_default();
        match &object[key] {
            Value::Null => Err(format!(
                "retrieved secret from Secrets Manager did not contain json key {key}"
            )),
            Value::String(text) => Ok(text.clone()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Ok(other.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumption::Assumptions;
    use crate::clock::Clock;
    use crate::context::Context;
    use crate::secrets_manager::{KmsKey, SecretSettings};

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";

    #[tokio::test]
    async fn a_variable_has_the_text_of_a_secret_or_a_member_of_it() {
        let context = Context::new(Clock::start(), Assumptions::default());
        let manager = SecretsManager::new(context);
        manager.keep(SecretSettings {
            arn: ARN.to_owned(),
            text: r#"{"a":"one","b":2}"#.to_owned(),
            key: KmsKey::AwsManaged,
        });
        let check = |from: &str| {
            let given = json!({ "name": "web", "environment": [], "secrets": [{ "name": "TOKEN", "valueFrom": from }] });
            let filled = fill(&given, &manager)?;
            let variable = filled["environment"][0].clone();
            Ok::<_, String>(variable["value"].as_str().unwrap_or("none").to_owned())
        };
        for (from, expected) in [
            (ARN.to_owned(), r#"{"a":"one","b":2}"#),
            (format!("{ARN}:a::"), "one"),
            (format!("{ARN}:b:AWSCURRENT:"), "2"),
            ("/shop/parameter".to_owned(), "none"),
        ] {
            assert_eq!(check(&from).as_deref(), Ok(expected), "{from}");
        }
        for (from, expected) in [
            (format!("{ARN}:c::"), "did not contain json key c"),
            (
                format!("{ARN}:a:AWSPREVIOUS:"),
                "staging label: AWSPREVIOUS",
            ),
            (
                ARN.replace("shop", "other"),
                "can't find the specified secret.",
            ),
        ] {
            let said = check(&from).unwrap_err();
            assert!(said.starts_with("ResourceInitializationError: "), "{said}");
            assert!(said.ends_with(expected), "{said}");
        }
    }
}
