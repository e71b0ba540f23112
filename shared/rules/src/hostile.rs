//! Everything that comes from outside is read or refused, whatever it is: no panic, always a reason that people can read.

use proptest::prelude::*;
use serde_json::Value;

use crate::codedeploy::app_spec;
use crate::names::{Digest, Image, Repository, Tag};
use crate::observed::{ImageDetail, ImageStatus};
use crate::tag_rule::TagRule;

#[path = "../../../fuzz/src"]
#[expect(
    unreachable_pub,
    reason = "the fuzz targets use the same files from outside"
)]
mod properties {
    pub(super) mod configuration;
    pub(super) mod event;
    pub(super) mod tag_rule;
}

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
        status: ImageStatus::Active,
    }
}

fn any_rule() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "semver:[\\^~<>=]{0,2}[0-9x*]{0,3}(\\.[0-9x*]{1,2}){0,2}(, ?<[0-9]{1,2})?",
        "[a-z0-9.*?\\[\\]{},!-]{1,20}",
        "regex:[ab1.*+?|()\\[\\]^$-]{0,12}",
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
        properties::event::holds(&event.to_string());
    }

    #[test]
    fn any_text_is_a_configuration_or_refused(text in any::<String>()) {
        properties::configuration::holds(&text);
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
        properties::configuration::holds(&text);
    }

    #[test]
    fn any_tag_rule_is_read_as_it_is_written_or_refused(rule in any_rule(), tags in proptest::collection::vec(any_tag(), 1..8)) {
        let lines: Vec<String> = tags.iter().map(ToString::to_string).collect();
        properties::tag_rule::holds(&format!("{rule}\n{}", lines.join("\n")));
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
                    Err(refused) => properties::event::is_a_reason(&refused.to_string()),
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
        let ordered = crate::codedeploy::Ordered {
            image: &image,
            ordered_at: time::UtcDateTime::UNIX_EPOCH,
            mark: None,
        };
        let _ = crate::codedeploy::description(&[ordered], None);
        let alone = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'";
        let pipeline = crate::config::Config::parse(alone).unwrap().pipelines.remove(0);
        for description in [text, format!("greenlight {tail}"), format!("greenlight {digest} {tail}")] {
            let deployment = crate::codedeploy::tests::described(&description);
            let (shipped, image) = (crate::codedeploy::shipped(&pipeline, &deployment), crate::codedeploy::shipped_image(&pipeline, &deployment));
            prop_assert!(image.is_none_or(|image| Some(image.digest) == shipped));
        }
    }
}
