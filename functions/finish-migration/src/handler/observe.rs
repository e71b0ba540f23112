//! Reads what the end of a migration turns out to depend on. Nothing is changed here.

use aws::ecs::Tasks;
use aws::{CallFailed, Kind};
use lambda::{EvidenceReader, Failure};
use rules::codedeploy::Deployment;
use rules::events::FinishEvent;
use rules::migration::finish::{
    self, Described, Finish, FoundSchedule, IfUnreadable, Need, Observed, Schedule, Search,
};
use rules::migration::{self, Record};
use rules::names::{ContainerName, DeploymentId, RevisionArn};
use rules::observed::Task;
use rules::revision;

use super::Handler;

impl Handler {
    /// The decision, after observing what it turns out to need.
    pub(super) async fn decide(
        &self,
        event: &FinishEvent,
        observed: &mut Observed,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<Finish, Failure> {
        let config = self.start.as_ref().ok().map(|started| &started.config);
        loop {
            match finish::decide(config, event, observed) {
                Ok(finish) => return Ok(finish),
                Err(need) => self.add(need, observed, reader).await?,
            }
        }
    }

    async fn add(
        &self,
        need: Need,
        observed: &mut Observed,
        reader: &mut EvidenceReader<'_>,
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
                let definition = reader.definition(&revision).await?;
                observed.runs_shipped =
                    Some(revision::runs_digest(definition, &container, &digest));
            }
            Need::Alone(ran, shipped, container, if_unreadable) => {
                let read = self.alone(&ran, &shipped, &container, reader).await;
                observed.alone = Some(described(read.map(Some), if_unreadable)?);
            }
            Need::Essential(task) => {
                observed.essential = Some(reader.essential(&task).await);
            }
            Need::Secrets(task) => {
                observed.secrets = Some(reader.secret_names(&task).await);
            }
            Need::Log(task, container) => {
                observed.log = Some(reader.last_lines(&task, &container).await);
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
    pub(super) async fn alone(
        &self,
        ran: &RevisionArn,
        shipped: &RevisionArn,
        container: &ContainerName,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<Vec<String>, CallFailed> {
        let shipped = self.ecs.describe_task_definition(shipped.as_str()).await?;
        // The containers and secrets of the task are asked for as well, and are this one's.
        let ran = reader.definition(ran).await?;
        let differences = revision::differences_from_alone(ran, &shipped, container);
        Ok(differences)
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
