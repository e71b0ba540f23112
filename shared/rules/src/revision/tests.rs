use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::hostile::any_json;

mod again;
mod named;

const REGISTRY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

fn pipeline(containers: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname='shop-web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\ncontainers={containers}"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
}

fn host() -> RegistryHost {
    REGISTRY.parse().unwrap()
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
            &next(&definition, &matching, &image(), &host(), &marks()).unwrap(),
        )
        .join("\n"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_image_changes_in_the_containers_of_the_repository_only() {
    assert_snapshot!(changes("[]", &[
        ("web", format!("{REGISTRY}/shop/web:1.4.1")),
        ("worker", format!("{REGISTRY}/shop/web:1.4.1")),
        ("proxy", format!("{REGISTRY}/shop/proxy:1.4.1")),
        ("prefix", format!("{REGISTRY}/shop/web/admin:1")),
        ("hub", "docker.io/shop/web:1".to_owned()),
        ("bare", "nginx".to_owned()),
    ]), @"
    container `web`: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1.4.1` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`
    container `worker`: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1.4.1` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`
    ");
}

#[test]
fn a_named_container_gets_the_image_whatever_it_runs_now() {
    assert_snapshot!(changes(r#"["web"]"#, &[("web", "nginx:latest".to_owned()), ("worker", format!("{REGISTRY}/shop/web:1"))]), @"container `web`: `nginx:latest` -> `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c`");
}

#[test]
fn a_task_definition_without_a_matching_container_is_refused_with_what_it_has() {
    assert_snapshot!(changes("[]", &[("web", "nginx".to_owned()), ("log", "fluent/bit:3".to_owned())]), @"revision `shop-web:41` has no container with an image from the ECR repository `shop/web` of its account and Region; its containers run `nginx`, `fluent/bit:3` (hint: name the container in the pipeline's `containers`)");
    assert_snapshot!(changes(r#"["app"]"#, &[("web", "nginx".to_owned())]), @"revision `shop-web:41` has no container `app`, it has `web` (hint: correct the pipeline's `containers`)");
}

#[test]
fn containers_of_one_repository_with_different_images_are_refused() {
    let of = |reference: &str| format!("{REGISTRY}/shop/web{reference}");
    assert_snapshot!(changes("[]", &[("web", of(":app-17")), ("nginx", of(":nginx-9"))]), @"revision `shop-web:41` has containers with different images from the ECR repository `shop/web`: `web` runs `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:app-17`, `nginx` runs `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:nginx-9` (hint: name those that this pipeline deploys to in its `containers`)");
    let pinned = |digit: &str| of(&format!("@sha256:{}", digit.repeat(64)));
    for (web, nginx, expected) in [
        (of(":1"), of(":1"), true),
        (of(""), of(":latest"), true),
        (pinned("a"), pinned("a"), true),
        (
            of(&format!(":1@sha256:{}", "a".repeat(64))),
            pinned("a"),
            true,
        ),
        (pinned("a"), pinned("b"), false),
        // Whether that tag is this image nobody can tell.
        (pinned("a"), of(":nginx-9"), false),
        (of(":1"), of(":2"), false),
    ] {
        let definition = definition(&[("web", web.clone()), ("nginx", nginx.clone())]);
        let implied = matching(&pipeline("[]"), &definition);
        assert_eq!(implied.is_ok(), expected, "{web} {nginx}");
        // Who names them says so.
        for named in [r#"["web"]"#, r#"["web", "nginx"]"#] {
            assert!(matching(&pipeline(named), &definition).is_ok());
        }
    }
}

/// The registry of another account is the pipeline's own where it says so, and this account's is another one then.
#[test]
fn a_pipeline_may_follow_a_repository_of_another_account_and_region() {
    let elsewhere = "444455556666.dkr.ecr.eu-west-1.amazonaws.com";
    let config = r#"[[pipeline]]
        name = "web"
        repository = "shop/web"
        registry_account = "444455556666"
        registry_region = "eu-west-1"
        tag = "latest"
        cluster = "prod"
        service = "web""#;
    let pipeline = Config::parse(config).unwrap().pipelines.remove(0);
    let host = pipeline.registry.host(&REGISTRY.parse().unwrap());
    assert_eq!(host.as_str(), elsewhere);
    let digest = image().digest;
    let images = [
        ("web", format!("{elsewhere}/shop/web@{digest}")),
        ("mirror", format!("{REGISTRY}/shop/web@{digest}")),
        (
            "fips",
            "444455556666.dkr.ecr-fips.eu-west-1.amazonaws.com/shop/web:1".to_owned(),
        ),
    ];
    let [web, mirror, fips] = &images;
    for (images, indexes) in [
        (vec![web.clone(), mirror.clone()], vec![0]),
        (vec![mirror.clone(), fips.clone()], vec![1]),
    ] {
        let matched = matching(&pipeline, &definition(&images)).unwrap();
        assert_eq!(matched.indexes(), indexes);
    }
    assert!(matching(&pipeline, &definition(std::slice::from_ref(mirror))).is_err());
    let shown = |images: &[(&str, String)]| {
        let definition = definition(images);
        let matched = matching(&pipeline, &definition).unwrap();
        let request = next(&definition, &matched, &image(), &host, &marks()).unwrap();
        let last = request["containerDefinitions"].as_array().unwrap().last();
        last.unwrap()["image"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        shown(std::slice::from_ref(web)),
        format!("{elsewhere}/shop/web@{digest}")
    );
    assert_eq!(
        shown(std::slice::from_ref(fips)),
        format!("444455556666.dkr.ecr-fips.eu-west-1.amazonaws.com/shop/web@{digest}")
    );
}

#[test]
fn a_repository_of_another_account_or_region_is_another_one() {
    let digest = format!("sha256:{}", "4c".repeat(32));
    for host in [
        "444455556666.dkr.ecr.eu-central-1.amazonaws.com",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com",
        "public.ecr.aws",
    ] {
        let images = [
            ("web", format!("{REGISTRY}/shop/web:1")),
            ("mirror", format!("{host}/shop/web:1")),
        ];
        let matched = matching(&pipeline("[]"), &definition(&images)).unwrap();
        assert_eq!(matched.indexes(), [0], "{host}");
        let foreign = [("web", format!("{host}/shop/web@{digest}"))];
        assert!(matching(&pipeline("[]"), &definition(&foreign)).is_err());
        // Named, it moves to this registry, though its digest is the same.
        let named = definition(&foreign);
        let matched = matching(&pipeline(r#"["web"]"#), &named).unwrap();
        assert_eq!(matched.image, RunningImage::Mixed);
        let request = next(&named, &matched, &image(), &host_of_partition(), &marks()).unwrap();
        assert_eq!(
            request["containerDefinitions"][0]["image"],
            format!("{}/shop/web@{digest}", host_of_partition())
        );
    }
}

fn host_of_partition() -> RegistryHost {
    "111122223333.dkr.ecr.eu-central-1.amazonaws.eu"
        .parse()
        .unwrap()
}

/// The suffix is not composed from a list of partitions, and a host that reaches this registry stays.
#[test]
fn a_container_keeps_its_host_of_this_registry_and_gets_the_given_one_elsewhere() {
    let fips = "111122223333.dkr.ecr-fips.eu-central-1.amazonaws.com";
    let dual = "111122223333.dkr-ecr.eu-central-1.on.aws";
    let given = host_of_partition();
    for (now, expected) in [
        (format!("{fips}/shop/web:1"), fips),
        (format!("{fips}/old/web:1"), fips),
        (format!("{dual}/old/web:1"), dual),
        ("nginx".to_owned(), given.as_str()),
        ("docker.io/acme/web:1".to_owned(), given.as_str()),
    ] {
        let definition = definition(&[("web", now.clone())]);
        let matching = matching(&pipeline(r#"["web"]"#), &definition).unwrap();
        let request = next(&definition, &matching, &image(), &given, &marks()).unwrap();
        assert_eq!(
            request["containerDefinitions"][0]["image"],
            format!("{expected}/shop/web@{}", image().digest),
            "{now}"
        );
    }
}

#[test]
fn a_revision_without_the_container_behind_the_load_balancer_is_refused() {
    let check = |containers: Value| {
        let mut definition = definition(&[]);
        definition.task_definition["containerDefinitions"] = containers;
        let target = LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 8000,
            target_group: None,
        };
        is_behind(&target, &definition)
            .map_or_else(|refused| refused.to_string(), |()| "there".to_owned())
    };
    let container =
        |name: &str, port: i32| json!({"name": name, "portMappings": [{"containerPort": port}]});
    assert_eq!(
        check(json!([container("log", 1), container("web", 8000)])),
        "there"
    );
    assert_snapshot!(check(json!([container("app", 8000), {"name": "log"}])), @"revision `shop-web:41` has no container `web` with the port 8000, which is behind the load balancer now; it has `app` with 8000, `log` (hint: give it that name and port, or deploy the renamed one once by hand)");
    assert_snapshot!(check(json!([container("web", 9000)])), @"revision `shop-web:41` has no container `web` with the port 8000, which is behind the load balancer now; it has `web` with 9000 (hint: give it that name and port, or deploy the renamed one once by hand)");
}

fn marks() -> Marks {
    Marks {
        ordered_at: time::macros::utc_datetime!(2026-10-14 09:21:47),
        service: "prod/web".to_owned(),
        stack: "greenlight".parse().unwrap(),
        previous: None,
        way: Way::Forward,
    }
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
            {"key": "greenlight:image", "value": "shop/web:1"}
        ]),
    }
}

#[test]
fn every_field_goes_back_as_it_came_known_or_not() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let request = next(&definition, &matching, &image(), &host(), &marks()).unwrap();
    let mut expected = definition.task_definition.clone();
    OUTPUT_ONLY
        .iter()
        .for_each(|field| drop(expected.as_object_mut().unwrap().shift_remove(*field)));
    expected["containerDefinitions"][0]["image"] =
        format!("{REGISTRY}/shop/web@{}", image().digest).into();
    expected["tags"] = json!([
        {"key": "team", "value": "shop"},
        {"key": "greenlight:tag", "value": "1.4.2"},
        {"key": "greenlight:digest", "value": image().digest},
        {"key": "greenlight:ordered-at", "value": "2026-10-14T09:21:47Z"},
        {"key": "greenlight:service", "value": "prod/web"},
        {"key": "greenlight:template", "value": "shop-web:41"},
        {"key": "greenlight:stack", "value": "greenlight"},
    ]);
    assert_eq!(request, expected);
}

#[test]
fn a_revision_that_is_already_registered_is_recognised() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let request = next(&definition, &matching, &image(), &host(), &marks()).unwrap();
    assert!(!is_same(&definition, &request));
    let mut registered = definition.clone();
    registered.task_definition["containerDefinitions"] = request["containerDefinitions"].clone();
    registered.task_definition["revision"] = json!(42);
    assert!(is_same(&registered, &request));
    registered.task_definition["cpu"] = json!("512");
    assert!(!is_same(&registered, &request));
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
    let request = next(&source, &matching, &pushed, &host(), &marks()).unwrap();
    let same = |container: Value| is_same(&registered(json!([container])), &request);
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
fn a_difference_shows_what_is_no_secret_and_names_the_rest() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let mut request = next(&definition, &matching, &image(), &host(), &marks()).unwrap();
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
    `cpu`: `256` -> `512`
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
fn a_revision_with_too_many_tags_is_refused() {
    let check = |count: usize, expected: Option<&str>| {
        let mut definition = full();
        let own = (0..count).map(|number| json!({"key": format!("k{number}"), "value": ""}));
        definition.tags = own.collect();
        let matching = matching(&pipeline("[]"), &definition).unwrap();
        let refused = next(&definition, &matching, &image(), &host(), &marks()).err();
        assert_eq!(
            refused.map(|refused| refused.to_string()).as_deref(),
            expected
        );
    };
    check(44, None);
    check(
        45,
        Some(
            "revision `shop-web:41` has 45 tags, and Greenlight adds 6: ECS takes 50 (hint: take tags off the task definition)",
        ),
    );
}

/// Marks of an earlier order stay where a revision is used again; and none of ours is ever compared.
#[test]
fn marks_are_read_for_their_own_image_only_and_never_compared() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let registered = |marks: &Marks, tag: &str| {
        let image = Image {
            tag: tag.parse().ok(),
            ..image()
        };
        let request = next(&definition, &matching, &image, &host(), marks).unwrap();
        TaskDefinition {
            tags: request["tags"].clone(),
            task_definition: request,
        }
    };
    let (one, two) = (registered(&marks(), "1.4.2"), registered(&marks(), "2.0.0"));
    assert!(is_same(&one, &{
        let mut request = two.task_definition.clone();
        request["tags"] = two.tags.clone();
        request
    }));
    let by_marks = |digest: Digest| deployed(&pipeline("[]"), &two, &matching, digest);
    let tag = |digest: Digest| by_marks(digest).tag;
    assert_eq!(tag(image().digest), "2.0.0".parse().ok());
    let order = |digest: Digest| by_marks(digest).ordered_at;
    assert_eq!(order(image().digest), Some(marks().ordered_at));
    assert_eq!(
        order(format!("sha256:{}", "a".repeat(64)).parse().unwrap()),
        None
    );
    // Of another image the marks say nothing: the container's own tag does.
    assert_eq!(
        tag(format!("sha256:{}", "a".repeat(64)).parse().unwrap()),
        "1".parse().ok()
    );
}

#[test]
fn a_revision_says_by_which_tag_and_when_it_was_made() {
    let mut definition = full();
    definition.task_definition["containerDefinitions"][0]["image"] =
        format!("{REGISTRY}/shop/web@{}", image().digest).into();
    let deployed = |repository: &str| {
        let pipeline = Pipeline {
            repository: repository.parse().unwrap(),
            ..pipeline(r#"["web"]"#)
        };
        let matching = matching(&pipeline, &definition).unwrap();
        deployed(&pipeline, &definition, &matching, image().digest)
    };
    assert_eq!(deployed("shop/web").tag, "1".parse().ok());
    assert_eq!(deployed("shop/api").tag, None);
    let at = time::macros::utc_datetime!(2026-10-14 09:32:02);
    assert_eq!(deployed("shop/web").at, Some(at));
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
        let request = next(&definition, &matching, &image(), &host(), &marks()).unwrap();
        for (key, value) in &added {
            prop_assert_eq!(&request[key], value);
            prop_assert_eq!(&request["containerDefinitions"][0][key], value);
        }
    }

    #[test]
    fn any_json_is_copied_or_refused(task_definition in any_json(), tags in any_json()) {
        let definition = TaskDefinition { task_definition, tags };
        if let Ok(matching) = matching(&pipeline("[]"), &definition)
            && let Ok(next) = next(&definition, &matching, &image(), &host(), &marks())
        {
            let _ = (is_same(&definition, &next), difference(&definition, &next));
            let _ = deployed(&pipeline("[]"), &definition, &matching, image().digest);
        }
    }
}
