//! Outcomes on the event bus: each is put there as well as published, and neither receiver keeps anything from the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::nothing;
use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Function, Invocation, invoke_each};

const COMMIT: &str = "5f0c2d7e9b1a4c6d8e3f5a7b9c1d3e5f7a9b1c3d";
const OTHER: &str = "8a41b6f09d2c7e35a1f4c8d6b0e93725f1a86c4d";
const MARKS: [&str; 3] = ["12ec5c6c", "e71b9922", "a2de8f08"];

/// A deployment that began with the images of three pipelines: what is told of its event, which comes three times.
fn told(answer: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) -> Vec<Invocation> {
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
    let function = Function {
        name: "report-outcome",
        pipelines: &pipelines,
        variables: &[],
    };
    let events = vec![event.to_string(); 3];
    invoke_each(&function, events, move |operation, before, _| {
        answer(operation, before).unwrap_or_else(|| match operation {
            "GetDeployment" => {
                let images = MARKS.map(|mark| format!("{mark}=sha256:{}", "4c".repeat(32)));
                Says(json!({"deploymentInfo": {
                    "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
                    "status": "InProgress", "creator": "user", "createTime": 100.0,
                    "description": format!("greenlight {}", images.join(" ")),
                }}))
            }
            _ => nothing(),
        })
    })
}

/// For each invocation: how often it published, how often it put an event, and whether it failed.
fn counted(invocations: &[Invocation]) -> Vec<(usize, usize, bool)> {
    let count = |invocation: &Invocation, operation: &str| {
        let operations = invocation.operations();
        operations
            .iter()
            .filter(|called| **called == operation)
            .count()
    };
    invocations
        .iter()
        .map(|one| {
            let failed = !one.answer["errorType"].is_null();
            (count(one, "Publish"), count(one, "PutEvents"), failed)
        })
        .collect()
}

fn images(tags: &[&str]) -> Answer {
    Says(json!({"imageDetails": [{
        "imageDigest": format!("sha256:{}", "4c".repeat(32)), "imageTags": tags, "imagePushedAt": 1_791_970_000.0
    }]}))
}

/// The entry of the first event that was put.
fn entry(invocations: &[Invocation]) -> (Value, Value) {
    let entry = invocations[0].request("PutEvents")["Entries"][0].clone();
    let detail = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    (entry, detail)
}

#[test]
fn what_the_bus_does_not_take_is_put_alone_when_the_event_comes_again() {
    let failed = || {
        Says(
            json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]}),
        )
    };
    let invocations =
        told(move |operation, before| (operation == "PutEvents" && before == 1).then(failed));
    assert_eq!(
        counted(&invocations),
        [(3, 3, true), (0, 1, false), (0, 0, false)]
    );
}

#[test]
fn what_the_topic_does_not_take_is_on_the_bus_already() {
    let invocations = told(|operation, before| {
        (operation == "Publish" && before == 1).then(|| Refuses("AuthorizationError"))
    });
    assert_eq!(
        counted(&invocations),
        [(3, 3, true), (1, 0, false), (0, 0, false)]
    );
}

#[test]
fn an_event_has_the_json_message_and_the_one_commit_of_its_image() {
    for (tags, commit) in [
        (vec!["latest", COMMIT], json!(COMMIT)),
        (vec!["latest", COMMIT, OTHER], Value::Null),
        (vec!["latest"], Value::Null),
    ] {
        let owned: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let invocations = told(move |operation, _| {
            let tags: Vec<&str> = owned.iter().map(String::as_str).collect();
            (operation == "DescribeImages").then(|| images(&tags))
        });
        let (entry, mut detail) = entry(&invocations);
        assert_eq!(entry["Source"], "greenlight");
        assert_eq!(entry["DetailType"], "Greenlight Outcome");
        let bus = "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes";
        assert_eq!(entry["EventBusName"], bus);
        assert_eq!(detail["verdict"], "pending");
        assert_eq!(detail["commit"], commit, "{tags:?}");
        assert_eq!(detail.get("commit").is_some(), !commit.is_null());
        detail.as_object_mut().unwrap().shift_remove("commit");
        assert!(invocations[0].messages.contains(&detail), "{detail}");
    }
}

/// Later its commit may be found; without it nothing would ever tell that commit.
#[test]
fn what_has_to_wait_for_ecr_is_put_alone_when_the_event_comes_again() {
    // As often as the SDK tries the first of these calls.
    let asked = AtomicUsize::new(0);
    let invocations = told(move |operation, _| {
        (operation == "DescribeImages").then(|| match asked.fetch_add(1, Ordering::Relaxed) {
            0..4 => Refuses("ThrottlingException"),
            _ => images(&["latest", COMMIT]),
        })
    });
    assert_eq!(
        counted(&invocations),
        [(3, 2, true), (0, 1, false), (0, 0, false)]
    );
}

/// A repository that is gone, or whose policy lacks the permission: the outcome is true without its commit.
#[test]
fn without_ecrs_answer_for_good_the_event_has_no_commit() {
    for code in ["RepositoryNotFoundException", "AccessDeniedException"] {
        let invocations =
            told(move |operation, _| (operation == "DescribeImages").then(|| Refuses(code)));
        assert_eq!(
            counted(&invocations),
            [(3, 3, false), (0, 0, false), (0, 0, false)]
        );
        assert!(entry(&invocations).1.get("commit").is_none());
    }
}
