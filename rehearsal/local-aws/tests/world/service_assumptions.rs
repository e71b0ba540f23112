//! What is not confirmed of ECS's own deployments, played both ways: in each test the two sides differ.

use local_aws::assumption::Assumption;
use local_aws::world::{EcsDeployments, TestRule};
use serde_json::{Value, json};

use crate::aws::{PausedWorld, ecs, register};
use crate::deploying::{
    answer_hooks, blue_green, by_ecs, call_ecs, deployed_by, deployment, empty, events, hooked,
    revision, service, shifts, stages, until_stage, update,
};

/// Starts a deployment of another revision; returns its ARN.
async fn start(world: &PausedWorld, tag: &str) -> Value {
    let target = register(world, tag).await;
    update(world, json!({ "taskDefinition": target })).await;
    json!(world.service_deployment_history().pop().unwrap().arn)
}

async fn stop(world: &PausedWorld, arn: &Value) {
    let request = json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" });
    ecs(world, "StopServiceDeployment", request).await;
}

async fn without_tasks(by: EcsDeployments, assumed: &[Assumption]) -> PausedWorld {
    deployed_by(by, assumed, |settings| {
        settings.services[0].desired_count = 0
    })
    .await
}

fn names(world: &PausedWorld) -> Vec<String> {
    events(world).into_iter().map(|(name, _)| name).collect()
}

fn sides(assumption: Assumption) -> [Vec<Assumption>; 2] {
    [Vec::new(), vec![assumption]]
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_native_services_and_of_early_ends() {
    for (assumed, expected) in [
        (
            vec![],
            vec!["IN_PROGRESS", "FAILED", "IN_PROGRESS", "COMPLETED"],
        ),
        (vec![Assumption::NativeServicesSendNoEvents], vec![]),
        (
            vec![Assumption::EndedEarlySendsNoEvent],
            vec!["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"],
        ),
    ] {
        let mut world = empty(blue_green(), &assumed).await;
        let arn = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        stop(&world, &arn).await;
        world.settled().await;
        let expected = expected
            .into_iter()
            .map(|name| format!("SERVICE_DEPLOYMENT_{name}"));
        assert_eq!(names(&world), expected.collect::<Vec<_>>(), "{assumed:?}");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_while_production_is_half_shifted() {
    for (assumed, blue_is_half) in sides(Assumption::HalfShiftedGreenBecomesBlue)
        .into_iter()
        .zip([false, true])
    {
        let mut world = empty(json!({ "strategy": "CANARY" }), &assumed).await;
        start(&world, "1.0.1").await;
        let canary = |event: &local_aws::timeline::Event| matches!(event, local_aws::timeline::Event::Weights { weights, .. } if weights[1].percent == 5);
        world.until(canary).await;
        start(&world, "1.0.0").await;
        world.settled().await;
        let history = world.service_deployment_history();
        let blue = history[2].candidate.as_ref();
        assert_eq!(blue == Some(&history[1].target), blue_is_half);
        assert_eq!(blue == Some(&history[0].target), !blue_is_half);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_during_the_bake_time() {
    for (assumed, expected) in sides(Assumption::BakingDeploymentIsRolledBack)
        .into_iter()
        .zip(["STOPPED", "ROLLBACK_SUCCESSFUL"])
    {
        let mut world = empty(blue_green(), &assumed).await;
        let first = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        start(&world, "1.0.0").await;
        world.settled().await;
        assert_eq!(deployment(&world, &first).await["status"], expected);
        let history = world.service_deployment_history();
        let new_blue = history[2].candidate.as_ref() == Some(&history[1].target);
        assert_eq!(new_blue, expected == "STOPPED");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_during_a_rollback() {
    for (assumed, status) in sides(Assumption::UpdateDuringRollbackIsRefused)
        .into_iter()
        .zip([200, 400])
    {
        let configuration = hooked(blue_green(), &["PRODUCTION_TRAFFIC_SHIFT"]);
        let mut world = empty(configuration, &assumed).await;
        let well = json!({ "hookStatus": "SUCCEEDED" });
        let slow = json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 600 });
        answer_hooks(&world, &[well, slow]).await;
        let first = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        stop(&world, &first).await;
        world.pass(std::time::Duration::from_secs(60)).await;
        assert_eq!(
            deployment(&world, &first).await["status"],
            "ROLLBACK_IN_PROGRESS"
        );
        let target = register(&world, "1.0.0").await;
        let request = json!({ "cluster": "prod", "service": "web", "taskDefinition": target });
        assert_eq!(call_ecs(&world, "UpdateService", request).await.0, status);
        world.settled().await;
        assert_eq!(
            deployment(&world, &first).await["status"],
            "ROLLBACK_SUCCESSFUL"
        );
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_update_service_answers_and_forgets() {
    let assumed = [
        Assumption::UpdateAnswersPreviousDeployment,
        Assumption::EcsForgetsLeftOutConfiguration,
    ];
    for (assumed, is_old) in [(&[][..], false), (&assumed[..], true)] {
        let mut world = empty(hooked(blue_green(), &["PRE_SCALE_UP"]), assumed).await;
        let before = service(&world).await["currentServiceDeployment"].clone();
        let target = register(&world, "1.0.1").await;
        let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 });
        let change = json!({ "taskDefinition": target, "deploymentConfiguration": configuration });
        let answer = update(&world, change).await;
        assert_eq!(answer["currentServiceDeployment"] == before, is_old);
        let hooks = answer["deploymentConfiguration"]["lifecycleHooks"].as_array();
        assert_eq!(hooks.is_none(), is_old);
        world.settled().await;
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_a_rolling_deployment() {
    for (assumed, calls) in sides(Assumption::RollingRunsNoHooks)
        .into_iter()
        .zip([2, 0])
    {
        let stages = ["PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"];
        let mut world = empty(hooked(json!({}), &stages), &assumed).await;
        let called = answer_hooks(&world, &[]).await;
        start(&world, "1.0.1").await;
        world.settled().await;
        assert_eq!(called.lock().unwrap().len(), calls);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_hooks_and_the_ids_of_their_calls() {
    let error = json!({ "errorType": "Throttled", "errorMessage": "busy" });
    for (assumed, status) in sides(Assumption::ServiceHookErrorsAreRetried)
        .into_iter()
        .zip(["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"])
    {
        let mut world = empty(hooked(blue_green(), &["PRE_SCALE_UP"]), &assumed).await;
        answer_hooks(&world, std::slice::from_ref(&error)).await;
        let arn = start(&world, "1.0.1").await;
        world.settled().await;
        assert_eq!(deployment(&world, &arn).await["status"], status);
        world.shutdown().await;
    }
    for (assumed, differ) in sides(Assumption::ExecutionIdChangesEachCall)
        .into_iter()
        .zip([false, true])
    {
        let mut world = empty(hooked(blue_green(), &["PRE_SCALE_UP"]), &assumed).await;
        let calls = answer_hooks(&world, &[json!({ "hookStatus": "IN_PROGRESS" })]).await;
        start(&world, "1.0.1").await;
        world.settled().await;
        let calls = calls.lock().unwrap().clone();
        assert_eq!(calls[0]["executionId"] != calls[1]["executionId"], differ);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_during_a_rollback() {
    for (assumed, status) in sides(Assumption::FailedHookFailsTheRollback)
        .into_iter()
        .zip(["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"])
    {
        let configuration = hooked(blue_green(), &["PRODUCTION_TRAFFIC_SHIFT"]);
        let mut world = empty(configuration, &assumed).await;
        let answers = ["SUCCEEDED", "FAILED"].map(|status| json!({ "hookStatus": status }));
        answer_hooks(&world, &answers).await;
        let arn = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        stop(&world, &arn).await;
        world.settled().await;
        assert_eq!(deployment(&world, &arn).await["status"], status);
        assert_eq!(
            shifts(&world)[2..],
            ["Production 0", "Test 0"],
            "traffic returns anyway"
        );
        world.shutdown().await;
    }
    for (assumed, again) in sides(Assumption::RollbackCallsEveryTrafficHook)
        .into_iter()
        .zip([0, 2])
    {
        let stages = [
            "PRE_SCALE_UP",
            "PRODUCTION_TRAFFIC_SHIFT",
            "TEST_TRAFFIC_SHIFT",
        ];
        let mut world = empty(hooked(blue_green(), &stages), &assumed).await;
        let calls = answer_hooks(&world, &[json!({ "hookStatus": "FAILED" })]).await;
        start(&world, "1.0.1").await;
        world.settled().await;
        assert_eq!(calls.lock().unwrap().len(), 1 + again);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_test_traffic_without_a_test_rule() {
    for (assumed, calls) in sides(Assumption::TestHooksNeedATestRule)
        .into_iter()
        .zip([2, 0])
    {
        let stages = ["TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT"];
        let mut by = by_ecs(hooked(blue_green(), &stages));
        by.test_rule = TestRule::Absent;
        let mut world = without_tasks(by, &assumed).await;
        let called = answer_hooks(&world, &[]).await;
        start(&world, "1.0.1").await;
        world.settled().await;
        let called = called.lock().unwrap().clone();
        assert_eq!(called.len(), calls);
        let weights = called
            .iter()
            .map(|call| &call["executionDetails"]["testTrafficWeights"]);
        assert!(weights.into_iter().all(|weights| *weights == json!({})));
        assert_eq!(shifts(&world), ["Production 100"]);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_under_way_shows() {
    for (assumed, is_before) in sides(Assumption::NativeServiceRevisionChangesLater)
        .into_iter()
        .zip([false, true])
    {
        let configuration = hooked(blue_green(), &["PRE_SCALE_UP"]);
        let mut world = empty(configuration, &assumed).await;
        answer_hooks(&world, &[]).await;
        let before = service(&world).await["taskDefinition"].clone();
        let arn = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        let during = service(&world).await;
        assert_eq!(during["deployments"][0]["rolloutState"], "IN_PROGRESS");
        assert_eq!(during["taskDefinition"] == before, is_before);
        let described = deployment(&world, &arn).await;
        assert_eq!(described["lifecycleHookDetails"][0]["status"], "SUCCEEDED");
        world.settled().await;
        assert_ne!(service(&world).await["taskDefinition"], before);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_of_a_native_service() {
    for (assumed, expected) in sides(Assumption::BreakerIsIgnoredOnNative)
        .into_iter()
        .zip([
            "circuit breaker threshold was exceeded.",
            "SCALE_UP stage timed out.",
        ])
    {
        let mut configuration = blue_green();
        configuration["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true });
        let mut world = deployed_by(by_ecs(configuration), &assumed, |_| {}).await;
        let arn = start(&world, "broken").await;
        world.settled().await;
        let ended = deployment(&world, &arn).await;
        let reason = ended["statusReason"].as_str().unwrap();
        assert!(reason.ends_with(expected), "{reason}");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_moment_of_success() {
    for (assumed, status) in sides(Assumption::DeploymentSucceedsAtTheShift)
        .into_iter()
        .zip(["IN_PROGRESS", "SUCCESSFUL"])
    {
        let mut world = empty(blue_green(), &assumed).await;
        let arn = start(&world, "1.0.1").await;
        until_stage(&mut world, "POST_PRODUCTION_TRAFFIC_SHIFT").await;
        world.pass(std::time::Duration::from_secs(60)).await;
        assert_eq!(deployment(&world, &arn).await["status"], status);
        world.pass(std::time::Duration::from_secs(600)).await;
        assert_eq!(deployment(&world, &arn).await["status"], "SUCCESSFUL");
        assert_eq!(stages(&world).last().unwrap(), "CLEAN_UP");
        assert_eq!(
            service(&world).await["deployments"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_without_a_type() {
    for (assumed, status) in sides(Assumption::StopWithoutTypeKeepsBothRevisions)
        .into_iter()
        .zip(["ROLLBACK_SUCCESSFUL", "STOPPED"])
    {
        let mut world = empty(blue_green(), &assumed).await;
        let arn = start(&world, "1.0.1").await;
        until_stage(&mut world, "BAKE_TIME").await;
        ecs(
            &world,
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": arn }),
        )
        .await;
        world.settled().await;
        assert_eq!(deployment(&world, &arn).await["status"], status);
        let revisions = service(&world).await["currentServiceRevisions"].clone();
        let left = if status == "STOPPED" { 2 } else { 1 };
        assert_eq!(revisions.as_array().unwrap().len(), left);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_of_service_revisions() {
    for (assumed, omitted) in sides(Assumption::ServiceRevisionsOmitPinnedDigests)
        .into_iter()
        .zip([false, true])
    {
        let mut world = deployed_by(by_ecs(blue_green()), &assumed, |settings| {
            let digest = settings.images[0].digest();
            let image = &mut settings.services[0].containers[0].image;
            *image = image.replace(":1.0.0", &format!("@{digest}"));
        })
        .await;
        world.pass(std::time::Duration::from_secs(60)).await;
        let arn = service(&world).await["currentServiceRevisions"][0]["arn"].clone();
        let image = revision(&world, &arn).await["containerImages"][0].clone();
        assert_eq!(image.get("imageDigest").is_none(), omitted, "{image}");
        world.shutdown().await;
    }
    for (assumed, of_platform) in sides(Assumption::ServiceRevisionsStatePlatformDigests)
        .into_iter()
        .zip([false, true])
    {
        let index = local_aws::ecr::IndexSettings::new("shop/web", &["multi"], "1.0.3");
        let mut world = deployed_by(by_ecs(blue_green()), &assumed, |settings| {
            settings.indexes = vec![index.clone()];
        })
        .await;
        start(&world, "multi").await;
        world.settled().await;
        let arn = service(&world).await["currentServiceRevisions"][0]["arn"].clone();
        let image = revision(&world, &arn).await["containerImages"][0].clone();
        assert_eq!(
            image["imageDigest"] != index.digest().as_str(),
            of_platform,
            "{image}"
        );
        assert!(image["imageDigest"].is_string());
        world.shutdown().await;
    }
}
