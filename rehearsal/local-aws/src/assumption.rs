//! Where AWS's behaviour is neither documented nor confirmed by observation: both possibilities.
//!
//! The rehearsal takes the first one unless the second is assumed. Whatever is rehearsed should hold under both.

use std::collections::BTreeSet;

use clap::ValueEnum;

/// The less likely, or less harmless, of two possibilities. What an assumption says of `--help` is what AWS would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Assumption {
    /// A hook function's error fails its lifecycle event at once, not after an hour without an answer
    HookErrorFailsAtOnce,
    /// A hook function is invoked synchronously: an error is not retried
    HookIsCalledSynchronously,
    /// A rollback deployment calls the hooks again
    RollbackCallsHooks,
    /// Green becomes PRIMARY after AfterAllowTraffic, not before it
    GreenIsPrimaryLater,
    /// The service names green's revision when the deployment has ended, not when green becomes PRIMARY
    ServiceRevisionChangesLater,
    /// A second answer to a hook is taken in silence if it is the same as the first
    SecondAnswerIsAccepted,
    /// An AppSpec's SHA-256 is not compared with its content
    Sha256IsNotChecked,
    /// A deployment's description may have 512 characters, not 256
    DescriptionMayBeLonger,
    /// A deployment that nobody continues counts as failed for the automatic rollback
    ReadyTimeoutRollsBack,
    /// A task that ends at once tells of its end before RunTask has answered
    TaskStopsBeforeAnswer,
    /// DescribeTasks, ListTasks and StopTask do not know a new task for some seconds
    NewTasksAreMissing,
    /// A push without a tag has no `image-tag` in its event, not an empty one
    UntaggedPushOmitsTag,
    /// A push that changes nothing is told like any other
    RepeatedPushIsTold,
    /// CodeDeploy tells of its target too, and ECS of the service's deployment, as they do for other kinds of services
    OtherKindsOfEventsAreTold,
    /// Every event is delivered twice
    EventsComeTwice,
    /// CodeDeploy's actions on one deployment, a hook's answer among them, know no resource: only policies for `*` allow them
    DeploymentActionsKnowNoResource,
    /// A load balancer's nodes learn new weights one after the other, the last of them after three seconds
    NodesLearnLate,
    /// A task that runs an image for several platforms states the digest of its platform's manifest, not of the index
    TasksStatePlatformDigests,
    /// CodeDeploy changes every rule of a listener that forwards to one of its two target groups, not only the default one
    ListenerRulesFollow,
}

/// The assumptions of one rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumptions(BTreeSet<Assumption>);

impl Assumptions {
    pub fn hold(&self, assumption: Assumption) -> bool {
        self.0.contains(&assumption)
    }

    /// These, and the others.
    pub fn and(mut self, others: Assumptions) -> Assumptions {
        self.0.extend(others.0);
        self
    }

    /// Their names, as `--assume` takes them.
    pub fn names(&self) -> Vec<String> {
        let name =
            |assumption: &Assumption| Some(assumption.to_possible_value()?.get_name().to_owned());
        self.0.iter().filter_map(name).collect()
    }
}

impl FromIterator<Assumption> for Assumptions {
    fn from_iter<T: IntoIterator<Item = Assumption>>(assumptions: T) -> Assumptions {
        Assumptions(assumptions.into_iter().collect())
    }
}
