//! Reads what a report turns out to need. Nothing is changed here.
//!
//! Two kinds of facts: those that show what happened have to be read, now or when the event comes again; those that only
//! explain it are left out of the message where they cannot be read, or not in time.

use aws::CallFailed;
use lambda::{Deadline, Failure};
use rules::codedeploy::Deployment;
use rules::codedeploy::app_spec;
use rules::codedeploy::report::{Group, Lifecycle, MadeBy, Need, Observed, Serving, Shipped, Why};
use rules::config::Pipeline;
use rules::migration;
use rules::names::{DeploymentId, RevisionArn};
use rules::observed::Service;
use rules::reasons::Own;

use crate::explain::{Asked, in_time};
use crate::handler::Handler;

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
            id: &deployment.id,
            since: deployment.created_at,
            migration_started_by: migration::started_by(&deployment.id),
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
            id: &rollback.id,
            since: rollback.created_at,
            migration_started_by: migration::started_by(&rollback.id),
            service: service.as_ref(),
            // They may be older than the rollback.
            own: primary.map_or_else(Own::default, Own::of),
            migration: None,
        };
        self.add_reasons(pipeline, &asked, why).await;
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
