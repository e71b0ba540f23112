use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::*;
use crate::assumption::{Assumption, Assumptions};
use crate::identity::REGISTRY;

fn ecr(tags: TagMutability) -> Repositories {
    Repositories::new(
        vec![RepositorySettings {
            tags,
            ..RepositorySettings::new("shop/web")
        }],
        UNIX_EPOCH,
    )
}

fn push(
    ecr: &Repositories,
    image: &ImageSettings,
    tag: Option<&str>,
) -> Result<Image, PushRefused> {
    ecr.put(
        &image.registry,
        &image.repository,
        image.image(UNIX_EPOCH),
        tag,
    )
}

fn image(version: &str) -> ImageSettings {
    ImageSettings::new("shop/web", &[], version)
}

#[test]
fn tags_move_and_digests_stay() {
    let ecr = ecr(TagMutability::Mutable);
    let first = push(&ecr, &image("1.0.0"), Some("latest")).unwrap();
    assert_eq!(
        push(&ecr, &image("1.0.0"), Some("latest")),
        Err(PushRefused::AlreadyExists)
    );
    assert_eq!(
        push(&ecr, &image("1.0.0"), None),
        Err(PushRefused::AlreadyExists)
    );
    let second = push(&ecr, &image("1.1.0"), Some("latest")).unwrap();
    let repository = ecr.repository(&Location::default(), "shop/web").unwrap();
    assert_eq!(repository.find("latest").unwrap().digest, second.digest);
    assert_eq!(repository.find(&first.digest).unwrap().tags, [""; 0]);
    let again = Image::read(&second.manifest, None, UNIX_EPOCH);
    let retagged = ecr
        .put(&Location::default(), "shop/web", again, Some("stable"))
        .unwrap();
    assert_eq!(retagged.tags, ["latest", "stable"]);
    assert_eq!(retagged.version.as_deref(), Some("1.1.0"));
    assert_eq!(
        push(&ecr, &ImageSettings::new("x", &[], "1"), None),
        Err(PushRefused::NoSuchRepository)
    );
}

#[test]
fn an_immutable_tag_stays_where_it_is() {
    let ecr = ecr(TagMutability::Immutable);
    push(&ecr, &image("1.0.0"), Some("v1")).unwrap();
    assert_eq!(
        push(&ecr, &image("1.1.0"), Some("v1")),
        Err(PushRefused::TagIsImmutable)
    );
    assert!(push(&ecr, &image("1.1.0"), Some("v2")).is_ok());
}

#[test]
fn references_by_tag_and_digest() {
    let ecr = ecr(TagMutability::Mutable);
    let digest = push(&ecr, &image("1.0.0"), Some("latest")).unwrap().digest;
    let ours = format!("{REGISTRY}/shop/web");
    let cases = [
        (format!("{ours}:latest"), Some("1.0.0")),
        (ours.clone(), Some("1.0.0")),
        (format!("{ours}@{digest}"), Some("1.0.0")),
        (format!("{ours}:1.0.0@{digest}"), Some("1.0.0")),
        (format!("{ours}:other"), None),
        (format!("{REGISTRY}/shop/other:latest"), None),
        ("public.ecr.aws/xray/daemon:latest".to_owned(), None),
    ];
    for (reference, version) in cases {
        assert_eq!(ecr.version(&reference).as_deref(), version, "{reference}");
    }
    assert_eq!(ecr.resolve("nginx"), Reference::Foreign);
    assert_eq!(ecr.resolve(&format!("{ours}:other")), Reference::Missing);
}

#[test]
fn tags_outside_the_filters_stay_where_they_are() {
    let ecr = ecr(TagMutability::ImmutableExcept(vec!["latest".to_owned()]));
    for tag in ["latest", "v1"] {
        push(&ecr, &image("1.0.0"), Some(tag)).unwrap();
    }
    assert!(push(&ecr, &image("1.1.0"), Some("latest")).is_ok());
    assert_eq!(
        push(&ecr, &image("1.1.0"), Some("v1")),
        Err(PushRefused::TagIsImmutable)
    );
}

fn detail(image: &Image, assumptions: &[Assumption]) -> Value {
    push_event(
        "shop/web",
        image,
        None,
        &assumptions.iter().copied().collect(),
    )
}

#[test]
fn an_untagged_push_has_an_empty_tag_or_by_assumption_none() {
    let image = image("1.0.0").image(UNIX_EPOCH);
    assert_eq!(detail(&image, &[])["image-tag"], "");
    assert_eq!(detail(&image, &[])["artifact-media-type"], OCI_CONFIG);
    let without = detail(&image, &[Assumption::UntaggedPushOmitsTag]);
    assert_eq!(without.get("image-tag"), None);
    let tagged = push_event(
        "shop/web",
        &image,
        Some("latest"),
        &Assumptions::from_iter([Assumption::UntaggedPushOmitsTag]),
    );
    assert_eq!(tagged["image-tag"], "latest");
}

#[test]
fn an_index_requires_its_children_and_runs_one_of_them() {
    let ecr = ecr(TagMutability::Mutable);
    let settings = IndexSettings::new("shop/web", &["latest"], "1.1.0");
    let index = settings.index(UNIX_EPOCH);
    assert_eq!(index.digest, settings.digest());
    assert_eq!(
        ecr.put(
            &Location::default(),
            "shop/web",
            index.clone(),
            Some("latest")
        ),
        Err(PushRefused::ChildrenMissing)
    );
    // Two platforms, each with an attestation.
    let children = settings.children(UNIX_EPOCH);
    assert_eq!(children.len(), 4);
    for child in children {
        assert_eq!(child.artifact_media_type.as_deref(), Some(OCI_CONFIG));
        ecr.put(&Location::default(), "shop/web", child, None)
            .unwrap();
    }
    let index = ecr
        .put(&Location::default(), "shop/web", index, Some("latest"))
        .unwrap();
    let of_index = detail(&index, &[]);
    assert_eq!(of_index["manifest-media-type"], OCI_INDEX);
    assert_eq!(of_index.get("artifact-media-type"), None);
    let version = ecr.version(&format!("{REGISTRY}/shop/web@{}", index.digest));
    assert_eq!(version.as_deref(), Some("1.1.0"));
}
