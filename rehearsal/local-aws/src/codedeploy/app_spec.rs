//! Parses and validates the AppSpec of an ECS deployment.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::lifecycle::LifecycleEvent;
use crate::template::yaml;

/// The contents of an AppSpec.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSpec {
    /// ARN with revision.
    pub task_definition: String,
    pub container: String,
    pub port: u16,
    pub platform_version: Option<String>,
    /// In the ECS API's shape; if absent, the service's own applies.
    pub network_configuration: Option<Value>,
    /// In the ECS API's shape; if absent, the service's own launch type or strategy applies.
    pub capacity_provider_strategy: Option<Value>,
    pub hooks: BTreeMap<LifecycleEvent, String>,
}

/// Parses JSON or YAML. The error is the message of InvalidRevisionException: the one for a document that is neither
/// was observed, the others are inferred.
pub fn parse(content: &str) -> Result<AppSpec, String> {
    read(content).map_err(|detail| {
        format!(
            "The deployment failed because the AppSpec file that specifies the deployment configuration is missing or \
             has an invalid configuration. {detail}"
        )
    })
}

fn read(content: &str) -> Result<AppSpec, String> {
    let spec = document(content)?;
    let spec = spec
        .as_object()
        .ok_or("The AppSpec file must be an object")?;
    let known = ["version", "Resources", "resources", "Hooks", "hooks"];
    only(spec, &known, "the AppSpec file")?;
    match spec.get("version") {
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
        Some(Value::String(text)) if text == "0.0" => {}
        Some(_) | None => return Err("The version must be 0.0".to_owned()),
    }
    let properties = target_service(spec)?;
    let balanced = object(properties.get("LoadBalancerInfo"), "LoadBalancerInfo")?;
    only(
        balanced,
        &["ContainerName", "ContainerPort"],
        "LoadBalancerInfo",
    )?;
    Ok(AppSpec {
        task_definition: task_definition(properties)?,
        container: text(balanced.get("ContainerName"), "ContainerName")?,
        port: port(balanced)?,
        platform_version: given(properties, "PlatformVersion")
            .map(|version| text(Some(version), "PlatformVersion"))
            .transpose()?,
        network_configuration: given(properties, "NetworkConfiguration")
            .map(network)
            .transpose()?,
        capacity_provider_strategy: given(properties, "CapacityProviderStrategy")
            .map(strategy)
            .transpose()?,
        hooks: hooks(either(spec, "Hooks", "hooks")?)?,
    })
}

/// Every JSON document is also YAML, but the JSON parser is more exact about numbers and strings, so it runs first.
fn document(content: &str) -> Result<Value, String> {
    let malformed =
        "The input AppSpec file is a not well-formed yaml. The template cannot be parsed.";
    serde_json::from_str(content)
        .or_else(|_| yaml::read(content))
        .map_err(|_| malformed.to_owned())
}

fn task_definition(properties: &Map<String, Value>) -> Result<String, String> {
    let arn = text(properties.get("TaskDefinition"), "TaskDefinition")?;
    let revision = arn
        .split_once(":task-definition/")
        .and_then(|(_, name)| name.rsplit_once(':'));
    match revision {
        Some((_, number)) if number.parse::<u32>().is_ok() => Ok(arn),
        Some(_) | None => Err(format!(
            "TaskDefinition must be an ARN with revision: {arn}"
        )),
    }
}

fn port(balanced: &Map<String, Value>) -> Result<u16, String> {
    let port = balanced.get("ContainerPort").and_then(Value::as_u64);
    port.and_then(|port| u16::try_from(port).ok())
        .filter(|&port| port > 0)
        .ok_or_else(|| "ContainerPort must be a number from 1 to 65535".to_owned())
}

fn target_service(spec: &Map<String, Value>) -> Result<&Map<String, Value>, String> {
    let resources = either(spec, "Resources", "resources")?
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let Some([resource]) = resources else {
        return Err("Resources must be a list of exactly one TargetService".to_owned());
    };
    let service = object(resource.get("TargetService"), "TargetService")?;
    match service.get("Type").and_then(Value::as_str) {
        Some("AWS::ECS::Service") => {}
        Some(_) | None => return Err("Type must be AWS::ECS::Service".to_owned()),
    }
    let properties = object(service.get("Properties"), "Properties")?;
    let known = [
        "TaskDefinition",
        "LoadBalancerInfo",
        "PlatformVersion",
        "NetworkConfiguration",
        "CapacityProviderStrategy",
    ];
    only(properties, &known, "Properties")?;
    Ok(properties)
}

fn hooks(list: Option<&Value>) -> Result<BTreeMap<LifecycleEvent, String>, String> {
    let Some(list) = list.filter(|list| !list.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let list = list.as_array().ok_or("Hooks must be a list")?;
    let mut hooks = BTreeMap::new();
    for hook in list {
        let members = hook.as_object().filter(|members| members.len() == 1);
        let (name, function) = members
            .and_then(|members| members.iter().next())
            .ok_or("each of Hooks must be one lifecycle event with one function")?;
        let event = LifecycleEvent::hook(name)
            .ok_or_else(|| format!("{name} is not a lifecycle event that takes a hook"))?;
        if hooks.insert(event, text(Some(function), name)?).is_some() {
            return Err(format!("{name} is named twice in Hooks"));
        }
    }
    Ok(hooks)
}

/// Converts the AppSpec's capitalized names to those of the API.
fn network(value: &Value) -> Result<Value, String> {
    let configuration = object(Some(value), "NetworkConfiguration")?;
    only(
        configuration,
        &["AwsvpcConfiguration"],
        "NetworkConfiguration",
    )?;
    let settings = object(
        configuration.get("AwsvpcConfiguration"),
        "AwsvpcConfiguration",
    )?;
    let names = [
        ("Subnets", "subnets"),
        ("SecurityGroups", "securityGroups"),
        ("AssignPublicIp", "assignPublicIp"),
    ];
    only(
        settings,
        &names.map(|(theirs, _)| theirs),
        "AwsvpcConfiguration",
    )?;
    let mut awsvpc = Map::new();
    for (theirs, ours) in names {
        let setting = given(settings, theirs).ok_or_else(|| {
            format!("NetworkConfiguration is given without {theirs}: give all of it or none")
        })?;
        awsvpc.insert(ours.to_owned(), network_setting(theirs, setting)?);
    }
    Ok(json!({ "awsvpcConfiguration": awsvpc }))
}

fn network_setting(name: &str, value: &Value) -> Result<Value, String> {
    let fits = match name {
        "AssignPublicIp" => matches!(value.as_str(), Some("ENABLED" | "DISABLED")),
        _ => value
            .as_array()
            .is_some_and(|names| !names.is_empty() && names.iter().all(Value::is_string)),
    };
    fits.then(|| value.clone())
        .ok_or_else(|| format!("{name} has a value that it cannot have: {value}"))
}

fn strategy(value: &Value) -> Result<Value, String> {
    let providers = value.as_array().filter(|providers| !providers.is_empty());
    let providers = providers.ok_or("CapacityProviderStrategy must be a list")?;
    let provider = |item: &Value| {
        let item = object(Some(item), "each of CapacityProviderStrategy")?;
        only(
            item,
            &["CapacityProvider", "Base", "Weight"],
            "CapacityProviderStrategy",
        )?;
        let number = |name: &str| match given(item, name) {
            None => Ok(0),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| format!("{name} must be a number")),
        };
        Ok(json!({
            "capacityProvider": text(item.get("CapacityProvider"), "CapacityProvider")?,
            "base": number("Base")?,
            "weight": number("Weight")?,
        }))
    };
    providers
        .iter()
        .map(provider)
        .collect::<Result<_, String>>()
        .map(Value::Array)
}

fn either<'a>(
    members: &'a Map<String, Value>,
    one: &str,
    other: &str,
) -> Result<Option<&'a Value>, String> {
    match (members.get(one), members.get(other)) {
        (Some(_), Some(_)) => Err(format!("{one} is given twice")),
        (Some(value), None) | (None, Some(value)) => Ok(Some(value)),
        (None, None) => Ok(None),
    }
}

/// Returns a member that has a value; in YAML a name without a value is null.
fn given<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn only(members: &Map<String, Value>, known: &[&str], place: &str) -> Result<(), String> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("{unknown} is not known in {place}")),
        None => Ok(()),
    }
}

fn object<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .and_then(Value::as_object)
        .ok_or_else(|| format!("{name} is missing or not an object"))
}

fn text(value: Option<&Value>, name: &str) -> Result<String, String> {
    let text = value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned)
        .ok_or_else(|| format!("{name} is missing or not a text"))
}

/// A JSON AppSpec that deploys a task definition behind a container and port, without hooks.
pub fn render(task_definition: &str, container: &str, port: u16) -> String {
    let properties = json!({
        "TaskDefinition": task_definition,
        "LoadBalancerInfo": { "ContainerName": container, "ContainerPort": port },
    });
    let resources =
        json!([{ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } }]);
    json!({ "version": 0.0, "Resources": resources }).to_string()
}

#[cfg(test)]
mod tests;
