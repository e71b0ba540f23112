use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::ecs::{BreakerState, DeployedRevision, Rollback, TriggeredAlarms};
use crate::start::tests::detail;
use crate::start::{self, Candidate, Chosen};

const ORDERED: i64 = 1_791_970_000;

fn pipelines(repositories: &[&str]) -> Vec<Pipeline> {
    let tables = repositories.iter().map(|repository| {
        let container = repository.replace('/', "-");
        format!(
            "[[pipeline]]\nname = '{repository}'\nrepository = '{repository}'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n\
             containers = ['{container}']\nwhen_busy = 'replace'\n"
        )
    });
    Config::parse(&tables.collect::<String>())
        .unwrap()
        .pipelines
}

fn sha(digit: char) -> Digest {
    start::tests::digest(digit)
}

fn second(second: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(ORDERED + second).unwrap()
}

fn family(number: u32) -> RevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}")
        .parse()
        .unwrap()
}

/// Revision `number` with an image of each repository; its own tags say that `digit` of the first was ordered then.
fn definition(
    number: u32,
    images: &[(&str, char)],
    registered_at: i64,
    tags: Value,
) -> TaskDefinition {
    let containers = images.iter().map(|(repository, digit)| {
        json!({
            "name": repository.replace('/', "-"),
            "image": format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/{repository}@{}", sha(*digit))
        })
    });
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": family(number), "registeredAt": ORDERED + registered_at,
            "containerDefinitions": containers.collect::<Vec<_>>()
        }),
        tags,
    }
}

fn marks(digit: char, ordered_at: i64) -> Value {
    json!([
        {"key": "greenlight:digest", "value": sha(digit)}, {"key": "greenlight:tag", "value": "latest"},
        {"key": "greenlight:ordered-at", "value": start::moment(second(ordered_at))},
        {"key": "greenlight:stack", "value": "greenlight"}
    ])
}

fn service_revision(digits: u32, number: u32, images: &[(&str, char)]) -> ServiceRevision {
    let images = images.iter().map(|(repository, digit)| RevisionImage {
        container: repository.replace('/', "-").parse().unwrap(),
        image: Some(format!("{repository}:latest")),
        digest: Some(sha(*digit)),
    });
    ServiceRevision {
        arn: format!("arn:aws:ecs:eu-central-1:111122223333:service-revision/prod/web/{digits}")
            .parse()
            .unwrap(),
        revision: family(number),
        images: images.collect(),
        placement: crate::observed::Placement::default(),
        target_groups: Vec::new(),
        created_at: None,
    }
}

fn deployment(status: &str, created_at: i64) -> ServiceDeployment {
    let target = service_revision(2, 2, &[]).arn;
    ServiceDeployment {
        arn: "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6"
            .parse()
            .unwrap(),
        status: Status::of(status),
        status_reason: None,
        stage: None,
        sources: Vec::new(),
        target: Some(DeployedRevision {
            arn: target,
            requested_count: 2,
            running_count: 2,
            test_weight: None,
            production_weight: None,
        }),
        rollback: None,
        hooks: Vec::new(),
        breaker: None,
        alarms: None,
        created_at: second(created_at),
        started_at: None,
        finished_at: Some(second(created_at + 100)),
        stopped_at: None,
        updated_at: None,
    }
}

/// Greenlight's deployment of image `digit`, ordered at 0 and registered at 5.
fn ours(digit: char, deployment: ServiceDeployment) -> Shipping {
    let images = [("shop/web", digit)];
    Shipping {
        deployment,
        target: Some(service_revision(2, 2, &images)),
        source: Some(service_revision(1, 1, &[("shop/web", 'a')])),
        definition: Some(definition(2, &images, 5, marks(digit, 0))),
        is_newest: true,
    }
}

fn end_of(deployment: ServiceDeployment, is_newest: bool) -> Option<End> {
    let shipping = Shipping {
        is_newest,
        ..ours('c', deployment)
    };
    let pipeline = &pipelines(&["shop/web"])[0];
    attempt(pipeline, &[pipeline], &shipping, &[]).end
}

#[test]
fn an_attempt_ended_as_ecs_says() {
    let table = [
        ("PENDING", None),
        ("IN_PROGRESS", None),
        ("STOP_REQUESTED", None),
        ("ROLLBACK_REQUESTED", None),
        ("ROLLBACK_IN_PROGRESS", None),
        ("A_STATE_TO_COME", None),
        ("SUCCESSFUL", Some(End::Succeeded)),
        ("ROLLBACK_SUCCESSFUL", Some(End::StoppedByCall)),
        ("ROLLBACK_FAILED", Some(End::StoppedByCall)),
        ("STOPPED", Some(End::StoppedByCall)),
    ];
    for (status, expected) in table {
        assert_eq!(end_of(deployment(status, 10), true), expected, "{status}");
    }
}

#[test]
fn a_rollback_or_stop_of_ecs_itself_is_a_failure() {
    let triggered = |by_breaker: bool| {
        move |deployment: ServiceDeployment| {
            let status = "TRIGGERED".to_owned();
            match by_breaker {
                true => ServiceDeployment {
                    breaker: Some(BreakerState {
                        status,
                        failure_count: 3,
                        threshold: 3,
                    }),
                    ..deployment
                },
                false => ServiceDeployment {
                    alarms: Some(TriggeredAlarms {
                        status,
                        triggered: vec!["errors".to_owned()],
                    }),
                    ..deployment
                },
            }
        }
    };
    for status in ["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"] {
        // A stop by breaker or alarm without rollback is one, even where a newer deployment came since.
        for is_newest in [true, false] {
            for by_breaker in [true, false] {
                let deployment = triggered(by_breaker)(deployment(status, 10));
                assert_eq!(end_of(deployment, is_newest), Some(End::Failed), "{status}");
            }
        }
    }
    for reason in [
        "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. Lifecycle hook target arn returned FAILED status.",
        "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        "Service deployment rolled back because of invalid networking configuration: Target group arn is not associated.",
        "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook timed out.",
        "ECS deployment circuit breaker: tasks failed to start.",
    ] {
        let by_status = ServiceDeployment {
            status_reason: Some(reason.to_owned()),
            ..deployment("ROLLBACK_SUCCESSFUL", 10)
        };
        let by_rollback = ServiceDeployment {
            rollback: Some(Rollback {
                reason: Some(reason.to_owned()),
                started_at: None,
                revision: None,
            }),
            ..deployment("ROLLBACK_SUCCESSFUL", 10)
        };
        assert_eq!(end_of(by_status, true), Some(End::Failed), "{reason}");
        assert_eq!(end_of(by_rollback, true), Some(End::Failed), "{reason}");
    }
}

fn candidate(digit: char) -> Candidate {
    let mut detail = detail(digit, ORDERED);
    detail.tags = vec!["latest".parse().unwrap()];
    Candidate {
        image: crate::names::Image {
            repository: "shop/web".parse().unwrap(),
            digest: sha(digit),
            tag: "latest".parse().ok(),
        },
        detail,
        ordered_at: second(0),
        chosen: Chosen::First,
    }
}

/// The ends of those that speak against another deployment of image `c`.
fn tried(deployments: &[Shipping]) -> Vec<End> {
    let pipeline = &pipelines(&["shop/web"])[0];
    let attempts = deployments
        .iter()
        .map(|shipping| attempt(pipeline, &[pipeline], shipping, &[]));
    let tried = start::attempts(pipeline, &candidate('c'), attempts.collect());
    tried
        .into_iter()
        .filter_map(|attempt| attempt.end)
        .collect()
}

#[test]
fn two_starts_race_on_ecs_and_the_one_that_is_superseded_is_not_tried() {
    let stopped = Shipping {
        is_newest: false,
        ..ours('c', deployment("STOPPED", 10))
    };
    assert_eq!(tried(&[stopped]), []);
    let failed = ours('c', deployment("ROLLBACK_SUCCESSFUL", 10));
    assert_eq!(tried(&[failed]), [End::StoppedByCall]);
}

#[test]
fn one_that_greenlight_stopped_for_a_newer_image_is_superseded_though_it_ends_rolled_back() {
    let stopped = Shipping {
        is_newest: false,
        ..ours('c', deployment("ROLLBACK_SUCCESSFUL", 10))
    };
    // Ordered at 50, while the other one was under way until 110.
    let mut newer = ours('d', deployment("SUCCESSFUL", 120));
    newer.definition = Some(definition(3, &[("shop/web", 'd')], 115, marks('d', 50)));
    newer.target = Some(service_revision(3, 3, &[("shop/web", 'd')]));
    // The tag came back to `c`, by a rule over all tags: with an exact tag it would be a new order anyway.
    let text = "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'late*'\ncluster = 'prod'\nservice = 'web'\n\
                when_busy = 'replace'\n";
    let pipeline = &Config::parse(text).unwrap().pipelines[0];
    let judged = |deployments: &[&Shipping]| {
        let attempts = deployments
            .iter()
            .map(|shipping| attempt(pipeline, &[pipeline], shipping, &[]));
        start::attempts(pipeline, &candidate('c'), attempts.collect()).len()
    };
    assert_eq!(judged(&[&stopped, &newer]), 0);
    // A person stopped it: nothing was ordered meanwhile.
    assert_eq!(judged(&[&stopped]), 1);
    // It failed by itself: what was ordered meanwhile does not matter.
    let mut failed = stopped;
    failed.deployment.status_reason = Some("PRE_SCALE_UP lifecycle hook(s) failed".to_owned());
    assert_eq!(judged(&[&failed, &newer]), 1);
}

#[test]
fn who_goes_back_by_hand_to_an_old_revision_gives_no_order() {
    let shipped = ours('c', deployment("SUCCESSFUL", 10));
    // Revision 1 of image `a` is deployed again: registered two days ago, for an order of then.
    let mut back = ours('a', deployment("SUCCESSFUL", 500));
    back.definition = Some(definition(
        1,
        &[("shop/web", 'a')],
        -172_800,
        marks('a', -172_810),
    ));
    back.target = Some(service_revision(1, 1, &[("shop/web", 'a')]));
    let pipeline = &pipelines(&["shop/web"])[0];
    let order = attempt(pipeline, &[pipeline], &back, &[]).order.unwrap();
    assert_eq!(
        (order.digest, order.tag, order.ordered_at),
        (sha('a'), None, None)
    );
    // So `c` shipped and is rolled back by hand; an order of `a` by the tag would make `c` due again.
    assert_eq!(tried(&[shipped, back]), [End::Succeeded]);
}

#[test]
fn what_ran_when_a_service_was_moved_is_no_new_order_and_what_failed_before_stays_failed() {
    let pipeline = &pipelines(&["shop/web"])[0];
    let by_codedeploy = |id: &str, digit, at, end| Attempt {
        order: Some(Order {
            digest: sha(digit),
            ordered_at: Some(second(at)),
            tag: "latest".parse().ok(),
            repository: None,
            brings: None,
        }),
        created_at: second(at + 10),
        content: Some(format!("the AppSpec of {digit}")),
        ..start::tests::attempt(id, Some(end), sha(digit))
    };
    let before = [
        by_codedeploy("d-1", 'a', -1000, End::Succeeded),
        by_codedeploy("d-2", 'c', 0, End::Failed),
    ];
    let judged = |registered_at, ordered_at| {
        let mut moved = ours('a', deployment("SUCCESSFUL", 500));
        let marks = marks('a', ordered_at);
        moved.definition = Some(definition(1, &[("shop/web", 'a')], registered_at, marks));
        let attempt = attempt(pipeline, &[pipeline], &moved, &before);
        let all = before.iter().cloned().chain([attempt]).collect();
        let tried = start::attempts(pipeline, &candidate('c'), all);
        let ends: Vec<End> = tried.into_iter().filter_map(|one| one.end).collect();
        ends
    };
    assert_eq!(judged(-995, -1000), [End::Failed]);
    // Registered a moment before it was deployed, and read a moment later.
    assert_eq!(judged(-990, -1000), [End::Failed]);
    // Registered anew, or for another order: the tag was moved back, and `c` by it.
    assert_eq!(judged(450, -1000), []);
    assert_eq!(judged(-995, 400), []);
}

#[test]
fn a_revision_of_somebody_else_is_known_by_its_image_alone() {
    let foreign = Shipping {
        definition: Some(definition(2, &[("shop/web", 'c')], 5, Value::Null)),
        ..ours('c', deployment("ROLLBACK_FAILED", 10))
    };
    assert_eq!(tried(&[foreign]), [End::StoppedByCall]);
    let mut by_tag = ours('c', deployment("ROLLBACK_FAILED", 10));
    let mut definition = definition(2, &[("shop/web", 'c')], 5, Value::Null);
    definition.task_definition["containerDefinitions"][0]["image"] =
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:latest".into();
    by_tag.definition = Some(definition);
    assert_eq!(tried(&[by_tag]), [End::StoppedByCall]);
    let unknown = Shipping {
        definition: None,
        ..ours('c', deployment("ROLLBACK_FAILED", 10))
    };
    assert_eq!(tried(&[unknown]), []);
}

#[test]
fn a_deployment_of_several_pipelines_ships_what_differs_from_what_it_replaces() {
    let both = pipelines(&["shop/web", "shop/proxy"]);
    let all: Vec<&Pipeline> = both.iter().collect();
    let images = [("shop/web", 'c'), ("shop/proxy", 'e')];
    let shipping = Shipping {
        deployment: deployment("IN_PROGRESS", 10),
        target: Some(service_revision(2, 2, &images)),
        source: Some(service_revision(
            1,
            1,
            &[("shop/web", 'a'), ("shop/proxy", 'e')],
        )),
        definition: Some(definition(2, &images, 5, Value::Null)),
        is_newest: true,
    };
    let of = |pipeline: &Pipeline| active(pipeline, &all, None, &shipping);
    assert!(of(all[0]).ships(&sha('c')));
    assert!(of(all[0]).beside.is_empty());
    assert!(of(all[1]).ships.is_empty());
    assert_eq!(of(all[1]).beside, [sha('c')]);
    assert!(of(all[1]).keeps_image());
}

#[test]
fn what_its_production_gate_did_not_let_pass_has_failed() {
    let with = |value: &str| {
        let mut shipping = ours('c', deployment("SUCCESSFUL", 10));
        let definition = shipping.definition.as_mut().unwrap();
        let tags = definition.tags.as_array_mut().unwrap();
        tags.push(json!({"key": "greenlight:gate", "value": value}));
        end(&shipping)
    };
    for (value, expected) in [
        ("passed production-traffic EZe5RNVLH6", End::Succeeded),
        (
            "failed production-traffic EZe5RNVLH6 back:1 it failed",
            End::Failed,
        ),
        (
            "failed production-traffic EZe5RNVLH6 back:none",
            End::Failed,
        ),
        // Of another deployment, and of a gate of the native strategies.
        (
            "failed production-traffic another back:1 it failed",
            End::Succeeded,
        ),
        (
            "failed production-traffic EZe5RNVLH6 it failed",
            End::Succeeded,
        ),
    ] {
        assert_eq!(with(value), Some(expected), "{value}");
    }
}

#[test]
fn how_far_a_deployment_is() {
    let pipeline = &pipelines(&["shop/web"])[0];
    let check = |strategy, status: &str, stage: Option<&str>, expected| {
        let mut deployment = deployment(status, 10);
        deployment.stage = stage.map(super::super::Stage::of);
        let found = active(pipeline, &[pipeline], strategy, &ours('c', deployment));
        assert_eq!(found.phase, expected, "{strategy:?} {status} {stage:?}");
        assert_eq!(found.id.as_str(), "EZe5RNVLH6");
    };
    let canary = Some(Strategy::Canary);
    check(canary, "PENDING", None, Phase::Shifting);
    check(
        canary,
        "IN_PROGRESS",
        Some("PRODUCTION_TRAFFIC_SHIFT"),
        Phase::Shifting,
    );
    check(canary, "IN_PROGRESS", Some("BAKE_TIME"), Phase::Bake);
    check(canary, "A_STATE_TO_COME", Some("CLEAN_UP"), Phase::Bake);
    check(
        canary,
        "ROLLBACK_IN_PROGRESS",
        Some("BAKE_TIME"),
        Phase::RollingBack,
    );
    check(canary, "ROLLBACK_REQUESTED", None, Phase::RollingBack);
    check(canary, "STOP_REQUESTED", None, Phase::RollingBack);
    check(None, "IN_PROGRESS", None, Phase::Rolling);
    check(None, "ROLLBACK_IN_PROGRESS", None, Phase::RollingBack);
}

#[test]
fn what_was_accepted_and_is_not_listed_yet_is_under_way_and_named_by_its_revision() {
    let pipeline = &pipelines(&["shop/web"])[0];
    let definition = definition(43, &[("shop/web", 'c')], 5, marks('c', 0));
    let found = accepted(pipeline, &family(43), &definition, second(6));
    assert_eq!(found.id.as_str(), "web-43");
    assert_eq!(found.phase, Phase::Accepted);
    assert!(found.ships(&sha('c')));
}

#[test]
fn what_shipped_is_known_from_the_service_revision() {
    let pipeline = &pipelines(&["shop/web"])[0];
    let revision = service_revision(1, 1, &[("shop/web", 'a'), ("shop/proxy", 'e')]);
    assert!(has_shipped(pipeline, &revision, &sha('a')));
    // The container of another pipeline.
    assert!(!has_shipped(pipeline, &revision, &sha('e')));
    assert!(!has_shipped(pipeline, &revision, &sha('b')));
}
