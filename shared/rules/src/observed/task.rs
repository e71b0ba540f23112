//! Task definitions and tasks, as ECS describes them.

use std::collections::BTreeMap;

use serde_json::Value;
use time::UtcDateTime;

use crate::names::{ContainerName, Digest, RevisionArn, TaskArn};
use crate::redact::Places;

/// A task definition as ECS sent it: raw, with every field that this build does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    /// The `taskDefinition` object of DescribeTaskDefinition's answer.
    pub task_definition: Value,
    /// The `tags` beside it (`include: ["TAGS"]`); null or an array.
    pub tags: Value,
}

/// An ECS task: from DescribeTasks, or from a task state change event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// Its cluster's ARN or name, as AWS returns it.
    pub cluster: String,
    /// What it runs.
    pub revision: RevisionArn,
    /// What RunTask was given, or the service's or task set's id.
    pub started_by: Option<String>,
    /// `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `EssentialContainerExited`, `TaskFailedToStart`, …
    pub stop_code: Option<String>,
    /// A sentence.
    pub stopped_reason: Option<String>,
    /// When RunTask made it.
    pub created_at: Option<UtcDateTime>,
    /// When its containers began to run; none when they never did.
    pub started_at: Option<UtcDateTime>,
    /// When its containers ended.
    pub stopped_at: Option<UtcDateTime>,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
    /// What RunTask overrode, by container; empty where AWS did not return it.
    pub overrides: Vec<ContainerOverride>,
    /// What RunTask overrode beside it, by its name: `cpu`, `taskRoleArn`, …
    pub other_overrides: Vec<String>,
    /// The places of secrets that its sentences named before they were redacted.
    pub secret_places: Places,
}

impl Task {
    /// The containers whose end ends the task: those that its revision says, or all of them where it could not be read. ECS
    /// takes no revision without an essential container, so none means that it is not known which are.
    pub fn essential(&self, of_revision: &[ContainerName]) -> Vec<ContainerName> {
        if of_revision.is_empty() {
            let containers = self.containers.iter();
            return containers.map(|container| container.name.clone()).collect();
        }
        of_revision.to_vec()
    }
}

#[cfg(test)]
impl Task {
    /// A task of deployment `d-1` that has stopped.
    pub(crate) fn for_tests(containers: &[(&str, Option<i32>)]) -> Self {
        let container =
            |(name, exit_code): &(&str, Option<i32>)| TaskContainer::for_tests(name, *exit_code);
        let moment = UtcDateTime::UNIX_EPOCH;
        Self {
            arn: "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c"
                .parse()
                .unwrap(),
            cluster: "arn:aws:ecs:eu-central-1:111122223333:cluster/prod".to_owned(),
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
                .parse()
                .unwrap(),
            started_by: Some("greenlight/d-1".to_owned()),
            last_status: "STOPPED".to_owned(),
            stop_code: Some("EssentialContainerExited".to_owned()),
            stopped_reason: Some("Essential container in task exited".to_owned()),
            created_at: Some(moment),
            started_at: Some(moment),
            stopped_at: Some(moment),
            containers: containers.iter().map(container).collect(),
            overrides: Vec::new(),
            other_overrides: Vec::new(),
            secret_places: Places::default(),
        }
    }
}

#[cfg(test)]
impl TaskContainer {
    /// A container that ended so, and of which ECS states nothing else.
    pub(crate) fn for_tests(name: &str, exit_code: Option<i32>) -> Self {
        Self {
            name: name.parse().unwrap(),
            exit_code,
            reason: None,
            is_unhealthy: false,
            runtime_id: None,
            image_digest: None,
        }
    }
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskContainer {
    /// Its name.
    pub name: ContainerName,
    /// None while it runs, and for ever when it never started.
    pub exit_code: Option<i32>,
    /// Why it did not start, or how it was killed.
    pub reason: Option<String>,
    /// Whether it fails its own health check (`healthStatus` is `UNHEALTHY`).
    pub is_unhealthy: bool,
    /// Docker's id of it, after which its log stream is named where the log has no prefix.
    pub runtime_id: Option<String>,
    /// The digest of the image that it runs; ECS states it for images of private ECR repositories.
    pub image_digest: Option<Digest>,
}

/// What RunTask overrode for one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOverride {
    /// The container's name.
    pub name: ContainerName,
    /// The command; empty where it was left as it is.
    pub command: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Everything else that was overridden, by its name: `cpu`, `environmentFiles`, …
    pub others: Vec<String>,
}
