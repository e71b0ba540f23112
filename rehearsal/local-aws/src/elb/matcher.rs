//! ALB's matcher for the statuses of a healthy target: `200`, `200,301`, `200-299`.

/// Whether the matcher includes a status. A malformed matcher matches nothing.
pub fn matches(matcher: &str, status: u16) -> bool {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    match matcher.split_once('-') {
        Some((from, to)) => {
            number(from).is_some_and(|from| from <= status)
                && number(to).is_some_and(|to| status <= to)
        }
        None => matcher
            .split(',')
            .any(|wanted| number(wanted) == Some(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lists_and_ranges_are_read() {
        for (matcher, status, expected) in [
            ("200", 200, true),
            ("200", 201, false),
            ("200,301", 301, true),
            ("200, 301", 301, true),
            ("200,301", 300, false),
            ("200-299", 299, true),
            ("200-299", 300, false),
            ("", 200, false),
        ] {
            assert_eq!(matches(matcher, status), expected, "{matcher} {status}");
        }
    }
}
