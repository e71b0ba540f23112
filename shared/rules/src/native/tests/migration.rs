//! The migration's task: what is started, how long it may take, and which one counts.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{Config, Migration, Pipeline};
use crate::ecs::{Hook, HookTarget, Listed, RevisionImage, ServiceRevision};
use crate::migration::verdict::{Lack, Seen};
use crate::migration::{TaskRun, differences_of};
use crate::names::ContainerName;
use crate::native::Known;
use crate::native::migration::{
    Moment, claimed, moment, plan, started_by, successful_before, time_limit,
};
use crate::observed::{ContainerOverride, Placement, Service, Task, TaskDefinition};
use crate::revision::is_for_rollback;

const TASK: &str = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c";

fn pipeline(more: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n{more}"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
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

fn revision(digits: &str, image: &str, resolved: Option<&str>) -> ServiceRevision {
    ServiceRevision {
        arn: format!("{HEAD}:service-revision/prod/web/{digits}")
            .parse()
            .unwrap(),
        revision: format!("{HEAD}:task-definition/web:7").parse().unwrap(),
        images: vec![RevisionImage {
            container: "web".parse().unwrap(),
            image: Some(image.to_owned()),
            digest: resolved.map(|digit| digest(digit).parse().unwrap()),
        }],
        placement: Placement {
            launch_type: Some("FARGATE".to_owned()),
            ..Placement::default()
        },
        target_groups: Vec::new(),
        created_at: None,
    }
}

fn known(image: &str, tags: serde_json::Value) -> Known {
    Known {
        pipeline: pipeline(""),
        deployment: deployment("IN_PROGRESS", Some("PRE_SCALE_UP")),
        service: Service::for_tests(),
        target: revision(GREEN, image, None),
        definition: TaskDefinition {
            task_definition: json!({"taskDefinitionArn": format!("{HEAD}:task-definition/web:7"), "family": "web", "containerDefinitions": [{"name": "web", "image": image}]}),
            tags,
        },
    }
}

fn migration(more: &str) -> Migration {
    pipeline(more).migration.unwrap()
}

#[test]
fn the_migration_is_the_targets_revision_where_it_runs_and_each_stage_has_a_token() {
    let known = known(&image("a"), json!([]));
    let of = |stage: &str| plan(&migration(""), &call(stage), &known);
    let task = of("PRE_SCALE_UP");
    assert_eq!(task.revision, known.target.revision);
    assert_eq!(task.placement, known.target.placement);
    assert_eq!(task.started_by, format!("greenlight-native/{ID}"));
    assert_eq!(task.client_token, format!("greenlight-PRE_SCALE_UP-{ID}"));
    assert_eq!(task.container.as_str(), "web");
    assert_eq!(task.command, ["migrate"]);
    assert_ne!(of("POST_SCALE_UP").client_token, task.client_token);
    // ECS takes 128 and 64 characters, and the longest id that is read has 64.
    let longest: crate::names::ServiceDeploymentArn =
        format!("{HEAD}:service-deployment/prod/web/{}", "x".repeat(22))
            .parse()
            .unwrap();
    assert!(started_by(&longest).len() <= 128);
    assert!(task.client_token.len() <= 64);
}

#[test]
fn the_time_is_the_pipelines_and_no_longer_than_its_hooks() {
    let hook = |lambda: bool, stage: &str, minutes: Option<u64>| Hook {
        target: match lambda {
            true => HookTarget::Lambda {
                function: "f".to_owned(),
                role: None,
            },
            false => HookTarget::Pause,
        },
        stages: vec![Stage::of(stage)],
        timeout: minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        goes_on: false,
    };
    let at = "PRE_SCALE_UP";
    for (hooks, expected) in [
        (vec![], 30 * 60),
        (vec![hook(true, at, None)], 30 * 60),
        (vec![hook(true, at, Some(1440))], 30 * 60),
        (vec![hook(true, at, Some(10))], 8 * 60),
        (vec![hook(true, at, Some(2))], 60),
        (
            vec![hook(true, at, Some(1440)), hook(true, at, Some(20))],
            18 * 60,
        ),
        // Neither a pause nor a hook of another stage bounds it.
        (vec![hook(false, at, Some(5))], 30 * 60),
        (vec![hook(true, "POST_SCALE_UP", Some(5))], 30 * 60),
    ] {
        let mut service = Service::for_tests();
        service.configuration.hooks = hooks.clone();
        let limit = time_limit(&migration(""), &service, &Stage::PreScaleUp);
        assert_eq!(limit.as_secs(), expected, "{hooks:?}");
    }
}

fn web() -> ContainerName {
    "web".parse().unwrap()
}

/// What the task is after so many minutes of its ten.
fn at(task: &Task, minutes: i64) -> Result<String, Lack> {
    let essential = [web()];
    let seen = Seen {
        essential: Some(&essential),
        ..Seen::default()
    };
    let limit = Duration::from_secs(600);
    let now = moment_of(minutes);
    Ok(match moment(task, &web(), &seen, limit, Some(now))? {
        Moment::Running(progress) => {
            assert_eq!(progress.details["greenlightTask"], TASK);
            assert!(progress.details["greenlightDeadline"].is_string());
            format!("again in {} seconds", progress.call_back.as_secs())
        }
        Moment::Ended => "ended".to_owned(),
        Moment::Overdue(why) => why,
    })
}

fn moment_of(minutes: i64) -> time::UtcDateTime {
    time::UtcDateTime::UNIX_EPOCH + time::Duration::minutes(minutes)
}

fn running(exit_code: Option<i64>) -> Task {
    Task {
        last_status: "RUNNING".to_owned(),
        stop_code: None,
        stopped_reason: None,
        stopped_at: None,
        ..Task::for_tests(&[("web", exit_code)])
    }
}

#[test]
fn a_task_runs_until_it_has_ended_or_its_time_is_up_by_awss_clock() {
    for (task, minutes, expected) in [
        (running(None), 0, "again in 15 seconds"),
        (running(None), 6, "again in 30 seconds"),
        (
            running(None),
            10,
            "the migration did not end within its 10 minutes",
        ),
        (
            running(None),
            900,
            "the migration did not end within its 10 minutes",
        ),
        (Task::for_tests(&[("web", Some(0))]), 1, "ended"),
        (Task::for_tests(&[("web", Some(0))]), 900, "ended"),
        // It ended by itself, and a sidecar keeps its task up.
        (running(Some(0)), 1, "ended"),
        (running(Some(3)), 10, "ended"),
    ] {
        let said = at(&task, minutes).unwrap();
        assert_eq!(said, expected, "{task:?}");
    }
    let mut waiting = running(None);
    waiting.last_status = "PROVISIONING".to_owned();
    assert_eq!(
        at(&waiting, 10).unwrap(),
        "the migration did not start within its 10 minutes (its task was PROVISIONING)"
    );
}

#[test]
fn a_time_that_aws_does_not_state_is_not_up() {
    let mut task = running(None);
    let limit = Duration::from_secs(60);
    let is = |task: &Task, now| moment(task, &web(), &Seen::default(), limit, now).unwrap();
    assert!(matches!(is(&task, None), Moment::Running(_)));
    task.created_at = None;
    assert!(matches!(
        is(&task, Some(moment_of(900))),
        Moment::Running(_)
    ));
}

/// Every member right but one: such a task is not the migration, whoever names it.
#[test]
fn a_task_is_the_migration_in_every_member_or_not_at_all() {
    let known = known(&image("a"), json!([]));
    let planned = plan(&migration(""), &call("PRE_SCALE_UP"), &known);
    let right = Task {
        revision: planned.revision.clone(),
        started_by: Some(planned.started_by.clone()),
        overrides: vec![ContainerOverride {
            name: web(),
            command: vec!["migrate".to_owned()],
            environment: std::collections::BTreeMap::new(),
            others: Vec::new(),
        }],
        ..Task::for_tests(&[("web", Some(0))])
    };
    let differs = |task: &Task| {
        differences_of(task, &planned.started_by, "prod", &TaskRun::from(&planned)).join(", ")
    };
    assert_eq!(differs(&right), "");
    let other = |change: fn(&mut Task)| {
        let mut task = right.clone();
        change(&mut task);
        differs(&task)
    };
    for (difference, expected) in [
        (
            other(|task| task.cluster = "c/staging".to_owned()),
            "its cluster",
        ),
        (
            other(|task| task.revision = format!("{HEAD}:task-definition/web:6").parse().unwrap()),
            "its revision",
        ),
        (
            other(|task| task.started_by = Some("greenlight-native/other".to_owned())),
            "its `startedBy`",
        ),
        (
            other(|task| task.started_by = Some(format!("greenlight/{ID}"))),
            "its `startedBy`",
        ),
        (other(|task| task.started_by = None), "its `startedBy`"),
        (
            other(|task| task.overrides.clear()),
            "0 of its containers are overridden",
        ),
        (
            other(|task| task.overrides[0].name = "side".parse().unwrap()),
            "container `side`",
        ),
        (
            other(|task| task.overrides[0].command = vec!["true".to_owned()]),
            "its command is another one",
        ),
        (
            other(|task| task.overrides[0].others = vec!["cpu".to_owned()]),
            "`cpu` is overridden",
        ),
        (
            other(|task| {
                let (name, value) = ("GREENLIGHT_DEPLOYMENT_ID".to_owned(), "d-1".to_owned());
                task.overrides[0].environment.insert(name, value);
            }),
            "environment is overridden",
        ),
        (
            other(|task| task.other_overrides = vec!["taskRoleArn".to_owned()]),
            "`taskRoleArn` is overridden",
        ),
    ] {
        assert!(difference.contains(expected), "{difference}");
    }
}

#[test]
fn what_a_call_claims_is_read_and_what_is_no_task_is_not() {
    for (details, expected) in [
        (json!({"greenlightTask": TASK, "own": true}), Some(TASK)),
        (json!({"greenlightTask": "x"}), None),
        (json!({"greenlightTask": 7}), None),
        (json!({}), None),
        // The service may configure any document.
        (json!(true), None),
        (json!("text"), None),
        (json!(null), None),
    ] {
        let mut payload = payload("PRE_SCALE_UP");
        payload["hookDetails"] = details.clone();
        let claimed = claimed(&read(&payload));
        assert_eq!(
            claimed.as_ref().map(|task| task.as_str()),
            expected,
            "{details}"
        );
    }
}

#[test]
fn a_rollback_counts_with_a_successful_deployment_of_its_image_before() {
    let tags = json!([{"key": "greenlight:rollback", "value": "x"}]);
    assert!(is_for_rollback(&known(&image("a"), tags).definition));
    let tags = json!([{"key": "greenlight:tag", "value": "greenlight:rollback"}]);
    let known = known(&image("a"), tags);
    assert!(!is_for_rollback(&known.definition));
    for (earlier, expected) in [
        (revision("1", &image("a"), None), true),
        (revision("1", "shop/web:latest", Some("a")), true),
        (revision("1", &image("b"), None), false),
        // Pinned to one, whatever ECS resolved.
        (revision("1", &image("b"), Some("a")), false),
        (revision("1", "shop/web:latest", Some("b")), false),
        (revision("1", "shop/web:latest", None), false),
    ] {
        assert_eq!(known.is_image_of(&earlier), expected, "{earlier:?}");
    }
    let listed = |digits: &str, status: &str, minutes: i64| Listed {
        arn: format!("{HEAD}:service-deployment/prod/web/x{minutes}")
            .parse()
            .unwrap(),
        target: Some(
            format!("{HEAD}:service-revision/prod/web/{digits}")
                .parse()
                .unwrap(),
        ),
        status: Status::of(status),
        created_at: super::moment(minutes),
    };
    let all = [
        listed("9", "SUCCESSFUL", 1),
        listed(GREEN, "IN_PROGRESS", 0),
        listed("3", "SUCCESSFUL", -1),
        listed("2", "ROLLBACK_SUCCESSFUL", -2),
        listed("3", "SUCCESSFUL", -3),
        listed("1", "SUCCESSFUL", -4),
    ];
    let before = successful_before(&known.deployment, &all);
    let before: Vec<&str> = before.iter().map(|arn| arn.digits()).collect();
    assert_eq!(before, ["3", "1"]);
}

#[test]
fn the_image_of_a_deployment_is_told_by_its_pin_or_by_what_ecs_resolved() {
    let tags = json!([{"key": "greenlight:digest", "value": digest("a")}, {"key": "greenlight:tag", "value": "v7"}]);
    let subject = known(&image("a"), tags).subject();
    assert_eq!(subject.id.as_str(), ID);
    assert!(
        subject.to_string().starts_with("shop/web:v7 (sha256:aaaa"),
        "{subject}"
    );
    let mut by_tag = known(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:v8",
        json!([]),
    );
    assert_eq!(by_tag.subject().to_string(), format!("deployment {ID}"));
    by_tag.target.images[0].digest = Some(digest("c").parse().unwrap());
    let said = by_tag.subject().to_string();
    assert!(said.contains("(sha256:cccc"), "{said}");
}
