//! The parts of a line, and its tone.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Good,
    Bad,
    Faint,
}

/// Subject, text and tone.
pub(super) type Parts = (String, String, Tone);

pub(super) fn part(subject: &str, text: String, tone: Tone) -> Parts {
    (subject.to_owned(), text, tone)
}

pub(super) fn who(function: &Option<String>) -> &str {
    function.as_deref().unwrap_or("another caller")
}

/// The part of an ARN after its last slash: `shop-web:2`.
pub(super) fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
