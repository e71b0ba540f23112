//! Reads the state of one pipeline, as far as its decision needs it. Nothing is changed here; the rules decide, and say
//! what they lack.
//!
//! This is the one module that calls several services. It knows neither Lambda nor who observes, so that a function and a
//! command decide from the same.

mod deployments;
mod deploys;
mod judging;
mod migrations;
mod on_ecs;
mod production;
mod roles;
mod service_deployments;
mod template;

use futures_util::future::join_all;
use production::{MadeBy, Serves};
use rules::codedeploy;
use rules::config::Pipeline;
use rules::ecs::role::{self, Invoker};
use rules::ecs::{self, GateFunctions};
use rules::engine::{Engine, Mismatch};
use rules::names::{DeploymentId, RevisionArn, StackName};
use rules::observed::{self, ImageDetail, LoadBalancerTarget, Task, TaskCount, TaskDefinition};
use rules::reconcile::{self, Reconciliation, Search};
use rules::revision::{self, Matching};
use rules::start::{self, Candidate, Decision, Need, Observed, Rank, Running};
use time::UtcDateTime;
use tokio::try_join;

use crate::codedeploy::CodeDeploy;
use crate::ecr::{Ecr, Place, Pointed};
use crate::ecs::Ecs;
use crate::iam::Iam;
use crate::scheduler::Scheduler;
use crate::{CallFailed, Kind};

pub use deploys::{Accepted, Deploys, Group, OnEcs};
pub use template::{Latest, usable};

/// Observes pipelines.
#[derive(Debug, Clone)]
pub struct Observer {
    ecr: Ecr,
    ecs: Ecs,
    codedeploy: CodeDeploy,
    scheduler: Scheduler,
    iam: Iam,
}

/// The pipelines of one service, as they were observed.
#[derive(Debug)]
pub struct Service<'a> {
    /// Those that can be decided.
    pub members: Vec<Member<'a>>,
    /// Those that cannot be, and why: what AWS has does not fit them, or refuses a call for good.
    pub left_out: Vec<(&'a Reconciliation<'a>, ObserveFailed)>,
}

/// One pipeline of a service.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// What is done for it.
    pub reconciliation: &'a Reconciliation<'a>,
    /// What was observed.
    pub observation: Observation,
}

/// What a service has to fit: who observes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The stack.
    pub stack: StackName,
    /// Its functions that hold the gates of ECS's own deployments.
    pub functions: GateFunctions,
    /// ARN of the role with which ECS may call them.
    pub hook_role: String,
}

/// What the pipelines of a service have in common.
struct Common {
    revision: RevisionArn,
    serves: Serves,
    tasks: TaskCount,
    deploys: Deploys,
}

/// A service as it was described, and all that is in common where CodeDeploy deploys to it.
enum Described {
    CodeDeploy(Box<Common>),
    Ecs(Box<OfEcs>),
}

/// A service that ECS deploys to, as it was described.
struct OfEcs {
    service: observed::Service,
    /// None in rolling updates.
    strategy: Option<ecs::Strategy>,
    /// The roles other than the stack's with which its hooks call our functions.
    invokers: Vec<Invoker>,
}

/// A pipeline's candidate, and when ECR was asked for it.
struct FoundCandidate<'a> {
    reconciliation: &'a Reconciliation<'a>,
    candidate: Option<Candidate>,
    /// What is said where there is none.
    missing: String,
    asked_at: Option<UtcDateTime>,
}

/// The candidates of a service's pipelines.
struct Found<'a> {
    candidates: Vec<FoundCandidate<'a>>,
    left_out: Vec<(&'a Reconciliation<'a>, ObserveFailed)>,
}

impl<'a> Service<'a> {
    /// A pipeline whose state may be known a little later might be due now: then the others are not decided without it.
    fn leave_out(
        &mut self,
        reconciliation: &'a Reconciliation<'a>,
        failed: ObserveFailed,
    ) -> Result<(), ObserveFailed> {
        match &failed {
            ObserveFailed::Aws(call) if call.is_transient() => Err(failed),
            ObserveFailed::Aws(_) | ObserveFailed::Mismatch(_) => {
                self.left_out.push((reconciliation, failed));
                Ok(())
            }
        }
    }

    /// Of a service's only pipeline, its failure is that of all.
    fn or_all_failed(&mut self) -> Result<(), ObserveFailed> {
        if self.members.is_empty() && self.left_out.len() == 1 {
            let (_, failed) = self.left_out.remove(0);
            return Err(failed);
        }
        Ok(())
    }
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
    /// Who deploys to the service.
    pub deploys: Deploys,
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
    /// Containers and ports behind load balancers: one of CodeDeploy's, any number of ECS's.
    pub behind: Vec<LoadBalancerTarget>,
    /// CodeDeploy's deployment that made it; none for a service's first task set, and where ECS deploys.
    deployment: Option<DeploymentId>,
    /// The service revision with what ECS resolved; none where CodeDeploy deploys.
    service_revision: Option<ecs::ServiceRevision>,
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

impl ObserveFailed {
    /// Whether there is no such service, or not any more.
    pub fn is_no_service(&self) -> bool {
        match self {
            Self::Aws(call) => {
                call.kind == Kind::NotFound && call.operation == "ecs:DescribeServices"
            }
            Self::Mismatch(_) => false,
        }
    }
}

impl Observer {
    /// With these clients. Those that act share theirs: making a client takes time at every cold start.
    pub fn new(ecr: Ecr, ecs: Ecs, codedeploy: CodeDeploy, scheduler: Scheduler, iam: Iam) -> Self {
        Self {
            ecr,
            ecs,
            codedeploy,
            scheduler,
            iam,
        }
    }

    /// The state of a service's pipelines now. What they have in common is read once. The facts on which few decisions depend are left
    /// out: [`decide`](Self::decide) adds them.
    ///
    /// # Errors
    /// A call failed that concerns all of them or may succeed a little later, or none of them fits what AWS has. Where that is so of
    /// some, they are [`left_out`](Service::left_out): the others do not wait for them.
    pub async fn observe<'a>(
        &self,
        reconciliations: &'a [Reconciliation<'a>],
        ours: &Ours,
    ) -> Result<Service<'a>, ObserveFailed> {
        // They are all of one service and one group.
        let pipeline = reconciliations[0].pipeline;
        let candidates = async { Ok(self.candidates(reconciliations).await?) };
        let (common, found) = try_join!(self.service(pipeline, ours), candidates)?;
        let common = match common {
            Described::CodeDeploy(common) => *common,
            // After ECR was asked, as below.
            Described::Ecs(of_ecs) => self.on_ecs(pipeline, ours, *of_ecs).await?,
        };
        let mut observing = Service {
            members: Vec::new(),
            left_out: found.left_out,
        };
        let mut tasks = None;
        for found in found.candidates {
            let reconciliation = found.reconciliation;
            match self.member(found, &common, &mut tasks).await {
                Ok(member) => observing.members.push(member),
                Err(failed) => observing.leave_out(reconciliation, failed)?,
            }
        }
        observing.or_all_failed()?;
        // After ECR was asked: a deployment that another invocation created in between is seen here, or later by
        // `created_meanwhile`. The other way round one could ship a newer image and end unnoticed.
        match &common.deploys {
            Deploys::CodeDeploy(_) => self.observe_active(&mut observing.members).await?,
            Deploys::Ecs(on_ecs) => {
                let migrations = self.migrations(&observing.members, ours, on_ecs).await?;
                Self::set_active(&mut observing.members, on_ecs, migrations);
            }
        }
        Ok(observing)
    }

    /// The service, and with CodeDeploy what serves there.
    async fn service(&self, pipeline: &Pipeline, ours: &Ours) -> Result<Described, ObserveFailed> {
        let (cluster, name) = (&pipeline.cluster, &pipeline.service);
        let service = self.ecs.describe_service(cluster, name).await?;
        let (strategy, invokers) = match pipeline.engine(&service)? {
            Engine::CodeDeploy => {
                let common = self.on_codedeploy(pipeline, &service).await?;
                return Ok(Described::CodeDeploy(Box::new(common)));
            }
            Engine::Native(strategy) => {
                let fits = ecs::fits_native(pipeline, &service, &ours.functions);
                fits.map_err(Mismatch::from)?;
                let invokers = role::invokers(&service, &ours.functions.all(), &ours.hook_role);
                (Some(strategy), invokers)
            }
            Engine::Rolling => {
                ecs::fits_rolling(pipeline, &service).map_err(Mismatch::from)?;
                (None, Vec::new())
            }
        };
        Ok(Described::Ecs(Box::new(OfEcs {
            service,
            strategy,
            invokers,
        })))
    }

    async fn on_codedeploy(
        &self,
        pipeline: &Pipeline,
        service: &observed::Service,
    ) -> Result<Common, ObserveFailed> {
        let deploys = &pipeline.codedeploy;
        let group = self
            .codedeploy
            .get_deployment_group(&deploys.application, &deploys.deployment_group)
            .await?;
        codedeploy::fits(pipeline, &group).map_err(Mismatch::from)?;
        let (revision, serves, load_balancer, placement) = self.serves(pipeline, service).await?;
        Ok(Common {
            revision,
            serves,
            tasks: TaskCount::of(service),
            deploys: Deploys::CodeDeploy(Box::new(Group {
                group,
                load_balancer,
                placement,
            })),
        })
    }

    /// One of the pipelines; the active deployment is read for all of them later.
    async fn member<'a>(
        &self,
        found: FoundCandidate<'a>,
        common: &Common,
        tasks: &mut Option<Vec<Task>>,
    ) -> Result<Member<'a>, ObserveFailed> {
        let FoundCandidate {
            reconciliation,
            candidate,
            missing,
            asked_at,
        } = found;
        let pipeline = reconciliation.pipeline;
        let revision = &common.revision;
        let matching = revision::matching(pipeline, &common.serves.definition);
        let production = common.serves.of(matching.map_err(Mismatch::from)?);
        let running = self
            .running_image(pipeline, revision, &production, candidate.as_ref(), tasks)
            .await?;
        let observed = Observed {
            asked_by: reconciliation.asked_by,
            force: reconciliation.force,
            candidate,
            missing,
            running,
            service: Running {
                revision: revision.clone(),
                tasks: Some(common.tasks),
                active: None,
            },
            compared: None,
            attempts: None,
            shipped_before: None,
            template: None,
            rank: None,
            attempts_since_push: None,
        };
        Ok(Member {
            reconciliation,
            observation: Observation {
                observed,
                created_before: Vec::new(),
                asked_at,
                production,
                deploys: common.deploys.clone(),
                latest: None,
            },
        })
    }

    /// The decisions for a service's pipelines, after observing what they turn out to need.
    ///
    /// # Errors
    /// A call failed, or a pipeline does not fit what AWS has.
    pub async fn decide(&self, members: &mut [Member<'_>]) -> Result<Vec<Decision>, ObserveFailed> {
        // Read for one pipeline, it serves the others, too.
        let mut made_by = None;
        loop {
            let decided: Vec<start::Member<'_>> = members
                .iter()
                .map(|member| member.reconciliation.with(&member.observation.observed))
                .collect();
            match start::decide_together(&decided) {
                Ok(decisions) => return Ok(decisions),
                Err((index, need)) => {
                    let all = members.iter();
                    let all: Vec<_> = all.map(|member| member.reconciliation.pipeline).collect();
                    self.add(&mut members[index], &all, need, &mut made_by)
                        .await?;
                }
            }
        }
    }

    async fn add(
        &self,
        member: &mut Member<'_>,
        all: &[&Pipeline],
        need: Need,
        made_by: &mut Option<MadeBy>,
    ) -> Result<(), ObserveFailed> {
        let reconciliation = member.reconciliation;
        let pipeline = reconciliation.pipeline;
        let observation = &mut member.observation;
        let candidate = observation.observed.candidate.as_ref();
        match need {
            Need::Compared => {
                let compared = self.compared(pipeline, observation, made_by).await?;
                observation.observed.compared = Some(compared);
            }
            Need::Attempts => {
                let attempts = self
                    .attempts(pipeline, all, &observation.deploys, candidate)
                    .await?;
                observation.observed.attempts = Some(attempts);
            }
            Need::ShippedBefore => {
                let shipped = self
                    .shipped_before(pipeline, &observation.deploys, candidate)
                    .await?;
                observation.observed.shipped_before = Some(shipped);
            }
            Need::Rank => {
                let place = Place::of(pipeline);
                let (all, _) = self.ecr.describe_tagged_images(place).await?;
                let rank = candidate.map(|candidate| reconciliation.rank(candidate, &all));
                observation.observed.rank = Some(rank.unwrap_or(Rank::Behind));
            }
            Need::AttemptsSincePush => {
                let found_again = candidate.map(Candidate::without_its_event);
                let attempts = self
                    .attempts(pipeline, all, &observation.deploys, found_again.as_ref())
                    .await?;
                observation.observed.attempts_since_push = Some(attempts);
            }
            Need::Template => {
                let template = self.template(pipeline, all, observation).await?;
                observation.observed.template = Some(template);
            }
        }
        Ok(())
    }

    /// The candidate of each pipeline, and when ECR was asked for it.
    async fn candidates<'a>(
        &self,
        reconciliations: &'a [Reconciliation<'a>],
    ) -> Result<Found<'a>, CallFailed> {
        let mut found = Found {
            candidates: Vec::new(),
            left_out: Vec::new(),
        };
        let candidates = reconciliations
            .iter()
            .map(|reconciliation| self.candidate(reconciliation));
        let candidates = join_all(candidates).await;
        for (reconciliation, candidate) in reconciliations.iter().zip(candidates) {
            match candidate {
                Ok(one) => found.candidates.push(one),
                Err(failed) if failed.is_transient() || reconciliations.len() == 1 => {
                    return Err(failed);
                }
                Err(failed) => found.left_out.push((reconciliation, failed.into())),
            }
        }
        Ok(found)
    }

    /// The image that is due by the pipeline's rule, whatever an event is about.
    ///
    /// # Errors
    /// The call failed.
    pub async fn due(&self, pipeline: &Pipeline) -> Result<Option<Candidate>, CallFailed> {
        let routine = reconcile::routine(pipeline);
        Ok(self.candidate(&routine).await?.candidate)
    }

    /// The candidate, and when ECR was asked for it.
    async fn candidate<'a>(
        &self,
        reconciliation: &'a Reconciliation<'a>,
    ) -> Result<FoundCandidate<'a>, CallFailed> {
        let place = Place::of(reconciliation.pipeline);
        let one = |pointed: Pointed| (Vec::from_iter(pointed.image), pointed.asked_at);
        let (found, asked_at): (Vec<ImageDetail>, _) = match &reconciliation.search {
            Search::Tag(tag) => one(self.ecr.describe_image_by_tag(place, tag).await?),
            Search::Digest(digest) => one(self.ecr.describe_image_by_digest(place, digest).await?),
            Search::All => self.ecr.describe_tagged_images(place).await?,
        };
        let candidate = reconciliation.candidate(&found, asked_at);
        let missing = match &candidate {
            Some(_) => String::new(),
            None => reconciliation.missing(&found),
        };
        Ok(FoundCandidate {
            reconciliation,
            candidate,
            missing,
            asked_at,
        })
    }
}
