//! What a service's deployments deployed successfully.

use rules::config::Pipeline;
use rules::ecs::{ServiceDeployment, Status};
use rules::names::{ClusterName, RevisionArn, ServiceName, ServiceRevisionArn, StackName};
use rules::observed::TaskDefinition;
use rules::rolling::{self, GateState, Shipped};

use super::Ecs;
use super::service_deployment::ServiceDeployments;
use crate::call::CallFailed;

/// So many of them are looked through: one call describes their revisions.
const LOOKED_THROUGH_AT_MOST: usize = 20;

impl Ecs {
    /// The newest deployments of the service that ended successfully, newest first.
    ///
    /// # Errors
    /// A call failed.
    pub async fn shipped(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<Shipped>, CallFailed> {
        let which = ServiceDeployments::Settled;
        let listed = self
            .list_service_deployments(cluster, service, which)
            .await?;
        let successful = listed
            .into_iter()
            .filter(|one| one.status == Status::Successful)
            .take(LOOKED_THROUGH_AT_MOST);
        let targets: Vec<_> = successful
            .filter_map(|one| Some((one.target?, one.created_at)))
            .collect();
        let mut arns: Vec<ServiceRevisionArn> =
            targets.iter().map(|(target, _)| target.clone()).collect();
        arns.sort_unstable();
        arns.dedup();
        let revisions = self.describe_service_revisions(&arns).await?;
        let shipped = targets.into_iter().filter_map(|(target, created_at)| {
            let revision = revisions.iter().find(|one| one.arn == target)?;
            Some(Shipped {
                revision: revision.revision.clone(),
                created_at,
            })
        });
        Ok(shipped.collect())
    }

    /// How a rolling update that ended successfully stands to its pipeline's production gate.
    ///
    /// # Errors
    /// A call failed.
    pub async fn gate_state(
        &self,
        pipeline: &Pipeline,
        stack: &StackName,
        deployment: &ServiceDeployment,
        target: &RevisionArn,
        definition: &TaskDefinition,
    ) -> Result<GateState, CallFailed> {
        let id = deployment.arn.id();
        let state = GateState::of(&pipeline.place(), stack, &id, definition);
        if state != GateState::Open {
            return Ok(state);
        }
        let shipped = self.shipped(&pipeline.cluster, &pipeline.service).await?;
        let before = rolling::before(&shipped, deployment);
        Ok(state.unless_deployed_before(target, before))
    }
}
