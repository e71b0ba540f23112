//! Permissions that are removed for a run, to see what breaks.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};

use super::policy::{Effect, Named};
use super::{Grant, Principal};

/// `HOLDER:ACTION`, or `HOLDER:ACTION=RESOURCE` where one action is granted for several resources apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    holder: String,
    action: String,
    resource: Option<String>,
}

impl Removal {
    /// An action of a function, on any resource.
    pub fn of(holder: &str, action: &str) -> Removal {
        Removal {
            holder: holder.to_owned(),
            action: action.to_owned(),
            resource: None,
        }
    }

    /// Whether a refusal comes from this.
    pub fn explains(&self, holder: &str, action: &str) -> bool {
        self.holder == holder && self.action.eq_ignore_ascii_case(action)
    }

    /// Removes the action from every statement that grants it so.
    pub(super) fn apply(&self, principals: &mut [Principal]) -> anyhow::Result<()> {
        let holders: Vec<String> = principals
            .iter()
            .map(|principal| format!("`{}`", principal.holder))
            .collect();
        let principal = principals
            .iter_mut()
            .find(|principal| principal.holder == self.holder)
            .with_context(|| {
                format!(
                    "the template has no `{}` with permissions, it has {}",
                    self.holder,
                    holders.join(", ")
                )
            })?;
        let granted: Vec<Grant> = principal
            .statements
            .iter()
            .filter(|statement| statement.effect == Effect::Allow)
            .flat_map(|statement| principal.grants(statement))
            .collect();
        if !granted
            .iter()
            .any(|grant| self.means(&grant.action, &grant.resources))
        {
            let granted: Vec<String> = granted.iter().map(|grant| format!("  {grant}")).collect();
            bail!(
                "the template does not grant `{self}`, it grants\n{}",
                granted.join("\n")
            );
        }
        for statement in &mut principal.statements {
            let resources = statement.resources.written();
            if let (Effect::Allow, Named::These(actions)) =
                (statement.effect, &mut statement.actions)
            {
                actions.retain(|action| !self.means(action, &resources));
            }
        }
        Ok(())
    }

    fn means(&self, action: &str, resources: &[String]) -> bool {
        let resource = self.resource.as_ref();
        action.eq_ignore_ascii_case(&self.action)
            && resource.is_none_or(|resource| resources.contains(resource))
    }
}

impl FromStr for Removal {
    type Err = anyhow::Error;

    fn from_str(given: &str) -> anyhow::Result<Removal> {
        let (permission, resource) = match given.split_once('=') {
            Some((permission, resource)) => (permission, Some(resource.to_owned())),
            None => (given, None),
        };
        let (holder, action) = permission
            .split_once(':')
            .filter(|(holder, action)| !holder.is_empty() && action.contains(':'))
            .with_context(|| {
                format!("`{given}` is not a permission such as `run-migration:ecs:RunTask`")
            })?;
        Ok(Removal {
            holder: holder.to_owned(),
            action: action.to_owned(),
            resource,
        })
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.holder, self.action)?;
        match &self.resource {
            Some(resource) => write!(formatter, "={resource}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{} on {}",
            self.holder,
            self.action,
            self.resources.join(", ")
        )
    }
}
