//! Whether two task definitions mean the same.

use serde_json::{Map, Value};

/// The same definition in one form. ECS promises neither the order in which it gives back what has names (environment
/// variables, ports, tags), nor to leave out what is empty or off where a request did.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members
                .iter()
                .map(|(name, value)| (name.clone(), canonical_member(name, value)))
                .filter(|(name, value)| !is_left_out(name, value))
                .collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            if items.iter().all(Value::is_object) {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn canonical_member(name: &str, value: &Value) -> Value {
    let mut value = canonical(value);
    // The one list of plain texts whose order says nothing; in a command it does.
    if let (REQUIRES_COMPATIBILITIES, Some(items)) = (name, value.as_array_mut()) {
        items.sort_by_key(Value::to_string);
    }
    value
}

const REQUIRES_COMPATIBILITIES: &str = "requiresCompatibilities";

/// Empty and off are what is left out, but for the one switch that is on by default (ECS API Reference,
/// ContainerDefinition).
fn is_left_out(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on && name != "essential",
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) | Value::String(_) => false,
    }
}
