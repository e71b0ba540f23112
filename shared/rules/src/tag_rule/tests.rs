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
fn a_regular_expression_matches_tags_as_a_whole() {
    check(
        "regex:^prod-[0-9]+$",
        "prod-1 prod-22 prod-x xprod-1",
        "prod-1 prod-22",
    );
    check("regex:prod|dev", "prod dev prod-1", "prod dev");
    check(r"regex:v\d+\.\d+", "v1.2 v1.2.3 1.2 v10.20", "v1.2 v10.20");
}

#[test]
fn an_alternative_of_a_glob_may_be_empty() {
    check("v1{,-debug}", "v1 v1-debug v1-x", "v1 v1-debug");
}

#[test]
fn what_hangs_at_an_image_is_no_image() {
    let digits = "ab".repeat(32);
    for tag in [
        format!("sha256-{digits}"),
        format!("sha256-{digits}.sig"),
        format!("sha256-{digits}.att"),
        format!("sha256-{digits}.sbom"),
        format!("sha512-{digits}"),
        format!("prod-sha256-{digits}.sig"),
        format!("prodsha256-{digits}.sbom"),
        format!("prod.1_sha512-{digits}.att"),
        format!("1.0.0-sha256-{digits}.sig"),
    ] {
        let pattern = Pattern::read(referrer::EXPRESSION).unwrap();
        assert!(pattern.matches(&tag.parse().unwrap()), "{tag}");
        for rule in ["*", "regex:.*", "semver:>=0.0.0-0"] {
            check(rule, &format!("1.0.0 {tag}"), "1.0.0");
            let rule: TagRule = rule.parse().unwrap();
            let said = rule.mismatch(&tag.parse().unwrap()).unwrap();
            assert!(said.contains("signature"), "{tag}: {said}");
        }
        // Who names one tag means that one.
        check(&tag, &tag, &tag);
    }
}

/// What is built again for the same sources has the same tag, which names their digest.
#[test]
fn an_image_may_be_named_after_a_digest() {
    let digits = "ab".repeat(32);
    for tag in [
        "prod-sha256-4c9a7f3".to_owned(),
        format!("prod-sha256-{}", "g".repeat(64)),
        digits.clone(),
        format!("sha256-{}", "a".repeat(63)),
        format!("sha256-{digits}00"),
        format!("sha256-{}", "AB".repeat(32)),
        format!("src-sha256-{digits}"),
        format!("prod.1_sha512-{digits}"),
        format!("sha256-{digits}_amd64"),
        format!("sha256-{digits}.signed"),
        format!("sha256-{digits}.sig-2"),
        format!("src-sha256-{digits}_amd64"),
        format!("src-sha256-{digits}-1.sig"),
        format!("sha1-{digits}.sig"),
    ] {
        check("*", &tag, &tag);
        check("regex:.*", &tag, &tag);
        let pattern = Pattern::read(referrer::EXPRESSION).unwrap();
        assert!(!pattern.matches(&tag.parse().unwrap()), "{tag}");
    }
    let tag = format!("src-sha256-{digits}");
    check("src-sha256-*", &tag, &tag);
    check("regex:src-sha256-[0-9a-f]{64}", &tag, &tag);
    let tag = format!("1.0.0-sha256-{digits}");
    check("semver:>=1.0.0-0", &tag, &tag);
}

#[test]
fn a_rule_that_only_tags_of_signatures_match_is_refused() {
    let class = "[0-9a-f]".repeat(64);
    for given in [
        "regex:^sha256-[0-9a-f]{64}$".to_owned(),
        r"regex:.*sha256-[0-9a-f]{64}\.sig".to_owned(),
        format!("sha256-{class}"),
        format!("*sha256-{class}.{{sig,att,sbom}}"),
    ] {
        let said = refusal(&given);
        assert!(said.contains("signatures and attestations"), "{said}");
    }
    // Who names one tag means that one.
    for given in ["sha256-*", "*.sig", &format!("sha256-{}", "a".repeat(64))] {
        assert!(given.parse::<TagRule>().is_ok(), "{given}");
    }
}

#[test]
fn a_tag_outside_a_range_is_told_why() {
    for (rule, tag, said) in [
        (
            "semver:^1",
            "latest",
            "it is not a version such as `2.1.0` or `v2.1.0`: unexpected character 'l' while parsing major version number",
        ),
        (
            "semver:^1",
            "1.2",
            "it is not a version such as `2.1.0` or `v2.1.0`: unexpected end of input while parsing minor version number",
        ),
        (
            "semver:^1",
            "1.1.0-beta.1",
            "it is a pre-release, and `semver:^1` names none (hint: `semver:>=1.0.0-0` follows pre-releases)",
        ),
        ("semver:^1", "v2.0.0", "version 2.0.0 is not in that range"),
        (
            "semver:>=1.0.0-0",
            "0.9.0-rc.1",
            "version 0.9.0-rc.1 is not in that range",
        ),
    ] {
        let rule: TagRule = rule.parse().unwrap();
        assert_eq!(rule.mismatch(&tag.parse().unwrap()).unwrap(), said);
    }
    for (rule, tag) in [
        ("latest", "1.0.0"),
        ("prod-*", "dev-1"),
        ("semver:^1", "1.0.0"),
    ] {
        let rule: TagRule = rule.parse().unwrap();
        assert_eq!(rule.mismatch(&tag.parse().unwrap()), None);
    }
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
        status: ImageStatus::Active,
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
    check_choice(
        "regex:release-[0-9]+",
        &[("release-2", 20), ("release-3", 10), ("release-x", 30)],
        "release-2",
    );
    check_choice(
        "semver:>=1.0.0-0",
        &[("1.1.0-beta.1", 10), ("1.0.0", 20)],
        "1.1.0-beta.1",
    );
    check_choice("latest", &[("1.0.0 latest", 10), ("base", 20)], "latest");
}

#[test]
fn order_is_by_push_or_by_version_and_an_exact_tag_has_none() {
    let (older, newer) = (image("release-1 1.0.0", 10), image("release-2 2.0.0", 20));
    for (rule, expected) in [
        ("latest", false),
        ("release-*", true),
        ("regex:release-[0-9]", true),
        ("semver:*", true),
    ] {
        let rule: TagRule = rule.parse().unwrap();
        assert_eq!(rule.is_before(&older, &newer), expected, "{rule}");
        assert!(!rule.is_before(&newer, &older), "{rule}");
    }
}

#[test]
fn a_version_is_open_where_no_tag_is_one() {
    for (rule, tags, expected) in [
        ("semver:^2", "", true),
        ("semver:^2", "stable latest", true),
        ("semver:^2", "2", true),
        ("semver:^2", "stable 2.1.0", false),
        // Another range's, or another line's: that is known.
        ("semver:^2", "1.9.0", false),
        ("semver:^2", "v2.1.0-rc.1", false),
        ("release-*", "", false),
        ("regex:release-[0-9]", "stable", false),
        ("latest", "", false),
    ] {
        let mut image = image("x", 10);
        image.tags = tags.split(' ').filter_map(|tag| tag.parse().ok()).collect();
        let rule: TagRule = rule.parse().unwrap();
        assert_eq!(rule.leaves_version_open(&image), expected, "{rule} {tags}");
    }
}

fn refusal(given: &str) -> String {
    match given.parse::<TagRule>() {
        Ok(rule) => panic!("`{given}` is taken as {rule:?}"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn a_wrong_rule_says_what_is_expected() {
    let refusals = [
        "",
        "-x",
        "^prod-.*$",
        "prod-* ",
        "prod-[0-9]{3}",
        "prod-.*",
        "-prod*",
        "release-[",
        "semver:two",
        "semver:>=2, <1",
        "regex:prod-(",
        "regex:prod-*",
        "regex:shop/web:.*",
    ]
    .map(refusal);
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_rule_that_means_less_than_it_says_is_refused_with_the_kind_that_says_it() {
    for given in [
        "^prod-.*$",
        "^prod$",
        "main-[0-9a-f]+",
        "main-[0-9a-f]+$",
        r"prod-\d*",
        r"v\d+",
        r"v1\.*",
        r"v1\.0",
        r"prod-[\d]*",
        r"prod-\*",
        "(dev|prod)-*",
        "dev|prod",
        "{dev|prod}-*",
        "{dev, prod}-*",
        "{dev,^prod}-*",
        "[dev|prod]*",
        "prod-[[:digit:]]*",
        "prod-[0-9 ]*",
        "prod-[^]]*",
        "prod-.*",
        ".*",
        ".*-prod",
        "prod_.?",
        "{dev,prod}-.*",
        "[0-9a-f]{40}",
        "main-[0-9a-f]{7,40}",
        "main-[0-9a-f]{7,}",
        "v{2}",
        "prod-*,dev-*",
        "prod-* ",
        " prod-*",
        "prod *",
        "prod-*\t",
        "prod-*\n",
        "latest ",
        "prod-*\u{a0}",
        "shop/web:*",
        "refs/tags/v*",
        "pröd-*",
        "-prod*",
        "./*",
        "[.-]*",
        "[!0-9A-Za-z_]*",
        "{}",
        "re:prod-*",
        "glob:prod-*",
        "semver :*",
        "~1.2",
        ">=1.*",
        "regex:^prod ",
        "regex:-prod.*",
        "regex:",
    ] {
        let said = refusal(given);
        assert!(said.contains("regex:"), "{given}: {said}");
    }
    let long = format!("{}*", "a".repeat(129));
    assert!(refusal(&long).contains("no tag can match"));
}

#[test]
fn a_rule_that_says_what_it_means_is_taken() {
    for given in [
        "v1.*",
        "1.2.*",
        "*.*",
        "v?.?",
        "v[0-9].*",
        "prod-[0-9]*",
        "prod-[!0-9]*",
        "prod-[^0-9]*",
        "v{1,2}",
        "v{1,2}.*",
        "{dev,prod}-*",
        "{dev,prod-{eu,us}}-*",
        "[a-z-]*",
        "prod-?*",
        "*",
        "1.x",
        "semver:>=1.4, <2",
        "semver: ^2",
        "semver:>=1.0.0-0",
        "regex:^prod-[0-9]+$",
        "regex:(dev|prod)-.+",
        "regex:[a-z-]*x",
        r"regex:v\d+",
    ] {
        let rule: TagRule = given.parse().unwrap();
        let again: TagRule = rule.to_string().parse().unwrap();
        assert_eq!(rule.to_string(), again.to_string());
    }
}
