//! Patterns in which `*` stands for any characters, none included: the literal parts between the stars, in order.
//!
//! Who may write a pattern may write a hostile one, so nothing is ever tried twice: each part is taken at the first place
//! where it stands, which leaves the most to those behind it. The work grows with the text, whatever the pattern is.

/// A pattern's literal parts: one more than it has stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts(Vec<String>);

impl Parts {
    /// A pattern in which a star is always a star.
    pub(crate) fn plain(pattern: &str) -> Parts {
        Parts(pattern.split('*').map(str::to_owned).collect())
    }

    /// A pattern in which a backslash takes the next character as it is.
    pub(crate) fn escaped(pattern: &str) -> Parts {
        let mut parts = vec![String::new()];
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' => {
                    parts.push(String::new());
                    continue;
                }
                '\\' => characters.next().unwrap_or('\\'),
                literal => literal,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        Parts(parts)
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the whole text is as the pattern says.
    pub(crate) fn hold(&self, text: &str) -> bool {
        self.hold_counting(text, &mut 0)
    }

    /// The same, counting the bytes that are looked at.
    fn hold_counting(&self, text: &str, looked_at: &mut usize) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return text.is_empty();
        };
        let Some((last, between)) = rest.split_last() else {
            *looked_at += first.len();
            return text == first;
        };
        *looked_at += first.len() + last.len();
        let inner = text
            .strip_prefix(first.as_str())
            .and_then(|text| text.strip_suffix(last.as_str()));
        let Some(mut inner) = inner else {
            return false;
        };
        for part in between {
            // `find` is linear in both: the standard library searches by two-way matching.
            let Some(at) = inner.find(part.as_str()) else {
                *looked_at += inner.len();
                return false;
            };
            *looked_at += at + part.len();
            inner = &inner[at + part.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a pattern means, tried in every way.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            ([one, pattern @ ..], [other, text @ ..]) => one == other && naive(pattern, text),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_it_says(pattern in "[abü*]{0,7}", text in "[abü]{0,9}") {
            let (pattern_characters, characters): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), text.chars().collect());
            let expected = naive(&pattern_characters, &characters);
            prop_assert_eq!(Parts::plain(&pattern).hold(&text), expected);
            prop_assert_eq!(Parts::escaped(&pattern).hold(&text), expected);
        }
    }

    #[test]
    fn a_backslash_takes_a_star_as_it_is() {
        for (pattern, text, holds) in [
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"\\*", r"\x", true),
            (r"a\", r"a\", true),
        ] {
            assert_eq!(Parts::escaped(pattern).hold(text), holds, "{pattern}");
        }
    }

    #[test]
    fn hostile_patterns_take_no_more_looks_than_the_text_has_bytes() {
        let text = "a".repeat(100_000);
        for pattern in [
            format!("{}b", "*a".repeat(1_000)),
            format!("{}*b", "*a".repeat(1_000)),
            format!("*{}b*", "a".repeat(2_000)),
            "*".repeat(2_000),
            format!("{}*{}", "a".repeat(50_001), "a".repeat(50_001)),
        ] {
            let mut looked_at = 0;
            Parts::plain(&pattern).hold_counting(&text, &mut looked_at);
            let most = text.len() + pattern.len();
            assert!(
                looked_at <= most,
                "{looked_at} of {most}: {}",
                &pattern[..9]
            );
        }
    }
}
