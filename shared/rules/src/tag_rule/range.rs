//! Ranges of versions: which of them holds a version, and whether it holds any.

use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};

/// The version that a tag is; a leading `v` is allowed.
///
/// # Errors
/// The tag is not a version of three numbers.
pub(super) fn version(tag: &str) -> Result<Version, semver::Error> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag))
}

/// Whether the range holds the version. A range that names a pre-release follows the pre-releases of all its versions;
/// one that names none follows none. `<2.0.0` keeps out the pre-releases of 2.0.0, as `<2` does.
pub(super) fn holds(range: &VersionReq, version: &Version) -> bool {
    if version.pre.is_empty() || !follows_pre_releases(range) {
        return range.matches(version);
    }
    let is_kept_out = |bound: &Comparator| {
        bound.op == Op::Less
            && bound.pre.is_empty()
            && (bound.major, bound.minor, bound.patch)
                == (version.major, Some(version.minor), Some(version.patch))
    };
    // `semver` takes a pre-release only where a comparator names one of the same three numbers. This one does, and every
    // pre-release of them satisfies it.
    let mut range = range.clone();
    if range.comparators.iter().any(is_kept_out) {
        return false;
    }
    range.comparators.push(Comparator {
        op: Op::GreaterEq,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: lowest_pre_release(),
    });
    range.matches(version)
}

/// Whether a range names a pre-release.
pub(super) fn follows_pre_releases(range: &VersionReq) -> bool {
    let mut comparators = range.comparators.iter();
    comparators.any(|comparator| !comparator.pre.is_empty())
}

/// Whether any version is in the range: then the lowest one is, and that is at, or right after, one of its bounds.
pub(super) fn is_satisfiable(range: &VersionReq) -> bool {
    let bounds = range.comparators.iter().flat_map(|bound| {
        let (major, minor, patch) = (
            bound.major,
            bound.minor.unwrap_or(0),
            bound.patch.unwrap_or(0),
        );
        let at = |major, minor, patch, pre: &Prerelease| Version {
            major,
            minor,
            patch,
            pre: pre.clone(),
            build: BuildMetadata::EMPTY,
        };
        let release = Prerelease::EMPTY;
        let after = Prerelease::new(&format!("{}.0", bound.pre)).unwrap_or_default();
        [
            at(major, minor, patch, &bound.pre),
            at(major, minor, patch, &after),
            at(major, minor, patch, &lowest_pre_release()),
            at(major, minor, patch, &release),
            at(major, minor, patch.saturating_add(1), &release),
            at(major, minor.saturating_add(1), 0, &release),
            at(major.saturating_add(1), 0, 0, &release),
        ]
    });
    let zero = Version::new(0, 0, 0);
    let lowest = Version {
        pre: lowest_pre_release(),
        ..zero.clone()
    };
    bounds
        .chain([zero, lowest])
        .any(|version| holds(range, &version))
}

/// `0`, before which no pre-release comes (Semantic Versioning 2.0.0, item 11).
fn lowest_pre_release() -> Prerelease {
    Prerelease::new("0").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, held: &str, others: &str) {
        let requirement = VersionReq::parse(range).unwrap();
        for (versions, expected) in [(held, true), (others, false)] {
            for tag in versions.split(' ').filter(|tag| !tag.is_empty()) {
                let version = version(tag).unwrap();
                assert_eq!(holds(&requirement, &version), expected, "{range} {tag}");
            }
        }
    }

    #[test]
    fn a_range_that_names_a_pre_release_follows_pre_releases() {
        check(
            ">=1.0.0-0",
            "1.0.0-0 1.0.0-rc.1 1.0.0 1.1.0-beta.1 v2.0.0-alpha 3.0.0",
            "0.9.0 0.9.0-rc.1",
        );
        check(
            "^1.0.0-0",
            "1.0.0-0 1.1.0-beta.1 1.9.9",
            "2.0.0-rc.1 2.0.0 0.9.0",
        );
        check(
            "~1.2.0-rc.1",
            "1.2.0-rc.1 1.2.1-rc.1 1.2.9",
            "1.2.0-beta 1.3.0-rc.1",
        );
        check(">1.0.0-rc.1", "1.0.0-rc.2 1.0.0 1.0.1-a", "1.0.0-rc.1");
        check(">=1.0.0-0, <2.0.0", "1.5.0-rc.1 1.9.9", "2.0.0-rc.1 2.0.0");
        check(">=1.0.0-0, <2", "1.5.0-rc.1 1.9.9", "2.0.0-rc.1");
        check(
            ">=1.0.0-0, <2.0.0-rc.2",
            "1.5.0-rc.1 2.0.0-rc.1",
            "2.0.0-rc.2 2.0.0",
        );
        check(">=1.0.0-0, <=2.0.0", "2.0.0-rc.1 2.0.0", "2.0.1-rc.1");
        check(
            "<1.0.0-rc.2",
            "1.0.0-rc.1 0.1.0-x 0.0.1",
            "1.0.0-rc.2 1.0.0",
        );
    }

    #[test]
    fn a_range_that_names_none_follows_none() {
        check(">=1", "1.0.0 2.0.0", "1.0.0-rc.1 2.1.0-rc.1");
        check("*", "0.0.1 9.0.0", "1.0.0-0");
        check("^1.2", "1.2.0 1.9.0", "1.3.0-beta.1");
    }

    #[test]
    fn a_range_without_any_version_is_known() {
        for (range, expected) in [
            ("*", true),
            ("^2", true),
            (">=1.4, <2", true),
            (">1.4, <1.6", true),
            (">1.0.0-rc.1, <1.0.0-rc.2", true),
            (">1.0.0, <1.0.1", false),
            (">1.0.0, <1.0.1-rc.1", true),
            ("<0.0.1", true),
            ("<1.0.0-1", true),
            (">=2, <1", false),
            (">1.4, <1.5", false),
            ("=1.2.3, =1.2.4", false),
            ("^1, ^2", false),
            ("<0.0.0", false),
            (">=1.0.0, <1.0.0", false),
        ] {
            let range = VersionReq::parse(range).unwrap();
            assert_eq!(is_satisfiable(&range), expected, "{range}");
        }
    }
}
