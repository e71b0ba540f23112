mod evidence;
mod fitness;
mod placement;
mod record;
mod run;

use super::*;

/// What is said of a task of which these containers ended so.
fn said(task: &Task, essential: &[&str]) -> String {
    let essential: Vec<ContainerName> =
        essential.iter().map(|name| name.parse().unwrap()).collect();
    match judge(task, &"web".parse().unwrap(), &essential) {
        Verdict::Succeeded => "succeeded".to_owned(),
        Verdict::Failed { reason, ran: _ } => reason,
    }
}

/// One line a task: how it ended, as ECS says.
#[track_caller]
fn check(exit_code: Option<i64>, started: bool, stop_code: &str, reason: &str, expected: &str) {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let whole = Task::for_tests(&[("sidecar", Some(137)), ("web", exit_code)]);
    let task = Task {
        started_at: whole.started_at.filter(|_| started),
        stop_code: text(stop_code),
        stopped_reason: text(reason),
        ..whole
    };
    assert_eq!(said(&task, &["sidecar", "web"]), expected);
}

#[test]
fn only_an_exit_code_of_zero_succeeds() {
    let (code, reason) = (
        "EssentialContainerExited",
        "Essential container in task exited",
    );
    check(Some(0), true, code, reason, "succeeded");
    check(
        Some(1),
        true,
        code,
        reason,
        "the migration exited with code 1 (Essential container in task exited; stop code EssentialContainerExited)",
    );
    check(
        Some(0),
        true,
        "UserInitiated",
        "ran longer than 30 minutes",
        "the migration was stopped: ran longer than 30 minutes; stop code UserInitiated",
    );
}

/// Anybody who may call StopTask can give the reason that we give, half way through a migration that answers SIGTERM with 0.
/// We stop a task after its hook has its answer, and that answer stands.
#[test]
fn the_reason_that_we_give_when_we_stop_a_task_is_no_evidence() {
    check(
        Some(0),
        true,
        "UserInitiated",
        NO_LONGER_NEEDED,
        "the migration was stopped: the migration has ended; stop code UserInitiated",
    );
}

#[test]
fn an_interruption_is_no_success_whatever_the_exit_code() {
    for stop_code in [
        "SpotInterruption",
        "TerminationNotice",
        "InfrastructureHealth",
        "ServiceSchedulerInitiated",
        "TaskFailedToStart",
        "ACodeOfTomorrow",
    ] {
        let reason = "Your Spot Task was interrupted.";
        let expected = format!("the migration was stopped: {reason}; stop code {stop_code}");
        check(Some(0), true, stop_code, reason, &expected);
    }
}

/// Exit code of an essential sidecar, of one that is not, and whether the migration's 0 counts.
#[test]
fn a_zero_counts_where_no_essential_container_can_have_ended_first() {
    for (essential, other, counts) in [
        (None, None, true),
        (None, Some(1), true),
        (None, Some(0), true),
        (Some(143), None, true),
        (Some(137), Some(0), true),
        (Some(0), None, false),
        (Some(1), None, false),
        (Some(139), None, false),
        (Some(143), Some(143), true),
        (Some(3_221_225_786), None, true),
        (Some(-1_073_741_510), Some(0), true),
        // Ended by itself, on Windows (STATUS_STACK_BUFFER_OVERRUN).
        (Some(3_221_226_505), None, false),
        (Some(-1_073_740_791), None, false),
    ] {
        let task = Task::for_tests(&[("proxy", essential), ("web", Some(0)), ("logs", other)]);
        let said = said(&task, &["proxy", "web"]);
        assert_eq!(
            said == "succeeded",
            counts,
            "{essential:?} {other:?}: {said}"
        );
        assert!(
            counts || said.contains("set `essential: false` for `proxy`"),
            "{said}"
        );
    }
}

#[test]
fn an_essential_sidecar_that_never_started_took_the_migration_down() {
    let mut task = Task::for_tests(&[("proxy", None), ("web", Some(0))]);
    task.containers[0].reason = Some("CannotPullContainerError: no such image".to_owned());
    let expected = "it is not known whether the migration came to its end: it exited with code 0, but the essential container \
        `proxy` did not start (CannotPullContainerError: no such image), ";
    assert!(said(&task, &["proxy", "web"]).starts_with(expected));
    assert_eq!(said(&task, &["web"]), "succeeded");
    // Its own container may still run to its end.
    task.last_status = "RUNNING".to_owned();
    assert_eq!(said(&task, &["proxy", "web"]), "succeeded");
}

/// A container whose end ends no task, in a task that a container ended: another one did, whatever is shown of it yet.
#[test]
fn a_zero_beside_the_essential_containers_counts_while_they_run() {
    let mut task = Task::for_tests(&[("proxy", Some(143)), ("web", Some(0))]);
    task.stop_code = None;
    assert_eq!(said(&task, &["proxy"]), "succeeded");
    task.stop_code = Some("EssentialContainerExited".to_owned());
    assert!(said(&task, &["proxy"]).contains("an essential container ended its task"));
    assert_eq!(said(&task, &["proxy", "web"]), "succeeded");
    // Which are essential is not known.
    assert_eq!(said(&task, &[]), "succeeded");
}

#[test]
fn a_sidecar_that_was_killed_for_its_memory_ended_by_itself() {
    let mut task = Task::for_tests(&[("proxy", Some(137)), ("web", Some(0))]);
    task.containers[0].reason = Some("OutOfMemoryError: container killed".to_owned());
    assert!(said(&task, &["proxy", "web"]).contains("not known"));
}

/// A time-out that comes while the task is taken down, or while a sidecar keeps it up, must not call it too slow.
#[test]
fn a_migration_has_ended_with_its_exit_code() {
    let ended = |last_status: &str, exit_code| {
        let mut task = Task::for_tests(&[("sidecar", None), ("web", exit_code)]);
        task.last_status = last_status.to_owned();
        has_ended(&task, &"web".parse().unwrap())
    };
    assert!(!ended("RUNNING", None));
    assert!(ended("STOPPED", None));
    assert!(ended("DEPROVISIONING", Some(0)));
    assert!(ended("RUNNING", Some(1)));
}

#[test]
fn a_missing_exit_code_is_a_failure() {
    check(
        None,
        false,
        "TaskFailedToStart",
        "CannotPullContainerError: not found",
        "the migration never started: CannotPullContainerError: not found; stop code TaskFailedToStart",
    );
    check(
        None,
        false,
        "TaskFailedToStart",
        "RESOURCE:GPU",
        "the migration never started: RESOURCE:GPU; stop code TaskFailedToStart: no container instance has the GPUs left that the \
         revision asks for (hint: add container instances with GPUs)",
    );
    check(
        None,
        true,
        "",
        "",
        "the migration ended without an exit code: ECS gave no reason",
    );
}

/// ECS lists a task among the stopped ones as soon as its desired status is that. Status of the task, what is stated beside it,
/// what is said, and whether the migration may have run.
#[test]
fn a_migration_without_an_exit_code_may_have_run_where_its_container_began() {
    let never = "the migration never started";
    let stopping = "the migration was being stopped";
    let ended = "the migration ended without an exit code";
    let cannot_start = "CannotStartContainerError: exec: no such file";
    for (status, started, id, reason, sentence, has_run) in [
        ("PROVISIONING", false, false, "", never, false),
        ("PROVISIONING", false, true, "", stopping, true),
        ("PENDING", false, false, "", stopping, true),
        ("PENDING", false, true, "", stopping, true),
        ("PENDING", false, true, cannot_start, never, false),
        ("ACTIVATING", false, true, "", stopping, true),
        ("RUNNING", true, true, "", stopping, true),
        ("DEACTIVATING", true, true, "", stopping, true),
        ("STOPPING", true, false, "", stopping, true),
        ("DEPROVISIONING", false, true, "", stopping, true),
        ("STOPPED", false, false, "", never, false),
        ("STOPPED", false, true, "", ended, true),
        ("STOPPED", true, false, "", ended, true),
        ("STOPPED", false, true, cannot_start, never, false),
    ] {
        let mut task = Task::for_tests(&[("proxy", None), ("web", None)]);
        task.last_status = status.to_owned();
        task.started_at = task.started_at.filter(|_| started);
        task.stop_code = Some("UserInitiated".to_owned());
        task.containers[1].runtime_id = id.then(|| "8f3c1a7c-1".to_owned());
        task.containers[1].reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let verdict = judge(&task, &"web".parse().unwrap(), &task.essential(&[]));
        let Verdict::Failed { reason: said, ran } = verdict else {
            panic!("{status} {started} {id} {reason}: succeeded");
        };
        let case = format!("{status} {started} {id} {reason}: {said}");
        assert!(said.starts_with(&format!("{sentence}: ")), "{case}");
        assert_eq!(ran, has_run, "{case}");
    }
}

/// The agent states 143 of a container that it never started because of its `dependsOn`.
#[test]
fn a_migration_that_waited_in_vain_never_started() {
    let reason = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency \
                  [init(shop/init) (STOPPED->STOPPED) - Exit: 1] for target [web(shop/web) (PULLED->RUNNING)] as dependency did \
                  not exit successfully.";
    for (code, of_init, init, id) in [
        (Some(143), None, Some(1), false),
        (Some(143), None, Some(1), true),
        (None, None, Some(1), false),
        (
            Some(143),
            Some("CannotPullContainerError: not found"),
            None,
            false,
        ),
        (Some(143), None, Some(137), false),
    ] {
        let mut task = Task::for_tests(&[("init", init), ("web", code)]);
        task.started_at = None;
        task.stop_code = Some("TaskFailedToStart".to_owned());
        task.stopped_reason = Some("Task failed to start".to_owned());
        task.containers[0].reason = of_init.map(str::to_owned);
        task.containers[1].reason = Some(reason.to_owned());
        task.containers[1].runtime_id = id.then(|| "8f3c1a7c-1".to_owned());
        let verdict = judge(&task, &"web".parse().unwrap(), &["web".parse().unwrap()]);
        let Verdict::Failed { reason: said, ran } = verdict else {
            panic!("{code:?} {init:?}: succeeded");
        };
        assert!(!ran, "{said}");
        let of_init = match (init, of_init) {
            (Some(code), _) => format!("container `init` exited with code {code}"),
            (None, of_init) => format!("container `init` did not start ({})", of_init.unwrap()),
        };
        let expected = format!(
            "the migration never started: {reason}; {of_init}; Task failed to start; stop code TaskFailedToStart"
        );
        assert_eq!(said, expected);
    }
}

/// Exit code and error of the migration, exit code of a container beside it, and the task's stop code.
#[test]
fn the_essential_container_that_took_the_migration_down_is_named() {
    let (ended, stopped) = ("EssentialContainerExited", "UserInitiated");
    let out_of_memory = "OutOfMemoryError: Container killed due to memory usage";
    for (code, reason, other, essential, stop_code, is_named) in [
        (143, "", 0, true, ended, true),
        (137, "", 0, true, ended, true),
        // It is not essential, or the migration failed by itself, or somebody stopped both.
        (143, "", 0, false, ended, false),
        (1, "", 0, true, ended, false),
        (137, out_of_memory, 0, true, ended, false),
        (143, "", 0, true, stopped, false),
        // It was stopped with the migration.
        (143, "", 143, true, ended, false),
        (143, "", 137, true, ended, false),
        (143, "", 1, true, ended, true),
    ] {
        let mut task = Task::for_tests(&[("once", Some(other)), ("web", Some(code))]);
        task.stop_code = Some(stop_code.to_owned());
        task.containers[1].reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let essential: &[&str] = if essential {
            &["once", "web"]
        } else {
            &["web"]
        };
        let said = said(&task, essential);
        let case = format!("{code} {reason} {other} {stop_code}: {said}");
        let named = format!("container `once` exited with code {other}");
        assert_eq!(said.contains(&named), is_named, "{case}");
        let hint = "(hint: set `essential: false` for `once` in the task definition";
        assert_eq!(said.contains(hint), is_named && other == 0, "{case}");
    }
}

/// What ended the task, or kept its containers from starting, may be another container.
#[test]
fn the_container_that_kept_a_migration_from_its_end_is_named() {
    let of = |code: Option<i64>, sidecar: Option<i64>, reason: Option<&str>| {
        let mut task = Task::for_tests(&[("sidecar", sidecar), ("web", code)]);
        task.containers[0].reason = reason.map(str::to_owned);
        if code.is_none() {
            task.started_at = None;
            task.stop_code = Some("TaskFailedToStart".to_owned());
            task.stopped_reason = Some("Task failed to start".to_owned());
        }
        said(&task, &["sidecar", "web"])
    };
    assert_eq!(
        of(None, None, Some("CannotPullContainerError: not found")),
        "the migration never started: container `sidecar` did not start (CannotPullContainerError: not found); Task failed to \
         start; stop code TaskFailedToStart"
    );
    assert_eq!(
        of(None, Some(1), None),
        "the migration never started: container `sidecar` exited with code 1; Task failed to start; stop code TaskFailedToStart"
    );
    assert_eq!(
        of(
            Some(143),
            Some(137),
            Some("OutOfMemoryError: Container killed due to memory usage")
        ),
        "the migration exited with code 143 (container `sidecar` exited with code 137 (OutOfMemoryError: Container killed due to \
         memory usage); Essential container in task exited; stop code EssentialContainerExited)"
    );
    // It was stopped with the task.
    assert_eq!(
        of(Some(1), Some(143), None),
        "the migration exited with code 1 (Essential container in task exited; stop code EssentialContainerExited)"
    );
}
