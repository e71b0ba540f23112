//! Migrations that something else kept from running: whose log is quoted, and which secret is named.

use super::*;
use crate::redact::{self, Places};

/// `web` migrates and waits for `init`, which ended with this code or for this reason.
fn kept(init: Option<i64>, reason: Option<&str>) -> Task {
    let waited = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency \
                  [init(shop/init) (STOPPED->STOPPED)] for target [web(shop/web) (PULLED->RUNNING)]";
    let container = |name, exit_code, reason: Option<&str>| TaskContainer {
        reason: reason.map(str::to_owned),
        ..TaskContainer::for_tests(name, exit_code)
    };
    let mut task = task(Some(143));
    task.started_at = None;
    task.containers = vec![
        container("web", Some(143), Some(waited)),
        container("init", init, reason),
    ];
    task
}

#[test]
fn the_log_is_that_of_what_kept_the_migration_from_running() {
    for (init, reason, log) in [
        (Some(1), None, "(init: [\"no such table\"])"),
        (
            Some(137),
            Some("OutOfMemoryError: killed"),
            "(init: [\"no such table\"])",
        ),
        // What never ran has no log.
        (None, Some("CannotPullContainerError: no such image"), ""),
    ] {
        let said = World::new(described(kept(init, reason))).said(&ended());
        assert!(
            said.starts_with("nothing ran: the migration never started: "),
            "{said}"
        );
        assert!(said.ends_with(log), "{said}");
        assert_eq!(log.is_empty(), !said.contains("no such table"), "{said}");
    }
}

/// Its own log where it ran, whoever ended it.
#[test]
fn a_migration_that_ran_is_quoted_itself() {
    let mut task = task(Some(3));
    task.containers
        .push(TaskContainer::for_tests("init", Some(1)));
    let (finish, needed) = World::new(described(task)).decide(&ended());
    let said = said(finish.unwrap());
    assert!(
        said.starts_with("failed: the migration exited with code 3"),
        "{said}"
    );
    let of_web = |need: &Need| matches!(need, Need::Log(_, of) if of.as_str() == "web");
    assert!(needed.iter().any(of_web), "{needed:?}");
}

#[test]
fn a_secret_that_could_not_be_read_is_named_as_the_revision_names_it() {
    let sentence = "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: \
                    arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-Ab1: AccessDeniedException";
    for (stop_code, exit_code, began) in [
        (
            "TaskFailedToStart",
            None,
            "nothing ran: the migration never started: ",
        ),
        (
            "EssentialContainerExited",
            Some(3),
            "failed: the migration exited with code 3",
        ),
    ] {
        let mut task = task(Some(0));
        task.started_at = None;
        task.stop_code = Some(stop_code.to_owned());
        task.stopped_reason = Some(redact::redact(sentence));
        task.containers[0].exit_code = exit_code;
        task.secret_places = Places::of([sentence]);
        let said = World::new(described(task)).said(&ended());
        assert!(said.starts_with(began), "{said}");
        assert!(said.contains(" (secret: [DB_PASSWORD])"), "{said}");
        assert!(!said.contains("prod/db"), "{said}");
    }
}
