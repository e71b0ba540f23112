//! Tasks that RunTask started: migrations.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A one-off task that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub arn: String,
    pub started_by: Option<String>,
    pub command: Vec<String>,
    pub version: Option<String>,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// A task whose `startedBy` marks it as a deployment's migration. Any caller of RunTask can set that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub task: String,
    pub deployment: String,
    /// The function that called RunTask, by its binary's name.
    pub given_to: Option<String>,
    /// ARN of the revision.
    pub revision: String,
    /// ARN of the revision that it migrates: where it runs alone, the one by whose tag its own was made.
    pub of: String,
    /// `None` if unknown, because the timeline has no start of a task that never ran.
    #[serde(with = "crate::moment::optional")]
    pub started_at: Option<SystemTime>,
    /// `None` while the task exists.
    #[serde(with = "crate::moment::optional")]
    pub stopped_at: Option<SystemTime>,
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub essential: bool,
    /// The digest of the image that it ran.
    pub digest: Option<String>,
    /// The words of its command, without a leading shell: each by its number, as in a pipeline's command.
    pub ran: Vec<usize>,
    /// `None` if it never ran, or still runs.
    pub end: Option<ContainerEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerEnd {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub exit_code: i32,
    /// Whether it exited by itself rather than on a signal.
    pub by_itself: bool,
}

impl Migration {
    pub fn container(&self, name: &str) -> Option<&Container> {
        let mut containers = self.containers.iter();
        containers.find(|container| container.name == name)
    }
}
