//! SSM parameters.

use serde::{Deserialize, Serialize};

/// An SSM parameter at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    /// The values of its versions, the oldest first.
    pub values: Vec<String>,
}
