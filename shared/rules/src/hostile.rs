//! Everything that comes from outside is read or refused, whatever it is: no panic, always a reason that people can read.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::config::Config;
use crate::events::{FinishEvent, HookCall, StartEvent, StateChange, hook_ids};
use crate::names::{Digest, Image, Repository, Tag};
use crate::observed::{ImageDetail, Task};
use crate::tag_rule::TagRule;
use crate::{app_spec, migration, reasons};

/// Any JSON, also with names that the parsers look for.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            "[a-zA-Z]{1,8}",
            proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const NAMES: [&str; 20] = [
    "source",
    "detail-type",
    "detail",
    "time",
    "pipeline",
    "tag",
    "digest",
    "dry_run",
    "DeploymentId",
    "LifecycleEventHookExecutionId",
    "deployment_id",
    "containers",
    "overrides",
    "containerOverrides",
    "environment",
    "Resources",
    "Properties",
    "TaskDefinition",
    "containerDefinitions",
    "image",
];

fn push() -> Value {
    json!({
        "version": "0", "detail-type": "ECR Image Action", "source": "aws.ecr", "account": "111122223333",
        "time": "2026-10-14T09:21:47Z", "region": "eu-central-1", "resources": [],
        "detail": {
            "result": "SUCCESS", "repository-name": "shop/web", "action-type": "PUSH", "image-tag": "1.42.0",
            "image-digest": format!("sha256:{}", "4c".repeat(32)),
            "artifact-media-type": "application/vnd.oci.image.config.v1+json",
        }
    })
}

fn ended() -> Value {
    json!({
        "detail-type": "CodeDeploy Deployment State-change Notification", "source": "aws.codedeploy",
        "detail": {"application": "shop", "deploymentGroup": "web", "deploymentId": "d-1", "state": "SUCCESS"}
    })
}

fn stopped() -> Value {
    let environment = json!([
        {"name": "GREENLIGHT_DEPLOYMENT_ID", "value": "d-1"}, {"name": "GREENLIGHT_HOOK_EXECUTION_ID", "value": "x"}
    ]);
    json!({
        "detail-type": "ECS Task State Change", "source": "aws.ecs",
        "detail": {
            "taskArn": "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c", "clusterArn": "prod",
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2", "lastStatus": "STOPPED",
            "startedBy": "greenlight/d-1", "stopCode": "EssentialContainerExited", "stoppedReason": "ended",
            "stoppedAt": "2026-10-14T09:21:47Z", "containers": [{"name": "web", "exitCode": 0, "reason": "none"}],
            "overrides": {"containerOverrides": [{"name": "web", "environment": environment}]}
        }
    })
}

/// One of the events, with any JSON in one place: `place` walks down from the top.
fn broken() -> impl Strategy<Value = Value> {
    let whole = prop_oneof![
        Just(push()),
        Just(ended()),
        Just(stopped()),
        Just(json!({"pipeline": "web", "tag": "latest", "dry_run": true})),
        Just(json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "x"})),
    ];
    let place = proptest::collection::vec(any::<prop::sample::Index>(), 0..5);
    (whole, place, any_json(), any::<bool>()).prop_map(|(mut event, place, other, remove)| {
        break_at(&mut event, &place, other, remove);
        event
    })
}

fn break_at(event: &mut Value, place: &[prop::sample::Index], other: Value, remove: bool) {
    let Some((first, rest)) = place.split_first() else {
        *event = other;
        return;
    };
    match event {
        Value::Object(members) if !members.is_empty() => {
            let name = members.keys().nth(first.index(members.len())).cloned();
            let name = name.unwrap_or_default();
            if remove && rest.is_empty() {
                members.shift_remove(&name);
            } else if let Some(member) = members.get_mut(&name) {
                break_at(member, rest, other, remove);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let index = first.index(items.len());
            break_at(&mut items[index], rest, other, remove);
        }
        event @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => *event = other,
    }
}

/// Judges whatever came out as a task, as the functions do.
fn judge(task: &Task) {
    if let Some(ids) = hook_ids(task) {
        let _ = migration::has_ended(task, &ids.container);
        let _ = migration::judge(task, &ids.container);
    }
    let tasks = [task.clone()];
    let _ = reasons::find(&tasks, &"d-1".parse().unwrap(), &task.revision, None);
}

/// Every reason fits in a log line, in one piece.
fn check_reason(reason: &str) {
    assert!(!reason.is_empty());
    assert!(reason.chars().count() < 1100, "{} characters", reason.len());
    assert!(!reason.contains(char::is_control), "{reason:?}");
}

fn read_by_everybody(event: &Value) {
    match StartEvent::parse(event) {
        Ok(StartEvent::Ignored(reason)) => check_reason(&reason),
        Ok(_) => {}
        Err(error) => check_reason(&error.to_string()),
    }
    match FinishEvent::parse(event) {
        Ok(FinishEvent::Ignored(reason)) => check_reason(&reason),
        Ok(FinishEvent::Stopped(task)) => judge(&task),
        Ok(FinishEvent::TimedOut(_)) => {}
        Err(error) => check_reason(&error.to_string()),
    }
    if let Err(error) = HookCall::parse(event) {
        check_reason(&error.to_string());
    }
    if let Err(error) = StateChange::parse(event) {
        check_reason(&error.to_string());
    }
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
    if let Some(reason) = crate::events::elsewhere(event, &topic.parse().unwrap()) {
        check_reason(&reason);
    }
}

/// The one file that people edit, with every option in it.
const CONFIGURATION: &str = r#"
[[pipeline]]
name = "shop-web"
repository = "shop/web"
tag = "semver:^2"
cluster = "prod"
service = "web"
application = "shop"
deployment_group = "shop-web"
deployment_config = "CodeDeployDefault.ECSAllAtOnce"
containers = ["web"]
revision_from = "latest"
when_busy = "replace"
termination_wait = "keep"
[pipeline.migration]
container = "web"
command = ["migrate"]
timeout_minutes = 30
[pipeline.test_traffic]
healthy_within_seconds = 180
base_url = "https://test.example.com:8443"
host = "www.example.com"
[[pipeline.test_traffic.request]]
path = "/admin/"
status = "200-299,301"
contains = "x"
within_milliseconds = 500
times = 3
"#;

fn image(tags: &[Tag], pushed_at: i64, digit: char) -> ImageDetail {
    ImageDetail {
        digest: format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap(),
        tags: tags.to_vec(),
        pushed_at: time::UtcDateTime::from_unix_timestamp(pushed_at).unwrap(),
        media_type: None,
        artifact_media_type: None,
    }
}

fn any_rule() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "semver:[\\^~<>=]{0,2}[0-9x*]{0,3}(\\.[0-9x*]{1,2}){0,2}(, ?<[0-9]{1,2})?",
        "[a-z0-9.*?\\[\\]{},!-]{1,20}",
        "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}",
    ]
}

fn any_tag() -> impl Strategy<Value = Tag> {
    let text = prop_oneof![
        "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}",
        "v?[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}(-rc\\.[0-9])?",
        "v?[0-9]{18,22}\\.0\\.0",
    ];
    text.prop_map(|text| text.parse().unwrap())
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(event in any_json()) {
        read_by_everybody(&event);
    }

    #[test]
    fn any_broken_event_is_read_or_refused(event in broken()) {
        read_by_everybody(&event);
    }

    #[test]
    fn any_text_is_a_configuration_or_refused(text in any::<String>()) {
        if let Err(problems) = Config::parse(&text) {
            prop_assert!(!problems.as_slice().is_empty());
        }
    }

    #[test]
    fn any_edit_of_a_configuration_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        length in 0_usize..12,
        with in prop_oneof!["\\PC{0,6}", "[\\n\"\\[\\]=.#0-9-]{0,6}"],
    ) {
        let mut text = CONFIGURATION.to_owned();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.replace_range(start..end, &with);
        if let Err(problems) = Config::parse(&text) {
            prop_assert!(!problems.as_slice().is_empty());
            for problem in problems.as_slice() {
                prop_assert!(!problem.message.is_empty());
            }
        }
    }

    #[test]
    fn any_tag_rule_is_read_as_it_is_written_or_refused(rule in any_rule(), tag in any_tag()) {
        let Ok(rule) = rule.parse::<TagRule>() else { return Ok(()) };
        let again: TagRule = rule.to_string().parse().unwrap();
        prop_assert_eq!(rule.matches(&tag), again.matches(&tag), "{}", rule);
        prop_assert!(rule.version(&tag).is_none() || rule.matches(&tag));
    }

    /// Two images are never both before the other, and what a rule chooses has nothing after it.
    #[test]
    fn an_order_has_one_newest_image(
        rule in prop_oneof![Just("latest"), Just("*"), Just("semver:*"), Just("semver:>=1.0.0-rc.0")],
        tags in proptest::collection::vec((any_tag(), 0_i64..5), 1..6),
    ) {
        let rule: TagRule = rule.parse().unwrap();
        let digits = "0123456789".chars();
        let images: Vec<ImageDetail> = tags
            .iter()
            .zip(digits)
            .map(|((tag, at), digit)| image(std::slice::from_ref(tag), *at, digit))
            .collect();
        for one in &images {
            for other in &images {
                prop_assert!(!(rule.is_before(one, other) && rule.is_before(other, one)));
            }
        }
        if let Some((chosen, tag)) = rule.choose(&images) {
            prop_assert!(rule.matches(tag) && chosen.tags.contains(tag));
            let matching = images.iter().filter(|image| image.tags.iter().any(|tag| rule.matches(tag)));
            for other in matching {
                prop_assert!(!rule.is_before(chosen, other), "{} {:?} {:?}", rule, chosen, other);
            }
        }
    }

    #[test]
    fn any_app_spec_names_a_revision_or_none(text in any::<String>(), spec in any_json()) {
        let _ = (app_spec::revision(&text), app_spec::revision(&spec.to_string()));
    }

    #[test]
    fn any_name_is_taken_as_it_is_or_refused_in_few_words(text in any::<String>()) {
        macro_rules! check {
            ($($name:ident)*) => {$(
                match text.parse::<crate::names::$name>() {
                    Ok(name) => prop_assert_eq!(name.as_str(), &text),
                    Err(refused) => check_reason(&refused.to_string()),
                }
            )*};
        }
        check!(PipelineName Repository Tag Digest ClusterName ServiceName ContainerName ApplicationName DeploymentGroupName);
        check!(DeploymentConfigName DeploymentId HookExecutionId RevisionArn TaskArn TargetGroupArn ListenerArn TopicArn FunctionName);
    }

    #[test]
    fn any_description_ships_an_image_or_nothing(text in any::<String>(), tail in "\\PC{0,300}") {
        let digest: Digest = format!("sha256:{}", "4c".repeat(32)).parse().unwrap();
        let image = Image {
            repository: "shop/web".parse::<Repository>().unwrap(),
            digest: digest.clone(),
            tag: None,
        };
        let _ = crate::start::description(&image);
        for description in [text, format!("greenlight {tail}"), format!("greenlight {digest} {tail}")] {
            let deployment = crate::start::tests::described(&description);
            let (shipped, image) = (crate::start::shipped(&deployment), crate::start::shipped_image(&deployment));
            prop_assert!(image.is_none_or(|image| Some(image.digest) == shipped));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_huge_value_gets_a_small_refusal(length in 2_000_usize..20_000, part in "\\PC|[\\n\\t\\x00]") {
        let huge = part.repeat(length);
        for name in ["repository-name", "image-digest", "image-tag", "action-type", "result", "artifact-media-type"] {
            let mut event = push();
            event["detail"][name] = huge.clone().into();
            read_by_everybody(&event);
            event["detail"][name] = json!({huge.clone(): huge.clone()});
            read_by_everybody(&event);
        }
        read_by_everybody(&json!({"source": huge, "detail-type": huge}));
        read_by_everybody(&json!({"pipeline": "web", huge.clone(): 1}));
        read_by_everybody(&json!({"pipeline": huge}));
    }
}
