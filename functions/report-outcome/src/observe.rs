//! Reads what a report turns out to need. Nothing is changed here.
//!
//! Two kinds of facts: those that show what happened have to be read, now or when the event comes again; those that only
//! explain it are left out of the message where they cannot be read, or not in time.

use std::collections::BTreeSet;

use aws::CallFailed;
use aws::ecs::Tasks;
use lambda::{Deadline, Failure};
use rules::codedeploy::Deployment;
use rules::codedeploy::app_spec;
use rules::codedeploy::report::{Group, Lifecycle, MadeBy, Need, Observed, Serving, Shipped, Why};
use rules::config::{Migration, MigrationRevision, Pipeline};
use rules::migration;
use rules::names::{ContainerName, DeploymentId, RevisionArn};
use rules::observed::{Service, Task, TaskDefinition};
use rules::reasons::{self, Alone, Known, Own};
use rules::revision;
use rules::task_log::TaskLog;

use crate::handler::Handler;

/// A deployment whose causes are asked for.
struct Asked<'a> {
    deployment: &'a Deployment,
    /// None where it cannot be read.
    service: Option<&'a Service>,
    own: Own<'a>,
    /// The migration, where it may have failed.
    migration: Option<&'a Migration>,
}

impl Handler {
    /// What `decide` decides, after observing what it turns out to need.
    pub(crate) async fn decide<T>(
        &self,
        pipeline: &Pipeline,
        observed: &mut Observed,
        explain_until: Deadline,
        decide: impl Fn(&Pipeline, &Observed) -> Result<T, Need>,
    ) -> Result<T, Failure> {
        loop {
            match decide(pipeline, observed) {
                Ok(decided) => return Ok(decided),
                Err(need) => self.add(pipeline, need, observed, explain_until).await?,
            }
        }
    }

    async fn add(
        &self,
        pipeline: &Pipeline,
        need: Need,
        observed: &mut Observed,
        explain_until: Deadline,
    ) -> Result<(), Failure> {
        match need {
            Need::RolledBack(id) => {
                observed.rolled_back = Some(self.codedeploy.get_deployment(&id).await?);
            }
            Need::Lifecycle => {
                let mut lifecycle = Lifecycle::Unreadable;
                let read = self.add_lifecycle(&observed.is_about().id, &mut lifecycle);
                in_time(explain_until, read).await;
                observed.lifecycle = Some(lifecycle);
            }
            Need::Serving => {
                let (cluster, service) = (&pipeline.cluster, &pipeline.service);
                let service = self.ecs.describe_service(cluster, service).await?;
                observed.serving = Some(Serving::on(&service));
            }
            Need::Shipped => {
                let revision = self.revision_of(&observed.deployment).await;
                let revision = none_for_ever(revision, "could not read the revision")?;
                observed.shipped = Some(revision.map_or(Shipped::Unreadable, Shipped::Revision));
            }
            Need::MadeBy(id) => {
                let made_by = self.codedeploy.get_deployment(&id).await.map(Some);
                let made_by =
                    none_for_ever(made_by, "could not read the deployment")?.map(Box::new);
                observed.made_by = Some(made_by.map_or(MadeBy::Unreadable, MadeBy::Deployment));
            }
            Need::WhyFailed => {
                let mut why = Why::default();
                let read = self.add_why_failed(pipeline, observed, &mut why);
                in_time(explain_until, read).await;
                observed.why_failed = Some(why);
            }
            Need::WhyDown(revision) => {
                let mut why = Why {
                    revision,
                    ..Why::default()
                };
                let read = self.add_why_down(pipeline, &observed.deployment, &mut why);
                in_time(explain_until, read).await;
                observed.why_down = Some(why);
            }
            Need::Group => {
                let mut group = Group::Unreadable;
                let read = self.add_group(&observed.deployment, &mut group);
                in_time(explain_until, read).await;
                observed.group = Some(group);
            }
        }
        Ok(())
    }

    async fn add_lifecycle(&self, deployment: &DeploymentId, lifecycle: &mut Lifecycle) {
        match self.codedeploy.get_deployment_target(deployment).await {
            Ok(target) => *lifecycle = Lifecycle::Read(target),
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment, error = %failed, "could not read lifecycle events");
            }
        }
    }

    /// Adds to `why`, fact by fact, why a deployment ended badly: what cannot be read is left out.
    async fn add_why_failed(&self, pipeline: &Pipeline, observed: &Observed, why: &mut Why) {
        let deployment = observed.is_about();
        let app_spec = match self.app_spec_of(deployment).await {
            Ok(app_spec) => app_spec,
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment.id, error = %failed, "could not read the AppSpec");
                None
            }
        };
        why.gate = app_spec.as_deref().map(app_spec::migration_gate);
        why.revision = app_spec.as_deref().and_then(app_spec::revision);
        let service = self.service(pipeline).await;
        let service = service.as_ref();
        why.serves = service.and_then(|service| service.primary_target_group().cloned());
        let green = service.and_then(|service| service.green(&deployment.id));
        if why.revision.is_none() {
            // Where the AppSpec names none, its task set does, while it is there.
            why.revision = green.map(|green| green.revision.clone());
        }
        let asked = Asked {
            deployment,
            service,
            own: green.map_or(Own::since(deployment.created_at), Own::of),
            migration: pipeline
                .migration
                .as_ref()
                .filter(|_| !observed.passed_migration_gate()),
        };
        self.add_reasons(pipeline, &asked, why).await;
    }

    /// Adds to `why` why the stopped tasks of its revision, which serves production, ended. A rollback migrates nothing.
    async fn add_why_down(&self, pipeline: &Pipeline, rollback: &Deployment, why: &mut Why) {
        let service = self.service(pipeline).await;
        let primary = service.as_ref().and_then(Service::primary);
        let asked = Asked {
            deployment: rollback,
            service: service.as_ref(),
            // They may be older than the rollback.
            own: primary.map_or_else(Own::default, Own::of),
            migration: None,
        };
        self.add_reasons(pipeline, &asked, why).await;
    }

    async fn service(&self, pipeline: &Pipeline) -> Option<Service> {
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service);
        let service = service.await;
        service
            .inspect_err(|failed| tracing::warn!(error = %failed, "could not read the service"))
            .ok()
    }

    async fn add_reasons(&self, pipeline: &Pipeline, asked: &Asked<'_>, why: &mut Why) {
        if let Some(revision) = why.revision.clone() {
            self.add_stopped_tasks(pipeline, asked, &revision, why)
                .await;
        }
        if let Some(service) = asked.service.filter(|_| why.causes.is_empty()) {
            let since = asked.deployment.created_at;
            why.causes
                .extend(reasons::trouble(service, asked.own, since));
        }
    }

    async fn add_stopped_tasks(
        &self,
        pipeline: &Pipeline,
        asked: &Asked<'_>,
        revision: &RevisionArn,
        why: &mut Why,
    ) {
        let deployment = &asked.deployment.id;
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
            Some(definition) => self.alone(pipeline, deployment, definition, &stopped).await,
            None => None,
        };
        let known = Known {
            shipped: revision,
            essential: essential.as_deref().unwrap_or_default(),
            alone: alone.as_ref().map(|(revisions, essential)| Alone {
                revisions,
                essential,
            }),
            service: asked.service,
            cluster: pipeline.cluster.as_str(),
            own: asked.own,
        };
        let migration = pipeline.migration.as_ref();
        why.migrated = migration
            .and_then(|migration| reasons::migrated(&stopped, deployment, known, migration));
        let Some(cause) = reasons::find(&stopped, deployment, known, asked.migration) else {
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
        deployment: &DeploymentId,
        shipped: &TaskDefinition,
        stopped: &[Task],
    ) -> Option<(Vec<RevisionArn>, Vec<ContainerName>)> {
        let migration = runs_alone(pipeline)?;
        let essential = revision::essential_alone(shipped, &migration.container);
        let started_by = Some(migration::started_by(deployment));
        let marked = stopped.iter().filter(|task| task.started_by == started_by);
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

    /// The revision that a deployment ships.
    async fn revision_of(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<RevisionArn>, CallFailed> {
        let app_spec = self.app_spec_of(deployment).await?;
        Ok(app_spec.as_deref().and_then(app_spec::revision))
    }

    /// GetDeployment hides the AppSpec's content.
    async fn app_spec_of(&self, deployment: &Deployment) -> Result<Option<String>, CallFailed> {
        let Some(sha256) = &deployment.app_spec_sha256 else {
            return Ok(None);
        };
        let application = &deployment.application;
        let content = self
            .codedeploy
            .get_application_revision(application, sha256);
        Ok(Some(content.await?))
    }

    async fn add_group(&self, deployment: &Deployment, group: &mut Group) {
        let (application, name) = (&deployment.application, &deployment.deployment_group);
        match self
            .codedeploy
            .get_deployment_group(application, name)
            .await
        {
            Ok(read) => *group = Group::Read(Box::new(read)),
            Err(failed) => {
                tracing::warn!(error = %failed, "could not read the deployment group");
            }
        }
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
async fn in_time(explain_until: Deadline, read: impl Future<Output = ()>) {
    let left = explain_until.left();
    if tokio::time::timeout(left, read).await.is_err() {
        tracing::warn!("no time to read more that explains the outcome");
    }
}

/// What can be read later is an error, so that the event is delivered again; what never can is nothing.
fn none_for_ever<T>(
    found: Result<Option<T>, CallFailed>,
    otherwise: &'static str,
) -> Result<Option<T>, Failure> {
    match found {
        Err(failed) if !failed.is_transient() => {
            tracing::warn!(error = %failed, "{otherwise}");
            Ok(None)
        }
        found => Ok(found?),
    }
}
