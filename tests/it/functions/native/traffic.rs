//! The traffic gates: green, and green alone, answers through the rule that ECS has pointed at it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::functions::wire::page;

const TEST: (&str, &str) = ("check-test-traffic", "POST_TEST_TRAFFIC_SHIFT");
const PRODUCTION: (&str, &str) = ("check-production", "POST_PRODUCTION_TRAFFIC_SHIFT");

/// One rule with this priority and condition, at a target group.
fn member(priority: &str, condition: &str, group: &str) -> String {
    format!(
        "<member><Priority>{priority}</Priority><Conditions>{condition}</Conditions><Actions><member><Type>forward</Type>\
         <ForwardConfig><TargetGroups><member><TargetGroupArn>{}</TargetGroupArn><Weight>100</Weight></member></TargetGroups>\
         </ForwardConfig></member></Actions></member>",
        target_group(group)
    )
}

fn condition(field: &str, value: &str) -> String {
    let config = match field {
        "host-header" => "HostHeaderConfig",
        "path-pattern" => "PathPatternConfig",
        _ => "HttpHeaderConfig",
    };
    let name = match config {
        "HttpHeaderConfig" => format!("<HttpHeaderName>{field}</HttpHeaderName>"),
        _ => String::new(),
    };
    let field = if name.is_empty() {
        field
    } else {
        "http-header"
    };
    format!(
        "<member><Field>{field}</Field><{config}>{name}<Values><member>{value}</member></Values></{config}></member>"
    )
}

/// A gate whose rule has this condition and is at this group, on a listener whose default rule is production's: at blue before the
/// shift, at green after it.
fn gate(
    (function, stage): (&'static str, &'static str),
    options: &str,
    conditions: &str,
    groups: impl Fn(usize) -> &'static str + Send + Sync + 'static,
    answer: impl Fn(&str, usize, &Value) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    let table = match function {
        "check-test-traffic" => "test_traffic",
        _ => "production_traffic",
    };
    let settle = match options.contains("settle_seconds") {
        true => "",
        false => "settle_seconds=0",
    };
    let pipelines = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [pipeline.{table}]\n{settle}\nbase_url='http://{}'\n{options}\n[[pipeline.{table}.request]]\npath='/orders'\n",
        page(200, "")
    );
    let default = if function == "check-production" {
        "green"
    } else {
        "a"
    };
    let conditions = conditions.to_owned();
    call(
        function,
        &pipelines,
        &payload(stage),
        move |operation, before, request| {
            if let Some(answer) = answer(operation, before, request) {
                return Some(answer);
            }
            if operation != "DescribeRules" {
                return None;
            }
            let rule = member("10", &conditions, groups(before));
            if request.get("RuleArns.member.1").is_some() {
                return Some(SaysXml(format!("<Rules>{rule}</Rules>").into()));
            }
            let default = member("default", "", default);
            Some(SaysXml(format!("<Rules>{rule}{default}</Rules>").into()))
        },
    )
}

fn reason(invocation: &Invocation) -> String {
    let line = invocation
        .log
        .lines()
        .rfind(|line| line.contains("hook answered"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn green_passes_through_its_own_rule() {
    for gate_of in [TEST, PRODUCTION] {
        let host = condition("host-header", "test.example");
        let invocation = gate(
            gate_of,
            "host='test.example'",
            &host,
            |_| "green",
            |_, _, _| None,
        );
        assert_eq!(
            invocation.answer,
            json!({"hookStatus": "SUCCEEDED"}),
            "{}",
            invocation.log
        );
        assert!(
            reason(&invocation).contains("answered 1 requests"),
            "{}",
            reason(&invocation)
        );
        assert!(invocation.messages.is_empty());
    }
}

/// Production and test traffic may differ in a host or a header alone: a request without it would be answered by blue.
#[test]
fn a_request_is_made_to_meet_the_rule() {
    for conditions in [
        condition("host-header", "test.example"),
        condition("x-greenlight", "green"),
        condition("path-pattern", "/orders"),
    ] {
        let invocation = gate(TEST, "", &conditions, |_| "green", |_, _, _| None);
        assert_eq!(
            status(&invocation),
            "SUCCEEDED",
            "{conditions}: {}",
            invocation.log
        );
    }
    for (conditions, expected) in [
        (
            condition("host-header", "*.example"),
            "give `test_traffic.host` a name that fits",
        ),
        (
            condition("x-greenlight", "g*"),
            "give `test_traffic.headers` a value of it that fits",
        ),
        (
            condition("path-pattern", "/other"),
            "ask for a path that fits",
        ),
    ] {
        let invocation = gate(TEST, "", &conditions, |_| "green", |_, _, _| None);
        assert_eq!(status(&invocation), "FAILED", "{conditions}");
        assert!(
            told(&invocation).contains(expected),
            "{}",
            told(&invocation)
        );
    }
}

#[test]
fn a_rule_that_is_not_at_green_before_or_after_the_requests_fails() {
    let host = condition("host-header", "test.example");
    let options = "host='test.example'";
    let to_blue = "rule 10 of the test listener forwards to `a` (weight 100): an answer may come from elsewhere than green's target \
                   group `green`";
    let before = gate(TEST, options, &host, |_| "a", |_, _, _| None);
    assert_eq!(status(&before), "FAILED");
    assert!(told(&before).ends_with(to_blue), "{}", told(&before));
    // Read for what requests must carry, and before they are sent together with the listener's other rules.
    let after = gate(
        TEST,
        options,
        &host,
        |before| if before < 3 { "green" } else { "a" },
        |_, _, _| None,
    );
    assert_eq!(status(&after), "FAILED");
    assert!(
        told(&after).ends_with(&format!("after the requests {to_blue}")),
        "{}",
        told(&after)
    );
    let put_back = gate(PRODUCTION, options, &host, |_| "a", |_, _, _| None);
    assert_eq!(status(&put_back), "FAILED");
    let said = told(&put_back);
    assert!(said.starts_with("production-traffic-failed: "), "{said}");
}

/// A gate of a service that has an internal load balancer beside, whose rules are at this group.
fn beside(
    gate_of: (&'static str, &'static str),
    options: &str,
    internal: &'static str,
) -> Invocation {
    gate(
        gate_of,
        options,
        "",
        |_| "green",
        move |operation, _, request| match operation {
            "DescribeServices" => {
                let mut service = service();
                let mut second = service["loadBalancers"][0].clone();
                second["targetGroupArn"] = target_group("inner").into();
                second["advancedConfiguration"] = json!({
                    "alternateTargetGroupArn": target_group("inner-green"),
                    "productionListenerRule": rule("inner-production"), "testListenerRule": rule("inner-test"),
                    "roleArn": "r",
                });
                service["loadBalancers"]
                    .as_array_mut()
                    .unwrap()
                    .push(second);
                Some(Says(json!({"failures": [], "services": [service]})))
            }
            "DescribeServiceRevisions" => {
                let Says(mut answer) = aws(operation, gate_of.1) else {
                    return None;
                };
                let resolved =
                    &mut answer["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"];
                let second = json!({"targetGroupArn": target_group("inner-green")});
                resolved.as_array_mut().unwrap().push(second);
                Some(Says(answer))
            }
            "DescribeRules" => {
                let asked = request.get("RuleArns.member.1")?.as_str()?;
                asked.contains("inner").then(|| {
                    let rule = member("default", "", internal);
                    SaysXml(format!("<Rules>{rule}</Rules>").into())
                })
            }
            _ => None,
        },
    )
}

/// ECS shifts all of them; only one can be asked at the address that is configured.
#[test]
fn of_two_load_balancers_one_is_asked_and_both_must_lead_to_green() {
    for gate_of in [TEST, PRODUCTION] {
        let passed = beside(gate_of, "target_group='green'", "inner-green");
        assert_eq!(status(&passed), "SUCCEEDED", "{}", passed.log);
        let said = reason(&passed);
        assert!(
            said.contains("answered 1 requests")
                && said.contains("lead to green, in `inner-green`"),
            "{said}"
        );
        let left_behind = beside(gate_of, "target_group='green'", "inner");
        assert_eq!(status(&left_behind), "FAILED");
        assert!(
            told(&left_behind).contains("forwards to `inner` (weight 100)"),
            "{}",
            told(&left_behind)
        );
        // Asked at an address that is another load balancer's.
        let other = beside(gate_of, "target_group='inner'", "inner-green");
        assert_eq!(status(&other), "FAILED", "{}", other.log);
        // A start would have been refused; somebody else's deployment calls the hook, too.
        let unclear = beside(gate_of, "", "inner-green");
        assert_eq!(status(&unclear), "FAILED");
        assert!(
            told(&unclear).contains("could all be asked by"),
            "{}",
            told(&unclear)
        );
    }
}

/// Both revisions in one group (aws/containers-roadmap #2853): more targets are registered than green has tasks.
#[test]
fn targets_that_no_task_of_green_is_fail_the_gate() {
    let options = "healthy_within_seconds=1";
    let invocation = gate(
        TEST,
        options,
        "",
        |_| "green",
        move |operation, _, _| {
            (operation == "DescribeTargetHealth").then(|| {
                SaysXml(
                    format!(
                        "<TargetHealthDescriptions>{}</TargetHealthDescriptions>",
                        HEALTHY.repeat(4)
                    )
                    .into(),
                )
            })
        },
    );
    assert_eq!(status(&invocation), "FAILED");
    let said = told(&invocation);
    assert!(
        said.contains("4 targets are registered, and 2 tasks are wanted"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_asked_is_said() {
    let with = |service: Value, deployment: Value| {
        let services = json!({"failures": [], "services": [service]});
        gate(
            TEST,
            "",
            "",
            |_| "green",
            move |operation, _, _| match operation {
                "DescribeServices" => Some(Says(services.clone())),
                "DescribeServiceDeployments" => Some(deployments(&deployment)),
                _ => None,
            },
        )
    };
    let waits = || deployment("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT");
    let mut no_test_rule = service();
    no_test_rule["loadBalancers"][0]["advancedConfiguration"]
        .as_object_mut()
        .unwrap()
        .remove("testListenerRule");
    let mut headless = service();
    headless["loadBalancers"] = json!([]);
    let mut none = service();
    none["desiredCount"] = json!(0);
    let mut no_tasks = waits();
    for count in ["requestedTaskCount", "runningTaskCount"] {
        no_tasks["targetServiceRevision"][count] = json!(0);
    }
    for (service, expected) in [
        (
            no_test_rule,
            "green is healthy, and nothing could be asked: the service has no test listener rule",
        ),
        (
            headless,
            "2 tasks of green run, and nothing could be asked: the service has no load balancer",
        ),
    ] {
        let invocation = with(service, waits());
        assert_eq!(status(&invocation), "FAILED", "{expected}");
        assert!(
            told(&invocation).ends_with(expected),
            "{}",
            told(&invocation)
        );
    }
    let invocation = with(none, no_tasks);
    assert_eq!(status(&invocation), "SUCCEEDED");
    let expected = "nothing was checked: the service's desired count is 0";
    let said = reason(&invocation);
    assert!(said.contains(expected), "{said}");
    let mut elsewhere = service();
    elsewhere["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"] =
        json!(target_group("b"));
    let invocation = with(elsewhere, waits());
    assert_eq!(status(&invocation), "FAILED");
    assert!(
        told(&invocation).contains("expected one: `a` or `b`"),
        "{}",
        told(&invocation)
    );
}

/// ECS calls a hook two seconds after it has rewritten a rule, when the load balancer may still answer from blue.
#[test]
fn answers_count_when_the_load_balancer_had_its_time_or_nothing_served_before() {
    for (is_first, reads) in [(false, 3), (true, 1)] {
        let health = Arc::new(Mutex::new(0));
        let count = Arc::clone(&health);
        let options = "settle_seconds=15";
        let invocation = gate(
            TEST,
            options,
            "",
            |_| "green",
            move |operation, before, _| match operation {
                "DescribeTargetHealth" => {
                    *count.lock().unwrap() += 1;
                    // AWS's clock, not the machine's.
                    let date = match before {
                        0 => "Wed, 14 Oct 2026 09:30:00 GMT",
                        1 => "Wed, 14 Oct 2026 09:30:14 GMT",
                        _ => "Wed, 14 Oct 2026 09:30:15 GMT",
                    };
                    let members = HEALTHY.repeat(2);
                    let members =
                        format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>");
                    Some(Answer::SaysXmlAt(date, members.into()))
                }
                "DescribeServiceDeployments" if is_first => {
                    let mut first = deployment("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT");
                    first["sourceServiceRevisions"] = json!([]);
                    Some(deployments(&first))
                }
                _ => None,
            },
        );
        assert_eq!(status(&invocation), "SUCCEEDED", "{}", invocation.log);
        assert_eq!(
            *health.lock().unwrap(),
            reads,
            "first deployment: {is_first}"
        );
    }
}
