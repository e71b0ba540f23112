//! Marked values wherever a function could meet a secret, and none of them in anything that comes out of it: not in its
//! answer, its messages with their subjects, what it writes into AWS, or its log at any level; also when AWS refuses a call
//! and quotes the request.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::wire::Answer::{self, Refuses, RefusesSaying, Says, SaysXml};
use super::wire::{Function, Invocation, hang_up, invoke_each, page};
use super::{REVISION, TASK, forged};
use crate::template::read::functions;

/// A part of every marked value.
const MARK: &str = "hunter2";
const EXECUTION: &str = "hunter2-execution-id-of-a-hook";
const FORMATS: [&str; 3] = ["text", "json", "chat"];

/// What a container is given, and what its task definition says beside.
fn definition(revision: &str, password: &str) -> Value {
    let log = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "g", "awslogs-stream-prefix": "p", "awslogs-datetime-format": "hunter2-option"
    }, "secretOptions": [{"name": "apikey", "valueFrom": "arn:aws:ssm:eu-central-1:1:parameter/hunter2-option"}]});
    json!({
        "tags": [{"key": "owner", "value": "hunter2-tag"}],
        "taskDefinition": {
            "taskDefinitionArn": revision, "family": "web", "taskRoleArn": "arn:aws:iam::111122223333:role/web",
            "containerDefinitions": [{
                "name": "web", "portMappings": [{"containerPort": 80}],
                "image": format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{}", "a".repeat(64)),
                "command": ["serve", "--key=hunter2-in-a-command"],
                "environment": [
                    {"name": "DATABASE_URL", "value": format!("postgres://shop:{password}@db/shop")},
                    {"name": "SIGNING_KEY", "value": "-----BEGIN KEY-----\nhunter2-first-line\nhunter2-second-line"},
                ],
                "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:secretsmanager:eu-central-1:1:secret:hunter2-place"}],
                "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:eu-central-1:1:secret:hunter2-pull"},
                "dockerLabels": {"com.example.token": "hunter2-label"},
                "logConfiguration": log,
            }],
        },
    })
}

/// What a careless migration prints.
const PRINTED: [&str; 9] = [
    "connecting to postgres://shop:hunter2-in-an-environment@db/shop",
    "password authentication failed with hunter2-in-an-environment",
    "hunter2-second-line",
    "TOKEN from arn:aws:secretsmanager:eu-central-1:1:secret:hunter2-place",
    "PASSWORD=hunter2 DB_PASSWORD='hunter2 and more' {\"api_key\": \"hunter2\"}",
    "> GET / Authorization: Bearer hunter2.hunter2",
    "fetched https://deploy:hunter2@registry.example/v2/",
    "GREENLIGHT_HOOK_EXECUTION_ID=hunter2-execution-id-of-a-hook",
    "error: no such table: orders",
];

fn deployment(status: &str) -> Value {
    json!({"deploymentInfo": {
        "deploymentId": "d-1", "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
        "status": status, "creator": "user", "createTime": 1.0,
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "ab"}},
        "description": "somebody's own, hunter2-description",
        "errorInformation": {"code": "ECS_UPDATE_ERROR", "message": SAID_BY_AWS},
    }})
}

/// How AWS may quote what it was given.
const SAID_BY_AWS: &str = "cannot read arn:aws:secretsmanager:eu-central-1:1:secret:hunter2-place: exec: \
    \"serve --db-password=hunter2 https://deploy:hunter2@registry.example\" failed.";

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/1/2";
/// Green's only target; it is healthy.
const TARGETS: &str = "<TargetHealthDescriptions><member><Target><Id>10.0.0.1</Id><Port>80</Port></Target>\
    <TargetHealth><State>healthy</State></TargetHealth></member></TargetHealthDescriptions>";

const TARGET_GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/g/1";
const LISTENERS: &str = "<Listeners><member>\
    <LoadBalancerArn>arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/shop/1</LoadBalancerArn>\
    <Port>1</Port><Protocol>HTTP</Protocol></member></Listeners>";
const LOAD_BALANCERS: &str =
    "<LoadBalancers><member><DNSName>127.0.0.2</DNSName></member></LoadBalancers>";
/// Whatever is asked goes to green.
const RULES: &str = "<Rules><member><Priority>default</Priority><Actions><member><Type>forward</Type>\
    <TargetGroupArn>arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/g/1</TargetGroupArn></member>\
    </Actions></member></Rules>";

/// An AWS in which every call is answered, with a secret in the answer where AWS could have one there.
fn world(operation: &str, request: &Value, status: &str) -> Answer {
    Says(match operation {
        "DescribeTargetHealth" => return SaysXml(TARGETS.into()),
        "DescribeListeners" => return SaysXml(LISTENERS.into()),
        "DescribeLoadBalancers" => return SaysXml(LOAD_BALANCERS.into()),
        "DescribeRules" => return SaysXml(RULES.into()),
        "DescribeImages" => json!({"imageDetails": [{
            "imageDigest": format!("sha256:{}", "b".repeat(64)), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
        }]}),
        "DescribeServices" => json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": REVISION, "loadBalancers": [{"containerName": "web", "containerPort": 80}],
            "taskSets": [{
                "id": "ecs-svc/1", "status": "ACTIVE", "externalId": "d-1", "taskDefinition": REVISION,
                "launchType": "FARGATE", "computedDesiredCount": 1, "runningCount": 1, "loadBalancers": [{
                    "targetGroupArn": TARGET_GROUP,
                    "containerName": "web", "containerPort": 80
                }],
            }],
        }]}),
        "GetDeploymentGroup" => json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}],
            "loadBalancerInfo": {"targetGroupPairInfoList": [{"testTrafficRoute": {"listenerArns": [LISTENER]}}]},
        }}),
        "ListDeployments" => json!({"deployments": []}),
        "GetDeployment" => deployment(status),
        "GetApplicationRevision" => {
            let spec = json!({"Resources": [{"TargetService": {"Properties": {"TaskDefinition": REVISION}}}]});
            json!({"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": spec.to_string()}}})
        }
        "ListDeploymentTargets" => json!({"targetIds": ["prod:web"]}),
        "GetDeploymentTarget" => json!({"deploymentTarget": {"ecsTarget": {"lifecycleEvents": [{
            "lifecycleEventName": "AfterInstall", "status": status, "startTime": 1_791_970_000.0, "endTime": 1_791_970_001.0,
            "diagnostics": {"errorCode": "ScriptFailed", "message": SAID_BY_AWS},
        }, {
            "lifecycleEventName": "AfterAllowTestTraffic", "status": "InProgress", "startTime": 1.0,
        }]}}}),
        // Somebody has changed the family's latest revision: a dry run says so.
        "DescribeTaskDefinition" if request["taskDefinition"] == "web" => {
            definition(&REVISION.replace(":2", ":9"), "hunter2-of-a-later-revision")
        }
        "DescribeTaskDefinition" => definition(REVISION, "hunter2-in-an-environment"),
        "RegisterTaskDefinition" => {
            json!({"taskDefinition": {"taskDefinitionArn": REVISION.replace(":2", ":10")}})
        }
        "CreateDeployment" => json!({"deploymentId": "d-9"}),
        "ListTasks" if request["desiredStatus"] == "STOPPED" => json!({"taskArns": [TASK]}),
        "ListTasks" => json!({"taskArns": []}),
        "RunTask" => json!({"failures": [], "tasks": [task("PENDING")]}),
        "DescribeTasks" => json!({"failures": [], "tasks": [task("STOPPED")]}),
        "GetLogEvents" => json!({"events": PRINTED.map(|line| json!({"message": line}))}),
        _ => json!({}),
    })
}

fn task(last_status: &str) -> Value {
    let mut task = super::task(
        last_status,
        if last_status == "STOPPED" {
            json!(3)
        } else {
            Value::Null
        },
    );
    // As an older version started it.
    task["overrides"]["containerOverrides"][0]["environment"] = json!([
        {"name": "GREENLIGHT_DEPLOYMENT_ID", "value": "d-1"}, {"name": "GREENLIGHT_HOOK_EXECUTION_ID", "value": EXECUTION}
    ]);
    task["stoppedReason"] = json!(SAID_BY_AWS);
    task["containers"][0]["reason"] = json!(SAID_BY_AWS);
    task["startedBy"] = json!("greenlight/d-1");
    task
}

struct Situation {
    function: &'static str,
    event: Value,
    /// Of the deployment.
    status: &'static str,
    /// What the function calls in the end, where secrets have passed through its hands.
    reaches: &'static str,
}

fn stopped() -> Value {
    let mut detail = task("STOPPED");
    detail
        .as_object_mut()
        .unwrap()
        .retain(|field, _| !field.ends_with("At"));
    json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail})
}

/// What the time-out schedule keeps.
fn record() -> Value {
    let mut record = forged::record(Some(TASK));
    record["hook_execution_ids"] = json!([EXECUTION]);
    record
}

const PUT: &str = "PutLifecycleEventHookExecutionStatus";

fn situations() -> Vec<Situation> {
    let hook = || json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let time_out = record();
    let failure = json!({
        "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
            "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "FAILURE"
        }
    });
    // What is refused is quoted, too.
    let unreadable = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": [EXECUTION]});
    let (request, dry_run) = (
        json!({"pipeline": "web"}),
        json!({"pipeline": "web", "dry_run": true}),
    );
    let mut situations = vec![
        ("start-deployment", request, "Succeeded", "CreateDeployment"),
        (
            "start-deployment",
            dry_run,
            "Succeeded",
            "DescribeTaskDefinition",
        ),
        ("run-migration", hook(), "InProgress", "CreateSchedule"),
        ("finish-migration", stopped(), "InProgress", "GetLogEvents"),
        ("finish-migration", time_out, "InProgress", "GetLogEvents"),
        (
            "check-test-traffic",
            hook(),
            "InProgress",
            "DescribeTargetHealth",
        ),
        ("report-outcome", failure, "Failed", "GetLogEvents"),
        ("run-migration", unreadable, "InProgress", ""),
    ];
    let is_there = situations.iter().map(|(function, ..)| *function);
    let is_there: BTreeSet<&str> = is_there.collect();
    // What a hook refuses it answers as failed, whatever else it does.
    let other_hooks = functions()
        .iter()
        .filter(|known| known.hook.is_some() && !is_there.contains(known.name.as_str()));
    situations.extend(other_hooks.map(|other| (other.name.as_str(), hook(), "InProgress", PUT)));
    let situation = |(function, event, status, reaches)| Situation {
        function,
        event,
        status,
        reaches,
    };
    situations.into_iter().map(situation).collect()
}

/// Plays a situation. The operation `refused` fails, and AWS quotes all of the request, as it does of what is not valid.
fn played(situation: &Situation, format: &str, refused: Option<&str>) -> Invocation {
    played_against(situation, page(500, ANSWERED), format, refused)
}

/// The secret of a header.
const SECRET: &str = r#"{"header": "hunter2-from-a-secret", "other": "hunter2-beside-it"}"#;

/// What a service answers to a check, in its body and in its headers.
const ANSWERED: &str = "hunter2-answer: hunter2";

/// The same, with this address behind the test listener.
fn played_against(
    situation: &Situation,
    test_listener: SocketAddr,
    format: &str,
    refused: Option<&str>,
) -> Invocation {
    let address = format!("base_url='http://{test_listener}'\n");
    played_with(situation, &address, SECRET, format, refused)
}

/// The same, with these settings of the test traffic and this text in the secret that they may name.
fn played_with(
    situation: &Situation,
    test_traffic: &str,
    secret: &str,
    format: &str,
    refused: Option<&str>,
) -> Invocation {
    let pipelines = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\nrevision_from='latest'\n\
         [pipeline.migration]\ncontainer='web'\ncommand=['migrate','--key=hunter2-in-an-option']\n\
         [pipeline.test_traffic]\nhealthy_within_seconds=1\n{test_traffic}\
         [[pipeline.test_traffic.request]]\npath='/orders?token=hunter2&page=2'\ncontains='\"api_key\": \"hunter2\"'\n"
    );
    let function = Function {
        name: situation.function,
        pipelines: &pipelines,
        variables: &[
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("RUST_LOG", "trace"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2-secret-access-key"),
            ("AWS_SESSION_TOKEN", "hunter2-session-token"),
            ("GREENLIGHT_MESSAGE_FORMAT", format),
        ],
    };
    let (refused, status) = (refused.map(ToOwned::to_owned), situation.status);
    let secret = secret.to_owned();
    let starts = situation.function == "run-migration";
    let answer = move |operation: &str, before: usize, request: &Value| -> Answer {
        if refused.as_deref() == Some(operation) {
            return RefusesSaying(
                "ValidationException",
                format!("1 validation error detected in {request}"),
            );
        }
        match operation {
            "GetSchedule" if starts && before == 0 => Refuses("ResourceNotFoundException"),
            "GetSchedule" => forged::scheduled(&record(), forged::DUE),
            "GetSecretValue" => Says(json!({"SecretString": secret})),
            _ => world(operation, request, status),
        }
    };
    invoke_each(&function, [situation.event.to_string()], answer).remove(0)
}

/// What is given a secret because it needs it: the revision itself, the migration's task and its time limit, the answer to
/// the hook.
const NEEDS_IT: [&str; 5] = [
    "CreateSchedule",
    PUT,
    "RegisterTaskDefinition",
    "RunTask",
    "UpdateSchedule",
];

#[track_caller]
fn tells_nothing(what: &str, invocation: &Invocation) {
    let calls = invocation.calls.iter();
    let calls = calls.filter(|(operation, _)| !NEEDS_IT.contains(&operation.as_str()));
    let written = calls.map(|(operation, request)| format!("{operation} {request}"));
    for said in written.chain([invocation.answer.to_string(), invocation.log.to_string()]) {
        let line = said.lines().find(|line| line.contains(MARK));
        assert_eq!(line, None, "{what}, after {:?}", invocation.operations());
    }
}

#[test]
fn no_function_tells_a_secret_whatever_aws_refuses() {
    for situation in situations() {
        let usual = played(&situation, FORMATS[0], None);
        tells_nothing(situation.function, &usual);
        let mut operations = usual.operations();
        let is_reached = operations.contains(&situation.reaches);
        let said = (&operations, &usual.messages);
        assert_eq!(is_reached, !situation.reaches.is_empty(), "{said:?}");
        operations.sort_unstable();
        operations.dedup();
        for (operation, format) in operations.into_iter().zip(FORMATS.iter().cycle()) {
            let what = format!("{}, {operation} refused, {format}", situation.function);
            tells_nothing(&what, &played(&situation, format, Some(operation)));
        }
    }
}

/// What is masked, and what stays: a log line helps nobody without its words.
#[test]
fn a_failed_migration_is_quoted_with_masks_in_every_format() {
    for format in FORMATS {
        for situation in [3, 6].map(|number| situations().into_iter().nth(number).unwrap()) {
            let invocation = played(&situation, format, None);
            tells_nothing(format, &invocation);
            let [message] = &invocation.messages[..] else {
                panic!("{:?}", invocation.operations());
            };
            let text = message.to_string();
            for kept in [
                "connecting to",
                "password authentication failed with",
                "error: no such table: orders",
            ] {
                assert!(text.contains(kept), "{format}: {text}");
            }
        }
    }
}

/// Of an answer to a check people read its status or its length, in whatever way it is not well.
#[test]
fn a_failing_check_is_told_without_what_was_answered() {
    let ways = [
        (page(500, ANSWERED), "wanted status 200, got status 500"),
        (page(302, ANSWERED), "wanted status 200, got status 302"),
        (page(200, ANSWERED), "got 23 characters without it"),
        (hang_up(), "no answer: "),
    ];
    for ((test_listener, expected), format) in ways.into_iter().zip(FORMATS.iter().cycle()) {
        let situation = &situations()[5];
        let invocation = played_against(situation, test_listener, format, None);
        tells_nothing(expected, &invocation);
        let [message] = &invocation.messages[..] else {
            panic!("{:?}", invocation.operations());
        };
        let text = message.to_string();
        let path = text.contains("/orders?token=…") && text.contains("page=2");
        assert!(path && text.contains(expected), "{format}: {text}");
    }
}

/// What a request carries is written nowhere but into the request, whatever becomes of it.
#[test]
fn a_header_is_told_nowhere_whatever_its_secret_holds() {
    let headers = "headers={x-team='hunter2-in-the-file',authorization={\
        secret='arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf',key='header'}}\n";
    // No TLS is spoken there.
    let address = hang_up();
    let (plain, tls) = ("http", "https");
    let called = "GetSecretValue";
    let ways = [
        (tls, SECRET, None, "no answer: "),
        (plain, SECRET, None, "TLS"),
        (tls, SECRET, Some(called), "get secret value"),
        (tls, "hunter2, and no JSON", None, "`authorization`"),
        (tls, r#"{"others": "hunter2"}"#, None, "`authorization`"),
        (tls, r#"{"header": ["hunter2"]}"#, None, "`authorization`"),
        (
            tls,
            r#"{"header": "hunter2\nhunter2: hunter2"}"#,
            None,
            "`authorization`",
        ),
    ];
    for ((scheme, secret, refused, expected), format) in
        ways.into_iter().zip(FORMATS.iter().cycle())
    {
        let test_traffic = format!("base_url='{scheme}://{address}'\n{headers}");
        let invocation = played_with(&situations()[5], &test_traffic, secret, format, refused);
        tells_nothing(expected, &invocation);
        let text = json!([invocation.messages, invocation.request(PUT)]).to_string();
        assert!(
            text.contains(expected) && text.contains("Failed"),
            "{expected}: {text}"
        );
        // Without TLS it is not even read.
        let reads = invocation.operations().contains(&called);
        assert_eq!(reads, scheme == tls, "{expected}");
    }
}

/// Who asks what would be done learns which values would change, and not from what to what.
#[test]
fn a_dry_run_names_what_changes_and_shows_no_value() {
    let invocation = played(&situations()[1], FORMATS[0], None);
    tells_nothing("dry run", &invocation);
    let answer = invocation.answer.to_string();
    let change = "container `web`: environment variable `DATABASE_URL` changes";
    assert!(answer.contains(change), "{answer}");
}

/// A mail's subject is read before the mail, and in lists of mails.
#[test]
fn a_mail_has_a_subject() {
    let invocation = played(&situations()[6], "text", None);
    let subject = &invocation.request("Publish")["Subject"];
    assert_eq!(subject, "web: failed");
}
