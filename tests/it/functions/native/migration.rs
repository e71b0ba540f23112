//! The migration gate: started once, asked after until its end, judged as for CodeDeploy.

use super::*;
use crate::functions::wire::Answer::{Conflicts, Refuses};

fn task(last_status: &str, exit_code: Value) -> Value {
    let mut container = json!({"name": "web", "lastStatus": last_status});
    if !exit_code.is_null() {
        container["exitCode"] = exit_code;
    }
    let mut task = json!({
        "taskArn": TASK, "clusterArn": format!("{HEAD}:cluster/prod"), "taskDefinitionArn": REVISION,
        "lastStatus": last_status, "createdAt": NOW - 30.0, "startedAt": NOW - 20.0, "containers": [container],
        "startedBy": format!("greenlight-native/{ID}"),
        "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"]}]},
    });
    if last_status == "STOPPED" {
        task["stopCode"] = json!("EssentialContainerExited");
    }
    task
}

fn tasks(task: &Value) -> Answer {
    Says(json!({"tasks": [task], "failures": []}))
}

/// The payload of a call after the first one.
fn again() -> Value {
    let mut payload = payload("PRE_SCALE_UP");
    payload["hookDetails"] =
        json!({"greenlightTask": TASK, "greenlightDeadline": "2026-10-14T09:40:00Z"});
    payload
}

fn migrate(
    payload: &Value,
    answer: impl Fn(&str, usize, &Value) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    call("run-migration", PIPELINES, payload, answer)
}

/// A later call while ECS describes the task so.
fn later(task: Value) -> Invocation {
    migrate(&again(), move |operation, _, _| {
        (operation == "DescribeTasks").then(|| tasks(&task))
    })
}

#[test]
fn the_first_call_starts_the_migration_and_has_itself_called_again() {
    for stage in ["PRE_SCALE_UP", "POST_SCALE_UP"] {
        let invocation = migrate(&payload(stage), |operation, _, _| {
            (operation == "RunTask").then(|| tasks(&task("PROVISIONING", Value::Null)))
        });
        assert_eq!(
            invocation.answer,
            json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 15, "hookDetails": {
                "greenlightTask": TASK, "greenlightDeadline": "2026-10-14T09:39:30Z",
            }})
        );
        let request = invocation.request("RunTask");
        assert_eq!(request["taskDefinition"], REVISION);
        assert_eq!(request["startedBy"], format!("greenlight-native/{ID}"));
        assert_eq!(request["clientToken"], format!("greenlight-{stage}-{ID}"));
        assert_eq!(request["launchType"], "FARGATE");
        assert_eq!(
            request["networkConfiguration"]["awsvpcConfiguration"]["subnets"],
            json!(["subnet-1"])
        );
        assert_eq!(
            request["overrides"]["containerOverrides"],
            json!([{"name": "web", "command": ["migrate"]}])
        );
        for other in [
            "CreateSchedule",
            "PutLifecycleEventHookExecutionStatus",
            "TagResource",
        ] {
            assert!(!invocation.operations().contains(&other), "{other}");
        }
        assert!(invocation.messages.is_empty());
    }
}

#[test]
fn later_calls_wait_for_the_task_and_answer_by_its_exit_code() {
    let running = later(task("RUNNING", Value::Null));
    assert_eq!(status(&running), "IN_PROGRESS");
    assert_eq!(running.answer["hookDetails"]["greenlightTask"], TASK);
    let succeeded = later(task("STOPPED", json!(0)));
    assert_eq!(succeeded.answer, json!({"hookStatus": "SUCCEEDED"}));
    for invocation in [&running, &succeeded] {
        assert!(!invocation.operations().contains(&"RunTask"));
        assert!(invocation.messages.is_empty());
    }
    let failed = later(task("STOPPED", json!(3)));
    assert_eq!(failed.answer, json!({"hookStatus": "FAILED"}));
    let said = told(&failed);
    assert!(
        said.starts_with("migration-failed: the migration of shop/web:v7 (sha256:aaaaaaaaaaaa) failed; no production traffic was \
            shifted: the migration exited with code 3"),
        "{said}"
    );
    let tag = failed.request("TagResource");
    assert_eq!(tag["resourceArn"], REVISION);
    assert_eq!(tag["tags"][0]["key"], "greenlight:gate");
    let value = tag["tags"][0]["value"].as_str().unwrap();
    assert!(
        value.starts_with(&format!(
            "failed migration {ID} the migration exited with code 3"
        )),
        "{value}"
    );
}

/// A 0 that may be the answer to a signal, and what was kept from running: the same rules as for CodeDeploy.
#[test]
fn the_end_is_judged_as_for_codedeploy() {
    let mut by_a_sidecar = task("STOPPED", json!(0));
    by_a_sidecar["containers"] =
        json!([{"name": "web", "exitCode": 0}, {"name": "proxy", "exitCode": 1}]);
    let mut stopped = task("STOPPED", json!(0));
    stopped["stopCode"] = json!("UserInitiated");
    let mut never = task("STOPPED", Value::Null);
    never["stopCode"] = json!("TaskFailedToStart");
    never["startedAt"] = Value::Null;
    for (task, expected) in [
        (
            by_a_sidecar,
            "migration-failed: the migration of shop/web:v7 (sha256:aaaaaaaaaaaa) failed; no production traffic was \
            shifted: it is not known whether the migration came to its end: it exited with code 0, but the essential container `proxy` ended",
        ),
        (stopped, "the migration was stopped: "),
        (
            never,
            "migration-failed: the migration of shop/web:v7 (sha256:aaaaaaaaaaaa) did not run; no production traffic was \
            shifted: the migration never started: ",
        ),
    ] {
        let invocation = later(task);
        assert_eq!(status(&invocation), "FAILED");
        let said = told(&invocation);
        assert!(said.contains(expected), "{said}");
    }
    // A sidecar keeps the task up after its migration.
    let mut beside = task("RUNNING", json!(0));
    beside["containers"] =
        json!([{"name": "web", "lastStatus": "STOPPED", "exitCode": 0}, {"name": "proxy"}]);
    let invocation = later(beside);
    assert_eq!(status(&invocation), "SUCCEEDED");
    assert_eq!(
        invocation.request("StopTask")["reason"],
        "the migration has ended"
    );
}

#[test]
fn a_migration_is_stopped_when_its_time_is_up_whatever_its_call_says() {
    let mut old = task("RUNNING", Value::Null);
    old["createdAt"] = json!(NOW - 601.0);
    let invocation = later(old);
    assert_eq!(status(&invocation), "FAILED");
    assert_eq!(invocation.request("StopTask")["task"], TASK);
    let said = told(&invocation);
    assert!(
        said.ends_with("the migration did not end within its 10 minutes and was stopped"),
        "{said}"
    );
    // The deadline in a payload is nobody's proof: it neither ends a migration nor gives it more time.
    let mut payload = again();
    payload["hookDetails"]["greenlightDeadline"] = json!("2020-01-01T00:00:00Z");
    let invocation = migrate(&payload, |operation, _, _| {
        (operation == "DescribeTasks").then(|| tasks(&task("RUNNING", Value::Null)))
    });
    assert_eq!(status(&invocation), "IN_PROGRESS");
    // The hook's own time is shorter than the pipeline's.
    let invocation = migrate(&again(), |operation, _, _| match operation {
        "DescribeTasks" => {
            let mut task = task("RUNNING", Value::Null);
            task["createdAt"] = json!(NOW - 200.0);
            Some(tasks(&task))
        }
        "DescribeServices" => {
            let mut service = service();
            service["deploymentConfiguration"]["lifecycleHooks"] = json!([{
                "targetType": "AWS_LAMBDA", "hookTargetArn": "arn:aws:lambda:eu-central-1:111122223333:function:f",
                "roleArn": "r", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "ROLLBACK"},
            }]);
            Some(Says(json!({"failures": [], "services": [service]})))
        }
        _ => None,
    });
    let said = told(&invocation);
    assert!(
        said.ends_with("the migration did not end within its 3 minutes and was stopped"),
        "{said}"
    );
}

#[test]
fn a_lost_task_is_found_again_and_never_started_twice() {
    // Without details: by its mark.
    let found = migrate(
        &payload("PRE_SCALE_UP"),
        |operation, _, _| match operation {
            "ListTasks" => Some(Says(json!({"taskArns": [TASK]}))),
            "DescribeTasks" => Some(tasks(&task("STOPPED", json!(0)))),
            _ => None,
        },
    );
    assert_eq!(status(&found), "SUCCEEDED");
    assert!(!found.operations().contains(&"RunTask"));
    // By its token, where ECS lists it no more.
    let known = migrate(
        &payload("PRE_SCALE_UP"),
        |operation, _, _| match operation {
            "RunTask" => Some(Conflicts(vec![TASK])),
            "DescribeTasks" => Some(tasks(&task("RUNNING", Value::Null))),
            _ => None,
        },
    );
    assert_eq!(status(&known), "IN_PROGRESS");
    // What its details name is gone: unknown is not success, and once more would be twice.
    let gone = migrate(&again(), |operation, _, _| {
        (operation == "DescribeTasks").then(|| Says(json!({"tasks": [], "failures": []})))
    });
    assert_eq!(status(&gone), "FAILED");
    assert!(!gone.operations().contains(&"RunTask"));
    assert!(told(&gone).ends_with("ECS does not know the migration's task (any more)"));
}

#[test]
fn a_deployment_that_ends_while_its_migration_starts_takes_it_along() {
    for (after, expected) in [("STOPPED", "FAILED"), ("ROLLBACK_IN_PROGRESS", "SUCCEEDED")] {
        let invocation =
            migrate(
                &payload("PRE_SCALE_UP"),
                move |operation, before, _| match operation {
                    "RunTask" => Some(tasks(&task("PROVISIONING", Value::Null))),
                    "DescribeServiceDeployments" if before > 0 => {
                        Some(deployments(&deployment(after, "PRE_SCALE_UP")))
                    }
                    _ => None,
                },
            );
        assert_eq!(status(&invocation), expected, "{after}");
        assert_eq!(invocation.request("StopTask")["task"], TASK);
        assert!(invocation.messages.is_empty());
    }
}

#[test]
fn a_requested_rollback_migrates_nothing_where_its_image_was_shipped_before() {
    let rollback = |earlier: &'static str, status: &'static str| {
        migrate(
            &payload("PRE_SCALE_UP"),
            move |operation, before, _| match operation {
                "DescribeTaskDefinition" => Some(definition(
                    &json!([{"key": "greenlight:rollback", "value": "asked"}]),
                )),
                "ListServiceDeployments" => Some(Says(json!({"serviceDeployments": [{
                    "serviceDeploymentArn": format!("{HEAD}:service-deployment/prod/web/older"), "status": status,
                    "targetServiceRevisionArn": service_revision("5"), "createdAt": NOW - 9000.0,
                }]}))),
                "DescribeServiceRevisions" if before > 0 => {
                    Some(Says(json!({"serviceRevisions": [{
                        "serviceRevisionArn": service_revision("5"), "taskDefinition": REVISION,
                        "containerImages": [{"containerName": "web", "image": image(earlier)}],
                    }]})))
                }
                "RunTask" => Some(tasks(&task("PROVISIONING", Value::Null))),
                _ => None,
            },
        )
    };
    let shipped = rollback("a", "SUCCESSFUL");
    assert_eq!(status(&shipped), "SUCCEEDED");
    assert!(!shipped.operations().contains(&"RunTask"));
    // The tag alone passes nothing.
    for invocation in [
        rollback("b", "SUCCESSFUL"),
        rollback("a", "ROLLBACK_SUCCESSFUL"),
    ] {
        assert_eq!(status(&invocation), "IN_PROGRESS");
        assert!(invocation.operations().contains(&"RunTask"));
    }
}

/// ECS lists no deployment from before a service was moved to it: CodeDeploy does.
#[test]
fn a_requested_rollback_to_what_codedeploy_shipped_migrates_nothing() {
    let rollback = |shipped: &'static str, listed: fn() -> Answer| {
        migrate(
            &payload("PRE_SCALE_UP"),
            move |operation, _, request| match operation {
                "DescribeTaskDefinition" => Some(definition(
                    &json!([{"key": "greenlight:rollback", "value": "asked"}]),
                )),
                "ListServiceDeployments" => Some(Says(json!({"serviceDeployments": []}))),
                "ListDeployments" => {
                    assert_eq!(request["includeOnlyStatuses"], json!(["Succeeded"]));
                    assert_eq!(request["applicationName"], "AppECS-prod-web");
                    Some(listed())
                }
                "BatchGetDeployments" => Some(Says(json!({"deploymentsInfo": [{
                    "deploymentId": "d-OLDER", "applicationName": "AppECS-prod-web",
                    "deploymentGroupName": "DgpECS-prod-web", "status": "Succeeded", "creator": "user",
                    "createTime": NOW - 9000.0,
                    "description": format!("greenlight sha256:{} 2026-10-14T07:00:00Z v6", shipped.repeat(64)),
                }]}))),
                "RunTask" => Some(tasks(&task("PROVISIONING", Value::Null))),
                _ => None,
            },
        )
    };
    let one = || Says(json!({"deployments": ["d-OLDER"]}));
    let shipped = rollback("a", one);
    assert_eq!(status(&shipped), "SUCCEEDED");
    assert!(!shipped.operations().contains(&"RunTask"));
    for invocation in [
        rollback("b", one),
        rollback("a", || Says(json!({"deployments": []}))),
        // Most services never had a group.
        rollback("a", || Refuses("DeploymentGroupDoesNotExistException")),
        rollback("a", || Refuses("AccessDeniedException")),
    ] {
        assert_eq!(status(&invocation), "IN_PROGRESS");
        assert!(invocation.operations().contains(&"RunTask"));
    }
}

#[test]
fn without_a_migration_there_is_nothing_to_do() {
    let without = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    let invocation = call(
        "run-migration",
        without,
        &payload("PRE_SCALE_UP"),
        |_, _, _| None,
    );
    assert_eq!(status(&invocation), "SUCCEEDED");
}

const ALONE: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web-migration:4";

/// The revision in which the migration runs alone, with this image.
fn alone(digit: &str) -> Value {
    json!({"tags": [{"key": "greenlight:migration-of", "value": REVISION}], "taskDefinition": {
        "taskDefinitionArn": ALONE, "family": "web-migration", "revision": 4, "status": "ACTIVE",
        "containerDefinitions": [{"name": "web", "essential": true, "image": image(digit)}],
    }})
}

/// A call where the newest revision of the migration's family is this, and ECS describes this task.
fn migrate_alone(payload: &Value, newest: Option<Value>, task: Value) -> Invocation {
    let pipelines = format!("{PIPELINES}alone=true\n");
    call(
        "run-migration",
        &pipelines,
        payload,
        move |operation, _, request| {
            let named = request["taskDefinition"].as_str().unwrap_or_default();
            match operation {
                "DescribeTaskDefinition" if named.contains("web-migration") => {
                    Some(match &newest {
                        Some(newest) => Says(newest.clone()),
                        None => Refuses("ClientException"),
                    })
                }
                "RegisterTaskDefinition" => Some(Says(
                    json!({"taskDefinition": {"taskDefinitionArn": ALONE}}),
                )),
                "RunTask" => {
                    let mut started = self::task("PROVISIONING", Value::Null);
                    started["taskDefinitionArn"] = ALONE.into();
                    Some(tasks(&started))
                }
                "DescribeTasks" => Some(tasks(&task)),
                _ => None,
            }
        },
    )
}

/// A record of the revision is kept by nobody: a task counts where its own revision is made of green's.
#[test]
fn a_migration_that_runs_alone_is_known_by_what_its_revision_is_made_of() {
    let in_revision = |last_status: &str, exit_code: Value| {
        let mut task = task(last_status, exit_code);
        task["taskDefinitionArn"] = ALONE.into();
        task
    };
    let registers = |newest: Option<Value>| {
        let task = in_revision("PROVISIONING", Value::Null);
        let first = migrate_alone(&payload("PRE_SCALE_UP"), newest, task);
        assert_eq!(status(&first), "IN_PROGRESS");
        assert_eq!(first.request("RunTask")["taskDefinition"], ALONE);
        first.operations().contains(&"RegisterTaskDefinition")
    };
    assert!(registers(None));
    // An earlier call died after it had registered it; and another deployment registered the newest one.
    assert!(!registers(Some(alone("a"))));
    assert!(registers(Some(alone("b"))));
    let later = |revision: Value, exit_code: i32| {
        let task = in_revision("STOPPED", json!(exit_code));
        migrate_alone(&again(), Some(revision), task)
    };
    for (digit, exit_code, expected) in [("a", 0, "SUCCEEDED"), ("a", 3, "FAILED")] {
        let invocation = later(alone(digit), exit_code);
        assert_eq!(status(&invocation), expected, "{digit} {exit_code}");
        assert!(!invocation.operations().contains(&"RunTask"));
    }
    // Anybody may tag a revision that does nothing, and name its task in a call.
    let forged = later(alone("b"), 0);
    assert_eq!(status(&forged), "IN_PROGRESS");
    assert!(forged.operations().contains(&"RunTask"));
    // Nor does a task of green's own revision, beside all its containers.
    let beside = migrate_alone(&again(), Some(alone("a")), task("STOPPED", json!(0)));
    assert_ne!(status(&beside), "SUCCEEDED");
}

#[test]
fn a_task_that_ecs_refuses_fails_the_gate() {
    let refused = migrate(&payload("PRE_SCALE_UP"), |operation, _, _| {
        (operation == "RunTask").then(|| {
            Says(json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY", "detail": "no room"}]}))
        })
    });
    assert_eq!(status(&refused), "FAILED");
    assert!(told(&refused).contains("did not run"), "{}", told(&refused));
    let denied = migrate(&payload("PRE_SCALE_UP"), |operation, _, _| {
        (operation == "RunTask").then(|| Refuses("AccessDeniedException"))
    });
    assert_eq!(status(&denied), "FAILED");
    assert!(told(&denied).contains("did not run"), "{}", told(&denied));
    // That the reason cannot be written on the revision changes nothing.
    let untagged = migrate(&again(), |operation, _, _| match operation {
        "DescribeTasks" => Some(tasks(&task("STOPPED", json!(3)))),
        "TagResource" => Some(Refuses("AccessDeniedException")),
        _ => None,
    });
    assert_eq!(status(&untagged), "FAILED");
    assert_eq!(untagged.messages.len(), 1);
}

/// A check of minutes fails where its deployment is stopped meanwhile: people are told of that elsewhere.
#[test]
fn a_failure_after_the_deployments_end_is_not_told_twice() {
    for (after, expected) in [("STOPPED", "FAILED"), ("ROLLBACK_REQUESTED", "SUCCEEDED")] {
        let invocation = migrate(&again(), move |operation, before, _| match operation {
            "DescribeTasks" => Some(tasks(&task("STOPPED", json!(3)))),
            "DescribeServiceDeployments" if before > 0 => {
                Some(deployments(&deployment(after, "PRE_SCALE_UP")))
            }
            _ => None,
        });
        assert_eq!(status(&invocation), expected, "{after}");
        assert!(invocation.messages.is_empty());
        assert!(!invocation.operations().contains(&"TagResource"));
    }
}
