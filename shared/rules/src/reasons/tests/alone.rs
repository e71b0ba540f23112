use super::*;

/// The migration's task is one of another revision, whose essential containers are others.
#[test]
fn a_migration_that_ran_alone_is_known_by_its_revision() {
    let of = |revision: &str, exit_code| Task {
        started_by: Some("greenlight/d-1".to_owned()),
        revision: format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/{revision}")
            .parse()
            .unwrap(),
        ..exited(exit_code, 1)
    };
    let (shipped, essential) = (revision(2), ["web".parse().unwrap()]);
    let revisions = [of("web-migration:1", 0).revision];
    let known = Known {
        // Not known: then any container may have ended it, such as the sidecar that did as well.
        essential: &[],
        alone: Some(Alone {
            revisions: &revisions,
            essential: &essential,
        }),
        ..known(&shipped)
    };
    let said = |task: Task| {
        let tasks = [task];
        let cause = find(&tasks, known, Some(&migration()));
        let migrated = migrated(&tasks, known, &migration());
        (cause.map(|cause| cause.sentence), migrated)
    };
    let (cause, migrated) = said(of("web-migration:1", 9));
    assert!(
        cause
            .unwrap()
            .starts_with("the migration exited with code 9")
    );
    assert_eq!(migrated, Some(Migrated::Partly));
    assert_eq!(said(of("web-migration:1", 0)), (None, Some(Migrated::Done)));
    // Only marked: another revision of that family, and the same one where the migration runs in the shipped one.
    assert_eq!(said(of("web-migration:2", 9)), (None, None));
    let without = Known {
        alone: None,
        ..known
    };
    let tasks = [of("web-migration:1", 9)];
    assert!(find(&tasks, without, Some(&migration())).is_none());
}
