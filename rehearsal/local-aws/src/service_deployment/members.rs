//! The members of a document, read with a sentence for one that does not fit.

use std::ops::RangeInclusive;

use serde_json::Value;

/// A text; absent and null are the same.
pub(super) fn text<'v>(of: &'v Value, member: &str) -> Result<Option<&'v str>, String> {
    match &of[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{member} must be a string."))
        }
    }
}

pub(super) fn boolean(of: &Value, member: &str) -> Result<Option<bool>, String> {
    match &of[member] {
        Value::Null => Ok(None),
        Value::Bool(given) => Ok(Some(*given)),
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{member} must be a boolean."))
        }
    }
}

pub(super) fn array<'v>(of: &'v Value, member: &str) -> Result<&'v [Value], String> {
    match &of[member] {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Object(_) => {
            Err(format!("{member} must be a list."))
        }
    }
}

/// A whole number within limits.
pub(super) fn integer(
    of: &Value,
    member: &str,
    limits: RangeInclusive<u64>,
) -> Result<Option<u64>, String> {
    let within = |given: &Value| {
        let given = given.as_u64().filter(|given| limits.contains(given));
        given.ok_or_else(|| {
            let (least, most) = (limits.start(), limits.end());
            format!("{member} must be between {least} and {most}.")
        })
    };
    let given = Some(&of[member]).filter(|given| !given.is_null());
    given.map(within).transpose()
}

/// A percentage within limits, in steps of 0.1.
pub(super) fn tenths(
    of: &Value,
    member: &str,
    limits: RangeInclusive<u32>,
) -> Result<Option<u32>, String> {
    let within = |given: &Value| {
        let scaled = given.as_f64().map(|percent| percent * 10.0);
        let whole = scaled.filter(|scaled| (scaled - scaled.round()).abs() < 1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number beyond the type becomes its limit, which the range refuses"
        )]
        let tenths = whole.map(|scaled| scaled.round() as u32);
        tenths
            .filter(|tenths| limits.contains(tenths))
            .ok_or_else(|| {
                let (least, most) = (limits.start(), limits.end());
                let percent = |tenths: &u32| format!("{}.{}", tenths / 10, tenths % 10);
                format!(
                    "{member} must be between {} and {}, in steps of 0.1.",
                    percent(least),
                    percent(most)
                )
            })
    };
    let given = Some(&of[member]).filter(|given| !given.is_null());
    given.map(within).transpose()
}
