//! Mistakes in what a person wrote: all of them at once, each with its place, what was given and what was expected.

use std::fmt;
use std::str::FromStr;

use crate::redact;
use crate::sanitize::line;

/// One mistake: where it is, and a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path in the file, or the variable's name.
    pub place: String,
    /// What was given and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at `{}`: {}", self.place, self.message)
    }
}

/// Every mistake that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one more. Both texts may repeat what was written, whatever that is: credentials are redacted, and all of it is
    /// on one line.
    pub fn add(&mut self, place: impl AsRef<str>, message: impl AsRef<str>) {
        self.0.push(Problem {
            place: line(place.as_ref()),
            message: line(&redact::redact_credentials(message.as_ref())),
        });
    }

    /// Parses `text`; a refusal is noted at `place`.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&mut self, place: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.add(place, error.to_string()))
            .ok()
    }

    /// The value, unless a mistake was found.
    ///
    /// # Errors
    /// All mistakes, when there is at least one or when there is no value.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// The mistakes, in the order in which they were found.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
