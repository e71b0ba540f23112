//! The description of a deployment: which image, when it was ordered, and by which tag.

use time::UtcDateTime;

use super::Deployment;
use crate::names::{Digest, Image, Repository};
use crate::start::{Order, moment, read_moment};

const BEGINNING: &str = "greenlight ";
/// CodeDeploy User Guide, limits: a deployment's description. Versions before the time of the order was in it cut theirs
/// to this length; today's are never longer, whatever the tag.
const CHARACTERS_AT_MOST: usize = 256;

/// The description that a deployment of this image gets: `greenlight <digest> <RFC 3339 time of the order> <tag>`. A
/// deployment that was requested by digest has no tag.
pub fn description(image: &Image, ordered_at: UtcDateTime) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(" {tag}"));
    format!(
        "{BEGINNING}{} {}{}",
        image.digest,
        moment(ordered_at),
        tag.unwrap_or_default()
    )
}

/// The order of a deployment, from its description; none where a person or another tool wrote that.
pub(crate) fn order(deployment: &Deployment) -> Option<Order> {
    let description = deployment.description.as_deref()?;
    let mut words = description.strip_prefix(BEGINNING)?.split(' ');
    let digest = words.next()?.parse().ok()?;
    let (second, third) = (words.next(), words.next());
    let ordered_at = second.and_then(read_moment);
    if ordered_at.is_some() {
        return Some(Order {
            digest,
            ordered_at,
            tag: third.and_then(|tag| tag.parse().ok()),
            repository: None,
        });
    }
    // Versions that wrote no time wrote `<repository>:<tag>` in its place.
    let name = second.map(|name| {
        name.split_once(':')
            .map_or((name, None), |(name, tag)| (name, Some(tag)))
    });
    // A description of that length was cut, most likely in the middle of its tag.
    let whole = description.chars().count() < CHARACTERS_AT_MOST;
    Some(Order {
        digest,
        ordered_at: None,
        tag: name
            .and_then(|(_, tag)| tag)
            .filter(|_| whole)
            .and_then(|tag| tag.parse().ok()),
        repository: name.and_then(|(name, _)| name.parse().ok()),
    })
}

/// The digest that a deployment ships; none where its description is not Greenlight's.
pub fn shipped(deployment: &Deployment) -> Option<Digest> {
    order(deployment).map(|order| order.digest)
}

/// The image that a deployment ships; none where its description is not Greenlight's.
pub(crate) fn shipped_image(repository: &Repository, deployment: &Deployment) -> Option<Image> {
    order(deployment).map(|order| order.image(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::tests::described;

    const DIGEST: &str = "sha256:4c9a7f3f5a0f3e2f9f6f1f9f4f0a8d6a1c6b0f0f1e2d3c4b5a69788796a5b4c3";

    #[track_caller]
    fn check(rest: &str, expected: &str) {
        let deployment = described(&format!("greenlight {DIGEST}{rest}"));
        let found = order(&deployment).unwrap();
        assert_eq!(found.digest.as_str(), DIGEST);
        let at = found.ordered_at.map_or("no time".to_owned(), moment);
        let image = found.image(&"shop/web".parse().unwrap());
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
            assert_eq!(order(&described(text)), None, "{text}");
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
        assert!(text.len() <= CHARACTERS_AT_MOST, "{}", text.len());
        let found = order(&described(&text)).unwrap();
        assert_eq!((found.ordered_at, found.tag), (Some(at), image.tag));
    }
}
