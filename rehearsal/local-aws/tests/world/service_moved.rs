//! A service of CodeDeploy's that is moved to ECS in place, by UpdateService's `deploymentController`.

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::ecs::service::TaskSetStatus;
use local_aws::elb::default_rule;
use local_aws::timeline::{Event, ListenerKind};
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{self, PausedWorld, deploy, id, register, serves, world};
use crate::deploying::{
    ROLE, answer_hooks, deployment, hooked, listed, refused, revision, service, shifts, stages,
    until_stage, update,
};

const MULTIPLE: &str = "Updating the deployment controller is not supported when there are multiple tasksets in the service. \
                        Please ensure your service has only one taskset and try again.";
const NO_PRIMARY: &str = "Updating the deployment controller requires a primary taskset in the service. Please ensure your service \
                          has a primary taskset and try again.";
const ONGOING: &str =
    "Unable to update the deployment controller of a service during an ongoing service deployment.";
const NOT_CODE_DEPLOY: &str =
    "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.";

/// `web` of CodeDeploy's.
async fn of_code_deploy(tasks: u32, assumed: &[Assumption]) -> PausedWorld {
    world(|settings| {
        settings.assumptions = assumed.iter().copied().collect();
        settings.services[0].desired_count = tasks;
    })
    .await
}

fn rule(world: &World, kind: ListenerKind) -> String {
    default_rule(&world.listener("web", kind).unwrap())
}

/// The request that moves `web` to blue/green, with the group that serves first.
async fn to_blue_green(world: &World) -> Value {
    let serving = service(world).await["loadBalancers"][0]["targetGroupArn"].clone();
    let group = world
        .codedeploy
        .read(|state| state.groups.first().cloned())
        .unwrap();
    let mut groups = group.target_groups.iter();
    let other = groups.find(|group| serving != group.arn.as_str()).unwrap();
    json!({
        "deploymentController": { "type": "ECS" },
        "deploymentConfiguration": { "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5 },
        "loadBalancers": [{
            "targetGroupArn": serving, "containerName": "web", "containerPort": 8080,
            "advancedConfiguration": {
                "alternateTargetGroupArn": other.arn,
                "productionListenerRule": rule(world, ListenerKind::Production),
                "testListenerRule": rule(world, ListenerKind::Test),
                "roleArn": "arn:aws:iam::111122223333:role/ecsInfrastructureRole",
            },
        }],
    })
}

async fn refusal(world: &World, mut members: Value) -> String {
    members["cluster"] = json!("prod");
    members["service"] = json!("web");
    let (code, sentence) = refused(world, "UpdateService", members).await;
    assert_eq!(code, "InvalidParameterException", "{sentence}");
    sentence
}

fn controller(service: &Value) -> &str {
    service["deploymentController"]["type"].as_str().unwrap()
}

/// Ships 1.0.1 by CodeDeploy, which leaves both target groups in the production listener.
async fn ship(world: &mut PausedWorld) {
    let next = register(world, "1.0.1").await;
    id(&deploy(world, &next, json!([])).await);
    world.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_service_keeps_its_tasks_and_its_next_deployment_is_of_ecs() {
    let mut world = of_code_deploy(2, &[]).await;
    ship(&mut world).await;
    let before = service(&world).await;
    let tasks = before["taskSets"][0]["id"].as_str().unwrap().to_owned();
    let calls = answer_hooks(&world, &[]).await;
    let mut request = to_blue_green(&world).await;
    let configuration = request["deploymentConfiguration"].clone();
    request["deploymentConfiguration"] = hooked(configuration, &["PRE_SCALE_UP"]);
    let moved = update(&world, request).await;
    assert_eq!(controller(&moved), "ECS");
    assert_eq!(moved["taskDefinition"], before["taskDefinition"]);
    let hook = &moved["deploymentConfiguration"]["lifecycleHooks"][0];
    assert_eq!(hook["roleArn"], ROLE);
    world.settled().await;
    // The guide has the service updated to start a deployment.
    assert_eq!(listed(&world).await, Vec::<Value>::new());
    assert_eq!(moved.get("currentServiceDeployment"), None);
    assert_eq!(moved["deployments"][0]["id"], tasks.as_str());
    let blue = moved["currentServiceRevisions"][0]["arn"].clone();
    assert!(blue.as_str().unwrap().ends_with(&tasks["ecs-svc/".len()..]));
    let described = revision(&world, &blue).await;
    assert_eq!(described["taskDefinition"], before["taskDefinition"]);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");

    let shifted = shifts(&world).len();
    let target = register(&world, "1.0.0").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    until_stage(&mut world, "BAKE_TIME").await;
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    let during = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(during["sourceServiceRevisions"][0]["arn"], blue);
    assert_eq!(during["sourceServiceRevisions"][0]["runningTaskCount"], 2);
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(stages(&world).len(), 10);
    assert_eq!(shifts(&world)[shifted..], ["Test 100", "Production 100"]);
    assert_eq!(calls.lock().unwrap().len(), 1);
    // ECS has it end before the last task of blue is gone.
    world.pass(Duration::from_secs(120)).await;
    let sets = world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        service.task_sets.len()
    });
    assert_eq!(sets, 1, "CodeDeploy's tasks are gone");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_more_than_one_task_set_or_a_deployment_is_not_moved() {
    let mut world = of_code_deploy(0, &[]).await;
    let next = register(&world, "1.0.1").await;
    let request = to_blue_green(&world).await;
    id(&deploy(&world, &next, json!([])).await);
    assert_eq!(refusal(&world, request.clone()).await, ONGOING);
    world
        .until(|event| {
            matches!(
                event,
                Event::LifecycleEvent {
                    name: "Install",
                    status: "Succeeded",
                    ..
                }
            )
        })
        .await;
    assert_eq!(refusal(&world, request.clone()).await, MULTIPLE);
    // Until blue is stopped.
    world
        .until(|event| {
            matches!(
                event,
                Event::LifecycleEvent {
                    name: "AfterAllowTraffic",
                    status: "Succeeded",
                    ..
                }
            )
        })
        .await;
    assert_eq!(refusal(&world, request).await, MULTIPLE);
    assert_eq!(controller(&service(&world).await), "CODE_DEPLOY");
    world.settled().await;
    let request = to_blue_green(&world).await;
    let status = |status| {
        world.ecs.write(|state| {
            let service = state.service_mut("prod", "web").unwrap();
            service.task_sets[0].status = status;
        });
    };
    status(TaskSetStatus::Active);
    assert_eq!(refusal(&world, request.clone()).await, NO_PRIMARY);
    status(TaskSetStatus::Primary);
    assert_eq!(controller(&update(&world, request).await), "ECS");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_lacks_nothing_that_its_strategy_needs() {
    let mut world = of_code_deploy(0, &[]).await;
    ship(&mut world).await;
    let request = to_blue_green(&world).await;
    let changed = |change: fn(&mut Value)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    for (request, expected) in [
        (
            changed(|request| drop(request.as_object_mut().unwrap().remove("loadBalancers"))),
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ),
        (
            changed(|request| {
                let entry = request["loadBalancers"][0].as_object_mut().unwrap();
                entry.remove("advancedConfiguration");
            }),
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ),
        (
            changed(|request| {
                request["loadBalancers"][0]["advancedConfiguration"]["roleArn"] = Value::Null;
            }),
            "roleArn can not be blank.",
        ),
        (
            changed(|request| {
                request["deploymentConfiguration"]["bakeTimeInMinutes"] = Value::Null
            }),
            "bakeTimeInMinutes is required for the BLUE_GREEN strategy.",
        ),
        (
            changed(|request| request["loadBalancers"][0]["containerName"] = json!("sidecar")),
            "The container sidecar does not exist in the task definition.",
        ),
        (
            changed(|request| request["deploymentController"]["type"] = json!("EXTERNAL")),
            "the rehearsal does not simulate a change of the deployment controller from CODE_DEPLOY to EXTERNAL",
        ),
        (
            changed(|request| request["deploymentController"]["type"] = json!("CODEDEPLOY")),
            "Invalid deployment controller type: CODEDEPLOY",
        ),
        // Without a move the service is CodeDeploy's, and neither is there for it.
        (
            changed(|request| request["deploymentController"]["type"] = json!("CODE_DEPLOY")),
            "Unable to update load balancers on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a \
             new deployment.",
        ),
        (
            json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } } }),
            "Deployment circuit breaker feature is only supported with ECS deployment controller. Update to ECS deployment \
             controller and try again.",
        ),
        (
            json!({ "deploymentConfiguration": { "alarms": { "alarmNames": [], "enable": true, "rollback": true } } }),
            "Alarm based rollback feature is only supported with ECS deployment controller. Update to ECS deployment controller and \
             try again.",
        ),
    ] {
        let sentence = refusal(&world, request.clone()).await;
        assert!(sentence.starts_with(expected), "{request}: {sentence}");
        assert_eq!(controller(&service(&world).await), "CODE_DEPLOY");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codedeploy_deploys_a_moved_service_no_more() {
    let mut world = of_code_deploy(0, &[]).await;
    ship(&mut world).await;
    let request = to_blue_green(&world).await;
    // AWS's list of moves has none back.
    update(&world, request).await;
    let back = json!({ "deploymentController": { "type": "CODE_DEPLOY" } });
    assert_eq!(
        refusal(&world, back).await,
        "Unable to update the deployment controller of a service from ECS to CODE_DEPLOY."
    );
    let next = register(&world, "1.0.1").await;
    let (status, body) = deploy(&world, &next, json!([])).await;
    assert_eq!(
        (status, &body["__type"], &body["message"]),
        (
            400,
            &json!("InvalidECSServiceException"),
            &json!(NOT_CODE_DEPLOY)
        )
    );
    let change = json!({
        "applicationName": "shop", "currentDeploymentGroupName": "shop-web",
        "ecsServices": [{ "clusterName": "prod", "serviceName": "web" }],
    });
    let (code, sentence) = aws::refused(&world, "UpdateDeploymentGroup", change).await;
    assert_eq!(
        (code.as_str(), sentence.as_str()),
        ("InvalidECSServiceException", NOT_CODE_DEPLOY)
    );
    assert_eq!(service(&world).await["taskSets"], json!([]));
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn target_groups_that_no_rule_has_are_noticed_while_deploying_and_codedeploys_tasks_go_on() {
    let mut world = of_code_deploy(2, &[]).await;
    // Nothing was ever deployed: both listeners forward to blue alone.
    let request = to_blue_green(&world).await;
    let moved = update(&world, request).await;
    let blue = moved["currentServiceRevisions"][0]["arn"].clone();
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(ended["rollback"]["serviceRevisionArn"], blue);
    assert_eq!(
        ended["rollback"]["reason"],
        "Service deployment rolled back because of invalid networking configuration. Both targetGroup and alternateTargetGroup must \
         be associated with the productionListenerRule or testListenerRule."
    );
    let after = service(&world).await;
    assert_eq!(after["taskDefinition"], moved["taskDefinition"]);
    assert_eq!(after["runningCount"], 2);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_may_be_deployed_at_once() {
    for (assumed, other_revision, expected) in [
        (&[][..], false, 0),
        (&[][..], true, 1),
        (&[Assumption::MoveToEcsStartsADeployment][..], false, 1),
    ] {
        let mut world = of_code_deploy(0, assumed).await;
        ship(&mut world).await;
        let mut request = to_blue_green(&world).await;
        if other_revision {
            request["taskDefinition"] = json!(register(&world, "1.0.0").await);
        }
        update(&world, request).await;
        world.settled().await;
        let deployments = listed(&world).await;
        assert_eq!(deployments.len(), expected, "{assumed:?} {other_revision}");
        let succeeded = |one: &Value| one["status"] == "SUCCESSFUL";
        assert!(deployments.iter().all(succeeded), "{deployments:?}");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_strategy_a_moved_service_is_updated_task_by_task() {
    let mut world = of_code_deploy(2, &[]).await;
    let request = json!({ "deploymentConfiguration": { "maximumPercent": 150 } });
    update(&world, request).await;
    let before = service(&world).await;
    let moved = update(&world, json!({ "deploymentController": { "type": "ECS" } })).await;
    assert_eq!(moved["deploymentConfiguration"]["strategy"], "ROLLING");
    assert_eq!(moved["deploymentConfiguration"]["maximumPercent"], 150);
    assert_eq!(moved["loadBalancers"], before["loadBalancers"]);
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    world.shutdown().await;
}
