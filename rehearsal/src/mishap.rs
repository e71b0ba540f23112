//! Mishaps: a function's process is killed around a call to AWS, or AWS does not do or does not say what was asked.
//!
//! A mishap is planned for a point: a function, an operation, and which of the function's calls of it in the whole play.
//! A call with all the attempts that an SDK makes of it counts once; SDKs say which attempts belong together
//! (`amz-sdk-invocation-id`). So a refusal meets every attempt, because one that the SDK's next attempt makes good shows
//! nothing about the function; the one mishap of a single attempt is the lost answer, after which AWS is asked again for
//! what it has done already.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

/// What happens to a call. What a mishap says of `--help` is what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Mishap {
    /// The function's process is killed before AWS hears the call
    KilledBefore,
    /// The function's process is killed when AWS has done what was asked, before the answer arrives
    KilledAfter,
    /// AWS answers every attempt of the call with an error of its own, HTTP 500, and does nothing
    Error,
    /// AWS denies the call, which no SDK tries again
    Denied,
    /// AWS throttles every attempt of the call
    Throttled,
    /// AWS does what every attempt of the call asks for, and never answers
    TimedOut,
    /// AWS does what was asked, and the connection breaks before the answer; the next attempt is answered
    AnswerLost,
}

impl Mishap {
    /// As `--mishap` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Mishap::KilledBefore => "killed-before",
            Mishap::KilledAfter => "killed-after",
            Mishap::Error => "error",
            Mishap::Denied => "denied",
            Mishap::Throttled => "throttled",
            Mishap::TimedOut => "timed-out",
            Mishap::AnswerLost => "answer-lost",
        }
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

/// A mishap and its point; in text `start-deployment:ecs:RegisterTaskDefinition:1=killed-after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub point: Point,
    pub mishap: Mishap,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.point, self.mishap.name())
    }
}

impl FromStr for Planned {
    type Err = anyhow::Error;

    fn from_str(given: &str) -> anyhow::Result<Planned> {
        let expected = || {
            format!(
                "`{given}` is not a mishap such as `start-deployment:ecs:RegisterTaskDefinition:1=killed-after`"
            )
        };
        let (point, mishap) = given.split_once('=').with_context(expected)?;
        let [function, service, operation, occurrence] = point.split(':').collect::<Vec<_>>()[..]
        else {
            bail!(expected());
        };
        let occurrence = occurrence.parse().ok().filter(|occurrence| *occurrence > 0);
        let mishap = Mishap::from_str(mishap, false).ok();
        Ok(Planned {
            point: Point {
                function: function.to_owned(),
                operation: format!("{service}:{operation}"),
                occurrence: occurrence.with_context(expected)?,
            },
            mishap: mishap.with_context(expected)?,
        })
    }
}

/// What is planned, what was called, and what has come to pass.
#[derive(Debug, Default)]
pub struct Mishaps {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    planned: BTreeMap<Point, Mishap>,
    points: Vec<Point>,
    /// How often a function has called an operation.
    called: BTreeMap<(String, String), u32>,
    /// The mishaps that calls have met, by what the SDK calls them.
    met: BTreeMap<String, Mishap>,
    struck: Vec<Planned>,
}

impl Mishaps {
    pub fn planned(planned: &[Planned]) -> Mishaps {
        let mishaps = Mishaps::default();
        planned
            .iter()
            .cloned()
            .for_each(|planned| mishaps.plan(planned));
        mishaps
    }

    /// From now on the call at this point meets this mishap. A point has one; a later plan replaces an earlier one.
    pub fn plan(&self, planned: Planned) {
        self.lock().planned.insert(planned.point, planned.mishap);
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
    pub fn struck(&self) -> Vec<Planned> {
        self.lock().struck.clone()
    }

    /// Counts an attempt of a call, and says what happens to it. `call` is what the SDK calls all attempts of it; an
    /// attempt that says nothing is a call of its own.
    pub(crate) fn meets(
        &self,
        function: &str,
        operation: String,
        call: Option<&str>,
        attempt: Attempt,
    ) -> Option<Mishap> {
        let mut state = self.lock();
        if attempt == Attempt::Again {
            let met = call.and_then(|call| state.met.get(call)).copied();
            return met.filter(|mishap| *mishap != Mishap::AnswerLost);
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
        let mishap = state.planned.get(&point).copied()?;
        state.struck.push(Planned { point, mishap });
        if let Some(call) = call {
            state.met.insert(call.to_owned(), mishap);
        }
        Some(mishap)
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

    fn meets(mishaps: &Mishaps, call: &str, attempt: Attempt) -> Option<Mishap> {
        mishaps.meets(
            "run-migration",
            "ecs:RunTask".to_owned(),
            Some(call),
            attempt,
        )
    }

    #[test]
    fn a_mishap_reads_as_it_is_written() {
        for mishap in Mishap::value_variants() {
            let text = format!("run-migration:ecs:RunTask:2={}", mishap.name());
            assert_eq!(planned(&text).to_string(), text);
            assert_eq!(planned(&text).mishap, *mishap);
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
                error.starts_with(&format!("`{wrong}` is not a mishap such as")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_meets_every_attempt_of_one_call() {
        let mishaps = Mishaps::default();
        mishaps.plan(planned("run-migration:ecs:RunTask:2=error"));
        assert_eq!(meets(&mishaps, "a", Attempt::First), None);
        assert_eq!(meets(&mishaps, "b", Attempt::First), Some(Mishap::Error));
        assert_eq!(meets(&mishaps, "b", Attempt::Again), Some(Mishap::Error));
        assert_eq!(meets(&mishaps, "a", Attempt::Again), None);
        assert_eq!(meets(&mishaps, "c", Attempt::First), None);
        assert_eq!(
            mishaps.struck(),
            [planned("run-migration:ecs:RunTask:2=error")]
        );
        assert_eq!(mishaps.points().len(), 3);
    }

    #[test]
    fn an_answer_is_lost_once() {
        let mishaps = Mishaps::default();
        mishaps.plan(planned("run-migration:ecs:RunTask:1=answer-lost"));
        assert_eq!(
            meets(&mishaps, "a", Attempt::First),
            Some(Mishap::AnswerLost)
        );
        assert_eq!(meets(&mishaps, "a", Attempt::Again), None);
    }
}
