//! What began beside a migration: another start's, or somebody else's deployment.

use super::*;
use crate::gate::Verdict;
use crate::task_log::TaskLog;

#[test]
fn a_migration_that_began_after_the_look_is_not_known() {
    let lost = |record: Record| Leftover {
        record,
        lost_at: None,
    };
    let other = || {
        let mut other = record();
        other.runs.revision = arn(4);
        other
    };
    // Its task is written down a moment later.
    let mut with_task = record();
    with_task.task = Some(task("RUNNING").arn);
    let scheduled = Scheduled {
        record: record(),
        due: Some(at(30)),
        now: Some(at(1)),
    };
    let mut migrations = Migrations::new(id("d0"));
    assert!(!migrations.knows(&record()));
    migrations.leftover = Some(lost(record()));
    assert!(migrations.knows(&record()) && migrations.knows(&with_task));
    assert!(!migrations.knows(&other()));
    migrations.leftover = None;
    migrations.running = Some((scheduled, marked(3, ""), Underway::Starting));
    assert!(migrations.knows(&record()) && migrations.knows(&with_task));
    assert!(!migrations.knows(&other()));
    assert!(!migrations.knows(&Record {
        id: id("d1"),
        ..record()
    }));
}

/// A start that did not see the migration of a newer image, and deployed an older one: that is due as ever. Revision 2 is what was
/// deployed, with a mark of its own or none.
#[test]
fn an_older_image_that_was_migrated_beside_supersedes_no_newer_one() {
    let pipeline = Config::parse(PIPELINE).unwrap().pipelines.remove(0);
    let stack = "greenlight".parse().unwrap();
    let time = "2026-10-14T09:30:00Z";
    for (beside, expected) in [
        (format!("succeeded 1a2b {time} gone"), vec![]),
        (
            format!("succeeded 1a2b {time} older"),
            vec![Some(End::Superseded)],
        ),
        (
            format!("failed 1a2b 1 {time} gone"),
            vec![Some(End::Superseded), Some(End::Failed)],
        ),
    ] {
        let mut migrations = Migrations::new(id("d0"));
        migrations.deployed = vec![arn(2)];
        migrations.newest_of_ours = Some(arn(2));
        let newer = marked(3, &format!("superseded 8f3c {time} gone"));
        migrations.read(&pipeline, &stack, vec![newer, marked(2, &beside)]);
        let attempts = migrations.attempts(&pipeline, &candidate('a'));
        let ends: Vec<Option<End>> = attempts.iter().map(|attempt| attempt.end).collect();
        assert_eq!(ends, expected, "{beside}");
    }
}

#[test]
fn only_what_succeeded_is_marked_as_superseded() {
    let unread = TaskLog::default;
    let failed = || Verdict::Failed {
        reason: "exit code 1".to_owned(),
        log: unread(),
    };
    let table = [
        (
            Some(Verdict::Succeeded("0".to_owned())),
            false,
            Ended::Succeeded,
        ),
        (
            Some(Verdict::Succeeded("0".to_owned())),
            true,
            Ended::Superseded,
        ),
        (Some(failed()), true, Ended::Failed(None)),
        (None, true, Ended::Unknown),
    ];
    for (verdict, is_superseded, expected) in table {
        let mark = marked_as(&record(), None, verdict.as_ref(), is_superseded, at(1));
        assert_eq!(mark.ended, expected, "{verdict:?} {is_superseded}");
    }
}
