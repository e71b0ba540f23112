//! RegisterTaskDefinition: validation and defaults.
//!
//! Validation follows the API Reference. The error messages are widely reported ones, or inferred where a comment says
//! so; ECS is not consistent in them.

mod containers;
mod lifecycle;
mod size;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Fields of responses only: a registration that contains one of them does not set it.
const OUTPUT_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// The largest task definition: 64 KiB.
const LONGEST: usize = 64 * 1024;

/// Validates a registration and fills in ECS's defaults. The error is ECS's message (`ClientException`).
pub fn prepare(request: &Map<String, Value>) -> Result<(Map<String, Value>, Vec<Value>), String> {
    let mut registered = request.clone();
    registered.retain(|member, value| !OUTPUT_ONLY.contains(&member.as_str()) && !value.is_null());
    let tags = match registered.shift_remove("tags") {
        None => Vec::new(),
        Some(Value::Array(tags)) => tags,
        Some(_) => return Err("Tags must be a list.".to_owned()),
    };
    check_tags(&tags)?;
    let text = |member: &str| request.get(member).and_then(Value::as_str);
    check_family(text("family").unwrap_or_default())?;
    check_modes(&registered)?;
    containers::check(&registered)?;
    lifecycle::check(&registered)?;
    size::check(&mut registered)?;
    let length = Value::Object(registered.clone()).to_string().len();
    if length > LONGEST {
        return Err(format!(
            "Actual length: '{length}'. Max allowed length is '{LONGEST}' bytes."
        ));
    }
    let awsvpc = text("networkMode") == Some("awsvpc");
    if let Some(Value::Array(containers)) = registered.get_mut("containerDefinitions") {
        containers
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|container| complete(container, awsvpc));
    }
    for list in ["volumes", "placementConstraints"] {
        registered.entry(list).or_insert_with(|| json!([]));
    }
    Ok((registered, tags))
}

/// Fills in the fields that ECS returns even if the registration omits them.
fn complete(container: &mut Map<String, Value>, awsvpc: bool) {
    for (member, default) in [
        ("cpu", json!(0)),
        ("portMappings", json!([])),
        ("essential", json!(true)),
        ("environment", json!([])),
        ("mountPoints", json!([])),
        ("volumesFrom", json!([])),
    ] {
        container.entry(member).or_insert(default);
    }
    let mappings = container
        .get_mut("portMappings")
        .and_then(Value::as_array_mut);
    for mapping in mappings
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let port = if awsvpc {
            mapping.get("containerPort").cloned().unwrap_or_default()
        } else {
            json!(0)
        };
        mapping.entry("hostPort").or_insert(port);
        mapping.entry("protocol").or_insert(json!("tcp"));
    }
}

pub fn check_tags(tags: &[Value]) -> Result<(), String> {
    if tags.len() > 50 {
        return Err("Too many tags: the maximum number of tags is 50.".to_owned());
    }
    let mut keys = BTreeSet::new();
    for tag in tags {
        let (key, value) = (
            tag["key"].as_str().unwrap_or_default(),
            tag["value"].as_str().unwrap_or_default(),
        );
        let allowed = |text: &str| {
            text.chars()
                .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
        };
        match () {
            () if key.is_empty() || key.chars().count() > 128 => {
                return Err("Tag keys must have between 1 and 128 characters.".to_owned());
            }
            () if value.chars().count() > 256 => {
                return Err("Tag values must have up to 256 characters.".to_owned());
            }
            () if !allowed(key) || !allowed(value) => {
                return Err(format!("Some tags contain invalid characters: {key}"));
            }
            () if key.to_ascii_lowercase().starts_with("aws:") => {
                return Err("Tag keys must not begin with aws:.".to_owned());
            }
            () if !keys.insert(key) => return Err(format!("Duplicate tag keys found: {key}")),
            () => {}
        }
    }
    Ok(())
}

fn check_family(family: &str) -> Result<(), String> {
    let plain = family
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match family {
        "" => Err("Family can not be blank.".to_owned()),
        _ if family.len() > 255 => Err("Family is too long.".to_owned()),
        _ if !plain => Err("Family contains invalid characters.".to_owned()),
        _ => Ok(()),
    }
}

/// The messages are inferred.
fn check_modes(registered: &Map<String, Value>) -> Result<(), String> {
    let mode = registered.get("networkMode").and_then(Value::as_str);
    if mode.is_some_and(|mode| !["bridge", "host", "awsvpc", "none"].contains(&mode)) {
        return Err("Network mode must be one of bridge, host, awsvpc, none.".to_owned());
    }
    let known = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];
    let mut required = registered
        .get("requiresCompatibilities")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    if required.any(|wanted| !known.iter().any(|known| wanted == known)) {
        return Err(format!("Compatibilities must be of {}.", known.join(", ")));
    }
    Ok(())
}

/// Whether the task definition requires this compatibility.
fn requires(registered: &Map<String, Value>, launch_type: &str) -> bool {
    let required = registered
        .get("requiresCompatibilities")
        .and_then(Value::as_array);
    required.is_some_and(|list| list.contains(&json!(launch_type)))
}
