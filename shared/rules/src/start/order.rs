//! The order that a deployment carries out, and the image that it deployed. Greenlight keeps no store of its own: each engine
//! reads an order back from what it wrote on its own deployments.
//!
//! Whoever may create deployments may write such a mark: it says what was tried, and never passes a gate.

use std::time::Duration;

use time::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use crate::names::{Digest, Image, Repository, Tag};
use crate::observed::{ImageDetail, ImageStatus};

/// How long after an image's first push the event of the same push may be: ECR's clocks do not agree, and EventBridge states whole
/// seconds.
const TAGGED_AT_ONCE: Duration = Duration::from_secs(60);

/// Whether an order at this time is the image's push itself, and not a tag that it got later.
pub(super) fn is_order_of_its_push(pushed_at: UtcDateTime, ordered_at: UtcDateTime) -> bool {
    ordered_at - pushed_at <= TAGGED_AT_ONCE
}

/// A time as marks state it (RFC 3339).
pub(crate) fn moment(at: UtcDateTime) -> String {
    // Only years of more than four digits cannot be written so, and AWS states none.
    at.format(&Rfc3339)
        .unwrap_or_else(|_| at.unix_timestamp().to_string())
}

/// A time that a mark states.
pub(crate) fn read_moment(text: &str) -> Option<UtcDateTime> {
    UtcDateTime::parse(text, &Rfc3339).ok()
}

/// The order that a deployment carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The image's identity.
    pub digest: Digest,
    /// When it was ordered; none in marks of versions that did not write it.
    pub ordered_at: Option<UtcDateTime>,
    /// The tag that chose it; none where it was requested by digest.
    pub tag: Option<Tag>,
    /// The repository, where the mark names it, as older versions did.
    pub repository: Option<Repository>,
    /// Whose settings it brings; none under `revision_from = "production"`, and in marks of versions that did not write it.
    pub brings: Option<Brings>,
}

/// What a deployment brings under `revision_from = "latest"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brings {
    /// The number of the revision whose settings it brings, in the family of the revision that it deploys.
    pub template: u32,
    /// What it was started for.
    pub due: Due,
}

/// What a deployment was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The image, or a request of it.
    Image,
    /// The settings alone: the image ran already.
    Settings,
}

impl Order {
    /// The image, as people call it; `repository` is the pipeline's.
    pub fn image(self, repository: &Repository) -> Image {
        Image {
            repository: self.repository.unwrap_or_else(|| repository.clone()),
            digest: self.digest,
            tag: self.tag,
        }
    }
}

/// An image that runs, or is being deployed, as it was when that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The image.
    pub digest: Digest,
    /// The tag by which it was deployed.
    pub tag: Option<Tag>,
    /// A time at which it had been pushed for certain.
    pub at: Option<UtcDateTime>,
    /// When it was ordered, where the deployment or the revision says so.
    pub ordered_at: Option<UtcDateTime>,
}

/// An image with which a candidate is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What is known of it.
    pub detail: ImageDetail,
    /// When it was ordered: when it was pushed, or got the tag by which it was deployed where that was later.
    pub ordered_at: UtcDateTime,
}

impl Deployed {
    /// What is known of it: what ECR says, and the tag by which it was deployed. The tag may be gone from ECR, and the
    /// image with it; that makes neither its version nor its age unknown.
    pub fn known(self, in_ecr: Option<ImageDetail>) -> Option<Compared> {
        let Self {
            digest,
            tag,
            at,
            ordered_at,
        } = self;
        let (mut detail, ordered_at) = match in_ecr {
            Some(detail) => {
                let pushed_at = detail.pushed_at;
                let later = ordered_at.filter(|at| !is_order_of_its_push(pushed_at, *at));
                (detail, later.unwrap_or(pushed_at))
            }
            // `at` is only a time before which it was pushed; the order, where it is known, is nearer.
            None => {
                let pushed_at = at?;
                let detail = ImageDetail {
                    digest,
                    tags: Vec::new(),
                    pushed_at,
                    media_type: None,
                    artifact_media_type: None,
                    status: ImageStatus::Active,
                };
                (detail, ordered_at.unwrap_or(pushed_at))
            }
        };
        detail.tags.extend(tag);
        Some(Compared { detail, ordered_at })
    }
}
