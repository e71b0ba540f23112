mod alone;

use std::time::Duration;

use time::UtcDateTime;

use super::*;
use crate::config::{MigrationImage, MigrationRevision};
use crate::observed::{ContainerOverride, LoadBalancerTarget};

const GREEN_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-green/0123456789abcdef";

const GREEN: Own<'static> = Own {
    task_set: Some("ecs-svc/2"),
    since: Some(UtcDateTime::UNIX_EPOCH),
};

pub(super) fn revision(number: u32) -> RevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}")
        .parse()
        .unwrap()
}

/// A task of green with a sidecar that ECS lists first.
fn task(stop_code: &str, reason: &str, exit_code: Option<i64>, stopped_at: i64) -> Task {
    Task {
        arn: format!("arn:aws:ecs:eu-central-1:111122223333:task/prod/{stopped_at}")
            .parse()
            .unwrap(),
        started_by: Some("ecs-svc/2".to_owned()),
        stop_code: Some(stop_code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        stopped_at: UtcDateTime::from_unix_timestamp(stopped_at).ok(),
        ..Task::for_tests(&[("datadog-agent", Some(1)), ("web", exit_code)])
    }
}

fn exited(exit_code: i64, stopped_at: i64) -> Task {
    let reason = "Essential container in task exited";
    task(
        "EssentialContainerExited",
        reason,
        Some(exit_code),
        stopped_at,
    )
}

pub(super) fn service(events: &[String]) -> Service {
    Service {
        load_balancer: Some(LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 8080,
            target_group: None,
        }),
        events: events
            .iter()
            .map(|message| ServiceEvent {
                at: None,
                message: message.clone(),
            })
            .collect(),
        ..Service::for_tests()
    }
}

fn migration() -> Migration {
    Migration {
        container: "web".parse().unwrap(),
        command: vec!["migrate".to_owned()],
        image: MigrationImage::Pushed,
        revision: MigrationRevision::Shipped,
        time_out: Duration::from_secs(60),
    }
}

/// With the events of the service; only `web` is essential.
#[track_caller]
fn check_with(events: &[String], tasks: &[Task], expected: Option<&str>) {
    let said = said_of(events, tasks, GREEN);
    assert_eq!(said.as_deref(), expected);
}

fn said_of(events: &[String], tasks: &[Task], own: Own<'_>) -> Option<String> {
    let (shipped, service) = (revision(2), service(events));
    let known = Known {
        service: Some(&service),
        own,
        ..known(&shipped)
    };
    let essential = ["web".parse().unwrap()];
    let known = Known {
        essential: &essential,
        ..known
    };
    let cause = find(tasks, known, Some(&migration()))?;
    let log = cause
        .container
        .map_or("-".to_owned(), |name| name.to_string());
    Some(format!("{log}: {}", cause.sentence))
}

pub(super) fn known(shipped: &RevisionArn) -> Known<'_> {
    Known {
        shipped,
        essential: &[],
        migration_started_by: "greenlight/d-1",
        alone: None,
        service: None,
        cluster: "prod",
        own: GREEN,
    }
}

#[track_caller]
fn check(tasks: &[Task], expected: Option<&str>) {
    check_with(&[], tasks, expected);
}

const SCALED_IN: &str = "Scaling activity initiated by (deployment ecs-svc/2)";

#[test]
fn the_latest_task_that_failed_says_why() {
    check(
        &[
            exited(1, 1),
            exited(3, 2),
            task("ServiceSchedulerInitiated", SCALED_IN, Some(143), 3),
        ],
        Some(
            "web: 2 tasks of revision web:2 stopped, the last one: container `web` exited with code 3; Essential container in \
             task exited",
        ),
    );
}

#[test]
fn a_failed_migration_comes_first_and_another_deployments_does_not_count() {
    let migrated = |deployment: &str, exit_code| Task {
        started_by: Some(format!("greenlight/{deployment}")),
        started_at: Some(UtcDateTime::UNIX_EPOCH),
        ..exited(exit_code, 1)
    };
    let green = exited(3, 2);
    let why = "web: the migration exited with code 9 (Essential container in task exited; stop code EssentialContainerExited)";
    check(&[green.clone(), migrated("d-1", 9)], Some(why));
    let why = "web: a task of revision web:2 stopped: container `web` exited with code 3; Essential container in task exited";
    check(&[migrated("d-2", 9), green.clone()], Some(why));
    check(&[migrated("d-1", 0), green.clone()], Some(why));
    let taken_down = |exit_code| Task {
        stop_code: Some("UserInitiated".to_owned()),
        stopped_reason: Some(migration::NO_LONGER_NEEDED.to_owned()),
        ..migrated("d-1", exit_code)
    };
    check(&[taken_down(0), green.clone()], Some(why));
    let why =
        "web: the migration exited with code 9 (the migration has ended; stop code UserInitiated)";
    check(&[taken_down(9), green], Some(why));
}

/// The stop code is that of a scale-in.
#[test]
fn a_task_that_failed_its_health_checks_says_which_and_why() {
    let failed = format!("Task failed ELB health checks in (target-group {GREEN_GROUP})");
    let unhealthy = task("ServiceSchedulerInitiated", &failed, Some(143), 3);
    let event = |whose: &str, group: &str, reason: &str| {
        format!(
            "{whose} (port 8080) is unhealthy in (target-group {group}) due to (reason {reason})"
        )
    };
    let blue = GREEN_GROUP.replace("green", "blue");
    let of_blue = event(
        "(service web, taskSet ecs-svc/1)",
        &blue,
        "Request timed out",
    );
    let codes = "Health checks failed with these codes: [503]";
    let said = format!("web: a task of revision web:2 stopped: {failed}");
    let with_reason = format!("{said}; the target's last reason: {codes}");
    for whose in [
        "(service web, taskSet ecs-svc/2) (task 3)",
        "(service web, taskSet ecs-svc/2)",
        "(service web) (task 3)",
        "(service web)",
    ] {
        let events = [
            "(service web) has started 1 tasks: (task 4).".to_owned(),
            of_blue.clone(),
            format!("{}.", event(whose, GREEN_GROUP, codes)),
        ];
        check_with(
            &events,
            std::slice::from_ref(&unhealthy),
            Some(&with_reason),
        );
    }
    check_with(&[of_blue], std::slice::from_ref(&unhealthy), Some(&said));
    let mut own_check = task(
        "ServiceSchedulerInitiated",
        "Task failed container health checks",
        Some(143),
        3,
    );
    let said = "a task of revision web:2 stopped: Task failed container health checks";
    check(&[own_check.clone()], Some(&format!("web: {said}")));
    own_check.containers[1].is_unhealthy = true;
    check(
        &[own_check],
        Some(&format!("web: {said}; UNHEALTHY: `web`")),
    );
}

#[test]
fn a_stop_is_judged_by_its_sentence() {
    let of = |stop_code: &str, reason: &str| {
        let mut task = task(stop_code, reason, None, 3);
        task.containers[0].exit_code = None;
        task
    };
    let scheduler = "ServiceSchedulerInitiated";
    for (stop_code, reason) in [
        (
            "TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets or registry auth",
        ),
        (
            "TaskFailedToStart",
            "Timeout waiting for network interface provisioning to complete.",
        ),
        (scheduler, "Task failed to start"),
        (scheduler, "Service task is unhealthy"),
    ] {
        let expected = format!("-: a task of revision web:2 stopped: {reason}");
        check(&[of(stop_code, reason)], Some(&expected));
    }
    for (stop_code, reason) in [
        ("SpotInterruption", "Your Spot Task was interrupted."),
        ("UserInitiated", "Task stopped by user"),
        (
            "TerminationNotice",
            "ECS is performing maintenance on the underlying infrastructure hosting the task.",
        ),
        ("SomethingNew", "it is so"),
    ] {
        let expected = format!("-: a task of revision web:2 stopped: {reason} ({stop_code})");
        check(&[of(stop_code, reason)], Some(&expected));
        // What failed by itself comes first, however early.
        let failed = "web: a task of revision web:2 stopped: container `web` exited with code 1; Essential container in task \
                      exited";
        check(&[exited(1, 1), of(stop_code, reason)], Some(failed));
    }
    check(&[of(scheduler, SCALED_IN)], None);
    let named_badly = "Scaling activity initiated by (deployment failing-error)";
    check(&[of(scheduler, named_badly)], None);
}

/// `init` fails, so ECS never starts `web`, and states 143 of it all the same: of green, and of the migration.
#[test]
fn a_failed_dependency_is_told_with_its_own_log() {
    let reason = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init(shop/init) \
                  (STOPPED->STOPPED) - Exit: 1] for target [web(shop/web) (PULLED->RUNNING)] as dependency did not exit successfully.";
    let mut green = task("TaskFailedToStart", "Task failed to start", Some(143), 3);
    green.started_at = None;
    green.containers[0].name = "init".parse().unwrap();
    green.containers[1].reason = Some(reason.to_owned());
    let migration = Task {
        started_by: Some("greenlight/d-1".to_owned()),
        ..green.clone()
    };
    let why = format!(
        "init: a task of revision web:2 stopped: container `init` exited with code 1; container `web` did not start ({reason}); \
         Task failed to start"
    );
    check(&[green], Some(&why));
    assert_eq!(
        database_after(std::slice::from_ref(&migration)),
        Some(Migrated::Nothing)
    );
    let why = format!(
        "init: the migration never started: {reason}; container `init` exited with code 1; Task failed to start; stop code \
         TaskFailedToStart"
    );
    check(&[migration], Some(&why));
}

#[test]
fn memory_is_named_even_where_ecs_was_about_to_stop_the_task() {
    let mut killed = task("ServiceSchedulerInitiated", SCALED_IN, Some(137), 3);
    killed.containers[1].reason =
        Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
    check(
        &[killed],
        Some(
            "web: a task of revision web:2 stopped: container `web` exited with code 137 (OutOfMemoryError: Container killed due \
             to memory usage); Scaling activity initiated by (deployment ecs-svc/2)",
        ),
    );
}

#[test]
fn the_memory_of_a_sidecar_does_not_make_a_failure_of_a_task_that_ecs_took_down() {
    let reason = "OutOfMemoryError: Container killed due to memory usage";
    let with_sidecar = |mut task: Task| {
        task.containers[0].exit_code = Some(137);
        task.containers[0].reason = Some(reason.to_owned());
        task
    };
    let scaled_in = || task("ServiceSchedulerInitiated", SCALED_IN, Some(143), 3);
    check(&[with_sidecar(scaled_in())], None);
    let failed = "web: a task of revision web:2 stopped: container `web` exited with code 3; Essential container in task exited";
    check(&[exited(3, 1), with_sidecar(scaled_in())], Some(failed));
    check(&[with_sidecar(exited(3, 1)), scaled_in()], Some(failed));
    // Somebody stopped it.
    let spot = "Your Spot Task was interrupted.";
    check(
        &[with_sidecar(task("SpotInterruption", spot, Some(143), 3))],
        Some(
            "web: a task of revision web:2 stopped: container `web` exited with code 143; Your Spot Task was interrupted. \
             (SpotInterruption)",
        ),
    );
}

#[test]
fn tasks_that_ecs_took_down_and_other_revisions_say_nothing() {
    check(
        &[task("ServiceSchedulerInitiated", SCALED_IN, Some(143), 3)],
        None,
    );
    check(
        &[Task {
            revision: revision(1),
            ..exited(1, 3)
        }],
        None,
    );
    check(&[], None);
}

fn database_after(tasks: &[Task]) -> Option<Migrated> {
    let shipped = revision(2);
    let essential = ["web".parse().unwrap()];
    let known = Known {
        essential: &essential,
        ..known(&shipped)
    };
    migrated(tasks, known, &migration())
}

#[test]
fn the_database_is_as_far_as_the_migration_came() {
    let of = |exit_code: Option<i64>, started: bool| {
        database_after(&[Task {
            started_by: Some("greenlight/d-1".to_owned()),
            started_at: started.then_some(UtcDateTime::UNIX_EPOCH),
            ..task("EssentialContainerExited", "x", exit_code, 1)
        }])
    };
    assert_eq!(of(Some(0), true), Some(Migrated::Done));
    assert_eq!(of(Some(1), true), Some(Migrated::Partly));
    assert_eq!(of(None, false), Some(Migrated::Nothing));
}

/// A person stops the deployment: the task is told to stop, and its first container runs.
#[test]
fn the_database_is_not_said_to_be_as_it_was_while_the_migration_is_being_stopped() {
    let mut task = Task {
        started_by: Some("greenlight/d-1".to_owned()),
        started_at: None,
        last_status: "PENDING".to_owned(),
        ..task("UserInitiated", "its deployment has ended", None, 1)
    };
    task.containers[0].exit_code = None;
    task.containers[1].runtime_id = Some("8f3c1a7c-1".to_owned());
    assert_eq!(database_after(&[task.clone()]), Some(Migrated::Partly));
    check(
        &[task],
        Some(
            "web: the migration was being stopped: its deployment has ended; stop code UserInitiated",
        ),
    );
}

/// Where the revision cannot be read, the gate takes every container for essential, and refuses a 0 beside one that ended.
#[test]
fn what_the_gate_refused_is_no_migrated_database_where_the_revision_cannot_be_read() {
    let of = |essential: &[ContainerName]| {
        let tasks = [Task {
            started_by: Some("greenlight/d-1".to_owned()),
            ..task("EssentialContainerExited", "x", Some(0), 1)
        }];
        let shipped = revision(2);
        let known = Known {
            essential,
            ..known(&shipped)
        };
        let cause = find(&tasks, known, Some(&migration()));
        let migrated = migrated(&tasks, known, &migration());
        (migrated, cause.is_some())
    };
    assert_eq!(of(&[]), (Some(Migrated::Partly), true));
    assert_eq!(of(&["web".parse().unwrap()]), (Some(Migrated::Done), false));
}

/// A gate fails as well where its time was over before ECS said that the task ran: nothing may be claimed then.
#[test]
fn a_migration_is_not_said_to_have_run_where_that_is_not_known() {
    let said = Migrated::Partly.database();
    assert!(said.contains("may have run"), "{said}");
    assert!(!said.contains("migration ran"), "{said}");
}

/// Two tasks are marked as the migration: the one that was to be started counts, in whatever order ECS lists them.
#[test]
fn the_migration_is_told_from_another_task_with_its_mark() {
    let marked = |name: &str, exit_code: i64, command: &[&str]| Task {
        arn: format!("arn:aws:ecs:eu-central-1:111122223333:task/prod/{name}")
            .parse()
            .unwrap(),
        started_by: Some("greenlight/d-1".to_owned()),
        overrides: vec![ContainerOverride {
            name: "web".parse().unwrap(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            environment: std::collections::BTreeMap::new(),
            others: Vec::new(),
        }],
        ..exited(exit_code, 1)
    };
    let told = |tasks: [Task; 2]| {
        let [mut one, mut other] = [tasks.clone(), [tasks[1].clone(), tasks[0].clone()]]
            .map(|tasks| (said_of(&[], &tasks, Own::default()), database_after(&tasks)));
        // Which of two is quoted follows from the order.
        for said in [&mut one.0, &mut other.0] {
            *said = said.take().map(|said| said.replace("code 8", "code 9"));
        }
        assert_eq!(one, other);
        one
    };
    let ended = "(Essential container in task exited; stop code EssentialContainerExited)";
    let failed = format!("web: the migration exited with code 9 {ended}");
    let unclear = format!(
        "web: 2 tasks are marked as the deployment's migration, and ECS does not state which of them is; one of them: the \
         migration exited with code 9 {ended}"
    );
    let (ours, other) = (&["migrate"][..], &["true"][..]);
    for (tasks, said, database) in [
        // The one that was to be started, and another one.
        ([(9, ours), (0, other)], Some(&failed), Migrated::Partly),
        ([(0, ours), (9, other)], None, Migrated::Done),
        // Both are, or neither.
        ([(9, ours), (0, ours)], Some(&unclear), Migrated::Partly),
        ([(9, other), (0, other)], Some(&unclear), Migrated::Partly),
        ([(9, ours), (8, ours)], Some(&unclear), Migrated::Partly),
        ([(0, ours), (0, ours)], None, Migrated::Done),
    ] {
        let [(one, its), (two, theirs)] = tasks;
        let tasks = [marked("1", one, its), marked("2", two, theirs)];
        assert_eq!(told(tasks), (said.cloned(), Some(database)), "{said:?}");
    }
}
