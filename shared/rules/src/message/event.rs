//! For programs that listen to the stack's event bus: the JSON message as an event's detail, and the commit that it is about.

use serde_json::{Value, json};

use super::json;
use crate::environment::Settings;
use crate::names::Tag;
use crate::outcome::Outcome;

/// The `source` of the events.
pub const SOURCE: &str = "greenlight";
/// Their `detail-type`.
pub const DETAIL_TYPE: &str = "Greenlight Outcome";

/// Digits of a Git commit's SHA-1.
const COMMIT_DIGITS: usize = 40;

/// An event's detail: the JSON message, whatever the topic's format is, with `commit` where that is known. A rule matches only
/// a commit that is there, so it is left out where it is not.
pub fn detail(outcome: &Outcome, settings: &Settings, commit: Option<&Tag>) -> Value {
    let mut detail = json::render(outcome, settings);
    if let Some(commit) = commit {
        detail["commit"] = json!(commit);
    }
    detail
}

/// The commit that an image was built from: its one tag of 40 hex digits. Of several nothing says which one is meant: the same
/// image may have been built from each of them.
pub fn commit_of(tags: &[Tag]) -> Option<&Tag> {
    let mut commits = tags.iter().filter(|tag| is_commit(tag));
    match (commits.next(), commits.next()) {
        (Some(commit), None) => Some(commit),
        (_, _) => None,
    }
}

/// As Git writes it: lower-case digits.
fn is_commit(tag: &Tag) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    tag.as_str().len() == COMMIT_DIGITS && tag.as_str().bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::MessageFormat;
    use crate::message::tests::{failed, settings};

    const COMMIT: &str = "5f0c2d7e9b1a4c6d8e3f5a7b9c1d3e5f7a9b1c3d";
    const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_one_tag_of_forty_hex_digits_is_the_commit() {
        let upper = COMMIT.to_uppercase();
        let (short, long) = (&COMMIT[1..], format!("{COMMIT}0"));
        let signature = format!("sha256-{COMMIT}");
        for (tags, expected) in [
            (vec!["latest", COMMIT], Some(COMMIT)),
            (vec![COMMIT], Some(COMMIT)),
            (vec![COMMIT, OTHER, "latest"], None),
            (vec!["latest", "1.4.2"], None),
            (vec![], None),
            (vec![&upper], None),
            (vec![short], None),
            (vec![&long], None),
            (vec![&signature, COMMIT], Some(COMMIT)),
        ] {
            let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
            let found = commit_of(&tags).map(Tag::as_str);
            assert_eq!(found, expected, "{tags:?}");
        }
    }

    #[test]
    fn the_detail_is_the_json_message_in_every_format_and_the_commit() {
        let commit: Tag = COMMIT.parse().unwrap();
        for format in [
            MessageFormat::Text,
            MessageFormat::Json,
            MessageFormat::Chat,
        ] {
            let settings = settings(format);
            let mut with = detail(&failed(), &settings, Some(&commit));
            let without = detail(&failed(), &settings, None);
            assert_eq!(without, json::render(&failed(), &settings));
            assert_eq!(
                (&with["verdict"], &with["commit"]),
                (&json!("failure"), &json!(COMMIT))
            );
            with.as_object_mut().unwrap().shift_remove("commit");
            assert_eq!(with, without);
        }
    }
}
