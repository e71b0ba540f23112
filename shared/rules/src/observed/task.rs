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
    pub(crate) fn for_tests(containers: &[(&str, Option<i64>)]) -> Self {
        let container =
            |(name, exit_code): &(&str, Option<i64>)| TaskContainer::for_tests(name, *exit_code);
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
    pub(crate) fn for_tests(name: &str, exit_code: Option<i64>) -> Self {
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
    /// As ECS states it: none while it runs, and nearly always when it never started ([`ended_with`](Self::ended_with)). Its API has a
    /// 32-bit integer, in which Windows' codes have no room.
    pub exit_code: Option<i64>,
    /// Why it did not start, or how it was killed.
    pub reason: Option<String>,
    /// Whether it fails its own health check (`healthStatus` is `UNHEALTHY`).
    pub is_unhealthy: bool,
    /// Docker's id of it, after which its log stream is named where the log has no prefix.
    pub runtime_id: Option<String>,
    /// The digest of the image that it runs; ECS states it for images of private ECR repositories.
    pub image_digest: Option<Digest>,
}

/// How ECS's reasons begin of a container whose process never began (ECS Developer Guide, stopped tasks error messages).
const NOT_STARTED: [&str; 3] = [
    "CannotPullContainerError",
    "CannotCreateContainerError",
    "CannotStartContainerError",
];

/// What ECS's reason has in it of a container that was never started, because another one that it depends on
/// (`dependsOn`) did not come as far as it must: `CannotStartContainerError: dependency graph: failed to resolve container
/// ordering dependency [NAME(IMAGE) (STATUS->STATUS) - Exit: CODE] for target [NAME(IMAGE) …]`, and others that begin so
/// (amazon-ecs-agent, `dependencygraph/graph.go`).
const DEPENDENCY_FAILED: &str = "dependency graph:";
/// What the agent states as the exit code of such a container, of which no process ever ran (amazon-ecs-agent, `task_manager.go`,
/// `handleTerminalDependencyError`).
const DEPENDENCY_FAILED_CODE: i64 = 143;

impl TaskContainer {
    /// The code with which its process ended; none while it runs, and where no process ever began, whatever ECS states as its
    /// exit code.
    pub(crate) fn ended_with(&self) -> Option<i64> {
        self.exit_code.filter(|_| !self.did_not_start())
    }

    /// Whether ECS states that its process never began, whatever else it states: Docker has an id for one that it created and
    /// could not start.
    pub(crate) fn did_not_start(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default().trim_start();
        let refused = NOT_STARTED.iter().any(|start| reason.starts_with(start));
        refused || self.waited_in_vain()
    }

    /// Whether it was never started because of another container that it depends on.
    pub(crate) fn waited_in_vain(&self) -> bool {
        let reason = self.reason.as_deref();
        reason.is_some_and(|reason| reason.contains(DEPENDENCY_FAILED))
            && self
                .exit_code
                .is_none_or(|code| code == DEPENDENCY_FAILED_CODE)
    }

    /// The name of the container for which it waited in vain, where ECS states it.
    pub(crate) fn waited_for(&self) -> Option<&str> {
        let reason = self.reason.as_deref().filter(|_| self.waited_in_vain())?;
        let (_, reason) = reason.split_once(DEPENDENCY_FAILED)?;
        let (_, dependency) = reason.split_once("dependency [")?;
        let is_of_name =
            |character: char| character.is_ascii_alphanumeric() || ['-', '_'].contains(&character);
        dependency.split(|character| !is_of_name(character)).next()
    }
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
