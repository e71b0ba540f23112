//! What only explains a failure keeps nobody from being told of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::wire::Answer::{Never, Refuses, Says};
use super::wire::{Answer, Event, Function, Invocation, LONG, invoke_each};
use super::{PIPELINES, REVISION, TASK, service, task};

/// A deployment that failed after AllowTestTraffic, whose end is reported within this time; `otherwise` is what AWS says instead
/// to the operations that it names.
fn failed(
    within: Duration,
    otherwise: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    let event = json!({
        "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "FAILURE"
        }
    });
    let event = Event {
        payload: event.to_string(),
        within,
    };
    let function = Function {
        name: "report-outcome",
        pipelines: PIPELINES,
        variables: &[],
    };
    let answer = move |operation: &str, _: usize, _: &Value| {
        otherwise(operation).unwrap_or_else(|| usual(operation))
    };
    invoke_each(&function, [event], answer).remove(0)
}

fn usual(operation: &str) -> Answer {
    let event = |name: &str, status: &str| json!({"lifecycleEventName": name, "status": status, "startTime": 100.0, "endTime": 101.0});
    let app_spec =
        json!({"Resources": [{"TargetService": {"Properties": {"TaskDefinition": REVISION}}}]});
    match operation {
        "GetDeployment" => Says(json!({"deploymentInfo": {
            "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
            "status": "Failed", "creator": "user", "createTime": 100.0,
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "ab"}},
        }})),
        "GetApplicationRevision" => Says(json!({"revision": {
            "revisionType": "AppSpecContent", "appSpecContent": {"content": app_spec.to_string()}
        }})),
        "ListDeploymentTargets" => Says(json!({"targetIds": ["prod:web"]})),
        "GetDeploymentTarget" => Says(
            json!({"deploymentTarget": {"ecsTarget": {"lifecycleEvents": [
                event("AfterInstall", "Succeeded"), event("AllowTestTraffic", "Succeeded"),
                event("AfterAllowTestTraffic", "Failed"), event("AllowTraffic", "Skipped"),
            ]}}}),
        ),
        "DescribeServices" => service(REVISION, "d-0", "PRIMARY"),
        "ListTasks" => Says(json!({"taskArns": [TASK]})),
        "DescribeTasks" => {
            let mut stopped = task("STOPPED", json!(3));
            stopped["startedBy"] = json!("ecs-svc/2");
            stopped["stopCode"] = json!("EssentialContainerExited");
            Says(json!({"failures": [], "tasks": [stopped]}))
        }
        "DescribeTaskDefinition" => Says(json!({"taskDefinition": {
            "family": "web", "containerDefinitions": [{"name": "web", "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web"
            }}}],
        }})),
        "GetLogEvents" => Says(json!({"events": [{"message": "no such table"}]})),
        "GetDeploymentGroup" => {
            Says(json!({"deploymentGroupInfo": {"deploymentGroupName": "DgpECS-prod-web"}}))
        }
        _ => super::nothing(),
    }
}

/// Every operation that is called for an explanation.
const EXPLAINS: [&str; 7] = [
    "GetApplicationRevision",
    "DescribeServices",
    "ListTasks",
    "DescribeTasks",
    "DescribeTaskDefinition",
    "GetLogEvents",
    "GetDeploymentGroup",
];

#[test]
fn a_failure_is_told_whatever_of_its_explanation_cannot_be_read() {
    let told = |invocation: &Invocation| {
        assert_eq!(
            invocation.answer["outcome"], "failed",
            "{}",
            invocation.answer
        );
        invocation.messages[0]["reason"].to_string()
    };
    let whole = failed(LONG, |_| None);
    assert!(
        told(&whole).contains("exited with code 3"),
        "{}",
        told(&whole)
    );
    for operation in EXPLAINS {
        assert!(whole.operations().contains(&operation), "{operation}");
        // Stopping a migration that hardly runs is tried, too, and never keeps the outcome back.
        told(&failed(LONG, move |called| {
            (called == operation).then_some(Refuses("AccessDeniedException"))
        }));
    }
    told(&failed(LONG, |called| {
        let gone = json!({"services": [], "failures": [{"reason": "MISSING", "arn": "web"}]});
        (called == "DescribeServices").then_some(Says(gone))
    }));
}

/// A call that is not answered is sent again after 10 seconds, and given up after 30: four of them would take all the time that
/// Lambda gives, and the next delivery of the event would be no better off. When it begins again shows when it is over.
#[test]
fn a_failure_is_told_in_time_where_what_explains_it_is_not_answered() {
    let unanswered = failed(Duration::from_secs(8), |called| {
        let explains = [
            "GetApplicationRevision",
            "DescribeServices",
            "GetDeploymentGroup",
        ];
        explains.contains(&called).then_some(Never)
    });
    assert_eq!(
        unanswered.answer["outcome"], "failed",
        "{}",
        unanswered.answer
    );
    let calls = |operation: &str| {
        let operations = unanswered.operations();
        operations
            .iter()
            .filter(|called| **called == operation)
            .count()
    };
    assert_eq!(calls("Publish"), 1);
    assert_eq!(
        calls("GetApplicationRevision"),
        1,
        "{:?}",
        unanswered.operations()
    );
    assert!(
        unanswered.log.contains("no time to read more"),
        "{}",
        unanswered.log
    );
}
