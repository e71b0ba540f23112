//! What `start-deployment` answers of a service that could be moved from CodeDeploy to ECS, and of one that was.

use serde_json::{Value, json};

use super::on_ecs::{WAITS, world};
use super::wire::Answer::{self, Says};
use super::wire::{Invocation, invoke};

const FAMILY: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web";
const ELB: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";
const OF_CODEDEPLOY: &str = "deployment_config = 'CodeDeployDefault.ECSCanary10Percent5Minutes'\n\
    application = 'AppECS-prod-web'\ntermination_wait = 'cut'\n";

fn request(dry_run: bool) -> Value {
    json!({"pipeline": "web", "tag": "latest", "dry_run": dry_run})
}

/// A service of CodeDeploy's that image `a` is due for.
fn of_codedeploy(operation: &str, _: usize, request: &Value) -> Answer {
    let image = |digit: &str| {
        let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
        format!("{host}/shop/web@sha256:{}", digit.repeat(64))
    };
    let definition = |number: u32, digit: &str| {
        json!({
            "taskDefinitionArn": format!("{FAMILY}:{number}"), "family": "web", "status": "ACTIVE",
            "containerDefinitions": [{"name": "web", "image": image(digit), "portMappings": [{"containerPort": 80}]}],
        })
    };
    Says(match operation {
        "DescribeTaskDefinition" => json!({"taskDefinition": definition(2, "b"), "tags": []}),
        "RegisterTaskDefinition" => {
            let mut registered = request.clone();
            registered["taskDefinitionArn"] = json!(format!("{FAMILY}:3"));
            json!({"taskDefinition": registered})
        }
        "CreateDeployment" => json!({"deploymentId": "d-9"}),
        "DescribeImages" => json!({"imageDetails": [{
            "imageDigest": format!("sha256:{}", "a".repeat(64)), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
        }]}),
        "GetDeploymentGroup" => json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}],
            "alarmConfiguration": {"enabled": true, "alarms": [{"name": "web-errors"}]},
            "loadBalancerInfo": {"targetGroupPairInfoList": [{
                "targetGroups": [{"name": "web-blue"}, {"name": "web-green"}],
                "prodTrafficRoute": {"listenerArns": [format!("{ELB}:listener/app/web/1/2")]},
                "testTrafficRoute": {"listenerArns": [format!("{ELB}:listener/app/web/1/3")]},
            }]},
        }}),
        "DescribeServices" => json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": format!("{FAMILY}:2"), "taskSets": [],
            "loadBalancers": [{
                "containerName": "web", "containerPort": 80, "targetGroupArn": format!("{ELB}:targetgroup/web-blue/4")
            }],
        }]}),
        "ListDeployments" => json!({"deployments": []}),
        _ => json!({}),
    })
}

fn report(invocation: &Invocation) -> &Value {
    &invocation.answer["pipelines"][0]
}

#[test]
fn a_dry_run_says_what_a_service_of_codedeploy_needs_to_be_moved() {
    let pipelines = format!(
        "{WAITS}{OF_CODEDEPLOY}[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n"
    );
    let invocation = invoke(
        "start-deployment",
        &pipelines,
        &request(true),
        of_codedeploy,
    );
    let moving = &report(&invocation)["moving_to_ecs"];
    assert_eq!(
        moving["hooks"][0],
        json!({
            "function": "arn:aws:lambda:eu-central-1:111122223333:function:migrate", "stage": "PRE_SCALE_UP",
            "role": "arn:aws:iam::111122223333:role/greenlight-HookRole",
        }),
        "{}",
        invocation.answer
    );
    assert_eq!(
        moving["listeners"]["test"],
        format!("{ELB}:listener/app/web/1/3")
    );
    let command = moving["command"].as_str().unwrap();
    for said in [
        "aws ecs update-service --region eu-central-1 --cluster prod --service web --deployment-controller type=ECS",
        "\"strategy\":\"CANARY\"",
        "\"alarmNames\":[\"web-errors\"]",
        &format!("serving='{ELB}:targetgroup/web-blue/4'"),
        "--names web-blue web-green",
        "testListenerRule=$test_rule",
    ] {
        assert!(command.contains(said), "{said}: {command}");
    }
    let lost = moving["lost"].to_string();
    assert!(
        lost.contains("deployment_config") && lost.contains("termination_wait"),
        "{lost}"
    );
    // It is a person's question; nothing is asked of AWS for it, and nothing is done.
    assert!(!invocation.operations().contains(&"CreateDeployment"));
    let asked = invoke(
        "start-deployment",
        &pipelines,
        &request(false),
        of_codedeploy,
    );
    assert_eq!(report(&asked)["moving_to_ecs"], Value::Null);
    assert_eq!(report(&asked)["decision"], "start", "{}", asked.answer);
}

#[test]
fn the_answer_names_the_settings_that_only_another_engine_has() {
    let pipelines = format!("{WAITS}{OF_CODEDEPLOY}without_rollback = true\n");
    let ignored = |world: super::on_ecs::World, dry_run| {
        let world = std::sync::Mutex::new(world);
        let answer = move |operation: &str, _: usize, request: &Value| {
            world.lock().unwrap().says(operation, request)
        };
        let invocation = invoke("start-deployment", &pipelines, &request(dry_run), answer);
        let report = report(&invocation);
        assert_eq!(report["moving_to_ecs"], Value::Null);
        json!([report["engine"], report["decision"], report["ignored"]])
    };
    let of_codedeploy = ["application", "deployment_config", "termination_wait"];
    let mut native = world();
    native.configuration["strategy"] = json!("BLUE_GREEN");
    for dry_run in [true, false] {
        assert_eq!(
            ignored(world(), dry_run),
            json!(["ECS rolling update", "start", of_codedeploy])
        );
        let all = [&of_codedeploy[..], &["without_rollback"]].concat();
        assert_eq!(
            ignored(native.clone(), dry_run),
            json!(["ECS blue/green", "start", all])
        );
    }
    let of_rolling = invoke(
        "start-deployment",
        &pipelines,
        &request(true),
        self::of_codedeploy,
    );
    assert_eq!(report(&of_rolling)["ignored"], json!(["without_rollback"]));
}
