//! Pushes, as `docker push` and BuildKit make them, replication from another Region, and the event that each emits.

use std::ops::Deref;

use serde_json::{Value, json};

use super::{Image, ImageSettings, IndexSettings, PushRefused, Repositories, RepositorySettings};
use crate::assumption::{Assumption, Assumptions};
use crate::context::Context;
use crate::events::Buses;
use crate::identity::{ACCOUNT, Location};
use crate::timeline;

/// How an image arrives in a repository, each with an event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Push,
    /// ECR copies it from the same registry in `SOURCE_REGION`. No push event comes with it (ECR User Guide, "Amazon ECR events and
    /// EventBridge").
    Replication,
}

/// Where replicated images come from.
const SOURCE_REGION: &str = "us-east-1";

/// The registries: their repositories, and the event buses that receive pushes.
pub struct Ecr {
    pub(super) context: Context,
    pub(super) buses: Buses,
    repositories: Repositories,
}

impl Deref for Ecr {
    type Target = Repositories;

    fn deref(&self) -> &Repositories {
        &self.repositories
    }
}

impl Ecr {
    pub fn new(context: Context, buses: Buses, repositories: Vec<RepositorySettings>) -> Ecr {
        Ecr {
            repositories: Repositories::new(repositories, context.clock.now()),
            context,
            buses,
        }
    }

    /// Pushes one manifest, with one tag or by digest only, and emits the event. A push that changes nothing is
    /// refused, and emits an event only by assumption.
    pub fn push(
        &self,
        registry: &Location,
        repository: &str,
        image: Image,
        tag: Option<&str>,
    ) -> Result<Image, PushRefused> {
        self.arrive(Arrival::Push, (registry, repository), image, tag)
    }

    fn arrive(
        &self,
        arrival: Arrival,
        (registry, repository): (&Location, &str),
        image: Image,
        tag: Option<&str>,
    ) -> Result<Image, PushRefused> {
        let pushed = self.put(registry, repository, image.clone(), tag);
        let emitted = match &pushed {
            Ok(image) => image,
            Err(PushRefused::AlreadyExists)
                if self
                    .context
                    .assumptions
                    .hold(Assumption::RepeatedPushIsTold) =>
            {
                &image
            }
            Err(_) => return pushed,
        };
        self.context.timeline.record(timeline::Event::ImagePushed {
            repository: registry.repository(repository),
            digest: emitted.digest.clone(),
            tag: tag.map(ToOwned::to_owned),
        });
        match arrival {
            Arrival::Push => {
                let detail = push_event(repository, emitted, tag, &self.context.assumptions);
                self.buses
                    .emit(registry, "aws.ecr", "ECR Image Action", Vec::new(), detail);
            }
            Arrival::Replication => {
                let resources = vec![registry.arn("ecr", &format!("repository/{repository}"))];
                let detail = replication_event(repository, emitted, tag);
                self.buses.emit(
                    registry,
                    "aws.ecr",
                    "ECR Replication Action",
                    resources,
                    detail,
                );
            }
        }
        pushed
    }

    /// Pushes an image as `docker push` does: once for each tag, or once by digest. It ignores that an image exists
    /// already.
    pub fn push_image(&self, settings: &ImageSettings) -> Result<String, PushRefused> {
        let image = settings.image(self.context.clock.now());
        self.arrive_with_tags(Arrival::Push, settings, &image)
    }

    /// Copies an image from the same repository in another Region, as ECR's replication does.
    pub fn replicate_image(&self, settings: &ImageSettings) -> Result<String, PushRefused> {
        let image = settings.image(self.context.clock.now());
        self.arrive_with_tags(Arrival::Replication, settings, &image)
    }

    /// Pushes a multi-platform image as BuildKit does: the manifests and attestations by digest, then the index.
    pub fn push_index(&self, settings: &IndexSettings) -> Result<String, PushRefused> {
        let now = self.context.clock.now();
        for child in settings.children(now) {
            self.complete(Arrival::Push, &settings.image, child, None)?;
        }
        self.arrive_with_tags(Arrival::Push, &settings.image, &settings.index(now))
    }

    fn arrive_with_tags(
        &self,
        arrival: Arrival,
        settings: &ImageSettings,
        image: &Image,
    ) -> Result<String, PushRefused> {
        let untagged = settings.tags.is_empty().then_some(None);
        let tags = settings.tags.iter().map(|tag| Some(tag.as_str()));
        for tag in tags.chain(untagged) {
            self.complete(arrival, settings, image.clone(), tag)?;
        }
        Ok(image.digest.clone())
    }

    fn complete(
        &self,
        arrival: Arrival,
        settings: &ImageSettings,
        image: Image,
        tag: Option<&str>,
    ) -> Result<(), PushRefused> {
        let repository = (&settings.registry, settings.repository.as_str());
        match self.arrive(arrival, repository, image, tag) {
            Ok(_) | Err(PushRefused::AlreadyExists) => Ok(()),
            Err(refused) => Err(refused),
        }
    }
}

/// The detail of the *ECR Image Action* event of a completed push.
pub fn push_event(
    repository: &str,
    image: &Image,
    tag: Option<&str>,
    assumptions: &Assumptions,
) -> Value {
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "action-type": "PUSH",
        // Present and empty without a tag.
        "image-tag": tag.unwrap_or_default(),
        "manifest-media-type": image.media_type,
    });
    if let Some(detail) = detail.as_object_mut()
        && tag.is_none()
        && assumptions.hold(Assumption::UntaggedPushOmitsTag)
    {
        detail.shift_remove("image-tag");
    }
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifact-media-type"] = json!(artifact);
    }
    detail
}

/// The detail of the *ECR Replication Action* event that the destination gets.
fn replication_event(repository: &str, image: &Image, tag: Option<&str>) -> Value {
    json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "source-account": ACCOUNT,
        "action-type": "REPLICATE",
        "source-region": SOURCE_REGION,
        "image-tag": tag.unwrap_or_default(),
    })
}
