//! One walk through an event for all fields of a pattern.
//!
//! Fields that share the way to a list must be found in the same member of it. So a list is asked for a member in which all
//! fields behind it hold, and an object for each of its values by itself: nothing is tried twice, and the work is at most
//! the event's size for each field, whatever event and pattern are. (Trying the leaves of every field in turn would take
//! the product of their numbers.)

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Field;

/// A field, and what is left of the way to it.
pub(super) type Wanted<'a> = (&'a str, &'a Field);

/// The fields of a pattern, seen from the whole event.
pub(super) fn wanted<'a>(fields: &[&'a Field]) -> Vec<Wanted<'a>> {
    let wanted = |field: &&'a Field| (field.path.as_str(), *field);
    fields.iter().map(wanted).collect()
}

/// Whether this path leads to anything. To a pattern an empty list or object is not there.
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

/// Whether all these fields hold, in one member of every list.
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

/// The member through which a path leads, and the rest of it. Names may hold dots; where several members lead on, it is the
/// first one that the field holds behind.
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

/// Every member through which a path leads, and the rest of the path.
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
