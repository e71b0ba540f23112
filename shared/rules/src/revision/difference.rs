//! What a next revision would change, for people who ask before they deploy.
//!
//! Images, numbers, switches and the few texts that cannot hold a secret are shown, old and new. Everything else is named and not shown:
//! values of a task definition may be secrets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{OUTPUT_ONLY, OWN_TAGS, sameness::canonical};
use crate::observed::TaskDefinition;

/// One line a change between a revision and the next one; none where they are the same.
pub fn difference(definition: &TaskDefinition, next: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let (before, next) = (&canonical(&definition.task_definition), &canonical(next));
    for field in fields(before, next) {
        match field {
            "containerDefinitions" => containers(&before[field], &next[field], &mut lines),
            "tags" => {}
            field if OUTPUT_ONLY.contains(&field) => {}
            field => lines.extend(field_changed(field, "", &before[field], &next[field])),
        }
    }
    let own =
        |key: &str| !key.starts_with(OWN_TAGS) && !key.to_ascii_lowercase().starts_with("aws:");
    named(
        "tag",
        "key",
        &canonical(&definition.tags),
        &next["tags"],
        own,
        &mut lines,
    );
    lines
}

fn containers(before: &Value, next: &Value, lines: &mut Vec<String>) {
    for name in names("name", before, next) {
        let title = format!("container `{name}`");
        match (
            named_item(before, "name", name),
            named_item(next, "name", name),
        ) {
            (Some(before), Some(next)) => {
                for field in fields(before, next) {
                    container_field(&title, field, before, next, lines);
                }
            }
            (before, next) => lines.extend(changed(
                before.unwrap_or(&Value::Null),
                next.unwrap_or(&Value::Null),
                &title,
            )),
        }
    }
}

fn container_field(
    title: &str,
    field: &str,
    before: &Value,
    next: &Value,
    lines: &mut Vec<String>,
) {
    let (before, next) = (&before[field], &next[field]);
    match field {
        "image" if before != next => {
            let image = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            lines.push(format!("{title}: `{}` -> `{}`", image(before), image(next)));
        }
        "environment" | "secrets" => {
            let kind = if field == "secrets" {
                "secret"
            } else {
                "environment variable"
            };
            let title = format!("{title}: {kind}");
            named(&title, "name", before, next, |_| true, lines);
        }
        field => lines.extend(field_changed(field, &format!("{title}: "), before, next)),
    }
}

/// What is added, removed or changed in a list whose items are told apart by `key`.
fn named(
    title: &str,
    key: &str,
    before: &Value,
    next: &Value,
    counts: impl Fn(&str) -> bool,
    lines: &mut Vec<String>,
) {
    for name in names(key, before, next)
        .into_iter()
        .filter(|name| counts(name))
    {
        let item = |list| named_item(list, key, name).unwrap_or(&Value::Null);
        lines.extend(changed(
            item(before),
            item(next),
            &format!("{title} `{name}`"),
        ));
    }
}

/// Fields whose texts cannot hold a secret: sizes, and words of a list of AWS's.
const SHOWN: [&str; 6] = [
    "cpu",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "versionConsistency",
];

/// A field that is set in both is shown with old and new where it may be.
fn field_changed(field: &str, of: &str, before: &Value, next: &Value) -> Option<String> {
    let shown = |value: &Value| match value {
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::String(text) if SHOWN.contains(&field) => Some(text.clone()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match (shown(before), shown(next)) {
        (Some(before), Some(next)) if before != next => {
            Some(format!("{of}`{field}`: `{before}` -> `{next}`"))
        }
        (_, _) => changed(before, next, &format!("{of}`{field}`")),
    }
}

fn changed(before: &Value, next: &Value, what: &str) -> Option<String> {
    let verb = match (before.is_null(), next.is_null()) {
        _ if before == next => return None,
        (true, _) => "is added",
        (_, true) => "is removed",
        (false, false) => "changes",
    };
    Some(format!("{what} {verb}"))
}

fn fields<'a>(before: &'a Value, next: &'a Value) -> BTreeSet<&'a str> {
    let of = |value: &'a Value| {
        value
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys())
    };
    of(before).chain(of(next)).map(String::as_str).collect()
}

fn names<'a>(key: &str, before: &'a Value, next: &'a Value) -> BTreeSet<&'a str> {
    let items = [before, next]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten();
    items.filter_map(|item| item[key].as_str()).collect()
}

fn named_item<'a>(list: &'a Value, key: &str, name: &str) -> Option<&'a Value> {
    list.as_array()?
        .iter()
        .find(|item| item[key].as_str() == Some(name))
}
