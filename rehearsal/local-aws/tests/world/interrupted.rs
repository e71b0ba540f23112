//! Deployments that an alarm or a request interrupts, and those that wait for ContinueDeployment.

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecs;
use local_aws::ecs::service::{TaskSet, TaskSetStatus};
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::{ServiceSettings, World};
use serde_json::{Value, json};

use crate::aws::{codedeploy, deploy, elb, id, register, serves, statuses, world};

const ALARM: &str = "web-5xx";

/// A service with an alarm that stops and rolls back its deployments.
fn alarmed(service: &mut ServiceSettings) {
    service.alarms = vec![ALARM.to_owned()];
    service.rollback_on = vec!["DEPLOYMENT_STOP_ON_ALARM".to_owned()];
    service.deployment_config = "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned();
}

/// A newly started deployment of version 1.0.1.
async fn begin(world: &World) -> String {
    let revision = register(world, "1.0.1").await;
    id(&deploy(world, &revision, json!([])).await)
}

async fn info(world: &World, id: &str) -> Value {
    let (_, answer) = codedeploy(world, "GetDeployment", json!({ "deploymentId": id })).await;
    answer["deploymentInfo"].clone()
}

fn event_is(event: &timeline::Event, lifecycle_event: &str, wanted: &str) -> bool {
    matches!(event, timeline::Event::LifecycleEvent { name, status, .. } if *name == lifecycle_event && *status == wanted)
}

fn status_is(event: &timeline::Event, wanted: &str) -> bool {
    matches!(event, timeline::Event::DeploymentStatus { status, .. } if *status == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_during_the_canary_stops_the_deployment_and_rolls_back() {
    let mut world = world(|settings| alarmed(&mut settings.services[0])).await;
    let id = begin(&world).await;
    let canary = |event: &timeline::Event| matches!(event, timeline::Event::Weights { weights, .. } if weights[1].percent == 10);
    world.until(canary).await;
    world
        .cloudwatch
        .set_alarm(ALARM, AlarmState::Alarm)
        .unwrap();
    world.settled().await;

    let records = world.deployments();
    assert_eq!(records[0].status, "Stopped");
    let mut events = ["Succeeded"; 8];
    (events[6], events[7]) = ("Failed", "Skipped");
    assert_eq!(statuses(&records[0]), events);
    let (stopped, rollback) = (info(&world, &id).await, info(&world, &records[1].id).await);
    assert_eq!(stopped["errorInformation"]["code"], "ALARM_ACTIVE");
    let sentence = stopped["errorInformation"]["message"].as_str().unwrap();
    assert!(sentence.ends_with(ALARM), "{sentence}");
    let rollback_id = rollback["deploymentId"].as_str().unwrap();
    assert_eq!(
        stopped["rollbackInfo"],
        json!({
            "rollbackDeploymentId": rollback_id,
            "rollbackMessage": format!("Deployment {id} terminated. Automatic rollback is triggered with a DeploymentId {rollback_id}."),
        })
    );
    assert_eq!(
        rollback["rollbackInfo"],
        json!({
            "rollbackTriggeringDeploymentId": id,
            "rollbackMessage": format!("Deployment {rollback_id} is triggered to roll back deployment {id}."),
        })
    );
    assert_eq!(rollback["status"], "Succeeded");
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_before_the_deployment_stops_it_during_install() {
    let mut world = world(|settings| alarmed(&mut settings.services[0])).await;
    world
        .cloudwatch
        .set_alarm(ALARM, AlarmState::Alarm)
        .unwrap();
    begin(&world).await;
    world.settled().await;
    let records = world.deployments();
    assert_eq!(
        statuses(&records[0])[..3],
        ["Succeeded", "Failed", "Skipped"]
    );
    assert_eq!(
        (records[0].status, records[1].status),
        ("Stopped", "Succeeded")
    );
    assert!(
        world
            .cloudwatch
            .set_alarm("nothing", AlarmState::Ok)
            .is_err()
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_in_the_termination_wait_rolls_production_back() {
    let mut world = world(|settings| alarmed(&mut settings.services[0])).await;
    begin(&world).await;
    world
        .until(|what| event_is(what, "AfterAllowTraffic", "Succeeded"))
        .await;
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    world
        .cloudwatch
        .set_alarm(ALARM, AlarmState::Alarm)
        .unwrap();
    world.settled().await;
    let records = world.deployments();
    assert_eq!(statuses(&records[0]), ["Succeeded"; 8]);
    assert_eq!(
        (records[0].status, records[1].status),
        ("Stopped", "Succeeded")
    );
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_in_the_ready_wait_is_ready_until_it_is_continued() {
    let mut world = world(|settings| {
        settings.services[0].ready_wait = Some(Duration::from_secs(600));
    })
    .await;
    let id = begin(&world).await;
    world.until(|what| status_is(what, "Ready")).await;
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.1");
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    assert_eq!(info(&world, &id).await["status"], "Ready");
    let revision = register(&world, "1.0.1").await;
    let (_, refused) = deploy(&world, &revision, json!([])).await;
    assert_eq!(refused["__type"], "DeploymentLimitExceededException");

    let termination = world
        .codedeploy
        .continue_deployment(&id, DeploymentWait::Termination);
    assert!(termination.is_err());
    world
        .codedeploy
        .continue_deployment(&id, DeploymentWait::Ready)
        .unwrap();
    world
        .until(|what| event_is(what, "AfterAllowTraffic", "Succeeded"))
        .await;
    let wait = json!({ "deploymentId": id, "deploymentWaitType": "READY_WAIT" });
    let (_, refused) = codedeploy(&world, "ContinueDeployment", wait).await;
    assert_eq!(refused["__type"], "DeploymentIsNotInReadyStateException");
    world.settled().await;
    assert_eq!(world.deployments()[0].status, "Succeeded");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_not_continued_stops() {
    let mut world = world(|settings| {
        settings.services[0].ready_wait = Some(Duration::from_secs(600));
    })
    .await;
    begin(&world).await;
    world.settled().await;
    let records = world.deployments();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].status, "Stopped");
    let (code, sentence) = records[0].error.clone().unwrap();
    assert_eq!(code, "TIMEOUT");
    assert!(sentence.contains("to continue"), "{sentence}");
    assert!(sentence.contains("10 minutes"), "{sentence}");
    let mut events = ["Succeeded"; 8];
    events[5..].fill("Skipped");
    assert_eq!(statuses(&records[0]), events);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rollback_everything_stays_and_the_next_deployment_cannot_begin() {
    let mut world = world(|settings| {
        settings.services[0].ready_wait = Some(Duration::from_secs(600));
    })
    .await;
    let id = begin(&world).await;
    world.until(|what| status_is(what, "Ready")).await;
    world.codedeploy.stop_deployment(&id, Some(false)).unwrap();
    world.settled().await;
    assert_eq!(world.deployments().len(), 1);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.1");
    assert!(world.codedeploy.stop_deployment(&id, None).is_err());

    begin(&world).await;
    world.settled().await;
    let record = world.deployments().remove(1);
    assert_eq!(record.status, "Failed");
    let (code, sentence) = record.error.unwrap();
    assert_eq!(code, "ELASTIC_LOAD_BALANCING_INVALID");
    assert!(
        sentence.contains("Primary taskset target group must be behind listener arn:"),
        "{sentence}"
    );

    // The way out: the test listener is pointed back at blue, as README says, and the next deployment ships.
    let listener = |kind| {
        let arn = world.listener("web", kind).unwrap();
        let mut all = world.load_balancers.listeners().into_iter();
        all.find(|listener| listener.arn == arn).unwrap()
    };
    let test = listener(ListenerKind::Test);
    let blue = listener(ListenerKind::Production).forward.into_iter();
    let blue = blue
        .max_by_key(|part| part.weight)
        .unwrap()
        .target_group_arn;
    let modify = |group: &str| {
        format!(
            "ModifyListener&ListenerArn={}&DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}",
            test.arn
        )
    };
    let (status, body) = elb(&world, &modify(&blue)).await;
    assert!(
        status == 200 && body.contains(blue.as_str()),
        "{status} {body}"
    );
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.0");
    begin(&world).await;
    world.until(|what| status_is(what, "Ready")).await;
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.1");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_impossible_once_blue_is_being_stopped() {
    let mut world = world(|settings| alarmed(&mut settings.services[0])).await;
    let id = begin(&world).await;
    let draining = |state: &ecs::State| {
        let sets = &state.service("prod", "web")?.task_sets;
        let draining = |set: &TaskSet| set.status == TaskSetStatus::Draining;
        sets.iter().any(draining).then_some(())
    };
    world
        .during(async |world| world.ecs.until(draining).await)
        .await;
    world.codedeploy.stop_deployment(&id, Some(true)).unwrap();
    world
        .cloudwatch
        .set_alarm(ALARM, AlarmState::Alarm)
        .unwrap();
    world.settled().await;
    let records = world.deployments();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].status, records[0].error.clone()),
        ("Succeeded", None)
    );
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_events_are_emitted_only_by_assumption() {
    for assumed in [false, true] {
        let assumption = assumed.then_some(Assumption::OtherKindsOfEventsAreTold);
        let mut world =
            world(|settings| settings.assumptions = assumption.into_iter().collect()).await;
        begin(&world).await;
        world.settled().await;
        let delivered = world.events.delivered();
        let of_kind = |kind: &str| {
            let events = delivered
                .iter()
                .filter(|(event, _)| event["detail-type"] == kind);
            events
                .map(|(event, _)| event["detail"].clone())
                .collect::<Vec<_>>()
        };
        let states = of_kind("CodeDeploy Deployment State-change Notification");
        assert_eq!(states.len(), 2);
        let of_target = of_kind("CodeDeploy Instance State-change Notification");
        let of_service = of_kind("ECS Deployment State Change");
        let expected = if assumed { 2 } else { 0 };
        assert_eq!((of_target.len(), of_service.len()), (expected, expected));
        if let Some(last) = of_service.last() {
            assert_eq!(last["eventName"], "SERVICE_DEPLOYMENT_COMPLETED");
        }
        world.shutdown().await;
    }
}
