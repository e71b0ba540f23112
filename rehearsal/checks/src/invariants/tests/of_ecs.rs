//! The invariants of deployments that ECS itself carries out: every one of them is violated by a record that was made so.

use record::{Answerer, AwsCall, By, Deployment, End, Engine, HookCall, LifecycleEvent, Record};

use super::{
    Given, and_pushed, answers, at, deployment, hook, judge, migration, push, reconciliation,
    revision, shipped, told,
};

pub(super) const ARN: &str =
    "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28";
pub(super) const ID: &str = "EZe5RNVLH6PPzHXINuP28";

/// The same run as `shipped`, by a canary of ECS's own.
pub(super) fn native() -> Record {
    let mut record = shipped("latest");
    record.deployments = vec![of_ecs(Engine::Native, ARN, "a", 2)];
    record.hooks = vec![
        gate(
            "run-migration",
            "PRE_SCALE_UP",
            3,
            &[(3, "IN_PROGRESS"), (4, "SUCCEEDED")],
        ),
        gate(
            "check-test-traffic",
            "POST_TEST_TRAFFIC_SHIFT",
            4,
            &[(6, "SUCCEEDED")],
        ),
    ];
    record.migrations = vec![migration("task-a", ID, Some(4), 0)];
    for answer in &mut record.test_answers {
        answer.by = Answerer::Task {
            task: "task of green".to_owned(),
            deployment: Some(ARN.to_owned()),
        };
    }
    for change in &mut record.health {
        change.deployment = Some(ARN.to_owned());
    }
    record.messages = vec![told("started", ARN, "a", 2), told("shipped", ARN, "a", 9)];
    record
}

/// The same by a rolling update, which has no gate.
pub(super) fn rolling() -> Record {
    let mut record = native();
    record.deployments = vec![of_ecs(Engine::Rolling, ARN, "a", 2)];
    record.pipelines[0].migration = None;
    record.pipelines[0].test_traffic.requests.clear();
    record.hooks.clear();
    record.migrations.clear();
    record
}

pub(super) fn of_ecs(engine: Engine, arn: &str, digest: &str, created: u64) -> Deployment {
    let strategy = match engine {
        Engine::Rolling => "ROLLING",
        Engine::CodeDeploy | Engine::Native => "CANARY",
    };
    Deployment {
        engine,
        strategy: Some(strategy.to_owned()),
        application: String::new(),
        deployment_group: String::new(),
        status: "SUCCESSFUL".to_owned(),
        lifecycle_events: vec![LifecycleEvent {
            name: "PRE_SCALE_UP".to_owned(),
            status: "Succeeded".to_owned(),
            rollback: false,
        }],
        end: End::Told,
        ..deployment(arn, digest, created)
    }
}

pub(super) fn gate(function: &str, stage: &str, called: u64, given: &[(u64, &str)]) -> HookCall {
    let mut call = hook(ARN, stage, called, given);
    call.function = Some(function.to_owned());
    for answer in &mut call.answers {
        answer.function = Some(function.to_owned());
    }
    call
}

pub(super) type Change = fn(&mut Record);

#[track_caller]
pub(super) fn check(whole: fn() -> Record, changes: &[(Change, &[u8])]) {
    for (number, (change, expected)) in changes.iter().enumerate() {
        let mut record = whole();
        change(&mut record);
        let violations = judge(&record);
        let numbers = violations.iter().map(|found| found.invariant.number());
        let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let numbers: Vec<u8> = numbers.collect();
        assert_eq!(numbers, *expected, "change {number}: {said:#?}");
    }
}

/// The newer image `b` is deployed, and ends with this status and message.
pub(super) fn and_then_b(record: &mut Record, status: &str, outcome: Option<&str>) {
    and_pushed(record);
    record.reconciliations.push(reconciliation(10, 12, None));
    record.revisions.push(revision("web:3", "b", 11));
    let arn = ARN.replace(ID, "second");
    let engine = record.deployments[0].engine;
    record.deployments.push(Deployment {
        revision: "web:3".to_owned(),
        status: status.to_owned(),
        ..of_ecs(engine, &arn, "b", 11)
    });
    // The id alone is a valid name of it, too.
    record.messages.push(told("started", "second", "b", 11));
    let ended = outcome.map(|outcome| told(outcome, &arn, "b", 20));
    record.messages.extend(ended);
}

#[test]
fn a_successful_run_violates_nothing() {
    check(native, &[(|_| {}, &[])]);
    check(rolling, &[(|_| {}, &[])]);
}

#[test]
fn the_newest_image_runs_or_a_message_says_why_not() {
    check(native, &[(and_pushed, &[1])]);
    check(
        rolling,
        &[
            (and_pushed, &[1]),
            (
                |record| and_then_b(record, "ROLLBACK_SUCCESSFUL", Some("rolled-back")),
                &[],
            ),
            (
                |record| and_then_b(record, "ROLLBACK_FAILED", Some("failed")),
                &[],
            ),
            (|record| and_then_b(record, "STOPPED", Some("stopped")), &[]),
            // Untold, and not the newest.
            (
                |record| and_then_b(record, "ROLLBACK_SUCCESSFUL", None),
                &[1, 7],
            ),
            (|record| and_then_b(record, "STOPPED", None), &[1, 7]),
        ],
    );
}

/// Of two starts at once both succeed, and the later one ends the earlier one.
#[test]
fn an_image_is_deployed_once_unless_two_starts_cross() {
    fn again(record: &mut Record, second: u64, is_listed: bool) {
        let created = record.deployments[0].created_at;
        record.deployments[0].status = "STOPPED".to_owned();
        record.deployments[0].ended_at = Some(created + std::time::Duration::from_secs(30));
        // People are told of the second one alone.
        record.messages.clear();
        let arn = ARN.replace(ID, "second");
        record.messages.push(told("shipped", &arn, "a", 9));
        let mut second_one = of_ecs(Engine::Rolling, &arn, "a", 2);
        second_one.created_at = created + std::time::Duration::from_secs(second);
        record.deployments.push(second_one);
        record.reconciliations.push(reconciliation(1, 3, None));
        if is_listed {
            let at = created + std::time::Duration::from_secs(second);
            let function = Some("start-deployment".to_owned());
            let operation = "ListServiceDeployments".to_owned();
            record.aws_calls.push(record::AwsCall {
                at,
                function,
                service: "ecs".to_owned(),
                operation,
                status: 200,
                error: None,
            });
        }
    }
    check(
        rolling,
        &[
            (|record| again(record, 1, false), &[]),
            // The list does not show the first one yet.
            (|record| again(record, 1, true), &[]),
            // Too late for a second start at the same time: it is one more, and the first one's end is to be told.
            (|record| again(record, 60, false), &[2, 7]),
            (
                |record| {
                    again(record, 1, false);
                    record.reconciliations.pop();
                },
                &[2],
            ),
        ],
    );
}

/// A person's deployment of something else ends it: it was not tried.
#[test]
fn what_was_superseded_is_due_again() {
    fn again(record: &mut Record, by_other: &str) {
        record.deployments[0].status = "STOPPED".to_owned();
        record.messages = vec![told("started", ARN, "a", 2), told("stopped", ARN, "a", 5)];
        let (other, second) = (ARN.replace(ID, "other"), ARN.replace(ID, "second"));
        record.deployments.push(Deployment {
            by: By::Hand,
            ..of_ecs(Engine::Rolling, &other, by_other, 5)
        });
        record.messages.push(told("shipped", &other, by_other, 12));
        record
            .deployments
            .push(of_ecs(Engine::Rolling, &second, "a", 20));
        record.messages.push(told("shipped", &second, "a", 27));
        record.reconciliations.push(reconciliation(19, 21, None));
    }
    check(
        rolling,
        &[
            (|record| again(record, "first"), &[]),
            (|record| again(record, "a"), &[2]),
            // Two of one moment: the earlier one supersedes nothing.
            (
                |record| {
                    again(record, "first");
                    record.deployments[1].created_at = at(2);
                },
                &[],
            ),
            (
                |record| {
                    again(record, "first");
                    record.deployments[1].created_at = at(2);
                    record.deployments.swap(0, 1);
                },
                &[2],
            ),
            (
                |record| {
                    again(record, "first");
                    record.messages[1] = told("failed", ARN, "a", 5);
                },
                &[7, 7],
            ),
        ],
    );
}

#[test]
fn no_older_image_replaces_a_newer_one() {
    let older: Change = |record| {
        let arn = ARN.replace(ID, "second");
        record
            .deployments
            .push(of_ecs(Engine::Rolling, &arn, "first", 20));
        record.messages.push(told("shipped", &arn, "first", 27));
    };
    let by_person: Change = |record| {
        let arn = ARN.replace(ID, "second");
        record.deployments.push(Deployment {
            by: By::Hand,
            ..of_ecs(Engine::Rolling, &arn, "first", 20)
        });
        record.messages.push(told("shipped", &arn, "first", 27));
    };
    check(rolling, &[(older, &[3]), (by_person, &[])]);
}

#[test]
fn what_is_in_progress_is_not_answered_yet() {
    check(
        native,
        &[
            (
                |record| {
                    let stays = gate("audit", "PRE_SCALE_UP", 3, &[(4, "IN_PROGRESS")]);
                    record.hooks.push(stays);
                    record.deployments[0].ended_at = Some(at(65));
                },
                &[4],
            ),
            (
                |record| {
                    let given = &[(4, "IN_PROGRESS"), (30, "IN_PROGRESS"), (50, "SUCCEEDED")];
                    record.hooks.push(gate("audit", "PRE_SCALE_UP", 3, given));
                    record.deployments[0].ended_at = Some(at(65));
                },
                &[],
            ),
        ],
    );
}

fn denied(function: &str, minute: u64) -> AwsCall {
    AwsCall {
        at: at(minute),
        function: Some(function.to_owned()),
        service: "ecs".to_owned(),
        operation: "DescribeTasks".to_owned(),
        status: 400,
        error: Some("AccessDeniedException".to_owned()),
    }
}

#[test]
fn a_migration_is_judged_once() {
    check(
        native,
        &[
            (|record| record.migrations.clear(), &[5, 8]),
            (
                |record| record.migrations[0].deployment = "another".to_owned(),
                &[5, 8],
            ),
            (
                |record| {
                    record.hooks[0].answers[1].status = "FAILED".to_owned();
                },
                // It exited with 0; and what nothing let pass has succeeded.
                &[5, 8],
            ),
            // AWS did not let it read that.
            (
                |record| {
                    record.hooks[0].answers[1].status = "FAILED".to_owned();
                    record.aws_calls = vec![denied("run-migration", 4)];
                },
                &[8],
            ),
            (
                |record| {
                    record.hooks[0].answers[1].status = "FAILED".to_owned();
                    record.aws_calls =
                        vec![denied("run-migration", 2), denied("report-outcome", 4)];
                },
                &[5, 8],
            ),
            // It could, and could not do something else.
            (
                |record| {
                    record.hooks[0].answers[1].status = "FAILED".to_owned();
                    record.aws_calls = vec![AwsCall {
                        operation: "StopTask".to_owned(),
                        ..denied("run-migration", 4)
                    }];
                },
                &[5, 8],
            ),
            (
                |record| record.migrations.push(migration("twice", ID, Some(4), 0)),
                &[5],
            ),
            // Still running long after the end.
            (
                |record| record.migrations[0].stopped_at = Some(at(40)),
                &[5],
            ),
        ],
    );
}

#[test]
fn production_answers_every_request() {
    let failing: Change = |record| {
        let given: &[Given] = &[("1.1.0", Some("`/` answered 503"))];
        record.answers.insert("web".to_owned(), answers(given));
    };
    check(native, &[(failing, &[6])]);
    check(rolling, &[(failing, &[6])]);
}

#[test]
fn a_rollback_is_never_told_as_a_success() {
    for whole in [native, rolling] {
        check(
            whole,
            &[
                (
                    |record| record.deployments[0].status = "ROLLBACK_SUCCESSFUL".to_owned(),
                    &[7, 7],
                ),
                (
                    |record| record.deployments[0].status = "STOPPED".to_owned(),
                    &[7, 7],
                ),
                (|record| drop(record.messages.pop()), &[7]),
                (
                    |record| record.messages.push(told("rolled-back", ID, "a", 9)),
                    &[7],
                ),
                (
                    |record| record.messages.push(told("failed", ID, "a", 9)),
                    &[7],
                ),
                (
                    |record| record.messages.push(told("shipped", ID, "first", 9)),
                    &[7],
                ),
            ],
        );
    }
    check(
        native,
        &[(
            |record| record.messages.push(told("migration-failed", ID, "a", 4)),
            &[7],
        )],
    );
}

#[test]
fn a_gate_passes_because_of_green() {
    check(
        native,
        &[
            (
                |record| {
                    record.test_answers[0].by = Answerer::Task {
                        task: "task of blue".to_owned(),
                        deployment: None,
                    };
                },
                &[8],
            ),
            (|record| record.health.clear(), &[8]),
            (
                |record| record.migrations[0].revision = "web:1".to_owned(),
                &[8],
            ),
            // Nothing called the hook, or only the rollback did.
            (|record| drop(record.hooks.pop()), &[8]),
            (|record| record.hooks[1].rollback = true, &[8]),
            (
                |record| record.hooks[1].function = Some("audit".to_owned()),
                &[8],
            ),
            (
                |record| {
                    record.hooks.pop();
                    record.deployments[0].by = By::Hand;
                },
                &[],
            ),
        ],
    );
}

/// What a person asked to go back to was migrated before.
#[test]
fn a_requested_rollback_migrates_nothing() {
    fn back(record: &mut Record) {
        let arn = ARN.replace(ID, "back");
        record.deployments.push(Deployment {
            revision: "web:9".to_owned(),
            ..of_ecs(Engine::Native, &arn, "first", 20)
        });
        record.messages.push(told("shipped", &arn, "first", 27));
        record
            .reconciliations
            .push(reconciliation(19, 21, Some("web")));
        record.revisions.push(revision("web:9", "first", 20));
        record.pipelines[0].test_traffic.requests.clear();
        record.pipelines[0].runs = Some("first".to_owned());
        let mut gate = gate("run-migration", "PRE_SCALE_UP", 20, &[(20, "SUCCEEDED")]);
        gate.deployment = arn;
        record.hooks.push(gate);
        record.pushes.push(push("first", 19, "latest"));
        record.images[0].tags.push("latest".to_owned());
        record.images[1].tags.retain(|tag| tag != "latest");
    }
    check(
        native,
        &[
            (
                |record| {
                    back(record);
                    record.revisions[1].rolls_back = true;
                },
                &[],
            ),
            (back, &[5, 8]),
        ],
    );
}
