//! CloudFormation's intrinsic functions, resolved as far as the rehearsal needs them.
//!
//! An unresolvable value is an error with its path in the template: a variable that is silently empty here would have a
//! value on AWS.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::functions;
use super::parameters::{Stored, text, value_of};
use crate::identity::Location;

/// The name of the rehearsed stack.
pub const STACK: &str = "greenlight";

/// A template with its parameters.
pub(crate) struct Scope {
    template: Value,
    parameters: BTreeMap<String, Value>,
    /// The stack's name, account and Region.
    stack: String,
    location: Location,
    /// The attributes of resources that are made, by logical id; the value of `Ref` is among them.
    made: BTreeMap<String, BTreeMap<String, Value>>,
    /// What other stacks export.
    exports: BTreeMap<String, String>,
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
            let value = value_of(name, parameter, given.get(name), &Stored::new())?;
            parameters.insert(name.clone(), value);
        }
        Ok(Scope::with(template, parameters, STACK))
    }

    /// A template whose parameters have these values.
    pub(crate) fn with(template: Value, parameters: BTreeMap<String, Value>, stack: &str) -> Scope {
        Scope {
            template,
            parameters,
            stack: stack.to_owned(),
            location: Location::default(),
            made: BTreeMap::new(),
            exports: BTreeMap::new(),
        }
    }

    /// The same as another stack, in another account or Region.
    pub(super) fn in_stack(self, stack: &str, location: &Location) -> Scope {
        Scope {
            stack: stack.to_owned(),
            location: location.clone(),
            ..self
        }
    }

    /// With what other stacks export.
    pub(crate) fn importing(self, exports: BTreeMap<String, String>) -> Scope {
        Scope { exports, ..self }
    }

    /// Notes the attributes of a resource, which are then known.
    pub(crate) fn made(&mut self, logical_id: &str, attributes: BTreeMap<String, Value>) {
        self.made.insert(logical_id.to_owned(), attributes);
    }

    /// The parameters as text; a list with commas.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| match value.as_array() {
            Some(parts) => {
                let parts = parts.iter().filter_map(Value::as_str);
                parts.collect::<Vec<_>>().join(",")
            }
            None => value.as_str().unwrap_or_default().to_owned(),
        };
        let all = self.parameters.iter();
        all.map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    pub(crate) fn description(&self) -> Option<String> {
        let description = self.template["Description"].as_str();
        description.map(ToOwned::to_owned)
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Whether a resource is created, according to its `Condition`.
    pub(crate) fn is_made(&self, resource: &Value) -> anyhow::Result<bool> {
        match &resource["Condition"] {
            Value::Null => Ok(true),
            Value::String(condition) => self.condition(condition),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                bail!("`Condition` is `{other}`, expected the name of a condition")
            }
        }
    }

    /// A part of the template as written.
    pub(crate) fn written(&self, section: &str) -> Option<&Map<String, Value>> {
        self.template[section].as_object()
    }

    /// Resolves a part of the template; `None` for `AWS::NoValue`. `path` is the location of the part.
    pub(crate) fn resolve(&self, written: &Value, path: &str) -> anyhow::Result<Option<Value>> {
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

    /// Evaluates a named condition of the template.
    pub(super) fn condition(&self, name: &str) -> anyhow::Result<bool> {
        match self.template["Conditions"].get(name) {
            Some(condition) => self.holds(condition, &format!("Conditions.{name}")),
            None => bail!("the template has no condition `{name}`"),
        }
    }

    /// Evaluates a condition as it is written.
    pub(crate) fn holds(&self, condition: &Value, path: &str) -> anyhow::Result<bool> {
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
            Some(("Fn::Contains", Value::Array(sides))) if sides.len() == 2 => {
                let (list, one) = (
                    self.resolve(&sides[0], path)?,
                    self.resolve(&sides[1], path)?,
                );
                let list = list.as_ref().and_then(Value::as_array);
                Ok(list.is_some_and(|list| one.is_some_and(|one| list.contains(&one))))
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
                _ => bail!(
                    "`Fn::Sub` takes a string, or a string and its variables, not `{argument}`"
                ),
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
            ("Fn::ImportValue", name) => {
                let name = text(&self.resolve(name, path)?.unwrap_or(Value::Null))?;
                let value = self
                    .exports
                    .get(&name)
                    .with_context(|| format!("no template before this one exports `{name}`"))?;
                Ok(Some(json!(value)))
            }
            (name, argument) if functions::is_one(name) => {
                let argument = self.resolve(argument, path)?.unwrap_or(Value::Null);
                functions::call(name, &argument, &self.location.region).map(Some)
            }
            (name, _) => bail!("the rehearsal does not support `{name}` of `{argument}`"),
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
            "AWS::AccountId" => json!(self.location.account),
            "AWS::Region" => json!(self.location.region),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::StackName" => json!(self.stack),
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None => self.attribute(name, "Ref")?,
            },
        })
    }

    /// Returns an attribute of a resource; `Ref` is the value of `Ref`.
    pub(super) fn attribute(&self, logical_id: &str, attribute: &str) -> anyhow::Result<Value> {
        let resource = &self.template["Resources"][logical_id];
        let Some(of) = resource["Type"].as_str() else {
            if let Some(role) = self.role_by_sam(logical_id, attribute)? {
                return Ok(role);
            }
            bail!("the template has neither a resource nor a parameter `{logical_id}`");
        };
        if !self.is_made(resource)? {
            bail!("`{logical_id}` is not created: its condition is false");
        }
        if let Some(made) = self.made.get(logical_id) {
            let known = || {
                made.keys()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join("`, `")
            };
            let found = made.get(attribute);
            return found.cloned().with_context(|| {
                format!(
                    "the rehearsal does not know `{attribute}` of `{logical_id}` (`{of}`), it knows `{}`",
                    known()
                )
            });
        }
        let named = |property: &str| match resource["Properties"].get(property) {
            Some(name) => {
                let path = format!("Resources.{logical_id}.Properties.{property}");
                text(&self.resolve(name, &path)?.unwrap_or(Value::Null))
            }
            None => Ok(format!("{}-{logical_id}", self.stack)),
        };
        let arn = |service: &str, resource: &str| self.location.arn(service, resource);
        let Location { account, region } = &self.location;
        Ok(json!(match (of, attribute) {
            ("AWS::Serverless::Function", "Ref") => named("FunctionName")?,
            ("AWS::Serverless::Function", "Arn") =>
                arn("lambda", &format!("function:{}", named("FunctionName")?)),
            ("AWS::Serverless::LayerVersion", "Ref") =>
                arn("lambda", &format!("layer:{}:1", named("LayerName")?)),
            ("AWS::Events::EventBus", "Ref" | "Name") => named("Name")?,
            ("AWS::Events::EventBus", "Arn") =>
                arn("events", &format!("event-bus/{}", named("Name")?)),
            ("AWS::SNS::Topic", "Ref" | "TopicArn") => arn("sns", &named("TopicName")?),
            ("AWS::SNS::Topic", "TopicName") => named("TopicName")?,
            ("AWS::SQS::Queue", "Ref") => {
                format!(
                    "https://sqs.{region}.amazonaws.com/{account}/{}",
                    named("QueueName")?
                )
            }
            ("AWS::SQS::Queue", "Arn") => arn("sqs", &named("QueueName")?),
            ("AWS::SQS::Queue", "QueueName") => named("QueueName")?,
            ("AWS::Logs::LogGroup", "Ref") => named("LogGroupName")?,
            ("AWS::IAM::Role", "Ref") => named("RoleName")?,
            ("AWS::IAM::Role", "Arn") =>
                format!("arn:aws:iam::{account}:role/{}", named("RoleName")?),
            _ => bail!("the rehearsal does not support `{attribute}` of `{logical_id}` (`{of}`)"),
        }))
    }
}

impl Scope {
    /// The ARN of the role that SAM writes for a function without one: `FUNCTIONRole` (SAM Developer Guide, "Generated
    /// CloudFormation resources"). None if there is no such function.
    fn role_by_sam(&self, logical_id: &str, attribute: &str) -> anyhow::Result<Option<Value>> {
        let Some(function) = logical_id
            .strip_suffix("Role")
            .filter(|_| attribute == "Arn")
        else {
            return Ok(None);
        };
        let resource = &self.template["Resources"][function];
        let has_none = resource["Properties"].get("Role").is_none();
        if resource["Type"] != "AWS::Serverless::Function"
            || !has_none
            || !self.is_made(resource)?
        {
            return Ok(None);
        }
        let (account, stack) = (&self.location.account, &self.stack);
        Ok(Some(json!(format!(
            "arn:aws:iam::{account}:role/{stack}-{logical_id}"
        ))))
    }
}

#[cfg(test)]
mod tests;
