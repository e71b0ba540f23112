//! EventBridge Scheduler: schedules that call a function.
//!
//! A schedule fires exactly on time, where AWS guarantees only the minute. It is not documented whether AWS accepts a
//! time in the past; here it is accepted and fires at once. A rate first fires one period after its start (inferred).

mod cron;
mod expression;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::context::Context;
use crate::iam::Iam;
use crate::lambda::Lambda;

pub use self::expression::Expression;

/// A schedule as it was created.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub name: String,
    /// The request, which has the shape of the response.
    pub members: Value,
    pub expression: Expression,
    /// The first time; none if the expression has only past ones.
    pub due: Option<SystemTime>,
    /// How much later than its time it calls: all of its flexible time window.
    pub delay: Duration,
    /// `EndDate`: it does not call after that.
    pub until: Option<SystemTime>,
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

    /// What happens to a schedule that will not call again.
    fn end(&self, schedule: &Schedule) {
        let is_there = self.find(&schedule.name).as_ref() == Some(schedule);
        if schedule.after == AfterCompletion::Delete && is_there {
            self.delete(&schedule.name);
        }
    }

    fn call(&self, schedule: &Schedule) {
        if let Err(refusal) = self.iam.check_schedule(&schedule.role, &schedule.function) {
            self.context.timeline.record(refusal.event());
        } else {
            // On AWS a call to a missing function becomes a dead letter, on which nothing here depends.
            let _ = self
                .lambda
                .invoke_async(&schedule.function, schedule.input.clone());
        }
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
        let mut next = schedule.due;
        while let Some(due) = next {
            if schedule.until.is_some_and(|until| due > until) {
                // Completed without a call.
                kept.end(&schedule);
                return;
            }
            // Patient, because the schedule may be due in years, and the clock must not jump there.
            kept.context.clock.wait_until(due + schedule.delay).await;
            if kept.find(&schedule.name).as_ref() != Some(&schedule) {
                return;
            }
            next = schedule.expression.next_after(due);
            if next.is_none() {
                kept.end(&schedule);
            }
            kept.call(&schedule);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_repeated_request_is_recognized_by_its_token() {
        let schedule = |members: Value| Schedule {
            name: "once".to_owned(),
            members,
            expression: Expression::Once(UNIX_EPOCH),
            due: Some(UNIX_EPOCH),
            delay: Duration::ZERO,
            until: None,
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
}
