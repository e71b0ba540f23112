//! Claims that hold in every scenario, or in nearly every one.

use record::{Excuse, Invariant, Missing, Seen};

use super::{first, none};
use crate::Expectation;

/// The claims of every scenario: production answered, and no function failed.
pub fn nothing_broke() -> Vec<Expectation> {
    vec![
        production_answered(),
        Expectation::new("every function answered", |record| {
            let failed = record
                .invocations
                .iter()
                .filter(|invocation| !invocation.ok);
            let failed = failed
                .map(|i| format!("{}: {}", i.function, i.error.as_deref().unwrap_or("failed")));
            none(failed.collect(), "invocations failed")
        }),
        Expectation::new("no event was given up", |record| {
            none(
                record
                    .dead_letters
                    .iter()
                    .map(|letter| format!("{}: {}", letter.queue, letter.message))
                    .collect(),
                "dead letters",
            )
        }),
    ]
}

/// Every call was allowed.
pub fn permitted() -> Expectation {
    permitted_but("the template's policies allowed every call", |_| false)
}

/// Every call was allowed except those whose permission was removed; `explains` decides whether a removal caused a
/// refusal.
pub fn permitted_without(explains: impl Fn(&Missing) -> bool + Send + 'static) -> Expectation {
    let claim =
        "the template's policies allowed every call except those whose permission was removed";
    permitted_but(claim, explains)
}

fn permitted_but(claim: &str, explains: impl Fn(&Missing) -> bool + Send + 'static) -> Expectation {
    Expectation::new(claim, move |record| {
        let refused = record.permissions_missing.iter();
        let unexplained = refused.filter(|missing| !explains(missing));
        none(
            unexplained.map(|missing| missing.message.clone()).collect(),
            "refused",
        )
    })
}

/// The eight invariants hold, except those that the scenario excuses.
pub fn sound(excuses: &[Excuse]) -> Expectation {
    let but = excuses.iter().map(|excuse| {
        let (number, reason) = (excuse.invariant.number(), &excuse.reason);
        format!(", but for number {number}: {reason}")
    });
    let claim = format!("the eight invariants hold{}", but.collect::<String>());
    // The claim's own excuses, not the record's: a saved record cannot excuse more than its scenario does.
    let excused: Vec<Invariant> = excuses.iter().map(|excuse| excuse.invariant).collect();
    Expectation::new(claim, move |record| {
        let violations = record.violations.iter();
        let found = violations.filter(|violation| !excused.contains(&violation.invariant));
        none(found.map(ToString::to_string).collect(), "violations")
    })
}

/// Production answered every request.
pub fn production_answered() -> Expectation {
    Expectation::new(
        "production answered every request",
        |record| match &record.production {
            Seen { requests: 0, .. } => Err("there were no requests".to_owned()),
            Seen { failed: 0, .. } => Ok(()),
            seen => Err(format!(
                "{} of {} failed, first: {}",
                seen.failed,
                seen.requests,
                first(&seen.failures)
            )),
        },
    )
}
