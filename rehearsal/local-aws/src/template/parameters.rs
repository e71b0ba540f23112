//! The parameters of a template: their types and constraints, as CloudFormation checks them (CloudFormation User Guide,
//! "Parameters").

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use regex_lite::Regex;
use serde_json::{Value, json};

/// The values of SSM parameters, by name.
pub(crate) type Stored = BTreeMap<String, String>;

/// The properties of a parameter that are evaluated or have no effect. CloudFormation has more.
const OF_PARAMETERS: [&str; 9] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxValue",
    "MinValue",
    "NoEcho",
    "Type",
];

/// The types whose values are names of SSM parameters begin with this.
pub(crate) const OF_SSM: &str = "AWS::SSM::Parameter::Value<";

/// The types of ids, which are texts here.
const IDS: [&str; 5] = [
    "AWS::EC2::Image::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
];

/// Returns the value of a parameter, validated as by CloudFormation. One of a type of SSM has the value that is stored under the
/// name that it is given.
pub(crate) fn value_of(
    name: &str,
    parameter: &Value,
    given: Option<&String>,
    stored: &Stored,
) -> anyhow::Result<Value> {
    let written = parameter.as_object().into_iter().flatten();
    for (property, _) in written {
        if !OF_PARAMETERS.contains(&property.as_str()) {
            bail!("`{property}` of the parameter `{name}` is not evaluated in the rehearsal");
        }
    }
    let value = match (given, parameter.get("Default")) {
        (Some(value), _) => value.clone(),
        (None, Some(default)) => text(default)?,
        (None, None) => {
            bail!("the template's parameter `{name}` has no default, and no value was given")
        }
    };
    check(name, parameter, &value)?;
    let of_type = parameter["Type"].as_str().unwrap_or_default();
    match of_type {
        "String" | "Number" => Ok(json!(value)),
        _ if IDS.contains(&of_type) => Ok(json!(value)),
        _ if is_list(of_type) => Ok(json!(value.split(',').collect::<Vec<_>>())),
        _ if of_type.starts_with(OF_SSM) && !of_type.contains("List<") => {
            let found = stored.get(&value);
            let found = found.with_context(|| {
                format!("the parameter `{name}` names the SSM parameter `{value}`, which has no value here")
            })?;
            Ok(json!(found))
        }
        _ => bail!(
            "the parameter `{name}` has the type `{of_type}`, which is not evaluated in the rehearsal"
        ),
    }
}

fn is_list(of_type: &str) -> bool {
    of_type == "CommaDelimitedList" || of_type.starts_with("List<")
}

fn check(name: &str, parameter: &Value, value: &str) -> anyhow::Result<()> {
    let refuse = |expected: &str| {
        let sentence = parameter["ConstraintDescription"]
            .as_str()
            .unwrap_or(expected);
        anyhow!("the parameter `{name}` is `{value}`: must be {sentence}")
    };
    if let Some(pattern) = parameter["AllowedPattern"].as_str() {
        let whole = Regex::new(&format!("^(?:{pattern})$"))
            .with_context(|| format!("in `AllowedPattern` of the parameter `{name}`"))?;
        // Of a list each value must match (CloudFormation User Guide, parameters).
        let parts: Vec<&str> = match parameter["Type"].as_str() {
            Some("CommaDelimitedList") => value.split(',').collect(),
            _ => vec![value],
        };
        if !parts.iter().all(|part| whole.is_match(part)) {
            return Err(refuse(&format!("`{pattern}`")));
        }
    }
    if let Some(allowed) = parameter["AllowedValues"].as_array() {
        let allowed = allowed
            .iter()
            .map(text)
            .collect::<anyhow::Result<Vec<_>>>()?;
        if !allowed.iter().any(|allowed| allowed == value) {
            return Err(refuse(&format!("one of `{}`", allowed.join("`, `"))));
        }
    }
    if parameter["Type"] == "Number" && value.parse::<f64>().is_err() {
        return Err(refuse("a number"));
    }
    for (member, is_beyond) in [
        ("MinValue", f64::lt as fn(&f64, &f64) -> bool),
        ("MaxValue", f64::gt),
    ] {
        let limit = parameter.get(member).map(text).transpose()?;
        let limit = limit.and_then(|limit| limit.parse::<f64>().ok());
        if let (Some(limit), Ok(number)) = (limit, value.parse::<f64>())
            && is_beyond(&number, &limit)
        {
            return Err(refuse(&format!("within its `{member}`, {limit}")));
        }
    }
    Ok(())
}

/// A string, or what is written as one: a number, a boolean.
pub(crate) fn text(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => bail!("`{value}` is not a string"),
    }
}
