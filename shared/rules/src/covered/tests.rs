use super::*;
use crate::config::Pipeline;
use crate::reconcile::Effect;
use crate::start::tests::{every_situation, situation};
use crate::start::{Attempt, Force};

fn at(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

fn push<'a>(pipeline: &'a Pipeline, tag: &str, pushed: char, seconds: i64) -> Reconciliation<'a> {
    Reconciliation {
        pipeline,
        asked_by: AskedBy::Event,
        force: Force::No,
        search: Search::Tag(tag.parse().unwrap()),
        event_at: Some(at(seconds)),
        effect: Effect::Act,
        cause: Cause::Push(digest(pushed)),
    }
}

fn routine(pipeline: &Pipeline) -> Reconciliation<'_> {
    Reconciliation {
        event_at: None,
        cause: Cause::Routine,
        ..push(pipeline, "release-1", 'c', 0)
    }
}

fn asked(pipeline: &Pipeline, asked_by: AskedBy) -> Reconciliation<'_> {
    Reconciliation {
        asked_by,
        cause: Cause::Request,
        ..routine(pipeline)
    }
}

/// A reconciliation at 100 in the first situation that is decided like this.
fn past(
    reconciliation: impl Fn(&'static Pipeline) -> Reconciliation<'static>,
    code: &str,
) -> (&'static Pipeline, Option<Covered>) {
    let mut situations = every_situation().map(|choice| situation(&choice));
    let (pipeline, observed, decision) = situations
        .find_map(|(pipeline, observed)| {
            let decision = start::decide(pipeline, &observed).unwrap();
            (decision.code() == code).then_some((pipeline, observed, decision))
        })
        .unwrap();
    (
        pipeline,
        Covered::of(&reconciliation(pipeline), &observed, &decision, at(100)),
    )
}

#[track_caller]
fn check(code: &str, by: char, next: (&str, char, i64), expected: bool) {
    let (pipeline, past) = past(|pipeline| push(pipeline, "release-1", by, 20), code);
    let (tag, pushed, seconds) = next;
    let covers = past.unwrap().covers(&push(pipeline, tag, pushed, seconds));
    assert_eq!(covers, expected, "{code}, {next:?}");
}

#[test]
fn a_push_that_came_well_before_is_covered() {
    for code in [
        "start",
        "already-running",
        "already-in-progress",
        "no-matching-image",
        "end-wait",
    ] {
        check(code, 'c', ("release-1", 'b', 94), true);
        check(code, 'c', ("release-1", 'c', 94), true);
        check(code, 'c', ("release-1", 'c', 95), false);
        check(code, 'c', ("release-1", 'c', 200), false);
        check(code, 'c', ("release-2", 'b', 20), false);
    }
}

#[test]
fn what_a_later_order_would_change_is_reconciled_again() {
    for code in ["failed-before", "rolled-back-by-hand"] {
        check(code, 'c', ("release-1", 'c', 20), true);
        check(code, 'c', ("release-1", 'c', 21), false);
    }
}

#[test]
fn whoever_pushed_what_waits_is_told() {
    check("waiting", 'c', ("release-1", 'c', 94), true);
    check("waiting", 'b', ("release-1", 'b', 94), true);
    check("waiting", 'b', ("release-1", 'c', 20), false);
}

#[test]
fn requests_and_routine_are_never_covered() {
    let (pipeline, past) = past(routine, "already-running");
    let past = past.unwrap();
    assert!(past.covers(&push(pipeline, "release-1", 'c', 20)));
    assert!(!past.covers(&routine(pipeline)));
    for asked_by in [
        AskedBy::Person,
        AskedBy::PersonForThisImage,
        AskedBy::Rollback,
    ] {
        assert!(!past.covers(&asked(pipeline, asked_by)));
    }
}

#[test]
fn what_a_person_asked_is_not_remembered() {
    for asked_by in [
        AskedBy::Person,
        AskedBy::PersonForThisImage,
        AskedBy::Rollback,
    ] {
        let (_, past) = past(|pipeline| asked(pipeline, asked_by), "already-running");
        assert_eq!(past, None);
    }
}

/// A push that is covered would have done nothing at that moment that the reconciliation did not do:
/// in every situation, for every time of the push before it, and wherever the attempts lie in time.
#[test]
fn a_push_that_is_covered_would_have_added_nothing() {
    let mut answered = 0;
    for choice in every_situation() {
        let (pipeline, observed) = situation(&choice);
        if observed.asked_by != AskedBy::Event {
            continue;
        }
        for tried_at in [20, 21, 50] {
            let observed = ordered(&observed, 20, tried_at);
            let decision = start::decide(pipeline, &observed).unwrap();
            let reconciliation = push(pipeline, "release-1", 'c', 20);
            let past = Covered::of(&reconciliation, &observed, &decision, at(100)).unwrap();
            for pushed_at in [10, 20, 21, 30, 60] {
                let next = push(pipeline, "release-1", 'c', pushed_at);
                if !past.covers(&next) {
                    continue;
                }
                answered += 1;
                let seen = ordered(&observed, pushed_at.max(20), tried_at);
                let would_be = start::decide(pipeline, &seen).unwrap();
                assert_eq!(
                    would_be, decision,
                    "{choice:?}, tried at {tried_at}, pushed at {pushed_at}"
                );
            }
        }
    }
    assert!(answered > 1000, "{answered}");
}

/// The same situation for a candidate that was ordered then; its attempts were made at `tried_at`.
fn ordered(observed: &Observed, ordered_at: i64, tried_at: i64) -> Observed {
    let candidate = observed.candidate.clone().map(|candidate| Candidate {
        ordered_at: at(ordered_at),
        ..candidate
    });
    let attempts = observed.attempts.iter().flatten();
    let attempts = attempts.filter(|_| tried_at >= ordered_at);
    let attempts = attempts.map(|attempt| Attempt {
        created_at: at(tried_at),
        ..attempt.clone()
    });
    Observed {
        candidate,
        attempts: Some(attempts.collect()),
        ..observed.clone()
    }
}
