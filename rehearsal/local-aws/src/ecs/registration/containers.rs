//! The containers of a task definition: names, images, ports, memory, volumes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::requires;

/// A quota: containers of one task definition.
const MOST: usize = 10;

pub(super) fn check(registered: &Map<String, Value>) -> Result<(), String> {
    let containers = registered
        .get("containerDefinitions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        return Err("Container list cannot be empty.".to_owned());
    }
    if containers.len() > MOST {
        return Err(format!(
            "Task definition cannot have more than {MOST} containers."
        ));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let name = check_name(container)?;
        if !names.insert(name) {
            return Err(format!("Duplicate container name '{name}'."));
        }
        check_image(container)?;
        check_memory(container, registered)?;
        check_volumes(container, registered)?;
        check_links(container, registered)?;
        check_secrets(container, registered)?;
    }
    check_ports(containers, registered)?;
    if containers
        .iter()
        .all(|container| container["essential"] == json!(false))
    {
        return Err("Task definition must have at least one essential container.".to_owned());
    }
    Ok(())
}

fn check_name(container: &Value) -> Result<&str, String> {
    let name = container["name"].as_str().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match name {
        "" => Err("Container.name should not be null or empty.".to_owned()),
        _ if name.len() > 255 => Err("Container.name should be 255 characters or less.".to_owned()),
        _ if !name.bytes().all(plain) => {
            Err("Container.name contains invalid characters.".to_owned())
        }
        _ => Ok(name),
    }
}

/// `repository:tag` or `repository@sha256:…`. It is not confirmed whether ECS accepts both together, so they are
/// accepted.
fn check_image(container: &Value) -> Result<(), String> {
    let image = container["image"].as_str().unwrap_or_default();
    let (named, digest) = match image.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (image, None),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:./#".contains(&byte);
    let is_digest = |digest: &str| {
        let hash = digest.strip_prefix("sha256:").unwrap_or_default();
        hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    match () {
        () if image.is_empty() => Err("Container.image should not be null or empty.".to_owned()),
        () if named.len() > 255 => {
            Err("Container.image repository should be 255 characters or less.".to_owned())
        }
        () if !named.bytes().all(allowed) => {
            Err("Container.image contains invalid characters.".to_owned())
        }
        // Inferred.
        () if digest.is_some_and(|digest| !is_digest(digest)) => {
            Err("Container.image digest must be sha256 with 64 hexadecimal characters.".to_owned())
        }
        () => Ok(()),
    }
}

/// Without memory at the task level, every container needs its own setting.
fn check_memory(container: &Value, registered: &Map<String, Value>) -> Result<(), String> {
    let name = container["name"].as_str().unwrap_or_default();
    let (hard, soft) = (
        container["memory"].as_i64(),
        container["memoryReservation"].as_i64(),
    );
    match (hard, soft) {
        (None, None) if !registered.contains_key("memory") => Err(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        )),
        (Some(hard), Some(soft)) if hard < soft => Err(format!(
            "Invalid setting for container '{name}'. 'memory' must be greater than 'memoryReservation'."
        )),
        (_, _) => Ok(()),
    }
}

fn check_volumes(container: &Value, registered: &Map<String, Value>) -> Result<(), String> {
    let volumes = registered.get("volumes").and_then(Value::as_array);
    let known = |name: &Value| {
        let mut volumes = volumes.into_iter().flatten();
        volumes.any(|volume| volume["name"] == *name)
    };
    let mounts = container["mountPoints"].as_array().into_iter().flatten();
    match mounts
        .map(|mount| &mount["sourceVolume"])
        .find(|name| !name.is_null() && !known(name))
    {
        Some(name) => Err(format!(
            "Unknown volume '{}'.",
            name.as_str().unwrap_or_default()
        )),
        None => Ok(()),
    }
}

/// Links are a Docker feature of bridge mode only; a privileged container controls its host. The messages are inferred.
fn check_links(container: &Value, registered: &Map<String, Value>) -> Result<(), String> {
    let mode = registered.get("networkMode").and_then(Value::as_str);
    let links = container["links"]
        .as_array()
        .is_some_and(|links| !links.is_empty());
    match (links, mode) {
        (true, Some(mode @ ("awsvpc" | "host" | "none"))) => {
            Err(format!("Links are not supported when networkMode={mode}."))
        }
        (_, _) if container["privileged"] == true && requires(registered, "FARGATE") => {
            Err("Fargate requires that 'privileged' is not specified or set to false.".to_owned())
        }
        (_, _) => Ok(()),
    }
}

/// As public reports quote the two sentences.
fn check_secrets(container: &Value, registered: &Map<String, Value>) -> Result<(), String> {
    let secrets = container["secrets"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !secrets.is_empty() && !registered.contains_key("executionRoleArn") {
        return Err(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
                .to_owned(),
        );
    }
    let variables = container["environment"].as_array().into_iter().flatten();
    let mut names: BTreeSet<&str> = variables.filter_map(|one| one["name"].as_str()).collect();
    for secret in secrets {
        let name = secret["name"].as_str().unwrap_or_default();
        if !names.insert(name) {
            return Err(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the \
                 container, such as '{name}'."
            ));
        }
    }
    Ok(())
}

fn check_ports(containers: &[Value], registered: &Map<String, Value>) -> Result<(), String> {
    let mode = registered.get("networkMode").and_then(Value::as_str);
    let mut fixed = BTreeSet::new();
    let mappings = containers
        .iter()
        .flat_map(|container| container["portMappings"].as_array().into_iter().flatten());
    for mapping in mappings {
        // A port range has no single host port to check.
        if !mapping["containerPortRange"].is_null() {
            continue;
        }
        let host = mapping["hostPort"].as_i64().filter(|&port| port != 0);
        let protocol = mapping["protocol"].as_str().unwrap_or("tcp");
        let Some(container) = mapping["containerPort"].as_i64() else {
            return Err("Container port must be specified in a port mapping.".to_owned());
        };
        match (mode, host) {
            _ if ![container, host.unwrap_or(1)]
                .iter()
                .all(|port| (1..=65535).contains(port)) =>
            {
                return Err("Ports must be between 1 and 65535.".to_owned());
            }
            _ if !["tcp", "udp"].contains(&protocol) => {
                return Err("Protocol must be one of tcp, udp.".to_owned());
            }
            (Some("none"), _) => {
                return Err("Port mappings are not supported when networkMode=none.".to_owned());
            }
            (Some(mode @ ("awsvpc" | "host")), Some(host)) if host != container => {
                return Err(format!(
                    "When networkMode={mode}, the host ports and container ports in port mappings must match."
                ));
            }
            (_, Some(host)) if !fixed.insert((host, protocol)) => {
                return Err(format!("Host port {host} is used more than once."));
            }
            (_, _) => {}
        }
    }
    Ok(())
}
