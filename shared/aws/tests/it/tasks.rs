//! RunTask, DescribeTasks, ListTasks, StopTask.

mod odd;

use std::collections::BTreeMap;

use aws::Kind;
use aws::ecs::{Ecs, RunTaskAnswer, TaskFailure, Tasks};
use rules::migration::MigrationTask;
use rules::names::{ClusterName, TaskArn};
use rules::observed::{
    CapacityProvider, NetworkConfiguration, Placement, PlacementConstraint, PlacementStrategy,
};
use serde_json::{Value, json};
use time::macros::utc_datetime;

use crate::ecs::REVISION;
use crate::server::{Server, error, json as answer};

const CLUSTER_ARN: &str = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod";

fn cluster() -> ClusterName {
    "prod".parse().unwrap()
}

fn target(operation: &str) -> String {
    format!("AmazonEC2ContainerServiceV20141113.{operation}")
}

fn arn(number: usize) -> String {
    format!("arn:aws:ecs:eu-central-1:111122223333:task/prod/{number:032}")
}

fn task(number: usize) -> Value {
    json!({"taskArn": arn(number), "clusterArn": CLUSTER_ARN, "taskDefinitionArn": REVISION, "lastStatus": "PENDING"})
}

fn migration(placement: Placement) -> MigrationTask {
    MigrationTask {
        revision: REVISION.parse().unwrap(),
        alone_of: None,
        placement,
        started_by: "greenlight/d-8X2K4PLQ3".to_owned(),
        client_token: "0123abcd".to_owned(),
        container: "web".parse().unwrap(),
        command: vec!["migrate".to_owned(), "--noinput".to_owned()],
    }
}

fn fargate() -> Placement {
    Placement {
        network_configuration: Some(NetworkConfiguration {
            subnets: vec!["subnet-0a".to_owned()],
            security_groups: vec!["sg-0a".to_owned()],
            assign_public_ip: Some("ENABLED".to_owned()),
        }),
        launch_type: Some("FARGATE".to_owned()),
        capacity_providers: vec![],
        platform_version: Some("1.4.0".to_owned()),
        ..Placement::default()
    }
}

fn on_instances() -> Placement {
    Placement {
        launch_type: Some("EC2".to_owned()),
        constraints: vec![PlacementConstraint {
            kind: "memberOf".to_owned(),
            expression: Some("attribute:disk == ssd".to_owned()),
        }],
        strategies: vec![
            PlacementStrategy {
                kind: "binpack".to_owned(),
                field: Some("memory".to_owned()),
            },
            PlacementStrategy {
                kind: "random".to_owned(),
                field: None,
            },
        ],
        ..Placement::default()
    }
}

fn common() -> Value {
    json!({
        "cluster": "prod", "count": 1, "taskDefinition": REVISION, "startedBy": "greenlight/d-8X2K4PLQ3",
        "clientToken": "0123abcd",
        "overrides": {"containerOverrides": [{
            "name": "web", "command": ["migrate", "--noinput"]
        }]}
    })
}

#[tokio::test]
async fn a_task_runs_where_its_placement_says() {
    let strategy = vec![CapacityProvider {
        name: "FARGATE_SPOT".to_owned(),
        weight: 4,
        base: 1,
    }];
    let network = json!({"awsvpcConfiguration":
        {"subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED"}});
    for (placement, expected) in [
        (
            fargate(),
            json!({"networkConfiguration": network, "launchType": "FARGATE", "platformVersion": "1.4.0"}),
        ),
        (
            Placement {
                capacity_providers: strategy,
                ..fargate()
            },
            json!({"networkConfiguration": network, "platformVersion": "1.4.0",
                "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 1}]}),
        ),
        (
            on_instances(),
            json!({"launchType": "EC2",
                "placementConstraints": [{"type": "memberOf", "expression": "attribute:disk == ssd"}],
                "placementStrategy": [{"type": "binpack", "field": "memory"}, {"type": "random"}]}),
        ),
        (Placement::default(), json!({})),
    ] {
        let server =
            Server::answering([answer(200, &json!({"tasks": [task(1)], "failures": []}))]).await;
        let started = Ecs::new(&server.session())
            .run_task(&cluster(), &migration(placement))
            .await
            .unwrap();
        assert!(matches!(started, RunTaskAnswer::Started(task) if task.arn.as_str() == arn(1)));
        let mut whole = common();
        whole
            .as_object_mut()
            .unwrap()
            .extend(expected.as_object().unwrap().clone());
        server.was_asked(&target("RunTask"), &whole);
    }
}

#[tokio::test]
async fn an_empty_command_keeps_the_revisions_own() {
    let server = Server::answering([answer(200, &json!({"tasks": [task(1)]}))]).await;
    let task = MigrationTask {
        command: vec![],
        ..migration(fargate())
    };
    Ecs::new(&server.session())
        .run_task(&cluster(), &task)
        .await
        .unwrap();
    assert_eq!(
        server.request().json()["overrides"]["containerOverrides"][0].get("command"),
        None
    );
}

#[tokio::test]
async fn failures_in_a_successful_answer_are_a_refusal() {
    let body = json!({"tasks": [], "failures": [
        {"arn": CLUSTER_ARN, "reason": "Capacity is unavailable at this time."}, {"reason": "OF:TOMORROW", "detail": "?"}
    ]});
    let server = Server::answering([answer(200, &body), answer(200, &json!({}))]).await;
    let ecs = Ecs::new(&server.session());
    let failure = |arn: Option<&str>, reason: &str, detail: Option<&str>| TaskFailure {
        arn: arn.map(str::to_owned),
        reason: Some(reason.to_owned()),
        detail: detail.map(str::to_owned),
    };
    let refused = RunTaskAnswer::Refused(vec![
        failure(
            Some(CLUSTER_ARN),
            "Capacity is unavailable at this time.",
            None,
        ),
        failure(None, "OF:TOMORROW", Some("?")),
    ]);
    assert_eq!(
        ecs.run_task(&cluster(), &migration(fargate())).await,
        Ok(refused)
    );
    let failed = ecs
        .run_task(&cluster(), &migration(fargate()))
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "run task `prod/shop-web:42`: unexpected: the answer has neither a task nor a failure"
    );
}

#[tokio::test]
async fn run_task_is_repeated_with_the_same_token() {
    let server = Server::answering([
        error(500, "ServerException", ""),
        error(400, "ThrottlingException", "Rate exceeded"),
        answer(200, &json!({"tasks": [task(1)]})),
    ])
    .await;
    Ecs::new(&server.session())
        .run_task(&cluster(), &migration(fargate()))
        .await
        .unwrap();
    let tokens: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| request.json()["clientToken"].clone())
        .collect();
    assert_eq!(tokens, vec![json!("0123abcd"); 3]);
}

#[tokio::test]
async fn a_token_that_is_used_up_names_the_tasks() {
    let conflict =
        json!({"__type": "ConflictException", "message": "in use", "resourceIds": [arn(1)]});
    let server = Server::answering([answer(400, &conflict)]).await;
    let answered = Ecs::new(&server.session())
        .run_task(&cluster(), &migration(fargate()))
        .await;
    assert_eq!(
        answered,
        Ok(RunTaskAnswer::Taken(vec![arn(1).parse().unwrap()]))
    );
}

/// What nobody overrode is not there, and every member that somebody may override is named.
#[tokio::test]
async fn everything_that_was_overridden_is_said() {
    let described = |overrides: Value| {
        json!({"tasks": [{
            "taskArn": arn(1), "clusterArn": CLUSTER_ARN, "taskDefinitionArn": REVISION, "lastStatus": "RUNNING",
            "overrides": overrides
        }]})
    };
    let nothing =
        json!({"containerOverrides": [{"name": "web"}], "inferenceAcceleratorOverrides": []});
    let all = json!({
        "cpu": "1", "memory": "2", "taskRoleArn": "r", "executionRoleArn": "e", "ephemeralStorage": {"sizeInGiB": 21},
        "containerOverrides": [{
            "name": "web", "command": ["a"], "cpu": 1, "memory": 2, "memoryReservation": 3,
            "environmentFiles": [{"type": "s3", "value": "v"}], "resourceRequirements": [{"type": "GPU", "value": "1"}]
        }]
    });
    let server = Server::answering([
        answer(200, &described(nothing)),
        answer(200, &described(all)),
    ])
    .await;
    let ecs = Ecs::new(&server.session());
    let tasks = [arn(1).parse().unwrap()];
    let found = ecs.describe_tasks("prod", &tasks).await.unwrap().remove(0);
    assert!(found.other_overrides.is_empty() && found.overrides[0].others.is_empty());
    let found = ecs.describe_tasks("prod", &tasks).await.unwrap().remove(0);
    let expected = [
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "ephemeralStorage",
    ];
    assert_eq!(found.other_overrides, expected);
    let expected = [
        "cpu",
        "environmentFiles",
        "memory",
        "memoryReservation",
        "resourceRequirements",
    ];
    assert_eq!(found.overrides[0].others, expected);
    assert_eq!(found.overrides[0].command, ["a"]);
}

#[tokio::test]
async fn a_stopped_task_says_how_it_ended() {
    let body = json!({"tasks": [{
        "taskArn": arn(1), "clusterArn": CLUSTER_ARN, "taskDefinitionArn": REVISION, "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED", "startedBy": "greenlight/d-8X2K4PLQ3", "stopCode": "OfTomorrow",
        "stoppedReason": "Essential container in task exited", "createdAt": 1_791_970_321.25,
        "startedAt": 1_791_970_330, "stoppedAt": 1_791_970_340.5,
        "containers": [{"name": "web", "exitCode": 3, "lastStatus": "STOPPED"},
            {"name": "log", "reason": "CannotPullContainerError"}],
        "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"],
            "environment": [{"name": "A", "value": "1"}, {"name": "B"}]}], "inferenceAcceleratorOverrides": []}
    }]});
    let server = Server::answering([answer(200, &body)]).await;
    let tasks = [arn(1).parse().unwrap()];
    let found = Ecs::new(&server.session())
        .describe_tasks("prod", &tasks)
        .await
        .unwrap()
        .remove(0);
    server.was_asked(
        &target("DescribeTasks"),
        &json!({"cluster": "prod", "tasks": [arn(1)]}),
    );
    assert_eq!(
        (found.arn, found.cluster.as_str(), found.revision.short()),
        (tasks[0].clone(), CLUSTER_ARN, "shop-web:42")
    );
    assert_eq!(found.started_by.as_deref(), Some("greenlight/d-8X2K4PLQ3"));
    assert_eq!(
        (found.last_status.as_str(), found.stop_code.as_deref()),
        ("STOPPED", Some("OfTomorrow"))
    );
    assert_eq!(
        found.stopped_reason.as_deref(),
        Some("Essential container in task exited")
    );
    assert_eq!(
        found.created_at,
        Some(utc_datetime!(2026-10-14 09:32:01.25))
    );
    assert_eq!(found.started_at, Some(utc_datetime!(2026-10-14 09:32:10)));
    assert_eq!(found.stopped_at, Some(utc_datetime!(2026-10-14 09:32:20.5)));
    let containers: Vec<_> = found
        .containers
        .iter()
        .map(|one| (one.name.as_str(), one.exit_code))
        .collect();
    assert_eq!(containers, [("web", Some(3)), ("log", None)]);
    assert_eq!(
        found.containers[1].reason.as_deref(),
        Some("CannotPullContainerError")
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found.overrides[0].environment,
        BTreeMap::from([pair("A", "1"), pair("B", "")])
    );
}

#[tokio::test]
async fn a_container_has_an_exit_code_when_it_or_its_task_has_stopped() {
    for (task, container, expected) in [
        ("RUNNING", json!("RUNNING"), None),
        ("RUNNING", json!("STOPPED"), Some(0)),
        ("DEPROVISIONING", json!("STOPPED"), Some(0)),
        ("STOPPED", json!("PENDING"), Some(0)),
        ("RUNNING", Value::Null, None),
    ] {
        let body = json!({"failures": [], "tasks": [{
            "taskArn": arn(1), "clusterArn": CLUSTER_ARN, "lastStatus": task,
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:42",
            "containers": [{"name": "web", "exitCode": 0, "lastStatus": container}],
        }]});
        let server = Server::answering([answer(200, &body)]).await;
        let found = Ecs::new(&server.session())
            .describe_tasks("prod", &[arn(1).parse().unwrap()])
            .await
            .unwrap();
        assert_eq!(
            found[0].containers[0].exit_code, expected,
            "{task} {container}"
        );
    }
}

#[tokio::test]
async fn tasks_are_described_a_hundred_at_a_time_and_missing_ones_left_out() {
    let first: Vec<Value> = (0..100).map(task).collect();
    let missing =
        json!({"tasks": [task(100)], "failures": [{"arn": arn(101), "reason": "MISSING"}]});
    let server =
        Server::answering([answer(200, &json!({"tasks": first})), answer(200, &missing)]).await;
    let arns: Vec<TaskArn> = (0..102)
        .map(|number| arn(number).parse().unwrap())
        .collect();
    let ecs = Ecs::new(&server.session());
    let found = ecs.describe_tasks("prod", &arns).await.unwrap();
    assert!(found.iter().map(|task| &task.arn).eq(&arns[..101]));
    let sizes: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.json()["tasks"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [100, 2]);
    assert_eq!(ecs.describe_tasks("prod", &[]).await, Ok(vec![]));
}

#[tokio::test]
async fn tasks_are_listed_from_every_page() {
    for (which, expected) in [
        (
            Tasks::RunningStartedBy("greenlight/d-8X2K4PLQ3"),
            json!({"cluster": "prod", "startedBy": "greenlight/d-8X2K4PLQ3"}),
        ),
        (
            Tasks::StoppedOfFamily("shop-web"),
            json!({"cluster": "prod", "family": "shop-web", "desiredStatus": "STOPPED"}),
        ),
    ] {
        let pages = [
            json!({"taskArns": [arn(1)], "nextToken": "more"}),
            json!({"taskArns": [arn(2), arn(3)]}),
        ];
        let server = Server::answering(pages.iter().map(|page| answer(200, page))).await;
        let found = Ecs::new(&server.session())
            .list_tasks("prod", which)
            .await
            .unwrap();
        assert!(
            found
                .iter()
                .map(TaskArn::as_str)
                .eq([arn(1), arn(2), arn(3)])
        );
        assert_eq!(server.requests()[0].json(), expected);
        assert_eq!(server.requests()[1].json()["nextToken"], "more");
    }
}

#[tokio::test]
async fn a_task_is_stopped_with_a_reason_that_fits() {
    let server = Server::answering([answer(200, &json!({"task": task(1)}))]).await;
    let task: TaskArn = arn(1).parse().unwrap();
    Ecs::new(&server.session())
        .stop_task("prod", &task, &"ü".repeat(300))
        .await
        .unwrap();
    let reason = "ü".repeat(254) + "…";
    server.was_asked(
        &target("StopTask"),
        &json!({"cluster": "prod", "task": arn(1), "reason": reason}),
    );
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_not_found() {
    let server =
        Server::answering([error(400, "ClusterNotFoundException", "Cluster not found.")]).await;
    let listed = Ecs::new(&server.session())
        .list_tasks("prod", Tasks::RunningStartedBy("x"))
        .await;
    let failed = listed.unwrap_err();
    assert_eq!(failed.kind, Kind::NotFound);
    assert_eq!(
        failed.to_string(),
        "list tasks `prod`: not found: ClusterNotFoundException, Cluster not found (hint: correct its name in the configuration, or create it)"
    );
}

#[tokio::test]
async fn tasks_are_described_at_a_time_of_awss_clock() {
    let body = json!({"tasks": [], "failures": [{"arn": arn(1), "reason": "MISSING"}]});
    let server = Server::answering([answer(200, &body)]).await;
    let tasks = [arn(1).parse().unwrap()];
    let ecs = Ecs::new(&server.session());
    let described = ecs.describe_tasks_at("prod", &tasks).await.unwrap();
    assert!(described.tasks.is_empty());
    assert!(
        described.answered_at.is_some(),
        "every answer states its date"
    );
}
