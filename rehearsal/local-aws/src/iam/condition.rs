//! The `Condition` of a policy statement.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::Value;

use super::wildcard::arn_like;
use crate::wildcard::like;

/// The condition keys that a call carries, each with its values. Keys have no case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Vec<String>>);

/// Every key that a call may carry here. A condition on another one would never hold here, and might on AWS.
const KNOWN: [&str; 12] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:tagkeys",
    "ecs:cluster",
    "ecs:createaction",
    "ecs:service",
    "events:detail-type",
    "events:source",
    "iam:passedtoservice",
];
/// The key of one tag of the request.
const REQUEST_TAG: &str = "aws:requesttag/";

/// One line of a statement's `Condition`: an operator, a key, the values that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    comparison: Comparison,
    negated: bool,
    of: Of,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualInAnyCase,
    Like,
    Arn,
    Boolean,
    Null,
}

/// How many of the call's values must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    TheValue,
    AnyValue,
    AllValues,
}

const OPERATORS: [(&str, Comparison, bool); 12] = [
    ("StringEquals", Comparison::Equal, false),
    ("StringNotEquals", Comparison::Equal, true),
    ("StringEqualsIgnoreCase", Comparison::EqualInAnyCase, false),
    (
        "StringNotEqualsIgnoreCase",
        Comparison::EqualInAnyCase,
        true,
    ),
    ("StringLike", Comparison::Like, false),
    ("StringNotLike", Comparison::Like, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnNotLike", Comparison::Arn, true),
    ("Bool", Comparison::Boolean, false),
    ("Null", Comparison::Null, false),
];

impl Keys {
    /// Whether this key is among them.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(&key.to_lowercase())
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Keys {
        self.0
            .entry(key.to_lowercase())
            .or_default()
            .push(value.into());
        self
    }

    /// Adds a value unless the key has one.
    #[must_use]
    pub fn or(self, key: &str, value: &str) -> Keys {
        match self.0.contains_key(&key.to_lowercase()) {
            true => self,
            false => self.with(key, value),
        }
    }
}

impl Condition {
    /// Every line of a `Condition` element.
    pub(super) fn parse(element: &Value) -> anyhow::Result<Vec<Condition>> {
        let blocks = element.as_object().with_context(|| {
            format!("`Condition` is `{element}`, expected operators with their keys")
        })?;
        let mut conditions = Vec::new();
        for (operator, keys) in blocks {
            let keys = keys.as_object().with_context(|| {
                format!("`{operator}` is `{keys}`, expected keys with their values")
            })?;
            for (key, values) in keys {
                conditions.push(Condition::line(operator, key, values)?);
            }
        }
        Ok(conditions)
    }

    fn line(written: &str, key: &str, values: &Value) -> anyhow::Result<Condition> {
        let (of, operator) = match written.split_once(':') {
            None => (Of::TheValue, written),
            Some(("ForAnyValue", operator)) => (Of::AnyValue, operator),
            Some(("ForAllValues", operator)) => (Of::AllValues, operator),
            Some(_) => bail!("`{written}` is not a condition operator"),
        };
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator, false),
        };
        let known = OPERATORS.into_iter().find(|(name, ..)| *name == operator);
        let (_, comparison, negated) = known.with_context(|| {
            format!(
                "the rehearsal does not evaluate the condition operator `{written}` (hint: it knows {})",
                OPERATORS.map(|(name, ..)| format!("`{name}`")).join(", ")
            )
        })?;
        if comparison == Comparison::Null && (if_exists || of != Of::TheValue) {
            bail!("`{written}` is not a condition operator");
        }
        let key = key.to_lowercase();
        if !KNOWN.contains(&key.as_str()) && !key.starts_with(REQUEST_TAG) {
            bail!(
                "the rehearsal's calls do not carry the condition key `{key}` (hint: it knows {})",
                KNOWN.map(|key| format!("`{key}`")).join(", ")
            );
        }
        let values = texts(values).with_context(|| format!("of `{key}`"))?;
        Ok(Condition {
            comparison,
            negated,
            of,
            if_exists,
            key,
            values,
        })
    }

    /// The key that it compares, in lower case.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn holds(&self, keys: &Keys) -> bool {
        let carried = keys.0.get(&self.key);
        if self.comparison == Comparison::Null {
            return self
                .values
                .iter()
                .any(|value| (value == "true") == carried.is_none());
        }
        let Some(carried) = carried else {
            // An absent key differs from every value. Of no values, none compares for `ForAnyValue`, and all do for
            // `ForAllValues`.
            return self.if_exists
                || match self.of {
                    Of::TheValue => self.negated,
                    Of::AnyValue => false,
                    Of::AllValues => true,
                };
        };
        let compares =
            |value: &String| self.values.iter().any(|wanted| self.compare(wanted, value));
        match self.of {
            Of::TheValue => carried.iter().any(compares) != self.negated,
            Of::AnyValue => carried.iter().any(|value| compares(value) != self.negated),
            Of::AllValues => carried.iter().all(|value| compares(value) != self.negated),
        }
    }

    fn compare(&self, wanted: &str, value: &str) -> bool {
        match self.comparison {
            Comparison::Equal => wanted == value,
            Comparison::EqualInAnyCase | Comparison::Boolean | Comparison::Null => {
                wanted.to_lowercase() == value.to_lowercase()
            }
            Comparison::Like => like(wanted, value),
            Comparison::Arn => arn_like(wanted, value),
        }
    }
}

/// A string or an array of strings, as policies allow everywhere.
pub(super) fn texts(value: &Value) -> anyhow::Result<Vec<String>> {
    let of = |value: &Value| match value {
        Value::String(text) if text.contains("${") => {
            bail!("the rehearsal does not evaluate policy variables such as in `{text}`")
        }
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => bail!("`{value}` is not a text"),
    };
    let values = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts: Vec<String> = values.iter().map(of).collect::<anyhow::Result<_>>()?;
    if texts.is_empty() {
        bail!("an empty list stands where a text is expected");
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(condition: Value, cases: &[(&[(&str, &str)], bool)]) {
        let conditions = Condition::parse(&condition).unwrap();
        for (pairs, expected) in cases {
            let keys = pairs
                .iter()
                .fold(Keys::default(), |keys, (key, value)| keys.with(key, *value));
            let holds = conditions.iter().all(|condition| condition.holds(&keys));
            assert_eq!(holds, *expected, "{condition} {pairs:?}");
        }
    }

    #[test]
    fn a_key_compares_with_any_of_the_values() {
        check(
            json!({ "StringEquals": { "ecs:CreateAction": ["RunTask", "RegisterTaskDefinition"] } }),
            &[
                (&[("ECS:createaction", "RunTask")], true),
                (&[("ecs:CreateAction", "CreateService")], false),
                (&[("ecs:CreateAction", "runtask")], false),
                (&[], false),
            ],
        );
        check(
            json!({ "StringNotEquals": { "ecs:CreateAction": ["RunTask", "CreateService"] } }),
            &[
                (&[("ecs:CreateAction", "RunTask")], false),
                (&[("ecs:CreateAction", "RegisterTaskDefinition")], true),
                (&[], true),
            ],
        );
    }

    #[test]
    fn every_operator_compares_as_iam_says() {
        let cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod";
        for (operator, value, expected) in [
            ("StringEqualsIgnoreCase", cluster.to_uppercase(), true),
            ("StringLike", "*cluster/p*".to_owned(), true),
            ("StringNotLike", "*cluster/p*".to_owned(), false),
            (
                "StringEquals",
                "arn:aws:ecs:*:*:cluster/prod".to_owned(),
                false,
            ),
            ("ArnEquals", "arn:aws:ecs:*:*:cluster/prod".to_owned(), true),
            ("ArnLike", "arn:aws:ecs:*:*:cluster/prod".to_owned(), true),
            ("ArnLike", "*cluster/prod".to_owned(), false),
            ("ArnNotLike", "arn:aws:ecs:*:*:cluster/dev".to_owned(), true),
        ] {
            let condition = json!({ operator: { "ecs:cluster": value } });
            check(condition, &[(&[("ecs:cluster", cluster)], expected)]);
        }
    }

    #[test]
    fn a_missing_key_is_what_the_operator_says() {
        check(
            json!({ "StringEqualsIfExists": { "ecs:CreateAction": "RunTask" } }),
            &[
                (&[], true),
                (&[("ecs:CreateAction", "RunTask")], true),
                (&[("ecs:CreateAction", "x")], false),
            ],
        );
        check(
            json!({ "Null": { "ecs:cluster": "true" } }),
            &[(&[], true), (&[("ecs:cluster", "c")], false)],
        );
        check(
            json!({ "Null": { "ecs:cluster": false } }),
            &[(&[], false), (&[("ecs:cluster", "c")], true)],
        );
    }

    #[test]
    fn sets_of_values_are_compared_one_by_one() {
        let (both, one): (&[_], &[_]) = (
            &[("aws:TagKeys", "a"), ("aws:TagKeys", "b")],
            &[("aws:TagKeys", "a")],
        );
        check(
            json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["a", "c"] } }),
            &[(both, false), (one, true), (&[], true)],
        );
        check(
            json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["a", "c"] } }),
            &[(both, true), (one, true), (&[], false)],
        );
        check(
            json!({ "ForAnyValue:StringNotEquals": { "aws:TagKeys": "a" } }),
            &[(both, true), (one, false), (&[], false)],
        );
    }

    #[test]
    fn what_is_not_evaluated_is_refused() {
        for (condition, expected) in [
            (
                json!({ "DateLessThan": { "aws:TagKeys": "x" } }),
                "does not evaluate the condition operator `DateLessThan`",
            ),
            (
                json!({ "ForSome:StringEquals": { "aws:TagKeys": "x" } }),
                "`ForSome:StringEquals` is not",
            ),
            (
                json!({ "NullIfExists": { "aws:TagKeys": "true" } }),
                "`NullIfExists` is not",
            ),
            (
                json!({ "StringEquals": { "ecs:task-cpu": "256" } }),
                "do not carry the condition key `ecs:task-cpu`",
            ),
            (
                json!({ "StringEquals": { "aws:TagKeys": "${aws:username}" } }),
                "of `aws:tagkeys`",
            ),
            (
                json!({ "StringEquals": { "aws:TagKeys": [] } }),
                "of `aws:tagkeys`",
            ),
            (json!({ "StringEquals": "x" }), "`StringEquals` is `\"x\"`"),
            (json!([]), "`Condition` is `[]`"),
        ] {
            let error = format!("{:#}", Condition::parse(&condition).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        let tag = json!({ "StringEquals": { "aws:RequestTag/team": "shop" } });
        check(tag, &[(&[("aws:RequestTag/team", "shop")], true)]);
    }
}
