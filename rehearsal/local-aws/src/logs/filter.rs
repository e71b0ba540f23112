//! Filter patterns of FilterLogEvents: the words that a line must contain.
//!
//! Only patterns of words and phrases are supported; those that select JSON fields or columns are refused.

/// A parsed filter pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    all: Vec<String>,
    /// Terms with a `?`: one of them suffices, and the other terms are then ignored.
    any: Vec<String>,
    none: Vec<String>,
}

/// The pattern is invalid or of an unsupported kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPlayed;

impl Filter {
    /// Parses a pattern. An empty one matches every line.
    pub fn parse(pattern: &str) -> Result<Filter, NotPlayed> {
        let mut filter = Filter::default();
        let mut rest = pattern.trim();
        if rest.starts_with(['{', '[', '%']) {
            return Err(NotPlayed);
        }
        while !rest.is_empty() {
            let (list, term) = if let Some(term) = rest.strip_prefix('?') {
                (&mut filter.any, term)
            } else if let Some(term) = rest.strip_prefix('-') {
                (&mut filter.none, term)
            } else {
                (&mut filter.all, rest)
            };
            let (word, after) = match term.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(NotPlayed)?,
                None => term.split_once(' ').unwrap_or((term, "")),
            };
            let plain = |c: char| c.is_alphanumeric() || c == '_';
            if word.is_empty() || (!term.starts_with('"') && !word.chars().all(plain)) {
                return Err(NotPlayed);
            }
            list.push(word.to_owned());
            rest = after.trim_start();
        }
        Ok(filter)
    }

    /// Whether a line matches, case-sensitively.
    pub fn holds(&self, line: &str) -> bool {
        let holds = |word: &String| line.contains(word.as_str());
        let wanted = if self.any.is_empty() {
            self.all.iter().all(holds)
        } else {
            self.any.iter().any(holds)
        };
        wanted && !self.none.iter().any(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_match_by_their_words() {
        for (pattern, line, holds) in [
            ("", "anything", true),
            ("ERROR", "[ERROR] 42", true),
            ("ERROR", "error", false),
            ("größer", "viel größer", true),
            ("ERROR argument", "ERROR: an argument", true),
            ("ERROR argument", "ERROR", false),
            ("?ERROR ?WARN", "WARN", true),
            ("?ERROR ?WARN", "INFO", false),
            ("ERROR -timeout", "ERROR timeout", false),
            ("ERROR -timeout", "ERROR", true),
            ("\"task timed out\"", "the task timed out", true),
            ("\"task timed out\"", "task out timed", false),
        ] {
            assert_eq!(
                Filter::parse(pattern).unwrap().holds(line),
                holds,
                "{pattern}: {line}"
            );
        }
        for odd in [
            "{ $.level = \"ERROR\" }",
            "[ip, user]",
            "%x%",
            "\"open",
            "a.b",
            "-",
            "\"\"",
        ] {
            assert_eq!(Filter::parse(odd), Err(NotPlayed), "{odd}");
        }
    }
}
