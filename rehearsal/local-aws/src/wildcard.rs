//! Patterns in which `*` matches any number of characters and, in some kinds, `?` matches any one.
//!
//! Patterns may be hostile, so matching never backtracks. Without `?`, the literal parts between the stars are found in
//! order, each at its first position, which leaves the most text for the parts behind it: the work is linear in the
//! text, whatever the pattern. With `?`, pattern and text are short, and the work is their product.

/// A pattern's literal parts, one more than it has stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts(Vec<String>);

impl Parts {
    /// A pattern without escapes: every star is a wildcard.
    pub(crate) fn plain(pattern: &str) -> Parts {
        Parts(pattern.split('*').map(str::to_owned).collect())
    }

    /// A pattern in which a backslash escapes the next character.
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

    /// Whether the pattern matches the whole text.
    pub(crate) fn hold(&self, text: &str) -> bool {
        self.hold_counting(text, &mut 0)
    }

    /// The same, counting the bytes that are searched.
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

/// Whether a pattern with `?` for any one character matches the whole text.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    matches(pattern, text, None)
}

/// The same, but a wildcard stays within a segment of the text, unless it is a `*` at the end of a segment of the
/// pattern.
pub(crate) fn like_within(pattern: &str, text: &str, separator: char) -> bool {
    matches(pattern, text, Some(separator))
}

/// Walks through the pattern and tracks which prefixes of the text its prefix matches.
fn matches(pattern: &str, text: &str, separator: Option<char>) -> bool {
    // Most actions and resources of a policy are written out.
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    let text: Vec<char> = text.chars().collect();
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    let mut rest = pattern.chars().peekable();
    while let Some(symbol) = rest.next() {
        let ends_segment = rest.peek().is_none_or(|next| Some(*next) == separator);
        let mut next = vec![false; text.len() + 1];
        next[0] = symbol == '*' && matched[0];
        for (index, character) in text.iter().enumerate() {
            let separates = Some(*character) == separator;
            next[index + 1] = match symbol {
                '*' => matched[index + 1] || next[index] && (ends_segment || !separates),
                '?' => matched[index] && !separates,
                symbol => matched[index] && symbol == *character,
            };
        }
        if !next.contains(&true) {
            return false;
        }
        matched = next;
    }
    matched[text.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The reference implementation: tries every alternative.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            ([one, pattern @ ..], [other, text @ ..]) => one == other && naive(pattern, text),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }

    #[test]
    fn patterns_match_case_sensitively() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "/", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*ab", "aab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*", "a:b/c", true),
            ("A", "a", false),
            ("grün?", "grüne", true),
            ("/orders", "/orders", true),
            ("/orders", "/orders/", false),
            ("/o*s", "/orders", true),
            ("/o?ders*", "/orders", true),
            ("/*/b", "/a/c/b", true),
            ("/*/b", "/a/c", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_reference(pattern in "[abü*]{0,7}", text in "[abü]{0,9}") {
            let (pattern_characters, characters): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), text.chars().collect());
            let expected = naive(&pattern_characters, &characters);
            prop_assert_eq!(Parts::plain(&pattern).hold(&text), expected);
            prop_assert_eq!(Parts::escaped(&pattern).hold(&text), expected);
        }
    }

    #[test]
    fn a_backslash_escapes_a_star() {
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
    fn hostile_patterns_search_no_more_bytes_than_the_text_has() {
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
