//! Services that CreateService made, and services that ECS does not deploy.

use local_aws::elb::Forward;
use serde_json::json;

use crate::aws::{ecs, register, world};
use crate::deploying::{blue_green, deployment, refused, stages};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deployment_has_nothing_to_go_back_to() {
    let mut world = world(|settings| settings.services[0].desired_count = 0).await;
    let definition = ecs(
        &world,
        "DescribeServices",
        json!({ "cluster": "prod", "services": ["web"] }),
    )
    .await;
    let definition = definition["services"][0]["taskDefinition"].clone();
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let create = |name: &str, configuration: serde_json::Value| {
        json!({
            "cluster": "prod", "serviceName": name, "taskDefinition": definition, "desiredCount": 0,
            "launchType": "FARGATE", "networkConfiguration": network, "deploymentConfiguration": configuration,
        })
    };
    let created = ecs(&world, "CreateService", create("api", blue_green())).await;
    assert_eq!(created["service"]["deploymentController"]["type"], "ECS");
    world.settled().await;
    let arn = &created["service"]["currentServiceDeployment"];
    let ended = deployment(&world, arn).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    assert_eq!(ended["sourceServiceRevisions"], json!([]));
    assert!(
        stages(&world)
            .iter()
            .all(|stage| stage != "RECONCILE_SERVICE")
    );

    let pause = json!([{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }]);
    let mut configuration = blue_green();
    configuration["lifecycleHooks"] = pause;
    let created = ecs(&world, "CreateService", create("web2", configuration)).await;
    world.settled().await;
    let ended = deployment(&world, &created["service"]["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "ROLLBACK_FAILED");
    assert_eq!(
        ended["statusReason"],
        "No rollback candidate was found to run the rollback."
    );
    let again = refused(&world, "CreateService", create("api", blue_green())).await;
    assert_eq!(again.1, "Creation of service was not idempotent.");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_ecs_takes_a_task_definition() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let target = register(&world, "1.0.1").await;
    let change = json!({ "cluster": "prod", "service": "web", "taskDefinition": target });
    let (code, message) = refused(&world, "UpdateService", change).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(
        message.starts_with("Unable to update task definition on services with a CODE_DEPLOY"),
        "{message}"
    );
    let external = json!({
        "cluster": "prod", "serviceName": "own", "desiredCount": 1, "deploymentController": { "type": "EXTERNAL" },
    });
    ecs(&world, "CreateService", external).await;
    let change = json!({ "cluster": "prod", "service": "own", "taskDefinition": target });
    let (_, message) = refused(&world, "UpdateService", change).await;
    assert!(message.contains("EXTERNAL"), "{message}");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_with_its_own_interface_is_no_instance() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let definition = register(&world, "1.0.1").await;
    let mut settings = world.load_balancers.target_groups()[0].settings.clone();
    settings.name = "of-instances".to_owned();
    settings.target_type = "instance".to_owned();
    let group = world.load_balancers.create_target_group(settings).arn;
    let listener = world.load_balancers.listeners()[0].arn.clone();
    let forward = Forward {
        target_group_arn: group.clone(),
        weight: 1,
    };
    world.load_balancers.set_forward(&listener, vec![forward]);
    let create = json!({
        "cluster": "prod", "serviceName": "api", "taskDefinition": definition, "desiredCount": 0, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 8080 }],
    });
    let (code, message) = refused(&world, "CreateService", create).await;
    assert_eq!(code, "InvalidParameterException");
    let expected = format!(
        "The provided target group {group} has target type instance, which is incompatible with the awsvpc network mode \
         specified in the task definition."
    );
    assert_eq!(message, expected);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_code_deploy_fits_its_task_definition_and_is_behind_a_load_balancer() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let definition = register(&world, "1.0.1").await;
    let group = world.load_balancers.target_groups()[0].arn.clone();
    let create = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut create = json!({
            "cluster": "prod", "serviceName": "api", "taskDefinition": definition, "desiredCount": 0, "launchType": "FARGATE",
            "deploymentController": { "type": "CODE_DEPLOY" },
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 8080 }],
        });
        change(&mut create);
        create
    };
    type Change = fn(&mut serde_json::Value);
    let changes: [(Change, &str); 5] = [
        (
            |c| c["loadBalancers"] = json!([]),
            "A load balancer is required for a service with a CODE_DEPLOY deployment controller.",
        ),
        (
            |c| {
                c["deploymentConfiguration"] =
                    json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } })
            },
            "Deployment circuit breaker feature is only supported with ECS deployment controller. Update to ECS deployment controller \
             and try again.",
        ),
        (
            |c| c["launchType"] = json!("EXTERNAL"),
            "Task definition does not support launch_type EXTERNAL.",
        ),
        (
            |c| c["networkConfiguration"] = json!(null),
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        (
            |c| c["loadBalancers"][0]["containerPort"] = json!(8081),
            "The container web did not have a container port 8081 defined.",
        ),
    ];
    for (change, expected) in changes {
        let (_, message) = refused(&world, "CreateService", create(&change)).await;
        assert_eq!(message, expected);
    }
    let created = ecs(&world, "CreateService", create(&|_| {})).await;
    let service = &created["service"];
    assert_eq!(service["deploymentController"]["type"], "CODE_DEPLOY");
    assert_eq!(service["taskSets"][0]["status"], "PRIMARY");
    assert_eq!(service["taskSets"][0]["taskDefinition"], definition);
    world.shutdown().await;
}
