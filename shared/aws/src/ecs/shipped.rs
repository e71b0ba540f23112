//! What a service's deployments deployed successfully.

use rules::ecs::Status;
use rules::names::{ClusterName, ServiceName, ServiceRevisionArn};
use rules::rolling::Shipped;

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
}
