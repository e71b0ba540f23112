//! ECR's lifecycle policy: whether it takes an image away that runs (ECR User Guide, "Automate the cleanup of images by using lifecycle
//! policies").

use serde_json::Value;
use time::{Duration, UtcDateTime};

use super::like::like;
use crate::counted::counted;
use crate::observed::ImageDetail;

/// When and why a repository's lifecycle policy expires, or archives, an image; none where it does not. `images` are all of the
/// repository. An image is judged by the first rule whose tags it has, and by no later one.
///
/// And what of the policy is to be changed.
pub fn expiry(
    policy: &Value,
    images: &[ImageDetail],
    image: &ImageDetail,
) -> Option<(String, String)> {
    let mut rules: Vec<&Value> = policy["rules"].as_array().into_iter().flatten().collect();
    rules.sort_by_key(|rule| rule["rulePriority"].as_i64());
    let rule = rules
        .into_iter()
        .find(|rule| selects(&rule["selection"], image))?;
    let selection = &rule["selection"];
    let number = selection["countNumber"].as_i64()?;
    let priority = rule["rulePriority"].as_i64().unwrap_or_default();
    let does = match rule["action"]["type"].as_str() {
        Some("transition") => "archives",
        Some(_) | None => "expires",
    };
    let change = |keeps: &str| format!("give rule {priority} {keeps}");
    match selection["countType"].as_str()? {
        "sinceImagePushed" => {
            let at = image.pushed_at + Duration::days(number);
            let tags = if image.tags.is_empty() {
                ", which no tag names any more,"
            } else {
                ""
            };
            let expires = format!(
                "rule {priority} {does} it{tags} {} after its push, on {}",
                counted(number, "day", "days"),
                day(at)
            );
            Some((expires, change("a count of images in place of an age")))
        }
        "sinceImagePulled" => {
            let expires = format!(
                "rule {priority} {does} it {} after its last pull, and tasks that run pull nothing",
                counted(number, "day", "days")
            );
            Some((expires, change("a count of images in place of an age")))
        }
        "imageCountMoreThan" => {
            let newer = images
                .iter()
                .filter(|other| selects(selection, other) && other.pushed_at > image.pushed_at);
            let newer = i64::try_from(newer.count()).unwrap_or(i64::MAX);
            let are = if newer == 1 { "is" } else { "are" };
            let expires = format!(
                "rule {priority} keeps the newest {number}, and {newer} {are} newer: it {does} it within a day"
            );
            let more = format!("a count above {newer}, with room for later images");
            (newer >= number).then(|| (expires, change(&more)))
        }
        _ => None,
    }
}

/// Of several patterns or prefixes each must match one of the image's tags.
fn selects(selection: &Value, image: &ImageDetail) -> bool {
    let texts = |member: &str| -> Vec<&str> {
        let all = selection[member].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).collect()
    };
    let has = |is: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| is(tag.as_str()));
    // The archive has rules of its own.
    if selection["storageClass"]
        .as_str()
        .is_some_and(|class| class != "standard")
    {
        return false;
    }
    match selection["tagStatus"].as_str() {
        Some("any") => true,
        Some("untagged") => image.tags.is_empty(),
        Some("tagged") => {
            let prefixes = texts("tagPrefixList");
            let patterns = texts("tagPatternList");
            let all_prefixes = prefixes
                .iter()
                .all(|prefix| has(&|tag| tag.starts_with(prefix)));
            let all_patterns = patterns
                .iter()
                .all(|pattern| has(&|tag| like(&pattern.replace('?', "\u{0}"), tag)));
            let says_which = !prefixes.is_empty() || !patterns.is_empty();
            !image.tags.is_empty() && says_which && all_prefixes && all_patterns
        }
        Some(_) | None => false,
    }
}

fn day(at: UtcDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        at.year(),
        u8::from(at.month()),
        at.day()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observed::ImageStatus;

    fn image(number: u8, tags: &[&str], days: i64) -> ImageDetail {
        ImageDetail {
            digest: format!("sha256:{}", format!("{number:02x}").repeat(32))
                .parse()
                .unwrap(),
            tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            pushed_at: UtcDateTime::UNIX_EPOCH + Duration::days(days),
            media_type: None,
            artifact_media_type: None,
            status: ImageStatus::Active,
        }
    }

    fn rule(priority: u8, selection: &Value) -> Value {
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    }

    #[track_caller]
    fn check(rules: &[Value], running: &ImageDetail, expected: Option<&str>) {
        let images = [
            image(1, &["1.0"], 1),
            image(2, &["1.1"], 2),
            image(3, &["1.2", "latest"], 3),
            image(4, &[], 0),
        ];
        let found = expiry(&json!({ "rules": rules }), &images, running);
        assert_eq!(found.as_ref().map(|(why, _)| why.as_str()), expected);
        let of_age = expected.is_some_and(|why| why.contains("after its"));
        let to_count = found.is_some_and(|(_, change)| change.contains("in place of an age"));
        assert_eq!(to_count, of_age);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table, a case a line")]
    fn an_image_is_judged_by_the_first_rule_that_selects_it() {
        let days = |status: &str, number: u8| json!({"tagStatus": status, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": number});
        let count = |status: &str, number: u8| json!({"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": number});
        let tagged = |member: &str, tags: &[&str]| {
            let mut selection = days("tagged", 14);
            selection[member] = json!(tags);
            selection
        };
        let (old, newest, untagged) = (
            image(1, &["1.0"], 1),
            image(3, &["1.2", "latest"], 3),
            image(4, &[], 0),
        );
        check(&[], &old, None);
        // What examples/infrastructure has: the untagged for a while, and the newest ones.
        let usual = [
            rule(1, &days("untagged", 14)),
            rule(
                2,
                &json!({"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 3}),
            ),
        ];
        check(&usual, &old, None);
        check(&usual, &newest, None);
        check(
            &usual,
            &untagged,
            Some(
                "rule 1 expires it, which no tag names any more, 14 days after its push, on 1970-01-15",
            ),
        );
        check(
            &[rule(1, &days("any", 30))],
            &newest,
            Some("rule 1 expires it 30 days after its push, on 1970-02-03"),
        );
        check(
            &[rule(1, &days("any", 1))],
            &newest,
            Some("rule 1 expires it 1 day after its push, on 1970-01-05"),
        );
        check(&[rule(1, &count("any", 3))], &old, None);
        check(
            &[rule(1, &count("any", 2))],
            &old,
            Some("rule 1 keeps the newest 2, and 2 are newer: it expires it within a day"),
        );
        check(&[rule(1, &count("any", 2))], &newest, None);
        // The order is that of the priorities, and a rule that selects an image protects it from the later ones.
        check(
            &[rule(2, &days("any", 1)), rule(1, &count("any", 10))],
            &old,
            None,
        );
        check(
            &[rule(1, &tagged("tagPrefixList", &["1."]))],
            &old,
            Some("rule 1 expires it 14 days after its push, on 1970-01-16"),
        );
        check(&[rule(1, &tagged("tagPrefixList", &["2."]))], &old, None);
        check(
            &[rule(1, &tagged("tagPatternList", &["1.*", "lat*"]))],
            &newest,
            Some("rule 1 expires it 14 days after its push, on 1970-01-18"),
        );
        check(
            &[rule(1, &tagged("tagPatternList", &["1.*", "lat*"]))],
            &old,
            None,
        );
        check(&[rule(1, &days("tagged", 1))], &old, None);
        let pulled = json!({"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 7});
        check(
            &[rule(1, &pulled)],
            &old,
            Some("rule 1 expires it 7 days after its last pull, and tasks that run pull nothing"),
        );
        let mut archive = rule(1, &days("any", 7));
        archive["action"] = json!({"type": "transition", "targetStorageClass": "archive"});
        check(
            &[archive],
            &old,
            Some("rule 1 archives it 7 days after its push, on 1970-01-09"),
        );
        let mut of_archive = days("any", 7);
        of_archive["storageClass"] = json!("archive");
        check(&[rule(1, &of_archive)], &old, None);
    }
}
