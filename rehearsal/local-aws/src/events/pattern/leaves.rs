//! The reference implementation for `walk`: the leaves of an event with their positions in arrays, matched by trying
//! every combination. It takes exponential time, so only tests may use it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Field;
use crate::events::matcher::Matcher;

/// A value that is neither an object nor an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf<'a> {
    /// The names on its path, joined with dots; array positions are not part of it.
    pub(super) path: String,
    pub(super) value: &'a Value,
    /// Its element in each array of objects on the path.
    members: BTreeMap<usize, usize>,
}

impl Leaf<'_> {
    /// Adds this leaf's elements to those of other leaves; `None` if it is in another element of the same array.
    pub(super) fn together_with(
        &self,
        others: &BTreeMap<usize, usize>,
    ) -> Option<BTreeMap<usize, usize>> {
        let agrees =
            |(list, member): (&usize, &usize)| others.get(list).is_none_or(|other| other == member);
        if !self.members.iter().all(agrees) {
            return None;
        }
        let mut members = others.clone();
        members.extend(&self.members);
        Some(members)
    }
}

/// Returns every leaf of an event. An empty array or object has none: to a pattern it is absent.
pub(super) fn leaves(event: &Value) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    let mut lists = 0;
    walk(event, "", &BTreeMap::new(), &mut lists, &mut found);
    found
}

fn walk<'a>(
    value: &'a Value,
    path: &str,
    members: &BTreeMap<usize, usize>,
    lists: &mut usize,
    found: &mut Vec<Leaf<'a>>,
) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                walk(inner, &path, members, lists, found);
            }
        }
        Value::Array(items) => {
            let list = *lists;
            *lists += 1;
            for (member, item) in items.iter().enumerate() {
                let mut members = members.clone();
                members.insert(list, member);
                walk(item, path, &members, lists, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(Leaf {
            path: path.to_owned(),
            value,
            members: members.clone(),
        }),
    }
}

/// Whether each field has a matching leaf, all in the same elements of the arrays that they share. The fields are in the
/// order of their paths; one that may be absent is so if it has no leaf in the elements of those before it.
pub(super) fn all_match(
    fields: &[&Field],
    leaves: &[Leaf<'_>],
    members: &BTreeMap<usize, usize>,
) -> bool {
    let Some((field, rest)) = fields.split_first() else {
        return true;
    };
    let mut there = leaves
        .iter()
        .filter(|leaf| leaf.path == field.path && leaf.together_with(members).is_some())
        .peekable();
    if there.peek().is_none() {
        return field.one_of.contains(&Matcher::Exists(false)) && all_match(rest, leaves, members);
    }
    there.any(|leaf| {
        let matches = field
            .one_of
            .iter()
            .any(|matcher| matcher.matches(leaf.value));
        let together = leaf.together_with(members).filter(|_| matches);
        together.is_some_and(|members| all_match(rest, leaves, &members))
    })
}
