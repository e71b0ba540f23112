//! Finds out why a deployment ended badly, beyond CodeDeploy's own sentence: what its tasks say.

use aws::CallFailed;
use aws::ecs::Tasks;
use rules::codedeploy::Deployment;
use rules::config::Pipeline;
use rules::names::{DeploymentId, RevisionArn};
use rules::outcome::Ending;
use rules::reasons;

use crate::handler::Handler;

impl Handler {
    /// Adds what stopped tasks say. A message without it is better than none, so what cannot be read is left out.
    pub(crate) async fn add_reasons(
        &self,
        pipeline: &Pipeline,
        deployment: &Deployment,
        ending: &mut Ending,
    ) {
        if let Err(failed) = self.try_add_reasons(pipeline, deployment, ending).await {
            tracing::warn!(deployment_id = %deployment.id, error = %failed, "could not read the reasons");
        }
    }

    /// The same for the tasks of the revision that is told already.
    pub(crate) async fn add_reasons_of_revision(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        ending: &mut Ending,
    ) {
        let Some(revision) = ending.revision.clone() else {
            return;
        };
        let added = self.add_reasons_of(pipeline, deployment, &revision, ending);
        if let Err(failed) = added.await {
            tracing::warn!(deployment_id = %deployment, error = %failed, "could not read the reasons");
        }
    }

    async fn try_add_reasons(
        &self,
        pipeline: &Pipeline,
        deployment: &Deployment,
        ending: &mut Ending,
    ) -> Result<(), CallFailed> {
        let Some(shipped) = self.revision_of(deployment).await? else {
            return Ok(());
        };
        ending.revision = Some(shipped.clone());
        self.add_reasons_of(pipeline, &deployment.id, &shipped, ending)
            .await
    }

    async fn add_reasons_of(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
        shipped: &RevisionArn,
        ending: &mut Ending,
    ) -> Result<(), CallFailed> {
        let cluster = pipeline.cluster.as_str();
        let stopped = self
            .ecs
            .list_tasks(cluster, Tasks::StoppedOfFamily(shipped.family()))
            .await?;
        let stopped = self.ecs.describe_tasks(cluster, &stopped).await?;
        if let Some(cause) =
            reasons::find(&stopped, deployment, shipped, pipeline.migration.as_ref())
        {
            ending.log =
                lambda::last_lines(&self.ecs, &self.logs, cause.task, cause.container).await?;
            ending.causes.push(cause.sentence);
        }
        Ok(())
    }

    /// The revision that a deployment ships: its AppSpec names it, and GetDeployment hides the AppSpec's content.
    pub(crate) async fn revision_of(
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
        Ok(rules::codedeploy::app_spec::revision(&content))
    }
}
