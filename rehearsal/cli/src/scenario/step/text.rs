//! Parses a step from a line of text.

use std::str::FromStr;

use checks::claims::{LIFECYCLE_EVENTS, STAGES};
use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, IndexSettings, StorageClass};
use local_aws::ecs::container::TAKES;

use super::moved::Moved;
use super::phrase::{between, delivery_fault, duration, optional, word};
use super::words::{REPOSITORY, TAG, TAKES_MINUTES, name};
use super::{
    AfterStop, DeliveryFaults, Forgery, How, Moment, Operation, PauseAction, Queued, Reached,
    Request, Step, Wanted,
};

/// A form of line: its documentation, and its parser. Forms with the same verb are adjacent, and are tried in turn.
struct Form {
    text: &'static str,
    read: fn(&str) -> Option<Step>,
}

const fn form(text: &'static str, read: fn(&str) -> Option<Step>) -> Form {
    Form { text, read }
}

/// All forms of lines, except the moments of `until` and `when`.
const FORMS: [Form; 39] = [
    form("push index VERSION [to REPOSITORY] [as TAG, …]", |line| {
        let image = image(line.strip_prefix("push index ")?)?;
        let tags: Vec<&str> = image.tags.iter().map(String::as_str).collect();
        let index = IndexSettings::new(&image.repository, &tags, &image.version);
        Some(Step::PushIndex(Box::new(index)))
    }),
    form(
        "push VERSION [to REPOSITORY] [as TAG, …] [which MISBEHAVIOUR]",
        |line| Some(Step::push(image(line.strip_prefix("push ")?)?)),
    ),
    form(
        "replicate VERSION [to REPOSITORY] [as TAG, …] [which MISBEHAVIOUR]",
        |line| {
            let image = image(line.strip_prefix("replicate ")?)?;
            Some(Step::Replicate(Box::new(image)))
        },
    ),
    form("deliver the last push again", |line| {
        (line == "deliver the last push again").then_some(Step::DeliverAgain)
    }),
    form("deliver what was held, last first", |line| {
        let is = line == "deliver what was held, last first";
        is.then_some(Step::Release(Queued::LastFirst))
    }),
    form("deliver EVENT, an object of JSON", |line| {
        let event: serde_json::Value = serde_json::from_str(line.strip_prefix("deliver ")?).ok()?;
        event.is_object().then_some(Step::Deliver(event))
    }),
    form("deliveries by RULE about WHAT: N FAULT, …", |line| {
        delivery_faults(line.strip_prefix("deliveries by ")?)
    }),
    form("lose what was held", |line| {
        (line == "lose what was held").then_some(Step::Release(Queued::Lost))
    }),
    form("hold SOURCE", |line| {
        Some(Step::Hold(word(line.strip_prefix("hold ")?)?))
    }),
    form("deny FUNCTION ACTION", |line| {
        let (function, action) = line.strip_prefix("deny ")?.split_once(' ')?;
        Some(Step::Deny {
            function: word(function)?,
            action: word(action)?,
        })
    }),
    form(
        "withdraw ACTION | everything from the policy of REPOSITORY",
        |line| {
            let (what, repository) = line
                .strip_prefix("withdraw ")?
                .split_once(" from the policy of ")?;
            let action = Some(word(what)?).filter(|what| what != "everything");
            Some(Step::Withdraw {
                repository: word(repository)?,
                action,
            })
        },
    ),
    form("archive VERSION [of REPOSITORY]", |line| {
        store(line.strip_prefix("archive ")?, StorageClass::Archive)
    }),
    form("restore VERSION [of REPOSITORY]", |line| {
        store(line.strip_prefix("restore ")?, StorageClass::Standard)
    }),
    form("limit Fargate to N tasks", |line| {
        let tasks = between(line, "limit Fargate to ", " tasks")?.parse().ok()?;
        Some(Step::LimitFargate(tasks))
    }),
    form("stop SERVICE, roll back", |line| {
        stop(line, AfterStop::RollBack)
    }),
    form("stop SERVICE, leave everything", |line| {
        stop(line, AfterStop::LeaveEverything)
    }),
    form("end all faults and alarms", |line| {
        (line == "end all faults and alarms").then_some(Step::Calm)
    }),
    form("end the WAIT of SERVICE", |line| {
        let (wait, service) = line.strip_prefix("end the ")?.split_once(" of ")?;
        Some(Step::EndWait {
            service: word(service)?,
            wait: self::wait(wait)?,
        })
    }),
    form("redeploy VERSION to SERVICE", |line| {
        let (version, service) = line.strip_prefix("redeploy ")?.split_once(" to ")?;
        Some(Step::Redeploy {
            service: word(service)?,
            version: word(version)?,
        })
    }),
    form("register NAME=VALUE for SERVICE", |line| {
        let (variable, service) = line.strip_prefix("register ")?.split_once(" for ")?;
        let (name, value) = variable.split_once('=')?;
        Some(Step::Register {
            service: word(service)?,
            name: word(name)?,
            value: word(value)?,
        })
    }),
    form("deploy NAME=VALUE to SERVICE", |line| {
        let (variable, service) = line.strip_prefix("deploy ")?.split_once(" to ")?;
        let (name, value) = variable.split_once('=')?;
        let (name, value) = (word(name)?, word(value)?);
        operate(service, Operation::Apply { name, value })
    }),
    form("force a deployment of SERVICE", |line| {
        operate(
            line.strip_prefix("force a deployment of ")?,
            Operation::Force,
        )
    }),
    form("continue the pause of SERVICE", |line| {
        let service = line.strip_prefix("continue the pause of ")?;
        operate(service, Operation::AnswerPause(PauseAction::Continue))
    }),
    form("roll back the pause of SERVICE", |line| {
        let service = line.strip_prefix("roll back the pause of ")?;
        operate(service, Operation::AnswerPause(PauseAction::RollBack))
    }),
    form("put the production rule of SERVICE back", |line| {
        let service = between(line, "put the production rule of ", " back")?;
        operate(service, Operation::PutRuleBack)
    }),
    form("set the bake time of SERVICE to N minutes", |line| {
        let rest = between(line, "set the bake time of ", " minutes")?;
        let (service, minutes) = rest.split_once(" to ")?;
        operate(service, Operation::SetBakeTime(minutes.parse().ok()?))
    }),
    form("put VALUE into the parameter NAME", |line| {
        let (value, name) = line
            .strip_prefix("put ")?
            .split_once(" into the parameter ")?;
        let (name, value) = (word(name)?, word(value)?);
        Some(Step::PutParameter { name, value })
    }),
    form(
        "move SERVICE to ECS STRATEGY[, FUNCTION at STAGE, …]",
        |line| {
            let (service, how) = line.strip_prefix("move ")?.split_once(" to ECS ")?;
            operate(service, Operation::MoveToEcs(Moved::read(how)?))
        },
    ),
    form("desire N tasks of SERVICE", |line| {
        let (count, service) = line.strip_prefix("desire ")?.split_once(" tasks of ")?;
        Some(Step::Desire {
            service: word(service)?,
            count: count.parse().ok()?,
        })
    }),
    form("pin PATH on the test listener of SERVICE", |line| {
        let (path, service) = line
            .strip_prefix("pin ")?
            .split_once(" on the test listener of ")?;
        Some(Step::KeepPath {
            service: word(service)?,
            path: word(path)?,
        })
    }),
    form(
        "forge the migration of SERVICE by a task | its token | a hook call | a time-out",
        forge,
    ),
    form(
        "ask PIPELINE [for VERSION [of REPOSITORY] [, dry run | , rollback]]",
        |line| Some(Step::Ask(request(line.strip_prefix("ask ")?)?)),
    ),
    form(
        "alarm NAME goes to OK | ALARM | INSUFFICIENT_DATA",
        |line| {
            let (name, state) = line.strip_prefix("alarm ")?.split_once(" goes to ")?;
            Some(Step::Alarm(word(name)?, AlarmState::parse(state)?))
        },
    ),
    form("until idle", |line| {
        (line == "until idle").then_some(Step::UntilIdle)
    }),
    form("until MOMENT", |line| {
        Some(Step::Until(moment(line.strip_prefix("until ")?)?))
    }),
    form("N more answers [when MOMENT]", answers),
    form("pass N milliseconds | seconds | minutes", |line| {
        Some(Step::Pass(duration(line.strip_prefix("pass ")?)?))
    }),
    form("try to STEP", |line| {
        let step: Step = line.strip_prefix("try to ")?.parse().ok()?;
        step.may_be_refused().then(|| Step::Try(Box::new(step)))
    }),
    form("settle | converge", |line| match line {
        "settle" => Some(Step::Settle),
        "converge" => Some(Step::Converge),
        _ => None,
    }),
];

/// The statuses of a lifecycle event or a stage, of CodeDeploy's deployments, and of ECS's.
const STATUSES: [&str; 16] = [
    "Created",
    "InProgress",
    "Ready",
    "Succeeded",
    "Failed",
    "Stopped",
    "Skipped",
    "PENDING",
    "IN_PROGRESS",
    "SUCCESSFUL",
    "STOP_REQUESTED",
    "STOPPED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
];

/// The moments of `until` and `when`; `any service` may replace a service.
const MOMENTS: [&str; 6] = [
    "SERVICE has LIFECYCLE-EVENT STATUS",
    "SERVICE has a deployment STATUS",
    "SERVICE gives green N %",
    "SERVICE gives green a share",
    "SERVICE is in the ready wait | termination wait",
    "SERVICE is in a pause",
];

impl Step {
    /// The forms of lines, and of the moments of `until` and `when`.
    #[cfg(test)]
    pub(crate) fn forms() -> impl Iterator<Item = &'static str> {
        let lines = FORMS.iter().map(|form| form.text);
        lines.chain(MOMENTS)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Step, String> {
        let read = |form: &Form| (form.read)(line);
        FORMS.iter().find_map(read).ok_or_else(|| complaint(line))
    }
}

/// The given line, and the forms with its first word.
fn complaint(line: &str) -> String {
    let first = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    let verb = match first(line) {
        number if number.parse::<u64>().is_ok() => "N".to_owned(),
        verb => verb,
    };
    let forms = FORMS.iter().map(|form| form.text);
    let mut expected: Vec<&str> = forms.filter(|text| first(text) == verb).collect();
    if line.starts_with("until ") || line.contains(" when ") {
        expected.extend(MOMENTS);
    }
    match expected.is_empty() {
        true => format!(
            "`{line}` is not a step, expected one such as `push 1.1.0` or `settle` (hint: docs/rehearsal.md lists them)"
        ),
        false => {
            let expected: Vec<String> = expected.iter().map(|form| format!("`{form}`")).collect();
            format!("`{line}` is not a step, expected {}", expected.join(" or "))
        }
    }
}

/// `1.1.0 to shop/api as release-1, latest which fails-migration`
pub(crate) fn image(text: &str) -> Option<ImageSettings> {
    let (text, how) = optional(text, " which ");
    let (text, tags) = optional(text, " as ");
    let (version, repository) = optional(text, " to ");
    let tags = tags.unwrap_or(TAG).split(", ").map(word);
    let tags: Vec<String> = tags.collect::<Option<_>>()?;
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let repository = word(repository.unwrap_or(REPOSITORY))?;
    let image = ImageSettings::new(&repository, &tags, &word(version)?);
    match how {
        Some(how) if !how.contains(' ') => misbehaving(image, how),
        Some(_) => None,
        None => Some(image),
    }
}

/// What an image does wrong, in its own words, and how many minutes a one-off task of it takes.
fn misbehaving(image: ImageSettings, how: &str) -> Option<ImageSettings> {
    let takes = |one: &&str| one.starts_with(TAKES_MINUTES);
    let (times, wrong): (Vec<&str>, Vec<&str>) = how.split(',').partition(takes);
    let mut image = match wrong.is_empty() {
        true => image,
        false => image.misbehaving(&wrong.join(",")),
    };
    for time in times {
        let minutes: u64 = time.strip_prefix(TAKES_MINUTES)?.parse().ok()?;
        image
            .environment
            .insert(TAKES.to_owned(), minutes.to_string());
    }
    Some(image)
}

fn delivery_faults(text: &str) -> Option<Step> {
    let (rule, rest) = text.split_once(" about ")?;
    let (about, listed) = rest.split_once(": ")?;
    let mut faults = Vec::new();
    for fault in listed.split(", ") {
        let (number, fault) = fault.split_once(' ')?;
        let before = number.parse::<usize>().ok()?.checked_sub(1)?;
        if before < faults.len() {
            return None;
        }
        faults.resize(before, None);
        faults.push(Some(delivery_fault(fault)?));
    }
    Some(Step::InjectDeliveryFaults(DeliveryFaults {
        rule: word(rule)?,
        about: word(about)?,
        faults,
    }))
}

fn store(text: &str, class: StorageClass) -> Option<Step> {
    let (version, repository) = optional(text, " of ");
    let repository = word(repository.unwrap_or(REPOSITORY))?;
    let image = ImageSettings::new(&repository, &[], &word(version)?);
    Some(Step::Store(Box::new(image), class))
}

fn stop(line: &str, then: AfterStop) -> Option<Step> {
    let service = between(line, "stop ", &format!(", {then}"))?;
    Some(Step::Stop {
        service: word(service)?,
        then,
    })
}

fn operate(service: &str, operation: Operation) -> Option<Step> {
    Some(Step::Operate {
        service: word(service)?,
        operation,
    })
}

fn forge(line: &str) -> Option<Step> {
    let (service, by) = line
        .strip_prefix("forge the migration of ")?
        .split_once(" by ")?;
    let forgeries = [
        Forgery::Task,
        Forgery::Token,
        Forgery::Hook,
        Forgery::TimeOut,
    ];
    let mut forgeries = forgeries.into_iter();
    Some(Step::Forge {
        service: word(service)?,
        forgery: forgeries.find(|forgery| forgery.to_string() == by)?,
    })
}

fn request(text: &str) -> Option<Request> {
    let (pipeline, wanted) = optional(text, " for ");
    let pipeline = word(pipeline)?;
    let Some(wanted) = wanted else {
        return Some(Request {
            pipeline,
            image: None,
        });
    };
    let (wanted, how) = match optional(wanted, ", ") {
        (wanted, None) => (wanted, How::Deploy),
        (wanted, Some("dry run")) => (wanted, How::DryRun),
        (wanted, Some("rollback")) => (wanted, How::RollBack),
        (_, Some(_)) => return None,
    };
    let (version, repository) = optional(wanted, " of ");
    let image = Some(Wanted {
        repository: word(repository.unwrap_or(REPOSITORY))?,
        version: word(version)?,
        how,
    });
    Some(Request { pipeline, image })
}

fn answers(line: &str) -> Option<Step> {
    let (answers, when) = optional(line, " when ");
    let answers = answers.strip_suffix(" more answers")?.parse().ok()?;
    Some(match when {
        Some(when) => Step::AnswersAt(moment(when)?, answers),
        None => Step::Answers(answers),
    })
}

fn moment(text: &str) -> Option<Moment> {
    let (service, rest) = match text.strip_prefix("any service ") {
        Some(rest) => (None, rest),
        None => {
            let (service, rest) = text.split_once(' ')?;
            (Some(service.to_owned()), rest)
        }
    };
    Some(Moment {
        service,
        reached: reached(rest)?,
    })
}

fn reached(text: &str) -> Option<Reached> {
    let known = |names: &'static [&'static str], given: &str| {
        let mut names = names.iter();
        names.find(|name| **name == given).copied()
    };
    if text == "is in a pause" {
        return Some(Reached::Pause);
    }
    if let Some(wait) = text.strip_prefix("is in the ") {
        return Some(Reached::Wait(self::wait(wait)?));
    }
    if text == "gives green a share" {
        return Some(Reached::Shift);
    }
    if let Some(percent) = between(text, "gives green ", " %") {
        return Some(Reached::Share(percent.parse().ok()?));
    }
    if let Some(status) = text.strip_prefix("has a deployment ") {
        return Some(Reached::Status(known(&STATUSES, status)?));
    }
    let (event, status) = text.strip_prefix("has ")?.split_once(' ')?;
    let event = known(&LIFECYCLE_EVENTS, event).or_else(|| known(&STAGES, event))?;
    Some(Reached::LifecycleEvent(event, known(&STATUSES, status)?))
}

fn wait(text: &str) -> Option<DeploymentWait> {
    let mut waits = [DeploymentWait::Ready, DeploymentWait::Termination].into_iter();
    waits.find(|wait| name(*wait) == text)
}

#[cfg(test)]
mod tests;
