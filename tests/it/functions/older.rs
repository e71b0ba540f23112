//! An upgrade while a migration runs: what an older version wrote is read. The records are of version 0.1.0.

use serde_json::{Value, json};

use super::forged::{DUE, scheduled};
use super::wire::Answer::{Refuses, Says};
use super::wire::{Invocation, invoke};
use super::{nothing, tasks};
use crate::repository;

const PIPELINES: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    [pipeline.migration]\ncontainer='web'\ncommand=['sample-service', 'migrate']\n";
const DIGEST: &str = "sha256:cf9680c53ea013dda6c3cd0e3615f694d4dbb4d4c1c0cb002a0b2b2cc74c45b7";

/// The task of the sample event as DescribeTasks says it.
fn described(event: &Value) -> Value {
    let mut task = event["detail"].clone();
    let members = task.as_object_mut().unwrap();
    members.retain(|member, _| !member.ends_with("At"));
    members.insert("createdAt".to_owned(), json!(1_791_970_000.0));
    members.insert("startedAt".to_owned(), json!(1_791_970_001.0));
    task
}

/// What becomes of an event of an older version, with its schedule or without one.
fn finished(
    event: &Value,
    schedule: Option<Value>,
    task: Value,
    digest: &'static str,
) -> Invocation {
    invoke(
        "finish-migration",
        PIPELINES,
        event,
        move |operation, _, _| match operation {
            "GetSchedule" => match &schedule {
                Some(schedule) => scheduled(schedule, DUE),
                None => Refuses("ResourceNotFoundException"),
            },
            "GetDeployment" => Says(json!({"deploymentInfo": {
                "deploymentId": "d-8X2K4PLQ3", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
                "status": "InProgress", "creator": "user", "createTime": 1.0,
                "description": format!("greenlight {DIGEST} shop/web:latest"),
            }})),
            "DescribeTasks" => tasks(&task),
            "DescribeTaskDefinition" => Says(json!({"tags": [], "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:2", "family": "shop-web",
                "containerDefinitions": [{
                    "name": "web", "image": format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{digest}")
                }],
            }})),
            _ => nothing(),
        },
    )
}

fn answer(invocation: &Invocation) -> (String, String) {
    let puts = invocation.calls.iter();
    let mut puts =
        puts.filter(|(operation, _)| operation == "PutLifecycleEventHookExecutionStatus");
    let Some((_, put)) = puts.next() else {
        return ("none".to_owned(), invocation.answer.to_string());
    };
    let text = |member: &str| put[member].as_str().unwrap().to_owned();
    (text("status"), text("lifecycleEventHookExecutionId"))
}

#[test]
fn the_task_and_the_schedule_of_an_older_version_answer_their_hook() {
    let event = repository::json("events/finish-migration/task-stopped-older.json");
    let time_out = repository::json("events/finish-migration/timed-out-older.json");
    let execution = time_out["hook_execution_id"].as_str().unwrap().to_owned();
    let expected = ("Succeeded".to_owned(), execution);
    for event in [&event, &time_out] {
        let task = described(&repository::json(
            "events/finish-migration/task-stopped-older.json",
        ));
        let with = finished(event, Some(time_out.clone()), task.clone(), DIGEST);
        assert_eq!(answer(&with), expected, "{}", with.answer);
        // Its schedule deletes itself, and may have been made after a death only.
        let without = finished(event, None, task, DIGEST);
        assert_eq!(answer(&without), expected, "{}", without.answer);
    }
}

/// Without a schedule the two variables are compared with all that is known.
#[test]
fn a_task_that_only_says_that_it_is_an_older_migration_answers_nothing() {
    let event = repository::json("events/finish-migration/task-stopped-older.json");
    let time_out = repository::json("events/finish-migration/timed-out-older.json");
    let right = described(&event);
    let mut wrong: Vec<(Value, &'static str)> = vec![(
        right.clone(),
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    )];
    for (path, value) in [
        (
            "/clusterArn",
            json!("arn:aws:ecs:eu-central-1:111122223333:cluster/sandbox"),
        ),
        ("/startedBy", json!("greenlight/d-2")),
        ("/overrides/containerOverrides/0/name", json!("app")),
        ("/overrides/containerOverrides/0/command", json!(["true"])),
        (
            "/overrides/containerOverrides/0/environment/0/value",
            json!("d-2"),
        ),
        ("/overrides/containerOverrides/0/environment", json!([])),
    ] {
        let mut task = right.clone();
        *task.pointer_mut(path).unwrap() = value;
        wrong.push((task, DIGEST));
    }
    for (task, digest) in wrong {
        for event in [&event, &time_out] {
            let invocation = finished(event, None, task.clone(), digest);
            assert_eq!(answer(&invocation).0, "none", "{task}");
            assert!(!invocation.operations().contains(&"StopTask"), "{task}");
        }
    }
}
