//! The fifth: migrations are judged once, by their exit codes.

use super::super::facts::{Container, ContainerEnd, End, Facts, Migration};
use super::{Change, at, check, container_end, migration};

/// How the container that migrates ended.
pub(super) fn end_of_migration(facts: &mut Facts) -> &mut ContainerEnd {
    facts.migrations[0].containers[0].end.as_mut().unwrap()
}

/// An essential container that ended by itself.
fn proxy(minute: u64) -> Container {
    Container {
        name: "proxy".to_owned(),
        essential: true,
        digest: None,
        ran: vec!["proxy".to_owned()],
        end: Some(container_end(minute, 1)),
    }
}

#[test]
fn a_migration_is_judged_once_by_its_exit_code() {
    for (change, expected) in [
        (
            (|facts| end_of_migration(facts).exit_code = 1) as Change,
            &[5, 8][..],
        ),
        (|facts| facts.migrations.clear(), &[5, 8]),
        (|facts| end_of_migration(facts).at = at(5), &[5, 8]),
        (|facts| end_of_migration(facts).by_itself = false, &[5, 8]),
        // The task goes on, and its migration has ended.
        (|facts| facts.migrations[0].stopped_at = Some(at(5)), &[]),
        (
            |facts| facts.hooks[0].answers[0].status = "Failed".to_owned(),
            &[5],
        ),
        (
            |facts| {
                let again = facts.hooks[0].answers[0].clone();
                facts.hooks[0].answers.push(again);
            },
            &[5],
        ),
        (
            |facts| {
                let again = migration("task-again", "d-a", Some(4), 0);
                facts.migrations.push(again);
            },
            &[5],
        ),
        (
            |facts| {
                facts.pipelines[0].migration = None;
                facts.migrations.clear();
            },
            &[],
        ),
        (
            |facts| {
                facts.hooks[0].answers[0].status = "Failed".to_owned();
                end_of_migration(facts).exit_code = 1;
            },
            &[],
        ),
        // What a task says of itself makes no migration of it.
        (
            |facts| {
                let forged = Migration {
                    given_to: None,
                    ..migration("forged", "d-a", None, 0)
                };
                facts.migrations.push(forged);
            },
            &[],
        ),
        // Which of two containers ended first ECS does not say.
        (
            |facts| {
                facts.hooks[0].answers[0].status = "Failed".to_owned();
                facts.migrations[0].containers.push(proxy(4));
            },
            &[],
        ),
        (
            |facts| {
                facts.hooks[0].answers[0].status = "Failed".to_owned();
                facts.migrations[0].containers.push(proxy(5));
            },
            &[5],
        ),
    ] {
        check(change, expected);
    }
}

#[test]
fn no_migration_outlives_its_deployment() {
    let running: Change = |facts| {
        facts.hooks[0].answers.clear();
        facts.migrations[0].stopped_at = None;
    };
    check(running, &[5]);
    let long: Change = |facts| {
        facts.hooks[0].answers.clear();
        facts.migrations[0].stopped_at = Some(at(22));
    };
    check(long, &[5]);
    let lost: Change = |facts| {
        facts.hooks[0].answers.clear();
        facts.migrations[0].stopped_at = Some(at(22));
        facts.deployments[0].end = End::Lost;
    };
    check(lost, &[]);
}
