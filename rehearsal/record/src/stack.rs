//! Stacks of a user's templates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A stack at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    pub name: String,
    /// By name, as DescribeStacks returns them.
    pub outputs: BTreeMap<String, String>,
}
