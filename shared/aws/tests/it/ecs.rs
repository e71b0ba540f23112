//! DescribeServices.

use aws::Kind;
use aws::ecs::Ecs;
use rules::observed::{
    CapacityProvider, LoadBalancerTarget, NetworkConfiguration, Placement, PlacementConstraint,
    PlacementStrategy, Service, ServiceEvent, TaskSet, TaskSetStatus,
};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::server::{Server, json as answer};

pub(crate) const REVISION: &str =
    "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:42";
const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-blue/0123456789abcdef";

async fn described(body: Value) -> (Server, Result<Service, aws::CallFailed>) {
    let server = Server::answering([answer(200, &body)]).await;
    let (cluster, service) = ("prod".parse().unwrap(), "web".parse().unwrap());
    let result = Ecs::new(&server.session())
        .describe_service(&cluster, &service)
        .await;
    (server, result)
}

fn service() -> Value {
    json!({
        "serviceArn": "arn:aws:ecs:eu-central-1:111122223333:service/prod/web", "serviceName": "web",
        "status": "ACTIVE", "taskDefinition": REVISION, "deploymentController": {"type": "CODE_DEPLOY"}, "desiredCount": 2,
        "runningCount": 3, "events": [{"id": "1", "createdAt": 1, "message": "(service web) has reached a steady state."}],
        "launchType": "FARGATE", "platformVersion": "1.4.0", "deployments": [],
        "networkConfiguration": {"awsvpcConfiguration":
            {"subnets": ["subnet-0a", "subnet-0b"], "securityGroups": ["sg-0a"], "assignPublicIp": "DISABLED"}},
        "loadBalancers": [{"targetGroupArn": TARGET_GROUP, "containerName": "web", "containerPort": 8080}],
        "taskSets": [task_set("ecs-svc/1", "PRIMARY", None), task_set("ecs-svc/2", "ACTIVE", Some("d-8X2K4PLQ3"))]
    })
}

fn task_set(id: &str, status: &str, deployment: Option<&str>) -> Value {
    json!({
        "id": id, "status": status, "createdAt": 7, "externalId": deployment, "taskDefinition": REVISION, "launchType": "FARGATE",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 1}],
        "platformVersion": "LATEST", "computedDesiredCount": 2, "runningCount": 1, "stabilityStatus": "WOBBLING",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a"]}}, "loadBalancers": []
    })
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one service, a member a line")]
async fn a_service_comes_with_its_task_sets_and_where_they_run() {
    let (server, found) = described(json!({"services": [service()], "failures": []})).await;
    server.was_asked(
        "AmazonEC2ContainerServiceV20141113.DescribeServices",
        &json!({"cluster": "prod", "services": ["web"]}),
    );
    let set = |id: &str, status, deployment: Option<&str>| TaskSet {
        id: id.to_owned(),
        status,
        created_at: UtcDateTime::from_unix_timestamp(7).ok(),
        deployment: deployment.map(|id| id.parse().unwrap()),
        revision: REVISION.parse().unwrap(),
        placement: Placement {
            network_configuration: Some(NetworkConfiguration {
                subnets: vec!["subnet-0a".to_owned()],
                security_groups: vec![],
                assign_public_ip: None,
            }),
            launch_type: None,
            capacity_providers: vec![CapacityProvider {
                name: "FARGATE_SPOT".to_owned(),
                weight: 4,
                base: 1,
            }],
            platform_version: Some("LATEST".to_owned()),
            ..Placement::default()
        },
        load_balancer: None,
        computed_desired_count: 2,
        running_count: 1,
    };
    let target = LoadBalancerTarget {
        container: "web".parse().unwrap(),
        port: 8080,
        target_group: Some(TARGET_GROUP.parse().unwrap()),
    };
    let expected = Service {
        deployment_controller: "CODE_DEPLOY".to_owned(),
        scheduling_strategy: None,
        resource_management: None,
        configuration: rules::ecs::Configuration::default(),
        revision: Some(REVISION.parse().unwrap()),
        placement: Placement {
            network_configuration: Some(NetworkConfiguration {
                subnets: vec!["subnet-0a".to_owned(), "subnet-0b".to_owned()],
                security_groups: vec!["sg-0a".to_owned()],
                assign_public_ip: Some("DISABLED".to_owned()),
            }),
            launch_type: Some("FARGATE".to_owned()),
            capacity_providers: vec![],
            platform_version: Some("1.4.0".to_owned()),
            ..Placement::default()
        },
        load_balancer: Some(target.clone()),
        load_balancers: vec![rules::ecs::LoadBalancer {
            target,
            advanced: None,
        }],
        desired_count: 2,
        running_count: 3,
        task_sets: vec![
            set("ecs-svc/1", TaskSetStatus::Primary, None),
            set("ecs-svc/2", TaskSetStatus::Active, Some("d-8X2K4PLQ3")),
        ],
        rollouts: vec![],
        current_deployment: None,
        current_revisions: vec![],
        events: vec![ServiceEvent {
            at: UtcDateTime::from_unix_timestamp(1).ok(),
            message: "(service web) has reached a steady state.".to_owned(),
        }],
    };
    assert_eq!(found, Ok(expected));
}

#[tokio::test]
async fn a_service_on_container_instances_says_which() {
    let mut given = service();
    given["placementConstraints"] = json!([
        {"type": "distinctInstance"}, {"type": "memberOf", "expression": "attribute:disk == ssd"}, {"type": "nearTheSea"},
    ]);
    given["placementStrategy"] =
        json!([{"type": "spread", "field": "instanceId"}, {"type": "random"}]);
    let (_, found) = described(json!({"services": [given]})).await;
    let placement = found.unwrap().placement;
    let constraint = |kind: &str, expression: Option<&str>| PlacementConstraint {
        kind: kind.to_owned(),
        expression: expression.map(str::to_owned),
    };
    let strategy = |kind: &str, field: Option<&str>| PlacementStrategy {
        kind: kind.to_owned(),
        field: field.map(str::to_owned),
    };
    assert_eq!(
        placement.constraints,
        [
            constraint("distinctInstance", None),
            constraint("memberOf", Some("attribute:disk == ssd")),
            constraint("nearTheSea", None),
        ]
    );
    assert_eq!(
        placement.strategies,
        [
            strategy("spread", Some("instanceId")),
            strategy("random", None)
        ]
    );
}

#[tokio::test]
async fn values_that_no_sdk_knows_are_tolerated() {
    let mut given = service();
    given["deploymentController"]["type"] = json!("TELEPATHY");
    given["launchType"] = json!("BALLOON");
    given["taskSets"][1]["status"] = json!("PONDERING");
    given["taskSets"][1]["externalId"] = json!("a controller's own id");
    let (_, found) = described(json!({"services": [given]})).await;
    let found = found.unwrap();
    assert_eq!(found.deployment_controller, "TELEPATHY");
    assert_eq!(found.placement.launch_type.as_deref(), Some("BALLOON"));
    assert_eq!(
        (found.task_sets[1].status, &found.task_sets[1].deployment),
        (TaskSetStatus::Active, &None)
    );
}

#[tokio::test]
async fn a_service_with_next_to_nothing_is_an_ecs_service() {
    let (_, found) = described(json!({"services": [{"status": "ACTIVE"}]})).await;
    let found = found.unwrap();
    assert_eq!(found.deployment_controller, "ECS");
    assert_eq!(
        (found.revision, found.load_balancer, found.task_sets),
        (None, None, vec![])
    );
    assert_eq!(found.placement, Placement::default());
}

#[tokio::test]
async fn a_service_that_is_missing_or_deleted_is_not_found() {
    let arn = "arn:aws:ecs:eu-central-1:111122223333:service/prod/web";
    for (body, sentence) in [
        (
            json!({"services": [], "failures": [{"arn": arn, "reason": "MISSING"}]}),
            "describe services `prod/web`: not found: MISSING (hint: correct its name in the configuration, or create it)",
        ),
        (
            json!({"services": [{"status": "INACTIVE", "serviceName": "web"}], "failures": []}),
            "describe services `prod/web`: not found: INACTIVE (hint: correct its name in the configuration, or create it)",
        ),
    ] {
        let failed = described(body).await.1.unwrap_err();
        assert_eq!(
            (failed.kind, failed.to_string().as_str()),
            (Kind::NotFound, sentence)
        );
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_says_what_is_wrong_with_it() {
    for (body, sentence) in [
        (
            json!({"services": [], "failures": [{"reason": "TIRED", "detail": "Ask again."}]}),
            "describe services `prod/web`: unexpected: TIRED, Ask again.",
        ),
        (
            json!({}),
            "describe services `prod/web`: unexpected: the answer has no `services`",
        ),
        (
            json!({"services": [{"taskDefinition": "web:42"}]}),
            "describe services `prod/web`: unexpected: the answer's `taskDefinition` `web:42` is not \
             a task definition revision's ARN, `arn:aws:ecs:…:task-definition/<family>:<revision>`",
        ),
    ] {
        let failed = described(body).await.1.unwrap_err();
        assert_eq!(
            (failed.kind, failed.to_string().as_str()),
            (Kind::Unexpected, sentence)
        );
    }
}
