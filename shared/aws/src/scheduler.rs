//! EventBridge Scheduler: one event at one time, or the same one again and again.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::http::HttpResponse;
use aws_sdk_scheduler::error::SdkError;
use aws_sdk_scheduler::operation::create_schedule::{CreateScheduleError, CreateScheduleOutput};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use rules::redact;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, PrimitiveDateTime, UtcDateTime};

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::kind::Kind;
use crate::text::time_to;
use crate::wire::AskedAt;

/// EventBridge Scheduler's operations.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
}

/// A one-time schedule. It stays when it has run, until it is deleted: what it carries may be read later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// At most 64 letters, digits and `-_.`.
    pub name: String,
    /// When; seconds count, fractions do not.
    pub at: UtcDateTime,
    /// The function that is called.
    pub target_arn: String,
    /// The role that may call it.
    pub role_arn: String,
    /// The event that it gets.
    pub input: String,
    /// What people read.
    pub description: String,
}

/// A schedule that calls again and again. Scheduler deletes it after its end, where nobody does before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurring {
    /// At most 64 letters, digits and `-_.`.
    pub name: String,
    /// The pause between two calls.
    pub every_minutes: u32,
    /// It does not call after that.
    pub until: UtcDateTime,
    /// The function that is called.
    pub target_arn: String,
    /// The role that may call it.
    pub role_arn: String,
    /// The event that it gets.
    pub input: String,
    /// What people read.
    pub description: String,
}

/// What became of CreateSchedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    New,
    /// One of that name was there before, and is as it was.
    Exists,
}

/// The answer of GetSchedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it carries; none where there is no such schedule.
    pub schedule: Option<FoundSchedule>,
    /// When AWS was asked, by its own clock.
    pub asked_at: Option<UtcDateTime>,
}

/// What a schedule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSchedule {
    /// The event that its function gets.
    pub input: String,
    /// When; none where it is not a one-time schedule in UTC.
    pub at: Option<UtcDateTime>,
}

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// What CreateSchedule and UpdateSchedule send alike.
struct Members {
    expression: String,
    window: FlexibleTimeWindow,
    target: Target,
}

impl Schedule {
    /// What is to be called at once is called after this: Scheduler takes no time that is over when it gets it.
    pub const AT_ONCE: Duration = Duration::seconds(5);

    fn call(&self, operation: &'static str) -> Call {
        let input = serde_json::from_str(&self.input).unwrap_or_default();
        let texts = redact::texts(&input)
            .into_iter()
            .chain([self.input.clone()]);
        Call::new(operation, &*self.name).redacting(texts)
    }

    fn members(&self, call: &Call) -> Result<Members, CallFailed> {
        let at = self.at.format(&MOMENT);
        let at = at.map_err(|error| call.unexpected(&error.to_string()))?;
        Ok(Members {
            expression: format!("at({at})"),
            window: exactly(call)?,
            target: target(call, &self.target_arn, &self.role_arn, &self.input)?,
        })
    }
}

/// No window: it calls when it is due.
fn exactly(call: &Call) -> Result<FlexibleTimeWindow, CallFailed> {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    let window = window.build();
    window.map_err(|error| call.unexpected(&error.to_string()))
}

fn target(call: &Call, arn: &str, role_arn: &str, input: &str) -> Result<Target, CallFailed> {
    let target = Target::builder().arn(arn).role_arn(role_arn).input(input);
    let target = target.build();
    target.map_err(|error| call.unexpected(&error.to_string()))
}

fn created(
    call: &Call,
    sent: Result<CreateScheduleOutput, SdkError<CreateScheduleError, HttpResponse>>,
) -> Result<Created, CallFailed> {
    match sent {
        Ok(_) => Ok(Created::New),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_conflict_exception()) =>
        {
            Ok(Created::Exists)
        }
        Err(error) => Err(call.failed(error)),
    }
}

impl Scheduler {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Creates the schedule, unless there is one of its name.
    pub async fn create_schedule(&self, schedule: &Schedule) -> Result<Created, CallFailed> {
        self.create(schedule, ActionAfterCompletion::None).await
    }

    /// The same of one that Scheduler deletes when it has run. Of several invocations that create it one is answered
    /// [`Created::New`].
    pub async fn create_passing(&self, schedule: &Schedule) -> Result<Created, CallFailed> {
        self.create(schedule, ActionAfterCompletion::Delete).await
    }

    async fn create(
        &self,
        schedule: &Schedule,
        after: ActionAfterCompletion,
    ) -> Result<Created, CallFailed> {
        let call = schedule.call("scheduler:CreateSchedule");
        let members = schedule.members(&call)?;
        let request = self
            .client
            .create_schedule()
            .name(&schedule.name)
            .description(&schedule.description)
            .schedule_expression(members.expression)
            .schedule_expression_timezone("UTC")
            .action_after_completion(after)
            .flexible_time_window(members.window)
            .target(members.target);
        created(&call, request.send().await)
    }

    /// Creates a schedule that calls again and again, unless there is one of its name.
    pub async fn create_recurring(&self, schedule: &Recurring) -> Result<Created, CallFailed> {
        let call = Call::new("scheduler:CreateSchedule", &*schedule.name);
        let minutes = schedule.every_minutes;
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        let target = target(
            &call,
            &schedule.target_arn,
            &schedule.role_arn,
            &schedule.input,
        )?;
        let request = self
            .client
            .create_schedule()
            .name(&schedule.name)
            .description(&schedule.description)
            .schedule_expression(format!("rate({minutes} {unit})"))
            .end_date(time_to(schedule.until))
            .action_after_completion(ActionAfterCompletion::Delete)
            .flexible_time_window(exactly(&call)?)
            .target(target);
        created(&call, request.send().await)
    }

    /// The schedule of this name, and when AWS was asked.
    pub async fn get_schedule(&self, name: &str) -> Result<Found, CallFailed> {
        let call = Call::new("scheduler:GetSchedule", name);
        let asked_at = AskedAt::default();
        let request = self.client.get_schedule().name(name);
        let answer = request
            .customize()
            .interceptor(asked_at.clone())
            .send()
            .await;
        let schedule = match answer {
            Ok(answer) => {
                let input = answer.target().and_then(|target| target.input());
                let expression = answer.schedule_expression().unwrap_or_default();
                Some(FoundSchedule {
                    input: call.required(input, "target.input")?.to_owned(),
                    at: moment_of(expression),
                })
            }
            Err(error) => match call.failed(error) {
                failed if failed.kind == Kind::NotFound => None,
                failed => return Err(failed),
            },
        };
        Ok(Found {
            schedule,
            asked_at: asked_at.take(),
        })
    }

    /// Writes the schedule anew, whole: what is not sent is gone (EventBridge Scheduler API Reference, UpdateSchedule). Says
    /// whether it was there.
    pub async fn update_schedule(&self, schedule: &Schedule) -> Result<bool, CallFailed> {
        let call = schedule.call("scheduler:UpdateSchedule");
        let members = schedule.members(&call)?;
        let sent = self
            .client
            .update_schedule()
            .name(&schedule.name)
            .description(&schedule.description)
            .schedule_expression(members.expression)
            .schedule_expression_timezone("UTC")
            .action_after_completion(ActionAfterCompletion::None)
            .flexible_time_window(members.window)
            .target(members.target)
            .send()
            .await;
        match sent.map_err(|error| call.failed(error)) {
            Ok(_) => Ok(true),
            Err(failed) if failed.kind == Kind::NotFound => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// Deletes a schedule. It may be gone already.
    pub async fn delete_schedule(&self, name: &str) -> Result<(), CallFailed> {
        let call = Call::new("scheduler:DeleteSchedule", name);
        let deleted = self.client.delete_schedule().name(name).send().await;
        match deleted.map_err(|error| call.failed(error)) {
            Ok(_) => Ok(()),
            Err(failed) if failed.kind == Kind::NotFound => Ok(()),
            Err(failed) => Err(failed),
        }
    }
}

/// The moment of a one-time schedule, in UTC.
fn moment_of(expression: &str) -> Option<UtcDateTime> {
    let inner = expression.strip_prefix("at(")?.strip_suffix(')')?;
    let moment = PrimitiveDateTime::parse(inner, &MOMENT).ok()?;
    Some(UtcDateTime::new(moment.date(), moment.time()))
}
