//! A service on EC2 with host port 0.

use local_aws::ecs::capacity::LaunchKind;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call, ecs, elb, world};

async fn on_ec2() -> PausedWorld {
    world(|settings| settings.services[0].launch = LaunchKind::Ec2DynamicPorts).await
}

async fn service(world: &World) -> Value {
    let wanted = json!({ "cluster": "prod", "services": ["web"] });
    ecs(world, "DescribeServices", wanted).await["services"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_ports_of_container_instances() {
    let world = on_ec2().await;
    let service = service(&world).await;
    assert_eq!(service["launchType"], "EC2");
    for member in ["networkConfiguration", "platformVersion"] {
        assert_eq!(service.get(member), None);
        assert_eq!(service["taskSets"][0].get(member), None);
    }
    let listed = ecs(
        &world,
        "ListTasks",
        json!({ "cluster": "prod", "serviceName": "web" }),
    )
    .await;
    let wanted = json!({ "cluster": "prod", "tasks": listed["taskArns"] });
    let tasks = ecs(&world, "DescribeTasks", wanted).await;
    let listed = ecs(
        &world,
        "ListContainerInstances",
        json!({ "cluster": "prod" }),
    )
    .await;
    let wanted =
        json!({ "cluster": "prod", "containerInstances": listed["containerInstanceArns"] });
    let instances = ecs(&world, "DescribeContainerInstances", wanted).await;
    let group = service["loadBalancers"][0]["targetGroupArn"]
        .as_str()
        .unwrap();
    let (status, health) = elb(
        &world,
        &format!("DescribeTargetHealth&TargetGroupArn={group}"),
    )
    .await;
    assert_eq!(status, 200);
    for task in tasks["tasks"].as_array().unwrap() {
        assert_eq!(task["attachments"], json!([]));
        let binding = &task["containers"][0]["networkBindings"][0];
        assert_eq!(binding["containerPort"], 8080);
        let port = binding["hostPort"].as_u64().unwrap();
        assert!((32768..=60999).contains(&port));
        let instance = instances["containerInstances"]
            .as_array()
            .unwrap()
            .iter()
            .find(|instance| instance["containerInstanceArn"] == task["containerInstanceArn"])
            .unwrap();
        let beside = tasks["tasks"].as_array().unwrap().iter();
        let beside =
            beside.filter(|other| other["containerInstanceArn"] == task["containerInstanceArn"]);
        assert_eq!(instance["runningTasksCount"], beside.count());
        let id = instance["ec2InstanceId"].as_str().unwrap();
        let target = format!("<Target><Id>{id}</Id><Port>{port}</Port></Target>");
        assert!(health.contains(&target), "{target} is not in {health}");
    }
    assert_eq!(health.matches("<State>healthy</State>").count(), 2);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ec2_task_runs_without_a_network_configuration_where_capacity_is_left() {
    let mut world = on_ec2().await;
    let command = json!([{ "name": "web", "command": ["sample-service", "migrate"] }]);
    let mut request = json!({
        "cluster": "prod",
        "taskDefinition": "shop-web",
        "launchType": "EC2",
        "overrides": { "containerOverrides": command },
    });
    let started = ecs(&world, "RunTask", request.clone()).await;
    let task = &started["tasks"][0];
    // The host's network is available at once, and the ports are known once the task runs.
    assert_eq!(task["lastStatus"], "PENDING");
    assert_eq!(task["containers"][0]["networkBindings"], json!([]));
    world.settled().await;
    let emitted: Vec<Value> = world
        .events
        .delivered()
        .into_iter()
        .map(|(event, _)| event["detail"].clone())
        .filter(|detail| detail["taskArn"] == task["taskArn"])
        .collect();
    let statuses: Vec<&str> = emitted
        .iter()
        .map(|detail| detail["lastStatus"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["PENDING", "RUNNING", "STOPPING", "STOPPED"]);
    assert_eq!(emitted[3]["containers"][0]["exitCode"], 0);

    // Seven tasks of 512 MiB fit on each of two instances, and the service uses two of these slots.
    request["overrides"]["containerOverrides"][0]["command"] = json!(["sample-service", "serve"]);
    request["count"] = json!(10);
    let started = ecs(&world, "RunTask", request.clone()).await;
    assert_eq!(started["failures"], json!([]));
    let started = ecs(&world, "RunTask", request.clone()).await;
    assert_eq!(started["tasks"].as_array().unwrap().len(), 2);
    let reasons: Vec<_> = started["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["RESOURCE:MEMORY", "RESOURCE:MEMORY"]);

    request["networkConfiguration"] = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    let target = "AmazonEC2ContainerServiceV20141113.RunTask";
    let (status, refused) = call(&world, target, request).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("InvalidParameterException"))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_where_its_constraints_let_it_or_nowhere() {
    let world = on_ec2().await;
    let run = async |constraints: Value| {
        let request = json!({
            "cluster": "prod",
            "taskDefinition": "shop-web:1",
            "launchType": "EC2",
            "placementConstraints": constraints,
            "overrides": { "containerOverrides": [{ "name": "web", "command": ["sample-service", "migrate"] }] },
        });
        ecs(&world, "RunTask", request).await
    };
    let member_of = |expression: &str| json!([{ "type": "memberOf", "expression": expression }]);
    let described = async |task: &Value| {
        let wanted =
            json!({ "cluster": "prod", "containerInstances": [task["containerInstanceArn"]] });
        let instances = ecs(&world, "DescribeContainerInstances", wanted).await;
        let attributes = instances["containerInstances"][0]["attributes"].clone();
        let mut attributes = attributes.as_array().unwrap().iter();
        let zone = attributes.find(|one| one["name"] == "ecs.availability-zone");
        zone.unwrap()["value"].as_str().unwrap().to_owned()
    };
    for zone in ["eu-central-1a", "eu-central-1b", "eu-central-1b"] {
        let started = run(member_of(&format!(
            "attribute:ecs.availability-zone == {zone}"
        )))
        .await;
        assert_eq!(started["failures"], json!([]), "{started}");
        assert_eq!(described(&started["tasks"][0]).await, zone);
    }
    let refused = run(member_of("attribute:disk == ssd")).await;
    assert_eq!(refused["tasks"], json!([]));
    let failures = refused["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    for failure in failures {
        assert_eq!(
            failure["reason"],
            "MemberOf placement constraint unsatisfied."
        );
        assert!(
            failure["arn"]
                .as_str()
                .unwrap()
                .contains(":container-instance/prod/")
        );
    }
    world.shutdown().await;
}
