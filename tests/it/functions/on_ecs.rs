//! Services that ECS deploys to: what `start-deployment` does where another invocation or a crash comes between two of its calls.

mod unclear;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Function, Invocation, invoke_each};

pub(super) const FAMILY: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web";
pub(super) const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
pub(super) const WAITS: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
/// When the image was pushed, in seconds.
pub(super) const PUSHED: f64 = 1_791_970_000.0;

/// A service of ECS's own deployments.
#[derive(Clone)]
pub(super) struct World {
    /// Its `deploymentConfiguration`.
    pub(super) configuration: Value,
    /// Its `loadBalancers`.
    pub(super) load_balancers: Value,
    /// The number of the revision that it wants.
    pub(super) wanted: u32,
    /// Task definitions with their tags.
    pub(super) revisions: BTreeMap<u32, (Value, Value)>,
    /// Newest first: id, status, revision that is deployed, seconds after the push, and what else is said.
    pub(super) deployments: Vec<(&'static str, &'static str, u32, f64, Value)>,
}

fn image(digit: &str) -> String {
    format!(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{}",
        digit.repeat(64)
    )
}

fn revision(number: u32, digit: &str, tags: &[(&str, &str)]) -> (Value, Value) {
    let definition = json!({
        "taskDefinitionArn": format!("{FAMILY}:{number}"), "family": "web", "registeredAt": PUSHED + 1.0,
        "containerDefinitions": [{"name": "web", "image": image(digit)}]
    });
    let tags = tags
        .iter()
        .map(|(key, value)| json!({"key": format!("greenlight:{key}"), "value": value}));
    (definition, tags.collect())
}

/// What Greenlight marks revision `number` with, for image `a`.
pub(super) fn marked(number: u32) -> (Value, Value) {
    let digest = format!("sha256:{}", "a".repeat(64));
    revision(
        number,
        "a",
        &[
            ("digest", &digest),
            ("tag", "latest"),
            ("ordered-at", "2026-10-14T09:26:40Z"),
            ("service", "prod/web"),
            ("stack", "greenlight"),
        ],
    )
}

/// A rolling service with a circuit breaker that runs image `b`, deployed long before the push of `a`.
pub(super) fn world() -> World {
    World {
        configuration: json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}),
        load_balancers: json!([]),
        wanted: 2,
        revisions: BTreeMap::from([(2, revision(2, "b", &[]))]),
        deployments: vec![("before", "SUCCESSFUL", 2, -1000.0, json!({}))],
    }
}

fn native() -> World {
    let mut world = world();
    world.configuration["strategy"] = json!("BLUE_GREEN");
    world
}

impl World {
    #[expect(clippy::too_many_lines, reason = "one table, an operation an arm")]
    pub(super) fn says(&mut self, operation: &str, request: &Value) -> Answer {
        let arn = |id: &str| format!("{HEAD}:service-deployment/prod/web/{id}");
        let target = |number: u32| format!("{HEAD}:service-revision/prod/web/{number}");
        match operation {
            "DescribeServices" => Says(json!({"failures": [], "services": [{
                "serviceName": "web", "status": "ACTIVE", "taskDefinition": format!("{FAMILY}:{}", self.wanted),
                "desiredCount": 2, "runningCount": 2, "deploymentConfiguration": self.configuration,
                "loadBalancers": self.load_balancers
            }]})),
            "ListServiceDeployments" => {
                let listed = self.deployments.iter().map(|(id, status, number, at, _)| {
                    json!({"serviceDeploymentArn": arn(id), "status": status, "createdAt": PUSHED + at,
                        "targetServiceRevisionArn": target(*number)})
                });
                Says(json!({"serviceDeployments": listed.collect::<Vec<_>>()}))
            }
            "DescribeServiceDeployments" => {
                let asked = request["serviceDeploymentArns"].to_string();
                let found = self
                    .deployments
                    .iter()
                    .filter(|one| asked.contains(&format!("/{}\"", one.0)));
                let described = found.map(|(id, status, number, at, more)| {
                    let mut described = json!({
                        "serviceDeploymentArn": arn(id), "status": status, "createdAt": PUSHED + at,
                        "finishedAt": PUSHED + at + 100.0, "sourceServiceRevisions": [{"arn": target(2)}],
                        "targetServiceRevision": {"arn": target(*number)}
                    });
                    for (name, value) in more.as_object().unwrap() {
                        described[name] = value.clone();
                    }
                    described
                });
                Says(json!({"serviceDeployments": described.collect::<Vec<_>>()}))
            }
            "DescribeServiceRevisions" => {
                let arns = request["serviceRevisionArns"].as_array().unwrap().iter();
                let described = arns.map(|arn| {
                    let number = arn.as_str().unwrap().rsplit_once('/').unwrap().1;
                    let (definition, _) = &self.revisions[&number.parse().unwrap()];
                    json!({"serviceRevisionArn": arn, "taskDefinition": format!("{FAMILY}:{number}"), "containerImages": [
                        {"containerName": "web", "image": definition["containerDefinitions"][0]["image"]}
                    ]})
                });
                Says(json!({"serviceRevisions": described.collect::<Vec<_>>()}))
            }
            "DescribeTaskDefinition" => {
                let wanted = request["taskDefinition"].as_str().unwrap();
                let number = wanted
                    .rsplit_once(':')
                    .map(|(_, number)| number.parse().unwrap());
                let found = match number {
                    Some(number) => self.revisions.get(&number),
                    None => self.revisions.values().next_back(),
                };
                match found {
                    Some((definition, tags)) => {
                        Says(json!({"taskDefinition": definition, "tags": tags}))
                    }
                    None => Refuses("ClientException"),
                }
            }
            "RegisterTaskDefinition" => {
                let number = self.revisions.keys().next_back().unwrap() + 1;
                let mut definition = request.clone();
                definition["taskDefinitionArn"] = json!(format!("{FAMILY}:{number}"));
                let registered = (definition.clone(), request["tags"].clone());
                self.revisions.insert(number, registered);
                Says(json!({"taskDefinition": definition}))
            }
            "UpdateService" => {
                let wanted = request["taskDefinition"].as_str().unwrap();
                self.wanted = wanted.rsplit_once(':').unwrap().1.parse().unwrap();
                Says(json!({"service": {}}))
            }
            "DescribeImages" => Says(json!({"imageDetails": [{
                "imageDigest": format!("sha256:{}", "a".repeat(64)), "imageTags": ["latest"], "imagePushedAt": PUSHED
            }]})),
            "ListDeployments" => Refuses("ApplicationDoesNotExistException"),
            _ => Says(json!({})),
        }
    }
}

/// The five-minute look at the service; `meanwhile` changes the world before a call, by its operation and how often it was called.
fn look(
    pipelines: &str,
    event: &Value,
    mode: &str,
    world: World,
    meanwhile: impl Fn(&str, usize, &mut World) -> Option<Answer> + Send + Sync + 'static,
) -> (Invocation, World) {
    let shared = Arc::new(Mutex::new(world));
    let world = Arc::clone(&shared);
    let function = Function {
        name: "start-deployment",
        pipelines,
        variables: &[("GREENLIGHT_MODE", mode)],
    };
    let answer = move |operation: &str, before: usize, request: &Value| {
        let mut world = world.lock().unwrap();
        let instead = meanwhile(operation, before, &mut world);
        instead.unwrap_or_else(|| world.says(operation, request))
    };
    let invocation = invoke_each(&function, [event.to_string()], answer).remove(0);
    let world = shared.lock().unwrap().clone();
    (invocation, world)
}

pub(super) fn looked(world: World) -> (Invocation, World) {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    look(WAITS, &event, "deploy", world, |_, _, _| None)
}

/// The decision, and the revisions that the service was updated with.
fn done(invocation: &Invocation) -> String {
    let updated: Vec<&str> = invocation
        .calls
        .iter()
        .filter(|(operation, _)| operation == "UpdateService")
        .map(|(_, request)| request["taskDefinition"].as_str().unwrap())
        .map(|revision| revision.rsplit_once('/').unwrap().1)
        .collect();
    let decision = &invocation.answer["pipelines"][0]["decision"];
    format!(
        "{} {}",
        decision.as_str().unwrap_or("none"),
        updated.join(" ")
    )
    .trim()
    .to_owned()
}

fn calls(invocation: &Invocation, operation: &str) -> usize {
    let operations = invocation.operations();
    operations.iter().filter(|one| **one == operation).count()
}

#[test]
fn a_start_registers_a_revision_and_updates_the_service_with_it_alone() {
    for world in [world(), native()] {
        let (invocation, world) = looked(world);
        assert_eq!(done(&invocation), "start web:3", "{}", invocation.answer);
        let sent = invocation.request("UpdateService");
        let expected =
            json!({"cluster": "prod", "service": "web", "taskDefinition": format!("{FAMILY}:3")});
        assert_eq!(*sent, expected);
        assert!(
            world.revisions[&3]
                .1
                .to_string()
                .contains("greenlight:ordered-at")
        );
        let report = &invocation.answer["pipelines"][0];
        assert_eq!(report["deployment_id"], "web-3");
        let schedules = invocation.calls.iter();
        let schedules = schedules.filter(|(operation, _)| operation == "CreateSchedule");
        let [claim, looks @ ..] = &schedules.map(|(_, request)| request).collect::<Vec<_>>()[..]
        else {
            panic!("no schedule was made");
        };
        let expression = claim["ScheduleExpression"].as_str().unwrap();
        assert!(expression.starts_with("at("), "{expression}");
        // Of this function, and of the one that reports.
        assert_eq!(looks.len(), 2);
        for schedule in looks {
            assert_eq!(schedule["ScheduleExpression"], "rate(5 minutes)");
            assert!(schedule["EndDate"].is_number(), "{schedule}");
            let input = schedule["Target"]["Input"].as_str().unwrap();
            assert!(input.contains("\"look\""), "{input}");
        }
        assert!(!invocation.operations().contains(&"GetDeploymentGroup"));
    }
}

#[test]
fn two_starts_race_on_ecs_and_the_slower_one_decides_again() {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    // Listed before the second look at the list, and only accepted by then.
    for is_listed in [true, false] {
        let (invocation, _) = look(
            WAITS,
            &event,
            "deploy",
            world(),
            move |operation, before, world| {
                if (operation, before) == ("ListServiceDeployments", 1) {
                    world.revisions.insert(9, marked(9));
                    world.wanted = 9;
                    if is_listed {
                        let other = ("other", "IN_PROGRESS", 9, 10.0, json!({}));
                        world.deployments.insert(0, other);
                    }
                }
                None
            },
        );
        assert_eq!(
            done(&invocation),
            "already-in-progress",
            "{}",
            invocation.answer
        );
    }
}

#[test]
fn a_crash_between_register_and_update_registers_nothing_again() {
    let mut crashed = world();
    crashed.revisions.insert(3, marked(3));
    // Another service of the family registered since.
    crashed
        .revisions
        .insert(4, revision(4, "c", &[("service", "prod/other")]));
    let (invocation, _) = looked(crashed.clone());
    assert_eq!(done(&invocation), "start web:3");
    assert_eq!(calls(&invocation, "RegisterTaskDefinition"), 0);
    // What was deployed and failed is not deployed again, on a person's request either.
    crashed
        .deployments
        .insert(0, ("failed", "ROLLBACK_SUCCESSFUL", 3, 10.0, json!({})));
    let request = json!({"pipeline": "web"});
    let (invocation, _) = look(WAITS, &request, "deploy", crashed, |_, _, _| None);
    assert_eq!(done(&invocation), "start web:5");
}

#[test]
fn what_is_under_way_is_waited_for_replaced_or_stopped() {
    let replaces = format!("{WAITS}when_busy='replace'\n");
    let stage = |stage: &str| json!({"lifecycleStage": stage});
    let table = [
        (world(), "IN_PROGRESS", json!({}), "waiting", "start web:4"),
        (
            native(),
            "IN_PROGRESS",
            stage("SCALE_UP"),
            "waiting",
            "stop",
        ),
        (
            native(),
            "IN_PROGRESS",
            stage("BAKE_TIME"),
            "waiting",
            "stop",
        ),
        (
            native(),
            "ROLLBACK_IN_PROGRESS",
            stage("SCALE_UP"),
            "waiting",
            "waiting",
        ),
        (native(), "A_STATE_TO_COME", json!({}), "waiting", "stop"),
    ];
    for (mut world, status, more, waits, replaced) in table {
        world.revisions.insert(3, revision(3, "c", &[]));
        world.wanted = 3;
        world
            .deployments
            .insert(0, ("active", status, 3, -10.0, more));
        let (invocation, _) = looked(world.clone());
        assert_eq!(done(&invocation), waits, "{status}: {}", invocation.answer);
        assert!(invocation.operations().contains(&"CreateSchedule"));
        let event = json!({"look": {"cluster": "prod", "service": "web"}});
        let (invocation, _) = look(&replaces, &event, "deploy", world, |_, _, _| None);
        assert_eq!(
            done(&invocation),
            replaced,
            "{status}: {}",
            invocation.answer
        );
        if replaced == "stop" {
            let stopped = invocation.request("StopServiceDeployment");
            assert_eq!(stopped["stopType"], "ROLLBACK");
            assert!(
                stopped["serviceDeploymentArn"]
                    .as_str()
                    .unwrap()
                    .ends_with("/active")
            );
        }
    }
}

#[test]
fn what_was_tried_since_the_push_is_told_by_how_it_ended() {
    let failed = json!({"statusReason": "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed."});
    let table = [
        ("ROLLBACK_SUCCESSFUL", failed, "failed-before"),
        ("ROLLBACK_FAILED", json!({}), "failed-before"),
        (
            "STOPPED",
            json!({"deploymentCircuitBreaker": {"status": "TRIGGERED"}}),
            "failed-before",
        ),
    ];
    for (status, more, expected) in table {
        let mut world = native();
        world.revisions.insert(3, marked(3));
        world
            .deployments
            .insert(0, ("tried", status, 3, 10.0, more));
        let (invocation, _) = looked(world);
        assert_eq!(
            done(&invocation),
            expected,
            "{status}: {}",
            invocation.answer
        );
        // Nothing is under way, so nothing has to be looked at.
        assert!(invocation.operations().contains(&"DeleteSchedule"));
    }
    // It shipped, and somebody went back to revision 2 since.
    let mut back = native();
    back.revisions.insert(3, marked(3));
    back.deployments
        .insert(0, ("shipped", "SUCCESSFUL", 3, 10.0, json!({})));
    back.deployments
        .insert(0, ("back", "SUCCESSFUL", 2, 500.0, json!({})));
    let (invocation, _) = looked(back);
    assert_eq!(
        done(&invocation),
        "rolled-back-by-hand",
        "{}",
        invocation.answer
    );
}

#[test]
fn a_rollback_request_on_native_marks_its_revision() {
    let mut world = native();
    world.revisions.insert(3, marked(3));
    world
        .deployments
        .insert(0, ("shipped", "SUCCESSFUL", 3, 10.0, json!({})));
    world
        .deployments
        .insert(0, ("newer", "SUCCESSFUL", 2, 500.0, json!({})));
    let digest = format!("sha256:{}", "a".repeat(64));
    let request = json!({"pipeline": "web", "digest": digest, "rollback": true});
    let (invocation, world) = look(WAITS, &request, "deploy", world, |_, _, _| None);
    assert_eq!(done(&invocation), "start web:4", "{}", invocation.answer);
    assert!(
        world.revisions[&4]
            .1
            .to_string()
            .contains("greenlight:rollback")
    );
}

#[test]
fn observing_changes_nothing_and_a_dry_run_neither() {
    let look_at = json!({"look": {"cluster": "prod", "service": "web"}});
    let dry_run = json!({"pipeline": "web", "dry_run": true});
    for (event, mode) in [(look_at, "observe"), (dry_run, "deploy")] {
        let (invocation, _) = look(WAITS, &event, mode, native(), |_, _, _| None);
        assert_eq!(done(&invocation), "start", "{}", invocation.answer);
        let changing = [
            "RegisterTaskDefinition",
            "UpdateService",
            "StopServiceDeployment",
            "CreateSchedule",
        ];
        for operation in changing {
            assert!(!invocation.operations().contains(&operation), "{operation}");
        }
        let changes = invocation.answer["pipelines"][0]["changes"].to_string();
        assert!(changes.contains(&"a".repeat(12)), "{changes}");
    }
}

#[test]
fn a_desired_count_of_0_and_a_quiet_service_are_known_by_the_wanted_revision() {
    let mut quiet = world();
    quiet.deployments.clear();
    let (invocation, _) = looked(quiet);
    assert_eq!(done(&invocation), "start web:3", "{}", invocation.answer);
}

#[test]
fn a_setting_of_codedeploy_is_ignored_and_said_and_a_gate_without_a_hook_is_refused() {
    let event = json!({"pipeline": "web"});
    let tuned = format!("{WAITS}termination_wait='keep'\n");
    let (invocation, _) = look(&tuned, &event, "deploy", native(), |_, _, _| None);
    let report = &invocation.answer["pipelines"][0];
    assert_eq!(report["ignored"], json!(["termination_wait"]));
    assert_eq!(report["engine"], "ECS blue/green");
    let gated = format!("{WAITS}[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n");
    let (invocation, _) = look(&gated, &event, "deploy", native(), |_, _, _| None);
    let report = &invocation.answer["pipelines"][0];
    assert_eq!(report["decision"], "refused", "{}", invocation.answer);
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .contains("LifecycleHooks")
    );
}
