//! Values that do not satisfy a service's model, in the sentence of AWS's own validation.
//!
//! EventBridge, Scheduler, CloudWatch, CloudWatch Logs, Lambda and Elastic Load Balancing validate a request before they
//! look at anything else, and state every violation in one sentence (recorded answers). The constraints are those of
//! AWS's published models.

use std::fmt::Display;

use super::error::ApiError;

/// What was found of one request.
pub struct Violations {
    code: &'static str,
    found: Vec<String>,
}

impl Violations {
    /// `code` is the service's error for an invalid request.
    pub fn new(code: &'static str) -> Violations {
        Violations {
            code,
            found: Vec::new(),
        }
    }

    /// A number that must be between both limits.
    pub fn range<N: PartialOrd + Display>(
        self,
        at: &str,
        value: Option<N>,
        least: N,
        most: N,
    ) -> Violations {
        match value {
            Some(value) if value < least => self.is(
                at,
                &value.to_string(),
                &format!("Member must have value greater than or equal to {least}"),
            ),
            Some(value) if value > most => self.is(
                at,
                &value.to_string(),
                &format!("Member must have value less than or equal to {most}"),
            ),
            Some(_) | None => self,
        }
    }

    /// A text's number of characters.
    pub fn length(self, at: &str, value: Option<&str>, least: usize, most: usize) -> Violations {
        let Some(value) = value else { return self };
        self.size(at, || value.to_owned(), value.chars().count(), least, most)
    }

    /// The number of a list's elements. AWS quotes the list in Java's notation.
    pub fn size(
        self,
        at: &str,
        written: impl FnOnce() -> String,
        size: usize,
        least: usize,
        most: usize,
    ) -> Violations {
        let limit = match size {
            size if size < least => format!("greater than or equal to {least}"),
            size if size > most => format!("less than or equal to {most}"),
            _ => return self,
        };
        self.is(at, &written(), &format!("Member must have length {limit}"))
    }

    /// A text that must match the model's pattern; `fits` is what the pattern says.
    pub fn pattern(
        self,
        at: &str,
        value: Option<&str>,
        pattern: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Violations {
        match value.filter(|value| !fits(value)) {
            Some(value) => self.is(
                at,
                value,
                &format!("Member must satisfy regular expression pattern: {pattern}"),
            ),
            None => self,
        }
    }

    pub fn one_of(self, at: &str, value: Option<&str>, values: &[&str]) -> Violations {
        match value.filter(|value| !values.contains(value)) {
            Some(value) => self.is(
                at,
                value,
                &format!(
                    "Member must satisfy enum value set: [{}]",
                    values.join(", ")
                ),
            ),
            None => self,
        }
    }

    /// The error, if anything was found.
    pub fn check(self) -> Result<(), ApiError> {
        match self.found.len() {
            0 => Ok(()),
            count => {
                let errors = if count == 1 { "error" } else { "errors" };
                let message = format!(
                    "{count} validation {errors} detected: {}",
                    self.found.join("; ")
                );
                Err(ApiError::new(self.code, message))
            }
        }
    }

    fn is(mut self, at: &str, value: &str, constraint: &str) -> Violations {
        let sentence =
            format!("Value '{value}' at '{at}' failed to satisfy constraint: {constraint}");
        self.found.push(sentence);
        self
    }
}

/// The sentence for a required member that a request does not have.
pub fn not_null(member: &str) -> String {
    format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    )
}

/// A member as these sentences name it: `NamePrefix` is `namePrefix`.
pub fn member(name: &str) -> String {
    let mut rest = name.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}

/// Whether a text has only letters, digits and these characters: what most patterns of AWS's models say.
pub fn is_of(text: &str, others: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    !text.is_empty() && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(violations: Violations) -> String {
        violations
            .check()
            .err()
            .map_or_else(String::new, |error| error.message)
    }

    fn some() -> Violations {
        Violations::new("ValidationException")
    }

    #[test]
    fn each_constraint_has_aws_sentence() {
        let plain = |text: &str| is_of(text, "-_.");
        let cases = [
            (some().range("limit", None, 1, 50), ""),
            (some().range("startDate", Some(1.5), 0.0, 2.0), ""),
            (
                some().range("startDate", Some(2.5), 0.0, 2.0),
                "Value '2.5' at 'startDate' failed to satisfy constraint: Member must have value less than or equal to 2",
            ),
            (some().range("limit", Some(50), 1, 50), ""),
            (
                some().range("limit", Some(10_001), 1, 10_000),
                "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
            ),
            (
                some().range("limit", Some(-1), 1, 50),
                "Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (some().length("name", Some("ü"), 1, 1), ""),
            (
                some().length("name", Some(""), 1, 64),
                "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ),
            (
                some().length("name", Some("abc"), 1, 2),
                "Value 'abc' at 'name' failed to satisfy constraint: Member must have length less than or equal to 2",
            ),
            (
                some().pattern("name", Some("a b"), "[0-9a-zA-Z-_.]+", plain),
                "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: \
                 [0-9a-zA-Z-_.]+",
            ),
            (
                some().one_of("state", Some("ON"), &["OFF", "FLEXIBLE"]),
                "Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [OFF, FLEXIBLE]",
            ),
        ];
        for (violations, expected) in cases {
            let expected = match expected {
                "" => String::new(),
                expected => format!("1 validation error detected: {expected}"),
            };
            assert_eq!(sentence(violations), expected);
        }
    }

    #[test]
    fn members_begin_with_a_small_letter() {
        for (name, expected) in [("NamePrefix", "namePrefix"), ("Rule", "rule"), ("", "")] {
            assert_eq!(member(name), expected);
        }
    }

    /// A list is written only for the sentence about it.
    #[test]
    fn what_fits_is_not_written() {
        let unwritten = || -> String { unreachable!("the list fits") };
        assert!(some().size("entries", unwritten, 10, 1, 10).check().is_ok());
        let written = some().size("entries", || "[a, b]".to_owned(), 2, 1, 1);
        assert_eq!(
            sentence(written),
            "1 validation error detected: Value '[a, b]' at 'entries' failed to satisfy constraint: Member must have length \
             less than or equal to 1"
        );
    }

    /// Recorded: CreateConnection of EventBridge.
    #[test]
    fn several_violations_are_one_error() {
        let name = "This should fail";
        let both = some()
            .length("name", Some(name), 1, 8)
            .pattern("name", Some(name), r"[\.\-_A-Za-z0-9]+", |text| {
                is_of(text, ".-_")
            })
            .one_of("authorizationType", Some("INVALID"), &["BASIC", "API_KEY"]);
        assert_eq!(
            sentence(both),
            "3 validation errors detected: Value 'This should fail' at 'name' failed to satisfy constraint: Member must \
             have length less than or equal to 8; Value 'This should fail' at 'name' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value 'INVALID' at 'authorizationType' failed \
             to satisfy constraint: Member must satisfy enum value set: [BASIC, API_KEY]"
        );
    }
}
