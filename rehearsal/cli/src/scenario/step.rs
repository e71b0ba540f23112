//! What happens in a world from outside, one step after the other.
//!
//! Between two steps that wait, the clock stands still: what a script does happens at the moment that it waited for.

use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, IndexSettings};
use serde_json::Value;

use crate::storm::plan::Action;

/// One step of a script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An image is pushed, and ECR tells it once per tag.
    Push(Box<ImageSettings>),
    /// An image for several platforms is pushed: its manifests and attestations without a tag, then the index.
    PushIndex(Box<IndexSettings>),
    /// ECR tells the last push again.
    TellAgain,
    /// An event of somebody's own arrives.
    Tell(Value),
    /// What this source tells from now on does not arrive: `aws.ecr`.
    Hold(&'static str),
    /// What was held back arrives after all, or never will; nothing more is held back.
    Release(Queued),
    /// From now on a function may not do something.
    Deny {
        function: &'static str,
        action: &'static str,
    },
    /// From now on Fargate has room for so many tasks.
    LimitFargate(usize),
    /// A person stops the deployment that is under way.
    Stop(AfterStop),
    /// A person ends the wait of the deployment that is under way.
    Continue(DeploymentWait),
    /// A person deploys the revision of an earlier version to `web`, as the console does it: without any hook.
    Redeploy(&'static str),
    /// Something that a storm does.
    Storm(Action),
    /// A person asks `start-deployment`, and waits for the answer.
    Ask(Value),
    /// Somebody who may call AWS tries to pass for the migration of the deployment that is under way.
    Forge(Forgery),
    /// A person changes the desired count of `web`.
    Desire(u32),
    /// A person gives the test listener of `web` a rule: requests for this path go where all of them go now.
    KeepPath(&'static str),
    /// Nothing happens until this has.
    Await(Moment),
    /// An alarm changes its state.
    Alarm(&'static str, AlarmState),
    /// So many more requests are answered in production at this moment.
    Answers(u64),
    /// The same when this has happened; nothing where everything comes to its end without it.
    AnswersAt(Moment, u64),
    /// So much time passes.
    Pass(Duration),
    /// Nothing happens until everything has come to its end.
    Settle,
}

/// The hourly look comes, and works.
pub(super) const AN_HOUR: Step = Step::Pass(Duration::from_secs(61 * 60));

/// A version of the shop's image is pushed under the tag that its pipeline follows.
pub(super) fn push(version: &str) -> Step {
    Step::push(ImageSettings::new("shop/web", &["latest"], version))
}

/// What becomes of events that were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    /// They arrive, the last one first.
    LastFirst,
    /// They are lost.
    Lost,
}

/// StopDeployment's `autoRollbackEnabled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterStop {
    RollBack,
    LeaveEverything,
}

/// How somebody passes for a migration, with every identifier right that others can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// A task of blue's revision that is marked as the migration, and exits with 0.
    Task,
    /// The same with the migration's client token.
    Token,
    /// A call of the hook with another execution id.
    Hook,
    /// The time-out, long before the time is up.
    TimeOut,
}

/// Something to wait for that has not happened at the end of the last wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A lifecycle event reaches a status.
    LifecycleEvent(&'static str, &'static str),
    /// Production sends this percentage of its requests to green.
    Share(u32),
    /// A deployment waits for a person: before production is rerouted, or before blue is stopped.
    Wait(DeploymentWait),
    /// No function is at work: everything that was told so far has been looked at.
    Idle,
}

impl Step {
    /// Both versions answer often enough to be counted while green gets 10 % of production: how many requests fit into
    /// a wait that passes at once depends on the machine.
    pub(crate) const CANARY: Step = Step::AnswersAt(Moment::Share(10), 40);

    pub(crate) fn push(image: ImageSettings) -> Step {
        Step::Push(Box::new(image))
    }
}
