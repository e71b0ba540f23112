use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::hostile::any_json;

const REGISTRY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

fn pipeline(containers: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname='shop-web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\ncontainers={containers}"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
}

fn image() -> Image {
    Image {
        repository: "shop/web".parse().unwrap(),
        digest: format!("sha256:{}", "4c".repeat(32)).parse().unwrap(),
        tag: Some("1.4.2".parse().unwrap()),
    }
}

fn definition(images: &[(&str, String)]) -> TaskDefinition {
    let containers: Vec<Value> = images
        .iter()
        .map(|(name, image)| json!({"name": name, "image": image}))
        .collect();
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:41",
            "containerDefinitions": containers,
        }),
        tags: Value::Null,
    }
}

/// What becomes of each container's image: one line a container that changed.
fn changes(containers: &str, images: &[(&str, String)]) -> String {
    let definition = definition(images);
    match matching(&pipeline(containers), &definition) {
        Ok(matching) => difference(
            &definition,
            &next(&definition, &matching, &image()).unwrap(),
        )
        .join("\n"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_image_changes_in_the_containers_of_the_repository_only() {
    assert_snapshot!(changes("[]", &[
        ("web", format!("{REGISTRY}/shop/web:1.4.1")),
        ("worker", format!("{REGISTRY}/shop/web@sha256:{}", "ab".repeat(32))),
        ("proxy", format!("{REGISTRY}/shop/proxy:1.4.1")),
        ("prefix", format!("{REGISTRY}/shop/web/admin:1")),
        ("hub", "docker.io/shop/web:1".to_owned()),
        ("bare", "nginx".to_owned()),
    ]), @"
    container `web`: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1.4.1` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`
    container `worker`: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:abababababababababababababababababababababababababababababababab` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`
    ");
}

#[test]
fn a_named_container_gets_the_image_whatever_it_runs_now() {
    assert_snapshot!(changes(r#"["web"]"#, &[("web", "nginx:latest".to_owned()), ("worker", format!("{REGISTRY}/shop/web:1"))]), @"container `web`: `nginx:latest` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`");
}

#[test]
fn a_task_definition_without_a_matching_container_is_refused_with_what_it_has() {
    assert_snapshot!(changes("[]", &[("web", "nginx".to_owned()), ("log", "fluent/bit:3".to_owned())]), @"revision `shop-web:41` has no container with an image from the ECR repository `shop/web`; its containers run `nginx`, `fluent/bit:3` (hint: name the container in the pipeline's `containers`)");
    assert_snapshot!(changes(r#"["app"]"#, &[("web", "nginx".to_owned())]), @"revision `shop-web:41` has no container `app`, it has `web` (hint: correct the pipeline's `containers`)");
}

#[test]
fn the_running_digest_is_known_only_when_every_container_agrees() {
    let pinned = |digit: &str| format!("{REGISTRY}/shop/web@sha256:{}", digit.repeat(64));
    let digest = |images: &[(&str, String)]| {
        matching(&pipeline("[]"), &definition(images))
            .unwrap()
            .digest
            .map(|digest| digest.to_string())
    };
    assert_eq!(
        digest(&[("web", pinned("a"))]),
        Some(format!("sha256:{}", "a".repeat(64)))
    );
    assert_eq!(
        digest(&[("web", pinned("a")), ("worker", pinned("a"))]),
        Some(format!("sha256:{}", "a".repeat(64)))
    );
    assert_eq!(
        digest(&[("web", pinned("a")), ("worker", pinned("b"))]),
        None
    );
    assert_eq!(
        digest(&[("web", format!("{REGISTRY}/shop/web:latest"))]),
        None
    );
}

fn full() -> TaskDefinition {
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:41",
            "revision": 41, "status": "ACTIVE", "family": "shop-web", "registeredAt": 1791970321.2, "registeredBy": "arn:aws:iam::1:role/x",
            "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.ecr-auth"}], "compatibilities": ["EC2", "FARGATE"],
            "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "taskRoleArn": "arn:aws:iam::111122223333:role/web", "quantumCores": {"count": 18446744073709551615_u64, "ratio": 0.1},
            "volumes": [{"name": "files", "s3filesVolumeConfiguration": {"bucket": "x"}}],
            "containerDefinitions": [{
                "name": "web", "image": format!("{REGISTRY}/shop/web:1"), "environment": [{"name": "EMPTY", "value": ""}],
                "resourceRequirements": [{"type": "GPU", "value": "1", "sharingStrategy": "TIME_SLICED"}], "fieldOfTomorrow": [null, {"deep": "ü"}],
            }],
        }),
        tags: json!([
            {"key": "team", "value": "shop"}, {"key": "aws:cloudformation:stack-name", "value": "x"},
            {"key": IMAGE_TAG, "value": "shop/web:1"}
        ]),
    }
}

#[test]
fn every_field_goes_back_as_it_came_known_or_not() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let request = next(&definition, &matching, &image()).unwrap();
    let mut expected = definition.task_definition.clone();
    OUTPUT_ONLY
        .iter()
        .for_each(|field| drop(expected.as_object_mut().unwrap().shift_remove(*field)));
    expected["containerDefinitions"][0]["image"] =
        format!("{REGISTRY}/shop/web@{}", image().digest).into();
    expected["tags"] =
        json!([{"key": "team", "value": "shop"}, {"key": IMAGE_TAG, "value": "shop/web:1.4.2"}]);
    assert_eq!(request, expected);
}

#[test]
fn a_revision_that_is_already_registered_is_recognised() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let request = next(&definition, &matching, &image()).unwrap();
    assert!(!is_same(&definition, &request));
    let mut registered = definition.clone();
    registered.task_definition["containerDefinitions"] = request["containerDefinitions"].clone();
    registered.task_definition["revision"] = json!(42);
    registered.tags = request["tags"].clone();
    assert!(is_same(&registered, &request));
    registered.task_definition["cpu"] = json!("512");
    assert!(!is_same(&registered, &request));
}

/// By 1.1.0 it failed, as 1.5.0 it is deployed again and runs: when 1.5.0 is another image then, this one is still no 1.1.0.
#[test]
fn a_revision_that_was_made_for_another_version_is_not_used_again() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let by = |tag: &str| {
        let tag = tag.parse().ok();
        next(&definition, &matching, &Image { tag, ..image() }).unwrap()
    };
    let (lower, higher) = (by("1.1.0"), by("1.5.0"));
    let mut registered = definition.clone();
    registered.task_definition["containerDefinitions"] = lower["containerDefinitions"].clone();
    registered.tags = lower["tags"].clone();
    assert!(is_same(&registered, &lower));
    assert!(!is_same(&registered, &higher));
}

/// A crash between registering and deploying must cost no second revision, in whatever form ECS gives back the first.
#[test]
fn the_same_revision_is_recognised_in_any_order_and_with_defaults_filled_in() {
    let registered = |containers: Value| {
        let mut definition = full();
        definition.task_definition["containerDefinitions"] = containers;
        definition
    };
    let pushed = image();
    let image = format!("{REGISTRY}/shop/web@{}", pushed.digest);
    let [one, two] = ["A", "B"].map(|name| json!({"name": name, "value": "1"}));
    let source = registered(json!([
        {"name": "web", "image": image, "environment": [one, two], "command": ["run", "all"], "essential": true}
    ]));
    let matching = matching(&pipeline("[]"), &source).unwrap();
    let request = next(&source, &matching, &pushed).unwrap();
    let same = |container: Value| {
        let mut latest = registered(json!([container]));
        latest.tags = request["tags"].clone();
        is_same(&latest, &request)
    };
    assert!(same(json!({
        "name": "web", "image": image, "environment": [two, one], "command": ["run", "all"], "essential": true,
        "mountPoints": [], "secrets": null, "readonlyRootFilesystem": false,
    })));
    for other in [
        json!({"name": "web", "image": image, "environment": [two, one], "command": ["all", "run"], "essential": true}),
        json!({"name": "web", "image": image, "environment": [two], "command": ["run", "all"], "essential": true}),
        json!({"name": "web", "image": image, "environment": [two, one], "command": ["run", "all"], "essential": false}),
    ] {
        assert!(!same(other.clone()), "{other}");
    }
}

#[test]
fn a_difference_shows_images_and_names_the_rest() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let mut request = next(&definition, &matching, &image()).unwrap();
    request["cpu"] = json!("512");
    request["tags"] = json!([{"key": "owner", "value": "hunter2"}]);
    let container = &mut request["containerDefinitions"][0];
    container["environment"] =
        json!([{"name": "EMPTY", "value": "hunter2"}, {"name": "NEW", "value": "hunter2"}]);
    container["secrets"] = json!([{"name": "KEY", "valueFrom": "arn:hunter2"}]);
    container["command"] = json!(["--password", "hunter2"]);
    let said = difference(&definition, &request).join("\n");
    assert_snapshot!(said, @"
    container `web`: `command` is added
    container `web`: environment variable `EMPTY` changes
    container `web`: environment variable `NEW` is added
    container `web`: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`
    container `web`: secret `KEY` is added
    `cpu` changes
    tag `owner` is added
    tag `team` is removed
    ");
    assert!(!said.contains("hunter2"));
    let sidecar = json!({"name": "log", "image": "fluent/bit:3"});
    request["containerDefinitions"] = json!([sidecar]);
    let said = difference(&definition, &request);
    assert_eq!(
        said[..2],
        ["container `log` is added", "container `web` is removed"]
    );
}

#[test]
fn a_revision_says_by_which_tag_and_when_it_was_made() {
    let definition = full();
    let deployed =
        |repository: &str| deployed(&definition, &repository.parse().unwrap(), image().digest);
    assert_eq!(deployed("shop/web").tag, "1".parse().ok());
    assert_eq!(deployed("shop/api").tag, None);
    let at = time::macros::utc_datetime!(2026-10-14 09:32:02);
    assert_eq!(deployed("shop/web").at, Some(at));
}

#[test]
fn the_log_is_found_only_with_awslogs_and_a_prefix() {
    let with = |logs: Value| {
        let mut definition = full();
        definition.task_definition["containerDefinitions"][0]["logConfiguration"] = logs;
        log_stream(&definition, &"web".parse().unwrap(), "8f3c")
            .map(|log| format!("{} {}", log.group, log.stream))
    };
    let options = json!({"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "ecs"});
    assert_eq!(
        with(json!({"logDriver": "awslogs", "options": options})),
        Some("/ecs/web ecs/web/8f3c".to_owned())
    );
    assert_eq!(
        with(json!({"logDriver": "awsfirelens", "options": options})),
        None
    );
    assert_eq!(
        with(json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}})),
        None
    );
    assert_eq!(with(json!(null)), None);
}

proptest! {
    #[test]
    fn whatever_aws_adds_survives(added in proptest::collection::btree_map("x[a-zA-Z]{1,8}", any_json(), 0..5)) {
        let mut definition = full();
        for (key, value) in &added {
            definition.task_definition[key] = value.clone();
            definition.task_definition["containerDefinitions"][0][key] = value.clone();
        }
        let matching = matching(&pipeline("[]"), &definition).unwrap();
        let request = next(&definition, &matching, &image()).unwrap();
        for (key, value) in &added {
            prop_assert_eq!(&request[key], value);
            prop_assert_eq!(&request["containerDefinitions"][0][key], value);
        }
    }

    #[test]
    fn any_json_is_copied_or_refused(task_definition in any_json(), tags in any_json()) {
        let definition = TaskDefinition { task_definition, tags };
        if let Ok(matching) = matching(&pipeline("[]"), &definition)
            && let Ok(next) = next(&definition, &matching, &image())
        {
            let _ = (is_same(&definition, &next), difference(&definition, &next));
        }
        let _ = deployed(&definition, &"shop/web".parse().unwrap(), image().digest);
    }
}
