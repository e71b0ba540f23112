//! What a report about a service deployment is decided from.

use crate::ecs::{Listed, ServiceDeployment, ServiceRevision};
use crate::engine::Engine;
use crate::names::TargetGroupArn;
use crate::observed::{Service, TaskDefinition};
use crate::reasons::Migrated;
use crate::rolling::GateState;
use crate::task_log::TaskLog;

/// A service deployment and what belongs to it. The last two are observed only where the report [`needs`](Need) them.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Who carries it out.
    pub engine: Engine,
    /// The service.
    pub service: Service,
    /// The deployment.
    pub deployment: ServiceDeployment,
    /// The next one after it; none where it is the newest. Of one that succeeded the next one that took its place.
    pub newer: Option<Listed>,
    /// Whether the service was created with it: ECS lists no other one, and nothing ran before.
    pub is_first: bool,
    /// What it deploys.
    pub target: Target,
    /// What ran before; none in a first deployment, and where ECS does not know it any more.
    pub source: Option<ServiceRevision>,
    /// What it went back to; none where it did not, or ECS does not say. After the production gate of a rolling update it is what the
    /// next deployment deploys, where that goes back.
    pub back: Option<ServiceRevision>,
    /// How it stands to the production gate that is held after a rolling update.
    pub gate: GateState,
    /// Whether it is itself the way back from the deployment before it, which did not pass that gate.
    pub goes_back: bool,
    /// Where the rules send production traffic.
    pub production: Option<Production>,
    /// Why it ended badly, from its tasks.
    pub why: Option<Why>,
}

/// What a deployment deploys.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The service revision.
    pub revision: ServiceRevision,
    /// The task definition of it, with its tags.
    pub definition: TaskDefinition,
}

/// Where the rules send production traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Production {
    /// As the rules of Application Load Balancers say.
    Rules(Vec<RuleTargets>),
    /// They cannot be read, for this reason.
    Unreadable(String),
}

/// Where one rule sends production traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTargets {
    /// The rule's ARN.
    pub rule: String,
    /// The target groups that get any.
    pub groups: Vec<TargetGroupArn>,
}

/// A bad end, as tasks and marks show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Why {
    /// One sentence each.
    pub causes: Vec<String>,
    /// What its migration did, as far as the task shows.
    pub migrated: Option<Migrated>,
    /// The log that goes with it.
    pub log: TaskLog,
}

/// What has to be observed before anything can be decided: each is a member of [`Observed`] that is none so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// [`Observed::production`]
    Production,
    /// [`Observed::why`], of the tasks of what was deployed.
    WhyFailed,
    /// [`Observed::why`], of the tasks of what it went back to.
    WhyDown,
}
