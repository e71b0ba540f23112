//! Deployments, from CreateDeployment to their end.

use local_aws::assumption::Assumption;
use local_aws::codedeploy::{Deployment, State, Wait};
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::{TestListener, World};
use serde_json::{Value, json};

use crate::aws::{PausedWorld, codedeploy, deploy, ecs, id, register, serves, statuses, world};
use crate::deploying::answer_hooks;

async fn primary(world: &World) -> (String, usize) {
    let described = ecs(
        world,
        "DescribeServices",
        json!({ "cluster": "prod", "services": ["web"] }),
    )
    .await;
    let service = &described["services"][0];
    let sets = service["taskSets"].as_array().unwrap();
    let primary = sets.iter().find(|set| set["status"] == "PRIMARY").unwrap();
    assert_eq!(service["taskDefinition"], primary["taskDefinition"]);
    assert_eq!(primary["stabilityStatus"], "STEADY_STATE");
    (
        primary["taskDefinition"].as_str().unwrap().to_owned(),
        sets.len(),
    )
}

/// `Production: Blue 0 %, Green 100 %`, for each move of a listener.
fn moves(world: &World) -> Vec<String> {
    let mut moves = Vec::new();
    for entry in world.timeline.entries() {
        if let timeline::Event::Weights {
            listener, weights, ..
        } = entry.event
        {
            let shares: Vec<_> = weights
                .iter()
                .map(|weight| format!("{} {}", weight.task_set, weight.percent))
                .collect();
            moves.push(format!("{listener:?}: {}", shares.join(", ")));
        }
    }
    moves
}

/// Waits until the last lifecycle event has succeeded.
fn shifted(event: &timeline::Event) -> bool {
    matches!(
        event,
        timeline::Event::LifecycleEvent {
            name: "AfterAllowTraffic",
            status: "Succeeded",
            ..
        }
    )
}

/// The termination wait begins at the same moment as the event ends.
async fn termination_wait(world: &World) {
    let waits = |deployment: &Deployment| deployment.termination_wait == Wait::Waiting;
    let waiting = |state: &State| state.deployments.iter().any(waits).then_some(());
    world.codedeploy.until(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn green_replaces_blue_and_the_next_deployment_reverses_them() {
    let mut world = world(|_| {}).await;
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    let second = register(&world, "1.0.1").await;
    let created = deploy(&world, &second, json!([])).await;
    let first_id = id(&created);
    let (status, refused) = deploy(&world, &second, json!([])).await;
    assert_eq!(
        (status, refused["__type"].as_str()),
        (400, Some("DeploymentLimitExceededException"))
    );
    let sentence =
        format!("The Deployment Group 'shop-web' already has an active Deployment '{first_id}'");
    assert_eq!(refused["message"], sentence);
    world.settled().await;

    let record = world.deployments().remove(0);
    assert_eq!((record.status, record.error.clone()), ("Succeeded", None));
    assert_eq!(statuses(&record), ["Succeeded"; 8]);
    assert_eq!(primary(&world).await, (second, 1));
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.1");
    assert_eq!(
        moves(&world),
        ["Test: Blue 0, Green 100", "Production: Blue 0, Green 100"]
    );

    let third = register(&world, "1.0.0").await;
    id(&deploy(&world, &third, json!([])).await);
    world.settled().await;
    assert_eq!(world.deployments()[1].status, "Succeeded");
    assert_eq!(primary(&world).await, (third, 1));
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

/// A world without a test listener, and a deployment whose canary is serving.
async fn canary() -> (PausedWorld, String, String) {
    let mut world = world(|settings| {
        let service = &mut settings.services[0];
        service.deployment_config = "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned();
        service.test_listener = TestListener::Absent;
    })
    .await;
    let revision = register(&world, "1.0.1").await;
    let created = id(&deploy(&world, &revision, json!([])).await);
    let canary = |event: &timeline::Event| matches!(event, timeline::Event::Weights { weights, .. } if weights[1].percent == 10);
    world.until(canary).await;
    (world, revision, created)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_shows_events_and_task_sets_in_aws_shape() {
    let (world, _, id) = canary().await;
    let wanted = json!({ "deploymentId": id, "targetId": "prod:web" });
    let (_, answer) = codedeploy(&world, "GetDeploymentTarget", wanted).await;
    let target = &answer["deploymentTarget"]["ecsTarget"];
    let events = target["lifecycleEvents"].as_array().unwrap();
    let statuses: Vec<_> = events.iter().map(|event| &event["status"]).collect();
    assert_eq!(
        statuses,
        [
            "Succeeded",
            "Succeeded",
            "Succeeded",
            "Succeeded",
            "InProgress",
            "Pending"
        ]
    );
    let sets = target["taskSetsInfo"].as_array().unwrap();
    let described: Vec<_> = sets
        .iter()
        .map(|set| json!([set["taskSetLabel"], set["status"], set["trafficWeight"]]))
        .collect();
    assert_eq!(
        described,
        [
            json!(["Blue", "PRIMARY", 90.0]),
            json!(["Green", "ACTIVE", 10.0])
        ]
    );
    assert!(
        sets[1]["identifer"]
            .as_str()
            .unwrap()
            .starts_with("ecs-svc/")
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_revision_contains_the_app_spec_and_the_termination_wait_can_be_ended() {
    let (mut world, revision, id) = canary().await;
    let (_, answer) = codedeploy(&world, "GetDeployment", json!({ "deploymentId": id })).await;
    let app_spec = &answer["deploymentInfo"]["revision"]["appSpecContent"];
    assert_eq!(app_spec["content"], Value::Null);
    let wanted = json!({ "revisionType": "AppSpecContent", "appSpecContent": { "sha256": app_spec["sha256"] } });
    let request = json!({ "applicationName": "shop", "revision": wanted });
    let (_, answer) = codedeploy(&world, "GetApplicationRevision", request).await;
    assert!(
        answer["revision"]["appSpecContent"]["content"]
            .as_str()
            .unwrap()
            .contains(&revision)
    );

    let wait = json!({ "deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT" });
    let (_, refused) = codedeploy(&world, "ContinueDeployment", wait.clone()).await;
    assert_eq!(refused["__type"], "DeploymentIsNotInReadyStateException");
    world.until(shifted).await;
    world.during(termination_wait).await;
    assert_eq!(
        codedeploy(&world, "ContinueDeployment", wait.clone()).await,
        (200, json!({}))
    );
    world.settled().await;
    assert_eq!(world.deployments()[0].status, "Succeeded");
    let (_, refused) = codedeploy(&world, "ContinueDeployment", wait).await;
    assert_eq!(refused["__type"], "DeploymentAlreadyCompletedException");
    let steps = [
        "Blue 100, Green 0",
        "Blue 90, Green 10",
        "Blue 0, Green 100",
    ];
    assert_eq!(
        moves(&world),
        steps.map(|step| format!("Production: {step}"))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_deployment_is_rolled_back_even_in_the_termination_wait() {
    let mut world = world(|_| {}).await;
    let (before, _) = primary(&world).await;
    let revision = register(&world, "1.0.1").await;
    let id = id(&deploy(&world, &revision, json!([])).await);
    world.until(shifted).await;
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    let (status, answer) =
        codedeploy(&world, "StopDeployment", json!({ "deploymentId": id })).await;
    assert_eq!((status, &answer["status"]), (200, &json!("Pending")));
    world.settled().await;

    let records = world.deployments();
    assert_eq!(
        (records[0].status, records[1].status),
        ("Stopped", "Succeeded")
    );
    assert_eq!(records[1].creator, "codeDeployRollback");
    assert_eq!(primary(&world).await, (before, 1));
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.0");
    let (_, answer) = codedeploy(
        &world,
        "BatchGetDeployments",
        json!({ "deploymentIds": [id, records[1].id] }),
    )
    .await;
    let infos = &answer["deploymentsInfo"];
    assert_eq!(infos[0]["errorInformation"]["code"], "MANUAL_STOP");
    assert_eq!(
        infos[0]["rollbackInfo"]["rollbackDeploymentId"],
        records[1].id
    );
    assert_eq!(
        infos[1]["rollbackInfo"]["rollbackTriggeringDeploymentId"],
        id
    );
    assert_eq!(
        infos[1]["deploymentConfigName"],
        "CodeDeployDefault.ECSAllAtOnce"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_never_start_fail_the_deployment_after_an_hour() {
    let mut world = world(|_| {}).await;
    let (before, _) = primary(&world).await;
    let started = world.clock.now();
    let revision = register(&world, "broken").await;
    id(&deploy(&world, &revision, json!([])).await);
    world.settled().await;

    assert!(world.clock.now().duration_since(started).unwrap().as_secs() >= 3600);
    let records = world.deployments();
    assert_eq!(
        (records[0].status, records[1].status),
        ("Failed", "Succeeded")
    );
    assert_eq!(records[0].error.as_ref().unwrap().0, "TIMEOUT");
    let events = [
        "Succeeded",
        "Failed",
        "Skipped",
        "Skipped",
        "Skipped",
        "Skipped",
        "Skipped",
        "Skipped",
    ];
    assert_eq!(statuses(&records[0]), events);
    assert_eq!(primary(&world).await, (before, 1));
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_whose_function_is_missing_fails_and_nothing_is_left_to_roll_back() {
    let mut world = world(|_| {}).await;
    let revision = register(&world, "1.0.1").await;
    id(&deploy(&world, &revision, json!([{ "BeforeInstall": "missing" }])).await);
    world.settled().await;
    let records = world.deployments();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].status, "Failed");
    assert_eq!(
        records[0].error.as_ref().unwrap().0,
        "INVALID_LAMBDA_FUNCTION"
    );
    assert_eq!(statuses(&records[0])[..2], ["Failed", "Skipped"]);
    assert_eq!(moves(&world), [""; 0]);
    world.shutdown().await;
}

/// Of the hook that is called.
async fn execution_id(world: &World) -> String {
    let called = |state: &State| {
        let mut hooks = state.deployments[0].hooks.iter();
        hooks.next().map(|hook| hook.execution_id.clone())
    };
    world.codedeploy.until(called).await
}

/// One that differs is refused on both sides.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_to_a_hook_is_refused_or_accepted_if_it_is_the_same() {
    for (assumed, same) in [(None, 400), (Some(Assumption::SecondAnswerIsAccepted), 200)] {
        let mut world =
            world(|settings| settings.assumptions = assumed.into_iter().collect()).await;
        answer_hooks(&world, &[]).await;
        let revision = register(&world, "1.0.1").await;
        let hooks = json!([{ "BeforeInstall": "hook" }]);
        let deployment = id(&deploy(&world, &revision, hooks).await);
        let execution = world.during(execution_id).await;
        for (answer, status) in [("Succeeded", 200), ("Succeeded", same), ("Failed", 400)] {
            let request = json!({
                "deploymentId": deployment,
                "lifecycleEventHookExecutionId": execution,
                "status": answer,
            });
            let answered =
                codedeploy(&world, "PutLifecycleEventHookExecutionStatus", request).await;
            assert_eq!(answered.0, status, "{assumed:?} {answer}: {}", answered.1);
        }
        world.shutdown().await;
    }
}
