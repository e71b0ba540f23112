//! Reads why a deployment ended badly, whichever engine carried it out. What cannot be read, or not in time, is left out of the
//! message.

use std::collections::BTreeSet;

use aws::CallFailed;
use aws::ecs::Tasks;
use lambda::Deadline;
use rules::codedeploy::report::Why;
use rules::config::{Migration, MigrationRevision, Pipeline};
use rules::names::{ContainerName, DeploymentId, RevisionArn};
use rules::observed::{Service, Task, TaskDefinition};
use rules::reasons::{self, Alone, Known, Own};
use rules::revision;
use rules::task_log::TaskLog;
use time::UtcDateTime;

use crate::handler::Handler;

/// A deployment whose causes are asked for.
pub(crate) struct Asked<'a> {
    pub(crate) id: &'a DeploymentId,
    /// When it was created: events before that are not about it.
    pub(crate) since: UtcDateTime,
    /// What `startedBy` of its migration's task is.
    pub(crate) migration_started_by: String,
    /// None where it cannot be read.
    pub(crate) service: Option<&'a Service>,
    pub(crate) own: Own<'a>,
    /// The migration, where it may have failed.
    pub(crate) migration: Option<&'a Migration>,
}

impl Handler {
    pub(crate) async fn service(&self, pipeline: &Pipeline) -> Option<Service> {
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service);
        let service = service.await;
        service
            .inspect_err(|failed| tracing::warn!(error = %failed, "could not read the service"))
            .ok()
    }

    pub(crate) async fn add_reasons(&self, pipeline: &Pipeline, asked: &Asked<'_>, why: &mut Why) {
        if let Some(revision) = why.revision.clone() {
            self.add_stopped_tasks(pipeline, asked, &revision, why)
                .await;
        }
        if let Some(service) = asked.service.filter(|_| why.causes.is_empty()) {
            let trouble = reasons::trouble(service, asked.own, asked.since);
            why.causes.extend(trouble);
        }
    }

    async fn add_stopped_tasks(
        &self,
        pipeline: &Pipeline,
        asked: &Asked<'_>,
        revision: &RevisionArn,
        why: &mut Why,
    ) {
        let deployment = asked.id;
        let stopped = self.stopped_tasks(pipeline, revision).await;
        let stopped = stopped.unwrap_or_else(|failed| {
            tracing::warn!(deployment_id = %deployment, error = %failed, "could not read the stopped tasks");
            Vec::new()
        });
        if stopped.is_empty() {
            return;
        }
        // Without it which containers are essential is not known, and no log is found.
        let definition = self.ecs.describe_task_definition(revision.as_str()).await;
        let definition = definition
            .inspect_err(|failed| tracing::warn!(error = %failed, "could not read the revision"))
            .ok();
        let essential = definition.as_ref().map(revision::essential);
        let alone = match &definition {
            Some(definition) => self.alone(pipeline, asked, definition, &stopped).await,
            None => None,
        };
        let known = Known {
            shipped: revision,
            essential: essential.as_deref().unwrap_or_default(),
            migration_started_by: &asked.migration_started_by,
            alone: alone.as_ref().map(|(revisions, essential)| Alone {
                revisions,
                essential,
            }),
            service: asked.service,
            cluster: pipeline.cluster.as_str(),
            own: asked.own,
        };
        let migration = pipeline.migration.as_ref();
        why.migrated =
            migration.and_then(|migration| reasons::migrated(&stopped, known, migration));
        let Some(cause) = reasons::find(&stopped, known, asked.migration) else {
            return;
        };
        // The sentence is redacted; the revision's own name of a secret says which it is about.
        let places = &cause.task.secret_places;
        why.causes.push(match &definition {
            Some(definition) => places.named(cause.sentence, definition),
            None => cause.sentence,
        });
        if let Some(container) = &cause.container {
            why.log = match &definition {
                Some(definition) => {
                    lambda::last_lines(&self.logs, definition, cause.task, container).await
                }
                None => TaskLog::none(container, "its revision could not be read".to_owned()),
            };
        }
    }

    /// The revisions in which the deployment's migration ran alone, and the containers whose end ends a task of them. What is
    /// only marked so is not among them.
    async fn alone(
        &self,
        pipeline: &Pipeline,
        asked: &Asked<'_>,
        shipped: &TaskDefinition,
        stopped: &[Task],
    ) -> Option<(Vec<RevisionArn>, Vec<ContainerName>)> {
        let migration = runs_alone(pipeline)?;
        let essential = revision::essential_alone(shipped, &migration.container);
        let started_by = Some(asked.migration_started_by.as_str());
        let marked = stopped
            .iter()
            .filter(|task| task.started_by.as_deref() == started_by);
        let marked: BTreeSet<&RevisionArn> = marked.map(|task| &task.revision).collect();
        let mut revisions = Vec::new();
        for candidate in marked {
            match self.ecs.describe_task_definition(candidate.as_str()).await {
                Ok(ran) => {
                    let container = &migration.container;
                    if revision::differences_from_alone(&ran, shipped, container).is_empty() {
                        revisions.push(candidate.clone());
                    }
                }
                Err(failed) => {
                    tracing::warn!(error = %failed, "could not read the migration's revision");
                }
            }
        }
        Some((revisions, essential))
    }

    async fn stopped_tasks(
        &self,
        pipeline: &Pipeline,
        revision: &RevisionArn,
    ) -> Result<Vec<Task>, CallFailed> {
        let cluster = pipeline.cluster.as_str();
        let family = revision.family();
        let of_migration = runs_alone(pipeline).map(|_| revision::migration_family(family));
        let mut stopped = Vec::new();
        for family in [Some(family), of_migration.as_deref()]
            .into_iter()
            .flatten()
        {
            let of_family = Tasks::StoppedOfFamily(family);
            stopped.extend(self.ecs.list_tasks(cluster, of_family).await?);
        }
        if stopped.is_empty() {
            return Ok(Vec::new());
        }
        self.ecs.describe_tasks(cluster, &stopped).await
    }
}

/// The migration that runs in a revision of its own.
fn runs_alone(pipeline: &Pipeline) -> Option<&Migration> {
    let migration = pipeline.migration.as_ref()?;
    match migration.revision {
        MigrationRevision::Alone => Some(migration),
        MigrationRevision::Shipped => None,
    }
}

/// Reads what explains while there is time; what was added until then stays.
pub(crate) async fn in_time(explain_until: Deadline, read: impl Future<Output = ()>) {
    let left = explain_until.left();
    if tokio::time::timeout(left, read).await.is_err() {
        tracing::warn!("no time to read more that explains the outcome");
    }
}
