//! What a service's own deployments tell of an image: whether it was tried, and whether it shipped.

use std::collections::{BTreeMap, BTreeSet};

use rules::config::Pipeline;
use rules::ecs::report::{End, Told, What};
use rules::ecs::{self, ServiceDeployment, ServiceRevision, Shipping, Status};
use rules::names::{Digest, RevisionArn, ServiceRevisionArn};
use rules::observed::TaskDefinition;
use rules::revision;
use rules::rolling;
use rules::start::Attempt;
use time::UtcDateTime;

use super::{Observer, Ours};
use crate::ecs::ServiceDeployments;
use crate::{CallFailed, Kind};

/// ECS describes so many service revisions in one call.
const IN_ONE_CALL: usize = 20;

impl Observer {
    /// The service's deployments since `since`, as attempts of the pipeline. What those before `ordered_at` deployed is not read: of them
    /// only what they have in common with a later one counts. `before` are those from before the service was moved to ECS.
    pub(super) async fn service_attempts(
        &self,
        pipeline: &Pipeline,
        all: &[&Pipeline],
        since: UtcDateTime,
        ordered_at: UtcDateTime,
        before: &[Attempt],
    ) -> Result<Vec<Attempt>, CallFailed> {
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        let which = ServiceDeployments::CreatedSince(since);
        let listed = self
            .ecs
            .list_service_deployments(cluster, service, which)
            .await?;
        let newest = listed.first().map(|newest| newest.arn.clone());
        let arns: Vec<_> = listed.into_iter().map(|listed| listed.arn).collect();
        let deployments = self.ecs.describe_service_deployments(&arns).await?;
        let mut asked = BTreeSet::new();
        for deployment in &deployments {
            let source = deployment.sources.first();
            let both = deployment.target.iter().chain(source);
            asked.extend(both.map(|revision| revision.arn.clone()));
        }
        let revisions = self.service_revisions(asked).await?;
        let mut definitions: BTreeMap<RevisionArn, Option<TaskDefinition>> = BTreeMap::new();
        let mut attempts = Vec::new();
        for deployment in deployments {
            let find = |arn: &ServiceRevisionArn| revisions.get(arn).cloned();
            let target = deployment.target.as_ref();
            let target = target.and_then(|target| find(&target.arn));
            let source = deployment.sources.first();
            let source = source.and_then(|source| find(&source.arn));
            let read = target
                .as_ref()
                .filter(|_| deployment.created_at >= ordered_at);
            let definition = match read {
                Some(target) => self.definition(&target.revision, &mut definitions).await?,
                None => None,
            };
            let shipping = Shipping {
                is_newest: newest.as_ref() == Some(&deployment.arn),
                deployment,
                target,
                source,
                definition,
            };
            attempts.push(ecs::attempt(pipeline, all, &shipping, before));
        }
        Ok(attempts)
    }

    /// Whether a deployment that ended well shipped this image.
    pub(super) async fn was_shipped_by_ecs(
        &self,
        pipeline: &Pipeline,
        digest: Option<&Digest>,
    ) -> Result<bool, CallFailed> {
        let Some(digest) = digest else {
            return Ok(false);
        };
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        let which = ServiceDeployments::Settled;
        let listed = self
            .ecs
            .list_service_deployments(cluster, service, which)
            .await?;
        let succeeded: Vec<_> = listed
            .into_iter()
            .filter(|listed| listed.status == Status::Successful)
            .collect();
        let mut definitions = BTreeMap::new();
        for some in succeeded.chunks(IN_ONE_CALL) {
            let targets: Vec<ServiceRevisionArn> =
                some.iter().filter_map(|one| one.target.clone()).collect();
            let revisions = self.ecs.describe_service_revisions(&targets).await?;
            for revision in &revisions {
                if !ecs::has_shipped(pipeline, revision, digest) {
                    continue;
                }
                // What the production gate of a rolling update did not let pass has not shipped, whatever ECS says of it.
                let definition = self.definition(&revision.revision, &mut definitions);
                if definition.await?.as_ref().is_none_or(rolling::is_sound) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether nobody was told of the end of a deployment that this stack could have known of: a hook of it called a gate, or it
    /// deployed or replaced a revision of the stack's.
    ///
    /// # Errors
    /// A call failed.
    pub async fn is_untold(
        &self,
        ended: &ServiceDeployment,
        ours: &Ours,
    ) -> Result<bool, CallFailed> {
        let deployed = ended.target.iter().chain(ended.sources.first());
        let arns: Vec<ServiceRevisionArn> = deployed.map(|one| one.arn.clone()).collect();
        let revisions = self.ecs.describe_service_revisions(&arns).await?;
        let mut read = BTreeMap::new();
        for arn in &arns {
            let Some(revision) = revisions.iter().find(|revision| revision.arn == *arn) else {
                continue;
            };
            let definition = self.definition(&revision.revision, &mut read).await?;
            let Some(definition) = definition else {
                continue;
            };
            let is_target = arns.first() == Some(arn);
            let told = Told::of(&definition, &ours.stack);
            if is_target && told.has(&What::Ended(End::Shipped), &ended.arn) {
                return Ok(false);
            }
            let is_ours = revision::stack_of(&definition).as_ref() == Some(&ours.stack);
            if is_ours || ended.calls(&ours.functions) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn service_revisions(
        &self,
        arns: BTreeSet<ServiceRevisionArn>,
    ) -> Result<BTreeMap<ServiceRevisionArn, ServiceRevision>, CallFailed> {
        let arns: Vec<ServiceRevisionArn> = arns.into_iter().collect();
        let revisions = self.ecs.describe_service_revisions(&arns).await?;
        let by_arn = revisions.into_iter();
        Ok(by_arn
            .map(|revision| (revision.arn.clone(), revision))
            .collect())
    }

    /// The task definition, each read once; none where it was deleted.
    async fn definition(
        &self,
        revision: &RevisionArn,
        read: &mut BTreeMap<RevisionArn, Option<TaskDefinition>>,
    ) -> Result<Option<TaskDefinition>, CallFailed> {
        if let Some(known) = read.get(revision) {
            return Ok(known.clone());
        }
        let definition = match self.ecs.describe_task_definition(revision.as_str()).await {
            Ok(definition) => Some(definition),
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
            Err(failed) => return Err(failed),
        };
        read.insert(revision.clone(), definition.clone());
        Ok(definition)
    }
}
