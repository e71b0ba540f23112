//! A rolling update whose pipeline has a production gate: what is told of it, and when.

use super::*;
use crate::ecs::report::Telling;

const FAILED: &str = "/orders : wanted 200 got status 500";

fn failed(back: Option<u32>) -> GateState {
    GateState::Failed {
        back,
        reason: FAILED.to_owned(),
    }
}

fn failed_before() -> GateState {
    GateState::FailedBefore {
        reason: FAILED.to_owned(),
    }
}

/// A deployment that ended successfully, with the next one.
fn gated(gate: GateState, next: Option<Status>, goes_back: bool) -> Observed {
    let mut observed = observed(Engine::Rolling, Status::Successful);
    observed.gate = gate;
    observed.newer = next.and_then(newer);
    observed.back = goes_back.then(|| revision(1, "a"));
    observed
}

#[test]
fn an_end_is_told_when_the_gate_has_judged_it_and_the_service_has_gone_back() {
    use Status::{InProgress, RollbackSuccessful, Successful};
    use Telling::{AfterTheGate, AfterTheWayBack, Now};
    let table = [
        (gated(GateState::Free, None, false), Now),
        (gated(failed_before(), None, false), Now),
        (gated(GateState::Passed, None, false), Now),
        (gated(GateState::Open, None, false), AfterTheGate),
        (gated(GateState::Open, Some(InProgress), false), Now),
        (gated(failed(None), None, false), Now),
        (gated(failed(Some(1)), None, false), AfterTheGate),
        (
            gated(failed(Some(1)), Some(InProgress), true),
            AfterTheWayBack,
        ),
        (gated(failed(Some(1)), Some(Successful), true), Now),
        (gated(failed(Some(1)), Some(RollbackSuccessful), true), Now),
        (gated(failed(Some(1)), Some(InProgress), false), Now),
    ];
    for (observed, expected) in table {
        let what = ended(&observed);
        assert_eq!(telling(&observed, &what), expected, "{:?}", observed.gate);
        // What ECS says of a deployment that it ended otherwise is told at once, and so is its start.
        for what in [What::Started, What::Ended(End::RolledBack)] {
            assert_eq!(telling(&observed, &what), Now);
        }
        let goes_back = Observed {
            goes_back: true,
            ..observed
        };
        assert_eq!(telling(&goes_back, &what), Telling::Never);
        // One that nothing ends would otherwise never be told.
        assert_eq!(telling(&goes_back, &What::Overdue), Telling::Now);
    }
}

#[test]
fn what_the_gate_found_is_told() {
    let pipeline = &pipelines(&format!("{WEB}when_busy='replace'\n{MIGRATION}"))[0];
    let mut down = gated(failed(Some(1)), Some(Status::Successful), true);
    down.service.current_revisions[0].running_count = 0;
    let mut replaced = down.clone();
    replaced.service.current_revisions.push(RunningRevision {
        arn: service_revision(3),
        requested_count: 2,
        running_count: 2,
    });
    let mut migrated = gated(failed(Some(1)), Some(Status::Successful), true);
    let tags = [
        ("greenlight:stack", "greenlight"),
        (
            "greenlight:migration",
            "succeeded 0f 2026-10-14T09:30:00Z before",
        ),
    ];
    migrated.target.definition = definition(2, "b", &tags);
    let table = [
        ("passed", gated(GateState::Passed, None, false)),
        (
            "it failed in an earlier deployment",
            gated(failed_before(), None, false),
        ),
        ("nobody judged it", gated(GateState::Open, None, false)),
        (
            "a newer one was faster",
            gated(GateState::Open, Some(Status::InProgress), false),
        ),
        (
            "failed, and the service went back",
            gated(failed(Some(1)), Some(Status::Successful), true),
        ),
        ("the same after a migration", migrated),
        ("the same, and nothing runs", down),
        ("the same, and another one was deployed since", replaced),
        (
            "failed, and the way back did, too",
            gated(failed(Some(1)), Some(Status::RollbackSuccessful), true),
        ),
        (
            "failed, and a newer one was faster",
            gated(failed(Some(1)), Some(Status::InProgress), false),
        ),
        (
            "failed, and there is no way back",
            gated(failed(None), None, false),
        ),
        (
            "failed, and the way back is refused",
            gated(failed(Some(1)), None, false),
        ),
    ];
    let mut all = String::new();
    for (name, observed) in table {
        let what = ended(&observed);
        let outcome = decided(pipeline, observed, &what);
        let is_success = outcome.verdict.code() == "success";
        assert_eq!(is_success, name == "passed", "{name}");
        let database = outcome.migrated.map_or("", |migrated| migrated.database());
        let _ = writeln!(
            all,
            "{name}\n  {}\n    database: {database}",
            said(&outcome)
        );
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_nothing_would_roll_back_is_overdue_after_an_hour_and_told_once() {
    let pipeline = &pipelines(WEB)[0];
    let told = |observed: &Observed, tags: &[(&str, &str)]| {
        let stack = "greenlight".parse().unwrap();
        may_be_overdue(observed, &Told::of(&definition(2, "b", tags), &stack))
    };
    let mut bare = observed(Engine::Rolling, Status::InProgress);
    assert!(!told(&bare, &[]), "its circuit breaker rolls it back");
    bare.service.configuration.circuit_breaker = None;
    assert!(told(&bare, &[]));
    let id = bare.deployment.arn.id();
    let entry = format!("greenlight:{id}");
    assert!(!told(&bare, &[("greenlight:told-overdue", &entry)]));
    for change in [
        |it: &mut Observed| it.engine = NATIVE,
        |it: &mut Observed| it.deployment.status = Status::Successful,
        |it: &mut Observed| it.newer = newer(Status::InProgress),
    ] {
        let mut other = bare.clone();
        change(&mut other);
        assert!(!told(&other, &[]), "{other:?}");
    }
    let since = bare.deployment.created_at;
    assert!(!is_overdue(
        &bare.deployment,
        since + Duration::seconds(3599)
    ));
    assert!(is_overdue(
        &bare.deployment,
        since + Duration::seconds(3600)
    ));
    let outcome = decided(pipeline, bare, &What::Overdue);
    insta::assert_snapshot!(said(&outcome));
}

#[test]
fn a_start_says_that_production_is_asked_afterwards() {
    let pipeline = &pipelines(WEB)[0];
    let mut observed = observed(Engine::Rolling, Status::InProgress);
    observed.gate = GateState::Open;
    let outcome = decided(pipeline, observed, &What::Started);
    assert!(
        outcome
            .summary
            .contains("both versions answer for a while; then production is asked"),
        "{}",
        outcome.summary
    );
}
