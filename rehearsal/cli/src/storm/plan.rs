//! What a storm consists of: plain data, drawn from a seed and from nothing else.

mod draw;
mod faults;

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
    /// What happens: while anything may fail, and then while nothing does.
    pub(crate) steps: Vec<Step>,
    /// Versions that fail in production in a way that no check of their pipeline asks for.
    pub(crate) broken_unseen: Vec<String>,
}

/// How likely things are in one storm, in percent: storms differ in what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chances {
    /// A delivery of an event is lost, comes twice, comes late or is refused at first.
    pub(crate) delivery_fault: u8,
    /// A function meets faults in one of its services.
    pub(crate) call_fault: u8,
    /// A pushed version is broken or slow.
    pub(crate) broken: u8,
    /// Somebody does something else than push.
    pub(crate) person: u8,
    /// The next thing is done at once, in a burst.
    pub(crate) burst: u8,
    /// Something unconfirmed of AWS is assumed.
    pub(crate) assumed: u8,
}

/// A pipeline with the service that it deploys to. Its service's name is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) service: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) repository: String,
    pub(crate) rule: Rule,
    pub(crate) when_busy: &'static str,
    pub(crate) termination_wait: &'static str,
    pub(crate) migrates: bool,
    /// Paths that the check asks for.
    pub(crate) asks: Vec<&'static str>,
    pub(crate) deployment_config: &'static str,
    /// Of the deployment group.
    pub(crate) ready_wait: Option<Duration>,
    pub(crate) blue_stays: Duration,
    pub(crate) rolls_back_on_stop: bool,
}

/// A pipeline's `tag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Latest,
    Release,
    Versions,
}

impl Plan {
    /// The storm of a seed: always the same one.
    pub(crate) fn of(seed: u64) -> Plan {
        draw::plan(seed)
    }
}

impl Pipeline {
    /// The alarm that its deployment group watches.
    pub(crate) fn alarm(&self) -> String {
        format!("{}-errors", self.service)
    }
}

impl Rule {
    /// As the pipelines file says it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Rule::Latest => "latest",
            Rule::Release => "release-*",
            Rule::Versions => "semver:^1",
        }
    }
}
