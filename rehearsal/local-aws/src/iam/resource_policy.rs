//! The policies that resources have themselves: those of repositories and of event buses.
//!
//! Within one account either side may allow a call. Between accounts both must: the caller's policies and the resource's
//! (IAM User Guide, "Cross-account policy evaluation logic"). An explicit deny on either side wins.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::condition::{Condition, texts};
use super::policy::{
    Effect, Named, check_actions, check_resources, conditions, effect, named, only, read,
};
use super::wildcard::{action_like, resource_like};
use super::{Permission, Why};
use crate::identity::account_of;

/// A resource's policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourcePolicy {
    statements: Vec<Statement>,
}

/// A resource's account and its policy, if it has one, as a call needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    pub account: String,
    pub policy: Option<Arc<ResourcePolicy>>,
}

/// The kind of resource that a policy belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Its statements have no `Resource` (ECR User Guide, "Repository policies").
    Repository,
    EventBus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    principals: Principals,
    actions: Named,
    /// `None` for the resource that has the policy.
    resources: Option<Named>,
    conditions: Vec<Condition>,
}

/// Services are left out: no service calls by itself here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Principals {
    Everybody,
    /// Accounts, and ARNs of users, roles and sessions.
    These(Vec<String>),
}

/// Whom a policy lets do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    Nobody,
    /// The caller's account, which passes it on by its own policies.
    Account,
    Caller,
}

impl Guard {
    /// Decides with what the caller's own policies say. `caller` are the ARNs by which a policy may name it; `None` if only
    /// the resource's policy allows the call.
    pub(super) fn decide<T>(
        &self,
        caller: &[&str],
        permission: &Permission,
        by_identity: Result<T, Why>,
    ) -> Result<Option<T>, Why> {
        let account = caller.first().map_or("", |arn| account_of(arn));
        let allowed = match &self.policy {
            Some(policy) => policy.allows(caller, account, permission)?,
            None => Allowed::Nobody,
        };
        match (by_identity, allowed) {
            (Err(Why::NothingAllows), Allowed::Caller) if account == self.account => Ok(None),
            (Err(why), _) => Err(why),
            (Ok(_), Allowed::Nobody) if account != self.account => Err(Why::ResourceAllowsNothing),
            (Ok(grant), _) => Ok(Some(grant)),
        }
    }
}

impl ResourcePolicy {
    /// Reads a policy; an error names what is wrong or not evaluated.
    pub fn read(document: &Value, of: Of) -> anyhow::Result<ResourcePolicy> {
        let statements = read(document, |members| statement(members, of))?;
        Ok(ResourcePolicy { statements })
    }

    fn allows(
        &self,
        caller: &[&str],
        account: &str,
        permission: &Permission,
    ) -> Result<Allowed, Why> {
        let keys = permission
            .keys
            .clone()
            .with("aws:PrincipalAccount", account);
        let keys = match caller.first() {
            Some(arn) => keys.with("aws:PrincipalArn", *arn),
            None => keys,
        };
        let mut allowed = Allowed::Nobody;
        for statement in &self.statements {
            let named = statement.principals.names(caller, account);
            let covers = statement.covers(permission)
                && statement.conditions.iter().all(|one| one.holds(&keys));
            match statement.effect {
                Effect::Deny if covers && named != Allowed::Nobody => {
                    return Err(Why::ResourceDenies);
                }
                Effect::Allow if covers => allowed = allowed.max(named),
                Effect::Deny | Effect::Allow => {}
            }
        }
        Ok(allowed)
    }
}

impl Statement {
    fn covers(&self, permission: &Permission) -> bool {
        let action = self
            .actions
            .covers(|pattern| action_like(pattern, &permission.action));
        let is_this = |resources: &Named| {
            let covered = resources.covers(|pattern| resource_like(pattern, &permission.resource));
            covered.is_some()
        };
        action.is_some() && self.resources.as_ref().is_none_or(is_this)
    }
}

impl Principals {
    fn names(&self, caller: &[&str], account: &str) -> Allowed {
        let one = |principal: &String| {
            let root = principal
                .strip_prefix("arn:aws:iam::")
                .and_then(|rest| rest.strip_suffix(":root"));
            if caller.contains(&principal.as_str()) {
                Allowed::Caller
            } else if root.unwrap_or(principal) == account {
                Allowed::Account
            } else {
                Allowed::Nobody
            }
        };
        match self {
            Principals::Everybody => Allowed::Caller,
            Principals::These(principals) => {
                principals.iter().map(one).max().unwrap_or(Allowed::Nobody)
            }
        }
    }
}

fn statement(members: &Map<String, Value>, of: Of) -> anyhow::Result<Statement> {
    let mut known = vec![
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "NotAction",
        "Condition",
    ];
    if of == Of::EventBus {
        known.extend(["Resource", "NotResource"]);
    }
    only(members, &known)?;
    let actions = named(members, "Action", "NotAction")?;
    check_actions(&actions)?;
    let resources = match of {
        Of::Repository => None,
        Of::EventBus => Some(named(members, "Resource", "NotResource")?),
    };
    resources.as_ref().map_or(Ok(()), check_resources)?;
    let principal = members
        .get("Principal")
        .context("a statement has no `Principal`")?;
    Ok(Statement {
        effect: effect(members)?,
        principals: principals(principal)?,
        actions,
        resources,
        conditions: conditions(members)?,
    })
}

fn principals(written: &Value) -> anyhow::Result<Principals> {
    let expected = "expected `*`, or `AWS` with accounts and ARNs";
    if written == "*" {
        return Ok(Principals::Everybody);
    }
    let named = written
        .as_object()
        .with_context(|| format!("`Principal` is `{written}`, {expected}"))?;
    let mut principals = Vec::new();
    for (kind, names) in named {
        match kind.as_str() {
            "AWS" => principals.extend(texts(names)?),
            "Service" => {}
            other => bail!("`{other}` of `Principal` is not evaluated, {expected}"),
        }
    }
    let is_one = |name: &String| {
        let is_account = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
        let is_arn = ["arn:aws:iam::", "arn:aws:sts::"]
            .iter()
            .any(|start| name.starts_with(start))
            && !name.contains('*');
        is_account || is_arn
    };
    if principals.iter().any(|name| name == "*") {
        return Ok(Principals::Everybody);
    }
    match principals.iter().find(|name| !is_one(name)) {
        Some(other) => bail!("`{other}` is not a principal, {expected}"),
        None => Ok(Principals::These(principals)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/start";
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/start/f";

    const HERE: &str = "111122223333";
    const AWAY: &str = "444455556666";

    /// `Allow root ecr:*`, several with semicolons between them.
    fn policy(text: &str) -> ResourcePolicy {
        let principal = |name: &str| match name {
            "root" => json!({ "AWS": format!("arn:aws:iam::{HERE}:root") }),
            "account" => json!({ "AWS": HERE }),
            "role" => json!({ "AWS": ROLE }),
            "session" => json!({ "AWS": ["222222222222", SESSION] }),
            "others" => json!({ "AWS": ["222222222222", "333333333333"] }),
            "service" => json!({ "Service": "codebuild.amazonaws.com" }),
            everybody => json!(everybody),
        };
        let statement = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let mut statement =
                json!({ "Effect": words[0], "Principal": principal(words[1]), "Action": words[2] });
            if let Some(account) = words.get(3) {
                statement["Condition"] =
                    json!({ "StringEquals": { "aws:PrincipalAccount": account } });
            }
            statement
        };
        let statements = text.split("; ").filter(|text| !text.is_empty());
        let statements: Vec<Value> = statements.map(statement).collect();
        ResourcePolicy::read(&json!({ "Statement": statements }), Of::Repository).unwrap()
    }

    #[test]
    fn between_accounts_both_sides_must_allow_and_within_one_either() {
        let nothing = Err(Why::NothingAllows);
        let (refused, denied) = (Err(Why::ResourceAllowsNothing), Err(Why::ResourceDenies));
        let (by_both, by_resource) = (Ok(Some(())), Ok(None));
        let unallowed = Err(Why::NothingAllows);
        for (text, account, by_identity, expected) in [
            ("", HERE, Ok(()), by_both),
            ("", HERE, nothing, unallowed),
            ("", AWAY, Ok(()), refused),
            ("", AWAY, nothing, unallowed),
            ("Allow root ecr:PutImage", HERE, nothing, unallowed),
            ("Allow root ecr:PutImage", AWAY, Ok(()), by_both),
            ("Allow root ecr:PutImage", AWAY, nothing, unallowed),
            ("Allow role ecr:*", HERE, nothing, by_resource),
            ("Allow session *", HERE, nothing, by_resource),
            ("Allow * ecr:PutImage", HERE, nothing, by_resource),
            ("Allow * ecr:PutImage", AWAY, Ok(()), by_both),
            ("Allow role ecr:*", AWAY, nothing, unallowed),
            ("Allow role ecr:putimage", AWAY, Ok(()), by_both),
            ("Allow account ecr:*", AWAY, Ok(()), by_both),
            ("Allow others ecr:*", AWAY, Ok(()), refused),
            ("Allow service ecr:*", AWAY, Ok(()), refused),
            ("Allow root ecr:Get*", AWAY, Ok(()), refused),
            ("Allow root ecr:* 111122223333", AWAY, Ok(()), by_both),
            ("Allow root ecr:* 444455556666", AWAY, Ok(()), refused),
            ("Allow root *; Deny * ecr:Put*", HERE, Ok(()), denied),
            ("Deny root ecr:*; Allow * *", AWAY, Ok(()), denied),
            ("Allow root *; Deny others *", AWAY, Ok(()), by_both),
        ] {
            let guard = Guard {
                account: account.to_owned(),
                policy: Some(Arc::new(policy(text))),
            };
            let put = Permission::new("ecr:PutImage", "arn:aws:ecr:eu-west-1:1:repository/web");
            let decided = guard.decide(&[ROLE, SESSION], &put, by_identity);
            assert_eq!(decided, expected, "{account}: {text}");
        }
        let guard = Guard {
            account: AWAY.to_owned(),
            policy: Some(Arc::new(policy("Allow root *"))),
        };
        let denied: Result<Option<()>, Why> = guard.decide(
            &[ROLE],
            &Permission::new("ecr:PutImage", "*"),
            Err(Why::ExplicitlyDenied),
        );
        assert_eq!(denied, Err(Why::ExplicitlyDenied));
    }

    #[test]
    fn what_is_not_evaluated_is_an_error_and_never_an_allow() {
        let of = |change: &str, to: Value| {
            let mut statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "ecr:*" });
            statement[change] = to;
            json!({ "Statement": statement })
        };
        for (document, kind, expected) in [
            (
                of("Resource", json!("*")),
                Of::Repository,
                "`Resource` is not evaluated",
            ),
            (
                of("NotPrincipal", json!("*")),
                Of::Repository,
                "`NotPrincipal` is not evaluated",
            ),
            (
                of("Principal", json!(["*"])),
                Of::Repository,
                "`Principal` is",
            ),
            (
                of("Principal", json!({ "AWS": "arn:aws:iam::1:*" })),
                Of::Repository,
                "is not a principal",
            ),
            (
                of("Principal", json!({ "Federated": "x" })),
                Of::Repository,
                "`Federated` of `Principal`",
            ),
            (
                of("Action", json!("PutImage")),
                Of::Repository,
                "is not an action",
            ),
            (
                of("Sid", json!("x")),
                Of::EventBus,
                "expected one of `Resource`",
            ),
        ] {
            let error = ResourcePolicy::read(&document, kind).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }
}
