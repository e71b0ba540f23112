//! EventBridge event patterns, as its user guide describes them.
//!
//! A pattern is checked as a whole when it is read: a matcher that is misspelt, or that is not played here, is an
//! error and never a silent mismatch.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::events::matcher::Matcher;

/// A checked event pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Vec<Field>,
    /// Each `$or` in this object: one of its patterns must match.
    alternatives: Vec<Vec<Pattern>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Object(Pattern),
    OneOf(Vec<Matcher>),
}

impl Pattern {
    /// Reads a pattern; the error names the path of what is wrong.
    pub fn parse(pattern: &Value) -> anyhow::Result<Pattern> {
        match pattern.as_object() {
            Some(object) if !object.is_empty() => Pattern::parse_object(object),
            Some(_) | None => {
                bail!("an event pattern is `{pattern}`: expected an object that is not empty")
            }
        }
    }

    /// Whether an event (the whole envelope) matches.
    pub fn matches(&self, event: &Value) -> bool {
        self.fields.iter().all(|field| field.matches(event))
            && self
                .alternatives
                .iter()
                .all(|patterns| patterns.iter().any(|pattern| pattern.matches(event)))
    }

    fn parse_object(object: &Map<String, Value>) -> anyhow::Result<Pattern> {
        let mut pattern = Pattern {
            fields: Vec::new(),
            alternatives: Vec::new(),
        };
        for (name, wanted) in object {
            // `$or` is an ordinary field name when it does not hold a list of patterns.
            match (name.as_str(), wanted) {
                ("$or", Value::Array(patterns))
                    if patterns.len() >= 2 && patterns.iter().all(Value::is_object) =>
                {
                    let patterns = patterns
                        .iter()
                        .map(Pattern::parse)
                        .collect::<anyhow::Result<_>>();
                    pattern.alternatives.push(patterns.context("at `$or`")?);
                }
                (_, wanted) => {
                    let wanted = Wanted::parse(wanted).with_context(|| format!("at `{name}`"))?;
                    pattern.fields.push(Field {
                        name: name.clone(),
                        wanted,
                    });
                }
            }
        }
        Ok(pattern)
    }

    /// Whether the pattern holds of an object that is not there: only where everything in it must be absent.
    fn matches_absence(&self) -> bool {
        self.fields
            .iter()
            .all(|field| field.wanted.matches_absence())
            && self
                .alternatives
                .iter()
                .all(|patterns| patterns.iter().any(Pattern::matches_absence))
    }
}

impl Wanted {
    fn parse(wanted: &Value) -> anyhow::Result<Wanted> {
        match wanted {
            Value::Object(object) if !object.is_empty() => {
                Ok(Wanted::Object(Pattern::parse_object(object)?))
            }
            Value::Array(values) if !values.is_empty() => Ok(Wanted::OneOf(
                values
                    .iter()
                    .map(Matcher::parse)
                    .collect::<anyhow::Result<_>>()?,
            )),
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                bail!(
                    "`{wanted}` is not a list of values or an object, and not empty (hint: write `[{wanted}]`)"
                )
            }
        }
    }

    fn matches_absence(&self) -> bool {
        match self {
            Wanted::Object(pattern) => pattern.matches_absence(),
            Wanted::OneOf(matchers) => matchers.contains(&Matcher::Exists(false)),
        }
    }
}

impl Field {
    fn matches(&self, event: &Value) -> bool {
        let Some(value) = event.get(&self.name) else {
            return self.wanted.matches_absence();
        };
        match &self.wanted {
            Wanted::Object(pattern) => objects(value).any(|object| pattern.matches(object)),
            Wanted::OneOf(matchers) => {
                let leaves = leaves(value);
                // `exists` sees leaves only: an object in this place is no leaf.
                if leaves.is_empty() {
                    return self.wanted.matches_absence();
                }
                matchers
                    .iter()
                    .any(|matcher| leaves.iter().any(|leaf| matcher.matches(leaf)))
            }
        }
    }
}

/// The objects that a nested pattern may match: the value itself, or the members of a list. A value that is no object
/// stands for one without fields.
fn objects(value: &Value) -> impl Iterator<Item = &Value> {
    let members = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    members.iter()
}

/// The values that a list of matchers sees: a list in an event stands for its members.
fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(members) => members.iter().flat_map(leaves).collect(),
        Value::Object(_) => Vec::new(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pattern: Value, matching: &[Value], others: &[Value]) {
        let parsed = Pattern::parse(&pattern).unwrap();
        for event in matching {
            assert!(parsed.matches(event), "{pattern} should match {event}");
        }
        for event in others {
            assert!(!parsed.matches(event), "{pattern} should not match {event}");
        }
    }

    #[test]
    fn values_are_matched_exactly() {
        check(
            json!({ "a": ["x", 1, true, null] }),
            &[
                json!({"a": "x"}),
                json!({"a": 1}),
                json!({"a": true}),
                json!({"a": null}),
                json!({"a": "x", "b": 2}),
            ],
            &[
                json!({"a": "X"}),
                json!({"a": "1"}),
                json!({"a": 2}),
                json!({"a": false}),
                json!({}),
                json!({"b": "x"}),
            ],
        );
        check(
            json!({"a": [""]}),
            &[json!({"a": ""})],
            &[json!({"a": null}), json!({}), json!({"a": " "})],
        );
    }

    #[test]
    fn every_field_must_match_and_nested_ones_too() {
        check(
            json!({ "source": ["aws.ecr"], "detail": { "result": ["SUCCESS"], "deep": { "er": [1] } } }),
            &[
                json!({"source": "aws.ecr", "detail": {"result": "SUCCESS", "deep": {"er": 1}, "more": 1}}),
            ],
            &[
                json!({"source": "aws.ecr", "detail": {"result": "SUCCESS"}}),
                json!({"source": "aws.ecs", "detail": {"result": "SUCCESS", "deep": {"er": 1}}}),
                json!({"source": "aws.ecr", "detail": "SUCCESS"}),
                json!({"source": "aws.ecr"}),
            ],
        );
    }

    #[test]
    fn a_list_in_an_event_matches_by_any_of_its_members() {
        check(
            json!({ "resources": ["b", {"prefix": "arn:"}] }),
            &[
                json!({"resources": ["a", "b"]}),
                json!({"resources": ["arn:1", "c"]}),
                json!({"resources": "b"}),
            ],
            &[json!({"resources": []}), json!({"resources": ["a"]})],
        );
        check(
            json!({ "containers": { "name": ["web"], "exitCode": [1] } }),
            &[
                json!({"containers": [{"name": "web", "exitCode": 1}, {"name": "proxy", "exitCode": 0}]}),
            ],
            &[
                json!({"containers": [{"name": "web", "exitCode": 0}, {"name": "proxy", "exitCode": 1}]}),
            ],
        );
    }

    #[test]
    fn exists_sees_leaves_only() {
        let there = json!({ "detail": { "tag": [{"exists": true}] } });
        let not_there = json!({ "detail": { "tag": [{"exists": false}] } });
        let with = [
            json!({"detail": {"tag": ""}}),
            json!({"detail": {"tag": null}}),
            json!({"detail": {"tag": [1]}}),
        ];
        let without = [
            json!({"detail": {}}),
            json!({}),
            json!({"detail": {"tag": {"a": 1}}}),
            json!({"detail": {"tag": []}}),
        ];
        check(there, &with, &without);
        check(not_there, &without, &with);
        check(
            json!({"a": [{"exists": false}, "x"]}),
            &[json!({}), json!({"a": "x"})],
            &[json!({"a": "y"})],
        );
    }

    #[test]
    fn one_pattern_of_an_or_must_match() {
        check(
            json!({ "source": ["s"], "$or": [{"a": [1]}, {"b": [{"numeric": [">", 5]}]}] }),
            &[
                json!({"source": "s", "a": 1}),
                json!({"source": "s", "b": 6}),
            ],
            &[
                json!({"source": "s", "a": 2}),
                json!({"source": "t", "a": 1}),
                json!({"source": "s"}),
            ],
        );
    }

    #[test]
    fn what_eventbridge_would_refuse_is_refused_with_its_path() {
        for (pattern, expected) in [
            (json!({}), "expected an object that is not empty"),
            (
                json!({"source": "aws.ecr"}),
                "at `source`: `\"aws.ecr\"` is not a list of values",
            ),
            (
                json!({"detail": {"a": []}}),
                "at `detail`: at `a`: `[]` is not a list of values",
            ),
            (
                json!({"a": [{"starts-with": "x"}]}),
                "at `a`: `starts-with` is not a matcher",
            ),
            (
                json!({"a": [{"prefix": 1}]}),
                "at `a`: `prefix` takes a text, not `1`",
            ),
            (
                json!({"a": [{"numeric": [">"]}]}),
                "at `a`: `numeric` takes",
            ),
            (
                json!({"a": [{"numeric": ["!=", 1]}]}),
                "at `a`: `numeric` takes",
            ),
            (
                json!({"a": [{"exists": "yes"}]}),
                "at `a`: `exists` takes `true` or `false`, not `\"yes\"`",
            ),
            (
                json!({"a": [{"wildcard": "a**b"}]}),
                "at `a`: `wildcard` holds two `*` in a row",
            ),
            (
                json!({"a": [{"prefix": "a", "suffix": "b"}]}),
                "at `a`: a matcher has one key",
            ),
            (
                json!({"a": [["x"]]}),
                "at `a`: `[\"x\"]` is not a value or a matcher",
            ),
            (
                json!({"$or": [{"a": [1]}, {"b": 1}]}),
                "at `$or`: at `b`: `1` is not a list of values",
            ),
        ] {
            let error = format!("{:#}", Pattern::parse(&pattern).unwrap_err());
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }
}
