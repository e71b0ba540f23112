//! Tasks that RunTask started: migrations.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// One that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub arn: String,
    pub started_by: Option<String>,
    pub command: Vec<String>,
    pub version: Option<String>,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// A task that says of itself that it is a deployment's migration, as anybody's may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub task: String,
    pub deployment: String,
    /// The function that RunTask gave it to, by its binary's name.
    pub given_to: Option<String>,
    /// ARN of what it ran.
    pub revision: String,
    /// None: not known, because it is not told of tasks that never ran.
    #[serde(with = "crate::moment::optional")]
    pub started_at: Option<SystemTime>,
    /// None: it is still there.
    #[serde(with = "crate::moment::optional")]
    pub stopped_at: Option<SystemTime>,
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub essential: bool,
    /// Of the image that it ran.
    pub digest: Option<String>,
    /// The words that it ran, a shell in front of them taken off: each by its number, as in a pipeline's command.
    pub ran: Vec<usize>,
    /// None: it never ran, or it still does.
    pub end: Option<ContainerEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerEnd {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub exit_code: i32,
    /// Of its own accord, and not on a signal.
    pub by_itself: bool,
}

impl Migration {
    pub fn container(&self, name: &str) -> Option<&Container> {
        let mut containers = self.containers.iter();
        containers.find(|container| container.name == name)
    }
}
