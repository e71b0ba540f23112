//! A pipeline's tag rule, implemented a second time from the documentation.

use std::time::SystemTime;

use semver::{Version, VersionReq};

use crate::glob::Glob;

/// `latest`, `release-*` or `semver:^2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// The image that this tag points to should run.
    Exact(String),
    /// The newest push among the tags that match.
    Glob(Glob),
    /// The highest version among the tags that are versions in this range.
    Semver(VersionReq),
}

impl Rule {
    /// `None` if the rule is not valid; the functions report that.
    pub(super) fn read(tag: &str) -> Option<Rule> {
        if let Some(range) = tag.strip_prefix("semver:") {
            return VersionReq::parse(range).ok().map(Rule::Semver);
        }
        match Glob::is_one(tag) {
            true => Glob::read(tag).map(Rule::Glob),
            false => Some(Rule::Exact(tag.to_owned())),
        }
    }

    pub(super) fn matches(&self, tag: &str) -> bool {
        match self {
            Rule::Exact(exact) => exact == tag,
            Rule::Glob(glob) => glob.matches(tag),
            Rule::Semver(_) => self.version(tag).is_some(),
        }
    }

    pub(super) fn version(&self, tag: &str) -> Option<Version> {
        match self {
            Rule::Exact(_) | Rule::Glob(_) => None,
            Rule::Semver(range) => {
                let version = Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
                range.matches(&version).then_some(version)
            }
        }
    }

    /// Whether an image ranks before another in the rule's order, each by its first push and its tags. An exact tag
    /// defines no order.
    pub(super) fn is_before(&self, this: &Ranked<'_>, other: &Ranked<'_>) -> bool {
        let highest = |ranked: &Ranked<'_>| {
            let versions = ranked.tags.iter().filter_map(|tag| self.version(tag));
            versions.max()
        };
        match self {
            Rule::Exact(_) => false,
            Rule::Glob(_) => this.pushed_at < other.pushed_at,
            Rule::Semver(_) => match (highest(this), highest(other)) {
                (Some(this), Some(other)) => this < other,
                (None, _) | (_, None) => false,
            },
        }
    }
}

/// The inputs of an image's rank in a rule's order.
#[derive(Debug, Clone)]
pub(super) struct Ranked<'a> {
    pub(super) pushed_at: SystemTime,
    pub(super) tags: Vec<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_matches_its_tags_only() {
        for (rule, tags, matching) in [
            ("latest", "latest latest-1 1.0.0", "latest"),
            (
                "release-*",
                "release-1 release- prerelease-1",
                "release-1 release-",
            ),
            ("v?.*", "v1.2 v12 v1.", "v1.2 v1."),
            ("prod-[0-9]*", "prod-1 prod-x", "prod-1"),
            (
                "semver:^2",
                "2.0.0 v2.1.3 3.0.0 2 2.0.0-rc.1",
                "2.0.0 v2.1.3",
            ),
        ] {
            let rule = Rule::read(rule).unwrap();
            let matched: Vec<&str> = tags.split(' ').filter(|tag| rule.matches(tag)).collect();
            assert_eq!(matched.join(" "), matching, "{rule:?}");
        }
        assert_eq!(Rule::read("semver:two"), None);
    }
}
