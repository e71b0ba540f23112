//! ECR.

use aws::Kind;
use aws::ecr::{Ecr, Place};
use rules::config::Registry;
use rules::names::{Digest, Repository, Tag};
use rules::observed::ImageStatus;
use serde_json::{Value, json};
use time::macros::utc_datetime;

use crate::server::{Server, error, json as answer};

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.DescribeImages";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn image(digit: char, tags: &[&str]) -> Value {
    json!({
        "registryId": "111122223333", "repositoryName": "shop/web", "imageDigest": digest(digit), "imageTags": tags,
        "imageSizeInBytes": 25_318_642, "imagePushedAt": 1_791_970_321.2,
        "imageManifestMediaType": "application/vnd.oci.image.index.v1+json",
        "artifactMediaType": "application/vnd.oci.image.config.v1+json",
        "imageStatus": "FROZEN_SOLID", "fieldOfTomorrow": {"a": 1}
    })
}

/// `shop/web` in the caller's own registry, or in this one.
struct There {
    registry: Registry,
    repository: Repository,
}

impl There {
    fn place(&self) -> Place<'_> {
        Place {
            registry: &self.registry,
            repository: &self.repository,
        }
    }
}

fn own() -> There {
    There {
        registry: Registry::default(),
        repository: "shop/web".parse().unwrap(),
    }
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_tag_gives_the_image_that_it_points_at() {
    let server = Server::answering([answer(
        200,
        &json!({"imageDetails": [image('a', &["1.4.2", "latest"])]}),
    )])
    .await;
    let tag: Tag = "latest".parse().unwrap();
    let pointed = Ecr::new(&server.session())
        .describe_image_by_tag(own().place(), &tag)
        .await
        .unwrap();
    assert!(pointed.asked_at.is_some(), "every answer states its date");
    let found = pointed.image.unwrap();
    server.was_asked(
        TARGET,
        &json!({"repositoryName": "shop/web", "imageIds": [{"imageTag": "latest"}]}),
    );
    assert!(server.request().signed);
    assert_eq!(found.digest.as_str(), digest('a'));
    assert_eq!(found.tags, tags(&["1.4.2", "latest"]));
    assert_eq!(found.pushed_at, utc_datetime!(2026-10-14 09:32:01.2));
    assert_eq!(
        found.media_type.as_deref(),
        Some("application/vnd.oci.image.index.v1+json")
    );
    assert_eq!(
        found.artifact_media_type.as_deref(),
        Some("application/vnd.oci.image.config.v1+json")
    );
}

#[tokio::test]
async fn an_image_in_the_archive_is_described_as_such() {
    let tag: Tag = "latest".parse().unwrap();
    for (status, expected) in [
        (json!("ACTIVE"), ImageStatus::Active),
        (json!("ARCHIVED"), ImageStatus::Archived),
        (json!("ACTIVATING"), ImageStatus::Activating),
        (json!("FROZEN_SOLID"), ImageStatus::Active),
        (Value::Null, ImageStatus::Active),
    ] {
        let mut image = image('a', &["latest"]);
        image["imageStatus"] = status;
        let server = Server::answering([answer(200, &json!({"imageDetails": [image]}))]).await;
        let pointed = Ecr::new(&server.session())
            .describe_image_by_tag(own().place(), &tag)
            .await
            .unwrap();
        assert_eq!(pointed.image.unwrap().status, expected);
    }
}

#[tokio::test]
async fn a_digest_gives_its_image_with_or_without_tags() {
    let server =
        Server::answering([answer(200, &json!({"imageDetails": [image('b', &[])]}))]).await;
    let given: Digest = digest('b').parse().unwrap();
    let found = Ecr::new(&server.session())
        .describe_image_by_digest(own().place(), &given)
        .await
        .unwrap()
        .image
        .unwrap();
    server.was_asked(
        TARGET,
        &json!({"repositoryName": "shop/web", "imageIds": [{"imageDigest": digest('b')}]}),
    );
    assert_eq!((found.digest, found.tags), (given, vec![]));
}

#[tokio::test]
async fn no_image_is_none_and_no_repository_is_an_error() {
    let server = Server::answering([
        error(
            400,
            "ImageNotFoundException",
            "The image with imageId {imageDigest:'null', imageTag:'latest'} …",
        ),
        error(
            400,
            "RepositoryNotFoundException",
            "The repository with name 'shop/web' does not exist.",
        ),
    ])
    .await;
    let ecr = Ecr::new(&server.session());
    let tag: Tag = "latest".parse().unwrap();
    let pointed = ecr.describe_image_by_tag(own().place(), &tag).await;
    let pointed = pointed.unwrap();
    assert_eq!((pointed.image, pointed.asked_at.is_some()), (None, true));
    let failed = ecr
        .describe_image_by_tag(own().place(), &tag)
        .await
        .unwrap_err();
    assert_eq!(failed.kind, Kind::NotFound);
    assert_eq!(
        failed.to_string(),
        "describe images `shop/web:latest`: not found: RepositoryNotFoundException, \
         The repository with name 'shop/web' does not exist \
         (hint: correct its name in the configuration, or create it)"
    );
}

#[tokio::test]
async fn tagged_images_come_from_every_page_and_strange_tags_are_left_out() {
    let server = Server::answering([
        answer(
            200,
            &json!({"imageDetails": [image('a', &["1.0.0", "-strange-"])], "nextToken": "page 2"}),
        ),
        answer(200, &json!({"imageDetails": [], "nextToken": "page 3"})),
        answer(
            200,
            &json!({"imageDetails": [image('b', &["1.1.0"]), image('c', &["1.2.0"])]}),
        ),
    ])
    .await;
    let (found, asked_at) = Ecr::new(&server.session())
        .describe_tagged_images(own().place())
        .await
        .unwrap();
    assert!(asked_at.is_some());
    let found: Vec<_> = found.into_iter().map(|image| image.tags).collect();
    assert_eq!(
        found,
        [tags(&["1.0.0"]), tags(&["1.1.0"]), tags(&["1.2.0"])]
    );
    let first = json!({"repositoryName": "shop/web", "maxResults": 1000, "filter": {"tagStatus": "TAGGED"}});
    let tokens: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| request.json()["nextToken"].clone())
        .collect();
    assert_eq!(server.requests()[0].json(), first);
    assert_eq!(tokens, [Value::Null, json!("page 2"), json!("page 3")]);
}

#[tokio::test]
async fn an_index_gives_its_manifests_and_anything_else_none() {
    let index = json!({"schemaVersion": 2, "manifests": [
        {"digest": digest('b'), "platform": {"architecture": "arm64"}}, {"digest": digest('c')}, {"digest": "sha256:1"}
    ]});
    let server = Server::answering([
        answer(
            200,
            &json!({"images": [{"imageManifest": index.to_string()}], "failures": []}),
        ),
        // ECR answers so where none of the accepted media types fits.
        answer(
            200,
            &json!({"images": [], "failures": [{"failureCode": "UnsupportedImageType"}]}),
        ),
        answer(
            200,
            &json!({"images": [{"imageManifest": "<html>"}], "failures": []}),
        ),
        answer(
            200,
            &json!({"images": [], "failures": [{"failureCode": "UpstreamTooManyRequests", "failureReason": "try again"}]}),
        ),
    ])
    .await;
    let ecr = Ecr::new(&server.session());
    let given: Digest = digest('a').parse().unwrap();
    let own = own();
    let manifests = || ecr.batch_get_image_manifests(own.place(), &given);
    let [b, c] = ['b', 'c'].map(|digit| digest(digit).parse::<Digest>().unwrap());
    assert_eq!(manifests().await, Ok(vec![b, c]));
    assert_eq!(manifests().await, Ok(vec![]));
    assert_eq!(manifests().await.unwrap_err().kind, Kind::Unexpected);
    // An image that could not be read is not one that is no index.
    let unread = manifests().await.unwrap_err();
    let said = "unexpected: the image was not read: UpstreamTooManyRequests (try again)";
    assert_eq!(
        (unread.kind, unread.message.as_str()),
        (Kind::Unexpected, said)
    );
    let sent = server.requests()[0].json();
    assert_eq!(sent["imageIds"], json!([{"imageDigest": digest('a')}]));
    assert_eq!(sent["acceptedMediaTypes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_registry_of_another_account_and_region_is_asked_there() {
    let nothing = || {
        answer(
            200,
            &json!({"imageDetails": [], "images": [], "failures": []}),
        )
    };
    let server = Server::answering(std::array::from_fn::<_, 6, _>(|_| nothing())).await;
    let ecr = Ecr::new(&server.session());
    let there = There {
        registry: Registry {
            account: Some("444455556666".parse().unwrap()),
            region: Some("eu-west-1".parse().unwrap()),
        },
        ..own()
    };
    let (tag, image): (Tag, Digest) = ("latest".parse().unwrap(), digest('a').parse().unwrap());
    let own = own();
    for place in [there.place(), own.place()] {
        ecr.describe_image_by_tag(place, &tag).await.unwrap();
        ecr.describe_tagged_images(place).await.unwrap();
        ecr.batch_get_image_manifests(place, &image).await.unwrap();
    }
    let asked: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| (request.json()["registryId"].clone(), request.region))
        .collect();
    let there = (json!("444455556666"), "eu-west-1".to_owned());
    let here = (Value::Null, "eu-central-1".to_owned());
    assert_eq!(asked[..3], [there.clone(), there.clone(), there]);
    assert_eq!(asked[3..], [here.clone(), here.clone(), here]);
}

#[tokio::test]
async fn a_repository_of_another_account_that_does_not_share_says_so() {
    let sentence = "User: arn:aws:sts::111122223333:assumed-role/start/f is not authorized to perform: ecr:DescribeImages on \
                    resource: arn:aws:ecr:eu-west-1:444455556666:repository/shop/web because no resource-based policy allows \
                    the ecr:DescribeImages action";
    let server = Server::answering([error(400, "AccessDeniedException", sentence)]).await;
    let denied = Ecr::new(&server.session())
        .describe_tagged_images(own().place())
        .await
        .unwrap_err();
    assert_eq!(denied.kind, Kind::Denied);
    assert_eq!(
        denied.message,
        "access denied (hint: the resource's own policy must allow `ecr:DescribeImages`, in the account that it is in)"
    );
}
