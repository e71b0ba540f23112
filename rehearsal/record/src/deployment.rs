//! Deployments, the revisions that they ship, and the hooks that CodeDeploy called for them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub service: String,
    pub application: String,
    pub deployment_group: String,
    /// `user` or `codeDeployRollback`.
    pub creator: String,
    pub by: By,
    pub revision: String,
    /// Of the container behind the load balancer, where its image is pinned.
    pub image_digest: Option<String>,
    /// Of the image of its pipeline's repository in that revision.
    pub pipeline_digest: Option<String>,
    pub status: String,
    /// CodeDeploy's error code and sentence.
    pub error: Option<String>,
    pub lifecycle_events: Vec<LifecycleEvent>,
    #[serde(with = "crate::moment")]
    pub created_at: SystemTime,
    #[serde(with = "crate::moment::optional")]
    pub ended_at: Option<SystemTime>,
    pub end: End,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleEvent {
    pub name: String,
    pub status: String,
}

/// Who created a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Greenlight,
    /// Somebody in the console, or with the AWS CLI.
    Hand,
    /// CodeDeploy itself.
    Rollback,
}

/// What became of the event that tells a deployment's end to `report-outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It arrived, or should have.
    Told,
    /// EventBridge lost it, as its best effort allows.
    Lost,
    /// It was given up, and lies in a queue whose alarm tells it.
    Kept,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub arn: String,
    pub family: String,
    /// Whether Greenlight registered it.
    pub by_greenlight: bool,
    #[serde(with = "crate::moment")]
    pub registered_at: SystemTime,
    /// The first container's image; all of them are in `images`.
    pub image: String,
    pub images: BTreeMap<String, String>,
    /// So many invocations of `start-deployment` ran when it was registered.
    pub starts_at_once: usize,
}

/// A hook that CodeDeploy called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    pub deployment: String,
    pub lifecycle_event: String,
    #[serde(with = "crate::moment")]
    pub called_at: SystemTime,
    /// Every answer that CodeDeploy took.
    pub answers: Vec<HookAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookAnswer {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    /// `Succeeded` or `Failed`.
    pub status: String,
    /// The function that gave it, by its binary's name.
    pub function: Option<String>,
    /// How many tasks the service wanted then.
    pub wanted: Option<u32>,
}

impl Deployment {
    /// (application, deployment group)
    pub fn group(&self) -> (&str, &str) {
        (&self.application, &self.deployment_group)
    }
}

impl Revision {
    /// The digests in it.
    pub fn digests(&self) -> Vec<&str> {
        let images = self.images.values();
        images
            .filter_map(|image| Some(image.split_once('@')?.1))
            .collect()
    }
}
