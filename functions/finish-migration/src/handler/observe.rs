//! Reads what the end of a migration turns out to depend on. Nothing is changed here.

use aws::ecs::Tasks;
use aws::{CallFailed, Kind};
use lambda::Failure;
use rules::codedeploy::Deployment;
use rules::events::FinishEvent;
use rules::migration::finish::{
    self, Described, Finish, FoundSchedule, IfUnreadable, Need, Observed, Schedule, Search,
};
use rules::migration::{self, Record};
use rules::names::{ContainerName, DeploymentId, RevisionArn};
use rules::observed::{Task, TaskDefinition};
use rules::revision;
use rules::task_log::TaskLog;

use super::Handler;

/// The revision that was read last: the questions about one migration are about one revision, of which nothing but its tags
/// ever changes.
#[derive(Default)]
pub(super) struct LastRead(Option<(RevisionArn, TaskDefinition)>);

impl Handler {
    /// The decision, after observing what it turns out to need.
    pub(super) async fn decide(
        &self,
        event: &FinishEvent,
        observed: &mut Observed,
        last_read: &mut LastRead,
    ) -> Result<Finish, Failure> {
        let config = self.start.as_ref().ok().map(|started| &started.config);
        loop {
            match finish::decide(config, event, observed) {
                Ok(finish) => return Ok(finish),
                Err(need) => self.add(need, observed, last_read).await?,
            }
        }
    }

    async fn add(
        &self,
        need: Need,
        observed: &mut Observed,
        last_read: &mut LastRead,
    ) -> Result<(), Failure> {
        match need {
            Need::Configuration => {
                self.start.as_ref().map_err(Failure::from)?;
            }
            Need::Schedule(deployment) => {
                observed.schedule = Some(self.schedule(&deployment).await?);
            }
            Need::Deployment(id, if_unreadable) => {
                let read = self.deployment(&id).await;
                observed.deployment = Some(described(read, if_unreadable)?);
            }
            Need::Task(search, if_unreadable) => {
                let read = self.task(&search).await;
                observed.task = Some(described(read, if_unreadable)?);
            }
            Need::RunsShipped(revision, container, digest) => {
                let definition = self.definition(&revision, last_read).await?;
                observed.runs_shipped =
                    Some(revision::runs_digest(definition, &container, &digest));
            }
            Need::Alone(ran, shipped, container, if_unreadable) => {
                let read = self.alone(&ran, &shipped, &container, last_read).await;
                observed.alone = Some(described(read.map(Some), if_unreadable)?);
            }
            Need::Essential(task) => {
                observed.essential = Some(self.essential(&task, last_read).await);
            }
            Need::Secrets(task) => {
                let definition = self.definition(&task.revision, last_read).await;
                let names = definition
                    .inspect_err(|failed| tracing::warn!(error = %failed, "revision not read"))
                    .map(|definition| task.secret_places.names(definition));
                observed.secrets = Some(names.unwrap_or_default());
            }
            Need::Log(task, container) => {
                observed.log = Some(self.last_lines(&task, &container, last_read).await);
            }
        }
        Ok(())
    }

    async fn schedule(&self, deployment: &DeploymentId) -> Result<Schedule, CallFailed> {
        let name = migration::schedule_name(deployment);
        let answer = self.scheduler.get_schedule(&name).await?;
        Ok(Schedule {
            found: answer.schedule.map(|schedule| FoundSchedule {
                input: schedule.input,
                at: schedule.at,
            }),
            now: answer.asked_at,
        })
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CallFailed> {
        match self.codedeploy.get_deployment(id).await {
            Err(failed) if failed.kind == Kind::NotFound => Ok(None),
            deployment => deployment.map(Some),
        }
    }

    async fn task(&self, search: &Search) -> Result<Option<Task>, CallFailed> {
        match search {
            Search::Task(cluster, task) => {
                let described = self.ecs.describe_tasks(cluster, std::slice::from_ref(task));
                Ok(described.await?.into_iter().next())
            }
            Search::Unnoted(record) => self.unnoted(record).await,
        }
    }

    /// The task that is in all what would have been started.
    async fn unnoted(&self, record: &Record) -> Result<Option<Task>, CallFailed> {
        let cluster = record.cluster.as_str();
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

    /// In what a revision differs from the one in which the migration of `shipped` runs alone.
    async fn alone(
        &self,
        ran: &RevisionArn,
        shipped: &RevisionArn,
        container: &ContainerName,
        last_read: &mut LastRead,
    ) -> Result<Vec<String>, CallFailed> {
        let shipped = self.ecs.describe_task_definition(shipped.as_str()).await?;
        // The containers and secrets of the task are asked for as well, and are this one's.
        let ran = self.definition(ran, last_read).await?;
        let differences = revision::differences_from_alone(ran, &shipped, container);
        Ok(differences)
    }

    /// The containers whose end ends the task; all of them where the revision cannot be read.
    async fn essential(&self, task: &Task, last_read: &mut LastRead) -> Vec<ContainerName> {
        let definition = self.definition(&task.revision, last_read).await;
        let of_revision = definition
            .inspect_err(|failed| tracing::warn!(error = %failed, "revision not read"))
            .map(revision::essential);
        task.essential(&of_revision.unwrap_or_default())
    }

    /// The log is there to help; a verdict does not depend on it.
    pub(super) async fn last_lines(
        &self,
        task: &Task,
        container: &ContainerName,
        last_read: &mut LastRead,
    ) -> TaskLog {
        match self.definition(&task.revision, last_read).await {
            Ok(definition) => lambda::last_lines(&self.logs, definition, task, container).await,
            Err(failed) => {
                tracing::warn!(error = %failed, "revision not read");
                TaskLog::none(container, failed.to_string())
            }
        }
    }
}

impl Handler {
    async fn definition<'a>(
        &self,
        revision: &RevisionArn,
        last_read: &'a mut LastRead,
    ) -> Result<&'a TaskDefinition, CallFailed> {
        let read = match last_read.0.take() {
            Some(read) if read.0 == *revision => read,
            Some(_) | None => {
                let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
                (revision.clone(), definition)
            }
        };
        Ok(&last_read.0.insert(read).1)
    }
}

/// What can be read later is an error: the event comes again.
fn described<T>(
    read: Result<Option<T>, CallFailed>,
    if_unreadable: IfUnreadable,
) -> Result<Described<T>, CallFailed> {
    match (read, if_unreadable) {
        (Ok(Some(found)), _) => Ok(Described::This(Box::new(found))),
        (Ok(None), _) => Ok(Described::Unknown),
        (Err(failed), IfUnreadable::Decide) if !failed.is_transient() => {
            tracing::warn!(error = %failed, "decided without it");
            Ok(Described::Unreadable(failed.to_string()))
        }
        (Err(failed), _) => Err(failed),
    }
}
