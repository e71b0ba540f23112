//! The AppSpec of an ECS deployment: read, and refused when it is not one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::lifecycle::LifecycleEvent;

/// What an AppSpec asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSpec {
    /// ARN with revision.
    pub task_definition: String,
    pub container: String,
    pub port: u16,
    pub platform_version: Option<String>,
    /// As the ECS API takes it; absent: the service's own.
    pub network_configuration: Option<Value>,
    pub hooks: BTreeMap<LifecycleEvent, String>,
}

/// Reads the JSON form. The error is a sentence for InvalidRevisionException.
pub fn parse(content: &str) -> Result<AppSpec, String> {
    let spec: Value = serde_json::from_str(content)
        .map_err(|error| format!("The AppSpec content is not valid JSON: {error}"))?;
    let spec = spec
        .as_object()
        .ok_or("The AppSpec content must be an object")?;
    only(
        spec,
        &["version", "Resources", "resources", "Hooks", "hooks"],
        "the AppSpec",
    )?;
    match spec.get("version") {
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
        Some(Value::String(text)) if text == "0.0" => {}
        Some(_) | None => return Err("The AppSpec version must be 0.0".to_owned()),
    }
    let properties = target_service(spec)?;
    let balanced = object(properties.get("LoadBalancerInfo"), "LoadBalancerInfo")?;
    let task_definition = text(properties.get("TaskDefinition"), "TaskDefinition")?;
    if !task_definition.contains(":task-definition/") {
        return Err(format!(
            "TaskDefinition must be an ARN with revision: {task_definition}"
        ));
    }
    let port = balanced
        .get("ContainerPort")
        .and_then(Value::as_u64)
        .and_then(|port| u16::try_from(port).ok());
    Ok(AppSpec {
        task_definition,
        container: text(balanced.get("ContainerName"), "ContainerName")?,
        port: port
            .filter(|&port| port > 0)
            .ok_or("ContainerPort must be a number from 1 to 65535")?,
        platform_version: properties
            .get("PlatformVersion")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        network_configuration: properties
            .get("NetworkConfiguration")
            .map(network)
            .transpose()?,
        hooks: hooks(either(spec, "Hooks", "hooks"))?,
    })
}

fn target_service(spec: &Map<String, Value>) -> Result<&Map<String, Value>, String> {
    let resources = either(spec, "Resources", "resources")
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

/// From the AppSpec's capital letters to the API's small ones.
fn network(value: &Value) -> Result<Value, String> {
    let settings = object(value.get("AwsvpcConfiguration"), "AwsvpcConfiguration")?;
    let mut awsvpc = Map::new();
    for (theirs, ours) in [
        ("Subnets", "subnets"),
        ("SecurityGroups", "securityGroups"),
        ("AssignPublicIp", "assignPublicIp"),
    ] {
        let setting = settings.get(theirs).ok_or_else(|| {
            format!("NetworkConfiguration is given without {theirs}: give all of it or none")
        })?;
        awsvpc.insert(ours.to_owned(), setting.clone());
    }
    Ok(json!({ "awsvpcConfiguration": awsvpc }))
}

fn either<'a>(members: &'a Map<String, Value>, one: &str, other: &str) -> Option<&'a Value> {
    members.get(one).or_else(|| members.get(other))
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

/// The JSON that ships a task definition behind a container and port, without hooks.
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
mod tests {
    use super::*;

    const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";

    fn spec(change: impl FnOnce(&mut Value)) -> String {
        let mut spec: Value = serde_json::from_str(&render(REVISION, "web", 8080)).unwrap();
        spec["Hooks"] =
            json!([{ "AfterInstall": "migrate" }, { "AfterAllowTestTraffic": "check" }]);
        change(&mut spec);
        spec.to_string()
    }

    #[test]
    fn a_whole_app_spec() {
        let read = parse(&spec(|_| {})).unwrap();
        assert_eq!(
            (
                read.task_definition.as_str(),
                read.container.as_str(),
                read.port
            ),
            (REVISION, "web", 8080)
        );
        assert_eq!(read.network_configuration, None);
        let hooks: Vec<_> = read
            .hooks
            .iter()
            .map(|(event, function)| (event.as_str(), function.as_str()))
            .collect();
        assert_eq!(
            hooks,
            [
                ("AfterInstall", "migrate"),
                ("AfterAllowTestTraffic", "check")
            ]
        );
    }

    fn properties(spec: &mut Value) -> &mut Value {
        &mut spec["Resources"][0]["TargetService"]["Properties"]
    }

    #[test]
    fn what_is_no_app_spec_is_refused() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 16] = [
            (|s| *s = json!([]), "must be an object"),
            (|s| s["version"] = json!(1), "version must be 0.0"),
            (|s| s["version"] = json!(null), "version must be 0.0"),
            (
                |s| s["Extra"] = json!(1),
                "Extra is not known in the AppSpec",
            ),
            (|s| s["Resources"] = json!([]), "exactly one TargetService"),
            (
                |s| s["Resources"] = json!([{ "Other": {} }]),
                "TargetService is missing",
            ),
            (
                |s| s["Resources"][0]["TargetService"]["Type"] = json!("AWS::Lambda::Function"),
                "AWS::ECS::Service",
            ),
            (
                |s| properties(s)["TaskDefinition"] = json!("web:2"),
                "must be an ARN",
            ),
            (
                |s| properties(s)["DesiredCount"] = json!(2),
                "DesiredCount is not known",
            ),
            (
                |s| properties(s)["LoadBalancerInfo"]["ContainerPort"] = json!("80"),
                "ContainerPort",
            ),
            (
                |s| {
                    properties(s)["NetworkConfiguration"] =
                        json!({ "AwsvpcConfiguration": { "Subnets": ["a"] } })
                },
                "all of it or none",
            ),
            (
                |s| s["Hooks"] = json!({ "AfterInstall": "f" }),
                "Hooks must be a list",
            ),
            (
                |s| s["Hooks"] = json!([{ "Install": "f" }]),
                "Install is not a lifecycle event that takes a hook",
            ),
            (
                |s| s["Hooks"] = json!([{ "AfterInstall": "f", "BeforeInstall": "f" }]),
                "one lifecycle event with one function",
            ),
            (
                |s| s["Hooks"] = json!([{ "AfterInstall": "f" }, { "AfterInstall": "g" }]),
                "named twice",
            ),
            (
                |s| s["Hooks"] = json!([{ "AfterInstall": "" }]),
                "AfterInstall is missing or not a text",
            ),
        ];
        for (change, wanted) in cases {
            let sentence = parse(&spec(change)).unwrap_err();
            assert!(sentence.contains(wanted), "{sentence}");
        }
        assert!(
            parse("version: 0.0")
                .unwrap_err()
                .contains("not valid JSON")
        );
    }
}
