//! Whoever may write events, run tasks and invoke functions: every identifier right but one, for each of them.

use serde_json::{Value, json};

use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Invocation, invoke};
use super::{EXECUTION, PIPELINES, REVISION, TASK, deployment, nothing, service, task, tasks};

const OTHER_TASK: &str = "arn:aws:ecs:eu-central-1:111122223333:task/prod/0000dead";

/// What `run-migration` wrote into the schedule.
pub(super) fn record(task: Option<&str>) -> Value {
    let mut record = json!({
        "deployment_id": "d-1", "application": "AppECS-prod-web", "deployment_group": "DgpECS-prod-web",
        "hook_execution_ids": [EXECUTION], "cluster": "prod", "timeout_minutes": 30,
        "runs": {"revision": REVISION, "container": "web", "command": ["migrate"]},
    });
    if let Some(task) = task {
        record["task_arn"] = json!(task);
    }
    record
}

/// The schedule with this in it, due at `at`. The AWS of these tests says that it is 09:30.
pub(super) fn scheduled(record: &Value, at: &str) -> Answer {
    Says(json!({
        "Name": "greenlight-migration-d-1", "ScheduleExpression": format!("at(2026-10-14T{at})"),
        "Target": {"Arn": "arn:aws:lambda:eu-central-1:111122223333:function:f", "RoleArn": "arn:aws:iam::111122223333:role/r",
            "Input": record.to_string()},
    }))
}

pub(super) const DUE: &str = "09:30:00";
const NOT_DUE: &str = "09:50:00";

fn event(detail: &Value) -> Value {
    json!({
        "source": "aws.ecs", "detail-type": "ECS Task State Change", "account": "111122223333", "region": "eu-central-1",
        "detail": detail
    })
}

/// The event of a task that has stopped with 0.
pub(super) fn ended(task_arn: &str, started_by: &str) -> Value {
    event(&json!({
        "taskArn": task_arn, "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/prod", "lastStatus": "STOPPED",
        "taskDefinitionArn": REVISION, "startedBy": started_by, "containers": [{"name": "web", "exitCode": 0}],
        "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"]}]},
    }))
}

/// What `finish-migration` does with an event where ECS describes `described`, and the schedule holds `record`.
fn finished(
    event: &Value,
    record: Option<Value>,
    at: &'static str,
    described: Value,
) -> Invocation {
    invoke(
        "finish-migration",
        PIPELINES,
        event,
        move |operation, _, _| match operation {
            "GetSchedule" => match &record {
                Some(record) => scheduled(record, at),
                None => Refuses("ResourceNotFoundException"),
            },
            "GetDeployment" => deployment("d-1", "InProgress", 1.0),
            "DescribeTasks" if described.is_null() => Says(json!({"tasks": [], "failures": []})),
            "DescribeTasks" => tasks(&described),
            "ListTasks" => Says(json!({"taskArns": [TASK]})),
            "DescribeTaskDefinition" => Says(json!({"tags": [], "taskDefinition": {
                "taskDefinitionArn": REVISION, "family": "web", "containerDefinitions": [{"name": "web"}]
            }})),
            _ => nothing(),
        },
    )
}

/// How the hook was answered; `none` where it was not, `failed` where the invocation was.
fn answer(invocation: &Invocation) -> String {
    let puts = invocation.calls.iter();
    let puts: Vec<&str> = puts
        .filter(|(operation, _)| operation == "PutLifecycleEventHookExecutionStatus")
        .filter_map(|(_, body)| body["status"].as_str())
        .collect();
    match (puts.as_slice(), invocation.answer.get("errorType")) {
        ([], Some(_)) => "failed".to_owned(),
        ([], None) => "none".to_owned(),
        (puts, _) => puts.join(", "),
    }
}

fn described() -> Value {
    task("STOPPED", json!(0))
}

#[test]
fn the_task_that_was_written_down_answers() {
    let event = ended(TASK, "greenlight/d-1");
    let invocation = finished(&event, Some(record(Some(TASK))), NOT_DUE, described());
    assert_eq!(answer(&invocation), "Succeeded", "{}", invocation.answer);
    let operations = invocation.operations();
    assert_eq!(operations.last(), Some(&"DeleteSchedule"), "{operations:?}");
}

#[test]
fn an_event_of_any_other_task_or_deployment_answers_nothing() {
    let right = record(Some(TASK));
    let mut of_others = right.clone();
    of_others["deployment_group"] = json!("DgpECS-prod-another");
    let cases = [
        (ended(OTHER_TASK, "greenlight/d-1"), Some(right.clone())),
        (ended(TASK, "greenlight/d-2"), None),
        (ended(TASK, "ecs-svc/1"), Some(right.clone())),
        (ended(TASK, "greenlight-rolling/d-1"), Some(right)),
        // Another stack's.
        (ended(TASK, "greenlight/d-1"), Some(of_others)),
    ];
    for (event, record) in cases {
        let invocation = finished(&event, record, NOT_DUE, described());
        assert_eq!(
            answer(&invocation),
            "none",
            "{event}: {}",
            invocation.answer
        );
        assert!(!invocation.operations().contains(&"StopTask"), "{event}");
        assert!(
            !invocation.operations().contains(&"DeleteSchedule"),
            "{event}"
        );
    }
}

/// What an event says of the end is not believed: ECS is asked.
#[test]
fn an_event_that_says_more_than_ecs_is_delivered_again() {
    let event = ended(TASK, "greenlight/d-1");
    let running = task("RUNNING", Value::Null);
    let invocation = finished(&event, Some(record(Some(TASK))), NOT_DUE, running);
    assert_eq!(answer(&invocation), "failed", "{}", invocation.answer);
    let failed = finished(
        &event,
        Some(record(Some(TASK))),
        NOT_DUE,
        task("STOPPED", json!(7)),
    );
    assert_eq!(answer(&failed), "Failed");
}

/// Where run-migration died before it wrote the ARN down.
#[test]
fn a_task_without_a_written_arn_is_compared_member_by_member() {
    let event = ended(TASK, "greenlight/d-1");
    let unwritten = || Some(record(None));
    let right = finished(&event, unwritten(), NOT_DUE, described());
    assert_eq!(answer(&right), "Succeeded", "{}", right.answer);
    let changes: [(&str, Value); 8] = [
        (
            "/clusterArn",
            json!("arn:aws:ecs:eu-central-1:111122223333:cluster/sandbox"),
        ),
        ("/taskDefinitionArn", json!(REVISION.replace(":2", ":1"))),
        ("/startedBy", json!("greenlight/d-2")),
        ("/overrides/containerOverrides/0/name", json!("app")),
        ("/overrides/containerOverrides/0/command", json!(["true"])),
        (
            "/overrides/containerOverrides/0/environment",
            json!([{"name": "DATABASE_URL", "value": "elsewhere"}]),
        ),
        ("/overrides/containerOverrides/0/cpu", json!(1)),
        (
            "/overrides/taskRoleArn",
            json!("arn:aws:iam::111122223333:role/other"),
        ),
    ];
    for (path, value) in changes {
        let mut wrong = described();
        let (parent, member) = path.rsplit_once('/').unwrap();
        wrong.pointer_mut(parent).unwrap()[member] = value;
        let invocation = finished(&event, unwritten(), NOT_DUE, wrong);
        assert_eq!(answer(&invocation), "none", "{path}: {}", invocation.answer);
    }
}

/// Anybody who may invoke the function can say that the time is up.
#[test]
fn a_time_out_counts_when_it_is_due_and_for_the_task_that_was_written_down() {
    let mut payload = record(Some(OTHER_TASK));
    payload["hook_execution_ids"] = json!(["somebody-elses"]);
    payload["timeout_minutes"] = json!(0);
    let running = || task("RUNNING", Value::Null);
    let early = finished(&payload, Some(record(Some(TASK))), NOT_DUE, running());
    assert_eq!(answer(&early), "none", "{}", early.answer);
    assert!(!early.operations().contains(&"StopTask"));
    let due = finished(&payload, Some(record(Some(TASK))), DUE, running());
    assert_eq!(answer(&due), "Failed", "{}", due.answer);
    assert_eq!(due.request("StopTask")["task"], TASK);
    let put = due.request("PutLifecycleEventHookExecutionStatus");
    assert_eq!(put["lifecycleEventHookExecutionId"], EXECUTION);
    // Of another deployment there is nothing to be found.
    payload["deployment_id"] = json!("d-2");
    let unknown = finished(&payload, None, DUE, running());
    assert_eq!(answer(&unknown), "none", "{}", unknown.answer);
}

/// A death between CreateSchedule and RunTask, and one between RunTask and UpdateSchedule.
#[test]
fn a_migration_that_was_not_written_down_is_ended_by_its_time_limit() {
    let payload = record(None);
    let never = finished(&payload, Some(record(None)), DUE, Value::Null);
    assert_eq!(answer(&never), "Failed", "{}", never.answer);
    assert!(
        never.answer["reason"]
            .as_str()
            .unwrap()
            .contains("never started")
    );
    let running = finished(
        &payload,
        Some(record(None)),
        DUE,
        task("RUNNING", Value::Null),
    );
    assert_eq!(answer(&running), "Failed");
    assert_eq!(running.request("StopTask")["task"], TASK);
    let ended = finished(&payload, Some(record(None)), DUE, described());
    assert_eq!(answer(&ended), "Succeeded");
}

/// A careless call of the hook before or after the real one: each id is answered, and CodeDeploy knows one.
#[test]
fn each_call_of_the_hook_is_answered_and_one_that_codedeploy_does_not_know_is_no_failure() {
    let mut record = record(Some(TASK));
    record["hook_execution_ids"] = json!(["somebody-elses", EXECUTION, "another"]);
    let event = ended(TASK, "greenlight/d-1");
    let invocation = invoke(
        "finish-migration",
        PIPELINES,
        &event,
        move |operation, _, request| match operation {
            "GetSchedule" => scheduled(&record, NOT_DUE),
            "GetDeployment" => deployment("d-1", "InProgress", 1.0),
            "DescribeTasks" => tasks(&described()),
            "PutLifecycleEventHookExecutionStatus"
                if request["lifecycleEventHookExecutionId"] != EXECUTION =>
            {
                Refuses("InvalidLifecycleEventHookExecutionIdException")
            }
            _ => nothing(),
        },
    );
    assert_eq!(answer(&invocation), "Succeeded, Succeeded, Succeeded");
    assert_eq!(
        invocation.answer["answer"], "succeeded",
        "{}",
        invocation.answer
    );
}

fn lifecycle(status: &str) -> Answer {
    Says(
        json!({"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": {
            "deploymentId": "d-1", "targetId": "prod:web", "status": "InProgress",
            "lifecycleEvents": [{"lifecycleEventName": "AfterInstall", "status": status, "startTime": 1_791_970_000.0}],
        }}}),
    )
}

/// What AWS says to `run-migration`, while AfterInstall has this status.
pub(super) fn hooked(operation: &str, status: &str) -> Answer {
    match operation {
        "GetDeployment" => deployment("d-1", "InProgress", 1.0),
        "ListDeploymentTargets" => Says(json!({"targetIds": ["prod:web"]})),
        "GetDeploymentTarget" => lifecycle(status),
        "DescribeServices" => service(REVISION, "d-1", "ACTIVE"),
        "DescribeTaskDefinition" => Says(json!({"tags": [], "taskDefinition": {
            "taskDefinitionArn": REVISION, "family": "web", "containerDefinitions": [{
                "name": "web", "image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:1"
            }]
        }})),
        "GetSchedule" => Refuses("ResourceNotFoundException"),
        "RunTask" => tasks(&task("PENDING", Value::Null)),
        _ => nothing(),
    }
}

#[test]
fn a_hooks_payload_starts_nothing_while_codedeploy_does_not_wait() {
    for status in ["Pending", "Succeeded", "Failed", "Skipped"] {
        let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "made-up"});
        let invocation =
            invoke(
                "run-migration",
                PIPELINES,
                &hook,
                move |operation, _, _| match operation {
                    "PutLifecycleEventHookExecutionStatus" => {
                        Refuses("InvalidLifecycleEventHookExecutionIdException")
                    }
                    _ => hooked(operation, status),
                },
            );
        let operations = invocation.operations();
        assert!(!operations.contains(&"RunTask"), "{status}: {operations:?}");
        assert!(
            !operations.contains(&"CreateSchedule"),
            "{status}: {operations:?}"
        );
        assert!(invocation.messages.is_empty(), "{:?}", invocation.messages);
    }
}

#[test]
fn the_migration_is_written_down_before_there_is_a_task_and_its_arn_after() {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let invocation = invoke(
        "run-migration",
        PIPELINES,
        &hook,
        |operation, before, _| match (operation, before) {
            ("GetSchedule", 1) => scheduled(&record(None), "10:00:00"),
            ("GetSchedule", 2..) => scheduled(&record(Some(TASK)), "10:00:00"),
            _ => hooked(operation, "InProgress"),
        },
    );
    assert_eq!(
        invocation.answer["answer"], "later",
        "{}",
        invocation.answer
    );
    let operations = invocation.operations();
    let place = |name| operations.iter().position(|operation| *operation == name);
    assert!(
        place("CreateSchedule") < place("RunTask") && place("RunTask") < place("UpdateSchedule")
    );
    let run = invocation.request("RunTask").to_string();
    assert!(
        !run.contains(EXECUTION) && !run.contains("environment"),
        "{run}"
    );
    let created = invocation.request("CreateSchedule");
    assert_eq!(created["ActionAfterCompletion"], "NONE");
    // From the scheduler's `Date`, less what had passed since the request was sent: some seconds on a busy machine.
    let at = created["ScheduleExpression"].as_str().unwrap();
    assert!(
        at == "at(2026-10-14T10:00:00)" || at.starts_with("at(2026-10-14T09:59:"),
        "{at}"
    );
    let written: Value =
        serde_json::from_str(created["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(written, record(None));
    let updated = invocation.request("UpdateSchedule");
    let input: Value = serde_json::from_str(updated["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input, record(Some(TASK)));
    for member in [
        "Target",
        "FlexibleTimeWindow",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "Description",
    ] {
        assert!(!updated[member].is_null(), "{member}: {updated}");
    }
}

/// Somebody called first: his id stays, the real one comes beside it, and the task is the same.
#[test]
fn a_second_call_of_the_hook_goes_on_with_what_the_first_one_wrote() {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let mut first = record(None);
    first["hook_execution_ids"] = json!(["somebody-elses"]);
    let mut both = first.clone();
    both["hook_execution_ids"] = json!(["somebody-elses", EXECUTION]);
    let mut done = both.clone();
    done["task_arn"] = json!(TASK);
    let expected = done.clone();
    let invocation = invoke(
        "run-migration",
        PIPELINES,
        &hook,
        move |operation, before, _| match (operation, before) {
            ("GetSchedule", 0) => scheduled(&first, "10:00:00"),
            ("GetSchedule", 1 | 2) => scheduled(&both, "10:00:00"),
            ("GetSchedule", _) => scheduled(&done, "10:00:00"),
            _ => hooked(operation, "InProgress"),
        },
    );
    assert_eq!(
        invocation.answer["answer"], "later",
        "{}",
        invocation.answer
    );
    assert!(!invocation.operations().contains(&"CreateSchedule"));
    let updates = invocation.calls.iter();
    let updates: Vec<Value> = updates
        .filter(|(operation, _)| operation == "UpdateSchedule")
        .map(|(_, body)| serde_json::from_str(body["Target"]["Input"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(updates.last(), Some(&expected), "{updates:?}");
}

/// ECS knows the token: the task is the migration of an older version, or somebody else's.
#[test]
fn a_task_that_used_the_token_up_is_compared() {
    let older = |execution: &str| {
        let mut older = task("RUNNING", Value::Null);
        older["overrides"]["containerOverrides"][0]["environment"] = json!([
            {"name": "GREENLIGHT_DEPLOYMENT_ID", "value": "d-1"}, {"name": "GREENLIGHT_HOOK_EXECUTION_ID", "value": execution}
        ]);
        older
    };
    let mut foreign = task("RUNNING", Value::Null);
    foreign["overrides"]["containerOverrides"][0]["command"] = json!(["true"]);
    for (described, expected) in [
        (older(EXECUTION), "later"),
        (older("somebody-elses"), "failed"),
        (foreign, "failed"),
    ] {
        let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
        let invocation = invoke(
            "run-migration",
            PIPELINES,
            &hook,
            move |operation, before, _| match (operation, before) {
                ("RunTask", _) => Answer::Conflicts(vec![TASK]),
                ("DescribeTasks", _) => tasks(&described),
                ("GetSchedule", 1) => scheduled(&record(None), "10:00:00"),
                ("GetSchedule", 2..) => scheduled(&record(Some(TASK)), "10:00:00"),
                _ => hooked(operation, "InProgress"),
            },
        );
        assert_eq!(
            invocation.answer["answer"], expected,
            "{}",
            invocation.answer
        );
        assert_eq!(
            invocation.operations().contains(&"UpdateSchedule"),
            expected == "later"
        );
    }
}
