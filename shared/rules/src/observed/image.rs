//! An image, as ECR describes it.

use time::UtcDateTime;

use crate::names::{Digest, Tag};

/// An image as ECR describes it (DescribeImages).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDetail {
    /// Its identity.
    pub digest: Digest,
    /// Every tag that points at it now.
    pub tags: Vec<Tag>,
    /// When it was pushed.
    pub pushed_at: UtcDateTime,
    /// The manifest's media type, where ECR states it.
    pub media_type: Option<String>,
    /// The artifact's media type, where ECR states it: distinguishes an image from an attestation or a signature.
    pub artifact_media_type: Option<String>,
    /// Whether it can be pulled.
    pub status: ImageStatus,
}

/// ECR's status of an image. What is in the archive can be described, and its pull fails with 404 (ECR User Guide, "Archiving an
/// image").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStatus {
    /// It can be pulled; so can what has no status or one that is not known here.
    Active,
    /// It is in the archive.
    Archived,
    /// It is being restored from the archive, which takes up to 20 minutes.
    Activating,
}

impl ImageDetail {
    /// Whether it may run: an artifact that says it is something else than a container image (a chart, a signature) cannot.
    pub fn is_runnable(&self) -> bool {
        self.artifact_media_type
            .as_deref()
            .is_none_or(is_container_image)
    }

    /// Whether it lists manifests for several platforms, or may, where ECR does not state its type.
    pub fn may_be_index(&self) -> bool {
        self.media_type.as_deref().is_none_or(|media_type| {
            media_type.contains("image.index") || media_type.contains("manifest.list")
        })
    }
}

/// Whether an artifact with this media type is a container image.
pub(crate) fn is_container_image(artifact_media_type: &str) -> bool {
    matches!(
        artifact_media_type,
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
    )
}
