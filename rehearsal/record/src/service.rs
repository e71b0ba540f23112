//! Services: their listeners, the answers, their targets, and their final state.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A service at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtEnd {
    /// The version of its PRIMARY task set, if it runs one of the rehearsal's images.
    pub version: Option<String>,
    /// Running tasks of that task set.
    pub tasks: usize,
    /// The number of task sets, including the PRIMARY one.
    pub task_sets: usize,
}

/// The number of answers, as the listeners counted them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub requests: u64,
    pub failed: u64,
    pub versions: BTreeMap<String, u64>,
}

/// A service of the scenario, in the scenario's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// The service's label in claims: its name, prefixed with its cluster if several services share the name.
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
    /// The address of the listener that received the request.
    pub address: String,
    /// Includes the query, with numbers in place of its values.
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
        /// The deployment whose green the task is; `None` for tasks from before all deployments.
        deployment: Option<String>,
    },
    LoadBalancer,
}

/// A change of a target's health to this state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub task: String,
    /// The deployment whose green the task is.
    pub deployment: Option<String>,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`
    pub state: String,
}

/// Whether a label means this service: its name, or its cluster and name if the name is ambiguous.
pub fn is_called(label: &str, cluster: &str, service: &str) -> bool {
    match label.split_once('/') {
        Some(wanted) => wanted == (cluster, service),
        None => label == service,
    }
}
