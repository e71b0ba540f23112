//! What only the command asks of AWS: services without a crate of their own, over the wire.

use aws::cloudformation::CloudFormation;
use aws::cloudwatch::CloudWatch;
use aws::iam::Iam;
use aws::ssm::Ssm;
use serde_json::json;

use crate::server::{Server, json as answer, text};

#[tokio::test]
async fn alarms_are_asked_for_by_name_and_signed_for_cloudwatch() {
    let alarm = json!({ "AlarmName": "errors", "StateValue": "ALARM" });
    let server = Server::answering([answer(
        200,
        &json!({ "MetricAlarms": [alarm], "CompositeAlarms": [] }),
    )])
    .await;
    let names = ["errors".to_owned(), "gone".to_owned()];
    let found = CloudWatch::new(&server.session())
        .describe_alarms(&names)
        .await
        .unwrap();
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|one| (one.name.as_str(), one.state.as_str()))
        .collect();
    assert_eq!(found, [("errors", "ALARM")]);
    let request = server.request();
    assert_eq!(
        request.target,
        "GraniteServiceVersion20100801.DescribeAlarms"
    );
    assert_eq!(
        (request.service.as_str(), request.signed),
        ("monitoring", true)
    );
    assert_eq!(request.json()["AlarmNames"], json!(["errors", "gone"]));
}

/// As CloudFormation answers (API Reference, DescribeStacks, example).
#[tokio::test]
async fn a_stack_has_a_status_and_parameters() {
    let body = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks><member>\
                <StackName>greenlight</StackName><Parameters><member><ParameterKey>Clusters</ParameterKey><ParameterValue>prod</ParameterValue>\
                </member><member><ParameterKey>Email</ParameterKey><ParameterValue/></member></Parameters><StackStatus>CREATE_COMPLETE\
                </StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
    let server = Server::answering([text(200, "text/xml", body)]).await;
    let stack = CloudFormation::new(&server.session())
        .describe_stack("greenlight")
        .await
        .unwrap();
    assert_eq!(stack.status, "CREATE_COMPLETE");
    assert_eq!(stack.parameters["Clusters"], "prod");
    assert_eq!(stack.parameters["Email"], "");
    let request = server.request();
    assert_eq!(
        request.body,
        "Action=DescribeStacks&Version=2010-05-15&StackName=greenlight"
    );
    assert_eq!(request.service, "cloudformation");
}

#[tokio::test]
async fn a_simulation_is_told_the_keys_that_aws_states() {
    let body = "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalResourceName>r</EvalResourceName>\
                <EvalDecision>implicitDeny</EvalDecision><MissingContextValues><member>aws:SourceVpc</member></MissingContextValues></member>\
                </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>";
    let server = Server::answering([text(200, "text/xml", body)]).await;
    let context = [("iam:PassedToService", "ecs-tasks.amazonaws.com")];
    let found = Iam::new(&server.session())
        .simulate("role", "iam:PassRole", &["r"], &context)
        .await
        .unwrap();
    assert_eq!(
        (found[0].decision.as_str(), found[0].missing_keys.as_slice()),
        ("implicitDeny", ["aws:SourceVpc".to_owned()].as_slice())
    );
    let body = server.request().body;
    assert!(
        body.contains("ContextEntries.member.1.ContextKeyName=iam%3APassedToService"),
        "{body}"
    );
}

/// A page may be empty and not the last one.
#[tokio::test]
async fn a_parameter_is_looked_for_on_every_page() {
    let pages = [
        json!({ "Parameters": [], "NextToken": "2" }),
        json!({ "Parameters": [{ "Name": "/shop/url" }] }),
    ];
    let server = Server::answering(pages.map(|page| answer(200, &page))).await;
    assert_eq!(
        Ssm::new(&server.session()).has_parameter("/shop/url").await,
        Ok(true)
    );
    let requests = server.requests();
    assert_eq!(requests[0].target, "AmazonSSM.DescribeParameters");
    assert_eq!(requests[1].json()["NextToken"], "2");
}
