use super::*;
use crate::observed::TaskContainer;

/// One line a task: what its containers did, and how ECS says that it ended.
#[track_caller]
fn check(
    exit_code: Option<i32>,
    started: bool,
    stop_code: &str,
    stopped_reason: &str,
    expected: &str,
) {
    let moment = time::UtcDateTime::UNIX_EPOCH;
    let task = Task {
        arn: "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c"
            .parse()
            .unwrap(),
        cluster: "prod".to_owned(),
        revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
            .parse()
            .unwrap(),
        started_by: Some("greenlight/d-1".to_owned()),
        last_status: "STOPPED".to_owned(),
        stop_code: Some(stop_code.to_owned()).filter(|text| !text.is_empty()),
        stopped_reason: Some(stopped_reason.to_owned()).filter(|text| !text.is_empty()),
        created_at: Some(moment),
        started_at: started.then_some(moment),
        stopped_at: Some(moment),
        containers: vec![
            TaskContainer {
                name: "sidecar".parse().unwrap(),
                exit_code: Some(137),
                reason: None,
            },
            TaskContainer {
                name: "web".parse().unwrap(),
                exit_code,
                reason: None,
            },
        ],
        overrides: Vec::new(),
    };
    let said = match judge(&task, &"web".parse().unwrap()) {
        Verdict::Succeeded => "succeeded".to_owned(),
        Verdict::Failed { reason, ran: _ } => reason,
    };
    assert_eq!(said, expected);
}

#[test]
fn only_an_exit_code_of_zero_succeeds() {
    let ended = "Essential container in task exited";
    check(
        Some(0),
        true,
        "EssentialContainerExited",
        ended,
        "succeeded",
    );
    check(
        Some(1),
        true,
        "EssentialContainerExited",
        ended,
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
        true,
        "",
        "",
        "the migration ended without an exit code: ECS gave no reason",
    );
}
