//! A storm's plan: plain data, drawn only from a seed.

mod draw;
mod faults;
mod of_ecs;

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::fault::Planned;

use crate::scenario::{DeliveryFaults, Step};

/// One storm.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) chances: Chances,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) delivery_faults: Vec<DeliveryFaults>,
    pub(crate) call_faults: Vec<Planned>,
    /// The steps: first while anything may fail, then while nothing does.
    pub(crate) steps: Vec<Step>,
    /// Versions that fail in production in a way that no check of their pipeline covers.
    pub(crate) broken_unseen: Vec<String>,
}

/// The probabilities of one storm, in percent: storms differ in their composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chances {
    /// A delivery of an event is lost, duplicated, late or refused at first.
    pub(crate) delivery_fault: u8,
    /// A function meets faults in one of its services.
    pub(crate) call_fault: u8,
    /// A pushed version is broken or slow.
    pub(crate) broken: u8,
    /// A person acts in another way than pushing.
    pub(crate) person: u8,
    /// The next step follows immediately, in a burst.
    pub(crate) burst: u8,
    /// An unconfirmed behaviour of AWS is assumed.
    pub(crate) assumed: u8,
}

/// A pipeline with its service, whose name it shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) service: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) repository: String,
    pub(crate) rule: Rule,
    pub(crate) when_busy: &'static str,
    pub(crate) termination_wait: &'static str,
    pub(crate) migrates: bool,
    /// Paths that the checks request.
    pub(crate) asks: Vec<&'static str>,
    /// Whether production is asked the same after the shift. After a rolling update nothing else is asked.
    pub(crate) checks_production: bool,
    pub(crate) deployment_config: &'static str,
    /// Of the deployment group.
    pub(crate) ready_wait: Option<Duration>,
    pub(crate) blue_stays: Duration,
    pub(crate) rolls_back_on_stop: bool,
    pub(crate) deployer: Deployer,
}

/// Who deploys the service, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployer {
    CodeDeploy,
    BlueGreen,
    Linear,
    Canary,
    Rolling,
}

/// A pipeline's `tag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Latest,
    Release,
    Versions,
}

impl Pipeline {
    /// The alarm that its deployment group watches.
    pub(crate) fn alarm(&self) -> String {
        format!("{}-errors", self.service)
    }

    /// Whether a version that fails on this path never gets to its production: after a rolling update it is there when it is asked.
    fn is_kept_from(&self, path: &str) -> bool {
        self.deployer != Deployer::Rolling && self.asks.contains(&path)
    }
}

impl Deployer {
    /// The deployment controller, or the strategy of ECS's own.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Deployer::CodeDeploy => "CODE_DEPLOY",
            Deployer::BlueGreen => "BLUE_GREEN",
            Deployer::Linear => "LINEAR",
            Deployer::Canary => "CANARY",
            Deployer::Rolling => "ROLLING",
        }
    }

    pub(crate) fn is_ecs(self) -> bool {
        match self {
            Deployer::CodeDeploy => false,
            Deployer::BlueGreen | Deployer::Linear | Deployer::Canary | Deployer::Rolling => true,
        }
    }
}

impl Rule {
    /// The value in the pipelines file.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Rule::Latest => "latest",
            Rule::Release => "release-*",
            Rule::Versions => "semver:^1",
        }
    }
}
