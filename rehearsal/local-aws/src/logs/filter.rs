//! Filter patterns of FilterLogEvents: the words that a line must hold.
//!
//! Played are patterns of words and phrases. Those that look into JSON or into columns are refused.

/// A filter pattern that was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    all: Vec<String>,
    /// Those with a `?`: one of them is enough, and the others are then not asked.
    any: Vec<String>,
    none: Vec<String>,
}

/// The pattern is of a kind that is not played, or no pattern at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPlayed;

impl Filter {
    /// An empty pattern holds of every line.
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

    /// Whether a line is wanted; upper and lower case differ.
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
    fn words_that_a_line_must_hold() {
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
