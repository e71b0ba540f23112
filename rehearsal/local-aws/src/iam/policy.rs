//! Policy documents, their statements, and which permissions a statement covers.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::condition::{Condition, Keys, texts};
use super::wildcard::{action_like, resource_like};

/// A statement of an identity's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub effect: Effect,
    pub actions: Named,
    pub resources: Named,
    conditions: Vec<Condition>,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// Who wrote a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Template,
    /// Added by SAM to the role that it makes for a function.
    Sam,
    /// An AWS managed policy.
    Aws,
}

/// `Action` and `Resource` name what they include, `NotAction` and `NotResource` what they exclude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Named {
    /// The pattern that includes something; for `Not…` all of them.
    pub(super) fn covers(&self, compare: impl Fn(&str) -> bool) -> Option<String> {
        match self {
            Named::These(patterns) => patterns.iter().find(|pattern| compare(pattern)).cloned(),
            Named::AllBut(patterns) => (!patterns.iter().any(|pattern| compare(pattern)))
                .then(|| format!("all but {}", patterns.join(", "))),
        }
    }

    /// As people read them.
    pub fn written(&self) -> Vec<String> {
        match self {
            Named::These(patterns) => patterns.clone(),
            Named::AllBut(patterns) => vec![format!("all but {}", patterns.join(", "))],
        }
    }
}

impl Statement {
    /// The statement's own name for an action, where it covers that on a resource.
    pub(super) fn matching_action(
        &self,
        action: &str,
        resource: &str,
        keys: &Keys,
    ) -> Option<String> {
        let action = self
            .actions
            .covers(|pattern| action_like(pattern, action))?;
        self.resources
            .covers(|pattern| resource_like(pattern, resource))?;
        self.conditions
            .iter()
            .all(|condition| condition.holds(keys))
            .then_some(action)
    }

    /// Whether it speaks of an action on a resource, whatever its conditions are.
    pub(super) fn covers(&self, action: &str, resource: &str) -> bool {
        let of_action = self.actions.covers(|pattern| action_like(pattern, action));
        let of_resource = self
            .resources
            .covers(|pattern| resource_like(pattern, resource));
        of_action.is_some() && of_resource.is_some()
    }

    /// The keys that its conditions compare.
    pub(super) fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::key)
    }
}

/// A statement of a role's trust policy. Only services count as principals here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    effect: Effect,
    services: Vec<String>,
    conditions: Vec<Condition>,
}

/// Whether a service may assume the role with this trust policy.
pub(super) fn trusts(policy: &[Trust], service: &str, keys: &Keys) -> bool {
    let speaks = |effect: Effect| {
        policy.iter().any(|statement| {
            statement.effect == effect
                && statement.services.iter().any(|known| known == service)
                && statement
                    .conditions
                    .iter()
                    .all(|condition| condition.holds(keys))
        })
    };
    speaks(Effect::Allow) && !speaks(Effect::Deny)
}

/// Reads a policy document of an identity.
pub fn identity_policy(document: &Value, origin: Origin) -> anyhow::Result<Vec<Statement>> {
    read(document, |statement| {
        let known = [
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        only(statement, &known)?;
        let actions = named(statement, "Action", "NotAction")?;
        let resources = named(statement, "Resource", "NotResource")?;
        check_actions(&actions)?;
        check_resources(&resources)?;
        Ok(Statement {
            effect: effect(statement)?,
            actions,
            resources,
            conditions: conditions(statement)?,
            origin,
        })
    })
}

/// Reads a role's trust policy.
pub fn trust_policy(document: &Value) -> anyhow::Result<Vec<Trust>> {
    read(document, |statement| {
        only(
            statement,
            &["Sid", "Effect", "Action", "Principal", "Condition"],
        )?;
        let actions = statement
            .get("Action")
            .context("a statement has no `Action`")?;
        let assumes = texts(actions)?
            .iter()
            .any(|action| action_like(action, "sts:AssumeRole"));
        let principal = statement
            .get("Principal")
            .context("a statement has no `Principal`")?;
        let services = principal
            .get("Service")
            .map_or_else(|| Ok(Vec::new()), texts)?;
        let services = if assumes { services } else { Vec::new() };
        Ok(Trust {
            effect: effect(statement)?,
            // Whoever signs in with an identity provider is nobody here, and its condition keys are its own.
            conditions: match services.is_empty() {
                true => Vec::new(),
                false => conditions(statement)?,
            },
            services,
        })
    })
}

pub(super) fn read<T>(
    document: &Value,
    statement: impl Fn(&Map<String, Value>) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let members = document
        .as_object()
        .with_context(|| format!("`{document}` is not a policy document"))?;
    only(members, &["Version", "Id", "Statement"])?;
    if let Some(version) = members.get("Version")
        && version != "2012-10-17"
        && version != "2008-10-17"
    {
        bail!("`Version` is `{version}`, expected `2012-10-17`");
    }
    let statements = match members.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => bail!("a policy document has no `Statement`"),
    };
    let number = |(index, value): (usize, &Value)| {
        let members = value
            .as_object()
            .with_context(|| format!("`{value}` is not a statement"));
        members
            .and_then(&statement)
            .with_context(|| format!("in statement {}", index + 1))
    };
    statements.iter().enumerate().map(number).collect()
}

/// An unknown element may not be ignored: it could mean that less is allowed.
pub(super) fn only(members: &Map<String, Value>, known: &[&str]) -> anyhow::Result<()> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => bail!(
            "`{unknown}` is not evaluated, expected {}",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

pub(super) fn effect(statement: &Map<String, Value>) -> anyhow::Result<Effect> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Ok(Effect::Allow),
        Some("Deny") => Ok(Effect::Deny),
        Some(_) | None => bail!("`Effect` must be `Allow` or `Deny`"),
    }
}

pub(super) fn named(
    statement: &Map<String, Value>,
    these: &str,
    all_but: &str,
) -> anyhow::Result<Named> {
    match (statement.get(these), statement.get(all_but)) {
        (Some(patterns), None) => Ok(Named::These(
            texts(patterns).with_context(|| format!("in `{these}`"))?,
        )),
        (None, Some(patterns)) => Ok(Named::AllBut(
            texts(patterns).with_context(|| format!("in `{all_but}`"))?,
        )),
        (Some(_), Some(_)) | (None, None) => bail!("expected one of `{these}` and `{all_but}`"),
    }
}

pub(super) fn check_actions(actions: &Named) -> anyhow::Result<()> {
    check_format(actions, "an action such as `ecs:RunTask`", |action| {
        action == "*"
            || action
                .split_once(':')
                .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
    })
}

pub(super) fn check_resources(resources: &Named) -> anyhow::Result<()> {
    check_format(resources, "an ARN or `*`", |resource| {
        resource == "*" || resource.starts_with("arn:") && resource.splitn(6, ':').count() == 6
    })
}

fn check_format(named: &Named, expected: &str, is_one: fn(&str) -> bool) -> anyhow::Result<()> {
    let (Named::These(patterns) | Named::AllBut(patterns)) = named;
    match patterns.iter().find(|pattern| !is_one(pattern)) {
        None => Ok(()),
        Some(other) => bail!("`{other}` is not {expected}"),
    }
}

pub(super) fn conditions(statement: &Map<String, Value>) -> anyhow::Result<Vec<Condition>> {
    statement
        .get("Condition")
        .map_or_else(|| Ok(Vec::new()), Condition::parse)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_an_error_and_never_an_allow() {
        let statement = |change: Value| {
            let mut statement =
                json!({ "Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*" });
            for (name, value) in change.as_object().unwrap() {
                statement[name] = value.clone();
            }
            json!({ "Statement": [statement] })
        };
        for (document, expected) in [
            (json!("x"), "is not a policy document"),
            (json!({}), "has no `Statement`"),
            (
                json!({ "Version": "2020-01-01", "Statement": [] }),
                "`Version` is",
            ),
            (
                json!({ "Statement": [], "Extra": 1 }),
                "`Extra` is not evaluated",
            ),
            (json!({ "Statement": ["x"] }), "in statement 1"),
            (
                statement(json!({ "Principal": "*" })),
                "in statement 1: `Principal` is not evaluated",
            ),
            (statement(json!({ "Effect": "allow" })), "`Effect` must be"),
            (
                statement(json!({ "NotAction": "ecs:StopTask" })),
                "expected one of `Action` and `NotAction`",
            ),
            (
                statement(json!({ "Action": "RunTask" })),
                "`RunTask` is not an action",
            ),
            (
                statement(json!({ "Action": [] })),
                "in `Action`: an empty list",
            ),
            (
                statement(json!({ "Resource": "service/web" })),
                "`service/web` is not an ARN",
            ),
            (
                statement(json!({ "Resource": "arn:aws:s3:::b/${aws:username}" })),
                "policy variables",
            ),
            (
                statement(json!({ "Condition": { "IpAddress": { "aws:SourceIp": "1.2.3.4" } } })),
                "`IpAddress`",
            ),
        ] {
            let error = identity_policy(&document, Origin::Template).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }

    #[test]
    fn a_service_assumes_a_role_that_trusts_it() {
        let trust = |extra: Value| {
            let statement = json!({
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"] },
                "Condition": { "StringEquals": { "aws:SourceAccount": "111122223333" } },
            });
            trust_policy(&json!({ "Statement": [statement, extra] })).unwrap()
        };
        let aws = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "111122223333" } });
        let keys = Keys::default().with("aws:SourceAccount", "111122223333");
        assert!(trusts(
            &trust(aws.clone()),
            "scheduler.amazonaws.com",
            &keys
        ));
        assert!(!trusts(
            &trust(aws.clone()),
            "scheduler.amazonaws.com",
            &Keys::default()
        ));
        assert!(!trusts(&trust(aws), "ecs.amazonaws.com", &keys));
        let deny = json!({ "Effect": "Deny", "Action": "sts:*", "Principal": { "Service": "scheduler.amazonaws.com" } });
        assert!(!trusts(&trust(deny), "scheduler.amazonaws.com", &keys));
    }
}
