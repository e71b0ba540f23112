//! Which registry of ECR a pipeline's repository lies in.

use crate::names::{AccountId, Region, RegistryHost};

/// A registry of ECR. What is left out is that of the stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Its account.
    pub account: Option<AccountId>,
    /// Its Region.
    pub region: Option<Region>,
}

impl Registry {
    /// Its host, made of that of the stack's own registry.
    pub fn host(&self, own: &RegistryHost) -> RegistryHost {
        own.at(self.account.as_ref(), self.region.as_ref())
    }
}
