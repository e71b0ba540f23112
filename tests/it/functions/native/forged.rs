//! Whoever may invoke a hook's function: every identifier right but one. Nothing is done, and nothing passes.

use super::*;
use crate::functions::wire::Answer::Refuses;

/// Each gate's function, with the stage that fits it.
const GATES: [(&str, &str); 3] = [
    ("run-migration", "PRE_SCALE_UP"),
    ("check-test-traffic", "POST_TEST_TRAFFIC_SHIFT"),
    ("check-production", "POST_PRODUCTION_TRAFFIC_SHIFT"),
];

const ASKS: &str = "[[pipeline.production_traffic.request]]\npath='/orders'\n";

fn pipelines() -> String {
    format!("{PIPELINES}{ASKS}")
}

/// Whether it did anything but read the deployment.
fn did_nothing(invocation: &Invocation) -> bool {
    let mut operations = invocation.operations().into_iter();
    operations.all(|operation| operation == "DescribeServiceDeployments")
}

#[test]
fn a_call_that_no_deployment_makes_does_nothing_and_tells_nobody() {
    for (function, stage) in GATES {
        for (path, forged) in [
            (
                "/executionDetails/serviceArn",
                format!("{HEAD}:service/prod/another"),
            ),
            (
                "/executionDetails/targetServiceRevisionArn",
                service_revision("1"),
            ),
            (
                "/resourceArn",
                format!("{HEAD}:service-deployment/prod/web/other"),
            ),
        ] {
            let mut payload = payload(stage);
            *payload.pointer_mut(path).unwrap() = json!(forged);
            let invocation = call(function, &pipelines(), &payload, |_, _, _| None);
            assert_eq!(status(&invocation), "FAILED", "{function} {path}");
            assert!(
                did_nothing(&invocation),
                "{function} {path}: {:?}",
                invocation.operations()
            );
        }
        let unknown = call(
            function,
            &pipelines(),
            &payload(stage),
            |operation, _, _| {
                let none = json!({"serviceDeployments": [], "failures": [{"reason": "MISSING"}]});
                (operation == "DescribeServiceDeployments").then(|| Says(none))
            },
        );
        assert_eq!(status(&unknown), "FAILED", "{function}");
        assert!(did_nothing(&unknown), "{:?}", unknown.operations());
    }
}

#[test]
fn a_deployment_that_waits_no_more_gets_no_work() {
    for (function, stage) in GATES {
        for (is, at) in [
            ("SUCCESSFUL", stage),
            ("STOPPED", stage),
            ("STOP_REQUESTED", stage),
            ("ROLLBACK_SUCCESSFUL", stage),
            ("ROLLBACK_FAILED", stage),
            ("IN_PROGRESS", "BAKE_TIME"),
        ] {
            let invocation = call(
                function,
                &pipelines(),
                &payload(stage),
                move |operation, _, _| {
                    (operation == "DescribeServiceDeployments")
                        .then(|| deployments(&deployment(is, at)))
                },
            );
            assert_eq!(status(&invocation), "FAILED", "{function} {is} {at}");
            assert!(
                did_nothing(&invocation),
                "{function} {is}: {:?}",
                invocation.operations()
            );
        }
    }
}

/// A stage that ECS says a moment late is waited for; one that it never says fails, and people are told.
#[test]
fn a_deployment_that_is_not_as_far_is_read_again() {
    let (function, stage) = GATES[1];
    let at = |from: usize| {
        call(
            function,
            &pipelines(),
            &payload(stage),
            move |operation, before, _| {
                (operation == "DescribeServiceDeployments" && before < from)
                    .then(|| deployments(&deployment("IN_PROGRESS", "TEST_TRAFFIC_SHIFT")))
            },
        )
    };
    let never = at(usize::MAX);
    assert_eq!(status(&never), "FAILED");
    assert!(!never.operations().contains(&"DescribeTargetHealth"));
    assert!(
        told(&never).ends_with("is at `TEST_TRAFFIC_SHIFT`, not at `POST_TEST_TRAFFIC_SHIFT`"),
        "{}",
        told(&never)
    );
    let late = at(2);
    assert!(
        late.operations().contains(&"DescribeTargetHealth"),
        "{:?}",
        late.operations()
    );
}

#[test]
fn a_hook_at_a_stage_at_which_its_gate_cannot_hold_fails_and_names_the_right_one() {
    for (function, stage) in GATES {
        let invocation = call(
            function,
            &pipelines(),
            &payload("RECONCILE_SERVICE"),
            |_, _, _| None,
        );
        assert_eq!(status(&invocation), "FAILED", "{function}");
        let said = told(&invocation);
        assert!(
            said.contains(&format!("is at `RECONCILE_SERVICE`, expected `{stage}`")),
            "{said}"
        );
        assert!(!invocation.operations().contains(&"RunTask"));
    }
}

#[test]
fn a_rollback_migrates_and_checks_nothing_and_waits_for_nothing() {
    for (function, stage) in GATES {
        let invocation = call(
            function,
            &pipelines(),
            &payload(stage),
            move |operation, _, _| {
                let back = deployment("ROLLBACK_IN_PROGRESS", stage);
                (operation == "DescribeServiceDeployments").then(|| deployments(&back))
            },
        );
        assert_eq!(
            invocation.answer,
            json!({"hookStatus": "SUCCEEDED"}),
            "{function}"
        );
        assert!(did_nothing(&invocation), "{:?}", invocation.operations());
        for (shift, weights) in [
            ("TEST_TRAFFIC_SHIFT", "testTrafficWeights"),
            ("PRODUCTION_TRAFFIC_SHIFT", "productionTrafficWeights"),
        ] {
            let mut payload = payload(shift);
            payload["executionDetails"][weights] =
                json!({service_revision(GREEN): 0, service_revision(BLUE): 100});
            // Even where AWS refuses every call, and the configuration is wrong.
            let refuses = |_: &str, _: usize, _: &Value| Some(Refuses("AccessDeniedException"));
            let invocation = call(function, "nonsense", &payload, refuses);
            assert_eq!(
                invocation.answer,
                json!({"hookStatus": "SUCCEEDED"}),
                "{function}"
            );
            assert!(invocation.calls.is_empty());
        }
    }
}

#[test]
fn a_service_of_no_pipeline_and_a_wrong_configuration_fail_and_are_told() {
    let another = PIPELINES.replace("service='web'", "service='api'");
    for (function, stage) in GATES {
        for (pipelines, expected) in [
            (
                another.as_str(),
                "no pipeline deploys to the service `prod/web`",
            ),
            ("nonsense", "the configuration is wrong"),
        ] {
            let invocation = call(function, pipelines, &payload(stage), |_, _, _| None);
            assert_eq!(status(&invocation), "FAILED", "{function}");
            assert!(
                did_nothing_but_tell(&invocation),
                "{:?}",
                invocation.operations()
            );
            assert!(
                told(&invocation).contains(expected),
                "{}",
                told(&invocation)
            );
        }
        let denied = call(
            function,
            &pipelines(),
            &payload(stage),
            |operation, _, _| {
                (operation == "DescribeServiceDeployments")
                    .then(|| Refuses("AccessDeniedException"))
            },
        );
        assert_eq!(status(&denied), "FAILED", "{function}");
        assert!(
            told(&denied).contains("ecs:DescribeServiceDeployments"),
            "{}",
            told(&denied)
        );
    }
}

fn did_nothing_but_tell(invocation: &Invocation) -> bool {
    let operations = invocation.operations();
    operations
        .iter()
        .all(|operation| ["DescribeServiceDeployments", "Publish", "PutEvents"].contains(operation))
}

/// Details are what an earlier call returned, or what anybody wrote: the task in them must be the migration.
#[test]
fn a_task_that_details_name_is_taken_only_where_it_is_the_migration() {
    let right = || {
        json!({
            "taskArn": TASK, "clusterArn": format!("{HEAD}:cluster/prod"), "taskDefinitionArn": REVISION,
            "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "createdAt": NOW - 30.0, "startedAt": NOW - 20.0,
            "containers": [{"name": "web", "exitCode": 0}], "startedBy": format!("greenlight-native/{ID}"),
            "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"]}]},
        })
    };
    let with = |task: Value| {
        let mut payload = payload("PRE_SCALE_UP");
        payload["hookDetails"] = json!({"greenlightTask": TASK});
        call(
            "run-migration",
            PIPELINES,
            &payload,
            move |operation, _, _| match operation {
                "DescribeTasks" => Some(Says(json!({"tasks": [task], "failures": []}))),
                "RunTask" => {
                    let mut new = right();
                    new["taskArn"] = json!(TASK.replace("8f3c1a7c", "0a0b0c0d"));
                    new["lastStatus"] = json!("PROVISIONING");
                    new["containers"] = json!([{"name": "web"}]);
                    Some(Says(json!({"tasks": [new], "failures": []})))
                }
                _ => None,
            },
        )
    };
    assert_eq!(status(&with(right())), "SUCCEEDED");
    for (path, forged) in [
        ("/clusterArn", json!(format!("{HEAD}:cluster/staging"))),
        (
            "/taskDefinitionArn",
            json!(format!("{HEAD}:task-definition/web:6")),
        ),
        ("/startedBy", json!("greenlight-native/other")),
        ("/startedBy", json!(format!("greenlight/{ID}"))),
        ("/overrides/containerOverrides/0/command", json!(["true"])),
        ("/overrides/containerOverrides/0/name", json!("proxy")),
    ] {
        let mut task = right();
        *task.pointer_mut(path).unwrap() = forged;
        let invocation = with(task);
        // The migration itself is started, and its end is still to come.
        assert_eq!(status(&invocation), "IN_PROGRESS", "{path}");
        assert!(
            invocation.answer["hookDetails"]["greenlightTask"]
                .as_str()
                .unwrap()
                .ends_with("0a0b0c0d"),
            "{path}: {}",
            invocation.answer
        );
        assert!(!invocation.operations().contains(&"StopTask"), "{path}");
    }
}
