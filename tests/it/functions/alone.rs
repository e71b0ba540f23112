//! A migration that runs alone: which revision is registered, run, and taken as evidence.

use serde_json::{Value, json};

use super::forged::{DUE, ended, hooked, record, scheduled};
use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Invocation, invoke};
use super::{EXECUTION, REVISION, TASK, deployment, nothing, service, task, tasks};

const ALONE: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web-migration:4";
const PIPELINES: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    containers=['web']\n[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\nalone=true\n";
const MARK: &str = "greenlight:migration-of";

fn image(digit: &str) -> String {
    let digest = digit.repeat(64);
    format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{digest}")
}

fn web() -> Value {
    json!({"name": "web", "image": image("1"), "essential": true, "ofTomorrow": {"stays": [1]}})
}

/// Green's revision, with a worker beside the migration's container.
fn shipped() -> Value {
    json!({"tags": [{"key": "team", "value": "shop"}, {"key": "greenlight:tag", "value": "latest"}], "taskDefinition": {
        "taskDefinitionArn": REVISION, "family": "web", "revision": 2, "status": "ACTIVE", "cpu": "256", "networkMode": "awsvpc",
        "containerDefinitions": [{"name": "worker", "image": image("1"), "essential": true}, web()],
    }})
}

/// The revision in which its migration runs alone.
fn alone() -> Value {
    json!({"tags": [{"key": MARK, "value": REVISION}], "taskDefinition": {
        "taskDefinitionArn": ALONE, "family": "web-migration", "revision": 4, "status": "ACTIVE", "cpu": "256",
        "networkMode": "awsvpc", "containerDefinitions": [web()],
    }})
}

/// What ECS says of a revision or a family; `newest` is the newest one of the migration's family.
fn definition(request: &Value, newest: Option<&Value>) -> Answer {
    match (request["taskDefinition"].as_str().unwrap(), newest) {
        (REVISION, _) => Says(shipped()),
        (_, Some(newest)) => Says(newest.clone()),
        (_, None) => Refuses("ClientException"),
    }
}

fn ran_alone(last_status: &str, exit_code: Value) -> Value {
    let mut task = task(last_status, exit_code);
    task["taskDefinitionArn"] = ALONE.into();
    task
}

/// The hook is called while the migration's family has this newest revision, and the schedule holds this record.
fn called(newest: Option<Value>, noted: Option<Value>) -> Invocation {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    invoke(
        "run-migration",
        PIPELINES,
        &hook,
        move |operation, before, request| match operation {
            "DescribeTaskDefinition" => definition(request, newest.as_ref()),
            "RegisterTaskDefinition" if before == 0 => Refuses("ThrottlingException"),
            "RegisterTaskDefinition" => {
                Says(json!({"taskDefinition": {"taskDefinitionArn": ALONE}}))
            }
            "RunTask" => tasks(&ran_alone("PENDING", Value::Null)),
            "GetSchedule" if before == 0 && noted.is_some() => {
                scheduled(noted.as_ref().unwrap(), DUE)
            }
            _ => hooked(operation, "InProgress"),
        },
    )
}

#[test]
fn the_migration_runs_in_a_revision_of_its_own() {
    let invocation = called(None, None);
    let registered = invocation.request("RegisterTaskDefinition");
    assert_eq!(
        *registered,
        json!({
            "family": "web-migration", "cpu": "256", "networkMode": "awsvpc", "containerDefinitions": [web()],
            "tags": [{"key": "team", "value": "shop"}, {"key": MARK, "value": REVISION}],
        })
    );
    assert_eq!(invocation.request("RunTask")["taskDefinition"], ALONE);
    // Written down before there is a task.
    let operations = invocation.operations();
    let place = |operation| operations.iter().position(|one| *one == operation);
    assert!(place("CreateSchedule") < place("RunTask"), "{operations:?}");
    let input = &invocation.request("CreateSchedule")["Target"]["Input"];
    let input: Value = serde_json::from_str(input.as_str().unwrap()).unwrap();
    assert_eq!(
        input["runs"],
        json!({"revision": ALONE, "alone_of": REVISION, "container": "web", "command": ["migrate"]})
    );
}

#[test]
fn a_repeated_call_registers_no_other_revision() {
    let mut noted = record(None);
    noted["runs"]["revision"] = ALONE.into();
    noted["runs"]["alone_of"] = REVISION.into();
    let mut of_another_deployment = alone();
    of_another_deployment["taskDefinition"]["containerDefinitions"][0]["image"] = image("2").into();
    for (newest, noted) in [
        (alone(), None),
        // Another deployment of the same family has registered one since.
        (of_another_deployment, Some(noted)),
    ] {
        let invocation = called(Some(newest), noted);
        let operations = invocation.operations();
        assert!(
            !operations.contains(&"RegisterTaskDefinition"),
            "{operations:?}"
        );
        assert_eq!(invocation.request("RunTask")["taskDefinition"], ALONE);
    }
}

/// What the newest revision of the family differs in; whether another one is registered after it.
#[test]
fn the_newest_revision_is_used_where_it_is_the_same() {
    let of = |change: &dyn Fn(&mut Value)| {
        let mut newest = alone();
        change(&mut newest);
        let invocation = called(Some(newest), None);
        invocation.operations().contains(&"RegisterTaskDefinition")
    };
    assert!(!of(
        &|newest| newest["tags"] = json!([{"key": "audit", "value": "1"}, newest["tags"][0]])
    ));
    assert!(of(
        &|newest| newest["tags"][0]["value"] = REVISION.replace(":2", ":1").into()
    ));
    assert!(of(&|newest| newest["taskDefinition"]["cpu"] = "512".into()));
    assert!(of(&|newest| {
        newest["taskDefinition"]["containerDefinitions"][0]["command"] = json!(["true"]);
    }));
}

#[test]
fn a_family_of_somebody_else_gets_no_revision() {
    let mut theirs = alone();
    theirs["tags"] = json!([]);
    let invocation = called(Some(theirs), None);
    let operations = invocation.operations();
    for never in ["RegisterTaskDefinition", "RunTask", "CreateSchedule"] {
        assert!(!operations.contains(&never), "{operations:?}");
    }
    let put = invocation.request("PutLifecycleEventHookExecutionStatus");
    assert_eq!(put["status"], "Failed");
    let said = invocation.messages[0].to_string();
    assert!(
        said.contains("`web-migration`") && said.contains("did not register"),
        "{said}"
    );
}

/// How the hook is answered when the migration's task has stopped with this exit code, in the revision that ECS describes so.
fn finished(exit_code: i64, ran: Value) -> (String, String) {
    let event = ended(TASK, "greenlight/d-1");
    let mut noted = record(Some(TASK));
    noted["runs"]["revision"] = ALONE.into();
    noted["runs"]["alone_of"] = REVISION.into();
    let invocation = invoke(
        "finish-migration",
        PIPELINES,
        &event,
        move |operation, _, request| match operation {
            "GetSchedule" => scheduled(&noted, DUE),
            "GetDeployment" => deployment("d-1", "InProgress", 1.0),
            "DescribeTasks" => tasks(&ran_alone("STOPPED", json!(exit_code))),
            "DescribeTaskDefinition" => definition(request, Some(&ran)),
            _ => nothing(),
        },
    );
    let put = invocation.request("PutLifecycleEventHookExecutionStatus");
    let said = invocation.messages.first().map(Value::to_string);
    (
        put["status"].as_str().unwrap().to_owned(),
        said.unwrap_or_default(),
    )
}

#[test]
fn a_0_of_another_revision_is_no_success_whatever_its_tag() {
    assert_eq!(finished(0, alone()).0, "Succeeded");
    let (status, said) = finished(3, alone());
    assert!(status == "Failed" && said.contains("code 3"), "{said}");
    let mut swallowing = alone();
    swallowing["taskDefinition"]["containerDefinitions"][0]["entryPoint"] = json!(["true"]);
    let (status, said) = finished(0, swallowing);
    assert_eq!(status, "Failed");
    assert!(
        said.contains("container `web`: `entryPoint` is added"),
        "{said}"
    );
    let mut unmarked = alone();
    unmarked["tags"] = json!([]);
    let (status, said) = finished(0, unmarked);
    assert!(status == "Failed" && said.contains(MARK), "{said}");
}

/// The deployment has failed at its migration gate; its task was of this revision, as ECS describes it.
fn reported(ran: Value) -> String {
    let event = json!({
        "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "FAILURE"
        }
    });
    let invocation = invoke(
        "report-outcome",
        PIPELINES,
        &event,
        move |operation, _, request| match operation {
            "GetDeployment" => Says(json!({"deploymentInfo": {
                "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
                "status": "Failed", "creator": "user", "createTime": 100.0,
            }})),
            "DescribeServices" => service(REVISION, "d-1", "ACTIVE"),
            "ListTasks" if request["family"] == "web-migration" => {
                Says(json!({"taskArns": [TASK]}))
            }
            "ListTasks" => Says(json!({"taskArns": []})),
            "DescribeTasks" => tasks(&ran_alone("STOPPED", json!(3))),
            "DescribeTaskDefinition" => definition(request, Some(&ran)),
            "ListDeploymentTargets" => Says(json!({"targetIds": []})),
            _ => nothing(),
        },
    );
    invocation.messages[0].to_string()
}

#[test]
fn the_outcome_has_the_reason_of_a_migration_that_ran_alone() {
    let said = reported(alone());
    assert!(said.contains("the migration exited with code 3"), "{said}");
    assert!(said.contains("perhaps partially migrated"), "{said}");
    // A task that is only marked as the migration explains nothing.
    let mut other = alone();
    other["taskDefinition"]["cpu"] = "512".into();
    let said = reported(other);
    assert!(!said.contains("code 3"), "{said}");
}

/// A dry run of an image while the migration's family has this newest revision.
fn dry_run(newest: Option<Value>) -> Invocation {
    let request = json!({"pipeline": "web", "dry_run": true});
    invoke(
        "start-deployment",
        PIPELINES,
        &request,
        move |operation, before, request| match operation {
            "DescribeTaskDefinition" => definition(request, newest.as_ref()),
            _ => super::throttling(operation, before, request),
        },
    )
}

#[test]
fn a_dry_run_says_which_containers_start() {
    let invocation = dry_run(None);
    let changes = invocation.answer["pipelines"][0]["changes"].to_string();
    assert!(
        changes.contains("it runs alone, in a revision of the family `web-migration`: 1 of the 2 containers start, `web`"),
        "{}",
        invocation.answer
    );
    let mut theirs = alone();
    theirs["tags"] = json!([]);
    let refused = dry_run(Some(theirs));
    assert!(
        refused
            .answer
            .to_string()
            .contains("revisions that Greenlight did not register"),
        "{}",
        refused.answer
    );
}
