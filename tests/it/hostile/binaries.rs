//! Broken events through the functions that ship: none brings one down, none leaves work half done, and all get a reason.

use rules::events::HookCall;
use serde_json::{Value, json};

use super::mutation::{self, Way};
use super::properties;
use crate::functions::wire::Answer::{self, Says};
use crate::functions::wire::{Function, Invocation, invoke_each};
use crate::repository;
use crate::template::read::functions;

const DEPLOYMENT: &str = "d-8X2K4PLQ3";
const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:2";
const NEW_REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:3";
const PIPELINES: &str = "[[pipeline]]\nname='shop-web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n";

fn deployed(name: &str) -> Function<'_> {
    Function {
        name,
        pipelines: PIPELINES,
        variables: &[],
    }
}

/// Some kinds of wrong values, and some of the worst texts: each of them costs an invocation.
fn ways() -> Vec<Way> {
    let others = [
        json!(null),
        json!(7),
        json!({}),
        json!("x".repeat(20_000)),
        json!("<!channel>\r\n\u{202e}\u{0}"),
    ];
    [
        Way::Removed,
        Way::AsList,
        Way::With("a-field-of-tomorrow", json!(1)),
    ]
    .into_iter()
    .chain(others.map(Way::Replaced))
    .chain([Way::FollowedBy("\n".to_owned())])
    .collect()
}

/// An AWS in which all is well: `latest` is an image that production does not run yet, a hook's deployment is under way
/// and its migration has just begun, and a deployment that failed was stopped before anything ran.
fn world(operation: &str, _: usize, request: &Value) -> Answer {
    Says(match operation {
        "DescribeImages" => json!({"imageDetails": [{
            "imageDigest": digest("b"), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
        }]}),
        "DescribeServices" => json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": REVISION, "loadBalancers": [{"containerName": "web", "containerPort": 80}],
            "taskSets": [{
                "id": "ecs-svc/2", "status": "ACTIVE", "externalId": DEPLOYMENT, "taskDefinition": REVISION, "launchType": "FARGATE"
            }],
        }]}),
        "GetDeploymentGroup" => json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}]
        }}),
        "ListDeployments" => json!({"deployments": []}),
        "GetDeployment" => json!({"deploymentInfo": {
            "deploymentId": request["deploymentId"], "applicationName": "AppECS-prod-web",
            "deploymentGroupName": "DgpECS-prod-web", "status": "InProgress", "creator": "user", "createTime": 1.0,
        }}),
        "ListDeploymentTargets" => json!({"targetIds": ["prod:web"]}),
        "GetDeploymentTarget" => json!({"deploymentTarget": {"ecsTarget": {"lifecycleEvents": [{
            "lifecycleEventName": "AfterInstall", "status": "InProgress", "startTime": 1_791_970_000.0,
        }]}}}),
        "GetSchedule" => {
            let record = repository::json("events/finish-migration/timed-out.json");
            json!({
                "Name": "greenlight-migration-d-8X2K4PLQ3", "ScheduleExpression": "at(2026-10-14T09:10:00)",
                "Target": {"Arn": "f", "RoleArn": "r", "Input": record.to_string()},
            })
        }
        "DescribeTaskDefinition" => json!({"tags": [], "taskDefinition": {
            "taskDefinitionArn": REVISION, "family": "shop-web", "containerDefinitions": [{
                "name": "web", "image": format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{}", digest("a"))
            }],
        }}),
        "RegisterTaskDefinition" => json!({"taskDefinition": {"taskDefinitionArn": NEW_REVISION}}),
        "CreateDeployment" => json!({"deploymentId": "d-NEW"}),
        "ListTasks" => json!({"taskArns": []}),
        "RunTask" | "DescribeTasks" => {
            json!({"failures": [], "tasks": [migration(&request["tasks"][0])]})
        }
        _ => json!({}),
    })
}

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

fn migration(arn: &Value) -> Value {
    let started = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c";
    json!({
        "taskArn": arn.as_str().unwrap_or(started), "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
        "taskDefinitionArn": REVISION, "lastStatus": "STOPPED", "createdAt": 1_791_970_000.0,
        "containers": [{"name": "web", "lastStatus": "STOPPED", "exitCode": 1}], "overrides": {"containerOverrides": []},
    })
}

/// The hooks that leave their answer to nobody: without a world of its own, each refuses.
fn other_hooks() -> impl Iterator<Item = &'static str> {
    let names = functions().iter().filter(|known| known.hook.is_some());
    names
        .map(|hook| hook.name.as_str())
        .filter(|name| *name != "run-migration")
}

/// Everything that a function may change in this world, from its first call to its last: all of it or nothing.
fn whole_works(function: &str) -> &'static [&'static [&'static str]] {
    const FAILED: &[&str] = &[
        "PutLifecycleEventHookExecutionStatus",
        "Publish",
        "PutEvents",
    ];
    match function {
        "start-deployment" => &[&["RegisterTaskDefinition", "CreateDeployment"]],
        "run-migration" => &[&["CreateSchedule", "RunTask"], FAILED],
        "finish-migration" => &[&[
            "PutLifecycleEventHookExecutionStatus",
            "Publish",
            "PutEvents",
            "DeleteSchedule",
        ]],
        "report-outcome" => &[
            &["Publish", "PutEvents"],
            &["DeleteSchedule", "Publish", "PutEvents"],
        ],
        hook => {
            let is_hook = other_hooks().any(|name| name == hook);
            assert!(
                is_hook,
                "{hook} is a function that this test does not know, list what it may change"
            );
            &[FAILED]
        }
    }
}

fn is_change(operation: &&str) -> bool {
    !["Describe", "Get", "List", "BatchGet"]
        .iter()
        .any(|reads| operation.starts_with(reads))
}

#[track_caller]
fn check_reason(what: &str, invocation: &Invocation) {
    let (answer, operations) = (&invocation.answer, invocation.operations());
    let changes: Vec<&str> = operations.iter().copied().filter(is_change).collect();
    match answer["errorType"].as_str() {
        Some("UnreadableEvent") => assert!(operations.is_empty(), "{what}: {operations:?}"),
        Some(refused) => {
            assert!(["Refused", "NotYet"].contains(&refused), "{what}: {answer}");
            assert!(changes.is_empty(), "{what}: {changes:?}");
        }
        None => return,
    }
    properties::event::is_a_reason(answer["errorMessage"].as_str().unwrap());
}

#[track_caller]
fn check(function: &str, names: &[&str]) {
    let sample = |name: &&str| repository::json(&format!("events/{function}/{name}.json"));
    let mutations: Vec<_> = names
        .iter()
        .map(sample)
        .flat_map(|event| mutation::of(&event, &mutation::places(&event), &ways()))
        .collect();
    let events = mutations.iter().map(|mutation| mutation.event.to_string());
    // Nobody has called this hook before, and while it is at work its schedule is gone again.
    let is_first = function == "run-migration";
    let answer = move |operation: &str, before: usize, request: &Value| match operation {
        "GetSchedule" if is_first => Answer::Refuses("ResourceNotFoundException"),
        _ => world(operation, before, request),
    };
    let invocations = invoke_each(&deployed(function), events, answer);
    assert_eq!(invocations.len(), mutations.len());
    let mut refused = 0;
    for (mutation, invocation) in mutations.iter().zip(&invocations) {
        let what = format!("{function}, {}", mutation.what);
        check_reason(&what, invocation);
        refused += usize::from(invocation.answer["errorType"].is_string());
        let changes: Vec<&str> = invocation
            .operations()
            .into_iter()
            .filter(is_change)
            .collect();
        let is_whole = changes.is_empty() || whole_works(function).contains(&&changes[..]);
        assert!(is_whole, "{what}: {changes:?}");
        check_changes(&what, &mutation.event, invocation);
    }
    // Neither everything nor nothing gets through what was done to the events.
    assert!(
        refused > 0 && refused < invocations.len(),
        "{refused} of {}",
        invocations.len()
    );
}

/// What is changed is what AWS says, and what the event orders: nothing of an image comes from the event, and a hook that
/// can be answered is.
#[track_caller]
fn check_changes(what: &str, event: &Value, invocation: &Invocation) {
    for (operation, request) in &invocation.calls {
        let text = request.to_string();
        if operation == "CreateDeployment" {
            assert!(
                text.contains(NEW_REVISION) && text.contains(&digest("b")),
                "{what}: {text}"
            );
        }
        if ["RegisterTaskDefinition", "CreateDeployment", "RunTask"].contains(&operation.as_str()) {
            assert!(
                !text.contains("<!channel>") && text.len() < 5_000,
                "{what}: {text}"
            );
        }
    }
    let call = match HookCall::parse(event) {
        Ok(HookCall::CodeDeploy(call)) => Some(call),
        Ok(HookCall::Ecs(_)) => {
            let status = invocation.answer["hookStatus"].as_str();
            let is_answered = status
                .is_some_and(|status| ["SUCCEEDED", "FAILED", "IN_PROGRESS"].contains(&status));
            assert!(is_answered, "{what}: {}", invocation.answer);
            None
        }
        Err(_) => None,
    };
    if let Some(call) = call {
        let answered = invocation.calls.iter().any(|(operation, request)| {
            operation == "PutLifecycleEventHookExecutionStatus"
                && request["deploymentId"] == call.deployment_id.as_str()
                && request["lifecycleEventHookExecutionId"] == call.execution_id.as_str()
        });
        let is_left_to_its_task = invocation.answer["answer"] == "later";
        assert!(
            answered || is_left_to_its_task,
            "{what}: {}",
            invocation.answer
        );
    }
}

#[test]
fn start_deployment_begins_nothing_that_a_broken_event_asks_for() {
    check(
        "start-deployment",
        &[
            "push",
            "deployment-succeeded",
            "request-tag",
            "request-digest",
        ],
    );
}

#[test]
fn run_migration_starts_nothing_without_a_hook_that_waits() {
    check("run-migration", &["hook", "ecs-pre-scale-up"]);
}

#[test]
fn finish_migration_answers_nothing_that_nobody_asked() {
    check("finish-migration", &["task-failed", "timed-out"]);
}

#[test]
fn every_other_hook_answers_what_it_can_read() {
    other_hooks().for_each(|name| check(name, &["hook"]));
}

#[test]
fn report_outcome_tells_nothing_of_a_broken_event() {
    check("report-outcome", &["failed", "started"]);
}

/// Lambda hands on whatever it was called with; a function that is called by hand may get anything.
#[test]
fn what_is_no_json_is_refused_and_the_next_event_is_read() {
    let push = repository::text("events/start-deployment/push.json");
    let cut = (0..push.trim_end().len())
        .step_by(23)
        .map(|end| push[..end].to_owned());
    let strange = [
        "\u{feff}{}",
        "{\"a\":1}{",
        "{'pipeline':'shop-web'}",
        "\"\\ud800\"",
        "nul",
    ]
    .map(ToOwned::to_owned);
    let broken: Vec<String> = cut.chain(strange).collect();
    let invocations = invoke_each(
        &deployed("start-deployment"),
        broken.iter().cloned().chain([push]),
        world,
    );
    let (whole, invocations) = invocations.split_last().unwrap();
    for (text, invocation) in broken.iter().zip(invocations) {
        assert!(
            invocation.calls.is_empty(),
            "{text}: {:?}",
            invocation.operations()
        );
        assert!(
            !invocation.answer["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .is_empty(),
            "{text}: {}",
            invocation.answer
        );
    }
    assert_eq!(
        whole.answer["pipelines"][0]["deployment_id"], "d-NEW",
        "{}",
        whole.answer
    );
}
