//! What a function does where a scenario cannot get between two of its calls: one invocation of the real binary.

mod alone;
mod burst;
mod environment;
mod forged;
mod forged_end;
mod hook_role;
mod misconfigured;
mod moving;
mod native;
mod older;
mod on_bus;
mod on_ecs;
mod published;
mod rolling;
mod secrets;
mod service_told;
mod settings;
mod test_gate;
mod told_once;
mod unexplained;
pub(crate) mod wire;

use serde_json::{Value, json};

use wire::Answer::{Refuses, Says};
use wire::{Answer, Invocation, invoke};

const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";
const TASK: &str = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c";
const EXECUTION: &str = "an-execution-id-of-a-hook";
const PIPELINES: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n";

fn deployment(id: &str, status: &str, created_at: f64) -> Answer {
    Says(json!({"deploymentInfo": {
        "deploymentId": id, "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
        "status": status, "creator": "user", "createTime": created_at,
    }}))
}

fn service(revision: &str, deployment: &str, status: &str) -> Answer {
    Says(json!({"failures": [], "services": [{
        "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"}, "taskDefinition": REVISION,
        "desiredCount": 2, "runningCount": 2,
        "taskSets": [{
            "id": "ecs-svc/1", "status": status, "externalId": deployment, "taskDefinition": revision, "launchType": "FARGATE",
            "computedDesiredCount": 2, "runningCount": 2,
        }],
    }]}))
}

/// A migration task, as DescribeTasks and RunTask say it.
fn task(last_status: &str, exit_code: Value) -> Value {
    let mut container = json!({"name": "web", "lastStatus": last_status});
    if !exit_code.is_null() {
        container["lastStatus"] = json!("STOPPED");
        container["exitCode"] = exit_code;
    }
    json!({
        "taskArn": TASK, "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/prod", "taskDefinitionArn": REVISION,
        "lastStatus": last_status, "createdAt": 1_791_970_000.0, "startedAt": 1_791_970_001.0, "containers": [container],
        "startedBy": "greenlight/d-1",
        "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"]}]},
    })
}

fn nothing() -> Answer {
    Says(json!({}))
}

fn tasks(task: &Value) -> Answer {
    Says(json!({"tasks": [task], "failures": []}))
}

/// Somebody stops the deployment after the hook has observed it and before the start of its task.
#[test]
fn a_migration_that_starts_while_its_deployment_ends_is_stopped() {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let invocation =
        invoke(
            "run-migration",
            PIPELINES,
            &hook,
            |operation, before, _| match operation {
                "GetDeployment" if before > 0 => deployment("d-1", "Stopped", 1.0),
                "PutLifecycleEventHookExecutionStatus" => {
                    Refuses("LifecycleEventAlreadyCompletedException")
                }
                _ => forged::hooked(operation, "InProgress"),
            },
        );
    assert_eq!(
        invocation.request("StopTask")["task"],
        TASK,
        "{:?}",
        invocation.operations()
    );
    assert_eq!(invocation.answer["late"], true, "{}", invocation.answer);
    assert!(invocation.messages.is_empty());
}

/// The request that starts the migration of a service on container instances.
#[test]
fn a_migration_runs_on_the_container_instances_that_its_service_may_use() {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let member_of = json!({"type": "memberOf", "expression": "attribute:disk == ssd"});
    let strategy =
        json!([{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "random"}]);
    for (launch_type, expected) in [
        ("EC2", json!([[member_of], strategy])),
        ("FARGATE", json!([null, null])),
    ] {
        let (constraints, strategy) = (
            json!([{"type": "distinctInstance"}, member_of]),
            strategy.clone(),
        );
        let invocation =
            invoke(
                "run-migration",
                PIPELINES,
                &hook,
                move |operation, _, _| match operation {
                    "DescribeServices" => {
                        let Says(mut found) = service(REVISION, "d-1", "ACTIVE") else {
                            return nothing();
                        };
                        let service = &mut found["services"][0];
                        service["placementConstraints"] = constraints.clone();
                        service["placementStrategy"] = strategy.clone();
                        service["taskSets"][0]["launchType"] = json!(launch_type);
                        Says(found)
                    }
                    _ => forged::hooked(operation, "InProgress"),
                },
            );
        let request = invocation.request("RunTask");
        let sent = json!([
            request["placementConstraints"],
            request["placementStrategy"]
        ]);
        assert_eq!(sent, expected, "{launch_type}");
    }
}

/// What the hook gets when the time of a migration is up, and whether its task is stopped.
fn timed_out(last_status: &'static str, exit_code: Value) -> (String, bool) {
    let event = forged::record(Some(TASK));
    let record = event.clone();
    let task = task(last_status, exit_code);
    let invocation = invoke(
        "finish-migration",
        PIPELINES,
        &event,
        move |operation, _, _| match operation {
            "DescribeTasks" => tasks(&task),
            "GetDeployment" => deployment("d-1", "InProgress", 1.0),
            "GetSchedule" => forged::scheduled(&record, forged::DUE),
            _ => nothing(),
        },
    );
    let put = invocation.request("PutLifecycleEventHookExecutionStatus");
    let stopped = invocation.operations().contains(&"StopTask");
    (put["status"].as_str().unwrap().to_owned(), stopped)
}

#[test]
fn a_migration_whose_time_is_up_is_judged_by_its_exit_code_where_it_has_one() {
    assert_eq!(
        timed_out("RUNNING", Value::Null),
        ("Failed".to_owned(), true)
    );
    assert_eq!(
        timed_out("RUNNING", json!(0)),
        ("Succeeded".to_owned(), true)
    );
    assert_eq!(
        timed_out("STOPPED", json!(0)),
        ("Succeeded".to_owned(), false)
    );
    assert_eq!(
        timed_out("DEPROVISIONING", json!(3)),
        ("Failed".to_owned(), true)
    );
}

/// A migration that prints all it was given, fails, and whose task definition names secrets.
fn failed_with_secrets() -> Invocation {
    let mut detail = task("STOPPED", json!(3));
    for (field, value) in [
        ("startedBy", "greenlight/d-1"),
        ("stopCode", "EssentialContainerExited"),
        (
            "stoppedReason",
            "cannot pull arn:aws:secretsmanager:eu-central-1:1:secret:prod/db-hunter2",
        ),
    ] {
        detail[field] = value.into();
    }
    let event = json!({
        "source": "aws.ecs", "detail-type": "ECS Task State Change", "account": "111122223333", "region": "eu-central-1",
        "detail": {"taskArn": TASK, "startedBy": "greenlight/d-1", "lastStatus": "STOPPED"}
    });
    let definition = json!({"tags": [], "taskDefinition": {
        "taskDefinitionArn": REVISION, "family": "web", "containerDefinitions": [{
            "name": "web", "environment": [{"name": "DATABASE_URL", "value": "postgres://shop:hunter2@db"}],
            "secrets": [{"name": "TOKEN", "valueFrom": "prod/token/hunter2"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-stream-prefix": "p"}},
        }]
    }});
    invoke(
        "finish-migration",
        PIPELINES,
        &event,
        move |operation, _, _| match operation {
            "GetDeployment" => deployment("d-1", "InProgress", 1.0),
            "GetSchedule" => forged::scheduled(&forged::record(Some(TASK)), forged::DUE),
            "DescribeTasks" => tasks(&detail),
            "DescribeTaskDefinition" => Says(definition.clone()),
            "GetLogEvents" => Says(json!({"events": [
                {"message": "cannot reach postgres://shop:hunter2@db, token prod/token/hunter2"},
            ]})),
            _ => nothing(),
        },
    )
}

#[test]
fn a_failed_migration_is_quoted_without_what_it_was_given() {
    let invocation = failed_with_secrets();
    let [message] = &invocation.messages[..] else {
        panic!("{:?}", invocation.operations());
    };
    assert_eq!(
        message["log"],
        json!(["cannot reach [DATABASE_URL], token [TOKEN]"])
    );
    for said in [
        message.to_string(),
        invocation.answer.to_string(),
        invocation.log.to_string(),
    ] {
        assert!(
            !said.contains("hunter2") && !said.contains(EXECUTION),
            "{said}"
        );
    }
}

fn succeeded(account: &str) -> Value {
    json!({
        "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification",
        "account": account, "region": "eu-central-1",
        "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "SUCCESS"
        }
    })
}

/// The event of d-1's success comes when `d-2`, created then, has made what serves production.
fn told_late(created_at: f64) -> String {
    let invocation = invoke(
        "report-outcome",
        PIPELINES,
        &succeeded("111122223333"),
        move |operation, before, _| match operation {
            "GetDeployment" if before == 0 => Says(json!({"deploymentInfo": {
                "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
                "status": "Succeeded", "creator": "user", "createTime": 100.0,
                "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "ab"}},
            }})),
            "GetDeployment" => deployment("d-2", "InProgress", created_at),
            "DescribeServices" => service(&REVISION.replace(":2", ":3"), "d-2", "PRIMARY"),
            "GetApplicationRevision" => {
                let spec = json!({"Resources": [{"TargetService": {"Properties": {"TaskDefinition": REVISION}}}]});
                Says(json!({"revision": {
                    "revisionType": "AppSpecContent", "appSpecContent": {"content": spec.to_string()}
                }}))
            }
            "ListTasks" => Says(json!({"taskArns": []})),
            "ListDeploymentTargets" => Says(json!({"targetIds": []})),
            _ => nothing(),
        },
    );
    format!(
        "{}: {}",
        invocation.messages[0]["outcome"].as_str().unwrap(),
        invocation.messages[0]["summary"].as_str().unwrap()
    )
}

#[test]
fn a_success_that_is_told_late_is_no_failure() {
    assert_eq!(
        told_late(200.0),
        "shipped: deployment d-1 was shipped to prod/web; deployment d-2 has replaced it since"
    );
    assert_eq!(
        told_late(50.0),
        "failed: CodeDeploy reports success for deployment d-1, but prod/web is on another revision"
    );
}

#[test]
fn what_another_account_deploys_is_nothing_to_report() {
    let invocation = invoke(
        "report-outcome",
        PIPELINES,
        &succeeded("444455556666"),
        |_, _, _| nothing(),
    );
    assert!(invocation.calls.is_empty(), "{:?}", invocation.operations());
    assert_eq!(invocation.answer["outcome"], Value::Null);
}

/// What AWS says to `start-deployment` while it throttles each change as often as the SDK tries it, and once more.
fn throttling(operation: &str, before: usize, request: &Value) -> Answer {
    let image = |digit: &str| {
        format!(
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{}",
            digit.repeat(64)
        )
    };
    let definition = |revision: &str, digit: &str| {
        Says(json!({"tags": [], "taskDefinition": {
            "taskDefinitionArn": revision, "family": "web",
            "containerDefinitions": [{"name": "web", "image": image(digit)}],
        }}))
    };
    match operation {
        "RegisterTaskDefinition" | "CreateDeployment" if before < 5 => {
            Refuses("ThrottlingException")
        }
        "RegisterTaskDefinition" => {
            Says(json!({"taskDefinition": {"taskDefinitionArn": REVISION.replace(":2", ":3")}}))
        }
        "CreateDeployment" => Says(json!({"deploymentId": "d-9"})),
        // The family's latest revision is the new one as soon as the deployment was tried.
        "DescribeTaskDefinition" if request["taskDefinition"] == "web" && before > 1 => {
            definition(&REVISION.replace(":2", ":3"), "b")
        }
        "DescribeTaskDefinition" => definition(REVISION, "a"),
        "DescribeImages" => Says(json!({"imageDetails": [{
            "imageDigest": format!("sha256:{}", "b".repeat(64)), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
        }]})),
        "GetDeploymentGroup" => Says(json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}]
        }})),
        "DescribeServices" => Says(json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": REVISION, "taskSets": [],
            "loadBalancers": [{"containerName": "web", "containerPort": 80}],
        }]})),
        "ListDeployments" => Says(json!({"deployments": []})),
        _ => nothing(),
    }
}

#[test]
fn throttling_slows_a_start_down_and_costs_no_second_revision() {
    let request = json!({"pipeline": "web"});
    let invocation = invoke("start-deployment", PIPELINES, &request, throttling);
    let report = &invocation.answer["pipelines"][0];
    assert_eq!(report["deployment_id"], "d-9", "{}", invocation.answer);
    assert_eq!(report["revision"], REVISION.replace(":2", ":3"));
    let registered = invocation
        .operations()
        .iter()
        .filter(|operation| **operation == "RegisterTaskDefinition")
        .count();
    assert_eq!(registered, 6, "{:?}", invocation.operations());
}

/// CodeDeploy's own rollback was created, and stopped, in the second in which this observes: AWS's time says no more.
#[test]
fn a_rollback_of_the_same_second_costs_one_more_observation() {
    let request = json!({"pipeline": "web"});
    let invocation = invoke(
        "start-deployment",
        PIPELINES,
        &request,
        |operation, before, request| match operation {
            "ListDeployments" if request.get("createTimeRange").is_some() => {
                Says(json!({"deployments": ["d-back"]}))
            }
            "BatchGetDeployments" => Says(json!({"deploymentsInfo": [{
                "deploymentId": "d-back", "applicationName": "AppECS-prod-web",
                "deploymentGroupName": "DgpECS-prod-web", "status": "Stopped",
                "creator": "codeDeployRollback", "createTime": 1_791_970_100.0,
            }]})),
            "RegisterTaskDefinition" | "CreateDeployment" => throttling(operation, 5, request),
            _ => throttling(operation, before, request),
        },
    );
    let report = &invocation.answer["pipelines"][0];
    assert_eq!(report["deployment_id"], "d-9", "{}", invocation.answer);
    let calls = |operation| {
        let operations = invocation.operations();
        operations.iter().filter(|one| **one == operation).count()
    };
    assert_eq!(calls("DescribeServices"), 2);
    assert_eq!(calls("RegisterTaskDefinition"), 1);
    assert_eq!(calls("CreateDeployment"), 1);
}
