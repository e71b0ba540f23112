//! The task that may answer, as ECS describes it, and the verdict on it.

use aws::CallFailed;
use aws::ecs::Tasks;
use lambda::{Failure, Verdict};
use rules::events::TaskChanged;
use rules::migration::{self, Record, Verdict as Judged};
use rules::names::ContainerName;
use rules::observed::Task;
use rules::revision;
use tokio::time::Duration;

use super::Handler;

/// DescribeTasks may be older than the event that it is asked about, and not know a new task for some seconds: how often it is
/// asked, and the pause between. A task that ends at once is asked about while it is new.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// What an event's task turned out to be.
pub(super) enum Seen {
    /// The migration, and it has ended.
    Ended(Box<Task>),
    /// Nothing that answers a hook; the sentence says why.
    Other(String),
}

impl Handler {
    /// The task of an event. One that ECS does not describe as far as the event says is asked for again, and then the event
    /// has to come again.
    pub(super) async fn seen(
        &self,
        record: &Record,
        change: &TaskChanged,
        container: Option<&ContainerName>,
    ) -> Result<Seen, Failure> {
        let Some(container) = container else {
            return Ok(Seen::Other("the pipeline has no migration".to_owned()));
        };
        for attempt in 1..=ATTEMPTS {
            let described = self
                .ecs
                .describe_tasks(&record.cluster, std::slice::from_ref(&change.task))
                .await?;
            if let Some(task) = described.into_iter().next() {
                let differs = differences(record, &task);
                if !differs.is_empty() {
                    return Ok(Seen::Other(format!(
                        "task {} is not the migration of deployment `{}`: {}",
                        change.task.id(),
                        record.deployment,
                        differs.join(", ")
                    )));
                }
                if migration::has_ended(&task, container) {
                    return Ok(Seen::Ended(Box::new(task)));
                }
                if !change.says_ended(container) {
                    let reason = format!("the migration of task {} still runs", task.arn.id());
                    return Ok(Seen::Other(reason));
                }
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Err(Failure::Refused(format!(
            "ECS does not describe task {} as far as its event says",
            change.task.id()
        )))
    }

    /// The migration's task: the one that was written down, or else the one that is in all what would have been started.
    pub(super) async fn task_of(&self, record: &Record) -> Result<Option<Task>, CallFailed> {
        let cluster = record.cluster.as_str();
        if let Some(task) = &record.task {
            let described = self.ecs.describe_tasks(cluster, std::slice::from_ref(task));
            return Ok(described.await?.into_iter().next());
        }
        let Some(runs) = &record.runs else {
            return Ok(None);
        };
        let started_by = migration::started_by(&record.deployment);
        let family = runs.revision.family();
        for which in [
            Tasks::RunningStartedBy(&started_by),
            Tasks::StoppedOfFamily(family),
        ] {
            let listed = self.ecs.list_tasks(cluster, which).await?;
            let described = self.ecs.describe_tasks(cluster, &listed).await?;
            let mut tasks = described.into_iter();
            if let Some(task) = tasks.find(|task| differences(record, task).is_empty()) {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Stops the task, and says whether it did.
    pub(super) async fn stop(&self, task: &Task, reason: &str) -> &'static str {
        match self.ecs.stop_task(&task.cluster, &task.arn, reason).await {
            Ok(()) => "was stopped",
            Err(failed) => {
                tracing::error!(error = %failed, task = %task.arn, "migration not stopped");
                "could not be stopped: it may still run"
            }
        }
    }

    pub(super) async fn verdict(&self, task: &Task, container: &ContainerName) -> Verdict {
        let essential = self.essential(task).await;
        match migration::judge(task, container, &essential) {
            Judged::Succeeded => Verdict::Succeeded(format!(
                "the migration of task {} exited with code 0",
                task.arn.id()
            )),
            Judged::Failed { reason, ran: true } => {
                let log = self.last_lines(task, container).await;
                Verdict::Failed { reason, log }
            }
            Judged::Failed { reason, ran: false } => Verdict::NothingRan(reason),
        }
    }

    /// The containers whose end ends the task; where nobody says which, all of them.
    async fn essential(&self, task: &Task) -> Vec<ContainerName> {
        // Where nothing else can have ended it does not matter.
        let ended = task.containers.iter();
        let ended = ended.filter(|container| container.exit_code.is_some());
        let is_alone = task.stop_code.is_none() && ended.count() < 2;
        if is_alone || task.containers.len() < 2 {
            return Vec::new();
        }
        match self
            .ecs
            .describe_task_definition(task.revision.as_str())
            .await
        {
            Ok(definition) => revision::essential(&definition),
            Err(failed) => {
                tracing::warn!(error = %failed, "revision not read");
                let containers = task.containers.iter();
                containers.map(|container| container.name.clone()).collect()
            }
        }
    }

    /// The log is there to help; a verdict does not depend on it.
    async fn last_lines(&self, task: &Task, container: &ContainerName) -> Vec<String> {
        lambda::last_lines(&self.ecs, &self.logs, task, container)
            .await
            .unwrap_or_else(|failed| {
                tracing::warn!(error = %failed, "log not read");
                Vec::new()
            })
    }
}

/// In what a task differs from the migration; the one that was written down is it.
fn differences(record: &Record, task: &Task) -> Vec<String> {
    if record.task.as_ref() == Some(&task.arn) {
        return Vec::new();
    }
    let Some(runs) = &record.runs else {
        return vec!["it was not written down".to_owned()];
    };
    let (deployment, executions) = (&record.deployment, &record.executions);
    migration::differences(task, deployment, &record.cluster, runs, executions)
}
