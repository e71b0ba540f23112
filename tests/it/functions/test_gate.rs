//! The test traffic gate where a scenario cannot get between two of its calls, and with calls of its hook that CodeDeploy
//! never made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::wire::Answer::{Says, SaysXml};
use super::wire::{Answer, Invocation, invoke, page, page_of};
use super::{EXECUTION, REVISION, deployment};

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/1/2";
const GREEN: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/green/1";
/// Where nobody listens; what `base_url` names stands before it.
const LOAD_BALANCER: &str = "127.0.0.2";
const HEALTHY: &str = "<member><Target><Id>10.0.0.1</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member>";
/// 2026-10-14T09:30:00Z, the date of every answer.
const NOW: f64 = 1_791_970_200.0;

fn listener(protocol: &str) -> String {
    format!(
        "<Listeners><member>\
         <LoadBalancerArn>arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/shop/1</LoadBalancerArn>\
         <Port>1</Port><Protocol>{protocol}</Protocol>{}</member></Listeners>",
        actions("DefaultActions", "green", 1)
    )
}

fn actions(member: &str, group: &str, weight: u32) -> String {
    let arn = GREEN.replace("/green/", &format!("/{group}/"));
    format!(
        "<{member}><member><Type>forward</Type><ForwardConfig><TargetGroups><member><TargetGroupArn>{arn}</TargetGroupArn>\
         <Weight>{weight}</Weight></member></TargetGroups></ForwardConfig></member></{member}>"
    )
}

fn rules(group: &str) -> String {
    let actions = actions("Actions", group, 1);
    format!("<Rules><member><Priority>default</Priority>{actions}</member></Rules>")
}

/// An AWS in which green is healthy, settled and reached; each test answers one thing otherwise.
fn aws(operation: &str) -> Answer {
    match operation {
        "GetDeployment" => deployment("d-1", "InProgress", 1.0),
        "ListDeploymentTargets" => Says(json!({"targetIds": ["prod:web"]})),
        "GetDeploymentTarget" => stage("InProgress", NOW - 60.0),
        "DescribeServices" => service(2, 2),
        "DescribeTargetHealth" => targets(2),
        "GetDeploymentGroup" => Says(json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}],
            "loadBalancerInfo": {"targetGroupPairInfoList": [{"testTrafficRoute": {"listenerArns": [LISTENER]}}]},
        }})),
        "DescribeListeners" => SaysXml(listener("HTTP").into()),
        "DescribeLoadBalancers" => load_balancer(LOAD_BALANCER),
        "DescribeRules" => SaysXml(rules("green").into()),
        _ => Says(json!({})),
    }
}

fn load_balancer(name: &str) -> Answer {
    let members =
        format!("<LoadBalancers><member><DNSName>{name}</DNSName></member></LoadBalancers>");
    SaysXml(members.into())
}

fn targets(count: usize) -> Answer {
    let members = HEALTHY.repeat(count);
    SaysXml(format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>").into())
}

fn stage(status: &str, since: f64) -> Answer {
    Says(
        json!({"deploymentTarget": {"ecsTarget": {"lifecycleEvents": [
            {"lifecycleEventName": "AfterInstall", "status": if status == "Pending" { "InProgress" } else { "Succeeded" }},
            {"lifecycleEventName": "AfterAllowTestTraffic", "status": status, "startTime": since},
        ]}}}),
    )
}

fn service(desired: i32, computed: i32) -> Answer {
    Says(json!({"failures": [], "services": [{
        "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"}, "taskDefinition": REVISION,
        "desiredCount": desired, "taskSets": [{
            "id": "ecs-svc/1", "status": "ACTIVE", "externalId": "d-1", "taskDefinition": REVISION, "launchType": "FARGATE",
            "computedDesiredCount": computed, "runningCount": computed,
            "loadBalancers": [{"targetGroupArn": GREEN, "containerName": "web", "containerPort": 80}],
        }],
    }]}))
}

/// One call of the hook, with this under `[pipeline.test_traffic]`, and a service that answers 200.
fn check(
    options: &str,
    answer: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    check_at(
        &format!("base_url='http://{}'\n{options}", page(200, "")),
        answer,
    )
}

fn check_at(
    options: &str,
    answer: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static,
) -> Invocation {
    let pipelines = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [pipeline.test_traffic]\n{options}\n[[pipeline.test_traffic.request]]\npath='/orders'\n"
    );
    let hook = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    invoke(
        "check-test-traffic",
        &pipelines,
        &hook,
        move |operation, before, _| answer(operation, before).unwrap_or_else(|| aws(operation)),
    )
}

/// `Succeeded`, or why not; `ignored` where CodeDeploy got no answer.
fn verdict(invocation: &Invocation) -> String {
    let reason = invocation.answer["reason"].as_str().unwrap_or_default();
    let put = invocation
        .calls
        .iter()
        .find(|(operation, _)| operation == "PutLifecycleEventHookExecutionStatus");
    match put.map(|(_, request)| request["status"].as_str().unwrap()) {
        Some("Succeeded") => "Succeeded".to_owned(),
        Some(status) => format!("{status}: {reason}"),
        None => format!("ignored: {reason}"),
    }
}

#[test]
fn a_call_after_the_gate_is_answered_nothing() {
    for status in ["Succeeded", "Failed", "Skipped"] {
        let invocation = check("", move |operation, _| {
            (operation == "GetDeploymentTarget").then(|| stage(status, NOW))
        });
        assert_eq!(
            verdict(&invocation),
            format!(
                "ignored: nothing waits for this gate: `AfterAllowTestTraffic` is `{status}`, not `InProgress`"
            )
        );
        assert_eq!(invocation.answer["answer"], "ignored");
        assert!(invocation.messages.is_empty());
        assert!(!invocation.operations().contains(&"DescribeServices"));
        assert!(invocation.log.contains("nothing waits for this gate"));
    }
}

/// A hook always answers: CodeDeploy would wait an hour for one that says nothing.
#[test]
fn a_stage_that_codedeploy_says_late_is_waited_for_and_one_that_it_never_says_fails() {
    let late = check("", |operation, before| {
        (operation == "GetDeploymentTarget" && before < 2).then(|| stage("Pending", NOW))
    });
    assert_eq!(verdict(&late), "Succeeded");
    for status in ["Pending", "Unknown"] {
        let never = check("", move |operation, _| {
            (operation == "GetDeploymentTarget").then(|| stage(status, NOW))
        });
        assert_eq!(
            verdict(&never),
            format!("Failed: `AfterAllowTestTraffic` is `{status}`, not `InProgress`")
        );
        assert!(!never.operations().contains(&"DescribeServices"));
    }
}

/// Blue answers well until AWS says that the settling time is over; from then on green answers, badly.
#[test]
fn nothing_is_asked_before_the_settling_time_is_over_by_awss_clock() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, seen) = (Arc::clone(&asked), Arc::clone(&asked));
    let address = page_of(move || {
        count.fetch_add(1, Ordering::SeqCst);
        500
    });
    let invocation = check_at(
        &format!("base_url='http://{address}'\nsettle_seconds=20"),
        move |operation, before| match operation {
            // The answers' date stays; so the event is as young as the number of answers says.
            "GetDeploymentTarget" => Some(stage("InProgress", NOW - 19.0)),
            "DescribeTargetHealth" if before < 3 => {
                assert_eq!(seen.load(Ordering::SeqCst), 0);
                Some(targets(2))
            }
            "DescribeTargetHealth" => Some(Answer::SaysXmlAt(
                "Wed, 14 Oct 2026 09:30:01 GMT",
                "<TargetHealthDescriptions/>".into(),
            )),
            _ => None,
        },
    );
    assert_eq!(
        verdict(&invocation),
        "Failed: `/orders`: wanted status 200, got status 500"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let asked_for_health = invocation
        .operations()
        .iter()
        .filter(|operation| **operation == "DescribeTargetHealth")
        .count();
    assert_eq!(asked_for_health, 4);
}

#[test]
fn the_rule_must_lead_to_green_before_the_requests_and_after_them() {
    let leads = |to_blue: fn(usize) -> bool| {
        let invocation = check("", move |operation, before| {
            (operation == "DescribeRules" && to_blue(before)).then(|| SaysXml(rules("blue").into()))
        });
        verdict(&invocation)
    };
    let to_blue = "`/orders` meets the default rule of the test listener, which forwards to `blue` (weight 1): an answer may \
                   come from elsewhere than green's target group `green`";
    assert_eq!(leads(|_| false), "Succeeded");
    assert_eq!(leads(|before| before == 0), format!("Failed: {to_blue}"));
    assert_eq!(
        leads(|before| before > 0),
        format!("Failed: after the requests {to_blue}")
    );
}

#[test]
fn what_is_wanted_of_green_is_asked_anew_while_it_is_waited_for() {
    let invocation = check("", |operation, before| match operation {
        "DescribeServices" if before == 0 => Some(service(2, 2)),
        "DescribeServices" => Some(service(1, 1)),
        "DescribeTargetHealth" => Some(targets(1)),
        _ => None,
    });
    assert_eq!(verdict(&invocation), "Succeeded");
    let nothing = check("", |operation, _| {
        (operation == "DescribeServices").then(|| service(0, 0))
    });
    assert_eq!(verdict(&nothing), "Succeeded");
    assert_eq!(
        nothing.answer["reason"],
        "nothing was checked: the service's desired count is 0"
    );
}

#[test]
fn a_target_that_no_task_of_green_is_keeps_green_from_being_healthy() {
    let invocation = check("healthy_within_seconds=1", |operation, _| {
        (operation == "DescribeTargetHealth").then(|| targets(3))
    });
    let said = verdict(&invocation);
    assert!(
        said.starts_with("Failed: green was not healthy within 1 seconds: 3 targets are registered, and 2 tasks are wanted"),
        "{said}"
    );
}

#[test]
fn a_protocol_that_says_nothing_of_requests_is_not_guessed() {
    for (protocol, options, expected) in [
        (
            "TLS",
            String::new(),
            "Failed: the test listener's protocol is TLS, which does not say whether its targets speak HTTP or HTTPS (hint: \
             say it in `test_traffic.base_url`, such as `https://127.0.0.2:1`)",
        ),
        (
            "TCP",
            format!("base_url='http://{}'", page(200, "")),
            "Succeeded",
        ),
    ] {
        let invocation = check_at(&options, move |operation, _| match operation {
            "DescribeListeners" => Some(SaysXml(listener(protocol).into())),
            // It has none.
            "DescribeRules" => Some(Answer::Refuses("ValidationError")),
            _ => None,
        });
        assert_eq!(verdict(&invocation), expected, "{protocol}");
    }
}

/// The production listener of the load balancer would answer with blue.
#[test]
fn another_listener_of_the_load_balancer_is_not_asked() {
    for (name, expected) in [
        (
            "127.0.0.1",
            "is another listener of the load balancer, and the test listener's port is 1",
        ),
        (
            "shop.invalid",
            "`shop.invalid`, the load balancer's name, could not be resolved",
        ),
    ] {
        let invocation = check("", move |operation, _| {
            (operation == "DescribeLoadBalancers").then(|| load_balancer(name))
        });
        let said = verdict(&invocation);
        assert!(
            said.starts_with("Failed: ") && said.contains(expected),
            "{said}"
        );
        assert!(
            !invocation.operations().contains(&"DescribeRules"),
            "{said}"
        );
    }
}

/// Nobody listens at that port: what to do depends on who can reach the load balancer, and of a `base_url` that is not known.
#[test]
fn a_listener_that_gives_no_answer_is_told_with_what_reaches_it() {
    let of_scheme = |scheme: &'static str| {
        move |operation: &str, _: usize| {
            let members = format!(
                "<LoadBalancers><member><DNSName>127.0.0.1</DNSName><Scheme>{scheme}</Scheme></member></LoadBalancers>"
            );
            (operation == "DescribeLoadBalancers").then(|| SaysXml(members.into()))
        }
    };
    let parameters =
        "give the stack's `CheckTestTrafficSubnets` and `CheckTestTrafficSecurityGroups`";
    for (scheme, expected) in [
        (
            "internal",
            "hint: the load balancer is internal, only its VPC reaches it; ",
        ),
        (
            "internet-facing",
            "hint: where its security group does not admit the internet to port 1, ",
        ),
    ] {
        let said = verdict(&check_at("", of_scheme(scheme)));
        assert!(
            said.starts_with("Failed: ") && said.contains(&format!("{expected}{parameters}")),
            "{said}"
        );
    }
    let said = verdict(&check_at(
        "base_url='http://127.0.0.1:1'",
        of_scheme("internal"),
    ));
    assert!(
        said.starts_with("Failed: ") && !said.contains("CheckTestTraffic"),
        "{said}"
    );
}

/// The end of a deployment of which so many tasks run.
fn told(deployment: &Value, desired: i32, running: i32) -> String {
    let event = json!({
        "source": "aws.codedeploy", "account": "111122223333", "region": "eu-central-1",
        "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "SUCCESS"
        }
    });
    let deployment = deployment.clone();
    let invocation = invoke(
        "report-outcome",
        super::PIPELINES,
        &event,
        move |operation, before, _| match operation {
            "GetDeployment" if before == 0 => Says(json!({"deploymentInfo": deployment})),
            "GetDeployment" => super::deployment("d-0", "Failed", 1.0),
            "DescribeServices" => Says(json!({"failures": [], "services": [{
                "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
                "taskDefinition": REVISION, "desiredCount": desired, "runningCount": 7, "taskSets": [{
                    "id": "ecs-svc/1", "status": "PRIMARY", "externalId": "d-1", "taskDefinition": REVISION,
                    "launchType": "FARGATE", "computedDesiredCount": desired, "runningCount": running,
                }],
            }]})),
            "ListTasks" => Says(json!({"taskArns": []})),
            "ListDeploymentTargets" => Says(json!({"targetIds": []})),
            _ => Says(json!({})),
        },
    );
    let message = &invocation.messages[0];
    format!(
        "{}: {}",
        message["outcome"].as_str().unwrap(),
        message["summary"].as_str().unwrap()
    )
}

#[test]
fn runs_is_said_of_tasks_that_run() {
    let deployment = |creator: &str| {
        json!({
            "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
            "status": "Succeeded", "creator": creator, "createTime": 100.0,
            "rollbackInfo": {"rollbackTriggeringDeploymentId": "d-0"},
        })
    };
    let (shipped, back) = (deployment("user"), deployment("codeDeployRollback"));
    for (deployment, desired, running, expected) in [
        (
            &shipped,
            2,
            2,
            "shipped: prod/web runs deployment d-1 (2 of 2 tasks)",
        ),
        (
            &shipped,
            2,
            1,
            "shipped: prod/web runs deployment d-1 (1 of 2 tasks)",
        ),
        (
            &shipped,
            0,
            0,
            "shipped: deployment d-1 is shipped to prod/web; nothing was checked: the service's desired count is 0",
        ),
        (
            &shipped,
            2,
            0,
            "failed: CodeDeploy reports success for deployment d-1 to prod/web, but 0 of 2 tasks run",
        ),
        (
            &back,
            2,
            2,
            "rolled-back: prod/web is rolled back from deployment d-0 and runs web:2 (2 of 2 tasks)",
        ),
        (
            &back,
            0,
            0,
            "rolled-back: prod/web is rolled back from deployment d-0; nothing was checked: the service's desired count is 0",
        ),
        (
            &back,
            2,
            0,
            "failed: CodeDeploy reports that prod/web is rolled back from deployment d-0, but 0 of 2 tasks run",
        ),
    ] {
        assert_eq!(told(deployment, desired, running), expected);
    }
}
