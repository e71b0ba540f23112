//! A world that keeps no history, as `serve` has it: it works like any other, and does not grow with what happens.

use local_aws::timeline::ListenerKind;
use serde_json::json;

use crate::aws::{call, deploy, ecs, id, register, serves, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_world_without_history_deploys_and_keeps_nothing() {
    let mut world = world(|_| {}).await;
    world.keep_no_history();
    for _ in 0..100 {
        ecs(
            &world,
            "DescribeServices",
            json!({ "cluster": "prod", "services": ["web"] }),
        )
        .await;
    }
    let revision = register(&world, "1.0.1").await;
    let deployment = id(&deploy(&world, &revision, json!([])).await);
    world.settled().await;
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    // What AWS answers is still there.
    let request = json!({ "deploymentId": deployment });
    let (_, answer) = call(&world, "CodeDeploy_20141006.GetDeployment", request).await;
    assert_eq!(answer["deploymentInfo"]["status"], "Succeeded");
    assert_eq!(world.calls().len(), 0);
    assert_eq!(world.timeline.entries().len(), 0);
    assert_eq!(world.events.delivered().len(), 0);
    assert_eq!(world.load_balancers.health_changes().len(), 0);
    let listeners = world.load_balancers.listeners();
    let answers = listeners
        .iter()
        .map(|listener| world.load_balancers.answers(&listener.arn).len());
    assert_eq!(answers.sum::<usize>(), 0);
    world.shutdown().await;
}
