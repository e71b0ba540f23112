//! What a request has to carry beside what the configuration says, so that it meets the rule of a test listener: ECS sends to
//! green what meets that rule, which may be a host name or a header on the port of production.

use super::condition::{Asked, Met, condition_met};
use super::named;
use crate::observed::{ListenerRule, RuleCondition};
use crate::test_traffic::Through;

/// What a request has to carry so that it meets a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addition {
    /// The name that it is sent to.
    pub host: Option<String>,
    /// Headers: name and value.
    pub headers: Vec<(String, String)>,
    /// Parts of its query: name and value.
    pub query: Vec<(String, String)>,
}

/// What `asked` lacks to meet the rule. A condition that cannot be evaluated from outside adds nothing: whether the request meets
/// the rule all the same shows [`leads_to_green`](super::leads_to_green). `host` is the name that the configuration gives, which
/// is not replaced.
///
/// # Errors
/// A condition that nothing but the configuration can meet: its value is a pattern, or the configuration says otherwise.
pub fn addition(
    rule: &ListenerRule,
    asked: Asked<'_>,
    host: Option<&str>,
    through: Through,
) -> Result<Addition, String> {
    let mut addition = Addition::default();
    for condition in &rule.conditions {
        if condition_met(condition, asked) != Met::No {
            continue;
        }
        let setting = through.setting();
        let (wanted, remedy) = match condition {
            RuleCondition::Host(patterns) => {
                match patterns.iter().find(|pattern| is_concrete(pattern)) {
                    Some(name) if host.is_none() => {
                        addition.host = Some(name.clone());
                        continue;
                    }
                    Some(_) | None => (
                        format!("the host {}", either(patterns)),
                        format!("give `{setting}.host` a name that fits"),
                    ),
                }
            }
            RuleCondition::Header { name, values } => {
                let is_sent = asked
                    .headers
                    .iter()
                    .any(|(sent, _)| sent.eq_ignore_ascii_case(name));
                match values.iter().find(|value| is_concrete(value)) {
                    Some(value) if !is_sent => {
                        addition.headers.push((name.clone(), value.clone()));
                        continue;
                    }
                    Some(_) | None => (
                        format!("the header `{name}` with {}", either(values)),
                        format!("give `{setting}.headers` a value of it that fits"),
                    ),
                }
            }
            RuleCondition::Query(pairs) => {
                let concrete = pairs.iter().find(|(key, value)| {
                    key.as_deref().is_none_or(is_concrete) && is_concrete(value)
                });
                if let Some((key, value)) = concrete {
                    // Without a key any is met.
                    let key = key.clone().unwrap_or_else(|| "greenlight".to_owned());
                    addition.query.push((key, value.clone()));
                    continue;
                }
                (
                    "a query whose values are patterns".to_owned(),
                    "add a part that fits to the request's `path`".to_owned(),
                )
            }
            RuleCondition::Path(patterns) => (
                format!("the path {}", either(patterns)),
                "ask for a path that fits".to_owned(),
            ),
            RuleCondition::Method(methods) => (
                format!("the method {}", either(methods)),
                format!("let the rule take {} as well", asked.method),
            ),
            RuleCondition::Unknown(_) => continue,
        };
        return Err(format!(
            "`{}` does not meet {} of the {}, which asks for {wanted} (hint: {remedy})",
            asked.path,
            named(rule),
            through.words()
        ));
    }
    Ok(addition)
}

/// A value without a wildcard stands for itself. A backslash makes a character literal in some conditions, and is one in others.
fn is_concrete(value: &str) -> bool {
    !value.contains(['*', '?', '\\'])
}

fn either(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    values.join(" or ")
}
