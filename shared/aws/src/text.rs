//! Texts and times at the border: cut to what AWS takes, turned into what we use.

use aws_smithy_types::DateTime;
use rules::sanitize::is_hidden_mark;
use time::UtcDateTime;

/// The text in one line of at most `limit` characters; what was cut is marked by `…`.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control() || is_hidden_mark(c))
        .filter(|word| !word.is_empty())
        .collect();
    cut(&words.join(" "), limit)
}

/// The text, cut to at most `limit` characters; what was cut is marked by `…`.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    kept + "…"
}

/// The SDK's time as ours; none for a year that cannot be. AWS states milliseconds, as a fraction of seconds; the digits
/// that such a fraction gains on its way through binary are taken off again.
pub(crate) fn time_from(sdk: &DateTime) -> Option<UtcDateTime> {
    const MILLISECOND: i128 = 1_000_000;
    let milliseconds = (sdk.as_nanos() + MILLISECOND / 2).div_euclid(MILLISECOND);
    UtcDateTime::from_unix_timestamp_nanos(milliseconds * MILLISECOND).ok()
}

/// Our time as the SDK's, or up to a millisecond before it: AWS knows no finer times (Smithy, `epoch-seconds`).
pub(crate) fn time_to(ours: UtcDateTime) -> DateTime {
    let milliseconds = u32::from(ours.millisecond());
    DateTime::from_secs_and_nanos(ours.unix_timestamp(), milliseconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_when_too_long() {
        assert_eq!(cut("grün", 4), "grün");
        assert_eq!(cut("grüner", 4), "grü…");
        assert_eq!(
            one_line(" a\r\n b\tc \u{7} \u{202E}d\u{2028}", 9),
            "a b c d"
        );
    }

    #[test]
    fn times_survive_both_ways_to_the_millisecond() {
        for nanoseconds in [0, 1_791_970_321_207_000_000_i128, -1_000_000] {
            let ours = UtcDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
            assert_eq!(time_from(&time_to(ours)), Some(ours));
        }
        let noisy = DateTime::from_secs_f64(1_791_970_321.207);
        assert_eq!(
            time_from(&noisy),
            UtcDateTime::from_unix_timestamp_nanos(1_791_970_321_207_000_000).ok()
        );
        assert_eq!(time_from(&DateTime::from_secs(i64::MAX)), None);
        let fine = UtcDateTime::from_unix_timestamp_nanos(1_791_970_321_207_999_999).unwrap();
        assert_eq!(time_to(fine).as_nanos(), 1_791_970_321_207_000_000);
    }
}
