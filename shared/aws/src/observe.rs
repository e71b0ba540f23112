//! Reads the state of one pipeline, as far as its decision needs it. Nothing is changed here; the rules decide, and say
//! what they lack.
//!
//! This is the one module that calls several services. It knows neither Lambda nor who observes, so that a function and a
//! command decide from the same.

mod deployments;
mod production;
mod template;

use rules::codedeploy::{self, DeploymentGroup};
use rules::engine::{Engine, Mismatch};
use rules::names::DeploymentId;
use rules::observed::{ImageDetail, LoadBalancerTarget, Placement, TaskCount, TaskDefinition};
use rules::reconcile::{Reconciliation, Search};
use rules::revision::Matching;
use rules::start::{self, Candidate, Decision, Need, Observed, Rank, Running};
use time::UtcDateTime;
use tokio::try_join;

use crate::CallFailed;
use crate::codedeploy::CodeDeploy;
use crate::ecr::{Ecr, Place};
use crate::ecs::Ecs;

pub use template::{Latest, usable};

/// Observes pipelines.
#[derive(Debug, Clone)]
pub struct Observer {
    ecr: Ecr,
    ecs: Ecs,
    codedeploy: CodeDeploy,
}

/// What the decision is taken from, and what acting on it needs.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What the decision is taken from.
    pub observed: Observed,
    /// When ECR was asked for the candidate, by its own clock; none where its answer stated no date.
    pub asked_at: Option<UtcDateTime>,
    /// Deployments that were there before this was observed, though perhaps in the same second as
    /// [`asked_at`](Self::asked_at): AWS states that in whole seconds.
    pub created_before: Vec<DeploymentId>,
    /// What serves production now.
    pub production: Production,
    /// The group that deploys to the service.
    pub group: DeploymentGroup,
    /// Whose settings are due, where that was asked (`revision_from = "latest"`).
    pub latest: Option<Latest>,
}

impl Observation {
    /// When the candidate was ordered; the epoch where there is none, which marks nothing.
    pub fn ordered_at(&self) -> UtcDateTime {
        let candidate = self.observed.candidate.as_ref();
        candidate.map_or(UtcDateTime::UNIX_EPOCH, |candidate| candidate.ordered_at)
    }
}

/// What serves production now.
#[derive(Debug, Clone)]
pub struct Production {
    /// The revision, as ECS sent it.
    pub definition: TaskDefinition,
    /// The containers that the pipeline's images go to.
    pub matching: Matching,
    /// Where its tasks run.
    pub placement: Placement,
    /// Container and port behind the load balancer.
    pub load_balancer: LoadBalancerTarget,
    /// The deployment that made it; none for a service's first task set.
    deployment: Option<DeploymentId>,
}

/// A pipeline that could not be observed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObserveFailed {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] CallFailed),
    /// The pipeline does not fit what AWS has.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Observer {
    /// With these clients. Those that act share theirs: making a client takes time at every cold start.
    pub fn new(ecr: Ecr, ecs: Ecs, codedeploy: CodeDeploy) -> Self {
        Self {
            ecr,
            ecs,
            codedeploy,
        }
    }

    /// The state of the pipeline now. The facts on which few decisions depend are left out: [`decide`](Self::decide) adds them.
    ///
    /// # Errors
    /// A call failed, or the pipeline does not fit what AWS has.
    pub async fn observe(
        &self,
        reconciliation: &Reconciliation<'_>,
    ) -> Result<Observation, ObserveFailed> {
        let pipeline = reconciliation.pipeline;
        let deploys = &pipeline.codedeploy;
        let (service, group, (candidate, asked_at)) = try_join!(
            self.ecs
                .describe_service(&pipeline.cluster, &pipeline.service),
            self.codedeploy
                .get_deployment_group(&deploys.application, &deploys.deployment_group),
            self.candidate(reconciliation),
        )?;
        match pipeline.engine(&service)? {
            Engine::CodeDeploy => codedeploy::fits(pipeline, &group).map_err(Mismatch::from)?,
        }
        let (revision, production) = self.production(pipeline, &service).await?;
        let running = self
            .running_image(pipeline, &revision, &production, candidate.as_ref())
            .await?;
        // After ECR was asked: a deployment that another invocation created in between is seen here, or later by
        // `created_meanwhile`. The other way round one could ship a newer image and end unnoticed.
        let active = self.active(pipeline, candidate.as_ref()).await?;
        let observed = Observed {
            asked_by: reconciliation.asked_by,
            force: reconciliation.force,
            candidate,
            running,
            service: Running {
                revision,
                tasks: Some(TaskCount::of(&service)),
                active,
            },
            compared: None,
            attempts: None,
            shipped_before: None,
            template: None,
            rank: None,
        };
        Ok(Observation {
            observed,
            created_before: Vec::new(),
            asked_at,
            production,
            group,
            latest: None,
        })
    }

    /// The decision, after observing what it turns out to need.
    ///
    /// # Errors
    /// A call failed, or the pipeline does not fit what AWS has.
    pub async fn decide(
        &self,
        reconciliation: &Reconciliation<'_>,
        observation: &mut Observation,
    ) -> Result<Decision, ObserveFailed> {
        loop {
            match start::decide(reconciliation.pipeline, &observation.observed) {
                Ok(decision) => return Ok(decision),
                Err(need) => self.add(reconciliation, need, observation).await?,
            }
        }
    }

    async fn add(
        &self,
        reconciliation: &Reconciliation<'_>,
        need: Need,
        observation: &mut Observation,
    ) -> Result<(), ObserveFailed> {
        let pipeline = reconciliation.pipeline;
        let candidate = observation.observed.candidate.as_ref();
        match need {
            Need::Compared => {
                let compared = self.compared(pipeline, observation).await?;
                observation.observed.compared = Some(compared);
            }
            Need::Attempts => {
                let attempts = self.attempts(pipeline, candidate).await?;
                observation.observed.attempts = Some(attempts);
            }
            Need::ShippedBefore => {
                let shipped = self.shipped_before(pipeline, candidate).await?;
                observation.observed.shipped_before = Some(shipped);
            }
            Need::Rank => {
                let place = Place::of(pipeline);
                let (all, _) = self.ecr.describe_tagged_images(place).await?;
                let rank = candidate.map(|candidate| reconciliation.rank(candidate, &all));
                observation.observed.rank = Some(rank.unwrap_or(Rank::Behind));
            }
            Need::Template => {
                let template = self.template(pipeline, observation).await?;
                observation.observed.template = Some(template);
            }
        }
        Ok(())
    }

    /// The candidate, and when ECR was asked for it.
    async fn candidate(
        &self,
        reconciliation: &Reconciliation<'_>,
    ) -> Result<(Option<Candidate>, Option<UtcDateTime>), CallFailed> {
        let place = Place::of(reconciliation.pipeline);
        let pointed = match &reconciliation.search {
            Search::Tag(tag) => self.ecr.describe_image_by_tag(place, tag).await?,
            Search::Digest(digest) => self.ecr.describe_image_by_digest(place, digest).await?,
            Search::All => {
                let (found, asked_at) = self.ecr.describe_tagged_images(place).await?;
                return Ok((reconciliation.candidate(&found, asked_at), asked_at));
            }
        };
        let found: Vec<ImageDetail> = pointed.image.into_iter().collect();
        let candidate = reconciliation.candidate(&found, pointed.asked_at);
        Ok((candidate, pointed.asked_at))
    }
}
