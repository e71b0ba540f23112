//! Faults: a function's process is killed around a call to AWS, or AWS does not execute the call or loses its answer.
//!
//! A fault is planned for a point: a function, an operation, and the number of its call to that operation in the whole
//! run. A call counts once with all attempts that an SDK makes; SDKs mark attempts that belong together
//! (`amz-sdk-invocation-id`). A refusal applies to every attempt, because one that the SDK's next attempt repairs would
//! not test the function. The only fault of a single attempt is the lost answer, after which the SDK repeats a call
//! that AWS has already executed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, anyhow, bail};

use crate::named::{UnknownName, named};

named! {
    /// A fault of a call.
    pub enum Fault {
        "killed-before" => KilledBefore:
            "The function's process is killed before AWS receives the call",
        "killed-after" => KilledAfter:
            "The function's process is killed after AWS has executed the call, before the answer arrives",
        "error" => Error:
            "AWS answers every attempt of the call with an internal error, HTTP 500, and does nothing",
        "denied" => Denied:
            "AWS denies the call, which no SDK retries",
        "throttled" => Throttled:
            "AWS throttles every attempt of the call",
        "timed-out" => TimedOut:
            "AWS executes every attempt of the call, and never answers",
        "answer-lost" => AnswerLost:
            "AWS executes the call, and the connection breaks before the answer; the next attempt is answered",
    }
}

/// One call by a function, with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The binary name, `start-deployment`, or with the service that the call is about, `start-deployment@web`. The
    /// latter does not count calls for other services, whose order may vary.
    pub function: String,
    /// IAM's name of the operation: `ecs:RunTask`.
    pub operation: String,
    /// The number of the function's call to the operation, from 1.
    pub occurrence: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point {
            function,
            operation,
            occurrence,
        } = self;
        write!(f, "{function}:{operation}:{occurrence}")
    }
}

/// A fault and its point; in text `start-deployment:ecs:RegisterTaskDefinition:1=killed-after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub point: Point,
    pub fault: Fault,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.point, self.fault.name())
    }
}

impl FromStr for Planned {
    type Err = anyhow::Error;

    fn from_str(given: &str) -> anyhow::Result<Planned> {
        let expected = || {
            format!(
                "`{given}` is not a fault such as `start-deployment:ecs:RegisterTaskDefinition:1=killed-after`"
            )
        };
        let (point, fault) = given.split_once('=').with_context(expected)?;
        let [function, service, operation, occurrence] = point.split(':').collect::<Vec<_>>()[..]
        else {
            bail!(expected());
        };
        let Some(occurrence) = occurrence.parse().ok().filter(|occurrence| *occurrence > 0) else {
            bail!("`{given}` is not a fault: `{occurrence}` is not a number from 1 on");
        };
        let fault = fault.parse().map_err(|unknown: UnknownName| {
            let known = unknown.expected.join(", ");
            anyhow!("`{given}` is not a fault: `{fault}` is none, expected one of {known}")
        })?;
        Ok(Planned {
            point: Point {
                function: function.to_owned(),
                operation: format!("{service}:{operation}"),
                occurrence,
            },
            fault,
        })
    }
}

/// Planned faults, the calls so far, and the injected faults.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    planned: BTreeMap<Point, Fault>,
    points: Vec<Point>,
    /// The number of a function's calls to an operation.
    called: BTreeMap<(String, String), u32>,
    /// The faults of calls, by the SDK's id of the call.
    met: BTreeMap<String, Fault>,
    injected: Vec<Planned>,
    /// Points are counted, and not kept.
    keeps_nothing: bool,
}

impl Faults {
    pub fn planned(planned: &[Planned]) -> Faults {
        let faults = Faults::default();
        planned
            .iter()
            .cloned()
            .for_each(|planned| faults.plan(planned));
        faults
    }

    /// Plans a fault for the call at this point. A point has one fault; a later plan replaces an earlier one.
    pub fn plan(&self, planned: Planned) {
        self.lock().planned.insert(planned.point, planned.fault);
    }

    /// Cancels all planned faults.
    pub fn forget(&self) {
        self.lock().planned.clear();
    }

    /// Whether calls are counted by the service that they are about.
    pub(crate) fn tells_services_apart(&self) -> bool {
        let state = self.lock();
        let mut functions = state.planned.keys().map(|point| &point.function);
        functions.any(|function| function.contains('@'))
    }

    /// Keeps no point any more: every call of a function would leave one.
    pub(crate) fn keep_no_history(&self) {
        let mut state = self.lock();
        state.keeps_nothing = true;
        state.points = Vec::new();
    }

    /// Returns every point that was reached, in order.
    pub fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// Returns every injected fault, in order.
    pub fn injected(&self) -> Vec<Planned> {
        self.lock().injected.clone()
    }

    /// Counts an attempt of a call, and returns its fault. `call` is the SDK's id of the call, shared by all attempts;
    /// an attempt without one counts as a separate call.
    pub(crate) fn meets(
        &self,
        function: &str,
        operation: String,
        call: Option<&str>,
        attempt: Attempt,
    ) -> Option<Fault> {
        let mut state = self.lock();
        if attempt == Attempt::Again {
            let met = call.and_then(|call| state.met.get(call)).copied();
            return met.filter(|fault| *fault != Fault::AnswerLost);
        }
        let called = state.called.entry((function.to_owned(), operation.clone()));
        let called = called.or_default();
        *called += 1;
        let point = Point {
            function: function.to_owned(),
            operation,
            occurrence: *called,
        };
        if !state.keeps_nothing {
            state.points.push(point.clone());
        }
        let fault = state.planned.get(&point).copied()?;
        state.injected.push(Planned { point, fault });
        if let Some(call) = call {
            state.met.insert(call.to_owned(), fault);
        }
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is an SDK's first attempt of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    Again,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str) -> Planned {
        text.parse().unwrap()
    }

    fn meets(faults: &Faults, call: &str, attempt: Attempt) -> Option<Fault> {
        faults.meets(
            "run-migration",
            "ecs:RunTask".to_owned(),
            Some(call),
            attempt,
        )
    }

    #[test]
    fn a_fault_is_parsed_from_its_display() {
        for fault in Fault::ALL {
            let text = format!("run-migration:ecs:RunTask:2={}", fault.name());
            assert_eq!(planned(&text).to_string(), text);
            assert_eq!(planned(&text).fault, *fault);
        }
        for wrong in [
            "ecs:RunTask:1=error",
            "run-migration:ecs:RunTask=error",
            "run-migration:ecs:RunTask:0=error",
            "run-migration:ecs:RunTask:1=rain",
            "run-migration:ecs:RunTask:1",
        ] {
            let error = wrong.parse::<Planned>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{wrong}` is not a fault")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_applies_to_every_attempt_of_one_call() {
        let faults = Faults::default();
        faults.plan(planned("run-migration:ecs:RunTask:2=error"));
        assert_eq!(meets(&faults, "a", Attempt::First), None);
        assert_eq!(meets(&faults, "b", Attempt::First), Some(Fault::Error));
        assert_eq!(meets(&faults, "b", Attempt::Again), Some(Fault::Error));
        assert_eq!(meets(&faults, "a", Attempt::Again), None);
        assert_eq!(meets(&faults, "c", Attempt::First), None);
        assert_eq!(
            faults.injected(),
            [planned("run-migration:ecs:RunTask:2=error")]
        );
        assert_eq!(faults.points().len(), 3);
    }

    #[test]
    fn an_answer_is_lost_once() {
        let faults = Faults::default();
        faults.plan(planned("run-migration:ecs:RunTask:1=answer-lost"));
        assert_eq!(meets(&faults, "a", Attempt::First), Some(Fault::AnswerLost));
        assert_eq!(meets(&faults, "a", Attempt::Again), None);
    }
}
