//! The steps of a script: the common vocabulary of scenarios and storms.
//!
//! Between two steps that wait, the clock stands still: a step is performed at the moment that the previous one waited
//! for.

mod moved;
mod phrase;
mod text;
mod words;

use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, IndexSettings, StorageClass};
use local_aws::events::DeliveryFault;
use serde_json::{Value, json};

pub(crate) use moved::Moved;
pub(crate) use text::image;
pub(crate) use words::duration;

/// One step of a script. Its text is a line of a scenario's file, and of a storm's plan.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Push an image; ECR sends one event per tag.
    Push(Box<ImageSettings>),
    /// ECR replicates an image from another Region: it arrives without a push.
    Replicate(Box<ImageSettings>),
    /// Push a multi-platform image: its manifests and attestations without a tag, then the index.
    PushIndex(Box<IndexSettings>),
    /// Deliver the event of the last push again.
    DeliverAgain,
    /// Deliver a custom event.
    Deliver(Value),
    /// Hold back events of this source from now on: `aws.ecr`.
    Hold(String),
    /// Deliver or lose the events that were held back, and hold back no more.
    Release(Queued),
    /// Inject these faults into the next deliveries by a rule.
    InjectDeliveryFaults(DeliveryFaults),
    /// Deny a function an action from now on.
    Deny { function: String, action: String },
    /// The owner of a repository removes an action, or all of them, from its policy.
    Withdraw {
        repository: String,
        action: Option<String>,
    },
    /// A person puts an image into ECR's archive, or begins to restore it.
    Store(Box<ImageSettings>, StorageClass),
    /// Limit Fargate's capacity to this number of tasks from now on.
    LimitFargate(usize),
    /// A person stops the deployment of a service that is under way.
    Stop { service: String, then: AfterStop },
    /// A person ends the wait of the deployment that is under way.
    EndWait {
        service: String,
        wait: DeploymentWait,
    },
    /// A person deploys the revision of an earlier version in the console, without hooks.
    Redeploy { service: String, version: String },
    /// Infrastructure code registers a revision of a service's family: its own last one, with this environment variable.
    Register {
        service: String,
        name: String,
        value: String,
    },
    /// A person or infrastructure code acts on a service that ECS deploys.
    Operate {
        service: String,
        operation: Operation,
    },
    /// The same by a person whom AWS may refuse it; the record says what it answered.
    Try(Box<Step>),
    /// A person changes the desired count.
    Desire { service: String, count: u32 },
    /// A person adds a rule to the test listener: requests for this path keep going to the current target.
    KeepPath { service: String, path: String },
    /// A caller with AWS permissions imitates the migration of the deployment that is under way.
    Forge { service: String, forgery: Forgery },
    /// A person writes an SSM parameter.
    PutParameter { name: String, value: String },
    /// A person sends a request to `start-deployment`, and waits for the answer.
    Ask(Request),
    /// An alarm changes its state.
    Alarm(String, AlarmState),
    /// Wait for this moment.
    Until(Moment),
    /// Wait until no function is running: everything that was delivered so far has been handled.
    UntilIdle,
    /// Wait for this number of further answers in production, at the current moment.
    Answers(u64),
    /// The same at a later moment; nothing if everything ends before it comes.
    AnswersAt(Moment, u64),
    /// Let this amount of time pass.
    Pass(Duration),
    /// Wait until everything has ended.
    Settle,
    /// End all faults and alarms.
    Calm,
    /// Let hours pass until an hourly reconciliation changes nothing.
    Converge,
}

impl Step {
    /// Whether it is a call of a person's to the API of what deploys a service.
    fn may_be_refused(&self) -> bool {
        matches!(
            self,
            Step::Stop { .. } | Step::Redeploy { .. } | Step::Operate { .. }
        )
    }

    /// The service that it names.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Step::Stop { service, .. }
            | Step::EndWait { service, .. }
            | Step::Redeploy { service, .. }
            | Step::Register { service, .. }
            | Step::Operate { service, .. }
            | Step::Desire { service, .. }
            | Step::KeepPath { service, .. }
            | Step::Forge { service, .. } => Some(service),
            Step::Try(step) => step.service(),
            Step::Until(moment) | Step::AnswersAt(moment, _) => moment.service.as_deref(),
            Step::Push(_)
            | Step::Replicate(_)
            | Step::PushIndex(_)
            | Step::DeliverAgain
            | Step::Deliver(_)
            | Step::Hold(_)
            | Step::Release(_)
            | Step::InjectDeliveryFaults(_)
            | Step::Deny { .. }
            | Step::Withdraw { .. }
            | Step::Store(..)
            | Step::PutParameter { .. }
            | Step::LimitFargate(_)
            | Step::Ask(_)
            | Step::Alarm(..)
            | Step::UntilIdle
            | Step::Answers(_)
            | Step::Pass(_)
            | Step::Settle
            | Step::Calm
            | Step::Converge => None,
        }
    }
}

/// What to do with events that were held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    /// Deliver them, the last one first.
    LastFirst,
    /// Lose them.
    Lost,
}

/// Faults in the next deliveries by a rule of events about a service or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryFaults {
    /// The rule, by its logical id in the template.
    pub(crate) rule: String,
    pub(crate) about: String,
    pub(crate) faults: Vec<Option<DeliveryFault>>,
}

/// StopDeployment's `autoRollbackEnabled`; StopServiceDeployment's `stopType`, `ROLLBACK` or `ABORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterStop {
    RollBack,
    LeaveEverything,
}

/// What is done to a service that ECS deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Infrastructure code registers a revision as `Step::Register` does, and deploys it with UpdateService.
    Apply { name: String, value: String },
    /// UpdateService's `forceNewDeployment`.
    Force,
    /// ContinueServiceDeployment for the pause in which the deployment waits.
    AnswerPause(PauseAction),
    /// Infrastructure code lets the production rule forward to the first target group alone, as it created it.
    PutRuleBack,
    /// UpdateService's `deploymentConfiguration` with the strategy as it is and this bake time in minutes, and nothing else.
    SetBakeTime(u64),
    /// UpdateService's `deploymentController`, with all that ECS needs to deploy a service of CodeDeploy's.
    MoveToEcs(Moved),
}

/// ContinueServiceDeployment's `action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PauseAction {
    Continue,
    RollBack,
}

/// Ways to imitate a migration, with every identifier that other callers can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// A task of blue's revision that is marked as the migration, and exits with 0.
    Task,
    /// The same with the migration's client token.
    Token,
    /// A call to the hook with another execution id.
    Hook,
    /// The time-out event, long before the time limit.
    TimeOut,
}

/// A person's request to `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) pipeline: String,
    /// `None` for the image that the pipeline's tag rule selects.
    pub(crate) image: Option<Wanted>,
}

/// A requested image, and the kind of request.
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

/// A future moment, after the end of the last wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `None` for any service.
    pub(crate) service: Option<String>,
    pub(crate) reached: Reached,
}

/// An event of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// A lifecycle event or a stage reaches a status.
    LifecycleEvent(&'static str, &'static str),
    /// A deployment reaches a status.
    Status(&'static str),
    /// Production routes this percentage of requests to green.
    Share(u32),
    /// Production routes any share of requests to green.
    Shift,
    /// A deployment waits for a person: before production is rerouted, or before blue is stopped.
    Wait(DeploymentWait),
    /// A pause hook of a service deployment waits for a person.
    Pause,
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
    /// Enough answers to observe both versions while green gets 10 % of production: the number of requests in a wait
    /// that passes at once depends on the machine.
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
