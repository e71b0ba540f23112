//! Rolling deployments by ECS: envelope, circuit breaker, alarms.

use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::IsBalanced;
use serde_json::{Value, json};

use crate::aws::{register, serves};
use crate::deploying::{by_ecs, deployed_by, deployment, events, service, update};

fn breaker(rollback: bool) -> Value {
    json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } })
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tasks_replace_old_ones() {
    let mut world = deployed_by(by_ecs(json!({})), &[], |_| {}).await;
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(
        ended.get("lifecycleStage"),
        None,
        "a rolling deployment has no stages"
    );
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    world.pass(Duration::from_secs(300)).await;
    let service = service(&world).await;
    assert_eq!(service["runningCount"], 2);
    let deployments = service["deployments"].as_array().unwrap();
    assert_eq!(deployments.len(), 1);
    assert_eq!(deployments[0]["rolloutState"], "COMPLETED");
    let names: Vec<String> = events(&world).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED"
        ]
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_rolls_back_within_the_same_deployment() {
    let mut world = deployed_by(by_ecs(breaker(true)), &[], |_| {}).await;
    let before = service(&world).await;
    let target = register(&world, "broken").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    world.settled().await;
    let ended = deployment(&world, &arn).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        ended["statusReason"],
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    );
    let breaker = &ended["deploymentCircuitBreaker"];
    assert_eq!(breaker["status"], "TRIGGERED");
    assert_eq!(
        (&breaker["failureCount"], &breaker["threshold"]),
        (&json!(3), &json!(3))
    );
    let back = ended["rollback"]["serviceRevisionArn"].clone();
    assert_eq!(
        back, before["currentServiceRevisions"][0]["arn"],
        "no new revision"
    );
    let after = service(&world).await;
    assert_eq!(after["taskDefinition"], before["taskDefinition"]);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    let told = events(&world);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_FAILED",
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED",
        ]
    );
    let id = |index: usize| told[index].1["detail"]["deploymentId"].as_str().unwrap();
    assert_eq!(id(0), id(1));
    assert_eq!(id(2), id(3));
    assert!(
        back.as_str()
            .unwrap()
            .ends_with(id(2).trim_start_matches("ecs-svc/"))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_without_rollback_stops_and_nothing_more_is_started() {
    let mut world = deployed_by(by_ecs(breaker(false)), &[], |_| {}).await;
    let target = register(&world, "broken").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "STOPPED");
    let service = service(&world).await;
    assert_eq!(
        service["taskDefinition"],
        target.as_str(),
        "it stays what is wanted"
    );
    let states: Vec<Value> = service["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["status"], one["rolloutState"], one["desiredCount"]]))
        .collect();
    assert_eq!(states[1], json!(["ACTIVE", "COMPLETED", 2]));
    assert_eq!(states[0][1], "FAILED");
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_breaker_a_bad_image_rolls_for_ever() {
    let mut world = deployed_by(by_ecs(json!({})), &[], |_| {}).await;
    let target = register(&world, "broken").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.pass(Duration::from_secs(3600)).await;
    let arn = &answer["currentServiceDeployment"];
    assert_eq!(deployment(&world, arn).await["status"], "IN_PROGRESS");
    assert_eq!(events(&world).len(), 1);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    // The way out is a newer one, which is no error.
    let good = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": good })).await;
    world.settled().await;
    assert_eq!(deployment(&world, arn).await["status"], "STOPPED");
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_roll_back_or_stop() {
    for (rollback, expected) in [(true, "ROLLBACK_SUCCESSFUL"), (false, "STOPPED")] {
        let alarms = json!({ "alarms": { "enable": true, "rollback": rollback, "alarmNames": ["web-5xx"] } });
        let mut world = deployed_by(by_ecs(alarms), &[], |settings| {
            settings.services[0].alarms = vec!["web-5xx".to_owned()];
        })
        .await;
        let target = register(&world, "1.0.1").await;
        let answer = update(&world, json!({ "taskDefinition": target })).await;
        let started = |event: &timeline::Event| matches!(event, timeline::Event::TaskStarted { version, .. } if version.as_deref() == Some("1.0.1"));
        world.until(started).await;
        world
            .cloudwatch
            .set_alarm("web-5xx", AlarmState::Alarm)
            .unwrap();
        world.settled().await;
        let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
        assert_eq!(ended["status"], expected);
        assert_eq!(ended["alarms"]["triggeredAlarmNames"], json!(["web-5xx"]));
        assert_eq!(ended["alarms"]["status"], "TRIGGERED");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_load_balancer_is_healthy_after_forty_seconds() {
    let mut by = by_ecs(breaker(true));
    by.balanced = IsBalanced::Headless;
    let mut world = deployed_by(by, &[], |_| {}).await;
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    let started = |event: &timeline::Event| matches!(event, timeline::Event::TaskStarted { version, .. } if version.as_deref() == Some("1.0.1"));
    world.until(started).await;
    world.pass(Duration::from_secs(38)).await;
    assert_eq!(deployment(&world, &arn).await["status"], "IN_PROGRESS");
    world.pass(Duration::from_secs(4)).await;
    assert_eq!(deployment(&world, &arn).await["status"], "SUCCESSFUL");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desired_count_of_zero_proves_nothing_and_succeeds() {
    let mut world = deployed_by(by_ecs(breaker(true)), &[], |settings| {
        settings.services[0].desired_count = 0;
    })
    .await;
    let target = register(&world, "broken").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let arn = &answer["currentServiceDeployment"];
    assert_eq!(deployment(&world, arn).await["status"], "SUCCESSFUL");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_success_comes_before_the_old_tasks_are_gone() {
    let early = json!({ "enable": true, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED" });
    let mut world = deployed_by(
        by_ecs(json!({ "earlySuccessCriteria": early })),
        &[],
        |_| {},
    )
    .await;
    let target = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": target })).await;
    let ended = |event: &timeline::Event| matches!(event, timeline::Event::DeploymentStatus { status, .. } if *status == "SUCCESSFUL");
    world.until(ended).await;
    let service_now = service(&world).await;
    assert_eq!(service_now["deployments"].as_array().unwrap().len(), 2);
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(service(&world).await["runningCount"], 2);
    world.shutdown().await;
}
