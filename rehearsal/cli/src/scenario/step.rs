//! What happens in a world from outside, one step after the other: the one vocabulary of scenarios and storms.
//!
//! Between two steps that wait, the clock stands still: what a script does happens at the moment that it waited for.

mod text;
mod words;

use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, IndexSettings};
use local_aws::events::DeliveryFault;
use serde_json::{Value, json};

pub(crate) use text::image;
pub(crate) use words::duration;

/// One step of a script. Its text is a line of a scenario's file, and of a storm's plan.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An image is pushed, and ECR sends one event per tag.
    Push(Box<ImageSettings>),
    /// An image for several platforms is pushed: its manifests and attestations without a tag, then the index.
    PushIndex(Box<IndexSettings>),
    /// The event of the last push arrives again.
    DeliverAgain,
    /// An event of somebody's own arrives.
    Deliver(Value),
    /// Events of this source do not arrive from now on: `aws.ecr`.
    Hold(String),
    /// What was held back arrives after all, or never will; nothing more is held back.
    Release(Queued),
    /// The next deliveries by a rule meet these faults.
    InjectDeliveryFaults(DeliveryFaults),
    /// From now on a function may not do something.
    Deny { function: String, action: String },
    /// From now on Fargate has room for so many tasks.
    LimitFargate(usize),
    /// A person stops the deployment of a service that is under way.
    Stop { service: String, then: AfterStop },
    /// A person ends the wait of the deployment that is under way.
    EndWait {
        service: String,
        wait: DeploymentWait,
    },
    /// A person deploys the revision of an earlier version, as the console does it: without any hook.
    Redeploy { service: String, version: String },
    /// A person changes the desired count.
    Desire { service: String, count: u32 },
    /// A person gives the test listener a rule: requests for this path go where all of them go now.
    KeepPath { service: String, path: String },
    /// Somebody who may call AWS tries to pass for the migration of the deployment that is under way.
    Forge { service: String, forgery: Forgery },
    /// A person asks `start-deployment`, and waits for the answer.
    Ask(Request),
    /// An alarm changes its state.
    Alarm(String, AlarmState),
    /// Nothing happens until this has.
    Until(Moment),
    /// Nothing happens until no function is at work: everything that was delivered so far has been handled.
    UntilIdle,
    /// So many more requests are answered in production at this moment.
    Answers(u64),
    /// The same when this has happened; nothing where everything comes to its end without it.
    AnswersAt(Moment, u64),
    /// So much time passes.
    Pass(Duration),
    /// Nothing happens until everything has come to its end.
    Settle,
    /// Nothing fails any more, and every alarm is off.
    Calm,
    /// Hours pass until an hourly reconciliation changes nothing.
    Converge,
}

/// What becomes of a step that cannot be done any more when its turn comes: the deployment that it stops has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impossible {
    /// The rehearsal fails: a script says what happens.
    Fails,
    /// It is left out: a storm cannot know what its faults will have made of the world.
    LeftOut,
}

/// What becomes of events that were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    /// They arrive, the last one first.
    LastFirst,
    /// They are lost.
    Lost,
}

/// What becomes of the next deliveries by a rule of what is about a service or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryFaults {
    /// By its logical id in the template.
    pub(crate) rule: String,
    pub(crate) about: String,
    pub(crate) faults: Vec<Option<DeliveryFault>>,
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

/// What a person asks `start-deployment` for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) pipeline: String,
    /// None: the image that the pipeline's tag rule selects.
    pub(crate) image: Option<Wanted>,
}

/// An image that a person asks for, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) repository: String,
    pub(crate) version: String,
    pub(crate) how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Deploy,
    DryRun,
    RollBack,
}

/// Something to wait for that has not happened at the end of the last wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// None: whichever service it happens to.
    pub(crate) service: Option<String>,
    pub(crate) reached: Reached,
}

/// Something that happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// A lifecycle event reaches a status.
    LifecycleEvent(&'static str, &'static str),
    /// A deployment reaches a status.
    Status(&'static str),
    /// Production sends this percentage of its requests to green.
    Share(u32),
    /// Production sends any of its requests to green.
    Shift,
    /// A deployment waits for a person: before production is rerouted, or before blue is stopped.
    Wait(DeploymentWait),
}

impl Moment {
    pub(crate) fn of(service: &str, reached: Reached) -> Moment {
        Moment {
            service: Some(service.to_owned()),
            reached,
        }
    }
}

impl Request {
    /// The payload of the invocation.
    pub(crate) fn payload(&self) -> Value {
        let mut payload = json!({ "pipeline": self.pipeline });
        if let Some(wanted) = &self.image {
            payload["digest"] = json!(wanted.digest());
            match wanted.how {
                How::Deploy => {}
                How::DryRun => payload["dry_run"] = json!(true),
                How::RollBack => payload["rollback"] = json!(true),
            }
        }
        payload
    }
}

impl Wanted {
    fn digest(&self) -> String {
        ImageSettings::new(&self.repository, &[], &self.version).digest()
    }
}

impl Step {
    /// Both versions answer often enough to be counted while green gets 10 % of production: how many requests fit into
    /// a wait that passes at once depends on the machine.
    pub(crate) const CANARY: Step = Step::AnswersAt(
        Moment {
            service: None,
            reached: Reached::Share(10),
        },
        40,
    );

    pub(crate) fn push(image: ImageSettings) -> Step {
        Step::Push(Box::new(image))
    }
}
