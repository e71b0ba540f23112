//! ECR: which images are in a repository.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageIdentifier, TagStatus};
use rules::names::{Digest, Repository, Tag};
use rules::observed::ImageDetail;
use time::UtcDateTime;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::text::time_from;
use crate::wire::AskedAt;

/// ECR's operations.
#[derive(Debug, Clone)]
pub struct Ecr {
    client: Client,
}

/// What a tag points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointed {
    /// The image; none when no image has the tag.
    pub image: Option<ImageDetail>,
    /// When ECR was asked, by its own clock, or up to a second before; none when its answer stated no date.
    pub asked_at: Option<UtcDateTime>,
}

/// What a page of DescribeImages holds at most.
const IMAGES_PER_PAGE: i32 = 1000;

impl Ecr {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// What the tag points at now.
    pub async fn describe_image_by_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Pointed, CallFailed> {
        let call = Call::new(OPERATION, format!("{repository}:{tag}"));
        let identifier = ImageIdentifier::builder().image_tag(tag.as_str()).build();
        self.describe_image(call, repository, identifier).await
    }

    /// The image with this digest; none when it was deleted.
    pub async fn describe_image_by_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<ImageDetail>, CallFailed> {
        let call = Call::new(OPERATION, format!("{repository}@{}", digest.short()));
        let identifier = ImageIdentifier::builder().image_digest(digest.as_str());
        let described = self.describe_image(call, repository, identifier.build());
        Ok(described.await?.image)
    }

    /// Every image that has a tag.
    pub async fn describe_tagged_images(
        &self,
        repository: &Repository,
    ) -> Result<Vec<ImageDetail>, CallFailed> {
        let call = Call::new(OPERATION, repository.as_str());
        let mut pages = self
            .client
            .describe_images()
            .repository_name(repository.as_str())
            .filter(
                DescribeImagesFilter::builder()
                    .tag_status(TagStatus::Tagged)
                    .build(),
            )
            .into_paginator()
            .page_size(IMAGES_PER_PAGE)
            .items()
            .send();
        let mut images = Vec::new();
        while let Some(image) = pages.next().await {
            images.push(translate(
                &call,
                &image.map_err(|error| call.failed(error))?,
            )?);
        }
        Ok(images)
    }

    async fn describe_image(
        &self,
        call: Call,
        repository: &Repository,
        image: ImageIdentifier,
    ) -> Result<Pointed, CallFailed> {
        let asked_at = AskedAt::default();
        let sent = self
            .client
            .describe_images()
            .repository_name(repository.as_str())
            .image_ids(image)
            .customize()
            .interceptor(asked_at.clone())
            .send()
            .await;
        let image = match sent {
            Ok(answer) => answer
                .image_details()
                .first()
                .map(|image| translate(&call, image))
                .transpose()?,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_image_not_found_exception()) =>
            {
                None
            }
            Err(error) => return Err(call.failed(error)),
        };
        Ok(Pointed {
            image,
            asked_at: asked_at.take(),
        })
    }
}

const OPERATION: &str = "ecr:DescribeImages";

fn translate(
    call: &Call,
    image: &aws_sdk_ecr::types::ImageDetail,
) -> Result<ImageDetail, CallFailed> {
    Ok(ImageDetail {
        digest: call.name(image.image_digest(), "imageDigest")?,
        // What ECR keeps as a tag and we would not take is no tag that a pipeline could follow.
        tags: image
            .image_tags()
            .iter()
            .filter_map(|tag| tag.parse().ok())
            .collect(),
        pushed_at: call.required(image.image_pushed_at().and_then(time_from), "imagePushedAt")?,
        media_type: image.image_manifest_media_type().map(str::to_owned),
        artifact_media_type: image.artifact_media_type().map(str::to_owned),
    })
}
