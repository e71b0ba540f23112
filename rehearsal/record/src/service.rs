//! Services: their listeners, what those answered, their targets, and how they ended.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A service at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtEnd {
    /// The version of its PRIMARY task set, where it is one of the rehearsal's own images.
    pub version: Option<String>,
    /// Running tasks of that task set.
    pub tasks: usize,
    /// Task sets, the PRIMARY one included.
    pub task_sets: usize,
}

/// What listeners answered, as they counted it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub requests: u64,
    pub failed: u64,
    pub versions: BTreeMap<String, u64>,
}

/// A service of the scenario, in the scenario's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// As claims call it: its name, with its cluster where there are several of that name.
    pub service: String,
    /// ARN of its test listener, where it has one.
    pub test: Option<String>,
}

/// An answer of a test listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAnswer {
    /// ARN of the listener.
    pub listener: String,
    #[serde(with = "crate::moment")]
    pub asked_at: SystemTime,
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    /// Which of the listener's addresses was asked.
    pub address: String,
    /// With the query, in which numbers stand for values.
    pub path: String,
    pub status: u16,
    pub version: Option<String>,
    pub by: Answerer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    Task {
        task: String,
        /// The deployment whose green it is; none of what ran before all deployments.
        deployment: Option<String>,
    },
    LoadBalancer,
}

/// From now on the target that a task is has this state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub task: String,
    /// The deployment whose green it is.
    pub deployment: Option<String>,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`
    pub state: String,
}

/// Whether a service is the one of this label: its name, or its cluster and name where the name alone is not enough.
pub fn is_called(label: &str, cluster: &str, service: &str) -> bool {
    match label.split_once('/') {
        Some(wanted) => wanted == (cluster, service),
        None => label == service,
    }
}
