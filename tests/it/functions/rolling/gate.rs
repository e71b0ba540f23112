//! The production gate after a rolling update: what `check-production` does with a call that anybody who may invoke it can make, and after
//! a call that died; and what `start-deployment` makes of it meanwhile.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::aws::*;
use crate::functions::on_ecs::{FAMILY, HEAD, WAITS, marked};
use crate::functions::wire::Answer::{Says, SaysXml};
use crate::functions::wire::{Answer, Function, Invocation, invoke_each, page};

const FAILED: &str = "failed production-traffic new back:2 /orders : wanted 200 got status 500";

const ELB: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";

fn gated() -> String {
    asking("https://shop.example")
}

/// The pipeline, with production at this address.
fn asking(base_url: &str) -> String {
    format!(
        "{WAITS}[pipeline.production_traffic]\nsettle_seconds=0\nbase_url='{base_url}'\n\
         [[pipeline.production_traffic.request]]\npath='/'\n"
    )
}

fn target_group() -> String {
    format!("{ELB}:targetgroup/web/1")
}

/// A load balancer with one listener, whose default rule forwards to the service's target group.
fn load_balancer(operation: &str) -> Option<Answer> {
    let group = target_group();
    let text = match operation {
        "DescribeTargetGroups" => format!(
            "<TargetGroups><member><LoadBalancerArns><member>{ELB}:loadbalancer/app/shop/1</member></LoadBalancerArns></member>\
             </TargetGroups>"
        ),
        "DescribeListeners" => format!(
            "<Listeners><member><ListenerArn>{ELB}:listener/app/shop/1/2</ListenerArn>\
             <LoadBalancerArn>{ELB}:loadbalancer/app/shop/1</LoadBalancerArn><Port>1</Port><Protocol>HTTP</Protocol></member>\
             </Listeners>"
        ),
        "DescribeRules" => format!(
            "<Rules><member><RuleArn>{ELB}:listener-rule/app/shop/1/2/3</RuleArn><Priority>default</Priority>\
             <IsDefault>true</IsDefault><Actions><member><Type>forward</Type><ForwardConfig><TargetGroups><member>\
             <TargetGroupArn>{group}</TargetGroupArn><Weight>1</Weight></member></TargetGroups></ForwardConfig></member></Actions>\
             </member></Rules>"
        ),
        "DescribeLoadBalancers" => {
            "<LoadBalancers><member><DNSName>127.0.0.2</DNSName></member></LoadBalancers>"
                .to_owned()
        }
        "DescribeTargetHealth" => {
            let healthy = "<member><Target><Id>10.0.0.1</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member>";
            format!(
                "<TargetHealthDescriptions>{}</TargetHealthDescriptions>",
                healthy.repeat(2)
            )
        }
        _ => return None,
    };
    Some(SaysXml(text.into()))
}

/// Image `a` was deployed over `b` as `web:3`, and its gate has found this.
fn judged(found: Option<&str>) -> State {
    let mut state = state();
    state.world.load_balancers = json!([
        {"containerName": "web", "containerPort": 80, "targetGroupArn": target_group()}
    ]);
    let (definition, mut tags) = marked(3);
    let gate = found.map(|value| json!({"key": "greenlight:gate", "value": value}));
    tags.as_array_mut().unwrap().extend(gate);
    state.world.revisions.insert(3, (definition, tags));
    state.is_deployed_to("new", 3);
    state
}

/// `check-production` called for this deployment, and a production that answers 200.
fn judge(deployment: &str, state: &mut State) -> Invocation {
    judge_at(page(200, ""), deployment, state)
}

fn judge_at(production: SocketAddr, deployment: &str, state: &mut State) -> Invocation {
    let arn = format!("{HEAD}:service-deployment/prod/web/{deployment}");
    let event = json!({"gate": {"cluster": "prod", "service": "web", "deployment": arn}});
    let shared = Arc::new(Mutex::new(state.clone()));
    let inner = Arc::clone(&shared);
    let pipelines = asking(&format!("http://{production}"));
    let function = Function {
        name: "check-production",
        pipelines: &pipelines,
        variables: &[],
    };
    let answer = move |operation: &str, _: usize, request: &Value| {
        let mut state = inner.lock().unwrap();
        match (
            operation,
            state.says("check-production", operation, request),
        ) {
            ("DescribeServices", Says(mut described)) => {
                described["services"][0]["currentServiceRevisions"] = json!([{
                    "arn": format!("{HEAD}:service-revision/prod/web/3"),
                    "requestedTaskCount": 2, "runningTaskCount": 2
                }]);
                Says(described)
            }
            (operation, answer) => load_balancer(operation).unwrap_or(answer),
        }
    };
    let invocation = invoke_each(&function, [event.to_string()], answer).remove(0);
    *state = shared.lock().unwrap().clone();
    invocation
}

fn gate_mark(state: &State) -> String {
    let (_, tags) = &state.world.revisions[&3];
    let mut tags = tags.as_array().unwrap().iter();
    let found = tags.find(|tag| tag["key"] == "greenlight:gate");
    found.map_or_else(String::new, |tag| text(tag, "value").to_owned())
}

fn did(invocation: &Invocation) -> (usize, usize) {
    (
        calls(invocation, "TagResource"),
        calls(invocation, "UpdateService"),
    )
}

#[test]
fn what_was_found_is_written_down_once_and_told_at_once() {
    let mut state = judged(None);
    let first = judge("new", &mut state);
    assert_eq!(first.answer["answer"], "SUCCEEDED", "{}", first.answer);
    assert_eq!(gate_mark(&state), "passed production-traffic new");
    assert_eq!((did(&first), calls(&first, "CreateSchedule")), ((1, 0), 3));
    let again = judge("new", &mut state);
    assert_eq!(again.answer["answer"], Value::Null, "{}", again.answer);
    assert_eq!(did(&again), (0, 0));
}

/// Two calls of one schedule may find different things, and the mark of the second would be written over that of the first, which
/// has begun to go back.
#[test]
fn of_two_calls_only_one_writes_down_what_it_found() {
    for answers_with in [200, 500] {
        let mut state = judged(None);
        state.is_claimed = true;
        let slower = judge_at(page(answers_with, ""), "new", &mut state);
        assert_eq!(slower.answer["answer"], Value::Null, "{}", slower.answer);
        assert_eq!(slower.answer["reason"], "another call is judging it");
        assert_eq!((did(&slower), slower.messages.len()), ((0, 0), 0));
        assert_eq!(gate_mark(&state), "");
    }
}

/// A gate passes only on evidence: production is asked through what forwards to the service, or has failed.
#[test]
fn production_that_answers_badly_or_cannot_be_asked_fails_the_gate() {
    let mut bad = judged(None);
    let invocation = judge_at(page(500, ""), "new", &mut bad);
    assert!(invocation.operations().contains(&"DescribeTargetGroups"));
    let mut unreached = judged(None);
    unreached.world.load_balancers = json!([]);
    let unasked = judge("new", &mut unreached);
    for (state, invocation, expected) in [
        (&bad, &invocation, "500"),
        (
            &unreached,
            &unasked,
            "nothing could be asked: the service has no load balancer",
        ),
    ] {
        assert_eq!(
            invocation.answer["answer"], "FAILED",
            "{}",
            invocation.answer
        );
        let reason = text(&invocation.answer, "reason");
        assert!(reason.contains(expected), "{reason}");
        assert!(gate_mark(state).starts_with("failed production-traffic new back:2 "));
        assert_eq!(did(invocation), (1, 1));
    }
}

#[test]
fn a_call_that_died_after_the_mark_is_gone_on_with() {
    let mut state = judged(Some(FAILED));
    state.dies_at = Some("UpdateService");
    let died = judge("new", &mut state);
    assert_eq!(
        died.answer["errorType"], "AwsUnavailable",
        "{}",
        died.answer
    );
    // The service is as it was judged, so that it is sent once more.
    assert_eq!(did(&died), (0, 2));
    state.dies_at = None;
    let again = judge("new", &mut state);
    assert_eq!(again.answer["answer"], "FAILED", "{}", again.answer);
    assert_eq!((did(&again), again.messages.len()), ((0, 1), 0));
    assert_eq!(
        again.request("UpdateService")["taskDefinition"],
        format!("{FAMILY}:2")
    );
    assert_eq!(gate_mark(&state), FAILED);
    let late = judge("new", &mut state);
    assert_eq!(did(&late), (0, 0), "the service wants it already");
}

/// Somebody may have deployed since, whose deployment the same call again would replace.
#[test]
fn a_way_back_whose_answer_is_lost_is_not_gone_twice() {
    let mut state = judged(Some(FAILED));
    state.loses = Some("UpdateService");
    let lost = judge("new", &mut state);
    assert_eq!(
        lost.answer["errorType"], "AwsUnavailable",
        "{}",
        lost.answer
    );
    assert_eq!(did(&lost), (0, 1));
    let again = judge("new", &mut state);
    assert_eq!(did(&again), (0, 0), "{}", again.answer);
}

/// Why nothing is done in a state that is changed so.
fn with(found: Option<&str>, change: &dyn Fn(&mut State)) -> String {
    let mut state = judged(found);
    change(&mut state);
    let invocation = judge("new", &mut state);
    let reason = format!(
        "{}{}",
        text(&invocation.answer, "reason"),
        text(&invocation.answer, "errorMessage")
    );
    assert_eq!(did(&invocation), (0, 0), "{reason}");
    reason
}

#[test]
fn nothing_is_judged_or_gone_back_from_but_the_newest_update_of_this_stack() {
    let of_stack = |stack: &'static str| {
        move |state: &mut State| {
            let (_, tags) = state.world.revisions.get_mut(&3).unwrap();
            let mut tags = tags.as_array_mut().unwrap().iter_mut();
            tags.find(|tag| tag["key"] == "greenlight:stack").unwrap()["value"] = json!(stack);
        }
    };
    let newer = |state: &mut State| {
        state
            .world
            .deployments
            .insert(0, ("newer", "IN_PROGRESS", 2, 400.0, json!({})));
    };
    for found in [None, Some(FAILED)] {
        for (change, expected) in [
            (&newer as &dyn Fn(&mut State), "not the service's newest"),
            (
                &|it: &mut State| it.world.wanted = 2,
                "wants another revision",
            ),
            (
                &|it: &mut State| it.world.deployments[0].1 = "ROLLBACK_SUCCESSFUL",
                "it is ROLLBACK_SUCCESSFUL",
            ),
            (
                &|it: &mut State| it.world.configuration["strategy"] = json!("CANARY"),
                "no rolling updates",
            ),
            (&of_stack("other"), "this stack did not register"),
        ] {
            let reason = with(found, change);
            assert!(reason.contains(expected), "{reason}");
        }
    }
}

#[test]
fn what_is_judged_or_was_deployed_before_is_not_judged_and_only_what_shipped_is_gone_back_to() {
    let deployed_before = |state: &mut State| {
        state
            .world
            .deployments
            .insert(1, ("older", "SUCCESSFUL", 3, 50.0, json!({})));
    };
    assert!(with(None, &deployed_before).contains("deployed before"));
    for (found, expected) in [
        ("passed production-traffic new", "judged already"),
        (
            "failed production-traffic new back:none it failed",
            "judged already",
        ),
        ("passed production-traffic other", "deployed before"),
        // Whoever may tag revisions may write any number: only what shipped is gone back to.
        (
            "failed production-traffic new back:7 it failed",
            "no longer what the service goes back to",
        ),
        (
            "failed production-traffic new back:3 it failed",
            "no longer what the service goes back to",
        ),
    ] {
        let reason = with(Some(found), &|_| {});
        assert!(reason.contains(expected), "{found}: {reason}");
    }
}

#[test]
fn an_update_is_under_way_until_its_gate_has_judged_it_and_people_were_told() {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    let replaces = gated().replace(
        "[pipeline.production_traffic]",
        "when_busy='replace'\n[pipeline.production_traffic]",
    );
    let told = |state: &mut State| {
        let (_, tags) = state.world.revisions.get_mut(&3).unwrap();
        let told = json!({"key": "greenlight:told-ended", "value": "greenlight:new"});
        tags.as_array_mut().unwrap().push(told);
    };
    for (found, is_told, waits, replacing) in [
        (None, false, "waiting", "start"),
        (None, true, "start", "start"),
        (
            Some("passed production-traffic new"),
            false,
            "start",
            "start",
        ),
        (Some(FAILED), false, "waiting", "waiting"),
        (Some(FAILED), true, "start", "start"),
        (
            Some("failed production-traffic new back:none it failed"),
            false,
            "start",
            "start",
        ),
    ] {
        for (pipelines, expected) in [(gated(), waits), (replaces.clone(), replacing)] {
            let mut state = judged(found);
            if is_told {
                told(&mut state);
            }
            (state.tagged, state.pushed_at) = ("c", NOW + 20.0);
            let invocation = call("start-deployment", &pipelines, &event, &mut state);
            assert_eq!(
                decision(&invocation),
                expected,
                "{found:?} {is_told}: {}",
                invocation.answer
            );
        }
        // The same image is not tried again where it failed.
        let mut state = judged(found);
        let invocation = call("start-deployment", &gated(), &event, &mut state);
        assert_ne!(decision(&invocation), "start", "{found:?}");
    }
}
