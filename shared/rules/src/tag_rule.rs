//! Which tags a pipeline follows, and which of the images behind them is due.

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobMatcher};
use semver::{Version, VersionReq};

use crate::events;
use crate::names::{InvalidName, Tag};
use crate::observed::ImageDetail;

/// A pipeline's `tag`: one tag, a glob, or a range of versions.
#[derive(Debug, Clone)]
pub enum TagRule {
    /// One tag, followed wherever it points.
    Exact(Tag),
    /// The newest push among the tags that match.
    Glob(GlobMatcher),
    /// The highest version among the tags that are versions in this range; a leading `v` is allowed.
    Semver(VersionReq),
}

impl TagRule {
    /// Whether an image with this tag is one that the pipeline follows.
    pub fn matches(&self, tag: &Tag) -> bool {
        match self {
            Self::Exact(exact) => exact == tag,
            Self::Glob(glob) => glob.is_match(tag.as_str()) && !is_referrer(tag),
            Self::Semver(_) => self.version(tag).is_some(),
        }
    }

    /// The version that the tag is, when the rule is a range of versions that holds it.
    pub fn version(&self, tag: &Tag) -> Option<Version> {
        let Self::Semver(range) = self else {
            return None;
        };
        let version =
            Version::parse(tag.as_str().strip_prefix('v').unwrap_or(tag.as_str())).ok()?;
        range.matches(&version).then_some(version)
    }

    /// The image that is due among `images`, with the tag by which the rule chose it.
    pub fn choose<'a>(&self, images: &'a [ImageDetail]) -> Option<(&'a ImageDetail, &'a Tag)> {
        let matching = images
            .iter()
            .filter(|image| is_runnable(image))
            .flat_map(|image| image.tags.iter().map(move |tag| (image, tag)))
            .filter(|(_, tag)| self.matches(tag));
        // Where two are equal the greater digest wins, so that every reconciliation chooses the same one.
        match self {
            Self::Exact(_) | Self::Glob(_) => {
                matching.max_by_key(|(image, tag)| (image.pushed_at, &image.digest, *tag))
            }
            Self::Semver(_) => matching.max_by_key(|(image, tag)| {
                (self.version(tag), image.pushed_at, &image.digest, *tag)
            }),
        }
    }

    /// Whether it knows an order of images. An exact tag does not: where it points is an order to follow.
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Glob(_) | Self::Semver(_) => true,
        }
    }

    /// Whether `image` comes before `running` in the order of this rule; never where it has none. An image that left the rule
    /// is before nothing.
    pub fn is_before(&self, image: &ImageDetail, running: &ImageDetail) -> bool {
        let highest =
            |image: &ImageDetail| image.tags.iter().filter_map(|tag| self.version(tag)).max();
        match self {
            Self::Exact(_) => false,
            Self::Glob(_) => image.pushed_at < running.pushed_at,
            Self::Semver(_) => highest(running)
                .is_some_and(|running| highest(image).is_some_and(|image| image < running)),
        }
    }
}

/// Cosign, Notation and BuildKit hang signatures and attestations at an image by tags named after its digest
/// (OCI distribution specification, referrers tag schema). They are not images.
fn is_referrer(tag: &Tag) -> bool {
    tag.as_str().strip_prefix("sha256-").is_some_and(|rest| {
        rest.len() >= 64 && rest.bytes().take(64).all(|byte| byte.is_ascii_hexdigit())
    })
}

/// An artifact that says it is something else than a container image (a chart, a signature) cannot run.
pub(crate) fn is_runnable(image: &ImageDetail) -> bool {
    image
        .artifact_media_type
        .as_deref()
        .is_none_or(events::is_image)
}

/// A `tag` that is neither a tag, nor a glob, nor a range of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTagRule {
    /// Not a tag.
    #[error("{0}, a glob such as `release-*`, or a range of versions such as `semver:^2`")]
    Tag(InvalidName),
    /// Not a glob.
    #[error("`{given}` is not a glob: {reason}")]
    Glob {
        /// What was given.
        given: String,
        /// Why it is refused.
        reason: String,
    },
    /// Not a range of versions.
    #[error(
        "`{given}` is not a range of versions such as `semver:^2` or `semver:>=1.4, <2`: {reason}"
    )]
    Semver {
        /// What was given.
        given: String,
        /// Why it is refused.
        reason: String,
    },
}

impl FromStr for TagRule {
    type Err = InvalidTagRule;

    fn from_str(given: &str) -> Result<Self, InvalidTagRule> {
        if let Some(range) = given.strip_prefix("semver:") {
            let refused = |error: semver::Error| InvalidTagRule::Semver {
                given: given.to_owned(),
                reason: error.to_string(),
            };
            return VersionReq::parse(range).map(Self::Semver).map_err(refused);
        }
        if given.contains(['*', '?', '[', '{']) {
            let refused = |error: globset::Error| InvalidTagRule::Glob {
                given: given.to_owned(),
                reason: error.kind().to_string(),
            };
            return Glob::new(given)
                .map(|glob| Self::Glob(glob.compile_matcher()))
                .map_err(refused);
        }
        given.parse().map(Self::Exact).map_err(InvalidTagRule::Tag)
    }
}

impl fmt::Display for TagRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(tag) => write!(formatter, "{tag}"),
            Self::Glob(glob) => write!(formatter, "{}", glob.glob()),
            Self::Semver(range) => write!(formatter, "semver:{range}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::UtcDateTime;

    use super::*;

    #[track_caller]
    fn check(rule: &str, tags: &str, matching: &str) {
        let rule: TagRule = rule.parse().unwrap();
        let matched: Vec<&str> = tags
            .split(' ')
            .filter(|tag| rule.matches(&tag.parse().unwrap()))
            .collect();
        assert_eq!(matched.join(" "), matching, "rule {rule}");
    }

    #[test]
    fn a_rule_matches_its_tags_only() {
        check("latest", "latest base latest-1 1.0.0", "latest");
        check(
            "release-*",
            "release-1 release- prerelease-1 latest",
            "release-1 release-",
        );
        check("v[0-9]*", "v1 v2.0 vx latest", "v1 v2.0");
        check(
            "{staging,prod}-?",
            "staging-1 prod-22 prod-2",
            "staging-1 prod-2",
        );
        check(
            "semver:^2",
            "2.0.0 v2.1.3 3.0.0 2 2.0 latest 2.0.0-rc.1 1.9.9",
            "2.0.0 v2.1.3",
        );
        check(
            "semver:>=1.4, <2",
            "1.3.9 1.4.0 1.99.0 2.0.0",
            "1.4.0 1.99.0",
        );
        check(
            "semver:>=2.0.0-rc.1",
            "2.0.0-rc.1 2.0.0-rc.2 2.0.0 3.0.0",
            "2.0.0-rc.1 2.0.0-rc.2 2.0.0 3.0.0",
        );
    }

    #[test]
    fn a_signature_is_no_image() {
        let signature = format!("sha256-{}.sig", "ab".repeat(32));
        check("*", &format!("latest {signature}"), "latest");
    }

    #[track_caller]
    fn check_choice(rule: &str, images: &[(&str, i64)], chosen: &str) {
        let rule: TagRule = rule.parse().unwrap();
        let images: Vec<ImageDetail> = images
            .iter()
            .map(|(tags, pushed_at)| image(tags, *pushed_at))
            .collect();
        let choice = rule.choose(&images).map_or("none", |(_, tag)| tag.as_str());
        assert_eq!(choice, chosen, "rule {rule}");
    }

    fn image(tags: &str, pushed_at: i64) -> ImageDetail {
        ImageDetail {
            digest: format!("sha256:{pushed_at:064x}").parse().unwrap(),
            tags: tags.split(' ').map(|tag| tag.parse().unwrap()).collect(),
            pushed_at: UtcDateTime::from_unix_timestamp(pushed_at).unwrap(),
            media_type: None,
            artifact_media_type: None,
        }
    }

    #[test]
    fn a_glob_chooses_the_newest_push_and_versions_the_highest() {
        check_choice(
            "release-*",
            &[("release-2", 20), ("release-3", 10), ("latest", 30)],
            "release-2",
        );
        check_choice(
            "semver:*",
            &[("2.0.0", 10), ("v10.0.0", 5), ("9.9.9", 20)],
            "v10.0.0",
        );
        check_choice("semver:^9", &[("2.0.0", 10), ("10.0.0", 5)], "none");
        check_choice("latest", &[("1.0.0 latest", 10), ("base", 20)], "latest");
    }

    #[test]
    fn order_is_by_push_or_by_version_and_an_exact_tag_has_none() {
        let (older, newer) = (image("release-1 1.0.0", 10), image("release-2 2.0.0", 20));
        for (rule, expected) in [("latest", false), ("release-*", true), ("semver:*", true)] {
            let rule: TagRule = rule.parse().unwrap();
            assert_eq!(rule.is_before(&older, &newer), expected, "{rule}");
            assert!(!rule.is_before(&newer, &older), "{rule}");
        }
    }

    #[test]
    fn a_wrong_rule_says_what_is_expected() {
        for (given, said) in [
            (
                "",
                "`` is not an image tag: 1 to 128 letters, digits and `._-`, not beginning with `.` or `-`, a glob such as `release-*`, or a range of versions such as `semver:^2`",
            ),
            (
                "release-[",
                "`release-[` is not a glob: unclosed character class; missing ']'",
            ),
            (
                "semver:two",
                "`semver:two` is not a range of versions such as `semver:^2` or `semver:>=1.4, <2`: unexpected character 't' while parsing major version number",
            ),
        ] {
            assert_eq!(given.parse::<TagRule>().unwrap_err().to_string(), said);
        }
    }
}
