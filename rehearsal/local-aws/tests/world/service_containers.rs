//! ECS's own deployments of containers that depend on others or are checked, on container instances, and behind TLS.

use std::sync::Arc;
use std::time::Duration;

use local_aws::ecs::capacity::LaunchKind;
use local_aws::elb::{Condition, Protocol, client_config};
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::{IsBalanced, TestRule, World};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::aws::{ecs, image, register, register_with, serves};
use crate::deploying::{
    blue_green, by_ecs, deployed_by, deployment, service, shifts, stages, until_stage, update,
};

fn breaker(mut configuration: Value) -> Value {
    configuration["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true });
    configuration
}

fn checked(path: &str) -> Value {
    json!({ "command": ["CMD", "sample-service", "check", path], "interval": 10, "retries": 2 })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checked_task_counts_once_its_container_is_healthy() {
    let mut by = by_ecs(breaker(json!({})));
    by.balanced = IsBalanced::Headless;
    let mut world = deployed_by(by, &[], |_| {}).await;
    let target = register_with(&world, "1.0.1", |containers| {
        containers[0]["healthCheck"] = checked("/healthz");
    })
    .await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    let started = |event: &timeline::Event| matches!(event, timeline::Event::TaskStarted { version, .. } if version.as_deref() == Some("1.0.1"));
    world.until(started).await;
    world.pass(Duration::from_secs(8)).await;
    assert_eq!(deployment(&world, &arn).await["status"], "IN_PROGRESS");
    world.pass(Duration::from_secs(4)).await;
    assert_eq!(
        deployment(&world, &arn).await["status"],
        "SUCCESSFUL",
        "and not after forty seconds"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_counts_tasks_whose_container_is_unhealthy() {
    for configuration in [json!({}), blue_green()] {
        let mut world = deployed_by(by_ecs(breaker(configuration.clone())), &[], |_| {}).await;
        let target = register_with(&world, "1.0.1", |containers| {
            containers[0]["healthCheck"] = checked("/none");
        })
        .await;
        let answer = update(&world, json!({ "taskDefinition": target })).await;
        world.settled().await;
        let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
        assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL", "{configuration}");
        assert_eq!(ended["deploymentCircuitBreaker"]["failureCount"], 3);
        let service = service(&world).await;
        let events = service["events"].to_string();
        assert!(
            events.contains("failed container health checks."),
            "{events}"
        );
        // Its target is healthy all the same, and no traffic came to it.
        assert_eq!(shifts(&world), Vec::<String>::new());
        assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn green_starts_after_the_container_that_it_depends_on_or_not_at_all() {
    for (init, status) in [
        ("1.0.1", "SUCCESSFUL"),
        ("cannot-migrate", "ROLLBACK_SUCCESSFUL"),
    ] {
        let mut world = deployed_by(by_ecs(breaker(blue_green())), &[], |_| {}).await;
        let target = register_with(&world, "1.0.1", |containers| {
            let mut before = containers[0].clone();
            before["name"] = json!("init");
            before["image"] = json!(image(init));
            before["essential"] = json!(false);
            before["portMappings"] = json!([]);
            before["command"] = json!(["sample-service", "migrate"]);
            containers[0]["dependsOn"] =
                json!([{ "containerName": "init", "condition": "SUCCESS" }]);
            containers.push(before);
        })
        .await;
        let answer = update(&world, json!({ "taskDefinition": target })).await;
        world.settled().await;
        let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
        assert_eq!(ended["status"], status, "{init}");
        world.shutdown().await;
    }
}

async fn instances_of(world: &World) -> Vec<Value> {
    let listed = json!({ "cluster": "prod", "serviceName": "web" });
    let listed = ecs(world, "ListTasks", listed).await;
    let wanted = json!({ "cluster": "prod", "tasks": listed["taskArns"] });
    let tasks = ecs(world, "DescribeTasks", wanted).await;
    let tasks = tasks["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| task["containerInstanceArn"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn green_is_placed_as_the_service_says() {
    let zone = json!([{ "type": "memberOf", "expression": "attribute:ecs.availability-zone == eu-central-1a" }]);
    for (constraints, status) in [
        (zone, "SUCCESSFUL"),
        // Both instances have a task of the service, blue's.
        (
            json!([{ "type": "distinctInstance" }]),
            "ROLLBACK_SUCCESSFUL",
        ),
    ] {
        let mut world = deployed_by(by_ecs(breaker(blue_green())), &[], |settings| {
            settings.services[0].launch = LaunchKind::Ec2DynamicPorts;
            let options = &mut settings.services[0].options;
            options.insert("placementConstraints".to_owned(), constraints.clone());
        })
        .await;
        let target = register(&world, "1.0.1").await;
        let answer = update(&world, json!({ "taskDefinition": target })).await;
        world.settled().await;
        let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
        assert_eq!(ended["status"], status, "{constraints}");
        let instances = instances_of(&world).await;
        let is_one = instances.iter().all(|one| *one == instances[0]);
        assert_eq!(is_one, status == "SUCCESSFUL", "{instances:?}");
        let events = service(&world).await["events"].to_string();
        assert_eq!(
            events.contains("was unable to place a task because no container instance met all"),
            status != "SUCCESSFUL",
            "{events}"
        );
        world.shutdown().await;
    }
}

/// The version that a listener answers with over TLS.
async fn version(base: &str, header: &str) -> String {
    let host = base.strip_prefix("https://").unwrap();
    let connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client_config().unwrap()));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, connection).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let lines = answer.lines().map(str::to_ascii_lowercase);
    let mut versions =
        lines.filter_map(|line| Some(line.strip_prefix("x-version:")?.trim().to_owned()));
    versions.next().unwrap_or(answer.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_tell_test_traffic_apart_behind_tls() {
    let mut by = by_ecs(blue_green());
    by.test_rule = TestRule::ProductionPort(vec![Condition::Header {
        name: "x-preview".to_owned(),
        patterns: vec!["1".to_owned()],
    }]);
    let mut world = deployed_by(by, &[], |settings| {
        settings.services[0].listeners = Protocol::Https;
    })
    .await;
    let base = world.base_url("web", ListenerKind::Production).unwrap();
    assert_eq!(world.base_url("web", ListenerKind::Test).unwrap(), base);
    assert!(base.starts_with("https://"), "{base}");
    let target = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": target })).await;
    until_stage(&mut world, "POST_TEST_TRAFFIC_SHIFT").await;
    assert_eq!(version(&base, "").await, "1.0.0");
    assert_eq!(version(&base, "x-preview: 1\r\n").await, "1.0.1");
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let answers = world.load_balancers.answers(&listener);
    let by_rule: Vec<bool> = answers.iter().map(|answer| answer.rule.is_some()).collect();
    assert_eq!(by_rule, [false, true]);
    world.settled().await;
    assert_eq!(version(&base, "").await, "1.0.1");
    assert_eq!(stages(&world).last().unwrap(), "CLEAN_UP");
    world.shutdown().await;
}
