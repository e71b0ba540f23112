//! The migration before a rolling update, which no hook keeps: what is judged of it.

use record::{By, Deployment, Engine, Record};

use super::of_ecs::{ARN, Change, ID, check, native, of_ecs, rolling};
use super::{and_pushed, at, migration, reconciliation, told};

/// A rolling update with a migration before it.
fn migrated() -> Record {
    let mut record = rolling();
    record.pipelines[0].migration = native().pipelines[0].migration.clone();
    let mut task = migration("task-a", "0123456789abcdef-none", Some(2), 0);
    task.given_to = Some("start-deployment".to_owned());
    record.migrations = vec![task];
    record
}

/// A rolling update begins after its migration: no hook could hold it back.
#[test]
fn a_rolling_update_begins_after_its_migration() {
    let untold: Change = |record| ended_with(record, 1);
    let told_failed: Change = |record| {
        ended_with(record, 1);
        record
            .messages
            .push(told("migration-failed", "web-2", "a", 3));
    };
    check(
        migrated,
        &[
            (|_| {}, &[]),
            (|record| record.migrations.clear(), &[8]),
            (untold, &[5, 8]),
            (told_failed, &[8]),
            (
                |record| record.migrations[0].given_to = Some("run-migration".to_owned()),
                &[8],
            ),
            (
                |record| record.migrations[0].revision = "web:1".to_owned(),
                &[8],
            ),
            (|record| record.deployments[0].created_at = at(1), &[8]),
        ],
    );
}

/// The outcome is that of the exit code, each revision's only once, and in time.
#[test]
fn a_migration_before_a_rolling_update_is_judged_once() {
    let twice: Change = |record| {
        let again = record.migrations[0].clone();
        record.migrations.push(again);
    };
    let lie: Change = |record| {
        record
            .messages
            .push(told("migration-failed", "web-2", "a", 3))
    };
    let with_other_container: Change = |record| and_another(record, "jobs");
    let overdue_beside_another: Change = |record| {
        overdue_alone(record);
        and_another(record, "web");
    };
    // One that never started has failed, too.
    let unstarted_and_told: Change = |record| {
        unstarted_alone(record);
        record.messages = vec![told("migration-failed", "web-2", "a", 3)];
    };
    check(
        migrated,
        &[
            (twice, &[5]),
            (lie, &[5]),
            (overdue_alone, &[5]),
            (with_other_container, &[]),
            (overdue_beside_another, &[5]),
            (unstarted_alone, &[1, 5]),
            (unstarted_and_told, &[]),
        ],
    );
}

/// Another pipeline, of another repository and service, whose migration may take longer.
fn and_another(record: &mut Record, container: &str) {
    let mut other = record.pipelines[0].clone();
    for name in [&mut other.name, &mut other.service] {
        "jobs".clone_into(name);
    }
    "shop/jobs".clone_into(&mut other.repository);
    let gate = other.migration.as_mut().unwrap();
    container.clone_into(&mut gate.container);
    gate.limit_minutes = 55;
    record.pipelines.push(other);
}

/// It ran for longer than its limit.
fn overdue_alone(record: &mut Record) {
    record.migrations[0].stopped_at = Some(at(34));
    record.migrations[0].containers[0].end = None;
    record.deployments.clear();
    record.messages = vec![told("migration-failed", "web-2", "a", 34)];
    record.pipelines[0].runs = Some("first".to_owned());
}

/// Its task stopped before it started, and nobody was told.
fn unstarted_alone(record: &mut Record) {
    record.migrations[0].started_at = None;
    record.migrations[0].containers[0].end = None;
    record.deployments.clear();
    record.messages.clear();
    record.pipelines[0].runs = Some("first".to_owned());
}

fn ended_with(record: &mut Record, exit_code: i32) {
    let end = record.migrations[0].containers[0].end.as_mut();
    end.unwrap().exit_code = exit_code;
}

/// A newer image waits for the migration, and for the update that follows it: the tag may point elsewhere by then. A request counts
/// for the update that follows its migration, too.
#[test]
fn an_update_is_decided_before_its_migration() {
    let moved: Change = moved_on;
    // Nothing else of it is judged here: `b` is reported as failed.
    let unmigrated: Change = |record| {
        moved_on(record);
        record.migrations.clear();
    };
    check(migrated, &[(moved, &[]), (unmigrated, &[3, 8])]);
}

fn moved_on(record: &mut Record) {
    and_pushed(record);
    record
        .pushes
        .iter_mut()
        .for_each(|push| push.at = push.at.min(at(8)));
    record.reconciliations = vec![reconciliation(1, 3, None), reconciliation(9, 10, None)];
    record.deployments[0].created_at = at(9);
    record.deployments[0].ended_at = Some(at(16));
    record.messages = vec![
        told("started", ARN, "a", 9),
        told("shipped", ARN, "a", 20),
        told("failed", "b", "b", 30),
    ];
}

/// A person forces a deployment while `b` is migrated, after that of `a`: the message says so.
#[test]
fn a_persons_deployment_during_the_migration_is_a_reason_that_is_told() {
    fn told_of_it(record: &mut Record) {
        and_pushed(record);
        record.reconciliations.push(reconciliation(10, 12, None));
        let mut task = migration("task-b", &format!("0123456789abcdef-{ID}"), Some(16), 0);
        task.given_to = Some("start-deployment".to_owned());
        task.started_at = Some(at(12));
        for revision in [&mut task.revision, &mut task.of] {
            "web:3".clone_into(revision);
        }
        task.containers[0].digest = Some("b".to_owned());
        record.migrations.push(task);
        let mut skipped = told("skipped", "web-3", "b", 16);
        let body = skipped.body.strip_suffix('}').unwrap();
        skipped.body = format!(
            r#"{body},"summary":"a deployment that Greenlight did not start took its place while its migration ran"}}"#
        );
        record.messages.push(skipped);
    }
    fn forced(record: &mut Record, by: By, created: u64) {
        let other = ARN.replace(ID, "other");
        record.messages.push(told("shipped", &other, "a", 27));
        record.deployments.push(Deployment {
            by,
            ..of_ecs(Engine::Rolling, &other, "a", created)
        });
    }
    fn during(record: &mut Record) {
        told_of_it(record);
        forced(record, By::Hand, 14);
    }
    let untold: Change = |record| {
        during(record);
        record.messages.retain(|told| told.outcome() != "skipped");
    };
    // Greenlight's own is no reason, nor why `a` is deployed once more.
    let own: Change = |record| {
        told_of_it(record);
        forced(record, By::Greenlight, 14);
    };
    let afterwards: Change = |record| {
        told_of_it(record);
        forced(record, By::Hand, 17);
    };
    // The migration was started after it.
    let before: Change = |record| {
        during(record);
        record.migrations[1].deployment = "0123456789abcdef-other".to_owned();
    };
    let of_another_image: Change = |record| {
        during(record);
        record.migrations[1].containers[0].digest = Some("a".to_owned());
    };
    check(
        migrated,
        &[
            (during, &[]),
            (untold, &[1]),
            (told_of_it, &[1]),
            (own, &[1, 2, 3]),
            (afterwards, &[1]),
            (before, &[1]),
            (of_another_image, &[1]),
        ],
    );
}

/// What was requested at the first start of a revision was not when it is deployed again.
#[test]
fn a_request_counts_for_the_first_deployment_of_its_revision() {
    let again: Change = |record| {
        moved_on(record);
        record.reconciliations[0].asked = Some("web".to_owned());
        record.messages.push(told("shipped", "again", "a", 47));
        let mut again = record.deployments[0].clone();
        again.id = ARN.replace(ID, "again");
        again.created_at = at(40);
        again.ended_at = Some(at(47));
        record.deployments.push(again);
        record.reconciliations.push(reconciliation(39, 41, None));
    };
    check(migrated, &[(again, &[2, 3])]);
}
