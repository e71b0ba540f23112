//! One-off tasks.

use std::time::Duration;

use local_aws::timeline::Event;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call, ecs, register, world};

fn migration(revision: &str) -> Value {
    json!({
        "cluster": "prod",
        "taskDefinition": revision,
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "startedBy": "greenlight/d-TEST",
        "clientToken": "d-TEST-AfterInstall",
        "overrides": { "containerOverrides": [{ "name": "web", "command": ["sample-service", "migrate"] }] },
    })
}

async fn stopped(world: &mut PausedWorld, task: &Value) -> Value {
    world.settled().await;
    let described = ecs(
        world,
        "DescribeTasks",
        json!({ "cluster": "prod", "tasks": [task] }),
    )
    .await;
    described["tasks"][0].clone()
}

async fn log(world: &World, task: &Value) -> Vec<String> {
    let id = task.as_str().unwrap().rsplit('/').next().unwrap();
    let request = json!({ "logGroupName": "/ecs/web", "logStreamName": format!("web/web/{id}"), "limit": 20 });
    let (status, answer) = call(world, "Logs_20140328.GetLogEvents", request).await;
    assert_eq!(status, 200, "{answer}");
    answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_runs_once_for_one_token_and_its_exit_code_is_real() {
    let mut world = world(|_| {}).await;
    let revision = register(&world, "1.0.1").await;
    let started = ecs(&world, "RunTask", migration(&revision)).await;
    let task = &started["tasks"][0]["taskArn"];
    let again = ecs(&world, "RunTask", migration(&revision)).await;
    assert_eq!(&again["tasks"][0]["taskArn"], task);
    let mut other = migration(&revision);
    other["count"] = json!(2);
    let (status, refused) = call(&world, "AmazonEC2ContainerServiceV20141113.RunTask", other).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("ConflictException"))
    );
    assert_eq!(refused["resourceIds"], json!([task]));
    let listed = ecs(
        &world,
        "ListTasks",
        json!({ "cluster": "prod", "startedBy": "greenlight/d-TEST" }),
    )
    .await;
    assert_eq!(listed["taskArns"], json!([task]));

    let ended = stopped(&mut world, task).await;
    assert_eq!(
        (&ended["lastStatus"], &ended["stopCode"]),
        (&json!("STOPPED"), &json!("EssentialContainerExited"))
    );
    assert_eq!(ended["containers"][0]["exitCode"], 0, "{ended}");
    let emitted: Vec<Value> = world
        .events
        .delivered()
        .into_iter()
        .map(|(event, _)| event["detail"].clone())
        .collect();
    let of_task: Vec<_> = emitted
        .iter()
        .filter(|detail| &detail["taskArn"] == task)
        .collect();
    let statuses: Vec<_> = of_task
        .iter()
        .map(|detail| detail["lastStatus"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            "PROVISIONING",
            "PENDING",
            "RUNNING",
            "STOPPING",
            "DEPROVISIONING",
            "STOPPED"
        ]
    );
    let versions: Vec<_> = of_task
        .iter()
        .map(|detail| detail["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_leaves_its_exit_code_and_its_log() {
    let mut world = world(|_| {}).await;
    let revision = register(&world, "cannot-migrate").await;
    let started = ecs(&world, "RunTask", migration(&revision)).await;
    let task = &started["tasks"][0]["taskArn"];
    let ended = stopped(&mut world, task).await;
    assert_eq!(ended["containers"][0]["exitCode"], 1, "{ended}");
    assert!(!log(&world, task).await.is_empty());
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_image_is_missing_never_starts_and_has_no_exit_code() {
    let mut world = world(|_| {}).await;
    let revision = register(&world, "never-pushed").await;
    let started = ecs(&world, "RunTask", migration(&revision)).await;
    let ended = stopped(&mut world, &started["tasks"][0]["taskArn"]).await;
    assert_eq!(ended["stopCode"], "TaskFailedToStart");
    assert!(
        ended["stoppedReason"]
            .as_str()
            .unwrap()
            .starts_with("CannotPullContainerError")
    );
    assert_eq!(ended["containers"][0].get("exitCode"), None);
    assert_eq!(ended.get("startedAt"), None);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_replaces_a_stopped_task() {
    let mut world = world(|_| {}).await;
    let list = json!({ "cluster": "prod", "serviceName": "web" });
    let before = ecs(&world, "ListTasks", list.clone()).await;
    let victim = &before["taskArns"][0];
    ecs(
        &world,
        "StopTask",
        json!({ "cluster": "prod", "task": victim, "reason": "for a test" }),
    )
    .await;
    world.pass(Duration::from_secs(600)).await;
    let after = ecs(&world, "ListTasks", list).await;
    assert_eq!(after["taskArns"].as_array().unwrap().len(), 2);
    assert!(!after["taskArns"].as_array().unwrap().contains(victim));
    let described = ecs(
        &world,
        "DescribeTasks",
        json!({ "cluster": "prod", "tasks": [victim] }),
    )
    .await;
    assert_eq!(described["tasks"][0]["stopCode"], "UserInitiated");
    assert_eq!(described["tasks"][0]["stoppedReason"], "for a test");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_in_an_image_that_cannot_run_here_says_so() {
    let mut world = world(|_| {}).await;
    let described = ecs(
        &world,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop-web" }),
    )
    .await;
    let mut definition = described["taskDefinition"].clone();
    definition["containerDefinitions"][0]["image"] = json!("public.ecr.aws/nginx/nginx:1");
    let registered = ecs(&world, "RegisterTaskDefinition", definition).await;
    let revision = &registered["taskDefinition"]["taskDefinitionArn"];
    ecs(&world, "RunTask", migration(revision.as_str().unwrap())).await;
    world.pass(Duration::from_secs(60)).await;
    let mut told = Vec::new();
    for entry in world.timeline.entries() {
        if let Event::NothingRuns {
            container, reason, ..
        } = entry.event
        {
            told.push((container, reason));
        }
    }
    let reason = "is not in the local registry".to_owned();
    assert_eq!(told, [("web".to_owned(), reason)]);
    world.shutdown().await;
}
