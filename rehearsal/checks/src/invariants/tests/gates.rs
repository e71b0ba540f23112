//! Invariant 8: gates succeed only because of green.

use super::migrations::end_of_migration;
use super::{
    Change, ENTRY, LISTENER, MANAGE, MIGRATE, PLAN, at, check, health, hook, migration,
    test_answer, test_traffic_gate, told,
};
use record::{Answerer, By, Record};

#[track_caller]
fn check_all(changes: &[Change], expected: &[u8]) {
    for change in changes {
        check(*change, expected);
    }
}

/// The words that the container ran.
fn ran(record: &mut Record, words: &[usize]) {
    record.migrations[0].containers[0].ran = words.to_vec();
}

#[test]
fn a_migration_gate_succeeds_because_of_greens_migration() {
    let not_of_green: &[Change] = &[
        |record| record.migrations[0].revision = "web:1".to_owned(),
        |record| record.migrations[0].containers[0].digest = Some("first".to_owned()),
        |record| record.migrations[0].containers[0].digest = None,
        |record| record.migrations[0].containers[0].name = "worker".to_owned(),
        |record| ran(record, &[ENTRY, MANAGE]),
        |record| ran(record, &[ENTRY, MANAGE, MIGRATE, PLAN]),
        |record| ran(record, &[MANAGE, PLAN]),
        |record| ran(record, &[]),
    ];
    for change in not_of_green {
        // Invariant 5 judges the container, invariant 8 the whole task.
        let mut record = super::shipped("latest");
        change(&mut record);
        let found = super::judge(&record);
        let numbers: Vec<u8> = found.iter().map(|found| found.invariant.number()).collect();
        assert!(numbers == [8] || numbers == [5, 8], "{found:#?}");
    }
    check_all(
        &[
            // A person's own task, or another function's, whatever it ran.
            |record| record.migrations[0].given_to = None,
            |record| record.migrations[0].given_to = Some("finish-migration".to_owned()),
            |record| record.migrations[0].deployment = "d-other".to_owned(),
            |record| end_of_migration(record).exit_code = 137,
            |record| end_of_migration(record).by_itself = false,
            |record| end_of_migration(record).at = at(5),
            |record| record.migrations[0].containers[0].end = None,
        ],
        &[5, 8],
    );
}

#[test]
fn a_migration_may_run_so_too() {
    check_all(
        &[
            |record| {
                record.pipelines[0]
                    .migration
                    .as_mut()
                    .unwrap()
                    .has_own_image = true;
                record.migrations[0].containers[0].digest = Some("tools".to_owned());
            },
            // A person's task that is marked as the migration runs beside the real one.
            |record| {
                let mut forged = migration("forged", "d-a", Some(3), 0);
                forged.given_to = None;
                record.migrations.insert(0, forged);
            },
            |record| {
                record.pipelines[0].migration = None;
                record.migrations.clear();
            },
        ],
        &[],
    );
    // Invariant 8 does not cover failures.
    check(
        |record| {
            record.hooks[0].answers[0].status = "Failed".to_owned();
            record.migrations.clear();
        },
        &[],
    );
}

#[test]
fn a_test_traffic_gate_succeeds_because_of_greens_answers() {
    let blue = Answerer::Task {
        task: "blue".to_owned(),
        deployment: None,
    };
    let by_blue = |record: &mut Record, place: usize| record.test_answers[place].by = blue.clone();
    let mut record = super::shipped("latest");
    by_blue(&mut record, 1);
    let found = super::judge(&record);
    assert!(
        found[0]
            .to_string()
            .contains("by blue, which is not green's")
    );
    check_all(
        &[
            |record| record.test_answers.clear(),
            |record| drop(record.test_answers.pop()),
            |record| record.test_answers[1].path = "/other".to_owned(),
            |record| record.test_answers[1].status = 503,
            |record| record.test_answers[1].by = Answerer::LoadBalancer,
            // An answer of another deployment's green, or of a task from before all deployments.
            |record| record.test_answers[1] = test_answer("d-b", "/orders", 5),
            |record| {
                let blue = Answerer::Task {
                    task: "blue".to_owned(),
                    deployment: None,
                };
                let mut answer = test_answer("d-a", "/", 5);
                answer.by = blue;
                record.test_answers.push(answer);
            },
            // Before the listener's nodes had updated, or after the verdict.
            |record| record.test_answers[0].asked_at = at(4),
            |record| record.test_answers[0].at = at(7),
            |record| record.pipelines[0].test_traffic.settle_seconds *= 10,
            |record| record.test_answers[0].address = "::1".to_owned(),
            |record| {
                let addresses = &mut record.pipelines[0].test_traffic.addresses;
                addresses.push("::1".to_owned());
            },
        ],
        &[8],
    );
}

#[test]
fn test_traffic_succeeds_with_targets_that_were_healthy() {
    check_all(
        &[
            |record| record.health.clear(),
            |record| record.health[1].state = "unhealthy".to_owned(),
            |record| record.health[1].at = at(7),
            |record| record.health[1].deployment = None,
            |record| record.hooks[1].answers[0].wanted = Some(2),
            |record| {
                let mut another = health("d-a", "initial", 3);
                another.task = "another task of d-a".to_owned();
                record.health.insert(0, another);
            },
        ],
        &[8],
    );
}

#[test]
fn test_traffic_may_succeed_so_too() {
    check_all(
        &[
            // The desired count is 0, so no task could answer.
            |record| {
                record.hooks[1].answers[0].wanted = Some(0);
                record.test_answers.clear();
                record.health.clear();
            },
            |record| {
                record.pipelines[0].test_traffic.requests.clear();
                record.test_answers.clear();
            },
            // Blue answers while nodes update.
            |record| {
                let mut early = test_answer("d-first", "/", 4);
                early.status = 500;
                record.test_answers.insert(0, early);
            },
            // A request that is not one of the gate's.
            |record| {
                record
                    .test_answers
                    .push(test_answer("d-first", "/favicon.ico", 5))
            },
            |record| {
                record.test_answers.insert(0, test_answer("d-a", "/", 5));
                record.test_answers[0].status = 503;
            },
            // They are healthy for a moment, and the gate measures.
            |record| record.health.insert(2, health("d-a", "unhealthy", 5)),
            |record| {
                record.hooks[1].answers[0].status = "Failed".to_owned();
                record.test_answers.clear();
            },
            |record| {
                record.pipelines[0].migration = None;
                record.migrations.clear();
                record.test_answers.clear();
                record.deployments[0].by = By::Rollback;
                record.messages[1] = told("rolled-back", "d-a", "a", 9);
                record.messages.remove(0);
            },
        ],
        &[],
    );
}

/// A production gate that succeeded at minute 8, and what green answered at minute 8.
fn and_checked_production(record: &mut Record) {
    let mut gate = test_traffic_gate();
    gate.listener = Some("production".to_owned());
    record.pipelines[0].production_traffic = Some(gate);
    record
        .hooks
        .push(hook("d-a", "AfterAllowTraffic", 7, &[(9, "Succeeded")]));
    for path in ["/", "/orders"] {
        let mut answer = test_answer("d-a", path, 8);
        answer.listener = "production".to_owned();
        record.production_answers.push(answer);
    }
}

#[test]
fn a_production_gate_succeeds_because_of_greens_answers() {
    check(and_checked_production, &[]);
    let changes: &[fn(&mut Record)] = &[
        |record| record.production_answers.clear(),
        |record| record.production_answers[1].status = 500,
        |record| record.production_answers[0].asked_at = at(7),
        |record| record.production_answers[0].at = at(10),
        |record| record.production_answers[0].listener = LISTENER.to_owned(),
        |record| record.production_answers[0].by = Answerer::LoadBalancer,
        |record| {
            let (task, deployment) = ("blue".to_owned(), Some("d-first".to_owned()));
            record.production_answers[0].by = Answerer::Task { task, deployment };
        },
    ];
    for change in changes {
        let changed = |record: &mut Record| {
            and_checked_production(record);
            change(record);
        };
        check(changed, &[8]);
    }
    // Nothing is asked of a service that is to run nothing.
    let of_nothing: Change = |record| {
        and_checked_production(record);
        record.production_answers.clear();
        for hook in &mut record.hooks {
            for answer in &mut hook.answers {
                answer.wanted = Some(0);
            }
        }
    };
    check(of_nothing, &[]);
}
