//! Which HTTP status codes are well, written as an ALB target group writes them: `200`, `200,301`, `200-299`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A list of status codes and ranges of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusMatcher {
    text: String,
    ranges: Vec<RangeInclusive<u16>>,
}

/// Text that is not a list of status codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a list of status codes from 100 to 599 such as `200`, `200,301` or `200-299`"
)]
pub struct InvalidStatusMatcher {
    given: String,
}

impl StatusMatcher {
    /// Whether an answer with this status is well.
    pub fn matches(&self, status: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&status))
    }
}

impl FromStr for StatusMatcher {
    type Err = InvalidStatusMatcher;

    fn from_str(given: &str) -> Result<Self, InvalidStatusMatcher> {
        let ranges: Option<Vec<_>> = given.split(',').map(|part| range(part.trim())).collect();
        match ranges {
            Some(ranges) => Ok(Self {
                text: given.to_owned(),
                ranges,
            }),
            None => Err(InvalidStatusMatcher {
                given: given.to_owned(),
            }),
        }
    }
}

fn range(part: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (code(first)?, code(last)?);
    (first <= last).then_some(first..=last)
}

fn code(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|code| (100..=599).contains(code))
}

impl fmt::Display for StatusMatcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_lists_and_ranges_match() {
        for (matcher, matching, others) in [
            ("200", &[200][..], &[201, 301, 500][..]),
            ("200,301", &[200, 301], &[201, 302]),
            ("200-299", &[200, 204, 299], &[199, 300]),
            ("200-204, 301", &[200, 204, 301], &[205, 302]),
        ] {
            let matcher: StatusMatcher = matcher.parse().unwrap();
            assert!(
                matching.iter().all(|status| matcher.matches(*status)),
                "{matcher}"
            );
            assert!(
                !others.iter().any(|status| matcher.matches(*status)),
                "{matcher}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for given in [
            "", "2xx", "20", "2000", "99", "600", "299-200", "200,", "200-", "+20", "200;301",
        ] {
            assert!(given.parse::<StatusMatcher>().is_err(), "{given}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,20}") {
            if let Ok(matcher) = text.parse::<StatusMatcher>() {
                prop_assert_eq!(matcher.to_string(), text);
                prop_assert!((100..=599).any(|status| matcher.matches(status)));
            }
        }
    }
}
