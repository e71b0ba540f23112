//! EventBridge Scheduler: schedules that call a function.
//!
//! A schedule fires exactly on time, where AWS guarantees only the minute. It is not documented whether AWS accepts a
//! one-time schedule in the past; here it is accepted and fires at once, or by assumption refused. Nor is it documented when a rate without `StartDate` calls
//! after an update; here it counts from the update, which alone causes no call.

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
    /// `EndDate`: it does not call after that. None of a one-time schedule, which ignores it.
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

    /// The call of a time of its expression; none after `EndDate`, and none where it would be beyond every clock.
    fn call(&self, due: Option<SystemTime>) -> Option<ScheduledCall> {
        let due = due.filter(|due| self.until.is_none_or(|until| *due <= until))?;
        let at = due.checked_add(self.delay)?;
        Some(ScheduledCall { due, at })
    }
}

/// A call that a schedule will make.
#[derive(Debug, PartialEq, Eq)]
struct ScheduledCall {
    /// The time of the expression, from which a rate counts.
    due: SystemTime,
    /// `due`, and the delay of the flexible time window.
    at: SystemTime,
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

    /// What happens to a schedule that will not call again, even if it never called.
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
    let mut next = schedule.call(schedule.due);
    if next.is_none() {
        scheduler.end(&schedule);
        return;
    }
    let kept = scheduler.clone();
    scheduler.context.background.spawn(async move {
        while let Some(call) = next {
            // Patient, because the schedule may be due in years, and the clock must not jump there.
            kept.context.clock.wait_until(call.at).await;
            if kept.find(&schedule.name).as_ref() != Some(&schedule) {
                return;
            }
            next = schedule.call(schedule.expression.next_after(call.due));
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

    fn schedule(members: Value) -> Schedule {
        Schedule {
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
        }
    }

    #[test]
    fn a_call_is_late_by_the_window_and_there_is_none_after_the_end_of_the_schedule_or_of_time() {
        let seconds = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let last = (0..64).rev().fold(UNIX_EPOCH, |last, power| {
            let longer = last.checked_add(Duration::from_secs(1 << power));
            longer.unwrap_or(last)
        });
        for (due, delay, until, at) in [
            (Some(seconds(60)), 0, None, Some(seconds(60))),
            (Some(seconds(60)), 120, None, Some(seconds(180))),
            // The window may end after `EndDate`.
            (
                Some(seconds(60)),
                120,
                Some(seconds(60)),
                Some(seconds(180)),
            ),
            (Some(seconds(60)), 120, Some(seconds(59)), None),
            (Some(last), 0, None, Some(last)),
            (Some(last), 1, None, None),
            (None, 0, None, None),
        ] {
            let delay = Duration::from_secs(delay);
            let given = Schedule {
                delay,
                until,
                ..schedule(json!({}))
            };
            let expected = due.zip(at).map(|(due, at)| ScheduledCall { due, at });
            assert_eq!(given.call(due), expected, "{due:?} {delay:?} {until:?}");
        }
    }

    #[test]
    fn a_repeated_request_is_recognized_by_its_token() {
        let request = json!({ "Name": "once", "ClientToken": "a" });
        assert!(schedule(request.clone()).is_repeated_by(&request));
        assert!(!schedule(request).is_repeated_by(&json!({ "Name": "once", "ClientToken": "b" })));
        let without = json!({ "Name": "once" });
        assert!(!schedule(without.clone()).is_repeated_by(&without));
    }
}
