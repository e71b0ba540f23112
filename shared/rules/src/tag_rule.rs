//! Which tags a pipeline follows, and which of the images behind them is due.

mod mistake;
mod pattern;
mod range;
mod referrer;

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use semver::{Version, VersionReq};

use crate::names::{InvalidName, Tag, shortened};
use crate::observed::{ImageDetail, ImageStatus};

pub use pattern::Pattern;
use pattern::Reach;
use referrer::is_referrer;

/// A pipeline's `tag`: one tag, a glob, a range of versions, or a regular expression.
#[derive(Debug, Clone)]
pub enum TagRule {
    /// One tag, followed wherever it points.
    Exact(Tag),
    /// The newest push among the tags that match.
    Glob(GlobMatcher),
    /// The highest version among the tags that are versions in this range; a leading `v` is allowed.
    Semver(VersionReq),
    /// The newest push among the tags that match as a whole.
    Regex(Pattern),
}

impl TagRule {
    /// Whether an image with this tag is one that the pipeline follows.
    pub fn matches(&self, tag: &Tag) -> bool {
        match self {
            Self::Exact(exact) => exact == tag,
            Self::Glob(glob) => glob.is_match(tag.as_str()) && !is_referrer(tag),
            Self::Regex(pattern) => pattern.matches(tag) && !is_referrer(tag),
            Self::Semver(_) => self.version(tag).is_some(),
        }
    }

    /// Why a tag is not one that the rule follows, where that needs more than the rule and the tag to be seen.
    pub fn mismatch(&self, tag: &Tag) -> Option<String> {
        if !matches!(self, Self::Exact(_)) && is_referrer(tag) {
            return Some(
                "it is the tag of a signature or an attestation, not of an image".to_owned(),
            );
        }
        let Self::Semver(range) = self else {
            return None;
        };
        match range::version(tag.as_str()) {
            Err(error) => Some(format!(
                "it is not a version such as `2.1.0` or `v2.1.0`: {error}"
            )),
            Ok(version) if !version.pre.is_empty() && !range::follows_pre_releases(range) => {
                Some(format!(
                    "it is a pre-release, and `{self}` names none (hint: `semver:>=1.0.0-0` follows pre-releases)"
                ))
            }
            Ok(version) => Some(format!("version {version} is not in that range"))
                .filter(|_| !range::holds(range, &version)),
        }
    }

    /// The version that the tag is, when the rule is a range of versions that holds it.
    pub fn version(&self, tag: &Tag) -> Option<Version> {
        let Self::Semver(range) = self else {
            return None;
        };
        let version = range::version(tag.as_str()).ok()?;
        (range::holds(range, &version) && !is_referrer(tag)).then_some(version)
    }

    /// Whether it goes by versions, and no tag of this image is one: which version the image is, nobody can tell.
    pub fn leaves_version_open(&self, image: &ImageDetail) -> bool {
        let is_version = |tag: &Tag| range::version(tag.as_str()).is_ok();
        matches!(self, Self::Semver(_)) && !image.tags.iter().any(is_version)
    }

    /// The image that is due among `images`, with the tag by which the rule chose it.
    pub fn choose<'a>(&self, images: &'a [ImageDetail]) -> Option<(&'a ImageDetail, &'a Tag)> {
        let matching = images
            .iter()
            .filter(|image| image.is_runnable() && image.status == ImageStatus::Active)
            .flat_map(|image| image.tags.iter().map(move |tag| (image, tag)))
            .filter(|(_, tag)| self.matches(tag));
        // Where two are equal the greater digest wins, so that every reconciliation chooses the same one.
        match self {
            Self::Exact(_) | Self::Glob(_) | Self::Regex(_) => {
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
            Self::Glob(_) | Self::Regex(_) | Self::Semver(_) => true,
        }
    }

    /// Whether `image` comes before `running` in the order of this rule; never where it has none. An image that left the rule
    /// is before nothing.
    pub fn is_before(&self, image: &ImageDetail, running: &ImageDetail) -> bool {
        let highest =
            |image: &ImageDetail| image.tags.iter().filter_map(|tag| self.version(tag)).max();
        match self {
            Self::Exact(_) => false,
            Self::Glob(_) | Self::Regex(_) => image.pushed_at < running.pushed_at,
            Self::Semver(_) => highest(running)
                .is_some_and(|running| highest(image).is_some_and(|image| image < running)),
        }
    }
}

/// A `tag` that is no rule, or one that means less than it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTagRule {
    /// Not a tag.
    #[error("{0}, {OTHER_KINDS}")]
    Tag(InvalidName),
    /// It holds a character that no tag has, so that it, or a part of it, matches nothing.
    #[error(
        "`{given}` has {what}, which no tag has: a tag is letters, digits and `._-` (hint: a glob also has `*`, `?`, `[…]` and \
         `{{…,…}}`; a regular expression begins with `regex:`, a range of versions with `semver:`)"
    )]
    Foreign {
        /// What was given.
        given: String,
        /// The character.
        what: String,
    },
    /// A glob in which something means something else than it would in a regular expression, which it resembles.
    #[error(
        "`{given}` is a glob, in which `{part}` means {meaning} (hint: for a regular expression write `regex:{given}`)"
    )]
    LooksLikeRegex {
        /// What was given.
        given: String,
        /// What looks like a regular expression.
        part: String,
        /// What it means in a glob.
        meaning: &'static str,
    },
    /// A regular expression in which something means something else than it would in a glob, which it resembles.
    #[error(
        "`{given}` is a regular expression, in which `-*` is any number of `-` (hint: `-.*` is a `-` and any text, or leave out \
         `regex:` for a glob)"
    )]
    LooksLikeGlob {
        /// What was given.
        given: String,
    },
    /// No tag can match it.
    #[error(
        "no tag can match `{given}`: a tag is 1 to 128 letters, digits and `._-`, not beginning with `.` or `-` (hint: correct \
         it; a regular expression begins with `regex:`, and matches the whole tag)"
    )]
    Impossible {
        /// What was given.
        given: String,
    },
    /// Only tags of signatures, attestations and bills of materials match it.
    #[error(
        "`{given}` matches only tags of signatures and attestations (`sha256-` and 64 digits, perhaps with `.sig`, `.att` or \
         `.sbom` behind them), which are not images (hint: give the images other tags, with a prefix for example, as in \
         `regex:src-sha256-[0-9a-f]{{64}}`)"
    )]
    ReferrersOnly {
        /// What was given.
        given: String,
    },
    /// No version can be in the range.
    #[error("no version can be in the range `{given}` (hint: all of its parts must hold at once)")]
    Empty {
        /// What was given.
        given: String,
    },
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
    /// Not a regular expression.
    #[error("`{given}` is not a regular expression such as `regex:^prod-[0-9]+$`: {reason}")]
    Regex {
        /// What was given.
        given: String,
        /// Why it is refused.
        reason: String,
    },
}

/// What a rule may be apart from one tag.
const OTHER_KINDS: &str = "a glob such as `release-*`, a range of versions such as `semver:^2`, or a regular expression such \
                           as `regex:^prod-[0-9]+$`";

impl FromStr for TagRule {
    type Err = InvalidTagRule;

    fn from_str(given: &str) -> Result<Self, InvalidTagRule> {
        if let Some(range) = given.strip_prefix("semver:") {
            return semver(given, range);
        }
        if let Some(expression) = given.strip_prefix("regex:") {
            return regex(given, expression);
        }
        if given.contains(['*', '?', '[', '{']) {
            return glob(given);
        }
        mistake::foreign(given)?;
        given.parse().map(Self::Exact).map_err(InvalidTagRule::Tag)
    }
}

fn semver(given: &str, range: &str) -> Result<TagRule, InvalidTagRule> {
    let given = shortened(given);
    let range = VersionReq::parse(range).map_err(|error| InvalidTagRule::Semver {
        given: given.clone(),
        reason: error.to_string(),
    })?;
    if range::is_satisfiable(&range) {
        Ok(TagRule::Semver(range))
    } else {
        Err(InvalidTagRule::Empty { given })
    }
}

fn regex(given: &str, expression: &str) -> Result<TagRule, InvalidTagRule> {
    mistake::blank(given)?;
    let pattern = Pattern::read(expression).map_err(|reason| InvalidTagRule::Regex {
        given: shortened(given),
        reason,
    })?;
    mistake::means_a_glob(given)?;
    must_reach_images(given, pattern.reach())?;
    Ok(TagRule::Regex(pattern))
}

fn glob(given: &str) -> Result<TagRule, InvalidTagRule> {
    mistake::blank(given)?;
    // `{,-debug}` is a `-debug` that may be there.
    let glob = GlobBuilder::new(given).empty_alternates(true).build();
    let glob = match glob {
        Ok(glob) => glob,
        Err(error) => {
            mistake::foreign(given)?;
            return Err(InvalidTagRule::Glob {
                given: shortened(given),
                reason: error.kind().to_string(),
            });
        }
    };
    mistake::foreign(given)?;
    mistake::means_a_regex(given)?;
    must_reach_images(given, pattern::reach(glob.regex()))?;
    Ok(TagRule::Glob(glob.compile_matcher()))
}

fn must_reach_images(given: &str, reach: Reach) -> Result<(), InvalidTagRule> {
    let given = || shortened(given);
    match reach {
        Reach::Images => Ok(()),
        Reach::ReferrersOnly => Err(InvalidTagRule::ReferrersOnly { given: given() }),
        Reach::NoTag => Err(InvalidTagRule::Impossible { given: given() }),
    }
}

impl fmt::Display for TagRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(tag) => write!(formatter, "{tag}"),
            Self::Glob(glob) => write!(formatter, "{}", glob.glob()),
            Self::Semver(range) => write!(formatter, "semver:{range}"),
            Self::Regex(pattern) => write!(formatter, "regex:{}", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
