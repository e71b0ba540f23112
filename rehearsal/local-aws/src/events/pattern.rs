//! EventBridge event patterns, as described by its user guide and evaluated by its open-source engine (Event Ruler).
//!
//! A pattern matches if every path in it leads to a matching value, and all these values are in the same elements of
//! the arrays that they share. A pattern is validated completely when it is read: a misspelt or unsupported matcher is
//! an error, never a silent mismatch.

mod complexity;
#[cfg(test)]
mod leaves;
mod walk;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::events::matcher::{Matcher, is_matcher_name, refused};

/// The maximum number of characters of a rule's pattern. AWS raises this quota on request.
const LONGEST_PATTERN: usize = 2048;
/// The maximum number of combinations of the alternatives of all `$or`.
const MOST_COMBINATIONS: usize = 1000;

/// A validated event pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    written: Value,
    /// One of these combinations must match; without `$or` there is only one.
    combinations: Vec<Vec<Field>>,
}

/// A path, and the matchers of which one must match a leaf there.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    /// The names on the path, joined with dots, as in the engine.
    path: String,
    one_of: Vec<Matcher>,
}

impl Pattern {
    /// Parses a pattern; the error states the path of the mistake.
    pub fn parse(pattern: &Value) -> anyhow::Result<Pattern> {
        let object = match pattern.as_object() {
            Some(object) if !object.is_empty() => object,
            Some(_) => return Err(empty_object()),
            None => {
                return Err(refused(
                    "Filter is not an object",
                    format!("an event pattern is `{pattern}`: expected an object"),
                ));
            }
        };
        let length = pattern.to_string().chars().count();
        if length > LONGEST_PATTERN {
            bail!("the pattern has {length} characters: expected at most {LONGEST_PATTERN}");
        }
        Ok(Pattern {
            written: pattern.clone(),
            combinations: combinations(object, "")?,
        })
    }

    /// Whether an event (the whole envelope) matches.
    pub fn matches(&self, event: &Value) -> bool {
        let mut combinations = self.combinations.iter();
        combinations.any(|fields| walk::all_match(event, fields))
    }

    /// The pattern as written.
    pub fn written(&self) -> &Value {
        &self.written
    }
}

impl Field {
    /// EventBridge's message, which does not contain the pattern.
    fn check_complexity(&self) -> anyhow::Result<()> {
        let wildcards: Vec<_> = self.one_of.iter().flat_map(Matcher::wildcards).collect();
        if complexity::is_too_complex(&wildcards) {
            bail!(
                "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after \
                 a wildcard character"
            );
        }
        Ok(())
    }
}

/// Returns every combination of fields that an object of a pattern accepts.
fn combinations(object: &Map<String, Value>, path: &str) -> anyhow::Result<Vec<Vec<Field>>> {
    let mut all = vec![Vec::new()];
    for (name, wanted) in object {
        let here = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let more = match alternatives(name, wanted) {
            Some(patterns) => one_of(patterns, path).context("at `$or`")?,
            None => field(name, wanted, &here).with_context(|| format!("at `{name}`"))?,
        };
        if all.len().saturating_mul(more.len()) > MOST_COMBINATIONS {
            bail!(
                "the alternatives of `$or` result in more than {MOST_COMBINATIONS} combinations (hint: write several rules)"
            );
        }
        all = all
            .iter()
            .flat_map(|so_far| {
                more.iter()
                    .map(move |more| [so_far.as_slice(), more].concat())
            })
            .collect();
    }
    Ok(all)
}

/// The patterns of an `$or`. It is an ordinary field name unless it holds at least two patterns, none of which has a
/// field that is named like a matcher.
fn alternatives<'a>(name: &str, wanted: &'a Value) -> Option<Vec<&'a Map<String, Value>>> {
    let patterns: Option<Vec<_>> = wanted.as_array()?.iter().map(Value::as_object).collect();
    let patterns = patterns.filter(|patterns| name == "$or" && patterns.len() >= 2)?;
    let is_pattern =
        |pattern: &&Map<String, Value>| !pattern.keys().any(|key| is_matcher_name(key));
    patterns.iter().all(is_pattern).then_some(patterns)
}

fn one_of(patterns: Vec<&Map<String, Value>>, path: &str) -> anyhow::Result<Vec<Vec<Field>>> {
    let mut all = Vec::new();
    for pattern in patterns {
        if pattern.is_empty() {
            return Err(empty_object());
        }
        all.extend(combinations(pattern, path)?);
    }
    Ok(all)
}

fn field(name: &str, wanted: &Value, path: &str) -> anyhow::Result<Vec<Vec<Field>>> {
    match wanted {
        Value::Object(object) if !object.is_empty() => combinations(object, path),
        Value::Array(values) if !values.is_empty() => {
            let one_of = values
                .iter()
                .map(Matcher::parse)
                .collect::<anyhow::Result<_>>()?;
            let field = Field {
                path: path.to_owned(),
                one_of,
            };
            field.check_complexity()?;
            Ok(vec![vec![field]])
        }
        Value::Object(_) => Err(empty_object()),
        Value::Array(_) => Err(refused(
            "Empty arrays are not allowed",
            "leave out what need not match",
        )),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(refused(
            format!("\"{name}\" must be an object or an array"),
            format!("write `[{wanted}]`"),
        )),
    }
}

fn empty_object() -> anyhow::Error {
    refused(
        "Empty objects are not allowed",
        "leave out what need not match",
    )
}

#[cfg(test)]
mod tests;
