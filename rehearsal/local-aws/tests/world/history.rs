//! A world that keeps no history, as `serve` has it: it works like any other, and does not grow with what happens.

use local_aws::identity::access_key;
use local_aws::timeline::ListenerKind;
use local_aws::world::World;
use serde_json::json;

use crate::aws::{call, call_as, deploy, ecs, id, register, serves, world};
use crate::permissions::{FUNCTION, template};

/// What a deployment may leave behind for good or, as its tasks, until ECS shows them no longer.
const BYTES_OF_A_DEPLOYMENT: usize = 20 * 1024;

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

/// Every call of a function was a point at which a fault could have been injected, and every refusal was kept, too.
#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_functions_leave_nothing() {
    let world = world(|settings| settings.template = template()).await;
    let describe = "AmazonEC2ContainerServiceV20141113.DescribeServices";
    let call_both = || async {
        for (cluster, expected) in [("prod", 200), ("other", 400)] {
            let request = json!({ "cluster": cluster, "services": ["web"] });
            let (status, _) = call_as(&world, &access_key(FUNCTION), describe, request).await;
            assert_eq!(status, expected);
        }
    };
    let kept = || {
        (
            world.api.faults.points().len(),
            world.iam.refusals().len(),
            world.calls().len(),
        )
    };
    call_both().await;
    assert_eq!(kept(), (2, 1, 2));
    world.keep_no_history();
    call_both().await;
    assert_eq!(kept(), (0, 0, 0));
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_leaves_at_most_20_kib() {
    const DEPLOYMENTS: usize = 3;
    let mut world = world(|_| {}).await;
    world.keep_no_history();
    let before = bytes(&world);
    for _ in 0..DEPLOYMENTS {
        let revision = register(&world, "1.0.1").await;
        deploy(&world, &revision, json!([])).await;
        world.settled().await;
    }
    let each = (bytes(&world) - before) / DEPLOYMENTS;
    assert!(each <= BYTES_OF_A_DEPLOYMENT, "{each} bytes");
    world.shutdown().await;
}

/// Everything that the services keep, as text, which has about as many bytes as what it is the text of.
fn bytes(world: &World) -> usize {
    let ecs = world.ecs.read(|state| {
        let revisions = (&state.families, &state.tasks, &state.services);
        format!("{revisions:?}{:?}{:?}", state.client_tokens, state.served).len()
    });
    let codedeploy = world.codedeploy.read(|state| {
        let configured = (&state.applications, &state.groups);
        format!("{configured:?}{:?}{:?}", state.deployments, state.revisions).len()
    });
    let logs = format!("{:?}", world.logs.groups()).len();
    let schedules = format!("{:?}", world.scheduler.all()).len();
    let targets = format!("{:?}", world.load_balancers.target_groups()).len();
    ecs + codedeploy + logs + schedules + targets
}
