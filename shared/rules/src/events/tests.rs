use serde_json::{Value, json};

use super::*;
use crate::start::Force;

fn push(changes: Value) -> Value {
    let mut event = json!({
        "version": "0", "id": "0b5a0c5e-2d1f-4c0e-9a34-6a4f7d2b8c11", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "111122223333", "time": "2026-10-14T09:21:47Z", "region": "eu-central-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS", "repository-name": "shop/web", "action-type": "PUSH", "image-tag": "1.42.0",
            "image-digest": format!("sha256:{}", "4c".repeat(32)), "something-new": {"from": "AWS"}
        }
    });
    for (key, value) in changes.as_object().unwrap() {
        event["detail"][key] = value.clone();
    }
    event
}

#[track_caller]
fn check(event: &Value, expected: &str) {
    let said = match StartEvent::parse(event) {
        Ok(StartEvent::Pushed {
            image,
            tag,
            at: Some(at),
        }) => format!("pushed {image} as {tag} at {at}"),
        Ok(StartEvent::Pushed {
            image,
            tag,
            at: None,
        }) => format!("arrived {image} as {tag}"),
        Ok(StartEvent::Unreadable { subject, error }) => format!("{subject:?}: {error}"),
        Ok(StartEvent::DeploymentEnded {
            application,
            deployment_group,
        }) => format!("ended {application}/{deployment_group}"),
        Ok(StartEvent::ServiceChanged { cluster, service }) => {
            format!("changed {cluster}/{service}")
        }
        Ok(StartEvent::Routine) => "routine".to_owned(),
        Ok(StartEvent::Asked(Request {
            pipeline,
            wanted,
            force: Force::No,
            way: Way::Forward,
            dry_run,
        })) => format!("asked {pipeline} {wanted:?} {dry_run}"),
        Ok(StartEvent::Asked(request)) => {
            let Request {
                wanted, force, way, ..
            } = request;
            format!("asked {wanted:?}, force {force:?}, {way:?}")
        }
        Ok(StartEvent::Ignored(reason)) => format!("ignored: {reason}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expected);
}

#[test]
fn a_time_that_is_none_is_named() {
    let mut event = push(json!({}));
    event["time"] = json!("yesterday");
    let error = StartEvent::parse(&event).unwrap_err().to_string();
    let expected = "`yesterday` is not a time such as `2026-10-14T09:21:47Z`";
    assert!(
        error.contains("time") && error.contains(expected),
        "{error}"
    );
}

#[test]
fn a_request_may_force_and_may_go_back() {
    let digest = format!("sha256:{}", "4c".repeat(32));
    check(
        &json!({"pipeline": "shop-web", "force": true}),
        "asked Due, force Yes, Forward",
    );
    check(
        &json!({"pipeline": "shop-web", "tag": "1.4.2", "rollback": true}),
        "asked Tag(Tag(\"1.4.2\")), force No, Back",
    );
    check(
        &json!({"pipeline": "shop-web", "digest": digest, "rollback": true, "force": true}),
        &format!("asked Digest(Digest(\"{digest}\")), force Yes, Back"),
    );
    check(
        &json!({"pipeline": "shop-web", "rollback": true}),
        "cannot read the event at `rollback`: given without an image, expected `digest` (or `tag`) beside it: the one to roll back to",
    );
    check(
        &json!({"pipeline": "shop-web", "force": "yes"}),
        "cannot read the event at `force`: invalid type: string \"yes\", expected a boolean",
    );
}

#[test]
fn a_tagged_push_is_read() {
    check(
        &push(json!({})),
        "pushed shop/web:1.42.0 (sha256:4c4c4c4c4c4c) as 1.42.0 at 2026-10-14 9:21:47.0 +00",
    );
}

#[test]
fn what_is_no_push_of_an_image_is_ignored() {
    let untagged = "ignored: an untagged manifest: a part of another image, or an attestation";
    check(&push(json!({"image-tag": ""})), untagged);
    check(&push(json!({"image-tag": null})), untagged);
    check(
        &push(json!({"action-type": "DELETE"})),
        "ignored: `DELETE` is not a push",
    );
    check(
        &push(json!({"result": "FAILURE"})),
        "ignored: the push ended with `FAILURE`",
    );
    check(
        &push(json!({"artifact-media-type": "application/vnd.cncf.helm.config.v1+json"})),
        "ignored: an artifact of type `application/vnd.cncf.helm.config.v1+json` is not a container image",
    );
}

/// The events of ECR's documentation, with a whole digest and the names of this file.
fn arrival(detail_type: &str, changes: Value) -> Value {
    let detail = match detail_type {
        "ECR Replication Action" => json!({
            "result": "SUCCESS", "repository-name": "shop/web", "image-digest": format!("sha256:{}", "4c".repeat(32)),
            "source-account": "444455556666", "action-type": "REPLICATE", "source-region": "us-west-2", "image-tag": "1.42.0"
        }),
        _ => json!({
            "rule-version": "1", "sync-status": "SUCCESS", "ecr-repository-prefix": "shop", "repository-name": "shop/web",
            "upstream-registry-url": "public.ecr.aws", "image-tag": "1.42.0",
            "image-digest": format!("sha256:{}", "4c".repeat(32))
        }),
    };
    let mut event = push(json!({}));
    event["detail-type"] = json!(detail_type);
    event["resources"] = json!(["arn:aws:ecr:eu-central-1:111122223333:repository/shop/web"]);
    event["detail"] = detail;
    for (key, value) in changes.as_object().unwrap() {
        event["detail"][key] = value.clone();
    }
    event
}

#[test]
fn an_image_that_is_replicated_or_pulled_through_has_arrived() {
    let untagged = "ignored: an untagged manifest: a part of another image, or an attestation";
    let replication = |changes| arrival("ECR Replication Action", changes);
    check(
        &replication(json!({})),
        "pushed shop/web:1.42.0 (sha256:4c4c4c4c4c4c) as 1.42.0 at 2026-10-14 9:21:47.0 +00",
    );
    check(
        &replication(json!({"result": "FAILED"})),
        "ignored: the replication ended with `FAILED`",
    );
    check(
        &replication(json!({"action-type": "DELETE"})),
        "ignored: `DELETE` is not a replication",
    );
    check(&replication(json!({"image-tag": ""})), untagged);
    check(&replication(json!({"image-tag": null})), untagged);
    let pull_through = |changes| arrival("ECR Pull Through Cache Action", changes);
    // Whoever pulls an image that is there already orders nothing.
    check(
        &pull_through(json!({})),
        "arrived shop/web:1.42.0 (sha256:4c4c4c4c4c4c) as 1.42.0",
    );
    check(
        &pull_through(
            json!({"sync-status": "FAILED", "failure-code": "UpstreamUnavailable", "image-digest": null}),
        ),
        "ignored: the pull through ended with `FAILED`",
    );
    check(
        &pull_through(json!({"image-tag": null, "image-digest": null})),
        untagged,
    );
}

#[test]
fn an_event_that_cannot_be_read_names_what_it_is_about() {
    let long = "a".repeat(200);
    let repository = "Repository(\"shop/web\"): cannot read the event at";
    check(
        &push(json!({"image-tag": long})),
        &format!(
            "ignored: no pipeline can follow the tag `{}…`",
            "a".repeat(80)
        ),
    );
    check(
        &push(json!({"image-tag": "no tag"})),
        "ignored: no pipeline can follow the tag `no tag`",
    );
    check(
        &push(json!({"image-digest": "sha256:short"})),
        &format!(
            "{repository} `detail.image-digest`: `sha256:short` is not an image digest: `sha256:` and 64 lower-case hex digits"
        ),
    );
    let mut timeless = push(json!({}));
    timeless.as_object_mut().unwrap().remove("time");
    check(
        &timeless,
        &format!("{repository} `time`: missing, expected a time such as `2026-10-14T09:21:47Z`"),
    );
    let mut change = state_change("SUCCESS");
    change["detail"]["deploymentId"] = json!(7);
    check(
        &change,
        "DeploymentGroup { application: \"shop\", deployment_group: \"shop-web\" }: cannot read the event at \
         `detail.deploymentId`: invalid type: integer `7`, expected a string",
    );
}

#[test]
fn what_cannot_be_read_names_the_path() {
    check(
        &push(json!({"repository-name": null})),
        "cannot read the event at `detail.repository-name`: invalid type: null, expected a string",
    );
    check(
        &push(json!({"image-tag": 7})),
        "Repository(\"shop/web\"): cannot read the event at `detail.image-tag`: invalid type: integer `7`, expected a string",
    );
    let mut no_detail = push(json!({}));
    no_detail.as_object_mut().unwrap().remove("detail");
    check(
        &no_detail,
        "cannot read the event at `detail`: invalid type: null, expected an object",
    );
    for nonsense in [json!(null), json!([]), json!("push"), json!({"source": 3})] {
        check(
            &nonsense,
            "cannot read the event at `.`: neither an EventBridge event (with `source` and `detail-type`) nor a request (`{\"pipeline\": \"<name>\"}` with `tag` or `digest`, `force`, `rollback` and `dry_run`, as you like)",
        );
    }
}

#[test]
fn a_request_is_strict() {
    check(&json!({"pipeline": "shop-web"}), "asked shop-web Due false");
    check(
        &json!({"pipeline": "shop-web", "tag": "1.4.2", "dry_run": true}),
        "asked shop-web Tag(Tag(\"1.4.2\")) true",
    );
    check(
        &json!({"pipeline": "shop-web", "tga": "1.4.2"}),
        "cannot read the event at `tga`: unknown field `tga`, expected one of `pipeline`, `tag`, `digest`, `force`, `rollback`, `dry_run`",
    );
    check(
        &json!({"pipeline": "shop-web", "tag": "a", "digest": format!("sha256:{}", "00".repeat(32))}),
        "cannot read the event at `digest`: given beside `tag`, expected one of the two",
    );
}

fn state_change(state: &str) -> Value {
    json!({
        "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification",
        "detail": {"application": "shop", "deploymentGroup": "shop-web", "deploymentId": "d-8X2K4PLQ3", "state": state}
    })
}

#[test]
fn every_ended_deployment_is_a_reason_to_reconcile() {
    for state in ["SUCCESS", "FAILURE", "STOP"] {
        check(&state_change(state), "ended shop/shop-web");
    }
    for state in ["START", "READY", "SOMETHING_NEW"] {
        check(
            &state_change(state),
            "ignored: deployment `d-8X2K4PLQ3` has not ended",
        );
    }
    check(
        &json!({"source": "aws.events", "detail-type": "Scheduled Event"}),
        "routine",
    );
}

fn task(changes: Value) -> Value {
    let mut event = json!({
        "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "detail": {
            "taskArn": "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c", "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2", "lastStatus": "STOPPED",
            "startedBy": "greenlight/d-8X2K4PLQ3", "createdAt": "2026-10-14T09:38:38.500Z",
            "containers": [{"name": "web", "exitCode": 0}],
            "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"], "environment": [
                {"name": "GREENLIGHT_DEPLOYMENT_ID", "value": "d-8X2K4PLQ3"}, {"name": "GREENLIGHT_HOOK_EXECUTION_ID", "value": "eyJlbmM"}
            ]}]}
        }
    });
    for (key, value) in changes.as_object().unwrap() {
        event["detail"][key] = value.clone();
    }
    event
}

fn changed(event: &Value) -> TaskChanged {
    match FinishEvent::parse(event) {
        Ok(FinishEvent::Changed(change)) => change,
        other => panic!("{other:?}"),
    }
}

/// Of the detail only ids are taken, so nothing else in it can keep a hook waiting.
#[test]
fn a_task_is_read_by_its_ids_alone() {
    let whole = changed(&task(json!({})));
    assert_eq!(whole.deployment.as_str(), "d-8X2K4PLQ3");
    assert!(whole.has_stopped && whole.ended == ["web".parse().unwrap()]);
    for odd in [
        json!({"clusterArn": 7, "taskDefinitionArn": null, "overrides": "none", "createdAt": "yesterday"}),
        json!({"containers": [{"name": "web", "exitCode": 3_221_225_786_u32}]}),
        json!({"containers": [7, {"name": 7, "exitCode": 7}, {"name": "web", "exitCode": "0"}]}),
    ] {
        assert_eq!(changed(&task(odd.clone())), whole, "{odd}");
    }
}

#[test]
fn other_tasks_and_earlier_states_are_ignored() {
    let ignored = |event: Value| matches!(FinishEvent::parse(&event), Ok(FinishEvent::Ignored(_)));
    assert!(ignored(task(json!({"startedBy": "ecs-svc/123"}))));
    assert!(ignored(task(json!({"startedBy": null}))));
    assert!(ignored(task(json!({"startedBy": "greenlight/"}))));
    // Whatever else is in the event of a task that somebody else started.
    assert!(ignored(task(json!({"startedBy": "batch", "taskArn": 7}))));
    let ours = FinishEvent::parse(&task(json!({"taskArn": 7})));
    assert_eq!(ours.unwrap_err().path, "detail.taskArn");
    let unsaid = FinishEvent::parse(&task(json!({"startedBy": null, "taskArn": 7})));
    assert_eq!(unsaid.unwrap_err().path, "detail.taskArn");
    for status in ["DEPROVISIONING", "STOPPING", "DEACTIVATING", "OF_TOMORROW"] {
        assert!(ignored(task(json!({"lastStatus": status}))), "{status}");
        let none =
            json!({"lastStatus": status, "containers": [{"name": "web"}, {"name": "proxy"}]});
        assert!(ignored(task(none)), "{status}");
    }
    let running = json!({"lastStatus": "RUNNING", "containers": [{"name": "web"}, {"name": "proxy", "exitCode": null}]});
    assert!(ignored(task(running)));
}

/// ECS tells a container's exit code while others still keep the task up.
#[test]
fn the_end_of_a_container_is_heard_before_the_end_of_its_task() {
    for status in [
        "PENDING",
        "ACTIVATING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
        "OF_TOMORROW",
    ] {
        let event = task(
            json!({"lastStatus": status, "containers": [{"name": "web", "exitCode": 0}, {"name": "proxy"}]}),
        );
        let change = changed(&event);
        assert!(!change.has_stopped, "{status}");
        assert!(change.says_ended(&"web".parse().unwrap()), "{status}");
        assert!(!change.says_ended(&"proxy".parse().unwrap()), "{status}");
    }
}

#[test]
fn of_a_time_out_the_deployment_is_taken_and_of_an_older_one_its_two_ids() {
    let parse = |payload: Value| match FinishEvent::parse(&payload) {
        Ok(FinishEvent::TimedOut(time_out)) => time_out,
        other => panic!("{other:?}"),
    };
    let task = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c";
    let now = json!({"deployment_id": "d-1", "hook_execution_ids": ["eyJ"], "task_arn": task, "cluster": 7});
    assert_eq!(parse(now).older, None);
    let older = json!({
        "deployment_id": "d-1", "hook_execution_id": "eyJ", "cluster": "prod", "task_arn": task, "timeout_minutes": 30
    });
    let older = parse(older);
    assert_eq!(older.deployment.as_str(), "d-1");
    assert_eq!(
        older.older,
        Some(("eyJ".parse().unwrap(), task.parse().unwrap()))
    );
}

#[test]
fn a_hook_call_needs_both_ids() {
    let call = json!({"DeploymentId": "d-8X2K4PLQ3", "LifecycleEventHookExecutionId": "eyJ", "Combined": "d-8X2K4PLQ3"});
    assert!(HookCall::parse(&call).is_ok());
    let error = HookCall::parse(&json!({"DeploymentId": "d-8X2K4PLQ3"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the event at `.`: missing field `LifecycleEventHookExecutionId`"
    );
}

#[test]
fn events_of_other_accounts_and_regions_are_ignored() {
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes"
        .parse()
        .unwrap();
    let mut event = push(json!({}));
    assert_eq!(other_account(&event, &topic), None);
    event["region"] = json!("us-east-1");
    assert_eq!(
        other_account(&event, &topic).unwrap(),
        "an event of the region `us-east-1`, not `eu-central-1`"
    );
    event["account"] = json!("444455556666");
    assert_eq!(
        other_account(&event, &topic).unwrap(),
        "an event of the account `444455556666`, not `111122223333`"
    );
    assert_eq!(
        other_account(&json!({"pipeline": "web", "region": "x"}), &topic),
        None
    );
}

/// An event that cannot be read is logged and kept with its refusal; what a task was given is not repeated there.
#[test]
fn a_refusal_does_not_repeat_environments_and_execution_ids() {
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": " hunter2"});
    let time_out = json!({"deployment_id": "d-1", "hook_execution_id": "hunter2 "});
    let refusals = [
        HookCall::parse(&hook).unwrap_err(),
        FinishEvent::parse(&time_out).unwrap_err(),
    ];
    for refusal in refusals {
        let said = refusal.to_string();
        assert!(
            said.ends_with("not what is expected there; the value is not shown")
                && !said.contains("hunter2"),
            "{said}"
        );
    }
}
