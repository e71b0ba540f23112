//! A wrong configuration does not keep those who wait from being told, once, and the invocation fails all the same.

use serde_json::{Value, json};

use super::nothing;
use super::wire::{Function, Invocation, invoke_each};

const WRONG: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\nnonsense=1\ntag='latest'\ncluster='prod'\nservice='web'\n";

/// Three deliveries of an event.
fn delivered(name: &str, event: &Value) -> Vec<Invocation> {
    let function = Function {
        name,
        pipelines: WRONG,
        variables: &[],
    };
    invoke_each(&function, vec![event.to_string(); 3], |_, _, _| nothing())
}

#[track_caller]
fn told_once(invocations: &[Invocation]) -> &Value {
    for invocation in invocations {
        let answer = &invocation.answer;
        assert_eq!(answer["errorType"], "BadConfiguration", "{answer}");
    }
    let messages: Vec<&Value> = invocations.iter().flat_map(|one| &one.messages).collect();
    let [message] = messages[..] else {
        panic!("{messages:?}");
    };
    let reason = message["reason"].to_string();
    assert!(reason.contains("nonsense"), "{reason}");
    message
}

#[test]
fn a_push_is_refused_once() {
    let event = json!({
        "id": "e-1", "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "111122223333", "region": "eu-central-1",
        "time": "2026-10-14T09:21:47Z", "detail": {
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": "shop/web", "image-tag": "latest",
            "image-digest": format!("sha256:{}", "4c".repeat(32))
        }
    });
    let invocations = delivered("start-deployment", &event);
    let message = told_once(&invocations);
    assert_eq!(message["outcome"], "refused");
    assert_eq!(message["image"]["tag"], "latest");
}

#[test]
fn a_deployments_change_is_told_once() {
    for (state, outcome) in [
        ("START", "started"),
        ("READY", "ready"),
        ("FAILURE", "failed"),
    ] {
        let event = json!({
            "id": "e-1", "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
            "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
                "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": state
            }
        });
        let invocations = delivered("report-outcome", &event);
        let message = told_once(&invocations);
        assert_eq!(message["outcome"], outcome);
        assert_eq!(message["deployment_id"], "d-1");
        let commands = message["commands"].to_string();
        assert_eq!(
            commands.contains("continue-deployment"),
            state == "READY",
            "{commands}"
        );
    }
}
