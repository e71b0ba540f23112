//! The description of a deployment: which image, when it was ordered, and by which tag.

use time::UtcDateTime;

use super::Deployment;
use crate::names::{Digest, Image, Repository};
use crate::start::{Brings, Due, Order, moment, read_moment};

const BEGINNING: &str = "greenlight ";
/// CodeDeploy User Guide, limits: a deployment's description. Versions before the time of the order was in it cut theirs
/// to this length; today's are never longer, whatever the tag.
const CHARACTERS_AT_MOST: usize = 256;

/// What stands before the number of the revision whose settings a deployment brings: no tag has a colon.
const TEMPLATE: &str = ":";
/// The same where the deployment was started for these settings alone.
const SETTINGS: &str = "settings:";

/// The description that a deployment of this image gets: `greenlight <digest> <RFC 3339 time of the order> <tag>`. A
/// deployment that was requested by digest has no tag. Under `revision_from = "latest"` the number of the revision whose
/// settings it brings follows, as `:5`, or as `settings:5` where it was started for them alone.
pub fn description(image: &Image, ordered_at: UtcDateTime, brings: Option<Brings>) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(" {tag}"));
    let text = format!(
        "{BEGINNING}{} {}{}",
        image.digest,
        moment(ordered_at),
        tag.unwrap_or_default()
    );
    let Some(Brings { template, due }) = brings else {
        return text;
    };
    let settings = format!("{text} {SETTINGS}{template}");
    // Beside the longest tag the shorter word still has room, and only messages are the poorer for it.
    if due == Due::Settings && settings.len() <= CHARACTERS_AT_MOST {
        return settings;
    }
    format!("{text} {TEMPLATE}{template}")
}

/// Whose settings a word of a description names.
fn brings(word: &str) -> Option<Brings> {
    let (number, due) = match word.strip_prefix(SETTINGS) {
        Some(number) => (number, Due::Settings),
        None => (word.strip_prefix(TEMPLATE)?, Due::Image),
    };
    let template = number.parse().ok()?;
    Some(Brings { template, due })
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
            brings: third.and_then(brings).or_else(|| brings(words.next()?)),
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
        brings: None,
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

/// The number of the revision whose settings a deployment brings, where it was started for them alone.
pub(crate) fn settings_alone(deployment: &Deployment) -> Option<u32> {
    let brings = order(deployment)?.brings?;
    (brings.due == Due::Settings).then_some(brings.template)
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
        let brings = [None, Some(Due::Image), Some(Due::Settings)].map(|due| {
            due.map(|due| Brings {
                template: u32::MAX,
                due,
            })
        });
        for brings in brings {
            let text = description(&image, at, brings);
            assert!(text.len() <= CHARACTERS_AT_MOST, "{}", text.len());
            let found = order(&described(&text)).unwrap();
            assert_eq!((found.ordered_at, &found.tag), (Some(at), &image.tag));
            let template = found.brings.map(|brings| brings.template);
            assert_eq!(template, brings.map(|brings| brings.template));
        }
    }

    #[test]
    fn a_description_says_whose_settings_a_deployment_brings() {
        let at = UtcDateTime::from_unix_timestamp(1_791_970_682).unwrap();
        for tag in [None, Some("settings"), Some("1.4.2")] {
            for due in [Due::Image, Due::Settings] {
                let image = Image {
                    repository: "shop/web".parse().unwrap(),
                    digest: DIGEST.parse().unwrap(),
                    tag: tag.map(|tag| tag.parse().unwrap()),
                };
                let brings = Some(Brings { template: 5, due });
                let text = description(&image, at, brings);
                let found = order(&described(&text)).unwrap();
                assert_eq!((found.tag, found.brings), (image.tag, brings), "{text}");
            }
        }
        for text in ["1.4.2 :", "1.4.2 :x", "1.4.2 template:5", "1.4.2 5", ": :5"] {
            let text = format!("greenlight {DIGEST} 2026-10-14T09:21:47Z {text}");
            let found = order(&described(&text)).unwrap();
            let expected = text.ends_with(": :5").then_some(5);
            let template = found.brings.map(|brings| brings.template);
            assert_eq!(template, expected, "{text}");
        }
    }
}
