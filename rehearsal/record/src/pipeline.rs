//! The pipelines of a run, and the images that they follow.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, Engine};

/// A pipeline of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    pub name: String,
    pub repository: String,
    /// The tag rule as configured.
    pub tag: String,
    #[serde(default)]
    pub cluster: String,
    #[serde(default)]
    pub service: String,
    pub application: String,
    pub deployment_group: String,
    /// Whether it deploys settings that others register: `revision_from = "latest"`.
    #[serde(default)]
    pub follows_settings: bool,
    /// The containers that the file names for its images; empty for all that run one of its repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    pub migration: Option<MigrationGate>,
    pub test_traffic: TestTrafficGate,
    /// The same through the production listener, after the shift; `None` if nothing is asked then.
    #[serde(default)]
    pub production_traffic: Option<TestTrafficGate>,
    /// The digest of its repository's image in production at the start and at the end; `None` if the service does not
    /// exist or runs a tag.
    pub ran_first: Option<String>,
    pub runs: Option<String>,
}

/// A pipeline's configured migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationGate {
    pub container: String,
    /// The words of the command, each replaced by a number because it may be secret. Equal words have equal numbers.
    pub command: Vec<usize>,
    /// Whether the container runs an image other than the pushed one.
    pub has_own_image: bool,
    /// Whether it runs in a revision of its own, without the containers that it does not need.
    #[serde(default)]
    pub runs_alone: bool,
    /// The time limit.
    pub limit_minutes: u64,
}

/// A pipeline's configured test-traffic check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestTrafficGate {
    /// The time that the listener's nodes get to route to green.
    pub settle_seconds: u64,
    pub requests: Vec<Request>,
    /// ARN and addresses of the listener, if the deployment group has one.
    pub listener: Option<String>,
    pub addresses: Vec<String>,
}

/// A request through the test listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Includes the query, with numbers in place of its values.
    pub path: String,
    /// The accepted statuses, as configured.
    pub status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub repository: String,
    pub digest: String,
    /// `None` for a manifest that another client put.
    pub version: Option<String>,
    pub tags: Vec<String>,
    /// The time of its first push; a further tag does not change it.
    #[serde(with = "crate::moment")]
    pub pushed_at: SystemTime,
    /// Whether it is a container image rather than a chart or a signature.
    pub is_runnable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    pub repository: String,
    pub digest: String,
    pub tag: String,
    /// Whether the tag pointed to another image before, or did not exist.
    pub moved: bool,
    /// Whether its event led to an invocation of `start-deployment` that finished.
    pub heard: bool,
}

impl Pipeline {
    /// (application, deployment group)
    pub fn group(&self) -> (&str, &str) {
        (&self.application, &self.deployment_group)
    }

    /// Whether a deployment is one of its service: by the deployment group under CodeDeploy, else by the service itself.
    pub fn is_of(&self, deployment: &Deployment) -> bool {
        match deployment.engine {
            Engine::CodeDeploy => self.group() == deployment.group(),
            Engine::Native | Engine::Rolling => {
                (&self.cluster, &self.service) == (&deployment.cluster, &deployment.service)
            }
        }
    }
}

impl Request {
    /// Whether this status is accepted.
    pub fn takes(&self, status: u16) -> bool {
        is_among(status, &self.status)
    }
}

/// Whether a configured list of statuses (`200, 301-303`) contains a status.
pub fn is_among(status: u16, statuses: &str) -> bool {
    statuses.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let bounds = (from.trim().parse::<u16>(), to.trim().parse::<u16>());
        matches!(bounds, (Ok(from), Ok(to)) if (from..=to).contains(&status))
    })
}
