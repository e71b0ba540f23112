//! A pipeline's tag rule, implemented a second time from the documentation.

use std::time::SystemTime;

use semver::{Comparator, Op, Version, VersionReq};

use crate::glob::Glob;
use crate::regex::Regex;

/// `latest`, `release-*`, `semver:^2` or `regex:^prod-[0-9]+$`.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// The image that this tag points to should run.
    Exact(String),
    /// The newest push among the tags that match.
    Glob(Glob),
    /// The highest version among the tags that are versions in this range.
    Semver(VersionReq),
    /// The newest push among the tags that match as a whole.
    Regex(Regex),
}

impl Rule {
    /// `None` if the rule is not valid; the functions report that.
    pub(super) fn read(tag: &str) -> Option<Rule> {
        if let Some(range) = tag.strip_prefix("semver:") {
            return VersionReq::parse(range).ok().map(Rule::Semver);
        }
        if let Some(expression) = Regex::of_rule(tag) {
            return Regex::read(expression).map(Rule::Regex);
        }
        match Glob::is_one(tag) {
            true => Glob::read(tag).map(Rule::Glob),
            false => Some(Rule::Exact(tag.to_owned())),
        }
    }

    pub(super) fn matches(&self, tag: &str) -> bool {
        match self {
            Rule::Exact(exact) => exact == tag,
            Rule::Glob(glob) => glob.matches(tag) && !is_attachment(tag),
            Rule::Regex(regex) => regex.matches(tag) && !is_attachment(tag),
            Rule::Semver(_) => self.version(tag).is_some(),
        }
    }

    pub(super) fn version(&self, tag: &str) -> Option<Version> {
        match self {
            Rule::Exact(_) | Rule::Glob(_) | Rule::Regex(_) => None,
            Rule::Semver(range) => {
                let version = Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
                (holds(range, &version) && !is_attachment(tag)).then_some(version)
            }
        }
    }

    /// Whether an image ranks before another in the rule's order, each by its last order and its tags. An exact tag
    /// defines no order.
    pub(super) fn is_before(&self, this: &Ranked<'_>, other: &Ranked<'_>) -> bool {
        let highest = |ranked: &Ranked<'_>| {
            let versions = ranked.tags.iter().filter_map(|tag| self.version(tag));
            versions.max()
        };
        match self {
            Rule::Exact(_) => false,
            Rule::Glob(_) | Rule::Regex(_) => this.ordered_at < other.ordered_at,
            Rule::Semver(_) => match (highest(this), highest(other)) {
                (Some(this), Some(other)) => this < other,
                (None, _) | (_, None) => false,
            },
        }
    }
}

/// Whether a range holds a version. If it names a pre-release, it follows pre-releases by their precedence; bounds without
/// one are bounds of the three numbers.
fn holds(range: &VersionReq, version: &Version) -> bool {
    let names_one = range.comparators.iter().any(|bound| !bound.pre.is_empty());
    if version.pre.is_empty() || !names_one {
        return range.matches(version);
    }
    range
        .comparators
        .iter()
        .all(|bound| is_within(bound, version))
}

fn is_within(bound: &Comparator, version: &Version) -> bool {
    let given = [Some(bound.major), bound.minor, bound.patch];
    let has = [version.major, version.minor, version.patch];
    // The numbers that the bound names, on both sides.
    let (named, numbers): (Vec<u64>, Vec<u64>) = given
        .into_iter()
        .zip(has)
        .map_while(|(given, has)| given.map(|given| (given, has)))
        .unzip();
    // A pre-release comes before its version (Semantic Versioning 2.0.0, item 11).
    let order = numbers.cmp(&named).then_with(|| match named.len() {
        3 => version.pre.cmp(&bound.pre),
        _ => std::cmp::Ordering::Equal,
    });
    match bound.op {
        Op::Greater => order.is_gt(),
        Op::GreaterEq => order.is_ge(),
        Op::Less if bound.pre.is_empty() => numbers < named,
        Op::Less => order.is_lt(),
        Op::LessEq => order.is_le(),
        Op::Tilde => order.is_ge() && numbers.iter().take(2).eq(named.iter().take(2)),
        Op::Caret => {
            let zeros = named.iter().take_while(|number| **number == 0).count();
            let fixed = (zeros + 1).min(named.len());
            order.is_ge() && numbers[..fixed] == named[..fixed]
        }
        // `semver` may get more operators.
        Op::Exact | Op::Wildcard | _ => order.is_eq(),
    }
}

/// Whether a tag is one of a signature or an attestation: a digest with a `-` in place of its `:`, or one with an ending of
/// cosign's, perhaps behind a prefix.
fn is_attachment(tag: &str) -> bool {
    let is_digest = |text: &str| {
        let digits = text
            .strip_prefix("sha256-")
            .or(text.strip_prefix("sha512-"));
        digits.is_some_and(|digits| {
            digits.len() == 64
                && digits
                    .chars()
                    .all(|digit| "0123456789abcdef".contains(digit))
        })
    };
    let mut endings = [".sig", ".att", ".sbom"].iter();
    let attached = endings.find_map(|ending| tag.strip_suffix(ending));
    attached.map_or(is_digest(tag), |attached| {
        attached
            .rfind("sha")
            .is_some_and(|at| is_digest(&attached[at..]))
    })
}

/// The inputs of an image's rank in a rule's order.
#[derive(Debug, Clone)]
pub(super) struct Ranked<'a> {
    /// Its first push, or a later order of it by another tag.
    pub(super) ordered_at: SystemTime,
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
            ("v1{,-debug}", "v1 v1-debug v1-x", "v1 v1-debug"),
            ("regex:prod-[0-9]+", "prod-1 prod-x xprod-1", "prod-1"),
            (r"regex:^v\d+|main$", "v1 v1.2 main", "v1 main"),
            (
                "semver:^2",
                "2.0.0 v2.1.3 3.0.0 2 2.0.0-rc.1",
                "2.0.0 v2.1.3",
            ),
            (
                "semver:>=1.0.0-0, <2.0.0",
                "1.0.0-0 1.1.0-beta.1 1.9.0 2.0.0-rc.1 2.0.0 0.9.0-rc.1",
                "1.0.0-0 1.1.0-beta.1 1.9.0",
            ),
            (
                "semver:^0.2.0-rc.1",
                "0.2.0-rc.1 0.2.0-a 0.2.1-a 0.2.1 0.3.0-rc.1 0.3.0",
                "0.2.0-rc.1 0.2.1-a 0.2.1",
            ),
            (
                "semver:~1.2.0-rc.1",
                "1.2.0-rc.1 1.2.1-rc.1 1.2.9 1.2.0-beta 1.3.0-rc.1",
                "1.2.0-rc.1 1.2.1-rc.1 1.2.9",
            ),
        ] {
            let rule = Rule::read(rule).unwrap();
            let matched: Vec<&str> = tags.split(' ').filter(|tag| rule.matches(tag)).collect();
            assert_eq!(matched.join(" "), matching, "{rule:?}");
        }
        assert!(Rule::read("semver:two").is_none());
        assert!(Rule::read("regex:(").is_none());
    }

    #[test]
    fn an_attachment_is_matched_by_its_own_tag_only() {
        let digits = "ab".repeat(32);
        for tag in [
            format!("sha256-{digits}.sig"),
            format!("prod-sha256-{digits}.att"),
            format!("1.0.0-sha512-{digits}.sbom"),
            format!("sha256-{digits}"),
        ] {
            for rule in ["*", "regex:.*", "semver:>=0.0.0-0"] {
                assert!(!Rule::read(rule).unwrap().matches(&tag), "{rule} {tag}");
            }
            assert!(Rule::read(&tag).unwrap().matches(&tag));
        }
        for tag in [
            "prod-sha256-4c9a7f3",
            &format!("src-sha256-{digits}"),
            &format!("sha256-{digits}_amd64"),
        ] {
            assert!(Rule::read("*").unwrap().matches(tag), "{tag}");
        }
    }
}
