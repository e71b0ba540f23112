//! A repository's policy: who of other accounts may read, pull and push.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;

use super::{ImageStatus, Reference, Repositories, Repository};
use crate::iam::{Guard, Of, Permission, ResourcePolicy, allows};
use crate::identity::Location;

/// The actions that a pull takes on the repository (ECR User Guide, "Private repository policy examples").
const PULL: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// A repository's policy as it was set, and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPolicy {
    pub text: String,
    read: Arc<ResourcePolicy>,
}

impl RepositoryPolicy {
    pub fn read(text: &str) -> anyhow::Result<RepositoryPolicy> {
        let document = serde_json::from_str(text).context("it is not JSON")?;
        Ok(RepositoryPolicy {
            text: text.to_owned(),
            read: Arc::new(ResourcePolicy::read(&document, Of::Repository)?),
        })
    }

    /// The policy without an action; `None` if it allows nothing more.
    fn without(&self, action: &str) -> anyhow::Result<Option<RepositoryPolicy>> {
        let mut document: Value = serde_json::from_str(&self.text)?;
        let written = document["Statement"].take();
        let mut statements = match written.as_array() {
            Some(statements) => statements.clone(),
            None => vec![written],
        };
        statements.retain_mut(|statement| {
            if let Some(actions) = statement["Action"].as_array_mut() {
                actions.retain(|known| known != action);
                return !actions.is_empty();
            }
            statement["Action"] != action
        });
        let is_empty = statements.is_empty();
        document["Statement"] = Value::Array(statements);
        match is_empty {
            true => Ok(None),
            false => RepositoryPolicy::read(&document.to_string()).map(Some),
        }
    }
}

impl Repository {
    /// What IAM asks of the repository.
    pub fn guard(&self) -> Guard {
        Guard {
            account: self.registry.account.clone(),
            policy: self.policy.as_ref().map(|policy| policy.read.clone()),
        }
    }

    /// Whether a role whose own policies allow it may pull.
    fn lets_pull(&self, role_arn: &str) -> bool {
        PULL.iter().all(|action| {
            let permission = Permission::new(*action, self.arn()).guarded(self.guard());
            allows(&permission, role_arn)
        })
    }
}

impl Repositories {
    /// Sets or deletes a policy, and returns the previous one; `None` if the repository does not exist.
    pub fn set_policy(
        &self,
        registry: &Location,
        name: &str,
        policy: Option<RepositoryPolicy>,
    ) -> Option<Option<RepositoryPolicy>> {
        self.edit(registry, name, |repository| {
            std::mem::replace(&mut repository.policy, policy)
        })
    }

    /// Sets a repository's lifecycle policy and returns the previous one; `None` if the repository does not exist.
    pub fn set_lifecycle(
        &self,
        registry: &Location,
        name: &str,
        policy: Option<String>,
    ) -> Option<Option<String>> {
        self.edit(registry, name, |repository| {
            std::mem::replace(&mut repository.lifecycle, policy)
        })
    }

    /// Removes an action, or all of them, from a repository's policy.
    pub fn withdraw(
        &self,
        registry: &Location,
        name: &str,
        action: Option<&str>,
    ) -> anyhow::Result<()> {
        let missing = || format!("`{}` has no policy", registry.repository(name));
        let repository = self.repository(registry, name);
        let policy = repository.and_then(|repository| repository.policy);
        let policy = policy.with_context(missing)?;
        let rest = match action {
            Some(action) => policy.without(action)?,
            None => None,
        };
        anyhow::ensure!(
            rest.as_ref().is_none_or(|rest| rest.read != policy.read),
            "the policy of `{}` does not list `{}`",
            registry.repository(name),
            action.unwrap_or_default()
        );
        self.set_policy(registry, name, rest)
            .with_context(missing)?;
        Ok(())
    }

    /// Resolves the `image` of a container definition for a task that pulls with this role.
    pub fn pull(&self, reference: &str, role_arn: &str) -> Reference {
        let found = self.resolve_where(reference, |repository| repository.lets_pull(role_arn));
        match found {
            // The pull of an image in the archive fails with 404 (ECR User Guide, "Archiving an image").
            Reference::Found(image) if image.status != ImageStatus::Active => Reference::Missing,
            Reference::Found(_)
            | Reference::Missing
            | Reference::Forbidden
            | Reference::Foreign => found,
        }
    }
}
