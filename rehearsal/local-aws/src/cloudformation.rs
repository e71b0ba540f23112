//! CloudFormation: the stack of the template. It is made with the world and does not change.

use std::collections::BTreeMap;
use std::time::SystemTime;

/// The stack.
#[derive(Debug, Clone)]
pub struct Stack {
    pub name: &'static str,
    /// As they were given, or their defaults; a list with commas.
    pub parameters: BTreeMap<String, String>,
    pub created_at: SystemTime,
}
