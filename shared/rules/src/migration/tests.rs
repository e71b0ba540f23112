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
                image_digest: None,
            },
            TaskContainer {
                name: "web".parse().unwrap(),
                exit_code,
                reason: None,
                image_digest: None,
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
fn an_interruption_is_no_success_whatever_the_exit_code() {
    for stop_code in [
        "SpotInterruption",
        "TerminationNotice",
        "InfrastructureHealth",
    ] {
        check(
            Some(0),
            true,
            stop_code,
            "Your Spot Task was interrupted.",
            &format!(
                "the migration was stopped: Your Spot Task was interrupted.; stop code {stop_code}"
            ),
        );
    }
}

/// A time-out that comes while the task is taken down, or while a sidecar keeps it up, must not call it too slow.
#[test]
fn a_migration_has_ended_with_its_exit_code() {
    let task = |last_status: &str, exit_code| {
        let detail = serde_json::json!({
            "taskArn": "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c", "clusterArn": "prod",
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2", "lastStatus": last_status,
            "containers": [{"name": "sidecar"}, {"name": "web", "exitCode": exit_code}],
        });
        crate::events::task_from_detail(&detail).unwrap()
    };
    let ended = |task: &Task| has_ended(task, &"web".parse().unwrap());
    assert!(!ended(&task("RUNNING", None::<i32>)));
    assert!(ended(&task("STOPPED", None)));
    assert!(ended(&task("DEPROVISIONING", Some(0))));
    assert!(ended(&task("RUNNING", Some(1))));
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
