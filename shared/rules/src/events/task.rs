//! What wakes `finish-migration`: a migration task stopped, or its time is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::UtcDateTime;

use super::object::Object;
use super::{UnreadableEvent, envelope, moment, read};
use crate::foreign::line;
use crate::migration;
use crate::names::{ContainerName, DeploymentId, HookExecutionId, RevisionArn, TaskArn};
use crate::observed::{ContainerOverride, Task, TaskContainer};
use crate::secrecy;

/// What wakes `finish-migration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishEvent {
    /// A task that Greenlight started has stopped.
    Stopped(Box<Task>),
    /// A migration's time is over.
    TimedOut(TimeOut),
    /// An event that asks for nothing; the sentence says why.
    Ignored(String),
}

/// What a migration's time-out schedule says when it is due: `run-migration` writes it, `finish-migration` reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeOut {
    /// The deployment that waits.
    pub deployment_id: DeploymentId,
    /// What the hook's answer must carry.
    pub hook_execution_id: HookExecutionId,
    /// The task's cluster.
    pub cluster: String,
    /// The migration task.
    pub task_arn: TaskArn,
    /// The time that it had.
    pub timeout_minutes: u64,
}

/// Which hook of which deployment a migration task belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookIds {
    /// The deployment that waits.
    pub deployment: DeploymentId,
    /// What the hook's answer must carry.
    pub execution: HookExecutionId,
    /// The container that migrates.
    pub container: ContainerName,
}

impl FinishEvent {
    /// Reads a task's state change, or what the time-out schedule sends.
    ///
    /// # Errors
    /// What is neither, or lacks what it needs.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        match envelope(event) {
            Some(("aws.ecs", "ECS Task State Change")) => {
                let detail = event.get("detail").unwrap_or(&Value::Null);
                let task = task_from_detail(detail)?;
                // ECS reports an exit code before the task is STOPPED too: the same end must not be judged twice.
                if task.last_status != migration::STOPPED {
                    return Ok(Self::Ignored(line(&format!(
                        "the task is `{}`, not yet `STOPPED`",
                        task.last_status
                    ))));
                }
                if task
                    .started_by
                    .as_deref()
                    .is_none_or(|by| !by.starts_with(migration::STARTED_BY))
                {
                    return Ok(Self::Ignored(
                        "Greenlight did not start this task".to_owned(),
                    ));
                }
                Ok(Self::Stopped(Box::new(task)))
            }
            Some((source, detail_type)) => Err(UnreadableEvent::new(
                "detail-type",
                &format!(
                    "`{detail_type}` of `{source}` is nothing to act on, expected `ECS Task State Change`"
                ),
            )),
            None => read(event).map(Self::TimedOut),
        }
    }
}

/// The ids that `run-migration` gave to the task in its environment; none where AWS left the overrides out.
pub fn hook_ids(task: &Task) -> Option<HookIds> {
    task.overrides.iter().find_map(|container| {
        let variable = |name| container.environment.get(name).map(String::as_str);
        Some(HookIds {
            deployment: variable(migration::DEPLOYMENT_ID)?.parse().ok()?,
            execution: variable(migration::HOOK_EXECUTION_ID)?.parse().ok()?,
            container: container.name.clone(),
        })
    })
}

/// The `detail` of a task state change: the API's Task with times as text (ECS Developer Guide, task state change
/// events).
///
/// # Errors
/// What lacks what a task always has.
pub fn task_from_detail(detail: &Value) -> Result<Task, UnreadableEvent> {
    let detail: Detail = read(detail).map_err(|error| error.below("detail"))?;
    Ok(Task {
        arn: detail.task_arn,
        cluster: detail.cluster_arn,
        revision: detail.task_definition_arn,
        started_by: detail.started_by,
        last_status: detail.last_status,
        stop_code: detail.stop_code,
        stopped_reason: detail.stopped_reason.as_deref().map(secrecy::told),
        created_at: detail.created_at,
        started_at: detail.started_at,
        stopped_at: detail.stopped_at,
        containers: detail
            .containers
            .into_iter()
            .map(|Object(container)| TaskContainer {
                name: container.name,
                exit_code: container.exit_code,
                reason: container.reason.as_deref().map(secrecy::told),
                image_digest: None,
            })
            .collect(),
        overrides: detail
            .overrides
            .0
            .container_overrides
            .into_iter()
            .map(|Object(one)| one.translated())
            .collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    task_arn: TaskArn,
    cluster_arn: String,
    task_definition_arn: RevisionArn,
    started_by: Option<String>,
    last_status: String,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    #[serde(default, deserialize_with = "moment::optional::deserialize")]
    created_at: Option<UtcDateTime>,
    #[serde(default, deserialize_with = "moment::optional::deserialize")]
    started_at: Option<UtcDateTime>,
    #[serde(default, deserialize_with = "moment::optional::deserialize")]
    stopped_at: Option<UtcDateTime>,
    #[serde(default)]
    containers: Vec<Object<Container>>,
    #[serde(default)]
    overrides: Object<Overrides>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: ContainerName,
    exit_code: Option<i32>,
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<Object<Override>>,
}

#[derive(Deserialize)]
struct Override {
    name: ContainerName,
    #[serde(default)]
    environment: Vec<Object<Variable>>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    #[serde(default)]
    value: String,
}

impl Override {
    fn translated(self) -> ContainerOverride {
        let environment: BTreeMap<String, String> = self
            .environment
            .into_iter()
            .map(|Object(variable)| (variable.name, variable.value))
            .collect();
        ContainerOverride {
            name: self.name,
            environment,
        }
    }
}
