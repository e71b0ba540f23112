//! A step as a line of text, which `text.rs` can parse.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, StorageClass};
use local_aws::ecs::container::TAKES;
use local_aws::events::DeliveryFault;

use super::{
    AfterStop, DeliveryFaults, Forgery, How, Moment, Operation, PauseAction, Queued, Reached,
    Request, Step, Wanted,
};

/// The default repository and tag of a push.
pub(super) const REPOSITORY: &str = "shop/web";
pub(super) const TAG: &str = "latest";
/// The environment variable of an image that selects its misbehaviour.
const MISBEHAVE: &str = "SAMPLE_MISBEHAVE";
/// What says how many minutes a one-off task of an image takes: `takes:20`.
pub(super) const TAKES_MINUTES: &str = "takes:";

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Step::Push(image) => write!(f, "push {}", pushed(image)),
            Step::Replicate(image) => write!(f, "replicate {}", pushed(image)),
            Step::PushIndex(index) => write!(f, "push index {}", pushed(&index.image)),
            Step::DeliverAgain => write!(f, "deliver the last push again"),
            Step::Deliver(event) => write!(f, "deliver {event}"),
            Step::Hold(source) => write!(f, "hold {source}"),
            Step::Release(Queued::LastFirst) => write!(f, "deliver what was held, last first"),
            Step::Release(Queued::Lost) => write!(f, "lose what was held"),
            Step::InjectDeliveryFaults(faults) => write!(f, "{faults}"),
            Step::Deny { function, action } => write!(f, "deny {function} {action}"),
            Step::Withdraw { repository, action } => {
                let what = action.as_deref().unwrap_or("everything");
                write!(f, "withdraw {what} from the policy of {repository}")
            }
            Step::Store(image, class) => {
                let verb = match class {
                    StorageClass::Archive => "archive",
                    StorageClass::Standard => "restore",
                };
                write!(f, "{verb} {}", image.version)?;
                match image.written_repository().as_str() {
                    REPOSITORY => Ok(()),
                    other => write!(f, " of {other}"),
                }
            }
            Step::LimitFargate(tasks) => write!(f, "limit Fargate to {tasks} tasks"),
            Step::Stop { service, then } => write!(f, "stop {service}, {then}"),
            Step::EndWait { service, wait } => write!(f, "end the {} of {service}", name(*wait)),
            Step::Redeploy { service, version } => write!(f, "redeploy {version} to {service}"),
            Step::Register {
                service,
                name,
                value,
            } => write!(f, "register {name}={value} for {service}"),
            Step::Operate { service, operation } => match operation {
                Operation::Apply { name, value } => write!(f, "deploy {name}={value} to {service}"),
                Operation::Force => write!(f, "force a deployment of {service}"),
                Operation::AnswerPause(action) => write!(f, "{action} the pause of {service}"),
                Operation::PutRuleBack => write!(f, "put the production rule of {service} back"),
                Operation::SetBakeTime(minutes) => {
                    write!(f, "set the bake time of {service} to {minutes} minutes")
                }
                Operation::MoveToEcs(how) => write!(f, "move {service} to ECS {how}"),
            },
            Step::Try(step) => write!(f, "try to {step}"),
            Step::PutParameter { name, value } => {
                write!(f, "put {value} into the parameter {name}")
            }
            Step::Desire { service, count } => write!(f, "desire {count} tasks of {service}"),
            Step::KeepPath { service, path } => {
                write!(f, "pin {path} on the test listener of {service}")
            }
            Step::Forge { service, forgery } => {
                write!(f, "forge the migration of {service} by {forgery}")
            }
            Step::Ask(request) => write!(f, "{request}"),
            Step::Alarm(name, state) => write!(f, "alarm {name} goes to {}", state.as_str()),
            Step::Until(moment) => write!(f, "until {moment}"),
            Step::UntilIdle => write!(f, "until idle"),
            Step::Answers(answers) => write!(f, "{answers} more answers"),
            Step::AnswersAt(moment, answers) => write!(f, "{answers} more answers when {moment}"),
            Step::Pass(time) => write!(f, "pass {}", duration(*time)),
            Step::Settle => write!(f, "settle"),
            Step::Calm => write!(f, "end all faults and alarms"),
            Step::Converge => write!(f, "converge"),
        }
    }
}

/// `1.1.0 to shop/api as release-1, which fails-migration`
fn pushed(image: &ImageSettings) -> String {
    let mut text = image.version.clone();
    let repository = image.written_repository();
    if repository != REPOSITORY {
        text += &format!(" to {repository}");
    }
    if image.tags != [TAG] {
        text += &format!(" as {}", image.tags.join(", "));
    }
    let minutes = image.environment.get(TAKES);
    let takes = minutes.map(|minutes| format!("{TAKES_MINUTES}{minutes}"));
    let how = image.environment.get(MISBEHAVE).cloned();
    let how: Vec<String> = how.into_iter().chain(takes).collect();
    if !how.is_empty() {
        text += &format!(" which {}", how.join(","));
    }
    text
}

impl Display for DeliveryFaults {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let numbered = (1..).zip(&self.faults);
        let faults = numbered.filter_map(|(number, fault)| {
            let fault = match (*fault)? {
                DeliveryFault::Lost => "lost".to_owned(),
                DeliveryFault::Twice => "twice".to_owned(),
                DeliveryFault::Late(delay) => format!("late by {}", duration(delay)),
                DeliveryFault::Refused(times, refusal) => {
                    format!("refused {times} times ({refusal:?})")
                }
            };
            Some(format!("{number} {fault}"))
        });
        let faults: Vec<String> = faults.collect();
        let (rule, about) = (&self.rule, &self.about);
        write!(
            f,
            "deliveries by {rule} about {about}: {}",
            faults.join(", ")
        )
    }
}

impl Display for AfterStop {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            AfterStop::RollBack => "roll back",
            AfterStop::LeaveEverything => "leave everything",
        })
    }
}

impl Display for PauseAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            PauseAction::Continue => "continue",
            PauseAction::RollBack => "roll back",
        })
    }
}

impl Display for Forgery {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Forgery::Task => "a task",
            Forgery::Token => "its token",
            Forgery::Hook => "a hook call",
            Forgery::TimeOut => "a time-out",
        })
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "ask {}", self.pipeline)?;
        let Some(Wanted {
            repository,
            version,
            how,
        }) = &self.image
        else {
            return Ok(());
        };
        write!(f, " for {version}")?;
        if repository != REPOSITORY {
            write!(f, " of {repository}")?;
        }
        f.write_str(match how {
            How::Deploy => "",
            How::DryRun => ", dry run",
            How::RollBack => ", rollback",
        })
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let service = self.service.as_deref().unwrap_or("any service");
        match self.reached {
            Reached::LifecycleEvent(event, status) => write!(f, "{service} has {event} {status}"),
            Reached::Status(status) => write!(f, "{service} has a deployment {status}"),
            Reached::Share(percent) => write!(f, "{service} gives green {percent} %"),
            Reached::Shift => write!(f, "{service} gives green a share"),
            Reached::Wait(wait) => write!(f, "{service} is in the {}", name(wait)),
            Reached::Pause => write!(f, "{service} is in a pause"),
        }
    }
}

pub(super) fn name(wait: DeploymentWait) -> &'static str {
    match wait {
        DeploymentWait::Ready => "ready wait",
        DeploymentWait::Termination => "termination wait",
    }
}

pub(crate) fn duration(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) if seconds > 0 && seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        (seconds, 0) => format!("{seconds} seconds"),
        (..) => format!("{} milliseconds", duration.as_millis()),
    }
}
