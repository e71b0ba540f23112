//! Deployments, the revisions that they ship, and CodeDeploy's calls to hooks.

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
    /// The digest of the container behind the load balancer, if its image is pinned.
    pub image_digest: Option<String>,
    /// The digest of the image from the pipeline's repository in that revision.
    pub pipeline_digest: Option<String>,
    /// The images of the service's pipelines in that revision, by pipeline; empty if it has one pipeline.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, PipelineImage>,
    pub status: String,
    /// CodeDeploy's error code and message.
    pub error: Option<String>,
    pub lifecycle_events: Vec<LifecycleEvent>,
    #[serde(with = "crate::moment")]
    pub created_at: SystemTime,
    #[serde(with = "crate::moment::optional")]
    pub ended_at: Option<SystemTime>,
    pub end: End,
}

/// One pipeline's image in a revision that several pipelines share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineImage {
    pub digest: String,
    /// Whether the deployment was created for it: it names the digest, or names none because a person or CodeDeploy created it.
    pub is_due: bool,
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
    /// A person, in the console or with the AWS CLI.
    Hand,
    /// CodeDeploy itself.
    Rollback,
}

/// The delivery of the event that reports a deployment's end to `report-outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The event arrived, or should have arrived.
    Told,
    /// EventBridge lost the event, as best-effort delivery permits.
    Lost,
    /// Delivery was given up: the event is in a queue whose alarm notifies people.
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
    /// The number of `start-deployment` invocations that were running when it was registered.
    pub starts_at_once: usize,
}

/// A hook that CodeDeploy called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    pub deployment: String,
    pub lifecycle_event: String,
    #[serde(with = "crate::moment")]
    pub called_at: SystemTime,
    /// Every answer that CodeDeploy accepted.
    pub answers: Vec<HookAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookAnswer {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    /// `Succeeded` or `Failed`.
    pub status: String,
    /// The function that answered, by its binary's name.
    pub function: Option<String>,
    /// The service's desired count at that moment.
    pub wanted: Option<u32>,
}

impl Deployment {
    /// (application, deployment group)
    pub fn group(&self) -> (&str, &str) {
        (&self.application, &self.deployment_group)
    }
}

impl Revision {
    /// The digests of its pinned images.
    pub fn digests(&self) -> Vec<&str> {
        let images = self.images.values();
        images
            .filter_map(|image| Some(image.split_once('@')?.1))
            .collect()
    }
}
