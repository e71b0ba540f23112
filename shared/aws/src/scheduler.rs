//! EventBridge Scheduler: one event at one time.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use rules::secrecy;
use time::UtcDateTime;
use time::macros::format_description;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::kind::Kind;

/// EventBridge Scheduler's operations.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
}

/// A one-time schedule, which deletes itself once it has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// At most 64 letters, digits and `-_.`; one that exists already is kept as it is.
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

impl Scheduler {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Creates the schedule. That it exists already is fine: the name stands for what it does.
    pub async fn create_schedule(&self, schedule: &Schedule) -> Result<(), CallFailed> {
        let input = serde_json::from_str(&schedule.input).unwrap_or_default();
        let hidden = secrecy::texts(&input)
            .into_iter()
            .chain([schedule.input.clone()]);
        let call = Call::new("scheduler:CreateSchedule", &*schedule.name).hiding(hidden);
        let broken = |error: &dyn std::error::Error| call.unexpected(&error.to_string());
        let at = schedule.at.format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second]"
        ));
        let target = Target::builder()
            .arn(&schedule.target_arn)
            .role_arn(&schedule.role_arn)
            .input(&schedule.input);
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let sent = self
            .client
            .create_schedule()
            .name(&schedule.name)
            .description(&schedule.description)
            .schedule_expression(format!("at({})", at.map_err(|error| broken(&error))?))
            .schedule_expression_timezone("UTC")
            .action_after_completion(ActionAfterCompletion::Delete)
            .flexible_time_window(window.build().map_err(|error| broken(&error))?)
            .target(target.build().map_err(|error| broken(&error))?)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conflict_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(call.failed(error)),
        }
    }

    /// Deletes a schedule that is not wanted any more. That it is gone already is fine.
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
