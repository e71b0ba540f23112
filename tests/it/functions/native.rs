//! Calls of ECS's own hooks, through the functions that ship: what ECS is answered, what is done, and what people are told.

mod forged;
mod migration;
mod traffic;

use serde_json::{Value, json};

use super::wire::Answer::{self, Says, SaysXml};
use super::wire::{Invocation, invoke};

const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
const ID: &str = "EZe5RNVLH6PPzHXINuP28";
const GREEN: &str = "9313423515462893900";
const BLUE: &str = "1920498462936580504";
const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7";
const TASK: &str = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c";
const ELB: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";
const HEALTHY: &str = "<member><Target><Id>10.0.0.1</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member>";
/// 2026-10-14T09:30:00Z, the date of every answer.
const NOW: f64 = 1_791_970_200.0;

const PIPELINES: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\ntimeout_minutes=10\n";

fn service_revision(digits: &str) -> String {
    format!("{HEAD}:service-revision/prod/web/{digits}")
}

/// ECS's payload (ECS Developer Guide, "Lambda lifecycle hooks").
fn payload(stage: &str) -> Value {
    json!({
        "executionId": "779085de-ab47-42bc-84ad-41f9914a8643",
        "lifecycleStage": stage,
        "resourceArn": format!("{HEAD}:service-deployment/prod/web/{ID}"),
        "executionDetails": {
            "serviceArn": format!("{HEAD}:service/prod/web"),
            "targetServiceRevisionArn": service_revision(GREEN),
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
        },
    })
}

fn deployment(status: &str, stage: &str) -> Value {
    let revision = |digits: &str| json!({"arn": service_revision(digits), "requestedTaskCount": 2, "runningTaskCount": 2, "pendingTaskCount": 0});
    json!({
        "serviceDeploymentArn": format!("{HEAD}:service-deployment/prod/web/{ID}"),
        "serviceArn": format!("{HEAD}:service/prod/web"), "clusterArn": format!("{HEAD}:cluster/prod"),
        "status": status, "lifecycleStage": stage, "createdAt": NOW - 600.0,
        "sourceServiceRevisions": [revision(BLUE)], "targetServiceRevision": revision(GREEN),
    })
}

fn deployments(deployment: &Value) -> Answer {
    Says(json!({"serviceDeployments": [deployment], "failures": []}))
}

fn rule(name: &str) -> String {
    format!("{ELB}:listener-rule/app/shop/1/2/{name}")
}

fn target_group(name: &str) -> String {
    format!("{ELB}:targetgroup/{name}/1")
}

fn service() -> Value {
    json!({
        "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "ECS"}, "taskDefinition": REVISION,
        "desiredCount": 2, "runningCount": 4,
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": []},
        "loadBalancers": [{
            "containerName": "web", "containerPort": 80, "targetGroupArn": target_group("a"),
            "advancedConfiguration": {
                "alternateTargetGroupArn": target_group("green"),
                "productionListenerRule": rule("production"), "testListenerRule": rule("test"), "roleArn": "r",
            },
        }],
    })
}

fn image(digit: &str) -> String {
    format!(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{}",
        digit.repeat(64)
    )
}

fn definition(tags: &Value) -> Answer {
    Says(json!({"tags": tags, "taskDefinition": {
        "taskDefinitionArn": REVISION, "family": "web",
        "containerDefinitions": [
            {"name": "web", "essential": true, "image": image("a")}, {"name": "proxy", "essential": true, "image": "proxy:1"},
        ],
    }}))
}

/// An AWS in which the deployment waits at this stage and green is healthy and reached; each test answers one thing otherwise.
fn aws(operation: &str, stage: &str) -> Answer {
    match operation {
        "DescribeServiceDeployments" => deployments(&deployment("IN_PROGRESS", stage)),
        "DescribeServices" => Says(json!({"failures": [], "services": [service()]})),
        "DescribeServiceRevisions" => Says(json!({"failures": [], "serviceRevisions": [{
            "serviceRevisionArn": service_revision(GREEN), "serviceArn": format!("{HEAD}:service/prod/web"),
            "taskDefinition": REVISION, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
            "containerImages": [{"containerName": "web", "image": image("a")}],
            "resolvedConfiguration": {"loadBalancers": [
                {"targetGroupArn": target_group("green"), "productionListenerRule": rule("production")},
            ]},
        }]})),
        "DescribeTaskDefinition" => definition(&json!([
            {"key": "greenlight:digest", "value": format!("sha256:{}", "a".repeat(64))}, {"key": "greenlight:tag", "value": "v7"},
        ])),
        "ListTasks" => Says(json!({"taskArns": []})),
        "DescribeTargetHealth" => {
            SaysXml(format!("<TargetHealthDescriptions>{}</TargetHealthDescriptions>", HEALTHY.repeat(2)).into())
        }
        "DescribeListeners" => SaysXml(
            format!(
                "<Listeners><member><LoadBalancerArn>{ELB}:loadbalancer/app/shop/1</LoadBalancerArn><Port>1</Port>\
                 <Protocol>HTTP</Protocol></member></Listeners>"
            )
            .into(),
        ),
        "DescribeLoadBalancers" => SaysXml(
            "<LoadBalancers><member><DNSName>127.0.0.2</DNSName></member></LoadBalancers>".into(),
        ),
        _ => Says(json!({})),
    }
}

/// What ECS reads of an answer.
fn status(invocation: &Invocation) -> &str {
    invocation.answer["hookStatus"]
        .as_str()
        .unwrap_or_else(|| panic!("{} is no answer of a hook", invocation.answer))
}

/// Of the one message.
fn told(invocation: &Invocation) -> String {
    let [message] = &invocation.messages[..] else {
        panic!("{:?}", invocation.messages);
    };
    let part = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    format!(
        "{}: {}: {}",
        part("outcome"),
        part("summary"),
        part("reason")
    )
}

fn call(
    function: &str,
    pipelines: &str,
    payload: &Value,
    answer: impl Fn(&str, usize, &Value) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    let stage = payload["lifecycleStage"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    invoke(
        function,
        pipelines,
        payload,
        move |operation, before, request| {
            answer(operation, before, request).unwrap_or_else(|| aws(operation, &stage))
        },
    )
}
