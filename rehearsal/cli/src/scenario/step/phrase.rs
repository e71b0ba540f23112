//! The parts of a line: words, texts between words, durations, faults of deliveries.

use std::time::Duration;

use local_aws::events::{DeliveryFault, Refusal};

pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "milliseconds" => Some(Duration::from_millis(number)),
        "second" | "seconds" => Some(Duration::from_secs(number)),
        "minute" | "minutes" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

/// The texts before and after a separator.
pub(super) fn optional<'a>(text: &'a str, separator: &str) -> (&'a str, Option<&'a str>) {
    match text.split_once(separator) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

pub(super) fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

/// A single word.
pub(super) fn word(text: &str) -> Option<String> {
    let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == ',');
    is_word.then(|| text.to_owned())
}

pub(super) fn delivery_fault(text: &str) -> Option<DeliveryFault> {
    match text {
        "lost" => return Some(DeliveryFault::Lost),
        "twice" => return Some(DeliveryFault::Twice),
        _ => {}
    }
    if let Some(delay) = text.strip_prefix("late by ") {
        return Some(DeliveryFault::Late(duration(delay)?));
    }
    let (times, refusal) = between(text, "refused ", ")")?.split_once(" times (")?;
    let refusals = [
        Refusal::Throttled,
        Refusal::TimedOut,
        Refusal::NoPermissions,
        Refusal::NoResource,
    ];
    let mut refusals = refusals.into_iter();
    let refusal = refusals.find(|known| format!("{known:?}") == refusal)?;
    Some(DeliveryFault::Refused(times.parse().ok()?, refusal))
}
