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
}

impl ImageDetail {
    /// Whether it lists manifests for several platforms, or may, where ECR does not state its type.
    pub fn may_be_index(&self) -> bool {
        self.media_type.as_deref().is_none_or(|media_type| {
            media_type.contains("image.index") || media_type.contains("manifest.list")
        })
    }
}
