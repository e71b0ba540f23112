//! Requests that nobody should send: each gets an answer in AWS's shape, and nothing breaks.

use serde_json::{Value, json};

use crate::aws::{call, ecs, world};

const OPERATIONS: [(&str, &[&str]); 5] = [
    (
        "CodeDeploy_20141006",
        &[
            "BatchGetDeploymentTargets",
            "BatchGetDeployments",
            "ContinueDeployment",
            "CreateDeployment",
            "GetApplication",
            "GetApplicationRevision",
            "GetDeployment",
            "GetDeploymentConfig",
            "GetDeploymentGroup",
            "GetDeploymentTarget",
            "ListApplications",
            "ListDeploymentGroups",
            "ListDeploymentTargets",
            "ListDeployments",
            "PutLifecycleEventHookExecutionStatus",
            "StopDeployment",
            "DeleteEverything",
        ],
    ),
    (
        "AmazonEC2ContainerRegistry_V20150921",
        &[
            "BatchGetImage",
            "DescribeImages",
            "DescribeRepositories",
            "ListImages",
            "PutImage",
        ],
    ),
    (
        "AmazonEC2ContainerServiceV20141113",
        &[
            "CreateTaskSet",
            "DeregisterTaskDefinition",
            "DescribeClusters",
            "DescribeContainerInstances",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeTaskSets",
            "DescribeTasks",
            "ListClusters",
            "ListContainerInstances",
            "ListServices",
            "ListTagsForResource",
            "ListTaskDefinitionFamilies",
            "ListTaskDefinitions",
            "ListTasks",
            "RegisterTaskDefinition",
            "RunTask",
            "StopTask",
            "TagResource",
            "UntagResource",
            "UpdateService",
        ],
    ),
    (
        "Logs_20140328",
        &[
            "DescribeLogGroups",
            "DescribeLogStreams",
            "FilterLogEvents",
            "GetLogEvents",
        ],
    ),
    (
        "AWSEvents",
        &[
            "DescribeRule",
            "ListRules",
            "ListTargetsByRule",
            "PutEvents",
            "TestEventPattern",
        ],
    ),
];

const MEMBERS: [&str; 35] = [
    "applicationName",
    "deploymentGroupName",
    "deploymentId",
    "deploymentIds",
    "targetId",
    "targetIds",
    "revision",
    "nextToken",
    "repositoryName",
    "imageIds",
    "imageManifest",
    "maxResults",
    "cluster",
    "services",
    "service",
    "taskDefinition",
    "tasks",
    "task",
    "family",
    "containerDefinitions",
    "containerInstances",
    "include",
    "resourceArn",
    "tags",
    "overrides",
    "logGroupName",
    "logStreamName",
    "limit",
    "filter",
    "filterPattern",
    "Entries",
    "EventPattern",
    "Event",
    "Name",
    "NextToken",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_in_an_answer_goes_out() {
    let world = world(|_| {}).await;
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!("d-X"),
        json!("é\u{0}:@"),
        json!([]),
        json!([null, 1]),
        json!(["shop-web", "web"]),
        json!({}),
        json!({ "a": [{}] }),
        json!([{ "name": 1, "image": [] }]),
        json!("shop-web:1"),
        json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": "{}" } }),
    ];
    for (service, operations) in OPERATIONS {
        for operation in operations {
            for value in &odd {
                let members: Value = MEMBERS
                    .iter()
                    .map(|member| (*member, value.clone()))
                    .collect();
                let (status, body) = call(&world, &format!("{service}.{operation}"), members).await;
                let shaped = status == 200
                    || (status == 400 && body["__type"].is_string() && body["message"].is_string());
                assert!(shaped, "{operation} with {value}: {status} {body}");
            }
        }
    }
    let described = ecs(
        &world,
        "DescribeServices",
        json!({ "cluster": "prod", "services": ["web"] }),
    )
    .await;
    assert_eq!(described["services"][0]["desiredCount"], 2);
    world.shutdown().await;
}
