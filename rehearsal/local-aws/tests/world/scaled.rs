//! A service whose desired count changes while production shifts.

use local_aws::timeline;
use local_aws::world::World;
use serde_json::json;

use crate::aws::{PausedWorld, deploy, ecs, id, image, register, world};

/// Starts a canary, then scales the service to three tasks per task set; `before_scaling` changes the world in between.
async fn scaled(before_scaling: impl FnOnce(&World)) -> PausedWorld {
    let mut world = world(|settings| {
        let service = &mut settings.services[0];
        service.deployment_config = "CodeDeployDefault.ECSCanary10Percent15Minutes".to_owned();
    })
    .await;
    let revision = register(&world, "1.0.1").await;
    id(&deploy(&world, &revision, json!([])).await);
    let canary = |event: &timeline::Event| matches!(event, timeline::Event::Weights { weights, .. } if weights[1].percent == 10);
    world.until(canary).await;
    before_scaling(&world);
    let more = json!({ "cluster": "prod", "service": "web", "desiredCount": 3 });
    ecs(&world, "UpdateService", more).await;
    world.settled().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_continues_once_the_service_is_steady_again() {
    let world = scaled(|_| {}).await;
    let record = world.deployments().remove(0);
    assert_eq!((record.status, record.error), ("Succeeded", None));
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_steady_in_five_minutes_fails_the_deployment() {
    let break_green = |world: &World| {
        world.ecs.write(|state| {
            let revision = state.families.get_mut("shop-web").unwrap().last_mut();
            let revision = revision.unwrap();
            let mut registered = (*revision.registered).clone();
            registered["containerDefinitions"][0]["image"] = json!(image("broken"));
            revision.registered = registered.into();
        });
    };
    let world = scaled(break_green).await;
    let records = world.deployments();
    assert_eq!(
        (records[0].status, records[1].status),
        ("Failed", "Succeeded")
    );
    let (_, sentence) = records[0].error.clone().unwrap();
    assert!(sentence.contains("5 minutes"), "{sentence}");
    world.shutdown().await;
}
