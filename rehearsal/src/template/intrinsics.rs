//! CloudFormation's intrinsic functions, resolved as far as the rehearsal needs them.
//!
//! What cannot be resolved is an error with its path in the template: a variable that is silently empty here would be
//! something else in AWS.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::identity::{ACCOUNT, REGION, arn};

/// The name of the rehearsed stack.
pub const STACK: &str = "greenlight";

/// A template with its parameters.
pub(super) struct Scope {
    template: Value,
    parameters: BTreeMap<String, Value>,
}

impl Scope {
    /// `given` overrides the parameters' defaults.
    pub(super) fn new(template: Value, given: &BTreeMap<String, String>) -> anyhow::Result<Scope> {
        let declared = template["Parameters"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
            bail!("the template has no parameter `{unknown}`");
        }
        let mut parameters = BTreeMap::new();
        for (name, parameter) in &declared {
            let value = match (given.get(name), parameter.get("Default")) {
                (Some(value), _) => value.clone(),
                (None, Some(Value::String(value))) => value.clone(),
                (None, Some(value)) => value.to_string(),
                (None, None) => bail!(
                    "the template's parameter `{name}` has no default, and no value was given"
                ),
            };
            let is_list = matches!(parameter["Type"].as_str(), Some(of) if of.starts_with("List<") || of == "CommaDelimitedList");
            let value = if is_list {
                json!(value.split(',').collect::<Vec<_>>())
            } else {
                json!(value)
            };
            parameters.insert(name.clone(), value);
        }
        Ok(Scope {
            template,
            parameters,
        })
    }

    /// A part of the template as it is written.
    pub(super) fn written(&self, section: &str) -> Option<&Map<String, Value>> {
        self.template[section].as_object()
    }

    /// The value of a part of the template; `None` for `AWS::NoValue`. `path` says where the part is.
    pub(super) fn resolve(&self, written: &Value, path: &str) -> anyhow::Result<Option<Value>> {
        match written {
            Value::Object(object) => match object.iter().next() {
                Some((name, argument))
                    if object.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) =>
                {
                    self.call(name, argument, path)
                        .with_context(|| format!("at `{path}`"))
                }
                Some(_) | None => self.resolve_members(object, path).map(Some),
            },
            Value::Array(members) => {
                let mut resolved = Vec::new();
                for (index, member) in members.iter().enumerate() {
                    resolved.extend(self.resolve(member, &format!("{path}[{index}]"))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Some(written.clone()))
            }
        }
    }

    fn resolve_members(&self, object: &Map<String, Value>, path: &str) -> anyhow::Result<Value> {
        let mut resolved = Map::new();
        for (name, member) in object {
            if let Some(value) = self.resolve(member, &format!("{path}.{name}"))? {
                resolved.insert(name.clone(), value);
            }
        }
        Ok(Value::Object(resolved))
    }

    /// Whether a named condition of the template holds.
    pub(super) fn condition(&self, name: &str) -> anyhow::Result<bool> {
        match self.template["Conditions"].get(name) {
            Some(condition) => self.holds(condition, &format!("Conditions.{name}")),
            None => bail!("the template has no condition `{name}`"),
        }
    }

    fn holds(&self, condition: &Value, path: &str) -> anyhow::Result<bool> {
        let call = condition
            .as_object()
            .and_then(|object| object.iter().next());
        match call.map(|(name, argument)| (name.as_str(), argument)) {
            Some(("Condition", Value::String(name))) => self.condition(name),
            Some(("Fn::Equals", Value::Array(sides))) if sides.len() == 2 => {
                Ok(self.resolve(&sides[0], path)? == self.resolve(&sides[1], path)?)
            }
            Some(("Fn::Not", Value::Array(conditions))) if conditions.len() == 1 => {
                Ok(!self.holds(&conditions[0], path)?)
            }
            Some(("Fn::And", Value::Array(conditions))) => {
                conditions.iter().try_fold(true, |all, condition| {
                    Ok(all & self.holds(condition, path)?)
                })
            }
            Some(("Fn::Or", Value::Array(conditions))) => {
                conditions.iter().try_fold(false, |any, condition| {
                    Ok(any | self.holds(condition, path)?)
                })
            }
            _ => bail!("at `{path}`: `{condition}` is not a condition"),
        }
    }

    fn call(&self, name: &str, argument: &Value, path: &str) -> anyhow::Result<Option<Value>> {
        match (name, argument) {
            ("Ref", Value::String(of)) if of == "AWS::NoValue" => Ok(None),
            ("Ref", Value::String(of)) => self.reference(of).map(Some),
            ("Fn::GetAtt", Value::Array(of)) => {
                match (of.first().and_then(Value::as_str), of.get(1)) {
                    (Some(resource), Some(Value::String(attribute))) => {
                        self.attribute(resource, attribute).map(Some)
                    }
                    _ => bail!("`Fn::GetAtt` takes a resource and an attribute, not `{argument}`"),
                }
            }
            ("Fn::Sub", Value::String(text)) => self.substitute(text, &Map::new(), path).map(Some),
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(text), Value::Object(variables)] => {
                    self.substitute(text, variables, path).map(Some)
                }
                _ => bail!("`Fn::Sub` takes a text, or a text and its variables, not `{argument}`"),
            },
            ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(separator), members] => {
                    let members = self.resolve(members, path)?.unwrap_or(Value::Null);
                    let members = members
                        .as_array()
                        .with_context(|| format!("`Fn::Join` joins `{members}`"))?;
                    let texts = members
                        .iter()
                        .map(text)
                        .collect::<anyhow::Result<Vec<_>>>()?;
                    Ok(Some(json!(texts.join(separator))))
                }
                _ => bail!("`Fn::Join` takes a separator and a list, not `{argument}`"),
            },
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), yes, no] => {
                    self.resolve(if self.condition(condition)? { yes } else { no }, path)
                }
                _ => bail!("`Fn::If` takes a condition and two values, not `{argument}`"),
            },
            (name, _) => bail!("`{name}` of `{argument}` is not played in the rehearsal"),
        }
    }

    fn substitute(
        &self,
        template: &str,
        variables: &Map<String, Value>,
        path: &str,
    ) -> anyhow::Result<Value> {
        let mut result = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("`{template}` lacks a `}}`"))?;
            rest = after;
            let value = match (
                name.strip_prefix('!'),
                variables.get(name),
                name.split_once('.'),
            ) {
                (Some(literal), _, _) => json!(format!("${{{literal}}}")),
                (None, Some(variable), _) => self.resolve(variable, path)?.unwrap_or(Value::Null),
                (None, None, Some((resource, attribute))) => self.attribute(resource, attribute)?,
                (None, None, None) => self.reference(name)?,
            };
            result.push_str(&text(&value)?);
        }
        result.push_str(rest);
        Ok(json!(result))
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        Ok(match name {
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Region" => json!(REGION),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::StackName" => json!(STACK),
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None => self.attribute(name, "Ref")?,
            },
        })
    }

    /// An attribute of a resource; `Ref` is what `Ref` gives for it.
    pub(super) fn attribute(&self, logical_id: &str, attribute: &str) -> anyhow::Result<Value> {
        let resource = &self.template["Resources"][logical_id];
        let Some(of) = resource["Type"].as_str() else {
            bail!("the template has neither a resource nor a parameter `{logical_id}`");
        };
        let named = |property: &str| match resource["Properties"].get(property) {
            Some(name) => {
                let path = format!("Resources.{logical_id}.Properties.{property}");
                text(&self.resolve(name, &path)?.unwrap_or(Value::Null))
            }
            None => Ok(format!("{STACK}-{logical_id}")),
        };
        Ok(json!(match (of, attribute) {
            ("AWS::Serverless::Function", "Ref") => named("FunctionName")?,
            ("AWS::Serverless::Function", "Arn") =>
                arn("lambda", &format!("function:{}", named("FunctionName")?)),
            ("AWS::Serverless::LayerVersion", "Ref") =>
                arn("lambda", &format!("layer:{}:1", named("LayerName")?)),
            ("AWS::SNS::Topic", "Ref" | "TopicArn") => arn("sns", &named("TopicName")?),
            ("AWS::SNS::Topic", "TopicName") => named("TopicName")?,
            ("AWS::SQS::Queue", "Ref") => {
                format!(
                    "https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{}",
                    named("QueueName")?
                )
            }
            ("AWS::SQS::Queue", "Arn") => arn("sqs", &named("QueueName")?),
            ("AWS::SQS::Queue", "QueueName") => named("QueueName")?,
            ("AWS::Logs::LogGroup", "Ref") => named("LogGroupName")?,
            ("AWS::IAM::Role", "Ref") => named("RoleName")?,
            ("AWS::IAM::Role", "Arn") =>
                format!("arn:aws:iam::{ACCOUNT}:role/{}", named("RoleName")?),
            _ => bail!("`{attribute}` of `{logical_id}` (`{of}`) is not played in the rehearsal"),
        }))
    }
}

fn text(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => bail!("`{value}` is not a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let template = json!({
            "Parameters": {
                "Email": { "Type": "String", "Default": "" },
                "Days": { "Type": "Number", "Default": 30 },
                "Subnets": { "Type": "CommaDelimitedList", "Default": "a,b" },
            },
            "Conditions": {
                "HasEmail": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Email" }, ""] }] },
                "HasSubnets": { "Fn::Not": [{ "Fn::Equals": [{ "Fn::Join": ["", { "Ref": "Subnets" }] }, ""] }] },
                "Both": { "Fn::And": [{ "Condition": "HasEmail" }, { "Condition": "HasSubnets" }] },
                "Either": { "Fn::Or": [{ "Condition": "HasEmail" }, { "Condition": "HasSubnets" }] },
            },
            "Resources": {
                "Topic": { "Type": "AWS::SNS::Topic" },
                "Dead": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": "${AWS::StackName}-dead" } } },
                "Start": { "Type": "AWS::Serverless::Function", "Properties": { "FunctionName": "start" } },
                "Role": { "Type": "AWS::IAM::Role" },
                "Vpc": { "Type": "AWS::EC2::VPC" },
            },
        });
        Scope::new(template, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn what_is_played_resolves_as_in_cloudformation() {
        let scope = scope();
        for (written, expected) in [
            (json!({"Ref": "AWS::Region"}), json!("eu-central-1")),
            (json!({"Ref": "Days"}), json!("30")),
            (json!({"Ref": "Subnets"}), json!(["a", "b"])),
            (
                json!({"Ref": "Topic"}),
                json!("arn:aws:sns:eu-central-1:111122223333:greenlight-Topic"),
            ),
            (json!({"Ref": "Start"}), json!("start")),
            (
                json!({"Ref": "Dead"}),
                json!("https://sqs.eu-central-1.amazonaws.com/111122223333/greenlight-dead"),
            ),
            (
                json!({"Fn::GetAtt": ["Dead", "Arn"]}),
                json!("arn:aws:sqs:eu-central-1:111122223333:greenlight-dead"),
            ),
            (
                json!({"Fn::GetAtt": ["Role", "Arn"]}),
                json!("arn:aws:iam::111122223333:role/greenlight-Role"),
            ),
            (
                json!({"Fn::Sub": "${Start.Arn}:x"}),
                json!("arn:aws:lambda:eu-central-1:111122223333:function:start:x"),
            ),
            (
                json!({"Fn::Sub": "${!Literal}-${Days}"}),
                json!("${Literal}-30"),
            ),
            (
                json!({"Fn::Sub": ["${A}-${AWS::StackName}", {"A": {"Ref": "Days"}}]}),
                json!("30-greenlight"),
            ),
            (
                json!({"Fn::Join": ["/", ["x", {"Ref": "Days"}]]}),
                json!("x/30"),
            ),
            (json!({"Fn::If": ["HasSubnets", "yes", "no"]}), json!("yes")),
            (json!({"Fn::If": ["HasEmail", "yes", "no"]}), json!("no")),
            (json!({"Fn::If": ["Both", "yes", "no"]}), json!("no")),
            (json!({"Fn::If": ["Either", "yes", "no"]}), json!("yes")),
            (
                json!({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}),
                json!({"b": [1]}),
            ),
        ] {
            assert_eq!(
                scope.resolve(&written, "here").unwrap(),
                Some(expected),
                "{written}"
            );
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_an_error_with_its_path() {
        let scope = scope();
        for (written, expected) in [
            (
                json!({"Ref": "Nothing"}),
                "at `here.a`: the template has neither a resource nor a parameter `Nothing`",
            ),
            (
                json!({"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
                "at `here.a`: `CidrBlock` of `Vpc` (`AWS::EC2::VPC`)",
            ),
            (
                json!({"Fn::ImportValue": "x"}),
                "at `here.a`: `Fn::ImportValue` of `\"x\"` is not played",
            ),
            (
                json!({"Fn::If": ["Unheard", 1, 2]}),
                "at `here.a`: the template has no condition `Unheard`",
            ),
            (
                json!({"Fn::Sub": "${Start"}),
                "at `here.a`: `${Start` lacks a `}`",
            ),
        ] {
            let error = format!(
                "{:#}",
                scope.resolve(&json!({ "a": written }), "here").unwrap_err()
            );
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_parameter_that_the_template_does_not_have_is_refused() {
        let given = BTreeMap::from([("Emial".to_owned(), "a@b".to_owned())]);
        let Err(error) = Scope::new(json!({ "Parameters": {} }), &given) else {
            panic!("it was taken")
        };
        assert_eq!(error.to_string(), "the template has no parameter `Emial`");
    }
}
