//! What serves production where ECS deploys, and which image that is.
//!
//! The service's own `taskDefinition` is what is wanted: UpdateService sets it at once, whatever serves.

use super::deployment::{DeployedRevision, ServiceDeployment, Status};
use super::revision::{RevisionImage, ServiceRevision};
use super::stage::Stage;
use crate::names::{Digest, RevisionArn, ServiceRevisionArn};
use crate::observed::Service;
use crate::start::RunningImage;

/// What serves production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// This service revision.
    ServiceRevision(ServiceRevisionArn),
    /// No service revision is known, only the service's own task definition.
    TaskDefinition(RevisionArn),
}

/// What serves production, from the deployments that have not ended and the newest that ended with a revision that serves; newest
/// first. None where the service has no task definition at all.
///
/// A service that was quiet for 90 days has no deployment any more: ECS still names the revisions that have tasks.
pub fn serving(service: &Service, deployments: &[ServiceDeployment]) -> Option<Serving> {
    let of_deployment = deployments.first().and_then(|newest| {
        if newest.status.has_ended() {
            None
        } else {
            of_unended(newest)
        }
    });
    let of_settled = || {
        let mut ended = deployments.iter().filter(|one| one.status.has_ended());
        ended.find_map(of_ended)
    };
    let found = of_deployment.or_else(of_settled);
    found
        .or_else(|| with_tasks(service))
        .map(Serving::ServiceRevision)
        .or_else(|| service.revision.clone().map(Serving::TaskDefinition))
}

/// While a deployment is under way its source serves, until all production traffic is green's.
fn of_unended(deployment: &ServiceDeployment) -> Option<ServiceRevisionArn> {
    let source = source_of(deployment);
    let target = deployment.target.as_ref().map(|target| &target.arn);
    let serving = match &deployment.status {
        Status::RollbackRequested | Status::RollbackInProgress => {
            let rollback = deployment.rollback.as_ref();
            rollback
                .and_then(|rollback| rollback.revision.as_ref())
                .or(source)
        }
        Status::Pending
        | Status::InProgress
        | Status::StopRequested
        | Status::Successful
        | Status::Stopped
        | Status::RollbackSuccessful
        | Status::RollbackFailed
        | Status::Unknown(_) => match has_shifted(deployment) {
            true => target,
            false => source,
        },
    };
    serving.or(target).cloned()
}

/// Of several sources, the one that has most of production traffic, then of tasks.
fn source_of(deployment: &ServiceDeployment) -> Option<&ServiceRevisionArn> {
    let weight = |source: &DeployedRevision| source.production_weight.unwrap_or_default();
    let by_share = |one: &&DeployedRevision, other: &&DeployedRevision| {
        let by_weight = weight(one).total_cmp(&weight(other));
        by_weight.then(one.running_count.cmp(&other.running_count))
    };
    deployment
        .sources
        .iter()
        .max_by(by_share)
        .map(|source| &source.arn)
}

/// Whether green has all production traffic. A stage tells only where the deployment has some: a rolling update has none, and its
/// old tasks serve until the end.
pub(super) fn has_shifted(deployment: &ServiceDeployment) -> bool {
    let target = deployment.target.as_ref();
    let weight = target.and_then(|target| target.production_weight);
    match &deployment.stage {
        Some(Stage::PostProductionTrafficShift | Stage::BakeTime | Stage::CleanUp) => true,
        Some(
            Stage::ReconcileService
            | Stage::PreScaleUp
            | Stage::ScaleUp
            | Stage::PostScaleUp
            | Stage::TestTrafficShift
            | Stage::PostTestTrafficShift
            | Stage::PreProductionTrafficShift
            | Stage::ProductionTrafficShift
            | Stage::Unknown(_),
        ) => weight.is_some_and(|weight| weight >= 100.0),
        None => false,
    }
}

fn of_ended(deployment: &ServiceDeployment) -> Option<ServiceRevisionArn> {
    match &deployment.status {
        Status::Successful => deployment.target.as_ref().map(|target| target.arn.clone()),
        Status::RollbackSuccessful => {
            let rollback = deployment.rollback.as_ref();
            rollback
                .and_then(|rollback| rollback.revision.as_ref())
                .or_else(|| source_of(deployment))
                .cloned()
        }
        // What serves after these is what served before.
        Status::Stopped
        | Status::RollbackFailed
        | Status::Pending
        | Status::InProgress
        | Status::StopRequested
        | Status::RollbackRequested
        | Status::RollbackInProgress
        | Status::Unknown(_) => None,
    }
}

fn with_tasks(service: &Service) -> Option<ServiceRevisionArn> {
    let running = service.current_revisions.iter();
    let most = running
        .filter(|revision| revision.running_count > 0)
        .max_by_key(|revision| revision.running_count);
    let wanted = || {
        let mut wanted = service.current_revisions.iter();
        wanted.find(|revision| revision.requested_count > 0)
    };
    // With a desired count of 0 nothing runs, and nothing else tells.
    let only = match service.current_revisions.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    most.or_else(wanted)
        .or(only)
        .map(|revision| revision.arn.clone())
}

/// The image of these containers, as ECS resolved it for the service revision; `why` is the reason why the task definition itself does
/// not show it. With version consistency, which is on by default, every task of the revision runs that digest, whatever
/// became of the tag.
pub fn running_image(why: &str, revision: &ServiceRevision, containers: &[&str]) -> RunningImage {
    let unknown = |what: &str| RunningImage::Unknown(format!("{why}, and {what}"));
    let mut found: Option<Digest> = None;
    for name in containers {
        let mut images = revision.images.iter();
        let image = images.find(|image| image.container.as_str() == *name);
        let Some(digest) = image.and_then(RevisionImage::deployed) else {
            return unknown("ECS states no digest for its service revision");
        };
        match &found {
            Some(other) if *other != digest => {
                return unknown("its service revision runs different images");
            }
            Some(_) | None => found = Some(digest),
        }
    }
    found.map_or_else(
        || unknown("its service revision has no such container"),
        RunningImage::Known,
    )
}

impl RevisionImage {
    /// The digest that its container runs: the one that the task definition pins, else the one that ECS resolved.
    pub fn deployed(&self) -> Option<Digest> {
        let pinned = self.image.as_deref();
        let pinned = pinned.and_then(|image| image.rsplit_once('@')?.1.parse().ok());
        pinned.or_else(|| self.digest.clone())
    }
}

#[cfg(test)]
mod tests;
