//! What `start-deployment` writes into the time-out schedule before there is a task.

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::UtcDateTime;

use super::id::MigrationId;
use crate::migration::TaskRun;
use crate::names::{ClusterName, DeploymentId, Digest, PipelineName, ServiceName, Tag, TaskArn};
use crate::start::{moment, read_moment};

/// A migration before a rolling update, as its time-out schedule keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which migration it is.
    pub id: MigrationId,
    /// The task's and the service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// The pipeline whose image is due; of several the first.
    pub pipeline: PipelineName,
    /// Its image.
    pub digest: Digest,
    /// The tag by which it was ordered.
    pub tag: Option<Tag>,
    /// When it was ordered.
    pub ordered_at: UtcDateTime,
    /// What the task runs.
    pub runs: TaskRun,
    /// The task; none until RunTask has answered.
    pub task: Option<TaskArn>,
    /// The time that it has.
    pub timeout_minutes: u64,
}

impl Record {
    /// What people know the deployment by that is to follow.
    pub fn deployment(&self) -> DeploymentId {
        DeploymentId::of_revision(self.runs.shipped())
    }

    /// The text of the schedule's input.
    pub fn to_json(&self) -> String {
        json!({"rolling": Written {
            id: self.id.to_string(),
            cluster: self.cluster.clone(),
            service: self.service.clone(),
            pipeline: self.pipeline.clone(),
            digest: self.digest.clone(),
            tag: self.tag.clone(),
            ordered_at: moment(self.ordered_at),
            runs: self.runs.clone(),
            task_arn: self.task.clone(),
            timeout_minutes: self.timeout_minutes,
        }})
        .to_string()
    }

    /// Reads a schedule's input.
    ///
    /// # Errors
    /// It is not a record; the sentence does not repeat it, for a command may hold secrets.
    pub fn read(input: &str) -> Result<Self, String> {
        let Input { rolling } = serde_json::from_str(input)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
        let id = rolling.id.parse();
        Ok(Self {
            id: id.map_err(|error| format!("`rolling.id`: {error}"))?,
            cluster: rolling.cluster,
            service: rolling.service,
            pipeline: rolling.pipeline,
            digest: rolling.digest,
            tag: rolling.tag,
            ordered_at: read_moment(&rolling.ordered_at)
                .ok_or("`rolling.ordered_at` is not a time")?,
            runs: rolling.runs,
            task: rolling.task_arn,
            timeout_minutes: rolling.timeout_minutes,
        })
    }
}

#[derive(Deserialize)]
struct Input {
    rolling: Written,
}

#[derive(Serialize, Deserialize)]
struct Written {
    id: String,
    cluster: ClusterName,
    service: ServiceName,
    pipeline: PipelineName,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    ordered_at: String,
    runs: TaskRun,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_arn: Option<TaskArn>,
    timeout_minutes: u64,
}
