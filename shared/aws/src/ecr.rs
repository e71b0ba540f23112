//! ECR: which images are in a repository.

#[cfg(feature = "command")]
mod settings;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::Region;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageFailureCode, ImageIdentifier, ImageStatus as Status, TagStatus,
};
use rules::config::{Pipeline, Registry};
use rules::names::{Digest, Repository, Tag};
use rules::observed::{ImageDetail, ImageStatus};
use serde_json::Value;
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

/// A repository, and the registry that it lies in.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The repository.
    pub repository: &'a Repository,
}

impl<'a> Place<'a> {
    /// Where a pipeline's images lie.
    pub fn of(pipeline: &'a Pipeline) -> Self {
        Self {
            registry: &pipeline.registry,
            repository: &pipeline.repository,
        }
    }

    /// None for the caller's own, which ECR takes where none is said.
    fn registry_id(&self) -> Option<String> {
        self.registry.account.as_ref().map(ToString::to_string)
    }
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

    /// The client of a registry's Region; all of them share one pool of connections.
    fn client(&self, place: Place<'_>) -> Client {
        match &place.registry.region {
            None => self.client.clone(),
            Some(region) => {
                let config = self.client.config().to_builder();
                let region = Region::new(region.to_string());
                Client::from_conf(config.region(region).build())
            }
        }
    }

    /// What the tag points at now.
    pub async fn describe_image_by_tag(
        &self,
        place: Place<'_>,
        tag: &Tag,
    ) -> Result<Pointed, CallFailed> {
        let call = Call::new(OPERATION, format!("{}:{tag}", place.repository));
        let identifier = ImageIdentifier::builder().image_tag(tag.as_str()).build();
        self.describe_image(call, place, identifier).await
    }

    /// The image with this digest; none when it was deleted.
    pub async fn describe_image_by_digest(
        &self,
        place: Place<'_>,
        digest: &Digest,
    ) -> Result<Pointed, CallFailed> {
        let call = Call::new(
            OPERATION,
            format!("{}@{}", place.repository, digest.short()),
        );
        let identifier = ImageIdentifier::builder().image_digest(digest.as_str());
        self.describe_image(call, place, identifier.build()).await
    }

    /// Every image that has a tag, and when ECR was asked for the last of them.
    pub async fn describe_tagged_images(
        &self,
        place: Place<'_>,
    ) -> Result<(Vec<ImageDetail>, Option<UtcDateTime>), CallFailed> {
        let call = Call::new(OPERATION, place.repository.as_str());
        let asked_at = AskedAt::default();
        let tagged = DescribeImagesFilter::builder()
            .tag_status(TagStatus::Tagged)
            .build();
        let client = self.client(place);
        let (mut images, mut next) = (Vec::new(), None);
        loop {
            // The SDK's paginator takes no interceptor.
            let page = client
                .describe_images()
                .set_registry_id(place.registry_id())
                .repository_name(place.repository.as_str())
                .filter(tagged.clone())
                .max_results(IMAGES_PER_PAGE)
                .set_next_token(next)
                .customize()
                .interceptor(asked_at.clone())
                .send()
                .await
                .map_err(|error| call.failed(error))?;
            for image in page.image_details() {
                images.push(translate(&call, image)?);
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok((images, asked_at.take()));
            }
        }
    }

    /// The manifests of an image index, one for each of its platforms; none where the image is not an index. ECS may state the
    /// digest of either for a task that runs such an image.
    pub async fn batch_get_image_manifests(
        &self,
        place: Place<'_>,
        digest: &Digest,
    ) -> Result<Vec<Digest>, CallFailed> {
        let manifests = self.index_of(place, digest).await?;
        // Text that is not a digest is not one that a task could run.
        let digests = manifests
            .iter()
            .filter_map(|manifest| manifest["digest"].as_str()?.parse().ok());
        Ok(digests.collect())
    }

    /// What an image index says of each of its manifests; nothing where the image is not an index.
    async fn index_of(&self, place: Place<'_>, digest: &Digest) -> Result<Vec<Value>, CallFailed> {
        let call = Call::new(
            "ecr:BatchGetImage",
            format!("{}@{}", place.repository, digest.short()),
        );
        let image = ImageIdentifier::builder().image_digest(digest.as_str());
        let answer = self
            .client(place)
            .batch_get_image()
            .set_registry_id(place.registry_id())
            .repository_name(place.repository.as_str())
            .image_ids(image.build())
            .set_accepted_media_types(Some(INDEXES.map(str::to_owned).to_vec()))
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        for failure in answer.failures() {
            let code = failure.failure_code().map(ImageFailureCode::as_str);
            // Any other failure leaves open what the image is.
            if code != Some(NO_INDEX) {
                return Err(call.unexpected(&format!(
                    "the image was not read: {} ({})",
                    code.unwrap_or("no failure code"),
                    failure.failure_reason().unwrap_or("no reason given")
                )));
            }
        }
        let Some(manifest) = answer
            .images()
            .first()
            .and_then(|image| image.image_manifest())
        else {
            return Ok(Vec::new());
        };
        let index: Value = serde_json::from_str(manifest)
            .map_err(|error| call.unexpected(&format!("`imageManifest` is not JSON: {error}")))?;
        Ok(index["manifests"].as_array().cloned().unwrap_or_default())
    }

    async fn describe_image(
        &self,
        call: Call,
        place: Place<'_>,
        image: ImageIdentifier,
    ) -> Result<Pointed, CallFailed> {
        let asked_at = AskedAt::default();
        let sent = self
            .client(place)
            .describe_images()
            .set_registry_id(place.registry_id())
            .repository_name(place.repository.as_str())
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

/// Media types of what lists an image for several platforms (OCI image specification; Docker manifest list).
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The code with which ECR refuses an image that has none of the accepted media types.
const NO_INDEX: &str = "UnsupportedImageType";

const OPERATION: &str = "ecr:DescribeImages";

fn translate(
    call: &Call,
    image: &aws_sdk_ecr::types::ImageDetail,
) -> Result<ImageDetail, CallFailed> {
    Ok(ImageDetail {
        digest: call.name(image.image_digest(), "imageDigest")?,
        // A tag that our own type refuses is not one that a pipeline could follow.
        tags: image
            .image_tags()
            .iter()
            .filter_map(|tag| tag.parse().ok())
            .collect(),
        pushed_at: call.required(image.image_pushed_at().and_then(time_from), "imagePushedAt")?,
        media_type: image.image_manifest_media_type().map(str::to_owned),
        artifact_media_type: image.artifact_media_type().map(str::to_owned),
        status: match image.image_status() {
            Some(Status::Archived) => ImageStatus::Archived,
            Some(Status::Activating) => ImageStatus::Activating,
            // AWS may add more: only what is known to forbid a pull does.
            Some(_) | None => ImageStatus::Active,
        },
    })
}
