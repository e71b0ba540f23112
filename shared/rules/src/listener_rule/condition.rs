//! Whether a request meets the conditions of a listener's rule.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::observed::{ListenerRule, RuleCondition};
use crate::status_matcher::StatusMatcher;

/// A request, as far as conditions can ask about it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// From `/`, without the query.
    pub path: &'a str,
    /// What follows `?`.
    pub query: Option<&'a str>,
    /// Its other headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The statuses that are a good answer.
    pub wanted: &'a StatusMatcher,
}

/// Whether a condition or a rule is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
    /// It cannot be evaluated, because of this.
    Perhaps(String),
}

/// Whether a rule is met: each of its conditions is.
pub(super) fn rule_met(rule: &ListenerRule, asked: Asked<'_>) -> Met {
    let mut perhaps = None;
    for condition in &rule.conditions {
        match condition_met(condition, asked) {
            Met::Yes => {}
            Met::No => return Met::No,
            Met::Perhaps(why) => perhaps = Some(why),
        }
    }
    perhaps.map_or(Met::Yes, Met::Perhaps)
}

/// Whether one of a condition's values is met.
pub(super) fn condition_met(condition: &RuleCondition, asked: Asked<'_>) -> Met {
    match condition {
        RuleCondition::Host(patterns) => any(patterns.iter().map(|pattern| {
            let without_port = asked
                .host
                .rsplit_once(':')
                .map_or(asked.host, |(host, _)| host);
            // Whether the port that a client adds is compared is not documented.
            agree(
                matches_ignoring_case(pattern, asked.host),
                matches_ignoring_case(pattern, without_port),
                "its `Host` carries a port",
            )
        })),
        RuleCondition::Path(patterns) => any(patterns.iter().map(|pattern| {
            agree(
                matches(pattern, asked.path, Escapes::None),
                matches(pattern, &decoded(asked.path), Escapes::None),
                "its path is percent-encoded",
            )
        })),
        RuleCondition::Header { name, values } => {
            let sent = asked
                .headers
                .iter()
                .filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            any(sent.flat_map(|(_, sent)| {
                values
                    .iter()
                    .map(|pattern| certain(matches_ignoring_case(pattern, sent)))
            }))
        }
        RuleCondition::Query(wanted) => any(wanted
            .iter()
            .map(|(key, value)| query_met(key.as_deref(), value, asked.query.unwrap_or_default()))),
        RuleCondition::Method(methods) => {
            any(methods.iter().map(|method| certain(method == asked.method)))
        }
        RuleCondition::Unknown(what) => Met::Perhaps(format!("its condition `{what}`")),
    }
}

fn query_met(key: Option<&str>, value: &str, query: &str) -> Met {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    any(pairs.map(|pair| {
        let (sent_key, sent_value) = pair.split_once('=').unwrap_or((pair, ""));
        let met = |sent_key: &str, sent_value: &str| {
            let fits = |pattern: &str, sent: &str| {
                matches(
                    &pattern.to_lowercase(),
                    &sent.to_lowercase(),
                    Escapes::Backslash,
                )
            };
            key.is_none_or(|key| fits(key, sent_key)) && fits(value, sent_value)
        };
        // Whether encoded text is compared as it was sent is not documented, nor how a name without a value is.
        let other = if pair.contains('=') {
            met(&decoded(sent_key), &decoded(sent_value))
        } else {
            met("", sent_key)
        };
        agree(
            met(sent_key, sent_value),
            other,
            "its query is encoded, or has a name without a value",
        )
    }))
}

fn certain(met: bool) -> Met {
    if met { Met::Yes } else { Met::No }
}

/// Two readings of one thing.
fn agree(one: bool, other: bool, why: &str) -> Met {
    if one == other {
        certain(one)
    } else {
        Met::Perhaps(why.to_owned())
    }
}

fn any(values: impl Iterator<Item = Met>) -> Met {
    values.fold(Met::No, |found, met| match (found, met) {
        (Met::Yes, _) | (_, Met::Yes) => Met::Yes,
        (Met::Perhaps(why), _) | (_, Met::Perhaps(why)) => Met::Perhaps(why),
        (Met::No, Met::No) => Met::No,
    })
}

/// Whether a literal `*` or `?` can be written in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    None,
    Backslash,
}

/// One character of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    AnyText,
    AnyCharacter,
    This(char),
}

/// Whether a pattern fits a text, in any case.
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_lowercase(), &text.to_lowercase(), Escapes::None)
}

/// `*` stands for any text, `?` for any character. Only the last `*` is ever gone back to, so the time is bounded by the
/// product of both lengths, however many there are.
pub(super) fn matches(pattern: &str, text: &str, escapes: Escapes) -> bool {
    let pattern = tokens(pattern, escapes);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Behind the last `*`, and from where on the text is tried after it.
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(Token::AnyText) => {
                at += 1;
                retry = Some((at, read));
            }
            Some(token) if *token == Token::AnyCharacter || *token == Token::This(text[read]) => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((behind, from)) = retry else {
                    return false;
                };
                at = behind;
                read = from + 1;
                retry = Some((behind, read));
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::AnyText)
}

fn tokens(pattern: &str, escapes: Escapes) -> Vec<Token> {
    let mut characters = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '\\' if escapes == Escapes::Backslash => Token::This(characters.next().unwrap_or('\\')),
            '*' => Token::AnyText,
            '?' => Token::AnyCharacter,
            other => Token::This(other),
        });
    }
    tokens
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}
