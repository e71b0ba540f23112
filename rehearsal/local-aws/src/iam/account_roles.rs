//! The roles of the account that the template does not have, and what is written into any role later: policies by name.
//!
//! What a role may do that a service of AWS assumes is evaluated where that is simulated (`check_role`); CodeDeploy's own role and those of
//! tasks are read by nobody but IAM's operations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::principal::Principal;
use super::{Iam, Origin, Statement, identity_policy, managed_policy, trust_policy};

/// What the holder of a role begins with that the template does not have.
pub(super) const HOLDER: &str = "role/";

/// What is written into a role, beside what the template has.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    /// The template's statements; none of a role that it does not have.
    of_template: Vec<Statement>,
    /// Inline policies by name.
    inline: BTreeMap<String, Value>,
    /// ARNs of managed policies.
    attached: BTreeSet<String>,
}

/// Why a role was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleRefused {
    Exists,
    NoSuchRole,
    NoSuchPolicy,
    Malformed(String),
    HasPolicies,
}

impl Iam {
    /// Creates a role; `path` begins and ends with a slash.
    pub fn create_role(&self, arn: &str, trust: &Value) -> Result<Principal, RoleRefused> {
        let name = name_of(arn);
        let read =
            trust_policy(trust).map_err(|error| RoleRefused::Malformed(format!("{error:#}")))?;
        let mut state = self.lock();
        if state
            .principals
            .iter()
            .any(|role| name_of(&role.role_arn) == name)
        {
            return Err(RoleRefused::Exists);
        }
        let role = Principal {
            // No function of the template has such a name.
            holder: format!("{HOLDER}{name}"),
            role_arn: arn.to_owned(),
            session: name.to_owned(),
            statements: Vec::new(),
            trust: read,
            trust_document: trust.clone(),
            on_failure: None,
        };
        state.principals.push(role.clone());
        Ok(role)
    }

    /// Deletes a role that has no policies any more.
    pub fn delete_role(&self, name: &str) -> Result<(), RoleRefused> {
        let mut state = self.lock();
        let found = state
            .principals
            .iter()
            .position(|role| name_of(&role.role_arn) == name);
        let found = found.ok_or(RoleRefused::NoSuchRole)?;
        let written = state.written.get(name);
        if written
            .is_some_and(|written| !(written.inline.is_empty() && written.attached.is_empty()))
        {
            return Err(RoleRefused::HasPolicies);
        }
        state.principals.remove(found);
        state.written.remove(name);
        Ok(())
    }

    /// Replaces the trust policy.
    pub fn update_trust(&self, name: &str, trust: &Value) -> Result<(), RoleRefused> {
        let read =
            trust_policy(trust).map_err(|error| RoleRefused::Malformed(format!("{error:#}")))?;
        let mut state = self.lock();
        let mut roles = state.principals.iter_mut();
        let role = roles.find(|role| name_of(&role.role_arn) == name);
        let role = role.ok_or(RoleRefused::NoSuchRole)?;
        role.trust = read;
        role.trust_document = trust.clone();
        Ok(())
    }

    /// Writes an inline policy.
    pub fn put_role_policy(
        &self,
        name: &str,
        policy: &str,
        document: &Value,
    ) -> Result<(), RoleRefused> {
        identity_policy(document, Origin::Aws)
            .map_err(|error| RoleRefused::Malformed(format!("{error:#}")))?;
        self.rewrite(name, |written| {
            written.inline.insert(policy.to_owned(), document.clone());
            Ok(())
        })
    }

    /// Deletes an inline policy.
    pub fn delete_role_policy(&self, name: &str, policy: &str) -> Result<(), RoleRefused> {
        self.rewrite(name, |written| {
            let deleted = written.inline.remove(policy);
            deleted.map(drop).ok_or(RoleRefused::NoSuchPolicy)
        })
    }

    /// Attaches a managed policy.
    pub fn attach_role_policy(&self, name: &str, policy: &str) -> Result<(), RoleRefused> {
        managed_policy(policy).map_err(|error| RoleRefused::Malformed(format!("{error:#}")))?;
        self.rewrite(name, |written| {
            written.attached.insert(policy.to_owned());
            Ok(())
        })
    }

    /// Detaches a managed policy.
    pub fn detach_role_policy(&self, name: &str, policy: &str) -> Result<(), RoleRefused> {
        self.rewrite(name, |written| match written.attached.remove(policy) {
            true => Ok(()),
            false => Err(RoleRefused::NoSuchPolicy),
        })
    }

    fn rewrite(
        &self,
        name: &str,
        write: impl FnOnce(&mut Written) -> Result<(), RoleRefused>,
    ) -> Result<(), RoleRefused> {
        let mut state = self.lock();
        let found = state
            .principals
            .iter()
            .position(|role| name_of(&role.role_arn) == name);
        let found = found.ok_or(RoleRefused::NoSuchRole)?;
        let of_template = state.principals[found].statements.clone();
        let written = state
            .written
            .entry(name.to_owned())
            .or_insert_with(|| Written {
                of_template,
                ..Written::default()
            });
        write(written)?;
        let mut statements = written.of_template.clone();
        for policy in &written.attached {
            statements.extend(managed_policy(policy).unwrap_or_default());
        }
        for document in written.inline.values() {
            statements.extend(identity_policy(document, Origin::Aws).unwrap_or_default());
        }
        state.principals[found].statements = statements;
        Ok(())
    }
}

/// A role's name, without its path.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
