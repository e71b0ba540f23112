//! The statuses that a test traffic request may be answered with, written as an ALB's matcher.

use rules::problem::Problems;
use rules::status_matcher::StatusMatcher;

/// Reads `text` as a matcher.
pub fn holds(text: &str) {
    let mut problems = Problems::default();
    match problems.parse("status", text) {
        Some(matcher) => is_read_as_written(text, &matcher),
        None => super::event::is_a_reason(&problems.to_string()),
    }
}

fn is_read_as_written(text: &str, matcher: &StatusMatcher) {
    assert_eq!(matcher.to_string(), text);
    // The grammar once more, from the other side: which of the parts name this status.
    let named = |status: u16| {
        text.split(',').any(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            (number(first)..=number(last)).contains(&status)
        })
    };
    for status in 0..=999 {
        assert_eq!(matcher.matches(status), named(status), "{text:?} {status}");
        assert!(
            !matcher.matches(status) || (100..=599).contains(&status),
            "{text:?} {status}"
        );
    }
    assert!(
        (100..=599).any(|status| matcher.matches(status)),
        "{text:?}"
    );
    // A load balancer takes a list or one range, and reads those the same way.
    if !(text.contains(',') && text.contains('-')) {
        for status in 100..=599 {
            assert_eq!(
                local_aws::elb::matcher::matches(text, status),
                matcher.matches(status),
                "{text:?} {status}"
            );
        }
    }
}

fn number(text: &str) -> u16 {
    text.trim()
        .parse()
        .expect("an accepted matcher holds numbers")
}
