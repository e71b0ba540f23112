//! Reads what the end of a migration turns out to depend on. Nothing is changed here.

use aws::CallFailed;
use aws::ecs::Tasks;
use lambda::Failure;
use rules::migration::finish::{self, Described, Finish, Need, Observed, Trigger};
use rules::migration::{self, Record};
use rules::names::ContainerName;
use rules::observed::Task;
use rules::revision;

use super::Handler;

impl Handler {
    /// The decision, after observing what it turns out to need.
    pub(super) async fn decide(&self, observed: &mut Observed) -> Result<Finish, Failure> {
        loop {
            match finish::decide(observed) {
                Ok(finish) => return Ok(finish),
                Err(need) => self.add(need, observed).await?,
            }
        }
    }

    async fn add(&self, need: Need, observed: &mut Observed) -> Result<(), Failure> {
        match need {
            Need::Task => observed.task = Some(self.described(observed).await?),
            Need::Essential => {
                observed.essential = Some(match &observed.task {
                    Some(Described::Task(task)) => self.essential(task).await,
                    Some(Described::Unknown | Described::Unreadable(_)) | None => Vec::new(),
                });
            }
            Need::Log => {
                observed.log = Some(match (&observed.task, &observed.container) {
                    (Some(Described::Task(task)), Some(container)) => {
                        self.last_lines(task, container).await
                    }
                    (_, _) => Vec::new(),
                });
            }
        }
        Ok(())
    }

    async fn described(&self, observed: &Observed) -> Result<Described, Failure> {
        let record = &observed.record;
        let found = match &observed.trigger {
            // What cannot be read is an error: the event comes again.
            Trigger::Changed(change) => {
                let task = std::slice::from_ref(&change.task);
                let described = self.ecs.describe_tasks(&record.cluster, task).await?;
                described.into_iter().next()
            }
            // The time-out comes once: what cannot be read then, now or ever, fails the hook.
            Trigger::TimedOut { .. } => match self.task_of(record).await {
                Err(failed) if failed.is_transient() => return Err(failed.into()),
                Err(failed) => return Ok(Described::Unreadable(failed.to_string())),
                Ok(task) => task,
            },
        };
        Ok(found.map_or(Described::Unknown, |task| Described::Task(Box::new(task))))
    }

    /// The migration's task: the one that was written down, or else the one that is in all what would have been started.
    async fn task_of(&self, record: &Record) -> Result<Option<Task>, CallFailed> {
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
            if let Some(task) = tasks.find(|task| record.differences(task).is_empty()) {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// The containers whose end ends the task; all of them where the revision cannot be read.
    async fn essential(&self, task: &Task) -> Vec<ContainerName> {
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
