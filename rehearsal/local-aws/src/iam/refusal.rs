//! The permissions that a call needs, and its refusal without them.

use super::condition::Keys;
use super::resource_policy::Guard;
use crate::timeline;

/// An action on a resource, which a call needs to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// `ecs:RunTask`
    pub action: String,
    /// Its ARN; `*` where the action has no resource type.
    pub resource: String,
    pub keys: Keys,
    /// The resource's own policy; `None` where the identity's policies alone decide.
    pub guard: Option<Guard>,
}

/// A call that the policies do not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The function; the logical id of a role that no function has.
    pub holder: String,
    /// ARN of the caller.
    pub caller: String,
    pub action: String,
    pub resource: String,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    NothingAllows,
    ExplicitlyDenied,
    /// The resource is another account's, and its own policy does not allow it.
    ResourceAllowsNothing,
    ResourceDenies,
}

impl Permission {
    /// Without condition keys.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Permission {
        Permission {
            action: action.into(),
            resource: resource.into(),
            keys: Keys::default(),
            guard: None,
        }
    }

    /// Adds a condition key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Permission {
        self.keys = self.keys.with(key, value);
        self
    }

    /// Asks the resource's own policy as well.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Permission {
        self.guard = Some(guard);
        self
    }
}

impl Refusal {
    /// The reason, in the words that all services of AWS share (IAM User Guide, "Troubleshoot access denied error
    /// messages").
    pub fn reason(&self) -> String {
        match self.why {
            Why::NothingAllows => format!(
                "because no identity-based policy allows the {} action",
                self.action
            ),
            Why::ExplicitlyDenied => "with an explicit deny in an identity-based policy".to_owned(),
            Why::ResourceAllowsNothing => format!(
                "because no resource-based policy allows the {} action",
                self.action
            ),
            Why::ResourceDenies => "with an explicit deny in a resource-based policy".to_owned(),
        }
    }

    /// The timeline's event for a service that acts with a role: no caller gets the refusal as an answer.
    pub fn event(&self) -> timeline::Event {
        timeline::Event::CallRefused {
            function: Some(self.holder.clone()),
            operation: self.action.clone(),
            code: "AccessDenied".to_owned(),
            message: self.sentence(),
        }
    }

    /// The whole message, as most services write it.
    pub fn sentence(&self) -> String {
        format!(
            "User: {} is not authorized to perform: {} on resource: {} {}",
            self.caller,
            self.action,
            self.resource,
            self.reason()
        )
    }
}
