//! Pushes: what ECR accepts and refuses, and the events that it emits.

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::ecr::{
    Attestations, ImageSettings, IndexSettings, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Reference,
};
use local_aws::world::{TagMutability, World};
use serde_json::{Value, json};

use crate::aws::{call, world};

async fn ecr(world: &World, operation: &str, members: Value) -> (u16, Value) {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    call(world, &target, members).await
}

/// (tag, manifest's media type, artifact's media type) of every push event; null if a field is absent.
fn push_events(world: &World) -> Vec<[Value; 3]> {
    let fields = ["image-tag", "manifest-media-type", "artifact-media-type"];
    let of = |(event, _): (Value, Vec<String>)| fields.map(|field| event["detail"][field].clone());
    world.events.delivered().into_iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_comes_after_its_untagged_manifests_and_a_repeated_push_emits_no_event() {
    let world = world(|settings| settings.services.clear()).await;
    let index = IndexSettings::new("shop/web", &["1.1.0", "latest"], "1.1.0");
    let digest = world.push_index(&index).unwrap();
    let child = [json!(""), json!(OCI_MANIFEST), json!(OCI_CONFIG)];
    let tagged = |tag: &str| [json!(tag), json!(OCI_INDEX), Value::Null];
    let mut wanted = vec![child; 4];
    wanted.extend([tagged("1.1.0"), tagged("latest")]);
    assert_eq!(push_events(&world), wanted);
    world.push_index(&index).unwrap();
    assert_eq!(push_events(&world).len(), 6);

    let request = json!({ "repositoryName": "shop/web", "imageIds": [{ "imageTag": "latest" }] });
    let (_, described) = ecr(&world, "DescribeImages", request).await;
    let image = &described["imageDetails"][0];
    assert_eq!(image["imageDigest"], digest);
    assert_eq!(image["imageTags"], json!(["1.1.0", "latest"]));
    assert_eq!(image["imageManifestMediaType"], OCI_INDEX);
    let untagged = json!({ "repositoryName": "shop/web", "filter": { "tagStatus": "UNTAGGED" } });
    let (_, listed) = ecr(&world, "ListImages", untagged).await;
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 4);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_assumption_untagged_pushes_have_no_tag_and_repeated_ones_emit_events() {
    let assumed = [
        Assumption::UntaggedPushOmitsTag,
        Assumption::RepeatedPushIsTold,
    ];
    let world = world(|settings| {
        settings.services.clear();
        settings.assumptions = assumed.into_iter().collect();
    })
    .await;
    let index = IndexSettings {
        platforms: vec!["linux/arm64".to_owned()],
        attestations: Attestations::Absent,
        ..IndexSettings::new("shop/web", &["1.1.0"], "1.1.0")
    };
    for _ in 0..2 {
        world.push_index(&index).unwrap();
    }
    let child = [Value::Null, json!(OCI_MANIFEST), json!(OCI_CONFIG)];
    let tagged = [json!("1.1.0"), json!(OCI_INDEX), Value::Null];
    assert_eq!(
        push_events(&world),
        [child.clone(), tagged.clone(), child, tagged]
    );
    // The call is still refused.
    let request = json!({ "repositoryName": "shop/web", "imageIds": [{ "imageTag": "latest" }] });
    let (_, got) = ecr(&world, "BatchGetImage", request).await;
    let manifest = &got["images"][0]["imageManifest"];
    let again =
        json!({ "repositoryName": "shop/web", "imageManifest": manifest, "imageTag": "latest" });
    let (status, refusal) = ecr(&world, "PutImage", again).await;
    assert_eq!(
        (status, &refusal["__type"]),
        (400, &json!("ImageAlreadyExistsException"))
    );
    assert_eq!(push_events(&world).len(), 5);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promoting_an_image_emits_its_old_digest_with_the_new_tag() {
    let world = world(|settings| {
        settings.services.clear();
        settings.repositories[0].tags = TagMutability::ImmutableExcept(vec!["stable*".to_owned()]);
    })
    .await;
    let image = |version: &str| ImageSettings::new("shop/web", &[], version);
    let promote = async |version: &str, tag: &str| {
        let digest = image(version).digest();
        let request =
            json!({ "repositoryName": "shop/web", "imageIds": [{ "imageDigest": digest }] });
        let (_, got) = ecr(&world, "BatchGetImage", request).await;
        let manifest = &got["images"][0]["imageManifest"];
        let put =
            json!({ "repositoryName": "shop/web", "imageManifest": manifest, "imageTag": tag });
        let (status, answer) = ecr(&world, "PutImage", put).await;
        (
            status,
            answer["__type"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(promote("1.0.1", "stable").await, (200, String::new()));
    assert_eq!(promote("1.0.0", "stable").await, (200, String::new()));
    let immutable = "ImageTagAlreadyExistsException".to_owned();
    assert_eq!(promote("1.0.0", "1.0.1").await, (400, immutable));
    let delivered = world.events.delivered();
    let digests: Vec<&Value> = delivered
        .iter()
        .map(|(event, _)| &event["detail"]["image-digest"])
        .collect();
    assert_eq!(
        digests,
        [
            &json!(image("1.0.1").digest()),
            &json!(image("1.0.0").digest())
        ]
    );

    let (_, described) = ecr(&world, "DescribeRepositories", json!({})).await;
    let repository = &described["repositories"][0];
    assert_eq!(repository["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    let filter = json!([{ "filterType": "WILDCARD", "filter": "stable*" }]);
    assert_eq!(repository["imageTagMutabilityExclusionFilters"], filter);
    world.shutdown().await;
}

/// Requests that change nothing, each with its error code.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let web = |member: &str, value: Value| json!({ "repositoryName": "shop/web", member: value });
    let orphan = json!({ "mediaType": OCI_INDEX, "manifests": [{ "digest": "sha256:0" }] });
    let put = |member: &str, value: &str| {
        let mut members = web("imageManifest", json!(orphan.to_string()));
        members[member] = json!(value);
        members
    };
    let none = json!({ "repositoryName": "shop/none" });
    let tag = json!([{ "imageTag": "none" }]);
    let old = json!({ "tagStatus": "OLD" });
    let (invalid, missing) = ("InvalidParameterException", "RepositoryNotFoundException");
    vec![
        ("DescribeImages", none, missing),
        (
            "DescribeImages",
            web("registryId", json!("999999999999")),
            missing,
        ),
        (
            "DescribeImages",
            web("imageIds", tag),
            "ImageNotFoundException",
        ),
        ("DescribeImages", web("imageIds", json!([{}])), invalid),
        ("DescribeImages", web("maxResults", json!(1001)), invalid),
        ("ListImages", web("nextToken", json!("mine")), invalid),
        ("ListImages", web("filter", old), invalid),
        ("BatchGetImage", web("imageIds", json!([])), invalid),
        ("PutImage", web("imageManifest", json!("{")), invalid),
        (
            "PutImage",
            put("imageTag", "a"),
            "ReferencedImagesNotFoundException",
        ),
        (
            "PutImage",
            put("imageDigest", "sha256:1"),
            "ImageDigestDoesNotMatchException",
        ),
        ("PutImage", put("imageTag", ".a"), invalid),
        (
            "PutImage",
            put("imageManifestMediaType", OCI_MANIFEST),
            invalid,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_have_the_models_error_codes() {
    let world = world(|settings| settings.services.clear()).await;
    for (operation, members, code) in refused() {
        let (status, refusal) = ecr(&world, operation, members.clone()).await;
        let found = (status, &refusal["__type"]);
        assert_eq!(found, (400, &json!(code)), "{operation} {members}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_images_are_failures_of_a_batch() {
    let world = world(|settings| settings.services.clear()).await;
    let there = ImageSettings::new("shop/web", &[], "1.0.0").digest();
    let ids = json!([
        {},
        { "imageDigest": "sha256:0" },
        { "imageTag": "none" },
        { "imageTag": "none", "imageDigest": there },
    ]);
    let request = json!({ "repositoryName": "shop/web", "imageIds": ids });
    let (_, got) = ecr(&world, "BatchGetImage", request).await;
    let failures = got["failures"].as_array().unwrap().iter();
    let codes: Vec<&str> = failures
        .filter_map(|failure| failure["failureCode"].as_str())
        .collect();
    let wanted = [
        "MissingDigestAndTag",
        "InvalidImageDigest",
        "ImageNotFound",
        "ImageTagDoesNotMatchDigest",
    ];
    assert_eq!(codes, wanted);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_image_cannot_be_pulled_until_it_is_restored_or_pushed_again() {
    let mut world = world(|settings| settings.services.clear()).await;
    let image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1.0.1";
    let role = "arn:aws:iam::111122223333:role/ecsTaskExecutionRole";
    let pulls = |world: &World| matches!(world.ecr.pull(image, role), Reference::Found(_));
    let update = |class: &str| json!({ "repositoryName": "shop/web", "imageId": { "imageTag": "1.0.1" }, "targetStorageClass": class });
    let status = async |world: &World| {
        let one = json!({ "repositoryName": "shop/web", "imageIds": [{ "imageTag": "1.0.1" }] });
        let (_, described) = ecr(world, "DescribeImages", one).await;
        described["imageDetails"][0]["imageStatus"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let listed = async |world: &World, filter: Value| {
        let request = json!({ "repositoryName": "shop/web", "filter": filter });
        let (code, listed) = ecr(world, "ListImages", request).await;
        assert_eq!(code, 200, "{listed}");
        listed["imageIds"]
            .as_array()
            .unwrap()
            .iter()
            .any(|id| id["imageTag"] == "1.0.1")
    };
    assert!(pulls(&world));
    let (_, archived) = ecr(&world, "UpdateImageStorageClass", update("ARCHIVE")).await;
    assert_eq!(archived["imageStatus"], "ARCHIVED", "{archived}");
    assert!(!pulls(&world));
    // It can be described, and is listed where it is asked for.
    assert_eq!(status(&world).await, "ARCHIVED");
    for (filter, expected) in [
        (json!({}), false),
        (json!({ "imageStatus": "ACTIVE" }), false),
        (json!({ "imageStatus": "ARCHIVED" }), true),
        (json!({ "imageStatus": "ANY" }), true),
    ] {
        assert_eq!(listed(&world, filter.clone()).await, expected, "{filter}");
    }
    let get = json!({ "repositoryName": "shop/web", "imageIds": [{ "imageTag": "1.0.1" }] });
    let (_, got) = ecr(&world, "BatchGetImage", get).await;
    assert_eq!(got["failures"][0]["failureCode"], "ImageInaccessible");

    let (_, restoring) = ecr(&world, "UpdateImageStorageClass", update("STANDARD")).await;
    assert_eq!(restoring["imageStatus"], "ACTIVATING");
    world.pass(Duration::from_secs(19 * 60)).await;
    assert_eq!(status(&world).await, "ACTIVATING");
    assert!(!pulls(&world));
    world.pass(Duration::from_secs(2 * 60)).await;
    assert_eq!(status(&world).await, "ACTIVE");
    assert!(pulls(&world));

    ecr(&world, "UpdateImageStorageClass", update("ARCHIVE")).await;
    world
        .push(&ImageSettings::new("shop/web", &["1.0.1"], "1.0.1"))
        .unwrap();
    assert!(pulls(&world));
    let classes = world.events.delivered().into_iter();
    let classes = classes.map(|(event, _)| event["detail"]["target-storage-class"].clone());
    let classes: Vec<Value> = classes.filter(|class| !class.is_null()).collect();
    assert_eq!(classes, ["ARCHIVE", "STANDARD", "ARCHIVE"]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_storage_class_of_nothing_or_to_nothing_is_refused() {
    let world = world(|settings| settings.services.clear()).await;
    for (repository, tag, class, code) in [
        ("none", "1.0.1", "ARCHIVE", "RepositoryNotFoundException"),
        ("shop/web", "none", "ARCHIVE", "ImageNotFoundException"),
        ("shop/web", "1.0.1", "GLACIER", "InvalidParameterException"),
    ] {
        let members = json!({ "repositoryName": repository, "imageId": { "imageTag": tag }, "targetStorageClass": class });
        let (_, refused) = ecr(&world, "UpdateImageStorageClass", members).await;
        assert_eq!(refused["__type"], code);
    }
    world.shutdown().await;
}
