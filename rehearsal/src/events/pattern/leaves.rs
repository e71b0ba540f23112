//! The leaves of an event: what a pattern's matchers see of it.

use std::collections::BTreeMap;

use serde_json::Value;

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
