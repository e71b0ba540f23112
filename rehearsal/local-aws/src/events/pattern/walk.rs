//! Matches all fields of a pattern in one walk through an event.
//!
//! Fields that share the path to an array must match in the same element of it. So an array is searched for one element
//! in which all fields behind it match, and an object's members are matched independently: nothing is tried twice, and
//! the work is at most the event's size for each field, whatever the event and the pattern. (Trying the leaves of every
//! field in turn would take the product of their numbers.)

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Field;

/// A field, and the rest of the path to it.
pub(super) type Wanted<'a> = (&'a str, &'a Field);

/// The fields of a pattern, relative to the whole event.
pub(super) fn wanted<'a>(fields: &[&'a Field]) -> Vec<Wanted<'a>> {
    let wanted = |field: &&'a Field| (field.path.as_str(), *field);
    fields.iter().map(wanted).collect()
}

/// Whether this path leads to a leaf. To a pattern an empty array or object is absent.
pub(super) fn is_there(value: &Value, path: &str) -> bool {
    match value {
        Value::Object(members) => {
            let mut ways = ways(members, path);
            ways.any(|(_, value, rest)| is_there(value, rest))
        }
        Value::Array(items) => items.iter().any(|item| is_there(item, path)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => path.is_empty(),
    }
}

/// Whether all these fields match, in one element of every array.
pub(super) fn all_hold(value: &Value, wanted: &[Wanted<'_>]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    match value {
        Value::Object(members) => {
            let mut by_name: BTreeMap<&str, Vec<Wanted<'_>>> = BTreeMap::new();
            for (path, field) in wanted {
                let Some((name, rest)) = way(members, path, field) else {
                    return false;
                };
                by_name.entry(name).or_default().push((rest, field));
            }
            let mut members = by_name
                .into_iter()
                .filter_map(|(name, wanted)| Some((members.get(name)?, wanted)));
            members.all(|(value, wanted)| all_hold(value, &wanted))
        }
        Value::Array(items) => items.iter().any(|item| all_hold(item, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            wanted.iter().all(|(path, field)| {
                path.is_empty() && field.one_of.iter().any(|matcher| matcher.matches(value))
            })
        }
    }
}

/// Returns the member on a path, and the rest of the path. Names may contain dots; of several candidates it is the
/// first one behind which the field matches.
fn way<'a>(
    members: &'a Map<String, Value>,
    path: &'a str,
    field: &'a Field,
) -> Option<(&'a str, &'a str)> {
    let mut ways: Vec<_> = ways(members, path).collect();
    if ways.len() > 1 {
        ways.retain(|(_, value, rest)| all_hold(value, &[(rest, field)]));
    }
    let (name, _, rest) = ways.first()?;
    Some((name, rest))
}

/// Returns every member on a path, and the rest of the path.
fn ways<'a>(
    members: &'a Map<String, Value>,
    path: &'a str,
) -> impl Iterator<Item = (&'a str, &'a Value, &'a str)> {
    let dots = path.match_indices('.').map(|(at, _)| (at, at + 1));
    let ends = dots.chain([(path.len(), path.len())]);
    ends.filter(|_| !path.is_empty()).filter_map(|(end, next)| {
        let (name, value) = members.get_key_value(&path[..end])?;
        Some((name.as_str(), value, &path[next..]))
    })
}
