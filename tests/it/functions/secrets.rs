//! Marked values wherever a function could meet a secret, and none of them in anything that comes out of it: not in its
//! answer, its messages, or its log at any level; also when AWS refuses a call and quotes the request.

use serde_json::{Value, json};

use super::wire::Answer::{self, RefusesSaying, Says};
use super::wire::{Function, Invocation, invoke_each, page};
use super::{REVISION, TASK};

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
                "name": "web",
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
    }})
}

/// An AWS in which every call is answered, with a secret in the answer where AWS could have one there.
fn world(operation: &str, request: &Value, status: &str) -> Value {
    match operation {
        "DescribeImages" => json!({"imageDetails": [{
            "imageDigest": format!("sha256:{}", "b".repeat(64)), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
        }]}),
        "DescribeServices" => json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": REVISION, "loadBalancers": [{"containerName": "web", "containerPort": 80}],
            "taskSets": [{
                "id": "ecs-svc/1", "status": "ACTIVE", "externalId": "d-1", "taskDefinition": REVISION,
                "launchType": "FARGATE", "computedDesiredCount": 1, "loadBalancers": [{
                    "targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/g/1",
                    "containerName": "web", "containerPort": 80
                }],
            }],
        }]}),
        "GetDeploymentGroup" => json!({"deploymentGroupInfo": {
            "ecsServices": [{"clusterName": "prod", "serviceName": "web"}]
        }}),
        "ListDeployments" => json!({"deployments": []}),
        "GetDeployment" => deployment(status),
        "GetApplicationRevision" => {
            let spec = json!({"Resources": [{"TargetService": {"Properties": {"TaskDefinition": REVISION}}}]});
            json!({"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": spec.to_string()}}})
        }
        "ListDeploymentTargets" => json!({"targetIds": []}),
        // Somebody has changed the family's latest revision: a dry run says so.
        "DescribeTaskDefinition" if request["taskDefinition"] == "web" => {
            definition(&REVISION.replace(":2", ":9"), "hunter2-of-a-later-revision")
        }
        "DescribeTaskDefinition" => definition(REVISION, "hunter2-in-an-environment"),
        "RegisterTaskDefinition" => {
            json!({"taskDefinition": {"taskDefinitionArn": REVISION.replace(":2", ":3")}})
        }
        "CreateDeployment" => json!({"deploymentId": "d-9"}),
        "ListTasks" if request["desiredStatus"] == "STOPPED" => json!({"taskArns": [TASK]}),
        "ListTasks" => json!({"taskArns": []}),
        "RunTask" => json!({"failures": [], "tasks": [task("PENDING")]}),
        "DescribeTasks" => json!({"failures": [], "tasks": [task("STOPPED")]}),
        "GetLogEvents" => json!({"events": PRINTED.map(|line| json!({"message": line}))}),
        _ => json!({}),
    }
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
    task["overrides"]["containerOverrides"][0]["environment"][1]["value"] = json!(EXECUTION);
    task["stoppedReason"] =
        json!("unable to pull arn:aws:secretsmanager:eu-central-1:1:secret:hunter2-place: denied");
    task["startedBy"] = json!("greenlight/d-1");
    task
}

struct Situation {
    function: &'static str,
    event: Value,
    /// Of the deployment.
    status: &'static str,
}

fn stopped() -> Value {
    let mut detail = task("STOPPED");
    detail
        .as_object_mut()
        .unwrap()
        .retain(|field, _| !field.ends_with("At"));
    json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail})
}

fn situations() -> [Situation; 8] {
    let hook = || json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": EXECUTION});
    let situation = |function, event, status| Situation {
        function,
        event,
        status,
    };
    [
        situation("start-deployment", json!({"pipeline": "web"}), "Succeeded"),
        situation(
            "start-deployment",
            json!({"pipeline": "web", "dry_run": true}),
            "Succeeded",
        ),
        situation("run-migration", hook(), "InProgress"),
        situation("finish-migration", stopped(), "InProgress"),
        situation(
            "finish-migration",
            json!({
                "deployment_id": "d-1", "hook_execution_id": EXECUTION, "cluster": "prod", "task_arn": TASK, "timeout_minutes": 30
            }),
            "InProgress",
        ),
        situation("check-test-traffic", hook(), "InProgress"),
        situation(
            "report-outcome",
            json!({
                "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification", "detail": {
                    "application": "AppECS-prod-web", "deploymentGroup": "DgpECS-prod-web", "deploymentId": "d-1", "state": "FAILURE"
                }
            }),
            "Failed",
        ),
        // What is refused is quoted, too.
        situation(
            "run-migration",
            json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": [EXECUTION]}),
            "InProgress",
        ),
    ]
}

/// Plays a situation. The operation `refused` fails, and AWS quotes all of the request, as it does of what is not valid.
fn played(situation: &Situation, format: &str, refused: Option<&str>) -> Invocation {
    let base_url = format!("http://{}", page(500, "hunter2-answer: hunter2"));
    let pipelines = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\nrevision_from='latest'\n\
         [pipeline.migration]\ncontainer='web'\ncommand=['migrate','--key=hunter2-in-an-option']\n\
         [pipeline.test_traffic]\nhealthy_within_seconds=1\nbase_url='{base_url}'\n\
         [[pipeline.test_traffic.request]]\npath='/'\n"
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
    let answer = move |operation: &str, _: usize, request: &Value| -> Answer {
        if refused.as_deref() == Some(operation) {
            return RefusesSaying(
                "ValidationException",
                format!("1 validation error detected in {request}"),
            );
        }
        Says(world(operation, request, status))
    };
    invoke_each(&function, [situation.event.to_string()], answer).remove(0)
}

#[track_caller]
fn tells_nothing(what: &str, invocation: &Invocation) {
    let messages = invocation.messages.iter().map(ToString::to_string);
    for said in messages.chain([invocation.answer.to_string(), invocation.log.to_string()]) {
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
