//! The roles of the template, and what their policies say.

use std::collections::BTreeSet;

use anyhow::bail;
use serde_json::Value;

use super::condition::Keys;
use super::policy::{Effect, Origin, Statement, Trust, trusts};
use super::{Permission, Why};
use crate::identity::{REGION, account_of};

/// A role of the template, and its holder.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The function's binary name; the logical id of a role that no function has.
    pub holder: String,
    pub role_arn: String,
    /// The function's name, which is also that of its role's sessions.
    pub session: String,
    pub statements: Vec<Statement>,
    pub trust: Vec<Trust>,
    /// The trust policy as it is written.
    pub trust_document: Value,
    /// ARN of the function's on-failure destination.
    pub on_failure: Option<String>,
}

/// An action that the template grants a holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub holder: String,
    /// As the policy writes it.
    pub action: String,
    pub resources: Vec<String>,
}

impl Principal {
    /// The role of a function must trust Lambda, or the stack cannot be created.
    pub fn check_lambda_is_trusted(&self) -> anyhow::Result<()> {
        if self.trusts("lambda.amazonaws.com", &Keys::default()) {
            return Ok(());
        }
        bail!(
            "the role defined for the function cannot be assumed by Lambda (hint: trust `lambda.amazonaws.com`)"
        )
    }

    /// The role of a rule must trust EventBridge, or the rule cannot have the target (EventBridge API Reference, PutTargets).
    pub fn check_events_are_trusted(&self, rule_arn: &str) -> anyhow::Result<()> {
        let keys = Keys::default()
            .with("aws:SourceAccount", self.account())
            .with("aws:SourceArn", rule_arn);
        if self.trusts("events.amazonaws.com", &keys) {
            return Ok(());
        }
        bail!(
            "the role `{}` cannot be assumed by EventBridge (hint: trust `events.amazonaws.com`)",
            self.role_arn
        )
    }

    /// An explicit deny wins over every allow, and what nothing allows is denied.
    pub(super) fn decide(&self, permission: &Permission) -> Result<Grant, Why> {
        let keys = permission
            .keys
            .clone()
            .with("aws:PrincipalAccount", self.account())
            .with("aws:PrincipalArn", &self.role_arn)
            .or("aws:RequestedRegion", REGION);
        self.decide_with(&permission.action, &permission.resource, &keys)
    }

    fn decide_with(&self, action: &str, resource: &str, keys: &Keys) -> Result<Grant, Why> {
        let mut allowed = Err(Why::NothingAllows);
        for statement in &self.statements {
            let Some(action) = statement.matching_action(action, resource, keys) else {
                continue;
            };
            match statement.effect {
                Effect::Deny => return Err(Why::ExplicitlyDenied),
                // The first one counts as used: a second one that allows the same is not needed.
                Effect::Allow => {
                    allowed = allowed.or_else(|_: Why| Ok(self.grant(action, statement)))
                }
            }
        }
        allowed
    }

    /// The word of IAM's policy simulator for an action on a resource, and the condition keys that it was not told. Nothing but `keys`
    /// fills them in: the simulator makes no call (IAM API Reference, SimulatePrincipalPolicy, ContextEntries; EvaluationResult,
    /// MissingContextValues).
    pub fn simulated(
        &self,
        action: &str,
        resource: &str,
        keys: &Keys,
    ) -> (&'static str, BTreeSet<String>) {
        let word = match self.decide_with(action, resource, keys) {
            Ok(_) => "allowed",
            Err(Why::ExplicitlyDenied | Why::ResourceDenies) => "explicitDeny",
            Err(Why::NothingAllows | Why::ResourceAllowsNothing) => "implicitDeny",
        };
        let of_call = self.statements.iter();
        let of_call = of_call.filter(|statement| statement.covers(action, resource));
        let missing = of_call
            .flat_map(Statement::condition_keys)
            .filter(|key| !keys.has(key));
        (word, missing.map(str::to_owned).collect())
    }

    pub(super) fn granted_by_template(&self) -> Vec<Grant> {
        let allowed = |statement: &&Statement| {
            statement.origin == Origin::Template && statement.effect == Effect::Allow
        };
        let statements = self.statements.iter().filter(allowed);
        statements
            .flat_map(|statement| self.grants(statement))
            .collect()
    }

    fn grant(&self, action: String, statement: &Statement) -> Grant {
        Grant {
            holder: self.holder.clone(),
            action,
            resources: statement.resources.written(),
        }
    }

    pub(super) fn grants(&self, statement: &Statement) -> Vec<Grant> {
        statement
            .actions
            .written()
            .into_iter()
            .map(|action| self.grant(action, statement))
            .collect()
    }

    /// Whether a service may assume the role.
    pub(super) fn trusts(&self, service: &str, keys: &Keys) -> bool {
        trusts(&self.trust, service, keys)
    }

    /// The ARN that AWS reports for the holder when it calls.
    pub(super) fn caller(&self) -> String {
        let role = self.role_arn.rsplit('/').next().unwrap_or_default();
        format!(
            "arn:aws:sts::{}:assumed-role/{role}/{}",
            self.account(),
            self.session
        )
    }

    pub(super) fn account(&self) -> &str {
        account_of(&self.role_arn)
    }
}
