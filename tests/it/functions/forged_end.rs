//! Whoever may write events, or call `report-outcome`: an end that CodeDeploy does not state, or another group's deployment.

use serde_json::{Value, json};

use super::wire::Answer::Says;
use super::wire::{Invocation, invoke};
use super::{PIPELINES, REVISION, TASK, nothing, service};

/// What `report-outcome` makes of an event of CodeDeploy about a deployment of this group and status.
fn reported(state: &str, group: &str, status: &'static str) -> Invocation {
    let event = json!({
        "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": state
        }
    });
    let group = group.to_owned();
    invoke(
        "report-outcome",
        PIPELINES,
        &event,
        move |operation, _, _| match operation {
            "GetDeployment" => Says(json!({"deploymentInfo": {
                "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": group,
                "status": status, "creator": "user", "createTime": 100.0,
            }})),
            "DescribeServices" => service(REVISION, "d-1", "PRIMARY"),
            "ListTasks" => Says(json!({"taskArns": [TASK]})),
            "ListDeploymentTargets" => Says(json!({"targetIds": []})),
            _ => nothing(),
        },
    )
}

/// A running migration is not stopped, its record not deleted and nobody told because an event says that it is over.
#[test]
fn an_end_that_codedeploy_does_not_state_ends_nothing() {
    let touched = |invocation: &Invocation| {
        let operations = invocation.operations();
        let touches = ["StopTask", "DeleteSchedule"];
        touches.iter().any(|touch| operations.contains(touch)) || !invocation.messages.is_empty()
    };
    for state in ["SUCCESS", "FAILURE", "STOP"] {
        for status in ["Created", "Queued", "InProgress", "Ready"] {
            let early = reported(state, "DgpECS-prod-web", status);
            assert_eq!(early.answer["errorType"], "NotYet", "{}", early.answer);
            assert!(
                !touched(&early),
                "{state} {status}: {:?}",
                early.operations()
            );
        }
        let of_others = reported(state, "DgpECS-prod-another", "Failed");
        assert_eq!(
            of_others.answer["outcome"],
            Value::Null,
            "{}",
            of_others.answer
        );
        assert!(
            !touched(&of_others),
            "{state}: {:?}",
            of_others.operations()
        );
        // Which end it was, CodeDeploy says.
        for (status, outcome) in [
            ("Succeeded", "shipped"),
            ("Failed", "failed"),
            ("Stopped", "stopped"),
        ] {
            let told = reported(state, "DgpECS-prod-web", status);
            assert_eq!(told.answer["outcome"], outcome, "{state}: {}", told.answer);
        }
    }
}
