//! Reads what AWS says now about one pipeline. Nothing is changed here.

use aws::codedeploy::Deployments;
use aws::ecs::Tasks;
use aws::{CallFailed, Kind};
use lambda::Failure;
use rules::codedeploy::{Deployment, DeploymentGroup};
use rules::config::Pipeline;
use rules::names::{DeploymentId, Digest, RevisionArn};
use rules::observed::{
    ImageDetail, LoadBalancerTarget, Placement, Service, TaskCount, TaskDefinition,
};
use rules::reconcile::{self, Mismatch, Reconciliation, Search};
use rules::revision::{self, Matching};
use rules::start::{self, Active, AskedBy, Candidate, Deployed, Observed, Running, RunningImage};
use rules::tag_rule::TagRule;
use time::UtcDateTime;
use tokio::try_join;

use crate::handler::Handler;

/// What the decision is taken from, and what acting on it needs.
pub(crate) struct Seen {
    pub(crate) observed: Observed,
    /// When ECR was asked for the candidate, by its own clock; none where its answer stated no date.
    pub(crate) asked_at: Option<UtcDateTime>,
    pub(crate) production: Production,
    pub(crate) group: DeploymentGroup,
}

impl Seen {
    /// When the candidate was ordered; where there is none nothing is marked with it.
    pub(crate) fn ordered_at(&self) -> UtcDateTime {
        let candidate = self.observed.candidate.as_ref();
        candidate.map_or(UtcDateTime::UNIX_EPOCH, |candidate| candidate.ordered_at)
    }
}

/// What serves production now.
pub(crate) struct Production {
    pub(crate) definition: TaskDefinition,
    pub(crate) matching: Matching,
    pub(crate) placement: Placement,
    pub(crate) load_balancer: LoadBalancerTarget,
    /// The deployment that made it; none for a service's first task set.
    deployment: Option<DeploymentId>,
}

impl Handler {
    pub(crate) async fn observe(
        &self,
        reconciliation: &Reconciliation<'_>,
    ) -> Result<Seen, Failure> {
        let pipeline = reconciliation.pipeline;
        let (service, group, (candidate, asked_at)) = try_join!(
            self.ecs
                .describe_service(&pipeline.cluster, &pipeline.service),
            self.codedeploy
                .get_deployment_group(&pipeline.application, &pipeline.deployment_group),
            self.candidate(reconciliation),
        )?;
        reconcile::fits(pipeline, &service, &group).map_err(mismatch)?;
        let (revision, production) = self.production(reconciliation, &service).await?;
        let image = self
            .running_image(reconciliation, &revision, &production, candidate.as_ref())
            .await?;
        let running = Running {
            revision,
            image,
            detail: None,
            tasks: Some(TaskCount::of(&service)),
        };
        let other = running.digest().filter(|digest| {
            candidate
                .as_ref()
                .is_some_and(|candidate| candidate.image.digest != **digest)
        });
        let (active, detail, shipped_before) = try_join!(
            self.active(reconciliation, candidate.as_ref()),
            self.running_detail(reconciliation, &production, other),
            self.shipped_before(reconciliation, candidate.as_ref()),
        )?;
        let mut observed = Observed {
            asked_by: reconciliation.asked_by,
            force: reconciliation.force,
            candidate,
            running: Running { detail, ..running },
            active,
            attempts: Vec::new(),
            shipped_before,
        };
        observed.attempts = self.attempts(reconciliation, &observed).await?;
        Ok(Seen {
            observed,
            asked_at,
            production,
            group,
        })
    }

    /// The image that production runs: what its revision is pinned to, or else what its running tasks agree on. A task of
    /// an image for several platforms may state the digest of its own platform's manifest.
    async fn running_image(
        &self,
        reconciliation: &Reconciliation<'_>,
        revision: &RevisionArn,
        production: &Production,
        candidate: Option<&Candidate>,
    ) -> Result<RunningImage, CallFailed> {
        let RunningImage::Unknown(why) = &production.matching.image else {
            return Ok(production.matching.image.clone());
        };
        let (cluster, service) = (
            reconciliation.pipeline.cluster.as_str(),
            &reconciliation.pipeline.service,
        );
        let tasks = self
            .ecs
            .list_tasks(cluster, Tasks::RunningOfService(service))
            .await?;
        let tasks = self.ecs.describe_tasks(cluster, &tasks).await?;
        let containers: Vec<&str> = production.matching.names(&production.definition).collect();
        let image = start::running_image(why, revision, &containers, &tasks);
        let (RunningImage::Known(runs), Some(candidate)) = (&image, candidate) else {
            return Ok(image);
        };
        let due = &candidate.image.digest;
        if runs == due || !candidate.detail.may_be_index() {
            return Ok(image);
        }
        let manifests = self
            .ecr
            .batch_get_image_manifests(&reconciliation.pipeline.repository, due)
            .await?;
        Ok(if manifests.contains(runs) {
            RunningImage::Known(due.clone())
        } else {
            image
        })
    }

    /// What is known of the running image, where it is another than the candidate and the rule compares the two. The
    /// deployment that shipped it says by which tag it did; the revision's marks may be those of an earlier order.
    async fn running_detail(
        &self,
        reconciliation: &Reconciliation<'_>,
        production: &Production,
        other: Option<&Digest>,
    ) -> Result<Option<ImageDetail>, CallFailed> {
        let (Some(digest), true) = (other, is_ordered(&reconciliation.pipeline.tag)) else {
            return Ok(None);
        };
        let made_by = match &production.deployment {
            // Forgotten, or never CodeDeploy's: the revision's own marks are what is left.
            Some(id) => match self.codedeploy.get_deployment(id).await {
                Ok(deployment) => Deployed::of(&deployment),
                Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
                Err(failed) => return Err(failed),
            },
            None => None,
        };
        let deployed = made_by
            .filter(|deployed| deployed.digest == *digest)
            .unwrap_or_else(|| {
                let repository = &reconciliation.pipeline.repository;
                revision::deployed(&production.definition, repository, digest.clone())
            });
        self.known(reconciliation, Some(deployed)).await
    }

    /// What is known of an image other than the candidate, where the rule needs it to compare the two.
    async fn known(
        &self,
        reconciliation: &Reconciliation<'_>,
        other: Option<Deployed>,
    ) -> Result<Option<ImageDetail>, CallFailed> {
        let (Some(other), true) = (other, is_ordered(&reconciliation.pipeline.tag)) else {
            return Ok(None);
        };
        let repository = &reconciliation.pipeline.repository;
        let in_ecr = self
            .ecr
            .describe_image_by_digest(repository, &other.digest)
            .await?;
        Ok(other.known(in_ecr.image))
    }

    /// The latest successful deployment that shipped what a rollback asks for.
    async fn shipped_before(
        &self,
        reconciliation: &Reconciliation<'_>,
        candidate: Option<&Candidate>,
    ) -> Result<Option<DeploymentId>, CallFailed> {
        let (Some(candidate), AskedBy::Rollback) = (candidate, reconciliation.asked_by) else {
            return Ok(None);
        };
        let deployments = self
            .deployments(reconciliation.pipeline, Deployments::Succeeded)
            .await?;
        let shipped = deployments.into_iter().filter(|deployment| {
            start::shipped(deployment).as_ref() == Some(&candidate.image.digest)
        });
        let latest = shipped.max_by_key(|deployment| deployment.created_at);
        Ok(latest.map(|deployment| deployment.id))
    }

    /// The candidate, and when ECR was asked for it.
    async fn candidate(
        &self,
        reconciliation: &Reconciliation<'_>,
    ) -> Result<(Option<Candidate>, Option<UtcDateTime>), CallFailed> {
        let repository = &reconciliation.pipeline.repository;
        let pointed = match &reconciliation.search {
            Search::Tag(tag) => self.ecr.describe_image_by_tag(repository, tag).await?,
            Search::Digest(digest) => {
                self.ecr
                    .describe_image_by_digest(repository, digest)
                    .await?
            }
            Search::All => {
                let (found, asked_at) = self.ecr.describe_tagged_images(repository).await?;
                return Ok((reconciliation.candidate(&found, asked_at), asked_at));
            }
        };
        let found: Vec<ImageDetail> = pointed.image.into_iter().collect();
        Ok((
            reconciliation.candidate(&found, pointed.asked_at),
            pointed.asked_at,
        ))
    }

    async fn production(
        &self,
        reconciliation: &Reconciliation<'_>,
        service: &Service,
    ) -> Result<(RevisionArn, Production), Failure> {
        let name = || {
            format!(
                "{}/{}",
                reconciliation.pipeline.cluster, reconciliation.pipeline.service
            )
        };
        let primary = service.primary();
        let revision = primary
            .map(|task_set| &task_set.revision)
            .or(service.revision.as_ref());
        let revision = revision
            .ok_or_else(|| mismatch(Mismatch::NoRevision { service: name() }))?
            .clone();
        let load_balancer = primary
            .and_then(|task_set| task_set.load_balancer.as_ref())
            .or(service.load_balancer.as_ref());
        let load_balancer = load_balancer
            .ok_or_else(|| mismatch(Mismatch::NoLoadBalancer { service: name() }))?
            .clone();
        let placement = primary
            .map_or(&service.placement, |task_set| &task_set.placement)
            .clone();
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        let matching = revision::matching(reconciliation.pipeline, &definition)
            .map_err(|unusable| mismatch(unusable.into()))?;
        Ok((
            revision,
            Production {
                definition,
                matching,
                placement,
                load_balancer,
                deployment: primary.and_then(|task_set| task_set.deployment.clone()),
            },
        ))
    }

    /// The group's deployment that has not ended.
    pub(crate) async fn active(
        &self,
        reconciliation: &Reconciliation<'_>,
        candidate: Option<&Candidate>,
    ) -> Result<Option<Active>, CallFailed> {
        let pipeline = reconciliation.pipeline;
        let deployments = self.deployments(pipeline, Deployments::Active).await?;
        // The list may be older than the answer about each: what has ended since is not active.
        let unended = deployments
            .into_iter()
            .filter(|deployment| !deployment.status.has_ended());
        let Some(deployment) = unended.max_by_key(|deployment| deployment.created_at) else {
            return Ok(None);
        };
        let ships = start::shipped(&deployment);
        if ships.is_some() && ships.as_ref() == candidate.map(|candidate| &candidate.image.digest) {
            return Ok(Some(Active::of(&deployment, None)));
        }
        let (target, detail) = try_join!(
            self.codedeploy.get_deployment_target(&deployment.id),
            self.known(reconciliation, Deployed::of(&deployment)),
        )?;
        Ok(Some(Active {
            detail,
            ..Active::of(&deployment, target.as_ref())
        }))
    }

    /// What was tried since the candidate was ordered. Only an event's decision depends on it, and not when there is
    /// nothing to do anyway.
    async fn attempts(
        &self,
        reconciliation: &Reconciliation<'_>,
        observed: &Observed,
    ) -> Result<Vec<Deployment>, CallFailed> {
        let Some(candidate) = &observed.candidate else {
            return Ok(Vec::new());
        };
        let runs_candidate = observed.running.digest() == Some(&candidate.image.digest);
        if observed.asked_by != AskedBy::Event || (runs_candidate && observed.active.is_none()) {
            return Ok(Vec::new());
        }
        let pipeline = reconciliation.pipeline;
        let which = Deployments::CreatedSince(candidate.ordered_at);
        let mut deployments = self.deployments(pipeline, which).await?;
        let since = start::attempts_since(pipeline, candidate, &deployments);
        if since < candidate.ordered_at {
            let which = Deployments::CreatedSince(since);
            deployments = self.deployments(pipeline, which).await?;
        }
        Ok(start::attempts(pipeline, candidate, deployments))
    }

    /// Whether another invocation created a deployment since this one observed. What was decided then may be wrong by now,
    /// and nothing but this call keeps an older image from replacing a newer one that was shipped in between.
    pub(crate) async fn is_overtaken(
        &self,
        reconciliation: &Reconciliation<'_>,
        seen: &Seen,
    ) -> Result<bool, CallFailed> {
        let Some(asked_at) = seen.asked_at else {
            return Ok(false);
        };
        let pipeline = reconciliation.pipeline;
        let since = self
            .codedeploy
            .list_deployments(
                &pipeline.application,
                &pipeline.deployment_group,
                Deployments::CreatedSince(asked_at),
            )
            .await?;
        // Those that were there when it observed are in what was decided from.
        let known = |id: &DeploymentId| {
            let attempts = seen.observed.attempts.iter();
            attempts.map(|attempt| &attempt.id).any(|known| known == id)
        };
        Ok(since.iter().any(|id| !known(id)))
    }

    async fn deployments(
        &self,
        pipeline: &Pipeline,
        which: Deployments,
    ) -> Result<Vec<Deployment>, CallFailed> {
        let ids = self
            .codedeploy
            .list_deployments(&pipeline.application, &pipeline.deployment_group, which)
            .await?;
        self.codedeploy.batch_get_deployments(&ids).await
    }
}

fn is_ordered(rule: &TagRule) -> bool {
    match rule {
        TagRule::Exact(_) => false,
        TagRule::Glob(_) | TagRule::Semver(_) => true,
    }
}

pub(crate) fn mismatch(mismatch: Mismatch) -> Failure {
    Failure::Refused(mismatch.to_string())
}
