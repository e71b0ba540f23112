//! Which tags a pipeline follows: the first line is a rule, the others are tags, oldest push first.

use std::cmp::Ordering;

use rules::names::Tag;
use rules::observed::{ImageDetail, ImageStatus};
use rules::problem::Problems;
use rules::tag_rule::TagRule;
use time::UtcDateTime;

/// Reads the first line as a rule, and holds it against the tags of the others.
pub fn holds(text: &str) {
    let mut lines = text.split('\n');
    let written = lines.next().unwrap_or_default();
    let tags: Vec<Tag> = lines.filter_map(|line| line.parse().ok()).take(8).collect();
    let mut problems = Problems::default();
    match problems.parse("tag", written) {
        Some(rule) => is_read_as_written(written, &rule, &tags),
        None => super::event::is_a_reason(&problems.to_string()),
    }
}

fn is_read_as_written(written: &str, rule: &TagRule, tags: &[Tag]) {
    let again: TagRule = rule
        .to_string()
        .parse()
        .expect("a rule reads what it says of itself");
    assert_eq!(again.to_string(), rule.to_string());
    for tag in tags {
        assert_eq!(rule.matches(tag), again.matches(tag), "{rule} {tag}");
        assert!(
            rule.version(tag).is_none() || rule.matches(tag),
            "{rule} {tag}"
        );
    }
    matches_what_it_says(written, rule);
    chooses_the_newest(rule, tags);
}

/// A rule without wildcards follows what it says, and one with stars what is left without them.
fn matches_what_it_says(written: &str, rule: &TagRule) {
    let literal = match rule {
        TagRule::Exact(_) => written.to_owned(),
        TagRule::Glob(_) if written.contains(['[', ']', '{', '}', '\\']) => return,
        TagRule::Glob(_) => written.replace('?', "x").replace('*', ""),
        TagRule::Regex(_) => return,
        TagRule::Semver(_) => match written.strip_prefix("semver:=") {
            Some(version) if version.split('.').count() >= 3 => version.to_owned(),
            Some(_) | None => return,
        },
    };
    // What is no tag is never pushed. A range may name several versions, or a part of one.
    if let Ok(tag) = literal.parse::<Tag>() {
        let is_range = literal.contains(['x', 'X', '+']) && matches!(rule, TagRule::Semver(_));
        let is_signature = tag.as_str().contains("sha256-") || tag.as_str().contains("sha512-");
        assert!(
            rule.matches(&tag) || is_range || is_signature,
            "{rule} {tag}"
        );
    }
}

fn chooses_the_newest(rule: &TagRule, tags: &[Tag]) {
    let images: Vec<ImageDetail> = tags.iter().zip(0_u32..).map(image).collect();
    let Some((chosen, tag)) = rule.choose(&images) else {
        assert!(!tags.iter().any(|tag| rule.matches(tag)), "{rule}");
        return;
    };
    assert!(
        rule.matches(tag) && chosen.tags.contains(tag),
        "{rule} {tag}"
    );
    for one in &images {
        if one.tags.iter().any(|tag| rule.matches(tag)) {
            assert!(!rule.is_before(chosen, one), "{rule} {chosen:?} {one:?}");
        }
        for other in &images {
            let both = rule.is_before(one, other) && rule.is_before(other, one);
            assert!(!both, "{rule} {one:?} {other:?}");
        }
    }
    // In whatever order ECR lists them, the same one is chosen.
    let mut otherwise = images.clone();
    otherwise.reverse();
    assert_eq!(
        rule.choose(&otherwise).map(|(_, tag)| tag),
        Some(tag),
        "{rule}"
    );
    if let TagRule::Semver(_) = rule {
        let highest = tags.iter().filter_map(|tag| rule.version(tag)).max();
        let compared = highest.cmp(&rule.version(tag));
        assert_eq!(compared, Ordering::Equal, "{rule} {tag}");
    }
}

/// An image that was pushed so many seconds after the first.
fn image((tag, second): (&Tag, u32)) -> ImageDetail {
    ImageDetail {
        digest: format!("sha256:{second:064x}").parse().expect("a digest"),
        tags: vec![tag.clone()],
        pushed_at: UtcDateTime::from_unix_timestamp(second.into()).expect("a moment of 1970"),
        media_type: None,
        artifact_media_type: None,
        status: ImageStatus::Active,
    }
}
