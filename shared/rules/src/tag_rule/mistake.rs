//! Tag rules that mean less than they say: in which something matches no tag, or something else than was meant.

use super::InvalidTagRule;
use crate::names::shortened;

/// Refuses what no tag has, unless it is a part of a glob.
pub(super) fn foreign(given: &str) -> Result<(), InvalidTagRule> {
    blank(given)?;
    let mut is_first_of_class = false;
    let (mut in_class, mut braces) = (false, 0_usize);
    for character in given.chars() {
        let of_tag = character.is_ascii_alphanumeric() || "._-".contains(character);
        let of_glob = match character {
            '!' | '^' => is_first_of_class,
            ']' => in_class && !is_first_of_class,
            '[' | '*' | '?' => !in_class,
            '{' => !in_class,
            '}' | ',' => !in_class && braces > 0,
            _ => false,
        };
        if !of_tag && !of_glob {
            return Err(refused(given, character));
        }
        is_first_of_class = character == '[';
        match character {
            '[' => in_class = true,
            ']' => in_class = false,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// Refuses blanks and control characters.
pub(super) fn blank(given: &str) -> Result<(), InvalidTagRule> {
    let is_blank = |character: &char| character.is_whitespace() || character.is_control();
    given
        .chars()
        .find(is_blank)
        .map_or(Ok(()), |character| Err(refused(given, character)))
}

fn refused(given: &str, character: char) -> InvalidTagRule {
    InvalidTagRule::Foreign {
        given: shortened(given),
        what: match character {
            ' ' => "a blank".to_owned(),
            other => format!("a `{}`", shortened(&other.to_string())),
        },
    }
}

/// Refuses a glob that somebody meant as a regular expression: with the counts of repetitions, or a `.` that stands for any
/// character. `v1.*` and `prod-[0-9]*` are globs that people mean.
pub(super) fn means_a_regex(given: &str) -> Result<(), InvalidTagRule> {
    let refused = |part: &str, meaning| {
        Err(InvalidTagRule::LooksLikeRegex {
            given: shortened(given),
            part: shortened(part),
            meaning,
        })
    };
    for (at, _) in given.match_indices('{') {
        let behind = &given[at..];
        let Some(end) = behind.find('}') else {
            continue;
        };
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let counts: Vec<&str> = behind[1..end].split(',').collect();
        let is_repetition = match counts.as_slice() {
            [count] => is_number(count),
            [least, ""] => is_number(least),
            [least, most] => {
                is_number(least) && is_number(most) && given[..at].ends_with([']', '.'])
            }
            _ => false,
        };
        if is_repetition {
            return refused(&behind[..=end], "one of these texts, not a number of times");
        }
    }
    for (at, part) in given.match_indices(".*").chain(given.match_indices(".?")) {
        let before = &given[..at];
        // Nobody writes a `.` after a separator, and no tag begins with one.
        if before.is_empty() || before.ends_with(['-', '_', '.', '{', ',']) {
            let meaning = if part == ".*" {
                "a `.` and any text"
            } else {
                "a `.` and one character"
            };
            return refused(part, meaning);
        }
    }
    Ok(())
}

/// Refuses a regular expression that somebody meant as a glob.
pub(super) fn means_a_glob(given: &str) -> Result<(), InvalidTagRule> {
    // In a class a `-` is the end of a range or itself.
    let mut classes = 0_usize;
    let mut last = None;
    for character in given.chars() {
        match character {
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            '*' if last == Some('-') && classes == 0 => {
                return Err(InvalidTagRule::LooksLikeGlob {
                    given: shortened(given),
                });
            }
            _ => {}
        }
        last = Some(character);
    }
    Ok(())
}
