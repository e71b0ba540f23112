//! Mistakes of a deployment group.

use serde_json::{Value, json};

use super::{Wrong, in_account};
use crate::command::local::Local;

fn group() -> Value {
    json!({ "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web" })
}

fn read_group(local: &Local) -> Value {
    let answer = local.call(
        "codedeploy",
        "CodeDeploy_20141006.GetDeploymentGroup",
        &group(),
    );
    answer["deploymentGroupInfo"].clone()
}

pub(super) fn update_group(local: &Local, member: &str, value: &Value) {
    let body = json!({
        "applicationName": "AppECS-prod-web", "currentDeploymentGroupName": "DgpECS-prod-web", member: value,
    });
    local.call(
        "codedeploy",
        "CodeDeploy_20141006.UpdateDeploymentGroup",
        &body,
    );
}

fn update_pair(local: &Local, change: fn(&mut Value)) {
    let mut info = read_group(local)["loadBalancerInfo"].clone();
    change(&mut info["targetGroupPairInfoList"][0]);
    update_group(local, "loadBalancerInfo", &info);
}

/// Of the group's settings.
pub(super) fn groups() -> Vec<Wrong> {
    let no_rollback: fn(&Local) = |local| {
        update_group(
            local,
            "autoRollbackConfiguration",
            &json!({ "enabled": false, "events": [] }),
        );
    };
    vec![
        Wrong {
            file: ("tag = \"latest\"", "tag = \"latest\"\nrollback = \"group\""),
            ..in_account(
                "rollback",
                "ship",
                no_rollback,
                "wrong rollback",
                "does not roll back a deployment that fails",
            )
        },
        in_account(
            "ready wait",
            "ship",
            |local| {
                let mut blue_green = read_group(local)["blueGreenDeploymentConfiguration"].clone();
                blue_green["deploymentReadyOption"] =
                    json!({ "actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60 });
                update_group(local, "blueGreenDeploymentConfiguration", &blue_green);
            },
            "doubt ready-wait",
            "waits up to 60 minutes for a person",
        ),
        in_account(
            "alarm",
            "ship",
            |local| {
                update_group(
                    local,
                    "alarmConfiguration",
                    &json!({ "enabled": true, "alarms": [{ "name": "gone" }] }),
                )
            },
            "wrong alarms",
            "the alarm `gone`, which does not exist",
        ),
    ]
}

/// Of the group's listeners and target groups, and of who else deploys by it.
pub(super) fn pairs() -> Vec<Wrong> {
    vec![
        in_account(
            "no test listener",
            "ship",
            |local| {
                update_pair(local, |pair| {
                    pair.as_object_mut().unwrap().remove("testTrafficRoute");
                });
            },
            "wrong deployment-group",
            "has no test listener",
        ),
        in_account(
            "one listener",
            "ship",
            |local| {
                update_pair(local, |pair| {
                    pair["testTrafficRoute"] = pair["prodTrafficRoute"].clone()
                })
            },
            "wrong listeners",
            "one listener for production and for test traffic",
        ),
        in_account(
            "test listener on green",
            "ship",
            test_listener_on_green,
            "wrong listeners",
            "forwards to `DgpECS-prod-web-green`",
        ),
        in_account(
            "another deployer",
            "ship",
            |local| deploy_by_script(local, false),
            "doubt second-deployer",
            "described as `by the old script`",
        ),
        in_account(
            "another deployer that was rolled back",
            "ship",
            |local| deploy_by_script(local, true),
            "doubt second-deployer",
            "described as `by the old script`",
        ),
    ]
}

/// Deploys by hand, and stops it.
fn deploy_by_script(local: &Local, rolls_back: bool) {
    let mut body = group();
    let content = json!({ "version": 0.0, "Resources": [{ "TargetService": { "Type": "AWS::ECS::Service", "Properties": {
        "TaskDefinition": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:1",
        "LoadBalancerInfo": { "ContainerName": "web", "ContainerPort": 8080 },
    } } }] });
    body["description"] = json!("by the old script");
    body["revision"] = json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content.to_string() } });
    let made = local.call("codedeploy", "CodeDeploy_20141006.CreateDeployment", &body);
    let stop = json!({ "deploymentId": made["deploymentId"], "autoRollbackEnabled": rolls_back });
    local.call("codedeploy", "CodeDeploy_20141006.StopDeployment", &stop);
}

fn test_listener_on_green(local: &Local) {
    let info = read_group(local);
    let pair = &info["loadBalancerInfo"]["targetGroupPairInfoList"][0];
    let listener = pair["testTrafficRoute"]["listenerArns"][0]
        .as_str()
        .unwrap();
    let named = [
        ("Action", "DescribeTargetGroups"),
        ("Names.member.1", "DgpECS-prod-web-green"),
    ];
    let answer = local.query("elasticloadbalancing", "2015-12-01", &named);
    let (_, green) = answer.split_once("<TargetGroupArn>").unwrap();
    let (green, _) = green.split_once("</TargetGroupArn>").unwrap();
    local.query(
        "elasticloadbalancing",
        "2015-12-01",
        &[
            ("Action", "ModifyListener"),
            ("ListenerArn", listener),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", green),
        ],
    );
}
