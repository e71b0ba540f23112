//! The pipelines of a run, and the images that they follow.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A pipeline as it was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    pub name: String,
    pub repository: String,
    /// The tag rule as it is written.
    pub tag: String,
    pub application: String,
    pub deployment_group: String,
    pub migration: Option<MigrationGate>,
    pub test_traffic: TestTrafficGate,
    /// The digest of its repository that production ran at the beginning, and at the end; none where the service does not
    /// exist or runs a tag.
    pub ran_first: Option<String>,
    pub runs: Option<String>,
}

/// The migration that a pipeline asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationGate {
    pub container: String,
    /// Its words, each by a number: the same for the same word, of which some may be secret.
    pub command: Vec<usize>,
    /// Whether the container has another image than the pushed one.
    pub has_own_image: bool,
    /// How long it may take.
    pub limit_minutes: u64,
}

/// What a pipeline asks green for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestTrafficGate {
    /// How long the test listener gets to lead to green everywhere.
    pub settle_seconds: u64,
    pub requests: Vec<Request>,
    /// ARN of the test listener, where the deployment group has one, and where it is reached.
    pub listener: Option<String>,
    pub addresses: Vec<String>,
}

/// A request through the test listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// With the query, in which numbers stand for values.
    pub path: String,
    /// The statuses that are well, as they are written.
    pub status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub repository: String,
    pub digest: String,
    /// None for a manifest that another client put.
    pub version: Option<String>,
    pub tags: Vec<String>,
    /// Of its first push; another tag leaves it as it is.
    #[serde(with = "crate::moment")]
    pub pushed_at: SystemTime,
    /// Whether it is a container image, and no chart or signature.
    pub is_runnable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub repository: String,
    pub digest: String,
    pub tag: String,
    /// Whether the tag pointed elsewhere before, or nowhere.
    pub moved: bool,
    /// Whether its event led to an invocation of `start-deployment` that came to its end.
    pub heard: bool,
}

impl Pipeline {
    /// (application, deployment group)
    pub fn group(&self) -> (&str, &str) {
        (&self.application, &self.deployment_group)
    }
}

impl Request {
    /// Whether this status is well.
    pub fn takes(&self, status: u16) -> bool {
        is_among(status, &self.status)
    }
}

/// Whether a status is one of those that a file names: `200, 301-303`.
pub fn is_among(status: u16, statuses: &str) -> bool {
    statuses.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let bounds = (from.trim().parse::<u16>(), to.trim().parse::<u16>());
        matches!(bounds, (Ok(from), Ok(to)) if (from..=to).contains(&status))
    })
}
