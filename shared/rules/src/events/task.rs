//! What triggers `finish-migration`: a migration task changed, or its time is over.
//!
//! Only ids are taken from either. What became of the task is read from ECS, and what its hook is from the time-out schedule:
//! whoever may write an event or invoke the function can claim anything.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::{Envelope, UnreadableEvent, detail, envelope, is_from_event_bridge, read};
use crate::migration;
use crate::names::{ContainerName, DeploymentId, HookExecutionId, TaskArn};
use crate::rolling::{self, MigrationId};
use crate::sanitize::line;

/// What triggers `finish-migration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishEvent {
    /// A task that Greenlight started has stopped, or one of its containers has while another one has not.
    Changed(TaskChanged),
    /// A migration's time is over.
    TimedOut(TimedOut),
    /// An event that asks for nothing; the sentence says why.
    Ignored(String),
}

/// A task that is marked as a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskChanged<Of = DeploymentId> {
    /// The deployment that its mark names; before a rolling update, the migration.
    pub deployment: Of,
    /// The task.
    pub task: TaskArn,
    /// Whether the event says that the task is `STOPPED`: ECS may describe an older state for a while.
    pub has_stopped: bool,
    /// The containers that have ended, as the event says.
    pub ended: Vec<ContainerName>,
}

impl<Of> TaskChanged<Of> {
    /// Whether the event says that this container has ended.
    pub fn says_ended(&self, container: &ContainerName) -> bool {
        self.has_stopped || self.ended.contains(container)
    }
}

/// What triggers `finish-migration` for a migration that runs before a rolling update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollingEvent {
    /// Its task has stopped, or one of its containers has while another one has not.
    Changed(TaskChanged<MigrationId>),
    /// Its time is over.
    TimedOut(MigrationId),
    /// Nothing to judge yet, for this reason.
    Ignored(String),
}

impl RollingEvent {
    /// Reads a task's state change, or what the time-out schedule sends; none where it is about another migration.
    ///
    /// # Errors
    /// It is one of them, and lacks what it needs.
    pub fn parse(event: &Value) -> Result<Option<Self>, UnreadableEvent> {
        if is_from_event_bridge(event) {
            let is_marked = || {
                let started_by = event.pointer("/detail/startedBy")?.as_str()?;
                Some(started_by.starts_with(rolling::STARTED_BY))
            };
            if event["source"] != "aws.ecs" || is_marked() != Some(true) {
                return Ok(None);
            }
            let detail: Detail = detail(&envelope(event)?)?;
            let changed = detail.changed(rolling::STARTED_BY);
            return Ok(Some(changed.map_or_else(Self::Ignored, Self::Changed)));
        }
        if event.get("rolling").is_none() {
            return Ok(None);
        }
        let RollingPayload { rolling } = read(event)?;
        let id = rolling.id.parse();
        let id =
            id.map_err(|_| UnreadableEvent::new("rolling.id", "it is not a migration's id"))?;
        Ok(Some(Self::TimedOut(id)))
    }
}

/// The time of a migration is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedOut {
    /// The deployment that waits.
    pub deployment: DeploymentId,
    /// The two ids that an older version's schedule sends; it deletes itself, and then nothing else keeps them.
    pub older: Option<(HookExecutionId, TaskArn)>,
}

impl FinishEvent {
    /// Reads a task's state change, or what the time-out schedule sends.
    ///
    /// # Errors
    /// What is neither, or lacks an id.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        if is_from_event_bridge(event) {
            return from_event_bridge(&envelope(event)?);
        }
        let payload: Payload = read(event)?;
        Ok(Self::TimedOut(TimedOut {
            deployment: payload.deployment_id,
            older: payload.hook_execution_id.zip(payload.task_arn),
        }))
    }
}

fn from_event_bridge(event: &Envelope) -> Result<FinishEvent, UnreadableEvent> {
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.ecs", "ECS Task State Change") => match detail::<Detail>(event) {
            Ok(detail) => Ok(match detail.changed(migration::STARTED_BY) {
                Ok(changed) => FinishEvent::Changed(changed),
                Err(reason) => FinishEvent::Ignored(reason),
            }),
            // Whatever else cannot be read of a task that says who started it.
            Err(_) if is_of_others(event) => Ok(FinishEvent::Ignored(NOT_OURS.to_owned())),
            Err(error) => Err(error),
        },
        (source, detail_type) => Err(UnreadableEvent::new(
            "detail-type",
            &format!(
                "`{detail_type}` of `{source}` is nothing to act on, expected `ECS Task State Change`"
            ),
        )),
    }
}

const NOT_OURS: &str = "Greenlight did not start this task";

/// Whether a task says that somebody else started it.
fn is_of_others(event: &Envelope) -> bool {
    let detail = event.detail.as_ref();
    let started_by = detail.and_then(|detail| detail.get("startedBy")?.as_str());
    started_by.is_some_and(|by| !by.starts_with(migration::STARTED_BY))
}

/// The status of a task that is up.
const RUNNING: &str = "RUNNING";

/// Of a task state change only what names things: the rest is the API's Task (ECS Developer Guide, task state change
/// events), and no part of it that cannot be read may keep a hook waiting.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    task_arn: TaskArn,
    #[serde(default)]
    started_by: Value,
    #[serde(default)]
    last_status: Value,
    #[serde(default)]
    containers: Value,
}

impl Detail {
    /// The task under a mark of this prefix, or why the event asks for nothing.
    fn changed<Of: FromStr>(self, prefix: &str) -> Result<TaskChanged<Of>, String> {
        let Some(rest) = self
            .started_by
            .as_str()
            .and_then(|by| by.strip_prefix(prefix))
        else {
            return Err(NOT_OURS.to_owned());
        };
        let Ok(deployment) = rest.parse() else {
            return Err("`startedBy` of this task names no deployment".to_owned());
        };
        let last_status = self.last_status.as_str().unwrap_or_default();
        let has_stopped = last_status == migration::STOPPED;
        let has_ended = |container: &&Value| {
            let code = container.get("exitCode");
            code.is_some_and(|code| !code.is_null())
        };
        let containers = || self.containers.as_array().into_iter().flatten();
        // Exit codes are told again and again on the way down. Once all of them are, the way shows no more than its end does, and
        // one end must not be judged by several at the same moment.
        let is_on_its_way = !has_stopped && last_status != RUNNING;
        if is_on_its_way && containers().all(|container| has_ended(&container)) {
            return Err(line(&format!(
                "the task is `{last_status}` and none of its containers runs: it is judged when it is `STOPPED`"
            )));
        }
        let ended: Vec<ContainerName> = containers()
            .filter(has_ended)
            .filter_map(|container| container.get("name")?.as_str()?.parse().ok())
            .collect();
        if !has_stopped && ended.is_empty() {
            return Err("nothing of the task has ended yet".to_owned());
        }
        Ok(TaskChanged {
            deployment,
            task: self.task_arn,
            has_stopped,
            ended,
        })
    }
}

/// What a time-out schedule sends is its record; an older version's has two more ids.
#[derive(Deserialize)]
struct Payload {
    deployment_id: DeploymentId,
    #[serde(default)]
    hook_execution_id: Option<HookExecutionId>,
    #[serde(default)]
    task_arn: Option<TaskArn>,
}

/// What the time-out schedule of a rolling service's migration sends is its record.
#[derive(Deserialize)]
struct RollingPayload {
    rolling: RollingId,
}

#[derive(Deserialize)]
struct RollingId {
    id: String,
}
