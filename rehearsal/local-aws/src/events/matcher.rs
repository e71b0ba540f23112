//! One entry in a pattern's list of values: a literal, or a content filter such as `{"prefix": "prod-"}`.

mod network;
mod text;

use std::fmt::Display;

use anyhow::anyhow;
use serde_json::Value;

use self::network::Network;
use self::text::TextMatcher;
use crate::wildcard::Parts;

/// Larger numbers are compared only as literals.
const LARGEST_NUMBER: f64 = 5.0e9;

/// A comparison with a single value of an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Matcher {
    /// Type and value are equal. Numbers are compared by value (300, 300.0 and 3e2 are equal) up to `LARGEST_NUMBER`, and
    /// beyond it as written.
    Literal(Value),
    Text(TextMatcher),
    Numeric(Vec<(Comparison, f64)>),
    Network(Network),
    Exists(bool),
    /// None of these strings.
    AnythingBut(Vec<String>),
    /// None of these numbers.
    AnythingButNumbers(Vec<f64>),
    /// No string that one of these matches.
    AnythingButText(Vec<TextMatcher>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// Whether a content filter has this name.
pub(crate) fn is_matcher_name(name: &str) -> bool {
    let names = [
        "prefix",
        "suffix",
        "wildcard",
        "equals-ignore-case",
        "exists",
        "numeric",
        "anything-but",
        "cidr",
        "exactly",
    ];
    names.contains(&name)
}

impl Matcher {
    pub(crate) fn parse(wanted: &Value) -> anyhow::Result<Matcher> {
        match wanted {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Matcher::Literal(wanted.clone()))
            }
            Value::Array(_) => Err(refused(
                "Match value must be String, number, true, false, or null",
                format!("`{wanted}` is not a value or a matcher such as {{\"prefix\": \"prod-\"}}"),
            )),
            Value::Object(object) => match object.iter().next() {
                Some((name, argument)) if object.len() == 1 => {
                    Matcher::parse_filter(name, argument)
                }
                Some(_) => Err(refused(
                    "Only one key allowed in match expression",
                    format!("a matcher has one key, not {}: `{wanted}`", object.len()),
                )),
                None => Err(refused(
                    "Empty objects are not allowed",
                    "write a matcher such as {\"prefix\": \"prod-\"}",
                )),
            },
        }
    }

    fn parse_filter(name: &str, argument: &Value) -> anyhow::Result<Matcher> {
        match (name, argument) {
            ("exists", Value::Bool(exists)) => Ok(Matcher::Exists(*exists)),
            ("exists", _) => Err(refused(
                "exists match pattern must be either true or false.",
                format!("`exists` takes `true` or `false`, not `{argument}`"),
            )),
            // Nowhere documented for EventBridge, but the engine has it: the value as written.
            ("exactly", Value::String(_)) => Ok(Matcher::Literal(argument.clone())),
            ("numeric", _) => parse_numeric(argument).map(Matcher::Numeric),
            ("anything-but", _) => parse_anything_but(argument),
            ("cidr", _) => Network::parse(argument).map(Matcher::Network),
            (name, _) => Ok(Matcher::Text(TextMatcher::parse(name, argument)?)),
        }
    }

    /// Returns every wildcard in it, as the literal parts between its stars.
    pub(crate) fn wildcards(&self) -> Vec<Parts> {
        let texts = match self {
            Matcher::Text(text) => std::slice::from_ref(text),
            Matcher::AnythingButText(texts) => texts.as_slice(),
            Matcher::Literal(_)
            | Matcher::Numeric(_)
            | Matcher::Network(_)
            | Matcher::Exists(_)
            | Matcher::AnythingBut(_)
            | Matcher::AnythingButNumbers(_) => &[],
        };
        texts.iter().filter_map(TextMatcher::wildcard).collect()
    }

    pub(crate) fn matches(&self, leaf: &Value) -> bool {
        match self {
            Matcher::Literal(wanted) => match (comparable(wanted), comparable(leaf)) {
                (Some(wanted), Some(number)) => wanted == number,
                (_, _) => wanted == leaf,
            },
            Matcher::Text(wanted) => leaf.as_str().is_some_and(|text| wanted.matches(text)),
            Matcher::Numeric(bounds) => comparable(leaf).is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Matcher::Network(network) => leaf.as_str().is_some_and(|text| network.holds(text)),
            Matcher::Exists(exists) => *exists,
            Matcher::AnythingBut(unwanted) => !leaf
                .as_str()
                .is_some_and(|text| unwanted.iter().any(|other| other == text)),
            Matcher::AnythingButNumbers(unwanted) => {
                !comparable(leaf).is_some_and(|number| unwanted.contains(&number))
            }
            Matcher::AnythingButText(unwanted) => {
                let matches = |text| unwanted.iter().any(|unwanted| unwanted.matches(text));
                !leaf.as_str().is_some_and(matches)
            }
        }
    }
}

impl Comparison {
    fn parse(sign: &str) -> Option<Comparison> {
        match sign {
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::LessOrEqual),
            "=" => Some(Comparison::Equal),
            ">=" => Some(Comparison::GreaterOrEqual),
            ">" => Some(Comparison::Greater),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Comparison::Less => number < bound,
            Comparison::LessOrEqual => number <= bound,
            Comparison::Equal => number == bound,
            Comparison::GreaterOrEqual => number >= bound,
            Comparison::Greater => number > bound,
        }
    }
}

/// A number that EventBridge compares by value.
fn comparable(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .filter(|number| number.abs() <= LARGEST_NUMBER)
}

/// One bound, or a lower one and then an upper one.
fn parse_numeric(argument: &Value) -> anyhow::Result<Vec<(Comparison, f64)>> {
    let hint = || {
        format!(
            "`numeric` takes one bound or a lower and an upper one, such as `[\">\", 0, \"<=\", 5]`, not `{argument}`"
        )
    };
    let refuse = |reason: String| Err(refused(reason, hint()));
    let Some(parts) = argument.as_array() else {
        return refuse("Value of numeric must be an array.".to_owned());
    };
    let mut bounds = Vec::new();
    for pair in parts.chunks(2) {
        let sign = pair[0].as_str().unwrap_or_default();
        let Some(comparison) = Comparison::parse(sign) else {
            return refuse(format!("Unrecognized numeric range operator: {sign}"));
        };
        let Some(number) = pair.get(1).and_then(Value::as_f64) else {
            return refuse(format!("Value of {sign} must be numeric"));
        };
        if number.abs() > LARGEST_NUMBER {
            return refuse(format!("Value of {sign} must be between -5.0e9 and 5.0e9"));
        }
        match (bounds.as_slice(), comparison) {
            ([], _) => {}
            (
                [(Comparison::Greater | Comparison::GreaterOrEqual, low)],
                Comparison::Less | Comparison::LessOrEqual,
            ) => {
                if *low >= number {
                    return refuse("Bottom must be less than top".to_owned());
                }
            }
            ([(Comparison::Greater | Comparison::GreaterOrEqual, _)], _) => {
                return refuse(format!("Bad numeric range operator: {sign}"));
            }
            (_, _) => return refuse("Too many elements in numeric expression".to_owned()),
        }
        bounds.push((comparison, number));
    }
    if bounds.is_empty() {
        return refuse("Empty arrays are not allowed".to_owned());
    }
    Ok(bounds)
}

fn parse_anything_but(argument: &Value) -> anyhow::Result<Matcher> {
    let values = argument
        .as_array()
        .map_or(std::slice::from_ref(argument), Vec::as_slice);
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    let numbers: Option<Vec<f64>> = values.iter().map(comparable).collect();
    let refuse = |reason| {
        let hint = format!(
            "`anything-but` takes a string, a number, an array of strings, an array of numbers or one matcher, not \
             `{argument}`"
        );
        Err(refused(reason, hint))
    };
    match (argument, texts, numbers) {
        (Value::Object(object), _, _) if object.len() == 1 => {
            let mut unwanted = Vec::new();
            for (name, argument) in object {
                unwanted.extend(TextMatcher::parse_unwanted(name, argument)?);
            }
            Ok(Matcher::AnythingButText(unwanted))
        }
        (Value::Object(_), _, _) => refuse("Only one key allowed in match expression"),
        (_, Some(texts), _) if !texts.is_empty() => Ok(Matcher::AnythingBut(texts)),
        (_, _, Some(numbers)) if !numbers.is_empty() => Ok(Matcher::AnythingButNumbers(numbers)),
        (Value::Array(values), _, _) if values.is_empty() => refuse("Empty arrays are not allowed"),
        (Value::Array(values), _, _)
            if values
                .iter()
                .all(|value| value.is_string() || value.is_number()) =>
        {
            refuse(
                "Inside anything but list, either all values are number or string, mixed type is not supported",
            )
        }
        (Value::Array(_), _, _) => {
            refuse("Inside anything but list, start|null|boolean is not supported.")
        }
        _ => refuse(ONLY_VALUES),
    }
}

/// What EventBridge says about an argument of `anything-but` that is neither a value nor a list.
const ONLY_VALUES: &str = "Value of anything-but must be an array or single string/number value.";

/// A refusal: EventBridge's reason, which TestEventPattern answers, and what to write instead.
pub(crate) fn refused(reason: impl Display, hint: impl Display) -> anyhow::Error {
    anyhow!("{reason}{HINT}{hint})")
}

/// What stands between EventBridge's reason and the local AWS's own help.
pub(crate) const HINT: &str = " (hint: ";

#[cfg(test)]
mod tests;
