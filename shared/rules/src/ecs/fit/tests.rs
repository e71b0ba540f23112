use insta::assert_snapshot;

use super::*;
use crate::config::Config;
use crate::ecs::{Advanced, Alarms, CircuitBreaker, LoadBalancer};
use crate::observed::LoadBalancerTarget;

const MIGRATION: &str = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
const TEST: &str =
    "[pipeline.test_traffic]\n[[pipeline.test_traffic.request]]\npath = '/'\nstatus = '200'\n";
const PRODUCTION: &str = "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath = '/'\nstatus = '200'\n";

fn pipeline(more: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n{more}"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
}

fn functions() -> GateFunctions {
    GateFunctions {
        migration: "arn:run-migration".to_owned(),
        test_traffic: "arn:check-test-traffic".to_owned(),
        production_traffic: "arn:check-production".to_owned(),
    }
}

/// `function@STAGE`, with `-` behind it where there is no role.
fn hook(text: &str) -> Hook {
    let (text, role) = match text.strip_suffix('-') {
        Some(text) => (text, None),
        None => (text, Some("arn:role".to_owned())),
    };
    let (function, stage) = text.split_once('@').unwrap();
    Hook {
        target: match function {
            "pause" => HookTarget::Pause,
            function => HookTarget::Lambda {
                function: format!("arn:{function}"),
                role,
            },
        },
        stages: vec![Stage::of(stage)],
        timeout: None,
        goes_on: false,
    }
}

fn on_native(more: &str, hooks: &[&str]) -> String {
    let mut service = Service::for_tests();
    service.configuration.hooks = hooks.iter().map(|text| hook(text)).collect();
    service.load_balancers = vec![balancer(Some(rule("production")), Some(rule("test")))];
    said(fits_native(&pipeline(more), &service, &functions()))
}

fn rule(name: &str) -> TrafficRule {
    let arn = format!(
        "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/1/2/{name}"
    );
    TrafficRule::Rule(arn.parse().unwrap())
}

fn balancer(production: Option<TrafficRule>, test: Option<TrafficRule>) -> LoadBalancer {
    named("web", production, test)
}

fn named(group: &str, production: Option<TrafficRule>, test: Option<TrafficRule>) -> LoadBalancer {
    let group = format!(
        "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{group}/0123456789abcdef"
    );
    LoadBalancer {
        target: LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 8080,
            target_group: Some(group.parse().unwrap()),
        },
        advanced: Some(Advanced {
            alternate_target_group: None,
            production_rule: production,
            test_rule: test,
            role: None,
        }),
    }
}

fn on_rolling(more: &str, service: &Service) -> String {
    said(fits_rolling(&pipeline(more), service))
}

fn said(result: Result<(), Mismatch>) -> String {
    result.map_or_else(|mismatch| mismatch.to_string(), |()| "fits".to_owned())
}

#[test]
fn a_native_service_fits_with_a_hook_for_every_configured_gate() {
    let all = format!("{MIGRATION}{TEST}{PRODUCTION}");
    let hooks = [
        "run-migration@PRE_SCALE_UP",
        "check-test-traffic@POST_TEST_TRAFFIC_SHIFT",
        "check-production@POST_PRODUCTION_TRAFFIC_SHIFT",
    ];
    assert_eq!(on_native("", &[]), "fits");
    assert_eq!(on_native(&all, &hooks), "fits");
    assert_eq!(
        on_native(MIGRATION, &["run-migration@POST_SCALE_UP"]),
        "fits"
    );
    // Targets become healthy without a hook of ours.
    assert_eq!(on_native("[pipeline.test_traffic]\n", &[]), "fits");
    for left_out in 0..hooks.len() {
        let mut fewer = hooks.to_vec();
        fewer.remove(left_out);
        assert!(
            on_native(&all, &fewer).contains("has no hook"),
            "{left_out}"
        );
        let mut without_role = hooks.map(str::to_owned);
        without_role[left_out] += "-";
        let without_role = without_role.each_ref().map(String::as_str);
        assert!(
            on_native(&all, &without_role).contains("without `roleArn`"),
            "{left_out}"
        );
    }
}

#[test]
fn a_gate_whose_hook_is_missing_at_a_fitting_stage_is_refused_with_the_hook_to_add() {
    assert_snapshot!(on_native(MIGRATION, &["other@PRE_SCALE_UP", "pause@PRE_SCALE_UP"]), @"service `prod/web` has no hook that calls `arn:run-migration` at PRE_SCALE_UP or POST_SCALE_UP, expected one for the pipeline's `migration` (hint: add to `LifecycleHooks` of the service's `DeploymentConfiguration`: `{HookTargetArn: \"arn:run-migration\", RoleArn: <the stack's output HookRole>, LifecycleStages: [PRE_SCALE_UP]}`)");
    assert_snapshot!(on_native(MIGRATION, &["run-migration@POST_TEST_TRAFFIC_SHIFT"]), @"service `prod/web` calls `arn:run-migration` at POST_TEST_TRAFFIC_SHIFT, and not at PRE_SCALE_UP or POST_SCALE_UP, expected one for the pipeline's `migration` (hint: add to `LifecycleHooks` of the service's `DeploymentConfiguration`: `{HookTargetArn: \"arn:run-migration\", RoleArn: <the stack's output HookRole>, LifecycleStages: [PRE_SCALE_UP]}`)");
    assert_snapshot!(on_native(TEST, &["check-test-traffic@TEST_TRAFFIC_SHIFT"]), @"service `prod/web` calls `arn:check-test-traffic` at TEST_TRAFFIC_SHIFT, and not at POST_TEST_TRAFFIC_SHIFT, expected one for the pipeline's `test_traffic` (hint: add to `LifecycleHooks` of the service's `DeploymentConfiguration`: `{HookTargetArn: \"arn:check-test-traffic\", RoleArn: <the stack's output HookRole>, LifecycleStages: [POST_TEST_TRAFFIC_SHIFT]}`)");
    assert_snapshot!(on_native(PRODUCTION, &[]), @"service `prod/web` has no hook that calls `arn:check-production` at POST_PRODUCTION_TRAFFIC_SHIFT, expected one for the pipeline's `production_traffic` (hint: add to `LifecycleHooks` of the service's `DeploymentConfiguration`: `{HookTargetArn: \"arn:check-production\", RoleArn: <the stack's output HookRole>, LifecycleStages: [POST_PRODUCTION_TRAFFIC_SHIFT]}`)");
    assert_snapshot!(on_native(MIGRATION, &["run-migration@PRE_SCALE_UP-"]), @"service `prod/web` has a hook that calls `arn:run-migration` without `roleArn`, expected the role with which ECS invokes it (hint: `RoleArn: <the stack's output HookRole>` in that hook)");
}

#[test]
fn what_only_codedeploy_has_is_refused_on_native_and_rolling() {
    // RunTask knows no engine.
    let alone = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\nalone = true\n";
    assert_eq!(on_native(alone, &["run-migration@PRE_SCALE_UP"]), "fits");
    assert_eq!(on_rolling(alone, &protected()), "fits");
    let hooks = "[pipeline.hooks]\nBeforeInstall = 'ours'\n";
    assert_snapshot!(on_native(hooks, &[]), @"pipeline `web` has `hooks`, which only CodeDeploy calls, and ECS itself deploys to `prod/web` (hint: put them into `LifecycleHooks` of the service's `DeploymentConfiguration`, and take the table out)");
    assert_eq!(on_rolling(hooks, &protected()), on_native(hooks, &[]));
}

#[test]
fn a_listener_is_no_rule_at_an_application_load_balancer() {
    let head = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";
    let with = |production: &str, test: Option<&str>| {
        let rule = |text: &str| {
            let arn = format!("{head}:{text}");
            match text.starts_with("listener/") {
                true => TrafficRule::Listener(arn.parse().unwrap()),
                false => TrafficRule::Rule(arn.parse().unwrap()),
            }
        };
        let mut service = Service::for_tests();
        service.load_balancers = vec![LoadBalancer {
            target: LoadBalancerTarget {
                container: "web".parse().unwrap(),
                port: 8080,
                target_group: None,
            },
            advanced: Some(Advanced {
                alternate_target_group: None,
                production_rule: Some(rule(production)),
                test_rule: test.map(rule),
                role: None,
            }),
        }];
        said(fits_native(&pipeline(""), &service, &functions()))
    };
    assert_eq!(with("listener-rule/app/web/1/2/3", None), "fits");
    assert_eq!(
        with("listener/net/web/1/2", Some("listener/net/web/1/3")),
        "fits"
    );
    assert_snapshot!(with("listener/app/web/1/2", None), @"service `prod/web` names the listener `arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/1/2` as `productionListenerRule`, expected one of its rules (hint: `aws elbv2 describe-rules --listener-arn arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/1/2 --query 'Rules[].RuleArn'` lists them; the default rule is one)");
    let test = with("listener-rule/app/web/1/2/3", Some("listener/app/web/1/4"));
    assert!(test.contains("`testListenerRule`"), "{test}");
}

fn protected() -> Service {
    let mut service = Service::for_tests();
    service.configuration.circuit_breaker = Some(CircuitBreaker {
        enable: true,
        rollback: true,
    });
    service
}

#[test]
fn a_rolling_update_has_no_hook_so_what_needs_one_is_refused() {
    assert_eq!(on_rolling("", &protected()), "fits");
    // It runs before the update.
    assert_eq!(on_rolling(MIGRATION, &protected()), "fits");
    assert_snapshot!(on_rolling(TEST, &protected()), @"pipeline `web` has `test_traffic`, and a rolling update of `prod/web` has no green that could get it (hint: take the table out, or give the service the strategy `BLUE_GREEN`, `LINEAR` or `CANARY`)");
    // Held after the update, by a step of Greenlight's own.
    let mut reached = protected();
    reached.load_balancers = vec![balancer(None, None)];
    assert_eq!(on_rolling(PRODUCTION, &reached), "fits");
}

/// A gate whose requests reach nothing would pass unasked, or fail every deployment late.
#[test]
fn requests_that_no_load_balancer_leads_anywhere_are_refused() {
    assert_snapshot!(on_rolling(PRODUCTION, &protected()), @"pipeline `web` has requests in `production_traffic`, and no load balancer of `prod/web` has a target group, so nothing could be asked (hint: put the service behind a load balancer, or take the requests out)");
    let mut classic = protected();
    classic.load_balancers = vec![balancer(None, None)];
    classic.load_balancers[0].target.target_group = None;
    let by_address = PRODUCTION.replacen('\n', "\nbase_url = 'https://shop.example'\n", 1);
    for (more, service) in [(PRODUCTION, &classic), (&by_address, &protected())] {
        assert_eq!(
            on_rolling(more, service),
            on_rolling(PRODUCTION, &protected())
        );
    }
    let native = |more: &str, balancers: Vec<LoadBalancer>| {
        let mut service = Service::for_tests();
        let hooks = [
            "check-test-traffic@POST_TEST_TRAFFIC_SHIFT",
            "check-production@POST_PRODUCTION_TRAFFIC_SHIFT",
        ];
        service.configuration.hooks = hooks.map(hook).to_vec();
        service.load_balancers = balancers;
        said(fits_native(&pipeline(more), &service, &functions()))
    };
    let no_test_rule = || vec![balancer(Some(rule("production")), None)];
    assert_snapshot!(native(TEST, no_test_rule()), @"pipeline `web` has requests in `test_traffic`, and no load balancer of `prod/web` has a `testListenerRule`, so nothing could be asked (hint: name one in `AdvancedConfiguration` of the service's `LoadBalancers`, or take the requests out)");
    assert_eq!(native(TEST, Vec::new()), native(TEST, no_test_rule()));
    assert_eq!(native("[pipeline.test_traffic]\n", Vec::new()), "fits");
    assert_eq!(native(PRODUCTION, no_test_rule()), "fits");
    assert_snapshot!(native(PRODUCTION, Vec::new()), @"pipeline `web` has requests in `production_traffic`, and no load balancer of `prod/web` has a `productionListenerRule`, so nothing could be asked (hint: name one in `AdvancedConfiguration` of the service's `LoadBalancers`, or take the requests out)");
}

/// Public and internal, say: an answer of one says nothing of the other, and one may not be reached from where the gate is.
#[test]
fn of_several_load_balancers_it_must_be_clear_which_one_is_asked() {
    let both = |test: Option<TrafficRule>| {
        let production = || Some(rule("production"));
        vec![
            named("public", production(), Some(rule("test"))),
            named("internal", Some(rule("within")), test),
        ]
    };
    let with = |table: &str, key: &str| table.replacen('\n', &format!("\n{key}\n"), 1);
    let native = |more: &str, balancers: Vec<LoadBalancer>| {
        let mut service = Service::for_tests();
        let hooks = [
            "check-test-traffic@POST_TEST_TRAFFIC_SHIFT",
            "check-production@POST_PRODUCTION_TRAFFIC_SHIFT",
        ];
        service.configuration.hooks = hooks.map(hook).to_vec();
        service.load_balancers = balancers;
        said(fits_native(&pipeline(more), &service, &functions()))
    };
    assert_snapshot!(native(TEST, both(Some(rule("test-within")))), @"pipeline `web`: the load balancers of `prod/web` with the target groups `public` and `internal` could all be asked by `test_traffic`, expected one (hint: `target_group = \"public\"` in `[pipeline.test_traffic]`, or that of the other one)");
    assert_snapshot!(native(PRODUCTION, both(None)), @"pipeline `web`: the load balancers of `prod/web` with the target groups `public` and `internal` could all be asked by `production_traffic`, expected one (hint: `target_group = \"public\"` in `[pipeline.production_traffic]`, or that of the other one)");
    assert_snapshot!(native(&with(TEST, "target_group = 'web'"), both(None)), @"pipeline `web`: `web` is not a target group of `prod/web`, expected one of its load balancers', such as `public` and `internal` (hint: correct `test_traffic.target_group`)");
    // The other one has no test rule.
    assert_snapshot!(native(&with(TEST, "target_group = 'internal'"), both(None)), @"pipeline `web`: the load balancer of `prod/web` with the target group `internal` has no listener rule that `test_traffic` could ask through (hint: name one in its `AdvancedConfiguration`, or another load balancer in `test_traffic.target_group`)");
    assert_eq!(native(TEST, both(None)), "fits");
    for name in ["public", "internal"] {
        let key = format!("target_group = '{name}'");
        assert_eq!(native(&with(PRODUCTION, &key), both(None)), "fits");
        let both = both(Some(rule("test-within")));
        assert_eq!(native(&with(TEST, &key), both), "fits");
    }
    assert_eq!(
        native("[pipeline.test_traffic]\n", both(Some(rule("test-within")))),
        "fits"
    );
    let mut rolling = protected();
    rolling.load_balancers = vec![named("public", None, None), named("internal", None, None)];
    assert_snapshot!(on_rolling(PRODUCTION, &rolling), @"pipeline `web`: the load balancers of `prod/web` with the target groups `public` and `internal` could all be asked by `production_traffic`, expected one (hint: `target_group = \"public\"` in `[pipeline.production_traffic]`, or that of the other one)");
    let key = "target_group = 'internal'";
    assert_eq!(on_rolling(&with(PRODUCTION, key), &rolling), "fits");
    assert_eq!(on_rolling("", &rolling), "fits");
}

#[test]
fn a_rolling_update_that_nothing_would_roll_back_is_refused_unless_accepted() {
    let bare = Service::for_tests();
    assert_snapshot!(on_rolling("", &bare), @"service `prod/web` has neither a circuit breaker nor alarms that roll back, so a bad image would be tried for ever (hint: `DeploymentCircuitBreaker: {Enable: true, Rollback: true}` in the service's `DeploymentConfiguration`, or `without_rollback = true` in the pipeline)");
    assert_eq!(on_rolling("without_rollback = true\n", &bare), "fits");
    let mut alarmed = Service::for_tests();
    alarmed.configuration.alarms = Some(Alarms {
        enable: true,
        rollback: true,
        names: vec!["errors".to_owned()],
    });
    assert_eq!(on_rolling("", &alarmed), "fits");
}

#[test]
fn two_stacks_one_service_another_stacks_service_is_refused() {
    let serves = |tags| TaskDefinition {
        task_definition: serde_json::json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7"
        }),
        tags,
    };
    let of = |stack: &str| serves(serde_json::json!([{"key": "greenlight:stack", "value": stack}]));
    let check = |definition: &TaskDefinition| {
        said(must_be_of(
            &"greenlight".parse().unwrap(),
            &pipeline(""),
            definition,
        ))
    };
    assert_eq!(check(&of("greenlight")), "fits");
    assert_eq!(check(&serves(serde_json::Value::Null)), "fits");
    assert_snapshot!(check(&of("other")), @"service `prod/web` runs `arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7`, which stack `other` registered, expected one stack for a service (hint: take the pipeline out of one of them; where `other` is gone, `aws ecs untag-resource --tag-keys greenlight:stack --resource-arn arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7`)");
}

#[test]
fn a_rolling_update_that_can_neither_stop_nor_start_a_task_is_refused() {
    let with = |desired: i32, minimum: Option<i32>, maximum: Option<i32>| {
        let mut service = protected();
        service.desired_count = desired;
        service.configuration.minimum_healthy_percent = minimum;
        service.configuration.maximum_percent = maximum;
        service
    };
    for (desired, minimum, maximum, fits) in [
        (4, None, None, true),
        (4, Some(100), Some(200), true),
        (4, Some(75), Some(110), true),
        (4, Some(90), Some(125), true),
        (4, Some(90), Some(110), false),
        (10, Some(90), Some(100), true),
        (1, Some(50), Some(100), false),
        (1, Some(0), Some(100), true),
        (2, Some(50), Some(100), true),
        (0, Some(100), Some(100), true),
    ] {
        let said = on_rolling("", &with(desired, minimum, maximum));
        assert_eq!(
            said == "fits",
            fits,
            "{desired} {minimum:?} {maximum:?}: {said}"
        );
    }
    let mut daemon = with(4, Some(90), Some(110));
    daemon.scheduling_strategy = Some("DAEMON".to_owned());
    assert_eq!(on_rolling("", &daemon), "fits");
    assert_snapshot!(on_rolling("", &with(4, Some(90), Some(110))), @"service `prod/web` keeps at least 4 of its 4 tasks healthy (`minimumHealthyPercent` 90, rounded up) and runs at most 4 (`maximumPercent` 110, rounded down), so a rolling update could neither stop nor start one (hint: `MaximumPercent: 200` in the service's `DeploymentConfiguration`)");
}
