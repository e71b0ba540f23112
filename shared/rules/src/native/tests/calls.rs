//! Payloads, and how a call stands to its deployment.

use serde_json::{Value, json};

use super::*;
use crate::gate::Gate;
use crate::native::{Answer, GateMark, Progress, Standing, goes_back, standing};

#[test]
fn the_payload_tells_whose_call_it_is() {
    let codedeploy = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "x"});
    assert!(matches!(
        HookCall::parse(&codedeploy).unwrap(),
        HookCall::CodeDeploy(_)
    ));
    let mut both = payload("PRE_SCALE_UP");
    both["DeploymentId"] = json!("d-1");
    both["LifecycleEventHookExecutionId"] = json!("x");
    assert!(matches!(
        HookCall::parse(&both).unwrap(),
        HookCall::CodeDeploy(_)
    ));
    let read = call("POST_TEST_TRAFFIC_SHIFT");
    assert_eq!(read.stage, Stage::PostTestTrafficShift);
    assert_eq!(read.deployment.id().as_str(), ID);
    assert_eq!(read.target.digits(), GREEN);
    assert_eq!(read.details, Value::Null);
    // The set of stages is open, and weights may be fractions.
    let mut newer = payload("POST_CLEAN_UP");
    newer["executionDetails"]["productionTrafficWeights"] = json!({"a": 0.1, "b": 99.9});
    newer["field-of-tomorrow"] = json!(1);
    assert_eq!(
        super::read(&newer).stage,
        Stage::Unknown("POST_CLEAN_UP".to_owned())
    );
}

#[test]
fn a_payload_without_one_of_its_ids_is_nobodys() {
    for path in [
        "/lifecycleStage",
        "/resourceArn",
        "/executionDetails",
        "/executionDetails/serviceArn",
        "/executionDetails/targetServiceRevisionArn",
    ] {
        for wrong in [Value::Null, json!(7), json!("")] {
            let mut payload = payload("PRE_SCALE_UP");
            *payload.pointer_mut(path).unwrap() = wrong.clone();
            let is_text = ["/lifecycleStage", "/executionDetails/serviceArn"].contains(&path);
            let may_be_read = is_text && wrong == "";
            assert_eq!(
                HookCall::parse(&payload).is_ok(),
                may_be_read,
                "{path}: {wrong}"
            );
        }
    }
}

fn said(call: &EcsCall, gate: Gate, deployment: Option<&ServiceDeployment>) -> String {
    match standing(call, gate, deployment) {
        Standing::Waits => "waits".to_owned(),
        Standing::GoesBack(why) => format!("goes back: {why}"),
        Standing::Misplaced(why) => format!("misplaced: {why}"),
        Standing::NotYet(why) => format!("not yet: {why}"),
        Standing::NoMore(why) => format!("no more: {why}"),
        Standing::Foreign(why) => format!("foreign: {why}"),
    }
}

/// Every identifier right but one.
#[test]
fn a_forged_call_is_no_deployments() {
    let deployment = deployment("IN_PROGRESS", Some("PRE_SCALE_UP"));
    let right = call("PRE_SCALE_UP");
    let check = |call: &EcsCall, deployment: Option<&ServiceDeployment>, expected: &str| {
        let said = said(call, Gate::Migration, deployment);
        assert!(said.starts_with(expected), "{said}");
    };
    check(&right, Some(&deployment), "waits");
    check(&right, None, "foreign: ECS knows no service deployment");
    for service in [
        format!("{HEAD}:service/prod/another"),
        format!("{HEAD}:service/staging/web"),
        format!("{HEAD}:service/web"),
        HEAD.replace("111122223333", "444455556666") + ":service/prod/web",
        String::new(),
    ] {
        let forged = EcsCall {
            service,
            ..right.clone()
        };
        check(&forged, Some(&deployment), "foreign: service deployment");
    }
    let forged = EcsCall {
        target: format!("{HEAD}:service-revision/prod/web/1")
            .parse()
            .unwrap(),
        ..right.clone()
    };
    check(
        &forged,
        Some(&deployment),
        "foreign: service deployment `EZe5RNVLH6PPzHXINuP28` deploys service revision 9313423515462893900, not 1",
    );
    // What ECS was asked for is what it describes; another one is not taken for it.
    let forged = EcsCall {
        deployment: format!("{HEAD}:service-deployment/prod/web/other")
            .parse()
            .unwrap(),
        ..right.clone()
    };
    check(
        &forged,
        Some(&deployment),
        "foreign: ECS knows no service deployment `other`",
    );
    let unstated = ServiceDeployment {
        target: None,
        ..deployment
    };
    check(&right, Some(&unstated), "not yet: ECS does not state");
}

#[test]
fn only_a_deployment_under_way_waits_and_one_that_goes_back_is_let_go() {
    for (status, expected) in [
        ("PENDING", "waits"),
        ("IN_PROGRESS", "waits"),
        ("SOMETHING_NEW", "waits"),
        ("SUCCESSFUL", "no more: "),
        ("STOP_REQUESTED", "no more: "),
        ("STOPPED", "no more: "),
        ("ROLLBACK_SUCCESSFUL", "no more: "),
        ("ROLLBACK_FAILED", "no more: "),
        (
            "ROLLBACK_REQUESTED",
            "goes back: a rollback migrates and checks nothing",
        ),
        ("ROLLBACK_IN_PROGRESS", "goes back: "),
        ("ROLLBACK_TOMORROW", "goes back: "),
    ] {
        let deployment = deployment(status, None);
        let said = said(&call("PRE_SCALE_UP"), Gate::Migration, Some(&deployment));
        assert!(said.starts_with(expected), "{status}: {said}");
    }
}

#[test]
fn a_gate_holds_at_its_own_stages_only() {
    let stages = [
        "RECONCILE_SERVICE",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
        "POST_CLEAN_UP",
    ];
    for (gate, fitting, named) in [
        (
            Gate::Migration,
            &["PRE_SCALE_UP", "POST_SCALE_UP"][..],
            "expected `PRE_SCALE_UP` or `POST_SCALE_UP`: ",
        ),
        (
            Gate::TestTraffic,
            &["POST_TEST_TRAFFIC_SHIFT"],
            "expected `POST_TEST_TRAFFIC_SHIFT`: ",
        ),
        (
            Gate::ProductionTraffic,
            &["POST_PRODUCTION_TRAFFIC_SHIFT"],
            "expected `POST_PRODUCTION_TRAFFIC_SHIFT`: ",
        ),
    ] {
        for stage in stages {
            let deployment = deployment("IN_PROGRESS", Some(stage));
            let said = said(&call(stage), gate, Some(&deployment));
            if fitting.contains(&stage) {
                assert_eq!(said, "waits", "{gate:?} at {stage}");
            } else {
                assert!(
                    said.starts_with("misplaced: "),
                    "{gate:?} at {stage}: {said}"
                );
                assert!(
                    said.contains(&format!("is at `{stage}`, {named}")),
                    "{said}"
                );
            }
        }
    }
}

#[test]
fn the_deployment_must_be_at_the_stage_of_the_call_where_ecs_says_at_which_it_is() {
    for (stage, expected) in [
        (None, "waits"),
        (Some("POST_TEST_TRAFFIC_SHIFT"), "waits"),
        (Some("TEST_TRAFFIC_SHIFT"), "not yet: "),
        (Some("PRE_SCALE_UP"), "not yet: "),
        (Some("PRE_PRODUCTION_TRAFFIC_SHIFT"), "no more: "),
        (Some("BAKE_TIME"), "no more: "),
        (Some("STAGE_OF_TOMORROW"), "not yet: "),
    ] {
        let deployment = deployment("IN_PROGRESS", stage);
        let call = call("POST_TEST_TRAFFIC_SHIFT");
        let said = said(&call, Gate::TestTraffic, Some(&deployment));
        assert!(said.starts_with(expected), "{stage:?}: {said}");
    }
}

#[test]
fn weight_0_for_green_is_a_rollback_at_the_two_shifts_alone() {
    let green = format!("{HEAD}:service-revision/prod/web/{GREEN}");
    for (stage, test, production, expected) in [
        (
            "TEST_TRAFFIC_SHIFT",
            json!({&green: 0, "blue": 100}),
            json!({}),
            true,
        ),
        (
            "TEST_TRAFFIC_SHIFT",
            json!({&green: 100, "blue": 0}),
            json!({}),
            false,
        ),
        ("TEST_TRAFFIC_SHIFT", json!({}), json!({&green: 0}), false),
        (
            "PRODUCTION_TRAFFIC_SHIFT",
            json!({}),
            json!({&green: 0.0}),
            true,
        ),
        (
            "PRODUCTION_TRAFFIC_SHIFT",
            json!({}),
            json!({&green: 0.1}),
            false,
        ),
        (
            "PRODUCTION_TRAFFIC_SHIFT",
            json!({}),
            json!({"blue": 0}),
            false,
        ),
        // Before a step it is normal.
        (
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            json!({}),
            json!({&green: 0}),
            false,
        ),
        (
            "POST_TEST_TRAFFIC_SHIFT",
            json!({&green: 0}),
            json!({&green: 0}),
            false,
        ),
        (
            "PRE_SCALE_UP",
            json!({&green: 0}),
            json!({&green: 0}),
            false,
        ),
    ] {
        let mut payload = payload(stage);
        payload["executionDetails"]["testTrafficWeights"] = test;
        payload["executionDetails"]["productionTrafficWeights"] = production;
        assert_eq!(goes_back(&read(&payload)).is_some(), expected, "{payload}");
    }
}

#[test]
fn an_answer_is_what_ecs_reads() {
    assert_eq!(
        Answer::Succeeded.to_json(),
        json!({"hookStatus": "SUCCEEDED"})
    );
    assert_eq!(Answer::Failed.to_json(), json!({"hookStatus": "FAILED"}));
    let progress = |milliseconds| Progress {
        reason: "it runs".to_owned(),
        call_back: std::time::Duration::from_millis(milliseconds),
        details: json!({"a": 1}),
    };
    for (milliseconds, seconds) in [(15_000, 15), (30_999, 30), (0, 1)] {
        assert_eq!(
            Answer::InProgress(progress(milliseconds)).to_json(),
            json!({"hookStatus": "IN_PROGRESS", "callBackDelay": seconds, "hookDetails": {"a": 1}})
        );
    }
}

#[test]
fn a_failed_gate_is_read_from_the_tag_as_it_was_written() {
    let id = deployment("IN_PROGRESS", None).arn.id();
    let mark = GateMark::new(
        Gate::TestTraffic,
        id.clone(),
        "`/orders`: wanted status 200, got\nstatus 503 (hint: <!channel> Öffnen)",
    );
    let value = mark.to_string();
    assert_eq!(
        value,
        format!(
            "failed test-traffic {ID} /orders : wanted status 200 got status 503 hint: channel ffnen"
        )
    );
    assert_eq!(value.parse(), Ok(mark));
    let long = GateMark::new(Gate::Migration, id, &"word ".repeat(100));
    assert!(long.to_string().len() <= 256);
    let read: GateMark = long.to_string().parse().unwrap();
    assert!(long.reason.starts_with(&read.reason));
    for gate in [Gate::Migration, Gate::ProductionTraffic] {
        let mark = GateMark::new(gate, "d".parse().unwrap(), "");
        assert_eq!(mark.to_string().parse(), Ok(mark));
    }
    for wrong in [
        "",
        "failed",
        "passed migration x y",
        "failed luck x y",
        "failed migration",
    ] {
        assert!(wrong.parse::<GateMark>().is_err(), "{wrong}");
    }
}
