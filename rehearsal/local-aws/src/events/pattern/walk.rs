//! Matches all fields of a pattern in one walk through an event.
//!
//! Fields that share the path to an array must match in the same element of it. So an array is searched for one element
//! in which all fields behind it match, and an object's members are matched independently: nothing is tried twice, and
//! the work is at most the event's size for each field and each array around it, whatever the event and the pattern.
//! (Trying the leaves of every field in turn would take the product of their numbers.)
//!
//! A field that may be absent needs to be absent only from the elements in which the fields before it match; the fields
//! are in the order of their paths, as in the engine. If none before it is in the same array, it has to be absent from the
//! whole array.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Field;
use crate::events::matcher::Matcher;

/// A field, and the rest of the path to it.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    path: &'a str,
    field: &'a Field,
    may_be_absent: bool,
}

/// Whether all these fields match.
pub(super) fn all_match(event: &Value, fields: &[Field]) -> bool {
    let mut wanted: Vec<_> = fields
        .iter()
        .map(|field| Wanted {
            path: &field.path,
            field,
            may_be_absent: field.one_of.contains(&Matcher::Exists(false)),
        })
        .collect();
    wanted.sort_by_key(|wanted| wanted.path);
    all_hold(event, &wanted)
}

/// Whether this path leads to a leaf. To a pattern an empty array or object is absent.
fn is_there(value: &Value, path: &str) -> bool {
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
fn all_hold(value: &Value, wanted: &[Wanted<'_>]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    match value {
        Value::Object(members) => {
            let mut by_name: BTreeMap<&str, Vec<Wanted<'_>>> = BTreeMap::new();
            for wanted in wanted {
                match way(members, *wanted) {
                    Some((name, path)) => {
                        let behind = Wanted { path, ..*wanted };
                        by_name.entry(name).or_default().push(behind);
                    }
                    None if wanted.may_be_absent => {}
                    None => return false,
                }
            }
            let mut members = by_name
                .into_iter()
                .filter_map(|(name, wanted)| Some((members.get(name)?, wanted)));
            members.all(|(value, wanted)| all_hold(value, &wanted))
        }
        Value::Array(items) => {
            let in_one_element = in_one_element(value, wanted);
            in_one_element.is_empty() || items.iter().any(|item| all_hold(item, &in_one_element))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            wanted.iter().all(|wanted| match wanted.path.is_empty() {
                true => wanted.field.one_of.iter().any(|one| one.matches(value)),
                false => wanted.may_be_absent,
            })
        }
    }
}

/// What must hold in one element of this array: without the fields that are absent from the array before another one
/// decides on an element.
fn in_one_element<'a>(array: &Value, wanted: &[Wanted<'a>]) -> Vec<Wanted<'a>> {
    let mut all: Vec<Wanted<'a>> = Vec::new();
    for wanted in wanted {
        let decides = all.is_empty();
        if !(decides && wanted.may_be_absent) {
            all.push(*wanted);
        } else if is_there(array, wanted.path) {
            all.push(Wanted {
                may_be_absent: false,
                ..*wanted
            });
        }
    }
    all
}

/// Returns the member on a path, and the rest of the path. Names may contain dots; of several candidates it is the
/// first one behind which the field matches.
fn way<'a>(members: &'a Map<String, Value>, wanted: Wanted<'a>) -> Option<(&'a str, &'a str)> {
    let mut ways: Vec<_> = ways(members, wanted.path).collect();
    if ways.len() > 1 {
        let matches = |value: &Value, path: &'a str| {
            let wanted = Wanted {
                path,
                may_be_absent: false,
                ..wanted
            };
            all_hold(value, &[wanted])
        };
        let matching = ways
            .iter()
            .position(|(_, value, rest)| matches(value, rest));
        let there = || {
            ways.iter()
                .position(|(_, value, rest)| is_there(value, rest))
        };
        let best = matching.or_else(there)?;
        ways.swap(0, best);
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
