//! Reads what a report turns out to need. Nothing is changed here.
//!
//! Two kinds of facts: those that show what happened have to be read, now or when the event comes again; those that only
//! explain it are left out of the message where they cannot be read.

use aws::CallFailed;
use aws::ecs::Tasks;
use lambda::Failure;
use rules::codedeploy::Deployment;
use rules::codedeploy::app_spec;
use rules::codedeploy::report::{Lifecycle, MadeBy, Need, Observed, Serving, Shipped, Why};
use rules::config::Pipeline;
use rules::names::{DeploymentId, RevisionArn};
use rules::reasons;

use crate::handler::Handler;

impl Handler {
    /// What `decide` decides, after observing what it turns out to need.
    pub(crate) async fn decide<T>(
        &self,
        pipeline: &Pipeline,
        observed: &mut Observed,
        decide: impl Fn(&Pipeline, &Observed) -> Result<T, Need>,
    ) -> Result<T, Failure> {
        loop {
            match decide(pipeline, observed) {
                Ok(decided) => return Ok(decided),
                Err(need) => self.add(pipeline, need, observed).await?,
            }
        }
    }

    async fn add(
        &self,
        pipeline: &Pipeline,
        need: Need,
        observed: &mut Observed,
    ) -> Result<(), Failure> {
        match need {
            Need::RolledBack(id) => {
                observed.rolled_back = Some(self.codedeploy.get_deployment(&id).await?);
            }
            Need::Lifecycle => {
                observed.lifecycle = Some(self.lifecycle(&observed.is_about().id).await);
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
                observed.why_failed = Some(self.why_failed(pipeline, observed.is_about()).await);
            }
            Need::WhyDown(revision) => {
                let deployment = &observed.deployment.id;
                observed.why_down = Some(self.why_down(pipeline, deployment, revision).await);
            }
        }
        Ok(())
    }

    async fn lifecycle(&self, deployment: &DeploymentId) -> Lifecycle {
        match self.codedeploy.get_deployment_target(deployment).await {
            Ok(target) => Lifecycle::Read(target),
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment, error = %failed, "could not read lifecycle events");
                Lifecycle::Unreadable
            }
        }
    }

    async fn why_failed(&self, pipeline: &Pipeline, deployment: &Deployment) -> Why {
        let revision = match self.revision_of(deployment).await {
            Ok(revision) => revision,
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment.id, error = %failed, "could not read the reasons");
                None
            }
        };
        self.why_down(pipeline, &deployment.id, revision).await
    }

    /// Why the stopped tasks of this revision ended.
    async fn why_down(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        revision: Option<RevisionArn>,
    ) -> Why {
        let mut why = Why {
            revision: revision.clone(),
            ..Why::default()
        };
        if let Some(revision) = revision
            && let Err(failed) = self
                .add_reasons(pipeline, deployment, &revision, &mut why)
                .await
        {
            tracing::warn!(deployment_id = %deployment, error = %failed, "could not read the reasons");
        }
        why
    }

    async fn add_reasons(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        revision: &RevisionArn,
        why: &mut Why,
    ) -> Result<(), CallFailed> {
        let cluster = pipeline.cluster.as_str();
        let stopped = self
            .ecs
            .list_tasks(cluster, Tasks::StoppedOfFamily(revision.family()))
            .await?;
        let stopped = self.ecs.describe_tasks(cluster, &stopped).await?;
        let migration = pipeline.migration.as_ref();
        if let Some(cause) = reasons::find(&stopped, deployment, revision, migration) {
            why.log =
                lambda::last_lines(&self.ecs, &self.logs, cause.task, cause.container).await?;
            why.causes.push(cause.sentence);
        }
        Ok(())
    }

    /// The revision that a deployment ships: its AppSpec names it, and GetDeployment hides the AppSpec's content.
    async fn revision_of(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<RevisionArn>, CallFailed> {
        let Some(sha256) = &deployment.app_spec_sha256 else {
            return Ok(None);
        };
        let content = self
            .codedeploy
            .get_application_revision(&deployment.application, sha256)
            .await?;
        Ok(app_spec::revision(&content))
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
