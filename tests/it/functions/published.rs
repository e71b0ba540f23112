//! Of several messages about one event each is published once, as long as the event comes to the same process.

use serde_json::{Value, json};

use super::nothing;
use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Function, Invocation, invoke_each};

/// The pipelines of an invocation's messages, in order of their names, and whether it failed.
fn told(invocation: &Invocation) -> String {
    let names = invocation.messages.iter();
    let mut names: Vec<&str> = names
        .map(|message| message["pipeline"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let failed = match invocation.answer["errorType"].is_null() {
        true => "",
        false => ", failed",
    };
    format!("{}{failed}", names.join(" "))
}

/// What is told of an event that comes three times, where SNS refuses the second message of an invocation.
fn each(
    name: &str,
    pipelines: &str,
    event: &Value,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Vec<String> {
    let function = Function {
        name,
        pipelines,
        variables: &[],
    };
    let events = vec![event.to_string(); 3];
    let invocations = invoke_each(&function, events, move |operation, before, _| {
        match (operation, before) {
            ("Publish", 1) => Refuses("AuthorizationError"),
            _ => answer(operation),
        }
    });
    invocations.iter().map(told).collect()
}

/// A deployment that began with the images of three pipelines.
#[test]
fn a_message_that_sns_refused_is_published_alone_when_the_event_comes_again() {
    let event = json!({
        "id": "e-1", "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "START"
        }
    });
    let table = |name| {
        format!(
            "[[pipeline]]\nname='{name}'\nrepository='shop/{name}'\ntag='latest'\ncluster='prod'\nservice='web'\n"
        )
    };
    let pipelines = ["web", "nginx", "log"].map(table).concat();
    let said = each("report-outcome", &pipelines, &event, |operation| {
        let images = ["12ec5c6c", "e71b9922", "a2de8f08"];
        let images = images.map(|mark| format!("{mark}=sha256:{}", "4c".repeat(32)));
        match operation {
            "GetDeployment" => Says(json!({"deploymentInfo": {
                "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
                "status": "InProgress", "creator": "user", "createTime": 100.0,
                "description": format!("greenlight {}", images.join(" ")),
            }})),
            _ => nothing(),
        }
    });
    assert_eq!(said, ["log nginx web, failed", "nginx", ""]);
}

/// A push that two services follow, neither of which is there.
#[test]
fn an_order_that_is_refused_for_two_services_is_told_once_for_each() {
    let event = json!({
        "id": "e-1", "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "111122223333", "region": "eu-central-1",
        "time": "2026-10-14T09:21:47Z", "detail": {
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": "shop/web", "image-tag": "latest",
            "image-digest": format!("sha256:{}", "4c".repeat(32))
        }
    });
    let table = |name| {
        format!(
            "[[pipeline]]\nname='{name}'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='{name}'\n"
        )
    };
    let pipelines = ["api", "web"].map(table).concat();
    let said = each(
        "start-deployment",
        &pipelines,
        &event,
        |operation| match operation {
            "DescribeServices" => Refuses("ClusterNotFoundException"),
            "GetDeploymentGroup" => Refuses("DeploymentGroupDoesNotExistException"),
            _ => nothing(),
        },
    );
    assert_eq!(said[0], "api web, failed");
    // The one that was refused.
    assert!(["api", "web"].contains(&said[1].as_str()), "{said:?}");
    assert_eq!(said[2], "");
}
