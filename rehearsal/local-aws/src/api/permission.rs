//! The building blocks of the operations' permissions.
//!
//! A call is authorized before its handler has checked anything, so its members are read without complaint: one that is
//! absent or of another type is named `*`. The sources are AWS's Service Authorization Reference (SAR) and, for CodeDeploy,
//! the permissions reference of its user guide; the rules name them where they differ.

use serde_json::Value;

use super::operation::Call;
use crate::iam::{Permission, administrator};
use crate::identity::{ACCOUNT, arn};

impl<'a> Call<'a> {
    /// The caller's ARN: of a function, the session of its role.
    pub(super) fn caller(self) -> String {
        match self.function {
            Some(function) => self.aws.iam.caller(function),
            None => administrator(),
        }
    }

    /// The action of the operation's own name, on a resource.
    pub(super) fn on(self, resource: impl Into<String>) -> Permission {
        let action = format!("{}:{}", self.service.prefix(), self.operation);
        Permission::new(action, resource)
    }

    /// The same for each of several resources.
    pub(super) fn on_each(self, resources: impl Iterator<Item = String>) -> Vec<Permission> {
        resources.map(|resource| self.on(resource)).collect()
    }

    pub(super) fn named(self, member: &str) -> Option<&'a str> {
        self.input.value(member).and_then(Value::as_str)
    }

    pub(super) fn named_or_any(self, member: &str) -> &'a str {
        self.named(member).unwrap_or("*")
    }

    pub(super) fn all_named(self, member: &str) -> impl Iterator<Item = &'a str> {
        let items = self.input.value(member).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// The rule of an operation for which SAR has no resource type.
pub(super) fn no_resource(call: Call<'_>) -> Vec<Permission> {
    vec![call.on("*")]
}

/// Returns the ARN of a resource that a request names by ARN or name.
pub(super) fn full_arn(service: &str, prefix: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn(service, &format!("{prefix}{name}"))
    }
}

/// The permission to pass a role, given by ARN or name, to a service.
pub(super) fn pass_role(role: &str, service: &str) -> Permission {
    let role = if role.starts_with("arn:") {
        role.to_owned()
    } else {
        format!("arn:aws:iam::{ACCOUNT}:role/{role}")
    };
    Permission::new("iam:PassRole", role).with("iam:PassedToService", service)
}
