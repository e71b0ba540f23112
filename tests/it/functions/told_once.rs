//! A migration is told once, with its own reason, however often CodeDeploy takes an answer; and it is not left running.

use std::time::Duration;

use serde_json::{Value, json};

use super::forged::{DUE, hooked, record, scheduled};
use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Event, Function, Invocation, LONG, invoke, invoke_each};
use super::{EXECUTION, PIPELINES, REVISION, TASK, deployment, nothing, task, tasks};

/// AfterInstall of `d-1`, where AWS says what any hook gets to hear unless `otherwise` says something else. CodeDeploy
/// takes every answer.
fn started(
    otherwise: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    started_within(LONG, otherwise)
}

fn started_within(
    within: Duration,
    otherwise: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let event = Event {
        payload: hook.to_string(),
        within,
    };
    let function = Function {
        name: "run-migration",
        pipelines: PIPELINES,
        variables: &[],
    };
    let answer = move |operation: &str, before: usize, _: &Value| {
        otherwise(operation, before).unwrap_or_else(|| match (operation, before) {
            ("GetSchedule", 1..) => scheduled(&record(None), DUE),
            _ => hooked(operation, "InProgress"),
        })
    };
    invoke_each(&function, [event], answer).remove(0)
}

/// The task failed, was judged, and so ended its deployment before RunTask had answered.
#[test]
fn a_migration_that_fails_at_once_is_told_by_its_end_alone() {
    let invocation = started(|operation, before| match operation {
        "GetDeployment" if before > 0 => Some(deployment("d-1", "Failed", 1.0)),
        _ => None,
    });
    let operations = invocation.operations();
    assert!(invocation.messages.is_empty(), "{:?}", invocation.messages);
    assert!(!operations.contains(&"UpdateSchedule"), "{operations:?}");
    assert_eq!(
        invocation.request("StopTask")["reason"],
        "its deployment has ended"
    );
    let put = invocation.request("PutLifecycleEventHookExecutionStatus");
    assert_eq!(put["status"], "Failed");
}

/// RunTask's answer comes before every part of ECS knows the task.
#[test]
fn a_migration_that_cannot_be_written_down_is_stopped_as_soon_as_ecs_knows_it() {
    let invocation = started(|operation, before| match operation {
        "UpdateSchedule" => Some(Refuses("AccessDeniedException")),
        "StopTask" if before == 0 => Some(Refuses("InvalidParameterException")),
        _ => None,
    });
    let operations = invocation.operations();
    let last = &operations[operations.len() - 5..];
    let expected = [
        "StopTask",
        "StopTask",
        "PutLifecycleEventHookExecutionStatus",
        "Publish",
        "PutEvents",
    ];
    assert_eq!(last, expected, "{:?}", invocation.operations());
    assert_eq!(
        invocation.request("StopTask")["reason"],
        "it could not be written down which task it is"
    );
}

#[test]
fn a_migration_that_ecs_has_no_room_for_did_not_run() {
    let invocation = started(|operation, _| {
        (operation == "RunTask").then(|| {
            let reason = "Capacity is unavailable at this time. Please try again later";
            Says(json!({"tasks": [], "failures": [{"reason": reason}]}))
        })
    });
    let [message] = &invocation.messages[..] else {
        panic!("{:?}", invocation.operations());
    };
    did_not_run(message);
}

/// An earlier invocation made the schedule and died: it may have started the task, whatever this one is answered.
#[test]
fn a_migration_that_an_earlier_invocation_may_have_started_is_not_said_not_to_have_run() {
    let mut others = record(None);
    others["hook_execution_ids"] = json!(["another"]);
    let full: Vec<String> = (0..64).map(|number| number.to_string()).collect();
    let mut often = record(None);
    often["hook_execution_ids"] = json!(full);
    let no_room: fn() -> Answer =
        || Says(json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]}));
    let denied: fn() -> Answer = || Refuses("AccessDeniedException");
    let limit: fn() -> Answer = || Refuses("LimitExceededException");
    for (found, run_task, reason) in [
        (record(None), no_room, "RESOURCE:MEMORY"),
        (record(None), denied, "access denied"),
        (record(None), limit, "limit exceeded"),
        (others, no_room, "changed by other invocations"),
        (often, no_room, "called too often"),
    ] {
        let invocation = started(move |operation, _| match operation {
            "GetSchedule" => Some(scheduled(&found, DUE)),
            "RunTask" => Some(run_task()),
            _ => None,
        });
        let [message] = &invocation.messages[..] else {
            panic!("{:?}", invocation.operations());
        };
        assert_eq!(message["outcome"], "migration-failed");
        assert!(message["reason"].to_string().contains(reason), "{message}");
        let summary = message["summary"].to_string();
        assert!(!summary.contains("did not run"), "{summary}");
        let database = message["database"].to_string();
        assert!(database.contains("perhaps"), "{database}");
    }
}

/// Another call read the schedule before this one's id was in it, and writes it after this one has read it complete.
#[test]
fn an_execution_id_that_another_call_overwrites_is_written_again() {
    let with = |ids: &[&str], task: Option<&str>| {
        let mut record = record(task);
        record["hook_execution_ids"] = json!(ids);
        record
    };
    let both = ["another", EXECUTION];
    let reads = [
        with(&["another"], None),
        with(&both, None),
        with(&both, None),
        with(&both, Some(TASK)),
        with(&["another"], Some(TASK)),
        with(&both, Some(TASK)),
    ];
    let invocation = started(move |operation, before| match operation {
        "GetSchedule" => Some(scheduled(&reads[before.min(5)], DUE)),
        _ => None,
    });
    let operations = invocation.operations();
    let written = operations.iter().filter(|one| **one == "UpdateSchedule");
    assert_eq!(written.count(), 3, "{operations:?}");
    assert!(invocation.messages.is_empty(), "{:?}", invocation.messages);
    assert_eq!(operations.last(), Some(&"GetSchedule"), "{operations:?}");
}

#[track_caller]
fn did_not_run(message: &Value) {
    assert_eq!(message["outcome"], "migration-failed");
    let summary = message["summary"].to_string();
    assert!(summary.contains("did not run"), "{summary}");
    let database = message["database"].to_string();
    assert!(database.contains("as it was"), "{database}");
    let next = message["next"].to_string();
    assert!(next.contains("request this image again"), "{message}");
}

#[test]
fn a_migration_that_ecs_refuses_did_not_run() {
    for code in [
        "AccessDeniedException",
        "InvalidParameterException",
        "ClientException",
        "LimitExceededException",
    ] {
        let invocation =
            started(move |operation, _| (operation == "RunTask").then_some(Refuses(code)));
        let [message] = &invocation.messages[..] else {
            panic!("{:?}", invocation.operations());
        };
        did_not_run(message);
    }
}

#[test]
fn a_migration_that_is_throttled_to_the_end_did_not_run() {
    let invocation = started_within(Duration::from_secs(20), |operation, _| {
        (operation == "RunTask").then(|| Refuses("ThrottlingException"))
    });
    let [message] = &invocation.messages[..] else {
        panic!("{:?}", invocation.operations());
    };
    did_not_run(message);
    let reason = message["reason"].to_string();
    assert!(reason.contains("throttled"), "{reason}");
}

/// The end of a migration that failed with exit code 3, or never started, and what people are told of it.
fn ended(status: &'static str, event: &Value, exit_code: Value) -> Invocation {
    let event = event.clone();
    invoke(
        "finish-migration",
        PIPELINES,
        &event,
        move |operation, _, _| match operation {
            "GetDeployment" => deployment("d-1", status, 1.0),
            "GetSchedule" => scheduled(&record(Some(TASK)), DUE),
            "DescribeTasks" => {
                let mut ended = task("STOPPED", exit_code.clone());
                if exit_code.is_null() {
                    ended.as_object_mut().unwrap().remove("startedAt");
                }
                tasks(&ended)
            }
            "DescribeTaskDefinition" => Says(json!({"tags": [], "taskDefinition": {
                "taskDefinitionArn": REVISION, "family": "web", "containerDefinitions": [{"name": "web"}]
            }})),
            _ => nothing(),
        },
    )
}

fn stopped(detail: Value) -> Value {
    let mut detail = detail;
    detail["startedBy"] = "greenlight/d-1".into();
    let map = detail.as_object_mut().unwrap();
    map.retain(|field, _| !field.ends_with("At"));
    json!({
        "source": "aws.ecs", "detail-type": "ECS Task State Change", "account": "111122223333", "region": "eu-central-1",
        "detail": detail
    })
}

#[test]
fn a_migration_of_a_deployment_that_has_ended_is_answered_and_not_told_again() {
    let time_out = record(Some(TASK));
    let task_stopped = stopped(task("STOPPED", json!(3)));
    for event in [&task_stopped, &time_out] {
        let told = |status| {
            let invocation = ended(status, event, json!(3));
            let put = invocation.request("PutLifecycleEventHookExecutionStatus");
            (put["status"].to_string(), invocation.messages.len())
        };
        assert_eq!(told("InProgress"), ("\"Failed\"".to_owned(), 1), "{event}");
        assert_eq!(told("Failed"), ("\"Failed\"".to_owned(), 0), "{event}");
    }
}

#[test]
fn a_migration_that_never_started_left_nothing_half_way() {
    let event = stopped(task("STOPPED", Value::Null));
    let invocation = ended("InProgress", &event, Value::Null);
    did_not_run(&invocation.messages[0]);
}

/// A deployment that failed during its migration, where ECS refuses to stop the task as often as this says.
fn failed_during_migration(refusals: usize) -> Invocation {
    let event = json!({
        "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification",
        "account": "111122223333", "region": "eu-central-1",
        "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "FAILURE"
        }
    });
    invoke(
        "report-outcome",
        PIPELINES,
        &event,
        move |operation, before, _| match operation {
            "GetDeployment" => deployment("d-1", "Failed", 1.0),
            // Nobody knows which lifecycle event it was.
            "ListDeploymentTargets" => Refuses("AccessDeniedException"),
            "ListTasks" => Says(json!({"taskArns": [TASK]})),
            "StopTask" if before < refusals => Refuses("AccessDeniedException"),
            _ => nothing(),
        },
    )
}

#[test]
fn a_migration_that_could_not_be_stopped_is_told_and_tried_again() {
    let left = failed_during_migration(1);
    let message = &left.messages[0];
    let next = message["next"].to_string();
    assert_eq!(message["outcome"], "failed");
    assert!(
        next.contains("check whether its migration is still running, and stop it"),
        "{next}"
    );
    assert_eq!(left.answer["errorType"], "AwsDenied", "{}", left.answer);
    let stopped = failed_during_migration(0);
    let next = stopped.messages[0]["next"].to_string();
    assert!(!next.contains("migration"), "{next}");
    assert_eq!(stopped.answer["outcome"], "failed", "{}", stopped.answer);
}
