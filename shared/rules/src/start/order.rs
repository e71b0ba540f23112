//! What a deployment remembers of the order that it carries out: its description says which image, when it was ordered,
//! and by which tag. Greenlight keeps no store of its own, so this is where a later reconciliation reads it.
//!
//! Whoever may create deployments may write such a description: it says what was tried, and never passes a gate.

use time::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use crate::codedeploy::Deployment;
use crate::names::{Digest, Image, Repository, Tag};
use crate::observed::ImageDetail;

const DESCRIPTION_START: &str = "greenlight ";
/// CodeDeploy User Guide, limits: a deployment's description. Versions before the time of the order was in it cut theirs
/// to this length; today's are never longer, whatever the tag.
const DESCRIPTION_CHARACTERS_AT_MOST: usize = 256;

/// The description that a deployment of this image gets: `greenlight <digest> <RFC 3339 time of the order> <tag>`. A
/// deployment that was asked for by digest has no tag.
pub fn description(image: &Image, ordered_at: UtcDateTime) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(" {tag}"));
    format!(
        "{DESCRIPTION_START}{} {}{}",
        image.digest,
        moment(ordered_at),
        tag.unwrap_or_default()
    )
}

/// A time as marks state it.
pub(crate) fn moment(at: UtcDateTime) -> String {
    // Only years of more than four digits cannot be written so, and AWS states none.
    at.format(&Rfc3339)
        .unwrap_or_else(|_| at.unix_timestamp().to_string())
}

/// The order that a deployment carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The image's identity.
    pub digest: Digest,
    /// When it was ordered; none in descriptions of versions that did not write it.
    pub ordered_at: Option<UtcDateTime>,
    /// The tag that chose it.
    pub tag: Option<Tag>,
    /// The repository, where the description names it, as older versions did.
    repository: Option<Repository>,
}

impl Order {
    /// The order of a deployment, from its description; none where somebody else wrote that.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let description = deployment.description.as_deref()?;
        let mut words = description.strip_prefix(DESCRIPTION_START)?.split(' ');
        let digest = words.next()?.parse().ok()?;
        let (second, third) = (words.next(), words.next());
        let ordered_at = second.and_then(|word| UtcDateTime::parse(word, &Rfc3339).ok());
        if ordered_at.is_some() {
            return Some(Self {
                digest,
                ordered_at,
                tag: third.and_then(|tag| tag.parse().ok()),
                repository: None,
            });
        }
        let name = second.map(|name| {
            name.split_once(':')
                .map_or((name, None), |(name, tag)| (name, Some(tag)))
        });
        // A description of that length was cut, most likely in the middle of its tag.
        let whole = description.chars().count() < DESCRIPTION_CHARACTERS_AT_MOST;
        Some(Self {
            digest,
            ordered_at: None,
            tag: name
                .and_then(|(_, tag)| tag)
                .filter(|_| whole)
                .and_then(|tag| tag.parse().ok()),
            repository: name.and_then(|(name, _)| name.parse().ok()),
        })
    }

    /// The image, as people call it.
    pub fn image(self, repository: &Repository) -> Image {
        Image {
            repository: self.repository.unwrap_or_else(|| repository.clone()),
            digest: self.digest,
            tag: self.tag,
        }
    }
}

/// The digest that a deployment ships, from its description; none where somebody else wrote it.
pub fn shipped(deployment: &Deployment) -> Option<Digest> {
    Order::of(deployment).map(|order| order.digest)
}

/// The image that a deployment ships, from its description.
pub fn shipped_image(repository: &Repository, deployment: &Deployment) -> Option<Image> {
    Order::of(deployment).map(|order| order.image(repository))
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
}

impl Deployed {
    /// What a deployment ships; none where somebody else made it.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let order = Order::of(deployment)?;
        Some(Self {
            digest: order.digest,
            tag: order.tag,
            at: Some(deployment.created_at),
        })
    }

    /// What is known of it: what ECR says, and the tag by which it was deployed. The tag may be gone from ECR, and the
    /// image with it; that makes neither its version nor its age unknown.
    pub fn known(self, in_ecr: Option<ImageDetail>) -> Option<ImageDetail> {
        let Self { digest, tag, at } = self;
        let mut detail = in_ecr.or(at.map(|pushed_at| ImageDetail {
            digest,
            tags: Vec::new(),
            pushed_at,
            media_type: None,
            artifact_media_type: None,
        }))?;
        detail.tags.extend(tag);
        Some(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::tests::described;

    const DIGEST: &str = "sha256:4c9a7f3f5a0f3e2f9f6f1f9f4f0a8d6a1c6b0f0f1e2d3c4b5a69788796a5b4c3";

    #[track_caller]
    fn check(rest: &str, expected: &str) {
        let deployment = described(&format!("greenlight {DIGEST}{rest}"));
        let order = Order::of(&deployment).unwrap();
        assert_eq!(order.digest.as_str(), DIGEST);
        let at = order.ordered_at.map_or("no time".to_owned(), moment);
        let image = order.image(&"shop/web".parse().unwrap());
        let tag = image.tag.map_or("no tag".to_owned(), |tag| tag.to_string());
        assert_eq!(format!("{}, {tag}, {at}", image.repository), expected);
    }

    #[test]
    fn a_description_is_read_as_it_is_written_today_and_as_it_was() {
        check(
            " 2026-10-14T09:21:47Z 1.4.2",
            "shop/web, 1.4.2, 2026-10-14T09:21:47Z",
        );
        check(
            " 2026-10-14T09:21:47.5Z",
            "shop/web, no tag, 2026-10-14T09:21:47.5Z",
        );
        check(" shop/api:1.4.2", "shop/api, 1.4.2, no time");
        check(" shop/api", "shop/api, no tag, no time");
        check("", "shop/web, no tag, no time");
        // Cut by an older version: the tag may be only the beginning of one.
        let tag = "x".repeat(128);
        let cut = format!(" {}:{tag}", "a".repeat(256 - 11 - 71 - 2 - 128));
        assert_eq!(format!("greenlight {DIGEST}{cut}").len(), 256);
        let repository = "a".repeat(256 - 11 - 71 - 2 - 128);
        check(&cut, &format!("{repository}, no tag, no time"));
    }

    #[test]
    fn what_somebody_else_wrote_is_no_order() {
        for text in [
            "",
            "greenlight",
            "greenlight sha256:1",
            "shop/web 1.4.2",
            "Greenlight ",
        ] {
            assert_eq!(Order::of(&described(text)), None, "{text}");
        }
    }

    #[test]
    fn the_longest_description_is_not_cut() {
        let image = Image {
            repository: "shop/web".parse().unwrap(),
            digest: DIGEST.parse().unwrap(),
            tag: Some("t".repeat(128).parse().unwrap()),
        };
        let at = UtcDateTime::from_unix_timestamp_nanos(1_791_970_682_117_999_999).unwrap();
        let text = description(&image, at);
        assert!(
            text.len() <= DESCRIPTION_CHARACTERS_AT_MOST,
            "{}",
            text.len()
        );
        let order = Order::of(&described(&text)).unwrap();
        assert_eq!((order.ordered_at, order.tag), (Some(at), image.tag));
    }
}
