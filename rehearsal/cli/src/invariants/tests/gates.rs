//! The eighth: gates' successes were given by green.

use super::super::facts::{Answerer, By, Facts};
use super::migrations::end_of_migration;
use super::{Change, at, check, health, migration, test_answer};

#[track_caller]
fn check_all(changes: &[Change], expected: &[u8]) {
    for change in changes {
        check(*change, expected);
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

/// It ran these words in its container.
fn ran(facts: &mut Facts, words_of_it: &[&str]) {
    let words = words_of_it.iter().map(|word| (*word).to_owned());
    facts.migrations[0].containers[0].ran = words.collect();
}

#[test]
fn a_migration_gate_succeeds_by_what_green_migrated() {
    let not_of_green: &[Change] = &[
        |facts| facts.migrations[0].revision = "web:1".to_owned(),
        |facts| facts.migrations[0].containers[0].digest = Some("first".to_owned()),
        |facts| facts.migrations[0].containers[0].digest = None,
        |facts| facts.migrations[0].containers[0].name = "worker".to_owned(),
        |facts| ran(facts, &["entry", "manage"]),
        |facts| ran(facts, &["entry", "manage", "migrate", "--plan"]),
        |facts| ran(facts, &["manage", "--version"]),
        |facts| ran(facts, &[]),
    ];
    for change in not_of_green {
        // The fifth asks for the container, the eighth for everything.
        let mut facts = super::shipped("latest");
        change(&mut facts);
        let found = super::judge(&facts);
        let numbers: Vec<u8> = found.iter().map(|found| found.invariant.number()).collect();
        assert!(numbers == [8] || numbers == [5, 8], "{found:#?}");
    }
    check_all(
        &[
            // Somebody's own task, or another function's, whatever it ran.
            |facts| facts.migrations[0].given_to = None,
            |facts| facts.migrations[0].given_to = Some("finish-migration".to_owned()),
            |facts| facts.migrations[0].deployment = "d-other".to_owned(),
            |facts| end_of_migration(facts).exit_code = 137,
            |facts| end_of_migration(facts).by_itself = false,
            |facts| end_of_migration(facts).at = at(5),
            |facts| facts.migrations[0].containers[0].end = None,
        ],
        &[5, 8],
    );
}

#[test]
fn a_migration_may_run_so_too() {
    check_all(
        &[
            |facts| {
                facts.pipelines[0].migration.as_mut().unwrap().has_own_image = true;
                facts.migrations[0].containers[0].digest = Some("tools".to_owned());
            },
            // A shell splits the one word that it was given.
            |facts| {
                let gate = facts.pipelines[0].migration.as_mut().unwrap();
                gate.command = vec!["manage migrate".to_owned()];
                facts.migrations[0].containers[0].ran = words("manage migrate");
            },
            // A task that somebody marked stands beside it.
            |facts| {
                let mut forged = migration("forged", "d-a", Some(3), 0);
                forged.given_to = None;
                facts.migrations.insert(0, forged);
            },
            |facts| {
                facts.pipelines[0].migration = None;
                facts.migrations.clear();
            },
        ],
        &[],
    );
    // Nobody says that a failure must be green's.
    check(
        |facts| {
            facts.hooks[0].answers[0].status = "Failed".to_owned();
            facts.migrations.clear();
        },
        &[],
    );
}

#[test]
fn test_traffic_succeeds_by_what_green_answered() {
    let blue = Answerer::Task {
        task: "blue".to_owned(),
        deployment: None,
    };
    let by_blue = |facts: &mut Facts, place: usize| facts.test_answers[place].by = blue.clone();
    let mut facts = super::shipped("latest");
    by_blue(&mut facts, 1);
    let found = super::judge(&facts);
    assert!(
        found[0]
            .to_string()
            .contains("by blue, which is not green's")
    );
    check_all(
        &[
            |facts| facts.test_answers.clear(),
            |facts| drop(facts.test_answers.pop()),
            |facts| facts.test_answers[1].path = "/other".to_owned(),
            |facts| facts.test_answers[1].status = 503,
            |facts| facts.test_answers[1].by = Answerer::LoadBalancer,
            // Another deployment's green, or a task from before all of them.
            |facts| facts.test_answers[1] = test_answer("d-b", "/orders", 5),
            |facts| {
                let blue = Answerer::Task {
                    task: "blue".to_owned(),
                    deployment: None,
                };
                let mut answer = test_answer("d-a", "/", 5);
                answer.by = blue;
                facts.test_answers.push(answer);
            },
            // Before the listener's nodes had learnt, or after the verdict.
            |facts| facts.test_answers[0].asked_at = at(4),
            |facts| facts.test_answers[0].at = at(7),
            |facts| facts.pipelines[0].test_traffic.settle *= 10,
            |facts| facts.test_answers[0].address = "::1".to_owned(),
            |facts| {
                let addresses = &mut facts.pipelines[0].test_traffic.addresses;
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
            |facts| facts.health.clear(),
            |facts| facts.health[1].state = "unhealthy".to_owned(),
            |facts| facts.health[1].at = at(7),
            |facts| facts.health[1].deployment = None,
            |facts| facts.hooks[1].answers[0].wanted = Some(2),
            |facts| {
                let mut another = health("d-a", "initial", 3);
                another.task = "another task of d-a".to_owned();
                facts.health.insert(0, another);
            },
        ],
        &[8],
    );
}

#[test]
fn test_traffic_may_succeed_so_too() {
    check_all(
        &[
            // Nobody wants a task that could answer.
            |facts| {
                facts.hooks[1].answers[0].wanted = Some(0);
                facts.test_answers.clear();
                facts.health.clear();
            },
            |facts| {
                facts.pipelines[0].test_traffic.requests.clear();
                facts.test_answers.clear();
            },
            // While nodes learn, blue answers.
            |facts| {
                let mut early = test_answer("d-first", "/", 4);
                early.status = 500;
                facts.test_answers.insert(0, early);
            },
            // What nobody asked the gate for.
            |facts| {
                facts
                    .test_answers
                    .push(test_answer("d-first", "/favicon.ico", 5))
            },
            |facts| {
                facts.test_answers.insert(0, test_answer("d-a", "/", 5));
                facts.test_answers[0].status = 503;
            },
            // They are well for a moment, which is measured.
            |facts| facts.health.insert(2, health("d-a", "unhealthy", 5)),
            |facts| {
                facts.hooks[1].answers[0].status = "Failed".to_owned();
                facts.test_answers.clear();
            },
            |facts| {
                facts.pipelines[0].migration = None;
                facts.migrations.clear();
                facts.test_answers.clear();
                facts.deployments[0].by = By::Rollback;
                facts.messages[1].outcome = "rolled-back".to_owned();
                facts.messages.remove(0);
            },
        ],
        &[],
    );
}
