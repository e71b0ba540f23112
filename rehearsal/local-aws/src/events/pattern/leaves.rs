//! The leaves of an event, each with the places in lists that lead there, and a pattern matched by trying all of them in
//! every way: what `walk` is compared with. It takes exponential time, so nothing but tests may use it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Field;
use crate::events::matcher::Matcher;

/// A value that is no object and no list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf<'a> {
    /// The names on the way to it, joined with dots; lists leave no trace in it.
    pub(super) path: String,
    pub(super) value: &'a Value,
    /// Which member it lies in, of each list of objects on the way.
    members: BTreeMap<usize, usize>,
}

impl Leaf<'_> {
    /// The members that other leaves lie in and this one too; none when it lies in another member of the same list.
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

/// Every leaf of an event. An empty list or object has none: to a pattern it is not there.
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

/// Whether each field finds a leaf, all of them in the same members of the lists that they share.
pub(super) fn all_match(
    fields: &[Field],
    leaves: &[Leaf<'_>],
    members: &BTreeMap<usize, usize>,
) -> bool {
    let Some((field, rest)) = fields.split_first() else {
        return true;
    };
    let mut there = leaves
        .iter()
        .filter(|leaf| leaf.path == field.path)
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
