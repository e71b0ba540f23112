//! Invariant 5: migrations are judged once, by their exit codes.

use super::{Change, at, check, container_end, migration};
use record::{Container, ContainerEnd, End, Migration, Record};

/// How the container that migrates ended.
pub(super) fn end_of_migration(record: &mut Record) -> &mut ContainerEnd {
    record.migrations[0].containers[0].end.as_mut().unwrap()
}

/// An essential container that ended by itself.
fn proxy(minute: u64) -> Container {
    Container {
        name: "proxy".to_owned(),
        essential: true,
        digest: None,
        ran: vec![9],
        end: Some(container_end(minute, 1)),
    }
}

#[test]
fn a_migration_is_judged_once_by_its_exit_code() {
    for (change, expected) in [
        (
            (|record| end_of_migration(record).exit_code = 1) as Change,
            &[5, 8][..],
        ),
        (|record| record.migrations.clear(), &[5, 8]),
        (|record| end_of_migration(record).at = at(5), &[5, 8]),
        (|record| end_of_migration(record).by_itself = false, &[5, 8]),
        // The task keeps running after its migration has ended.
        (|record| record.migrations[0].stopped_at = Some(at(5)), &[]),
        (
            |record| record.hooks[0].answers[0].status = "Failed".to_owned(),
            &[5],
        ),
        (
            |record| {
                let again = record.hooks[0].answers[0].clone();
                record.hooks[0].answers.push(again);
            },
            &[5],
        ),
        (
            |record| {
                let again = migration("task-again", "d-a", Some(4), 0);
                record.migrations.push(again);
            },
            &[5],
        ),
        (
            |record| {
                record.pipelines[0].migration = None;
                record.migrations.clear();
            },
            &[],
        ),
        (
            |record| {
                record.hooks[0].answers[0].status = "Failed".to_owned();
                end_of_migration(record).exit_code = 1;
            },
            &[],
        ),
        // The marks of a task do not make it a migration.
        (
            |record| {
                let forged = Migration {
                    given_to: None,
                    ..migration("forged", "d-a", None, 0)
                };
                record.migrations.push(forged);
            },
            &[],
        ),
        // ECS does not report which of two containers ended first.
        (
            |record| {
                record.hooks[0].answers[0].status = "Failed".to_owned();
                record.migrations[0].containers.push(proxy(4));
            },
            &[],
        ),
        (
            |record| {
                record.hooks[0].answers[0].status = "Failed".to_owned();
                record.migrations[0].containers.push(proxy(5));
            },
            &[5],
        ),
    ] {
        check(change, expected);
    }
}

#[test]
fn no_migration_outlives_its_deployment() {
    let running: Change = |record| {
        record.hooks[0].answers.clear();
        record.migrations[0].stopped_at = None;
    };
    check(running, &[5]);
    let long: Change = |record| {
        record.hooks[0].answers.clear();
        record.migrations[0].stopped_at = Some(at(22));
    };
    check(long, &[5]);
    let lost: Change = |record| {
        record.hooks[0].answers.clear();
        record.migrations[0].stopped_at = Some(at(22));
        record.deployments[0].end = End::Lost;
    };
    check(lost, &[]);
}
