//! What only the engine that deploys to a service needs, beside what every decision is taken from.

use rules::codedeploy::DeploymentGroup;
use rules::ecs::role::Invoker;
use rules::ecs::{ServiceDeployment, Shipping, Strategy};
use rules::engine::Engine;
use rules::names::{DeploymentId, RevisionArn, ServiceDeploymentArn, ServiceRevisionArn};
use rules::observed::{LoadBalancerTarget, Placement, TaskDefinition};
use rules::rolling::Migrations;
use rules::start::Phase;
use time::UtcDateTime;

/// Who deploys to a service, and with what.
#[derive(Debug, Clone)]
pub enum Deploys {
    /// CodeDeploy.
    CodeDeploy(Box<Group>),
    /// ECS itself.
    Ecs(Box<OnEcs>),
}

/// What CodeDeploy needs.
#[derive(Debug, Clone)]
pub struct Group {
    /// The group that deploys to the service.
    pub group: DeploymentGroup,
    /// Container and port behind the load balancer.
    pub load_balancer: LoadBalancerTarget,
    /// Where production's tasks run.
    pub placement: Placement,
}

/// A service that ECS deploys to, as it was decided on.
#[derive(Debug, Clone)]
pub struct OnEcs {
    /// How ECS shifts traffic; none in rolling updates.
    pub strategy: Option<Strategy>,
    /// The service's own task definition: what is wanted, whatever serves.
    pub wanted: Option<RevisionArn>,
    /// The newest deployment; none where ECS lists none.
    pub newest: Option<ServiceDeploymentArn>,
    /// The newest deployment, where it has ended.
    pub ended: Option<ServiceDeployment>,
    /// What the newest deployments deploy, each once.
    pub targets: Vec<ServiceRevisionArn>,
    /// The deployment that has not ended.
    pub active: Option<Shipping>,
    /// What was accepted, and is not listed yet.
    pub accepted: Option<Accepted>,
    /// A rolling update that has ended and that its production gate has not judged, or that the service is to go back from, and which
    /// of the two it is.
    pub judging: Option<(Shipping, Phase)>,
    /// What the newest deployment deploys.
    pub newest_target: Option<ServiceRevisionArn>,
    /// Where a task of what serves runs, and so a migration.
    pub placement: Placement,
    /// The migrations that run before its updates; none where none does.
    pub migrations: Option<Migrations>,
    /// The roles other than the stack's with which its hooks call our functions.
    pub(super) invokers: Vec<Invoker>,
    /// What is not known of them, a sentence each; nothing before they were asked about.
    pub not_known: Vec<String>,
}

/// A revision that the service wants and that no deployment is listed for.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The revision.
    pub revision: RevisionArn,
    /// As ECS has it.
    pub definition: TaskDefinition,
    /// When ECS says that it began; the epoch where it does not.
    pub at: UtcDateTime,
}

impl OnEcs {
    /// The engine.
    pub fn engine(&self) -> Engine {
        self.strategy.map_or(Engine::Rolling, Engine::Native)
    }

    /// The deployment of this id that has not ended; none where ECS does not list it yet.
    pub fn active(&self, id: &DeploymentId) -> Option<&ServiceDeploymentArn> {
        let arn = &self.active.as_ref()?.deployment.arn;
        (arn.id() == *id).then_some(arn)
    }

    /// Whether something is under way.
    pub fn is_under_way(&self) -> bool {
        let migrations = self.migrations.as_ref();
        self.active.is_some()
            || self.accepted.is_some()
            || self.judging.is_some()
            || migrations.is_some_and(|migrations| migrations.running.is_some())
    }
}

impl Deploys {
    /// The engine.
    pub fn engine(&self) -> Engine {
        match self {
            Self::CodeDeploy(_) => Engine::CodeDeploy,
            Self::Ecs(on_ecs) => on_ecs.engine(),
        }
    }
}
