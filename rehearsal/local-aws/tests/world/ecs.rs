//! ECS from a client's view: capacity, visibility, tags, limits, and the restrictions of a CODE_DEPLOY service.

use std::time::Duration;

use local_aws::assumption::{Assumption, Assumptions};
use local_aws::ecr::IndexSettings;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call, ecs, register, world};

const TARGET: &str = "AmazonEC2ContainerServiceV20141113";

/// A one-off task of the service's first revision.
fn once(change: impl FnOnce(&mut Value)) -> Value {
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let command = json!([{ "name": "web", "command": ["sample-service", "migrate"] }]);
    let mut request = json!({
        "cluster": "prod",
        "taskDefinition": "shop-web:1",
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "overrides": { "containerOverrides": command },
    });
    change(&mut request);
    request
}

async fn describe(world: &World, task: &Value) -> Value {
    let wanted = json!({ "cluster": "prod", "tasks": [task] });
    ecs(world, "DescribeTasks", wanted).await
}

/// Code and message of a refusal.
async fn refused(world: &World, operation: &str, members: Value) -> (String, String) {
    let (status, body) = call(world, &format!("{TARGET}.{operation}"), members).await;
    assert_eq!(status, 400, "{operation}: {body}");
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    (text("__type"), text("message"))
}

async fn assuming(assumption: Assumption) -> PausedWorld {
    world(|settings| settings.assumptions = Assumptions::from_iter([assumption])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_capacity_run_task_returns_failures_and_its_token_is_free() {
    let world = world(|_| {}).await;
    // The service's two tasks, and capacity for one more.
    world.ecs.limit_fargate(3);
    let wanted = once(|r| {
        r["count"] = json!(2);
        r["clientToken"] = json!("first");
    });
    let answer = ecs(&world, "RunTask", wanted).await;
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 1);
    let reason = answer["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("Capacity is unavailable at this time"));

    let second = || once(|r| r["clientToken"] = json!("second"));
    let answer = ecs(&world, "RunTask", second()).await;
    assert_eq!(answer["tasks"], json!([]));
    assert_eq!(answer["failures"].as_array().unwrap().len(), 1);
    world.ecs.limit_fargate(10);
    let answer = ecs(&world, "RunTask", second()).await;
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 1);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_capacity_emits_an_event_and_retries() {
    let mut world = world(|_| {}).await;
    world.ecs.limit_fargate(2);
    let update = json!({ "cluster": "prod", "service": "web", "desiredCount": 3 });
    ecs(&world, "UpdateService", update).await;
    world.pass(Duration::from_secs(15)).await;
    let wanted = json!({ "cluster": "prod", "services": ["web"] });
    let described = ecs(&world, "DescribeServices", wanted.clone()).await;
    let service = &described["services"][0];
    assert_eq!(service["runningCount"], 2);
    let message = service["events"][0]["message"].as_str().unwrap();
    assert!(message.contains("was unable to place a task"), "{message}");
    let stability = &service["taskSets"][0]["stabilityStatus"];
    assert_eq!(stability, "STABILIZING");
    world.ecs.limit_fargate(3);
    world.pass(Duration::from_secs(15 * 60)).await;
    let described = ecs(&world, "DescribeServices", wanted).await;
    assert_eq!(described["services"][0]["runningCount"], 3);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_task_is_found_at_once_or_only_after_some_seconds() {
    for (mut world, reason) in [
        (world(|_| {}).await, Value::Null),
        (
            assuming(Assumption::NewTasksAreMissing).await,
            json!("MISSING"),
        ),
    ] {
        let request = once(|r| r["startedBy"] = json!("greenlight/d-1"));
        let started = ecs(&world, "RunTask", request).await;
        let task = &started["tasks"][0]["taskArn"];
        assert_eq!(
            describe(&world, task).await["failures"][0]["reason"],
            reason
        );
        let list = json!({ "cluster": "prod", "startedBy": "greenlight/d-1" });
        let listed = ecs(&world, "ListTasks", list).await;
        let expected = if reason.is_null() { 1 } else { 0 };
        assert_eq!(listed["taskArns"].as_array().unwrap().len(), expected);
        world.pass(Duration::from_secs(6)).await;
        assert_eq!(describe(&world, task).await["failures"], json!([]));
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_states_the_digest_of_an_index_or_of_its_platforms_manifest() {
    for (assumed, of_platform) in [
        (None, false),
        (Some(Assumption::TasksStatePlatformDigests), true),
    ] {
        let index = IndexSettings::new("shop/web", &["multi"], "1.0.3");
        let mut world = world(|settings| {
            settings.assumptions = assumed.into_iter().collect();
            settings.indexes = vec![index.clone()];
        })
        .await;
        let revision = register(&world, "multi").await;
        let request = once(|request| request["taskDefinition"] = json!(revision));
        let started = ecs(&world, "RunTask", request).await;
        world.settled().await;
        let ended = describe(&world, &started["tasks"][0]["taskArn"]).await;
        let digest = ended["tasks"][0]["containers"][0]["imageDigest"].as_str();
        let is_of_platform = digest.unwrap() != index.digest().as_str();
        assert_eq!(is_of_platform, of_platform, "{ended}");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ends_at_once_emits_its_event_after_run_task_or_before() {
    for (mut world, told_before) in [
        (world(|_| {}).await, false),
        (assuming(Assumption::TaskStopsBeforeAnswer).await, true),
    ] {
        let request = once(|_| {});
        let started = match told_before {
            false => ecs(&world, "RunTask", request).await,
            // The answer comes after the task's whole life.
            true => {
                world
                    .during(async |world| ecs(world, "RunTask", request).await)
                    .await
            }
        };
        let task = &started["tasks"][0];
        assert_eq!(task["lastStatus"], "PROVISIONING");
        let stopped = world.events.delivered().into_iter().any(|(event, _)| {
            event["detail"]["taskArn"] == task["taskArn"]
                && event["detail"]["lastStatus"] == "STOPPED"
        });
        assert_eq!(stopped, told_before);
        world.settled().await;
        let ended = describe(&world, &task["taskArn"]).await;
        assert_eq!(ended["tasks"][0]["containers"][0]["exitCode"], 0);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_task_is_returned_for_an_hour() {
    let mut world = world(|_| {}).await;
    let started = ecs(&world, "RunTask", once(|_| {})).await;
    let task = &started["tasks"][0]["taskArn"];
    world.settled().await;
    world.pass(Duration::from_secs(59 * 60)).await;
    let list = json!({ "cluster": "prod", "family": "shop-web", "desiredStatus": "STOPPED" });
    // A task of the service may have been replaced meanwhile, and is then listed too.
    let lists = |listed: Value| listed["taskArns"].as_array().unwrap().contains(task);
    assert!(lists(ecs(&world, "ListTasks", list.clone()).await));
    assert_eq!(describe(&world, task).await["failures"], json!([]));
    world.pass(Duration::from_secs(2 * 60)).await;
    assert!(!lists(ecs(&world, "ListTasks", list).await));
    assert_eq!(
        describe(&world, task).await["failures"][0]["reason"],
        "MISSING"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_stopped_before_it_starts_has_no_exit_code() {
    let mut world = world(|_| {}).await;
    let started = ecs(&world, "RunTask", once(|_| {})).await;
    let task = &started["tasks"][0]["taskArn"];
    let stop = json!({ "cluster": "prod", "task": task });
    let stopping = ecs(&world, "StopTask", stop).await;
    assert_eq!(stopping["task"]["desiredStatus"], "STOPPED");
    world.settled().await;
    let ended = &describe(&world, task).await["tasks"][0];
    assert_eq!(ended["stopCode"], "UserInitiated");
    assert_eq!(ended["containers"][0].get("exitCode"), None);
    assert_eq!(ended.get("startedAt"), None);
    let details: Vec<Value> = world
        .events
        .delivered()
        .into_iter()
        .map(|(event, _)| event["detail"].clone())
        .filter(|detail| &detail["taskArn"] == task)
        .collect();
    let last = details.last().unwrap();
    assert_eq!(last["lastStatus"], "STOPPED");
    assert!(last["stoppedAt"].as_str().unwrap().ends_with('Z'));
    assert!(ended["stoppedAt"].is_f64());
    assert_eq!(last["version"], details.len());
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_cannot_be_overridden_and_an_inactive_revision_does_not_run() {
    let mut world = world(|_| {}).await;
    let started = ecs(
        &world,
        "RunTask",
        once(|r| {
            r["overrides"]["containerOverrides"][0]["image"] = json!("other");
            r["overrides"]["containerOverrides"][0]["entryPoint"] = json!(["other"]);
        }),
    )
    .await;
    let task = &started["tasks"][0];
    let command = json!([{ "name": "web", "command": ["sample-service", "migrate"] }]);
    assert_eq!(task["overrides"]["containerOverrides"], command);
    world.settled().await;
    let ended = &describe(&world, &task["taskArn"]).await["tasks"][0];
    assert_eq!(ended["containers"][0]["exitCode"], 0);

    let revision = register(&world, "1.0.1").await;
    let named = json!({ "taskDefinition": revision });
    ecs(&world, "DeregisterTaskDefinition", named.clone()).await;
    let described = ecs(&world, "DescribeTaskDefinition", named).await;
    assert_eq!(described["taskDefinition"]["status"], "INACTIVE");
    let run = once(|r| r["taskDefinition"] = json!(revision));
    assert_eq!(
        refused(&world, "RunTask", run).await,
        (
            "InvalidParameterException".to_owned(),
            "TaskDefinition is inactive".to_owned()
        )
    );
    let latest = json!({ "taskDefinition": "shop-web" });
    let described = ecs(&world, "DescribeTaskDefinition", latest).await;
    assert_eq!(described["taskDefinition"]["revision"], 1);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_registrations_at_once_are_accepted_and_no_more() {
    let mut world = world(|_| {}).await;
    let first = json!({ "taskDefinition": "shop-web" });
    let described = ecs(&world, "DescribeTaskDefinition", first).await;
    let target = format!("{TARGET}.RegisterTaskDefinition");
    let mut taken = 0;
    let refused = loop {
        match call(&world, &target, described["taskDefinition"].clone()).await {
            (200, _) => taken += 1,
            refused => break refused,
        }
    };
    // A second may pass meanwhile, which adds a token.
    assert!(taken >= 20, "{taken}");
    let error = json!({ "__type": "ThrottlingException", "message": "Rate exceeded" });
    assert_eq!(refused, (400, error));
    world.pass(Duration::from_secs(5)).await;
    register(&world, "1.0.1").await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_code_deploy_changes_the_task_sets_of_its_service() {
    let world = world(|_| {}).await;
    let service = json!({ "cluster": "prod", "service": "web", "taskDefinition": "shop-web:1", "taskSet": "x" });
    for operation in [
        "CreateTaskSet",
        "DeleteTaskSet",
        "UpdateServicePrimaryTaskSet",
        "UpdateTaskSet",
        "UpdateService",
    ] {
        let (code, message) = refused(&world, operation, service.clone()).await;
        assert_eq!(code, "InvalidParameterException");
        assert!(
            message.ends_with("Use AWS CodeDeploy to trigger a new deployment."),
            "{message}"
        );
    }
    let unknown = json!({ "cluster": "prod", "service": "other" });
    let (code, _) = refused(&world, "CreateTaskSet", unknown).await;
    assert_eq!(code, "ServiceNotFoundException");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_listed_described_and_tagged() {
    let world = world(|_| {}).await;
    let listed = ecs(&world, "ListServices", json!({ "cluster": "prod" })).await;
    let arn = &listed["serviceArns"][0];
    let on_ec2 = json!({ "cluster": "prod", "launchType": "EC2" });
    let listed = ecs(&world, "ListServices", on_ec2).await;
    assert_eq!(listed["serviceArns"], json!([]));

    let names: Vec<String> = (0..11).map(|n| format!("s{n}")).collect();
    let eleven = json!({ "cluster": "prod", "services": names });
    let (code, _) = refused(&world, "DescribeServices", eleven).await;
    assert_eq!(code, "InvalidParameterException");
    let odd = json!({ "cluster": "prod", "services": ["web"], "include": ["EVERYTHING"] });
    refused(&world, "DescribeServices", odd).await;

    let tag = json!([{ "key": "stage", "value": "prod" }]);
    let tagged = json!({ "resourceArn": arn, "tags": tag });
    ecs(&world, "TagResource", tagged).await;
    let untagged = json!({ "resourceArn": arn, "tagKeys": ["service"] });
    ecs(&world, "UntagResource", untagged).await;
    let tags = ecs(&world, "ListTagsForResource", json!({ "resourceArn": arn })).await;
    assert_eq!(tags["tags"], tag);
    for (include, expected) in [(json!([]), Value::Null), (json!(["TAGS"]), tag)] {
        let wanted = json!({ "cluster": "prod", "services": ["web", "gone"], "include": include });
        let described = ecs(&world, "DescribeServices", wanted).await;
        assert_eq!(described["services"][0]["tags"], expected);
        assert_eq!(described["failures"][0]["reason"], "MISSING");
    }
    let unknown =
        json!({ "resourceArn": format!("{}x", arn.as_str().unwrap()), "tags": [{ "key": "a" }] });
    let (code, _) = refused(&world, "TagResource", unknown).await;
    assert_eq!(code, "ResourceNotFoundException");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_task_names_its_task_set_or_by_assumption_a_number() {
    for (world, is_named) in [
        (world(|_| {}).await, true),
        (
            assuming(Assumption::TasksDoNotNameTheirTaskSet).await,
            false,
        ),
    ] {
        let wanted = json!({ "cluster": "prod", "services": ["web"] });
        let service = ecs(&world, "DescribeServices", wanted).await;
        let set = &service["services"][0]["taskSets"][0]["id"];
        let listed = ecs(&world, "ListTasks", json!({ "cluster": "prod" })).await;
        let task = describe(&world, &listed["taskArns"][0]).await["tasks"][0].clone();
        let started_by = task["startedBy"].as_str().unwrap();
        assert!(started_by.starts_with("ecs-svc/"), "{started_by}");
        assert_eq!(task["startedBy"] == *set, is_named, "{started_by}");
        world.shutdown().await;
    }
}
