//! The archive: images that are kept, and cannot be pulled until they are restored.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::image_status::{ImageStatus, StorageClass};
use super::{Ecr, Image};
use crate::identity::Location;
use crate::stamp::iso;

/// How long an image is restored: up to 20 minutes (ECR User Guide, "Restoring an archived image").
const RESTORED_IN: Duration = Duration::from_secs(20 * 60);

impl Ecr {
    /// Archives an image, or begins to restore it, and returns its status then. `None` if there is no such image. An image
    /// that is in this class already stays as it is.
    pub fn update_storage_class(
        self: &Arc<Ecr>,
        registry: &Location,
        repository: &str,
        digest: &str,
        class: StorageClass,
    ) -> Option<ImageStatus> {
        let now = self.context.clock.now();
        let (status, is_changed) = self.edit_image(registry, repository, digest, |image| {
            let status = match (class, image.status) {
                (StorageClass::Archive, _) => ImageStatus::Archived,
                (StorageClass::Standard, ImageStatus::Active) => ImageStatus::Active,
                (StorageClass::Standard, _) => ImageStatus::Activating,
            };
            let is_changed = status != image.status;
            image.status = status;
            if is_changed && status == ImageStatus::Archived {
                image.archived_at = Some(now);
            }
            (status, is_changed)
        })?;
        match (is_changed, class) {
            (false, _) => {}
            (true, StorageClass::Archive) => self.emit_class(registry, repository, digest, class),
            (true, StorageClass::Standard) => self.restore(registry, repository, digest),
        }
        Some(status)
    }

    /// The image is restored once this has taken its time, unless it is archived or pushed meanwhile.
    fn restore(self: &Arc<Ecr>, registry: &Location, repository: &str, digest: &str) {
        let (ecr, registry) = (self.clone(), registry.clone());
        let (repository, digest) = (repository.to_owned(), digest.to_owned());
        self.context.background.spawn(async move {
            ecr.context.clock.sleep(RESTORED_IN).await;
            let now = ecr.context.clock.now();
            let restored = ecr.edit_image(&registry, &repository, &digest, |image| {
                let is_restored = image.status == ImageStatus::Activating;
                if is_restored {
                    image.activate(now);
                }
                is_restored
            });
            if restored == Some(true) {
                ecr.emit_class(&registry, &repository, &digest, StorageClass::Standard);
            }
        });
    }

    /// The *ECR Image Action* event of a change (ECR User Guide, "Amazon ECR events and EventBridge").
    fn emit_class(&self, registry: &Location, repository: &str, digest: &str, class: StorageClass) {
        let image = self.repository(registry, repository);
        let image = image.and_then(|found| found.find(digest).cloned());
        let Some(image) = image else { return };
        let detail = event(repository, &image, class);
        self.buses
            .emit(registry, "aws.ecr", "ECR Image Action", Vec::new(), detail);
    }
}

fn event(repository: &str, image: &Image, class: StorageClass) -> Value {
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "action-type": "UPDATE_STORAGE_CLASS",
        "target-storage-class": class.as_str(),
    });
    if let Some(at) = image.activated_at {
        detail["last-activated-at"] = iso(at);
    }
    detail
}

impl Image {
    /// It can be pulled again.
    pub(super) fn activate(&mut self, now: SystemTime) {
        self.status = ImageStatus::Active;
        self.activated_at = Some(now);
    }
}
