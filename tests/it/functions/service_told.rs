//! What becomes of a deployment of ECS's own is told once, however many events and looks arrive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Function, Invocation, invoke_each};
use super::{PIPELINES, REVISION, TASK, nothing, task};

const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
const ID: &str = "EZe5RNVLH6PPzHXINuP28";

fn deployment_arn() -> String {
    format!("{HEAD}:service-deployment/prod/web/{ID}")
}

fn revision_arn(digits: &str) -> String {
    format!("{HEAD}:service-revision/prod/web/{digits}")
}

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

fn image(digit: &str) -> String {
    format!(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{}",
        digest(digit)
    )
}

/// An event of ECS about the service, of this account.
fn event(name: &str) -> Value {
    json!({
        "version": "0", "id": name, "source": "aws.ecs", "detail-type": "ECS Deployment State Change",
        "account": "111122223333", "region": "eu-central-1", "time": "2026-10-14T09:21:47Z",
        "resources": [format!("{HEAD}:service/prod/web")],
        "detail": {
            "eventName": format!("SERVICE_DEPLOYMENT_{name}"), "deploymentId": "ecs-svc/2",
            "clusterArn": format!("{HEAD}:cluster/prod")
        },
    })
}

fn look(claim: Option<&str>) -> Value {
    let mut look = json!({"cluster": "prod", "service": "web"});
    if let Some(claim) = claim {
        look["claim"] = json!(claim);
    }
    json!({"look": look})
}

/// The service and its newest deployment, and what is written down of it.
#[derive(Clone)]
struct World {
    controller: &'static str,
    strategy: &'static str,
    /// The deployment's status, one for each look; the last one stays.
    statuses: Vec<&'static str>,
    looks: Arc<AtomicUsize>,
    /// The tags of the revision that is deployed.
    tags: Arc<Mutex<Vec<Value>>>,
}

impl World {
    fn new(statuses: &[&'static str]) -> World {
        let ours = [
            ("greenlight:digest", digest("b")),
            ("greenlight:tag", "1.4.2".to_owned()),
            ("greenlight:service", "prod/web".to_owned()),
        ];
        let tags = ours.map(|(key, value)| json!({"key": key, "value": value}));
        World {
            controller: "ECS",
            strategy: "ROLLING",
            statuses: statuses.to_vec(),
            looks: Arc::default(),
            tags: Arc::new(Mutex::new(tags.to_vec())),
        }
    }

    fn status(&self) -> &'static str {
        let look = self.looks.load(Ordering::Relaxed).saturating_sub(1);
        self.statuses[look.min(self.statuses.len() - 1)]
    }

    fn service(&self) -> Value {
        let current = |digits: &str| json!({"arn": revision_arn(digits), "requestedTaskCount": 2, "runningTaskCount": 2});
        json!({"failures": [], "services": [{
            "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": self.controller},
            "taskDefinition": REVISION, "desiredCount": 2, "runningCount": 2,
            "currentServiceRevisions": [current("1"), current("2")],
            "deploymentConfiguration": {
                "strategy": self.strategy, "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            },
        }]})
    }

    fn deployment(status: &str) -> Value {
        let summary = |digits: &str| json!({"arn": revision_arn(digits), "requestedTaskCount": 2, "runningTaskCount": 2});
        let mut deployment = json!({
            "serviceDeploymentArn": deployment_arn(), "status": status, "createdAt": 1_791_970_000.0,
            "startedAt": 1_791_970_001.0, "sourceServiceRevisions": [summary("1")], "targetServiceRevision": summary("2"),
        });
        if status.starts_with("ROLLBACK") {
            deployment["rollback"] =
                json!({"serviceRevisionArn": revision_arn("1"), "startedAt": 1_791_970_060.0});
            deployment["statusReason"] = json!(
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
            );
        }
        deployment
    }

    /// What AWS answers; nobody else asks for these names of schedules.
    fn answer(&self, operation: &str, request: &Value) -> Answer {
        match operation {
            "DescribeServices" => {
                self.looks.fetch_add(1, Ordering::Relaxed);
                Says(self.service())
            }
            "ListServiceDeployments" => {
                let status = self.status();
                Says(json!({"serviceDeployments": [{
                    "serviceDeploymentArn": deployment_arn(), "targetServiceRevisionArn": revision_arn("2"),
                    "status": status, "createdAt": 1_791_970_000.0,
                }]}))
            }
            "DescribeServiceDeployments" => {
                let deployment = World::deployment(self.status());
                Says(json!({"serviceDeployments": [deployment], "failures": []}))
            }
            "DescribeServiceRevisions" => {
                let revision = |digits: &str, definition: String, digit: &str| {
                    json!({
                        "serviceRevisionArn": revision_arn(digits), "taskDefinition": definition,
                        "containerImages": [{"containerName": "web", "image": image(digit)}],
                    })
                };
                let revisions = [
                    revision("1", REVISION.replace(":2", ":1"), "a"),
                    revision("2", REVISION.to_owned(), "b"),
                ];
                Says(json!({"serviceRevisions": revisions, "failures": []}))
            }
            "DescribeTaskDefinition" => Says(json!({
                "tags": *self.tags.lock().unwrap(),
                "taskDefinition": {
                    "taskDefinitionArn": REVISION, "family": "web",
                    "containerDefinitions": [{"name": "web", "image": image("b")}],
                },
            })),
            "TagResource" => {
                let mut tags = self.tags.lock().unwrap();
                tags.extend(request["tags"].as_array().unwrap().iter().cloned());
                nothing()
            }
            "ListTasks" => Says(json!({"taskArns": []})),
            "GetSchedule" => Refuses("ResourceNotFoundException"),
            "CreateSchedule" => Says(
                json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/s"}),
            ),
            _ => nothing(),
        }
    }

    fn invoke(&self, events: &[Value]) -> Vec<Invocation> {
        let world = self.clone();
        self.invoke_with(events, move |operation, _, request| {
            world.answer(operation, request)
        })
    }

    fn invoke_with(
        &self,
        events: &[Value],
        answer: impl Fn(&str, usize, &Value) -> Answer + Send + Sync + 'static,
    ) -> Vec<Invocation> {
        let function = Function {
            name: "report-outcome",
            pipelines: PIPELINES,
            variables: &[],
        };
        invoke_each(&function, events.iter().map(Value::to_string), answer)
    }
}

/// The outcomes that were published, in order.
fn published(invocations: &[Invocation]) -> Vec<String> {
    let messages = invocations.iter().flat_map(|one| &one.messages);
    messages
        .map(|message| message["outcome"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_end_is_told_once_in_whatever_order_its_events_come() {
    let (begun, completed, failed) = (event("IN_PROGRESS"), event("COMPLETED"), event("FAILED"));
    let recheck = look(None);
    for (status, expected) in [
        ("ROLLBACK_SUCCESSFUL", "rolled-back"),
        ("SUCCESSFUL", "shipped"),
    ] {
        for order in [
            [&begun, &completed, &failed, &recheck],
            [&failed, &begun, &completed, &recheck],
            [&recheck, &completed, &failed, &begun],
        ] {
            let events: Vec<Value> = order.into_iter().cloned().collect();
            let invocations = World::new(&[status]).invoke(&events);
            assert_eq!(published(&invocations), [expected], "{events:?}");
        }
    }
}

#[test]
fn a_start_and_its_end_are_told_and_looked_for_until_then() {
    let world = World {
        strategy: "BLUE_GREEN",
        ..World::new(&["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCESSFUL"])
    };
    let invocations = world.invoke(&[
        event("IN_PROGRESS"),
        // ECS says so again when a rollback begins.
        event("IN_PROGRESS"),
        look(None),
        look(None),
        event("COMPLETED"),
    ]);
    assert_eq!(published(&invocations), ["started", "shipped"]);
    let schedules: Vec<&Value> = invocations[0]
        .calls
        .iter()
        .filter(|(operation, _)| operation == "CreateSchedule")
        .map(|(_, request)| request)
        .collect();
    // The one that looks, and the claim.
    assert_eq!(schedules[0]["ScheduleExpression"], "rate(5 minutes)");
    assert_eq!(schedules[0]["ActionAfterCompletion"], "DELETE");
    assert!(schedules[0]["EndDate"].is_number());
    assert_eq!(
        schedules[1]["ScheduleExpression"],
        // Five minutes after the answer's date, or a second less.
        "at(2026-10-14T09:34:59)"
    );
    let looks = invocations[2].operations();
    assert!(
        !looks.contains(&"CreateSchedule") && !looks.contains(&"DeleteSchedule"),
        "{looks:?}"
    );
    assert_eq!(invocations[3].answer["under_way"], false);
    assert!(invocations[3].operations().contains(&"DeleteSchedule"));
}

#[test]
fn what_another_invocation_claims_is_left_to_it() {
    let world = World::new(&["SUCCESSFUL"]);
    let claimed = world.clone();
    let conflicts =
        world.invoke_with(
            &[event("COMPLETED")],
            move |operation, _, request| match operation {
                "CreateSchedule" => Refuses("ConflictException"),
                _ => claimed.answer(operation, request),
            },
        );
    assert_eq!(published(&conflicts), Vec::<String>::new());
    assert!(!conflicts[0].operations().contains(&"TagResource"));
    let claimed = world.clone();
    let found = world.invoke_with(&[event("COMPLETED")], move |operation, _, request| {
        match operation {
            "GetSchedule" => Says(json!({
                "Name": "s", "ScheduleExpression": "at(2026-10-14T09:35:00)", "Target": {"Arn": "f", "RoleArn": "r", "Input": "{}"}
            })),
            _ => claimed.answer(operation, request),
        }
    });
    assert_eq!(published(&found), Vec::<String>::new());
}

/// Whoever claimed it died: the claim's own schedule calls.
#[test]
fn a_claim_that_nobody_kept_is_told_when_it_is_over() {
    let world = World::new(&["SUCCESSFUL"]);
    let made = world.invoke(&[event("COMPLETED")]);
    let claim = made[0].request("CreateSchedule")["Target"]["Input"].clone();
    let claim: Value = serde_json::from_str(claim.as_str().unwrap()).unwrap();
    let claim = claim["look"]["claim"].as_str().unwrap().to_owned();
    // Of a world in which nothing was marked.
    let fresh = World::new(&["SUCCESSFUL"]);
    let invocations = fresh.invoke(&[look(Some(&claim)), look(Some(&claim))]);
    assert_eq!(published(&invocations), ["shipped"]);
    assert!(!invocations[0].operations().contains(&"CreateSchedule"));
}

#[test]
fn what_is_not_ecs_to_tell_is_not_told() {
    let world = World {
        controller: "CODE_DEPLOY",
        ..World::new(&["SUCCESSFUL"])
    };
    let mut elsewhere = event("COMPLETED");
    elsewhere["account"] = json!("444455556666");
    let mut unknown = event("COMPLETED");
    unknown["resources"] = json!([format!("{HEAD}:service/prod/api")]);
    let invocations = world.invoke(&[event("COMPLETED"), elsewhere, unknown]);
    assert_eq!(published(&invocations), Vec::<String>::new());
    assert!(invocations[1].calls.is_empty() && invocations[2].calls.is_empty());
    for invocation in &invocations {
        assert_eq!(
            invocation.answer["outcome"],
            Value::Null,
            "{}",
            invocation.answer
        );
        assert!(
            invocation.answer["reason"].is_string(),
            "{}",
            invocation.answer
        );
    }
}

#[test]
fn a_message_that_sns_refuses_is_told_when_the_event_comes_again() {
    let world = World::new(&["SUCCESSFUL"]);
    let (refusing, publications) = (world.clone(), AtomicUsize::new(0));
    let invocations = world.invoke_with(
        &[event("COMPLETED"), event("COMPLETED"), event("COMPLETED")],
        move |operation, _, request| match operation {
            "Publish" if publications.fetch_add(1, Ordering::Relaxed) == 0 => {
                Refuses("AuthorizationError")
            }
            _ => refusing.answer(operation, request),
        },
    );
    assert!(invocations[0].answer["errorType"].is_string());
    // Nobody else has to wait until the claim is over.
    assert!(invocations[0].operations().contains(&"DeleteSchedule"));
    assert!(!invocations[0].operations().contains(&"TagResource"));
    assert!(invocations[1].operations().contains(&"Publish"));
    assert!(!invocations[2].operations().contains(&"Publish"));
}

#[test]
fn a_pause_is_told_once_with_the_command_that_ends_it() {
    let world = World {
        strategy: "CANARY",
        ..World::new(&["IN_PROGRESS"])
    };
    let pause = |hook: &str| {
        json!({
            "version": "0", "id": hook, "source": "aws.ecs", "detail-type": "ECS Hook State Change",
            "account": "111122223333", "region": "eu-central-1", "time": "2026-10-14T09:21:47Z",
            "resources": [deployment_arn()],
            "detail": {
                "eventName": "HOOK_AWAITING_ACTION", "hookId": hook, "hookType": "PAUSE",
                "lifecycleStage": "PRE_PRODUCTION_TRAFFIC_SHIFT", "serviceDeploymentArn": deployment_arn()
            },
        })
    };
    // Each step has its own.
    let events = [
        pause("ecs-pause-1"),
        pause("ecs-pause-1"),
        pause("ecs-pause-2"),
    ];
    let invocations = world.invoke(&events);
    assert_eq!(published(&invocations), ["started", "ready", "ready"]);
    let commands = invocations[0].messages[1]["commands"].as_array().unwrap();
    let commands: Vec<&str> = commands
        .iter()
        .map(|command| command["command"].as_str().unwrap())
        .collect();
    let command = |action: &str| {
        format!(
            "aws ecs continue-service-deployment --service-deployment-arn {} --hook-id ecs-pause-1 --action {action} --region \
             eu-central-1",
            deployment_arn()
        )
    };
    assert_eq!(commands, [command("CONTINUE"), command("ROLLBACK")]);
}

/// The hook was killed and its deployment has ended: whatever is the migration in every member is stopped, and nothing else.
#[test]
fn a_migration_that_outlived_its_deployment_is_stopped_and_no_other_task() {
    let stopped = |change: fn(&mut Value)| {
        let world = World {
            strategy: "BLUE_GREEN",
            ..World::new(&["ROLLBACK_SUCCESSFUL"])
        };
        let mut running = task("RUNNING", Value::Null);
        running["startedBy"] = json!(format!("greenlight-native/{ID}"));
        change(&mut running);
        let answering = world.clone();
        let invocations =
            world.invoke_with(
                &[event("FAILED")],
                move |operation, _, request| match operation {
                    "ListTasks" if request["startedBy"].is_string() => {
                        Says(json!({"taskArns": [TASK]}))
                    }
                    "DescribeTasks" => Says(json!({"tasks": [running.clone()], "failures": []})),
                    _ => answering.answer(operation, request),
                },
            );
        assert_eq!(published(&invocations), ["rolled-back"]);
        invocations[0].operations().contains(&"StopTask")
    };
    assert!(stopped(|_| {}));
    assert!(!stopped(|task| {
        task["overrides"]["containerOverrides"][0]["command"] = json!(["sleep"]);
    }));
    assert!(!stopped(
        |task| task["taskDefinitionArn"] = json!(REVISION.replace(":2", ":9"))
    ));
    assert!(!stopped(
        |task| task["startedBy"] = json!("greenlight-native/other")
    ));
}
