use insta::assert_snapshot;

use super::*;
use crate::config::Config;

const ROLE: &str = "arn:aws:iam::111122223333:role/greenlight-HookRole";

fn functions() -> GateFunctions {
    let arn = |name| format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}");
    GateFunctions {
        migration: arn("run-migration"),
        test_traffic: arn("check-test-traffic"),
        production_traffic: arn("check-production"),
    }
}

fn group(config: &str, test_listener: bool) -> DeploymentGroup {
    let listener = |id: &str| {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/1/{id}")
            .parse()
            .ok()
    };
    DeploymentGroup {
        service: None,
        target_groups: vec!["web-blue".to_owned(), "web-green".to_owned()],
        production_listener: listener("2"),
        test_listener: listener("3").filter(|_| test_listener),
        deployment_config: config.parse().ok(),
        rolls_back: true,
        alarms: Vec::new(),
    }
}

fn of(more: &str, group: &DeploymentGroup) -> Moving {
    let text = format!(
        "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n{more}"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    let behind = LoadBalancerTarget {
        container: "web".parse().unwrap(),
        port: 8080,
        target_group:
            "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-blue/4"
                .parse()
                .ok(),
    };
    let known = Known {
        group,
        behind: &behind,
        functions: &functions(),
        hook_role: ROLE,
        region: "eu-central-1",
    };
    moving(&pipeline, known)
}

/// The hooks' stages, the strategy, and what is lost.
fn row(more: &str, config: &str, test_listener: bool) -> String {
    let moving = of(more, &group(config, test_listener));
    let stages: Vec<&str> = moving.hooks.iter().map(|hook| hook.stage).collect();
    let (_, rest) = moving
        .command
        .split_once("--deployment-configuration '")
        .unwrap();
    let configuration: Value = serde_json::from_str(rest.split('\'').next().unwrap()).unwrap();
    let mut steps = configuration.clone();
    for common in [
        "bakeTimeInMinutes",
        "deploymentCircuitBreaker",
        "lifecycleHooks",
    ] {
        steps.as_object_mut().unwrap().remove(common).unwrap();
    }
    let hooks = configuration["lifecycleHooks"].as_array().unwrap().iter();
    let in_call: Vec<&str> = hooks
        .filter_map(|hook| hook["lifecycleStages"][0].as_str())
        .collect();
    assert_eq!(stages, in_call);
    let lost: Vec<String> = moving
        .lost
        .iter()
        .map(|one| format!("\n  lost: {one}"))
        .collect();
    format!("{} {steps}{}", stages.join(" "), lost.concat())
}

#[test]
fn what_a_service_of_codedeploy_needs_and_loses() {
    const KEEP: &str = "termination_wait = 'keep'\n";
    const MIGRATION: &str = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
    const PRODUCTION: &str = "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath = '/'\nstatus = '200'\n";
    let at_once = "CodeDeployDefault.ECSAllAtOnce";
    let table = [
        row(KEEP, at_once, false),
        row("", at_once, true),
        row(&format!("{KEEP}{MIGRATION}{PRODUCTION}"), at_once, true),
        row(
            KEEP,
            "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
            true,
        ),
        row(
            KEEP,
            "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
            true,
        ),
        row(KEEP, "CodeDeployDefault.ECSCanary10Percent15Minutes", true),
        row(KEEP, "our-own", true),
        row(
            &format!("{KEEP}deployment_config = 'CodeDeployDefault.ECSCanary10Percent5Minutes'\n"),
            at_once,
            true,
        ),
        row(
            &format!("{KEEP}deployment_config = 'our-own'\n"),
            at_once,
            true,
        ),
        row(
            &format!(
                "{KEEP}{MIGRATION}alone = true\n[pipeline.hooks]\nBeforeInstall = 'CodeDeployHook_warm-up'\n"
            ),
            at_once,
            true,
        ),
    ];
    assert_snapshot!(table.join("\n"));
}

#[test]
fn the_call_is_ready_to_paste() {
    let migration = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
    let mut group = group("CodeDeployDefault.ECSCanary10Percent5Minutes", true);
    group.alarms = vec!["it's on fire".to_owned()];
    assert_snapshot!(of(migration, &group).command);
    group.test_listener = None;
    let without = of(migration, &group).command;
    assert!(
        !without.contains("test_rule") && !without.contains("testListenerRule"),
        "{without}"
    );
}

#[test]
fn the_answer_names_hooks_roles_and_listeners() {
    let migration = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
    let answer = of(migration, &group("CodeDeployDefault.ECSAllAtOnce", true)).to_json();
    assert_eq!(answer["hooks"][0]["role"], ROLE);
    assert_eq!(answer["roles"]["hooks"], ROLE);
    assert_eq!(answer["hooks"][0]["function"], functions().migration);
    assert_eq!(answer["hooks"][1]["stage"], "POST_TEST_TRAFFIC_SHIFT");
    let listeners = &answer["listeners"];
    assert!(listeners["production"].as_str().unwrap().ends_with("/2"));
    assert!(listeners["test"].as_str().unwrap().ends_with("/3"));
}

/// A Network Load Balancer has no rules: ECS takes the listener itself.
#[test]
fn behind_a_network_load_balancer_the_listeners_are_named() {
    let head = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/web/1";
    let mut group = group("CodeDeployDefault.ECSAllAtOnce", true);
    group.production_listener = format!("{head}/2").parse().ok();
    group.test_listener = format!("{head}/3").parse().ok();
    let command = of("", &group).command;
    let lines: Vec<&str> = command.lines().collect();
    assert_eq!(
        lines[1..3],
        [
            format!("production_rule='{head}/2'"),
            format!("test_rule='{head}/3'")
        ]
    );
    assert!(!command.contains("describe-rules"), "{command}");
}
