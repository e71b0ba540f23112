//! Reads what the verdict of a task depends on beside the task itself.

use aws::CallFailed;
use aws::ecs::Ecs;
use aws::logs::Logs;
use rules::migration::verdict::{Lack, Seen};
use rules::names::{ContainerName, RevisionArn};
use rules::observed::{Task, TaskDefinition};
use rules::revision;
use rules::task_log::TaskLog;

use crate::last_lines;

/// Reads what is known of a task's end. It keeps the revision that it read last: the questions about one migration are about one
/// revision, of which nothing but its tags ever changes.
#[derive(Debug)]
pub struct EvidenceReader<'a> {
    ecs: &'a Ecs,
    logs: &'a Logs,
    last: Option<(RevisionArn, TaskDefinition)>,
}

impl<'a> EvidenceReader<'a> {
    /// Over these clients.
    pub fn new(ecs: &'a Ecs, logs: &'a Logs) -> Self {
        Self {
            ecs,
            logs,
            last: None,
        }
    }

    /// What `decide` makes of a task, after reading what it turns out to depend on.
    pub async fn decide<T>(
        &mut self,
        task: &Task,
        decide: impl Fn(&Seen<'_>) -> Result<T, Lack>,
    ) -> T {
        let (mut essential, mut secrets, mut log) = (None, None, None);
        loop {
            let seen = Seen {
                essential: essential.as_deref(),
                secrets: secrets.as_deref(),
                log: log.as_ref(),
            };
            match decide(&seen) {
                Ok(decided) => return decided,
                Err(Lack::Essential) => essential = Some(self.essential(task).await),
                Err(Lack::Secrets) => secrets = Some(self.secret_names(task).await),
                Err(Lack::Log(container)) => log = Some(self.last_lines(task, &container).await),
            }
        }
    }

    /// A task definition revision.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn definition(
        &mut self,
        revision: &RevisionArn,
    ) -> Result<&TaskDefinition, CallFailed> {
        let read = match self.last.take() {
            Some(read) if read.0 == *revision => read,
            Some(_) | None => {
                let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
                (revision.clone(), definition)
            }
        };
        Ok(&self.last.insert(read).1)
    }

    /// The containers whose end ends the task; all of them where the revision cannot be read.
    pub async fn essential(&mut self, task: &Task) -> Vec<ContainerName> {
        let definition = self.definition(&task.revision).await;
        let of_revision = definition
            .inspect_err(|failed| tracing::warn!(error = %failed, "revision not read"))
            .map(revision::essential);
        task.essential(&of_revision.unwrap_or_default())
    }

    /// The names that the revision has for the secrets that the task's sentences are about; none where it cannot be read.
    pub async fn secret_names(&mut self, task: &Task) -> Vec<String> {
        let definition = self.definition(&task.revision).await;
        let names = definition
            .inspect_err(|failed| tracing::warn!(error = %failed, "revision not read"))
            .map(|definition| task.secret_places.names(definition));
        names.unwrap_or_default()
    }

    /// The log is there to help; a verdict does not depend on it.
    pub async fn last_lines(&mut self, task: &Task, container: &ContainerName) -> TaskLog {
        let logs = self.logs;
        match self.definition(&task.revision).await {
            Ok(definition) => last_lines(logs, definition, task, container).await,
            Err(failed) => {
                tracing::warn!(error = %failed, "revision not read");
                TaskLog::none(container, failed.to_string())
            }
        }
    }
}
