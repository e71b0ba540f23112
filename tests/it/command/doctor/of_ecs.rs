//! Mistakes of what ECS itself deploys: hooks, rules and the room for a rolling update.

use serde_json::{Value, json};

use super::of_service::{configure, describe};
use super::{Wrong, in_account};
use crate::command::local::Local;

const ELB: &str = "2015-12-01";

#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
pub(super) fn hooks() -> Vec<Wrong> {
    vec![
        in_account(
            "a hook that goes on",
            "native-canary",
            |local| {
                time_out(
                    local,
                    0,
                    &json!({ "timeoutInMinutes": 60, "action": "CONTINUE" }),
                );
            },
            "wrong hooks",
            "has the action `CONTINUE`",
        ),
        in_account(
            "as short as the migration",
            "native-canary",
            |local| {
                time_out(
                    local,
                    0,
                    &json!({ "timeoutInMinutes": 30, "action": "ROLLBACK" }),
                )
            },
            "wrong hooks",
            "may take 30 minutes, and the migration with its end up to 32",
        ),
        in_account(
            "a check that is cut short",
            "native-canary",
            |local| {
                time_out(
                    local,
                    1,
                    &json!({ "timeoutInMinutes": 1, "action": "ROLLBACK" }),
                )
            },
            "wrong hooks",
            "may take 1 minute, and the check of test traffic up to 4",
        ),
        in_account(
            "a pause",
            "native-canary",
            |local| {
                configure(local, |configuration| {
                    let hooks = configuration["lifecycleHooks"].as_array_mut().unwrap();
                    hooks.push(
                        json!({ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"] }),
                    );
                });
            },
            "doubt hooks",
            "has a pause hook at POST_SCALE_UP",
        ),
        in_account(
            "nothing ends it",
            "native-canary",
            |local| set_breaker(local, false),
            "doubt service",
            "is tried until ECS ends the stage",
        ),
        in_account(
            "no room",
            "rolling-migration",
            |local| {
                configure(local, |configuration| {
                    configuration["minimumHealthyPercent"] = json!(90);
                    configuration["maximumPercent"] = json!(110);
                });
            },
            "wrong service",
            "could neither stop nor start one",
        ),
    ]
}

pub(super) fn rules() -> Vec<Wrong> {
    vec![
        in_account(
            "production elsewhere",
            "native-canary",
            |local| {
                point(
                    local,
                    &listener(local, "productionListenerRule"),
                    &legacy(local),
                )
            },
            "wrong listeners",
            "the production rule of service `prod/web` forwards to `legacy`",
        ),
        in_account(
            "a rule before that of test traffic",
            "native-canary",
            |local| {
                let blue = balancer(local)["targetGroupArn"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                pin(local, &listener(local, "testListenerRule"), &blue);
            },
            "wrong test-traffic",
            "`/orders` meets rule 7 of the test listener",
        ),
        in_account(
            "a rule beside the default one",
            "ship",
            |local| {
                let listener = test_listener_of_group(local);
                pin(local, &listener, &arn_of(local, "DgpECS-prod-web-blue"));
            },
            "doubt test-traffic",
            "`/orders` meets rule 7 of the test listener",
        ),
        in_account(
            "no listener",
            "rolling-migration",
            |local| {
                let group = balancer(local)["targetGroupArn"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                point(local, &listener_before(local, &group), &legacy(local));
            },
            "wrong listeners",
            "no listener leads to the target group",
        ),
    ]
}

fn time_out(local: &Local, hook: usize, timeout: &Value) {
    configure(local, |configuration| {
        configuration["lifecycleHooks"][hook]["timeoutConfiguration"] = timeout.clone();
    });
}

pub(super) fn set_breaker(local: &Local, enable: bool) {
    configure(local, |configuration| {
        configuration["deploymentCircuitBreaker"] = json!({ "enable": enable, "rollback": enable });
    });
}

fn balancer(local: &Local) -> Value {
    describe(local)["loadBalancers"][0].clone()
}

/// `…:listener-rule/app/web/1/2/3` is a rule of `…:listener/app/web/1/2`.
fn listener(local: &Local, rule: &str) -> String {
    let rule = balancer(local)["advancedConfiguration"][rule].clone();
    let rule = rule
        .as_str()
        .unwrap()
        .replace(":listener-rule/", ":listener/");
    rule.rsplit_once('/').unwrap().0.to_owned()
}

fn test_listener_of_group(local: &Local) -> String {
    let group =
        json!({ "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web" });
    let answer = local.call(
        "codedeploy",
        "CodeDeploy_20141006.GetDeploymentGroup",
        &group,
    );
    let pair = &answer["deploymentGroupInfo"]["loadBalancerInfo"]["targetGroupPairInfoList"][0];
    let listener = &pair["testTrafficRoute"]["listenerArns"][0];
    listener.as_str().unwrap().to_owned()
}

/// The one listener of the load balancer in front of a target group.
fn listener_before(local: &Local, group: &str) -> String {
    let named = [
        ("Action", "DescribeTargetGroups"),
        ("TargetGroupArns.member.1", group),
    ];
    let answer = local.query("elasticloadbalancing", ELB, &named);
    let balancer = between(&answer, "<LoadBalancerArns><member>", "<");
    let named = [
        ("Action", "DescribeListeners"),
        ("LoadBalancerArn", &*balancer),
    ];
    let answer = local.query("elasticloadbalancing", ELB, &named);
    between(&answer, "<ListenerArn>", "<")
}

fn arn_of(local: &Local, name: &str) -> String {
    let named = [("Action", "DescribeTargetGroups"), ("Names.member.1", name)];
    let answer = local.query("elasticloadbalancing", ELB, &named);
    between(&answer, "<TargetGroupArn>", "<")
}

/// Makes a target group of nobody's.
fn legacy(local: &Local) -> String {
    let members = [
        ("Action", "CreateTargetGroup"),
        ("Name", "legacy"),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("VpcId", "vpc-0rehearsal"),
        ("TargetType", "ip"),
    ];
    let answer = local.query("elasticloadbalancing", ELB, &members);
    between(&answer, "<TargetGroupArn>", "<")
}

fn point(local: &Local, listener: &str, group: &str) {
    let members = [
        ("Action", "ModifyListener"),
        ("ListenerArn", listener),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", group),
    ];
    local.query("elasticloadbalancing", ELB, &members);
}

/// A rule for the orders alone.
fn pin(local: &Local, listener: &str, group: &str) {
    let members = [
        ("Action", "CreateRule"),
        ("ListenerArn", listener),
        ("Priority", "7"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/orders"),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", group),
    ];
    local.query("elasticloadbalancing", ELB, &members);
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once(after).unwrap().0.to_owned()
}
