//! Times, as people read them: in UTC, as AWS's own records state them.

use time::UtcDateTime;
use time::macros::format_description;

/// `2026-11-28 09:30 UTC`
pub(crate) fn day_and_time(at: UtcDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.format(form).unwrap_or_else(|_| at.to_string())
}

/// `09:30:15 UTC`
pub(crate) fn time(at: UtcDateTime) -> String {
    format!("{} UTC", of_day(at))
}

/// `09:30:15 to 09:31:40 UTC`
pub(crate) fn span(from: UtcDateTime, to: UtcDateTime) -> String {
    format!("{} to {}", of_day(from), time(to))
}

fn of_day(at: UtcDateTime) -> String {
    let form = format_description!("[hour]:[minute]:[second]");
    at.format(form).unwrap_or_else(|_| at.to_string())
}

/// For programs, as RFC 3339 has it.
pub(crate) fn rfc_3339(at: UtcDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.format(form).unwrap_or_else(|_| at.to_string())
}
