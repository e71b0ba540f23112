//! Patterns with `*` and `?`, as IAM and ECR's lifecycle have them.

/// Whether the text matches: `*` stands for any text, `?` for one character (IAM User Guide, "Wildcards in ARNs"). It takes no more steps
/// than both lengths multiplied.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the pattern match what was read so far.
    let mut matches = vec![false; pattern.len() + 1];
    matches[0] = true;
    let open_stars = |matches: &mut Vec<bool>| {
        for (at, one) in pattern.iter().enumerate() {
            if *one == '*' && matches[at] {
                matches[at + 1] = true;
            }
        }
    };
    open_stars(&mut matches);
    for character in text {
        let mut next = vec![false; pattern.len() + 1];
        for (at, one) in pattern.iter().enumerate() {
            match one {
                '*' => next[at + 1] |= matches[at + 1],
                '?' => next[at + 1] |= matches[at],
                other => next[at + 1] |= matches[at] && *other == character,
            }
        }
        open_stars(&mut next);
        matches = next;
    }
    matches[pattern.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let table = [
            ("*", "", true),
            ("*", "shop/web", true),
            ("shop/*", "shop/web", true),
            ("shop/*", "shop", false),
            ("shop/*", "pay/web", false),
            ("*web", "shop/web", true),
            ("s*p/w?b", "shop/web", true),
            ("w?b", "wb", false),
            ("web", "web", true),
            ("web", "web2", false),
            ("", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
