//! An answer beside the members that were recorded.

use serde_json::Value;

/// Any text or number.
const ANY: &str = "…";

/// Where the answer lacks something that is expected, or has something else.
pub(super) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    compare("", expected, found, &mut all);
    all
}

fn compare(path: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(members), Value::Object(_)) => {
            for (member, expected) in members {
                compare(&format!("{path}.{member}"), expected, &found[member], all);
            }
        }
        (Value::Array(expected), Value::Array(items)) if !expected.is_empty() => {
            for (number, expected) in expected.iter().enumerate() {
                let item = items.get(number).unwrap_or(&Value::Null);
                compare(&format!("{path}[{number}]"), expected, item, all);
            }
        }
        // XML has no empty list and no empty structure.
        (Value::Array(expected), Value::String(text)) if expected.is_empty() && text.is_empty() => {
        }
        (Value::Object(_), Value::String(text)) if text.is_empty() => {
            compare(path, expected, &serde_json::json!({}), all);
        }
        (Value::String(any), Value::String(_) | Value::Number(_)) if any == ANY => {}
        (_, _) if expected == found || is_the_same_in_xml(expected, found) => {}
        (_, Value::Null) => all.push(format!("`{path}` is absent")),
        (Value::Null, _) => all.push(format!("`{path}` is {found}, expected none")),
        (_, _) => all.push(format!("`{path}` is {found}, expected {expected}")),
    }
}

/// XML has texts only, JSON writes one number in several ways.
fn is_the_same_in_xml(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        (Value::Bool(value), Value::String(text)) => *text == value.to_string(),
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (_, _) => false,
    }
}
