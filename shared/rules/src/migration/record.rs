//! What `run-migration` writes into the time-out schedule before there is a task, and `finish-migration` reads.

use serde::{Deserialize, Serialize};

use super::{MigrationTask, evidence};
use crate::names::{
    ApplicationName, ContainerName, DeploymentGroupName, DeploymentId, HookExecutionId,
    RevisionArn, TaskArn,
};
use crate::observed::Task;

/// So many execution ids are kept. CodeDeploy gives one to a hook; the others are of forged calls, and which is
/// which shows only when CodeDeploy is answered.
pub const EXECUTIONS_AT_MOST: usize = 8;

/// A migration, as its time-out schedule keeps it: AWS is the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The deployment that waits.
    pub deployment: DeploymentId,
    /// Its application and deployment group; none in a record of an older version.
    pub group: Option<(ApplicationName, DeploymentGroupName)>,
    /// What the hook's answer must carry. Each is answered.
    pub executions: Vec<HookExecutionId>,
    /// The task's cluster.
    pub cluster: String,
    /// What was to be started; none in a record of an older version, which was written when the task was there.
    pub runs: Option<TaskRun>,
    /// The task; none until RunTask has answered.
    pub task: Option<TaskArn>,
    /// The time that it has.
    pub timeout_minutes: u64,
}

/// What a migration task runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Green's revision, or the one in which its migration runs alone.
    pub revision: RevisionArn,
    /// Green's revision, where the migration runs alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone_of: Option<RevisionArn>,
    /// The container whose command is replaced.
    pub container: ContainerName,
    /// The command.
    pub command: Vec<String>,
}

impl From<&MigrationTask> for TaskRun {
    fn from(task: &MigrationTask) -> Self {
        Self {
            revision: task.revision.clone(),
            alone_of: task.alone_of.clone(),
            container: task.container.clone(),
            command: task.command.clone(),
        }
    }
}

impl TaskRun {
    /// Green's revision.
    pub fn shipped(&self) -> &RevisionArn {
        self.alone_of.as_ref().unwrap_or(&self.revision)
    }

    /// Whether both are the migration of one revision; where it runs alone, perhaps in two revisions that were made for it.
    pub fn is_of_same(&self, other: &Self) -> bool {
        let of = |runs: &Self| {
            let is_alone = runs.alone_of.is_some();
            (
                runs.shipped().clone(),
                is_alone,
                runs.container.clone(),
                runs.command.clone(),
            )
        };
        of(self) == of(other)
    }
}

/// The result of adding an execution id to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It stood there already.
    Known,
    /// It stands there now.
    Added,
    /// There is no room for it: the invocation that was called with it has to answer it.
    Full,
}

impl Record {
    /// In what a task differs from the migration; nothing where it is the migration. The one whose ARN was written down is it.
    pub fn differences(&self, task: &Task) -> Vec<String> {
        if self.task.as_ref() == Some(&task.arn) {
            return Vec::new();
        }
        let Some(runs) = &self.runs else {
            return vec!["it was not written down".to_owned()];
        };
        evidence::differences(
            task,
            &self.deployment,
            &self.cluster,
            runs,
            &self.executions,
        )
    }

    /// Notes one more call of the hook.
    pub fn note(&mut self, execution: &HookExecutionId) -> Noted {
        if self.executions.contains(execution) {
            Noted::Known
        } else if self.executions.len() < EXECUTIONS_AT_MOST {
            self.executions.push(execution.clone());
            Noted::Added
        } else {
            Noted::Full
        }
    }

    /// The text of the schedule's input.
    pub fn to_json(&self) -> String {
        serde_json::json!(Written::from(self)).to_string()
    }

    /// Reads a schedule's input, of this version or an older one. What a newer one adds is left alone.
    ///
    /// # Errors
    /// It is not a record; the sentence does not repeat it, for there are execution ids in it.
    pub fn read(input: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(input)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
        let executions: Vec<HookExecutionId> = written
            .hook_execution_ids
            .into_iter()
            .chain(written.hook_execution_id)
            .collect();
        if executions.is_empty() {
            return Err("it holds no execution id of a hook".to_owned());
        }
        Ok(Self {
            deployment: written.deployment_id,
            group: written.application.zip(written.deployment_group),
            executions,
            cluster: written.cluster,
            runs: written.runs,
            task: written.task_arn,
            timeout_minutes: written.timeout_minutes,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    deployment_id: DeploymentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application: Option<ApplicationName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment_group: Option<DeploymentGroupName>,
    #[serde(default)]
    hook_execution_ids: Vec<HookExecutionId>,
    /// Older versions knew one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hook_execution_id: Option<HookExecutionId>,
    cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runs: Option<TaskRun>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_arn: Option<TaskArn>,
    timeout_minutes: u64,
}

impl From<&Record> for Written {
    fn from(record: &Record) -> Self {
        let (application, deployment_group) = record.group.clone().unzip();
        Self {
            deployment_id: record.deployment.clone(),
            application,
            deployment_group,
            hook_execution_ids: record.executions.clone(),
            hook_execution_id: None,
            cluster: record.cluster.clone(),
            runs: record.runs.clone(),
            task_arn: record.task.clone(),
            timeout_minutes: record.timeout_minutes,
        }
    }
}
