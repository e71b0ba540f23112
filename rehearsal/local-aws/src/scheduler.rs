//! EventBridge Scheduler: one-time schedules that call a function.
//!
//! A schedule fires exactly on time, where AWS guarantees only the minute. It is not documented whether AWS accepts a
//! time in the past; here it is accepted and fires at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcDateTime};

use crate::context::Context;
use crate::iam::Iam;
use crate::lambda::Lambda;

/// A schedule as it was created.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub name: String,
    /// The request, which has the shape of the response.
    pub members: Value,
    pub due: SystemTime,
    pub function: String,
    pub role: String,
    pub input: Value,
    pub after: AfterCompletion,
    pub state: State,
    pub created_at: SystemTime,
    pub changed_at: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Enabled,
    /// It never fires.
    Disabled,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Enabled => "ENABLED",
            State::Disabled => "DISABLED",
        }
    }
}

impl Schedule {
    /// Whether a request repeats the one that created this schedule: the same token, and equal otherwise.
    pub fn is_repeated_by(&self, members: &Value) -> bool {
        !members["ClientToken"].is_null() && self.members == *members
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCompletion {
    Delete,
    Keep,
}

/// All schedules of the default group.
pub struct Scheduler {
    context: Context,
    /// Checks a schedule's role, with which it calls its function.
    iam: Arc<Iam>,
    lambda: Lambda,
    schedules: Mutex<BTreeMap<String, Schedule>>,
}

/// A schedule with this name exists already.
#[derive(Debug, PartialEq, Eq)]
pub struct NameTaken;

impl Scheduler {
    pub fn new(context: Context, iam: Arc<Iam>, lambda: Lambda) -> Scheduler {
        Scheduler {
            context,
            iam,
            lambda,
            schedules: Mutex::default(),
        }
    }

    /// Returns all schedules, by name.
    pub fn all(&self) -> Vec<Schedule> {
        self.lock().values().cloned().collect()
    }

    pub fn find(&self, name: &str) -> Option<Schedule> {
        self.lock().get(name).cloned()
    }

    pub fn delete(&self, name: &str) -> Option<Schedule> {
        self.lock().remove(name)
    }

    fn replace(&self, schedule: Schedule) {
        self.lock().insert(schedule.name.clone(), schedule);
    }

    fn insert(&self, schedule: Schedule) -> Result<(), NameTaken> {
        let mut schedules = self.lock();
        if schedules.contains_key(&schedule.name) {
            return Err(NameTaken);
        }
        schedules.insert(schedule.name.clone(), schedule);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Schedule>> {
        self.schedules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores the schedule and calls its function when it is due, unless it is deleted before.
pub fn create(scheduler: &Arc<Scheduler>, schedule: Schedule) -> Result<(), NameTaken> {
    scheduler.insert(schedule.clone())?;
    call_when_due(scheduler, schedule);
    Ok(())
}

/// Replaces the schedule of the same name, which never fires again.
pub fn update(scheduler: &Arc<Scheduler>, schedule: Schedule) {
    scheduler.replace(schedule.clone());
    call_when_due(scheduler, schedule);
}

fn call_when_due(scheduler: &Arc<Scheduler>, schedule: Schedule) {
    if schedule.state == State::Disabled {
        return;
    }
    let kept = scheduler.clone();
    scheduler.context.background.spawn(async move {
        // Patient, because the schedule may be due in years, and the clock must not jump there.
        kept.context.clock.wait_until(schedule.due).await;
        if kept.find(&schedule.name).as_ref() != Some(&schedule) {
            return;
        }
        if schedule.after == AfterCompletion::Delete {
            kept.delete(&schedule.name);
        }
        if let Err(refusal) = kept.iam.check_schedule(&schedule.role, &schedule.function) {
            kept.context.timeline.record(refusal.event());
        } else {
            // On AWS a call to a missing function becomes a dead letter, on which nothing here depends.
            let _ = kept.lambda.invoke_async(&schedule.function, schedule.input);
        }
    });
}

/// Parses `at(yyyy-mm-ddThh:mm:ss)`, in UTC.
pub fn due(expression: &str) -> Option<SystemTime> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let inner = expression.strip_prefix("at(")?.strip_suffix(')')?;
    let moment = PrimitiveDateTime::parse(inner, &format).ok()?;
    Some(UtcDateTime::new(moment.date(), moment.time()).into())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_repeated_request_is_recognized_by_its_token() {
        let schedule = |members: Value| Schedule {
            name: "once".to_owned(),
            members,
            due: UNIX_EPOCH,
            function: String::new(),
            role: String::new(),
            input: Value::Null,
            after: AfterCompletion::Delete,
            state: State::Enabled,
            created_at: UNIX_EPOCH,
            changed_at: UNIX_EPOCH,
        };
        let request = json!({ "Name": "once", "ClientToken": "a" });
        assert!(schedule(request.clone()).is_repeated_by(&request));
        assert!(!schedule(request).is_repeated_by(&json!({ "Name": "once", "ClientToken": "b" })));
        let without = json!({ "Name": "once" });
        assert!(!schedule(without.clone()).is_repeated_by(&without));
    }

    #[test]
    fn one_time_expressions() {
        assert_eq!(
            due("at(1970-01-02T00:00:01)"),
            Some(UNIX_EPOCH + Duration::from_secs(86_401))
        );
        for unreadable in [
            "",
            "at()",
            "at(1970-01-02)",
            "at(1970-01-02T00:00:01Z)",
            "at(1970-01-02 00:00:01)",
            "at(1970-1-2T0:0:1)",
            "at(1970-01-02T24:00:00)",
            "rate(1 hour)",
            "at(1970-13-02T00:00:01)",
        ] {
            assert_eq!(due(unreadable), None, "{unreadable}");
        }
    }
}
