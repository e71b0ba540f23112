//! Reads what AWS says now about one pipeline. Nothing is changed here.

use aws::CallFailed;
use aws::codedeploy::Deployments;
use lambda::Failure;
use rules::config::Pipeline;
use rules::look::{self, Look, Misfit, Search};
use rules::names::RevisionArn;
use rules::observed::{
    Deployment, DeploymentGroup, ImageDetail, LoadBalancerTarget, Placement, Service,
    TaskDefinition,
};
use rules::revision::{self, Matching};
use rules::start::{self, Active, AskedBy, Candidate, Deployed, Observed, Running};
use rules::tag_rule::TagRule;
use time::UtcDateTime;
use tokio::try_join;

use crate::handler::Handler;

/// What the decision is taken from, and what acting on it needs.
pub(crate) struct Seen {
    pub(crate) observed: Observed,
    /// When ECR was asked where the tag points; none where the search was for something else.
    pub(crate) looked_at: Option<UtcDateTime>,
    pub(crate) production: Production,
    pub(crate) group: DeploymentGroup,
}

/// What serves production now.
pub(crate) struct Production {
    pub(crate) definition: TaskDefinition,
    pub(crate) matching: Matching,
    pub(crate) placement: Placement,
    pub(crate) load_balancer: LoadBalancerTarget,
}

impl Handler {
    pub(crate) async fn observe(&self, look: &Look<'_>) -> Result<Seen, Failure> {
        let pipeline = look.pipeline;
        let (service, group, (candidate, looked_at)) = try_join!(
            self.ecs
                .describe_service(&pipeline.cluster, &pipeline.service),
            self.codedeploy
                .get_deployment_group(&pipeline.application, &pipeline.deployment_group),
            self.candidate(look),
        )?;
        look::fits(pipeline, &service, &group).map_err(misfit)?;
        let (revision, production) = self.production(look, &service).await?;
        let digest = production.matching.digest.clone();
        let running_other = digest.clone().filter(|digest| {
            candidate
                .as_ref()
                .is_some_and(|candidate| candidate.image.digest != *digest)
        });
        let running_other = running_other
            .map(|digest| revision::deployed(&production.definition, &pipeline.repository, digest));
        let (active, detail) = try_join!(
            self.active(look, candidate.as_ref()),
            self.known(look, running_other),
        )?;
        let runs_candidate = digest.is_some()
            && digest.as_ref() == candidate.as_ref().map(|candidate| &candidate.image.digest);
        let attempts = match &candidate {
            // Only an event's decision depends on them, and not when there is nothing to do anyway.
            Some(candidate)
                if look.asked_by == AskedBy::Event && !(runs_candidate && active.is_none()) =>
            {
                self.attempts(look, candidate).await?
            }
            _ => Vec::new(),
        };
        let running = Running {
            revision,
            digest,
            detail,
        };
        let observed = Observed {
            asked_by: look.asked_by,
            candidate,
            running,
            active,
            attempts,
        };
        Ok(Seen {
            observed,
            looked_at,
            production,
            group,
        })
    }

    /// What is known of an image other than the candidate, where the rule needs it to compare the two.
    async fn known(
        &self,
        look: &Look<'_>,
        other: Option<Deployed>,
    ) -> Result<Option<ImageDetail>, CallFailed> {
        let (Some(other), true) = (other, is_ordered(&look.pipeline.tag)) else {
            return Ok(None);
        };
        let repository = &look.pipeline.repository;
        let in_ecr = self
            .ecr
            .describe_image_by_digest(repository, &other.digest)
            .await?;
        Ok(other.known(in_ecr))
    }

    /// The candidate, and when ECR was asked where its tag points.
    async fn candidate(
        &self,
        look: &Look<'_>,
    ) -> Result<(Option<Candidate>, Option<UtcDateTime>), CallFailed> {
        let repository = &look.pipeline.repository;
        let found: Vec<ImageDetail> = match &look.search {
            Search::Tag(tag) => {
                let pointed = self.ecr.describe_image_by_tag(repository, tag).await?;
                let found: Vec<ImageDetail> = pointed.image.into_iter().collect();
                return Ok((look.candidate(&found), pointed.asked_at));
            }
            Search::Digest(digest) => self
                .ecr
                .describe_image_by_digest(repository, digest)
                .await?
                .into_iter()
                .collect(),
            Search::All => self.ecr.describe_tagged_images(repository).await?,
        };
        Ok((look.candidate(&found), None))
    }

    async fn production(
        &self,
        look: &Look<'_>,
        service: &Service,
    ) -> Result<(RevisionArn, Production), Failure> {
        let name = || format!("{}/{}", look.pipeline.cluster, look.pipeline.service);
        let primary = service.primary();
        let revision = primary
            .map(|task_set| &task_set.revision)
            .or(service.revision.as_ref());
        let revision = revision
            .ok_or_else(|| misfit(Misfit::NoRevision { service: name() }))?
            .clone();
        let load_balancer = primary
            .and_then(|task_set| task_set.load_balancer.as_ref())
            .or(service.load_balancer.as_ref());
        let load_balancer = load_balancer
            .ok_or_else(|| misfit(Misfit::NoLoadBalancer { service: name() }))?
            .clone();
        let placement = primary
            .map_or(&service.placement, |task_set| &task_set.placement)
            .clone();
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        let matching = revision::matching(look.pipeline, &definition)
            .map_err(|unusable| misfit(unusable.into()))?;
        Ok((
            revision,
            Production {
                definition,
                matching,
                placement,
                load_balancer,
            },
        ))
    }

    /// The group's deployment that has not ended.
    pub(crate) async fn active(
        &self,
        look: &Look<'_>,
        candidate: Option<&Candidate>,
    ) -> Result<Option<Active>, CallFailed> {
        let pipeline = look.pipeline;
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
            self.known(look, Deployed::of(&deployment)),
        )?;
        Ok(Some(Active {
            detail,
            ..Active::of(&deployment, target.as_ref())
        }))
    }

    async fn attempts(
        &self,
        look: &Look<'_>,
        candidate: &Candidate,
    ) -> Result<Vec<Deployment>, CallFailed> {
        let pipeline = look.pipeline;
        let which = Deployments::CreatedSince(candidate.ordered_at);
        let mut deployments = self.deployments(pipeline, which).await?;
        let since = start::attempts_since(pipeline, candidate, &deployments);
        if since < candidate.ordered_at {
            let which = Deployments::CreatedSince(since);
            deployments = self.deployments(pipeline, which).await?;
        }
        Ok(start::attempts(pipeline, candidate, deployments))
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

pub(crate) fn misfit(misfit: Misfit) -> Failure {
    Failure::Refused(misfit.to_string())
}
