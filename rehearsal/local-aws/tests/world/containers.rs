//! Containers that depend on others, are checked, or start again.

use std::time::Duration;

use local_aws::timeline;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, ecs, image, world};

/// Registers the service's revision with another container before `web`, and runs it once; returns the stopped task.
async fn run(world: &mut PausedWorld, change: impl FnOnce(&mut Value, &mut Value)) -> Value {
    let started = start(world, change).await;
    world.settled().await;
    task(world, &started).await
}

async fn start(world: &World, change: impl FnOnce(&mut Value, &mut Value)) -> Value {
    let wanted = json!({ "taskDefinition": "shop-web:1" });
    let described = ecs(world, "DescribeTaskDefinition", wanted).await;
    let mut definition = described["taskDefinition"].clone();
    let mut web = definition["containerDefinitions"][0].clone();
    let mut other = web.clone();
    other["name"] = json!("init");
    other["essential"] = json!(false);
    other["portMappings"] = json!([]);
    change(&mut other, &mut web);
    definition["containerDefinitions"] = json!([web, other]);
    let registered = ecs(world, "RegisterTaskDefinition", definition).await;
    let request = json!({
        "cluster": "prod",
        "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    });
    let started = ecs(world, "RunTask", request).await;
    started["tasks"][0]["taskArn"].clone()
}

async fn task(world: &World, arn: &Value) -> Value {
    let wanted = json!({ "cluster": "prod", "tasks": [arn] });
    ecs(world, "DescribeTasks", wanted).await["tasks"][0].clone()
}

fn container(task: &Value, name: &str) -> Value {
    let containers = task["containers"].as_array().unwrap();
    let mut containers = containers.iter();
    containers.find(|one| one["name"] == name).unwrap().clone()
}

fn depends(condition: &str) -> Value {
    json!([{ "containerName": "init", "condition": condition }])
}

const MIGRATE: [&str; 2] = ["sample-service", "migrate"];

#[tokio::test(flavor = "multi_thread")]
async fn a_container_starts_after_the_one_that_it_depends_on_has_succeeded() {
    let mut world = world(|_| {}).await;
    let stopped = run(&mut world, |init, web| {
        init["command"] = json!(MIGRATE);
        web["command"] = json!(MIGRATE);
        web["dependsOn"] = depends("SUCCESS");
    })
    .await;
    assert_eq!(container(&stopped, "init")["exitCode"], 0, "{stopped}");
    assert_eq!(container(&stopped, "web")["exitCode"], 0, "{stopped}");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_never_starts_whose_dependency_fails() {
    let mut world = world(|_| {}).await;
    for (condition, reason) in [
        ("SUCCESS", Some("as dependency did not exit successfully.")),
        ("COMPLETE", None),
    ] {
        let stopped = run(&mut world, |init, web| {
            init["image"] = json!(image("cannot-migrate"));
            init["command"] = json!(MIGRATE);
            web["command"] = json!(MIGRATE);
            web["dependsOn"] = depends(condition);
        })
        .await;
        assert_eq!(stopped["stopCode"], "EssentialContainerExited", "{stopped}");
        assert_eq!(container(&stopped, "init")["exitCode"], 1, "{stopped}");
        let web = container(&stopped, "web");
        let Some(reason) = reason else {
            assert_eq!(web["exitCode"], 0, "{stopped}");
            continue;
        };
        assert_eq!(web["exitCode"], 143, "{stopped}");
        let told = web["reason"].as_str().unwrap();
        assert!(
            told.starts_with("CannotStartContainerError: dependency graph: "),
            "{told}"
        );
        assert!(told.ends_with(reason), "{told}");
    }
    world.shutdown().await;
}

/// The container `init` serves, and is asked for this path.
fn serves(init: &mut Value, path: &str) {
    init["command"] = json!(["sample-service", "serve"]);
    init["healthCheck"] = json!({ "command": ["CMD-SHELL", format!("sample-service check {path} || exit 1")], "interval": 5, "retries": 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_waits_until_the_other_is_healthy_or_its_time_is_over() {
    let mut world = world(|_| {}).await;
    let stopped = run(&mut world, |init, web| {
        serves(init, "/healthz");
        web["command"] = json!(MIGRATE);
        web["dependsOn"] = depends("HEALTHY");
    })
    .await;
    assert_eq!(container(&stopped, "web")["exitCode"], 0, "{stopped}");
    let init = container(&stopped, "init");
    assert_eq!(init["healthStatus"], "HEALTHY", "{stopped}");
    // Of a container that is not essential the task's health says nothing.
    assert_eq!(stopped["healthStatus"], "UNKNOWN");
    let (started, created) = (&stopped["startedAt"], &stopped["createdAt"]);
    let waited = started.as_f64().unwrap() - created.as_f64().unwrap();
    assert!(
        (15.0..20.0).contains(&waited),
        "{waited}: the interface and one interval"
    );

    let stopped = run(&mut world, |init, web| {
        serves(init, "/none");
        init["startTimeout"] = json!(60);
        web["command"] = json!(MIGRATE);
        web["dependsOn"] = depends("HEALTHY");
    })
    .await;
    let web = container(&stopped, "web");
    assert_eq!(web["exitCode"], 143, "{stopped}");
    assert!(
        web["reason"].as_str().unwrap().ends_with("has timed out."),
        "{web}"
    );
    assert_eq!(container(&stopped, "init")["healthStatus"], "UNHEALTHY");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_with_a_restart_policy_starts_again_once_it_ran_long_enough() {
    let mut database = String::new();
    let mut world = world(|settings| {
        database.clone_from(&settings.services[0].containers[0].environment["DATABASE"]);
    })
    .await;
    let arn = start(&world, |init, web| {
        init["command"] = json!(MIGRATE);
        web["command"] = json!(["sample-service", "sidecar"]);
        web["restartPolicy"] = json!({ "enabled": true, "restartAttemptPeriod": 60 });
    })
    .await;
    world.pass(Duration::from_secs(90)).await;
    assert_eq!(task(&world, &arn).await["lastStatus"], "RUNNING");
    // The sidecar ends by itself when a migration of its task has begun.
    let id = arn.as_str().unwrap().rsplit('/').next().unwrap();
    let ended = arn.as_str().unwrap().to_owned();
    let ended = move |event: &timeline::Event| matches!(event, timeline::Event::TaskStopped { task, .. } if *task == ended);
    std::fs::write(format!("{database}.migrating"), id).unwrap();
    // It looks in real time, and nothing else is in progress.
    let stopped = world.during(async |world| world.timeline.still_when(0, ended).await);
    drop(stopped.await.unwrap());
    let stopped = task(&world, &arn).await;
    assert_eq!(stopped["stopCode"], "EssentialContainerExited", "{stopped}");
    assert_eq!(container(&stopped, "web")["exitCode"], 0);
    let request = json!({ "logGroupName": "/ecs/web", "logStreamName": format!("web/web/{id}"), "limit": 20 });
    let (_, log) = crate::aws::call(&world, "Logs_20140328.GetLogEvents", request).await;
    // The second run ends at once, and too soon to start again.
    assert_eq!(log["events"].as_array().unwrap().len(), 2, "{log}");
    world.shutdown().await;
}
