//! Deployments of every engine, the revisions that they ship, and the calls to hooks.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// CodeDeploy's id, or a service deployment's ARN.
    pub id: String,
    #[serde(default)]
    pub engine: Engine,
    /// What ECS deploys by: `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    #[serde(default)]
    pub cluster: String,
    pub service: String,
    /// Empty, as is the group, where CodeDeploy is not the engine.
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
    /// As the engine names it: `Succeeded`, or `SUCCESSFUL`.
    pub status: String,
    /// CodeDeploy's error code and message, or a service deployment's `statusReason`.
    pub error: Option<String>,
    /// CodeDeploy's lifecycle events, or the stages of a service deployment in order: those of a traffic shift once a step, and
    /// again in a rollback.
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
    /// Whether it is a stage of the rollback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
}

/// Who carries a deployment out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    #[default]
    CodeDeploy,
    /// ECS itself: blue/green, linear or canary.
    Native,
    /// ECS itself, by a rolling update.
    Rolling,
}

/// How a deployment has ended, in words that every engine shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    UnderWay,
    Succeeded,
    Failed,
    /// By a person, by an alarm, or by a newer deployment.
    Stopped,
    /// ECS has returned to the previous service revision within the same deployment. CodeDeploy does so by another one.
    RolledBack,
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
    /// Whether it was registered for a rollback that a person requested: such a deployment migrates nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolls_back: bool,
}

/// A hook that an engine called, over all its calls: ECS repeats a call that was answered `IN_PROGRESS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    pub deployment: String,
    pub lifecycle_event: String,
    /// The called function of a service's own hook, by its binary's name: a stage may have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Whether ECS called it in a rollback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
    #[serde(with = "crate::moment")]
    pub called_at: SystemTime,
    /// Every answer that the engine accepted.
    pub answers: Vec<HookAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookAnswer {
    #[serde(with = "crate::moment")]
    pub at: SystemTime,
    /// `Succeeded` or `Failed` to CodeDeploy; `SUCCEEDED`, `FAILED` or `IN_PROGRESS` to ECS.
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

    /// Whether an id names it. A service deployment's id is the last part of its ARN.
    pub fn is_called(&self, id: &str) -> bool {
        let is_short = || self.engine != Engine::CodeDeploy && !id.is_empty();
        self.id == id || is_short() && self.id.rsplit('/').next() == Some(id)
    }

    pub fn ending(&self) -> Ending {
        match self.status.as_str() {
            "Succeeded" | "SUCCESSFUL" => Ending::Succeeded,
            "Failed" | "ROLLBACK_FAILED" => Ending::Failed,
            "Stopped" | "STOPPED" => Ending::Stopped,
            "ROLLBACK_SUCCESSFUL" => Ending::RolledBack,
            _ => Ending::UnderWay,
        }
    }

    pub fn has_succeeded(&self) -> bool {
        self.ending() == Ending::Succeeded
    }
}

impl HookCall {
    /// The answers that ended it.
    pub fn verdicts(&self) -> impl Iterator<Item = &HookAnswer> {
        let answers = self.answers.iter();
        answers.filter(|answer| answer.status != "IN_PROGRESS")
    }
}

impl HookAnswer {
    /// Whether it let the deployment go on.
    pub fn passes(&self) -> bool {
        self.status.eq_ignore_ascii_case("succeeded")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engines_ends_are_read() {
        let mut deployment = Deployment {
            id: "arn:aws:ecs:r:a:service-deployment/prod/web/EZe5".to_owned(),
            engine: Engine::Native,
            strategy: None,
            cluster: "prod".to_owned(),
            service: "web".to_owned(),
            application: String::new(),
            deployment_group: String::new(),
            creator: "user".to_owned(),
            by: By::Hand,
            revision: String::new(),
            image_digest: None,
            pipeline_digest: None,
            images: BTreeMap::new(),
            status: String::new(),
            error: None,
            lifecycle_events: Vec::new(),
            created_at: SystemTime::UNIX_EPOCH,
            ended_at: None,
            end: End::Told,
        };
        for (status, expected) in [
            ("Created", Ending::UnderWay),
            ("PENDING", Ending::UnderWay),
            ("STOP_REQUESTED", Ending::UnderWay),
            ("ROLLBACK_IN_PROGRESS", Ending::UnderWay),
            ("Succeeded", Ending::Succeeded),
            ("SUCCESSFUL", Ending::Succeeded),
            ("Failed", Ending::Failed),
            ("ROLLBACK_FAILED", Ending::Failed),
            ("Stopped", Ending::Stopped),
            ("STOPPED", Ending::Stopped),
            ("ROLLBACK_SUCCESSFUL", Ending::RolledBack),
        ] {
            status.clone_into(&mut deployment.status);
            assert_eq!(deployment.ending(), expected, "{status}");
        }
        let arn = deployment.id.clone();
        for (id, expected) in [
            (arn.as_str(), true),
            ("EZe5", true),
            ("web", false),
            ("", false),
        ] {
            assert_eq!(deployment.is_called(id), expected, "{id}");
        }
        deployment.engine = Engine::CodeDeploy;
        assert!(!deployment.is_called("EZe5"));
    }
}
