//! Faults: a function's process is killed around a call to AWS, or AWS does not do or does not say what was asked.
//!
//! A fault is planned for a point: a function, an operation, and which of its calls of that operation in the whole play.
//! A call with all the attempts that an SDK makes of it counts once; SDKs say which attempts belong together
//! (`amz-sdk-invocation-id`). So a refusal meets every attempt, because one that the SDK's next attempt makes good shows
//! nothing about the function; the one fault of a single attempt is the lost answer, after which AWS is asked again for
//! what it has done already.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};

use crate::named::named;

named! {
    /// A fault of a call.
    pub enum Fault {
        "killed-before" => KilledBefore:
            "The function's process is killed before AWS hears the call",
        "killed-after" => KilledAfter:
            "The function's process is killed when AWS has done what was asked, before the answer arrives",
        "error" => Error:
            "AWS answers every attempt of the call with an error of its own, HTTP 500, and does nothing",
        "denied" => Denied:
            "AWS denies the call, which no SDK tries again",
        "throttled" => Throttled:
            "AWS throttles every attempt of the call",
        "timed-out" => TimedOut:
            "AWS does what every attempt of the call asks for, and never answers",
        "answer-lost" => AnswerLost:
            "AWS does what was asked, and the connection breaks before the answer; the next attempt is answered",
    }
}

/// One call of a function, with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Binary name: `start-deployment`; or with the service that the call is about, `start-deployment@web`, so that it
    /// counts no call for another service, which may come earlier or later.
    pub function: String,
    /// As IAM names it: `ecs:RunTask`.
    pub operation: String,
    /// Which of the function's calls of the operation, from 1 on.
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
        let occurrence = occurrence.parse().ok().filter(|occurrence| *occurrence > 0);
        let fault = fault.parse().ok();
        Ok(Planned {
            point: Point {
                function: function.to_owned(),
                operation: format!("{service}:{operation}"),
                occurrence: occurrence.with_context(expected)?,
            },
            fault: fault.with_context(expected)?,
        })
    }
}

/// What is planned, what was called, and what has come to pass.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    planned: BTreeMap<Point, Fault>,
    points: Vec<Point>,
    /// How often a function has called an operation.
    called: BTreeMap<(String, String), u32>,
    /// The faults that calls have met, by what the SDK calls them.
    met: BTreeMap<String, Fault>,
    injected: Vec<Planned>,
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

    /// From now on the call at this point meets this fault. A point has one; a later plan replaces an earlier one.
    pub fn plan(&self, planned: Planned) {
        self.lock().planned.insert(planned.point, planned.fault);
    }

    /// Nothing happens to calls any more.
    pub fn forget(&self) {
        self.lock().planned.clear();
    }

    /// Whether calls are told apart by the service that they are about.
    pub(crate) fn tells_services_apart(&self) -> bool {
        let state = self.lock();
        let mut functions = state.planned.keys().map(|point| &point.function);
        functions.any(|function| function.contains('@'))
    }

    /// Every point that was reached, in order.
    pub fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// Everything planned that has come to pass, in order.
    pub fn injected(&self) -> Vec<Planned> {
        self.lock().injected.clone()
    }

    /// Counts an attempt of a call, and says what happens to it. `call` is what the SDK calls all attempts of it; an
    /// attempt that says nothing is a call of its own.
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
        state.points.push(point.clone());
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

/// Whether an SDK sends a call for the first time.
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
    fn a_fault_reads_as_it_is_written() {
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
                error.starts_with(&format!("`{wrong}` is not a fault such as")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_meets_every_attempt_of_one_call() {
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
