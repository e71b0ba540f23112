//! Reads `template.yaml`: functions, environment, rules, queues and roles, with CloudFormation's intrinsic functions
//! resolved.

mod buses;
mod functions;
pub(crate) mod intrinsics;
mod keys;
pub(crate) mod output;
pub(crate) mod parameters;
mod roles;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::cloudformation::Output;
use crate::events::{CustomBus, ForwardingRule, Pattern, RetryPolicy, Rule, Schedule, Trigger};
use crate::iam::{Principal, ResourcePolicy};
use crate::lambda::{Function, LogFormat, default_group};
use crate::template::intrinsics::Scope;

pub use intrinsics::STACK;

/// Where Lambda unpacks layers.
const LAYER_FOLDER: &str = "/opt/";

/// The resource types that are evaluated, or have no effect in a rehearsal. The effect of any other type is unknown, so
/// it is an error.
const RESOURCES: [&str; 11] = [
    "AWS::CloudWatch::Alarm",
    "AWS::Events::EventBus",
    "AWS::Events::EventBusPolicy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::Function",
    "AWS::Serverless::LayerVersion",
];
/// The same for a function's properties, plus those that `roles` refuses with a specific message.
const OF_FUNCTIONS: [&str; 23] = [
    "Architectures",
    "AssumeRolePolicyDocument",
    "CodeUri",
    "DeadLetterQueue",
    "Description",
    "DurableConfig",
    "Environment",
    "EventInvokeConfig",
    "Events",
    "FunctionName",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PermissionsBoundary",
    "Policies",
    "ReservedConcurrentExecutions",
    "Role",
    "RolePath",
    "Runtime",
    "Timeout",
    "Tracing",
    "VpcConfig",
];
/// The same for a function's event sources.
const OF_EVENTS: [&str; 10] = [
    "DeadLetterConfig",
    "Description",
    "Enabled",
    "Input",
    "Name",
    "Pattern",
    "RetryPolicy",
    "RuleName",
    "Schedule",
    "State",
];

/// The parts of the template that the rehearsal uses.
#[derive(Debug, Clone, Default)]
pub struct Template {
    pub functions: Vec<Function>,
    pub rules: Vec<Rule>,
    /// The roles with their policies, those of functions first.
    pub principals: Vec<Principal>,
    /// Its parameters, as they were given, or their defaults.
    pub parameters: BTreeMap<String, String>,
    /// ARN of the outcome topic, as passed to the functions.
    pub topic_arn: String,
    pub description: Option<String>,
    /// Its outputs, by name.
    pub outputs: BTreeMap<String, Output>,
    /// The KMS keys of topics and queues, by their ARNs. AWS-managed keys require no permission and are omitted.
    pub keys: BTreeMap<String, String>,
    /// The policy of the default event bus.
    pub bus_policy: ResourcePolicy,
    /// The stack's own event buses.
    pub custom_buses: Vec<CustomBus>,
    /// The rules of another stack, `examples/registry.yaml`, which forward events to the default event bus.
    pub forwarding: Vec<ForwardingRule>,
}

/// The local paths of the binaries and the configuration.
struct Paths<'a> {
    binaries: &'a Path,
    config: &'a Path,
    /// The folder of a layer's files, if there is one.
    layer: Option<&'a Path>,
}

impl Template {
    /// `parameters` override the template's defaults; `binaries` is the folder of the built functions; `config` is the
    /// pipelines file that replaces the one below `/opt`.
    pub fn read(
        file: &Path,
        parameters: &BTreeMap<String, String>,
        binaries: &Path,
        config: &Path,
    ) -> anyhow::Result<Template> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
        let layer = file.with_file_name("config");
        let paths = Paths {
            binaries,
            config,
            layer: Some(&layer),
        };
        Template::parse(&text, parameters, &paths)
            .with_context(|| format!("in `{}`", file.display()))
    }

    fn parse(
        text: &str,
        parameters: &BTreeMap<String, String>,
        paths: &Paths<'_>,
    ) -> anyhow::Result<Template> {
        let scope = Scope::new(yaml::read(text)?, parameters)?;
        let globals = match scope
            .written("Globals")
            .and_then(|globals| globals.get("Function"))
        {
            Some(globals) => globals.clone(),
            None => Value::Object(Map::new()),
        };
        let mut template = Template {
            description: scope.description(),
            parameters: scope.parameters(),
            keys: keys::keys(&scope)?,
            bus_policy: buses::policy(&scope, buses::DEFAULT)?,
            custom_buses: buses::custom(&scope)?,
            ..Template::default()
        };
        let mut with_roles = Vec::new();
        for (logical_id, resource) in scope
            .written("Resources")
            .context("the template has no `Resources`")?
        {
            if !scope.is_made(resource)? {
                continue;
            }
            let of_type = resource["Type"].as_str().unwrap_or_default();
            if !RESOURCES.contains(&of_type) && !roles::NOT_READ.contains(&of_type) {
                bail!(
                    "`{logical_id}` is of the type `{of_type}`, which the rehearsal does not support"
                );
            }
            if of_type != "AWS::Serverless::Function" {
                continue;
            }
            let mut properties = globals.clone();
            merge(&mut properties, &resource["Properties"]);
            let declared = Declared {
                scope: &scope,
                logical_id,
                resource,
                properties,
            };
            let function = declared.function(paths)?;
            template.rules.extend(declared.rules(&function.name)?);
            with_roles.push((declared, function.binary_name.clone()));
            template.functions.push(function);
        }
        template.principals = roles::principals(&scope, &with_roles)?;
        template.topic_arn = topic_arn(&template.functions)?;
        for (name, output) in scope.written("Outputs").into_iter().flatten() {
            let output = output::read(&scope, output, &format!("Outputs.{name}"))?;
            template
                .outputs
                .extend(output.map(|output| (name.clone(), output)));
        }
        Ok(template)
    }
}

/// A function as the template declares it, with the globals merged into its properties.
struct Declared<'a> {
    scope: &'a Scope,
    logical_id: &'a str,
    resource: &'a Value,
    properties: Value,
}

impl Declared<'_> {
    fn function(&self, paths: &Paths<'_>) -> anyhow::Result<Function> {
        let path = format!("Resources.{}", self.logical_id);
        known(
            &self.properties,
            &OF_FUNCTIONS,
            &format!("{path}.Properties"),
        )?;
        let binary_name = self.resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let binary_name = binary_name
            .with_context(|| format!("`{path}.Metadata.BuildProperties.Binary` is missing"))?;
        let name = self.scope.attribute(self.logical_id, "Ref")?;
        let name = name
            .as_str()
            .with_context(|| format!("`{path}.Properties.FunctionName` is not a string"))?;
        Ok(Function {
            logical_id: self.logical_id.to_owned(),
            binary_name: binary_name.to_owned(),
            name: name.to_owned(),
            binary: paths.binaries.join(binary_name),
            environment: self.environment(paths)?,
            // SAM's own defaults.
            timeout: Duration::from_secs(self.number("/Timeout", 3)?),
            memory_megabytes: u32::try_from(self.number("/MemorySize", 128)?)?,
            maximum_retry_attempts: u32::try_from(
                self.number("/EventInvokeConfig/MaximumRetryAttempts", 2)?,
            )?,
            maximum_event_age: Duration::from_secs(
                self.number("/EventInvokeConfig/MaximumEventAgeInSeconds", 21_600)?,
            ),
            reserved_concurrency: self.reserved_concurrency()?,
            on_failure: self.on_failure()?,
            log_group: match self.property("/LoggingConfig/LogGroup")? {
                Some(Value::String(group)) => group,
                Some(_) | None => default_group(name),
            },
            log_format: match self.property("/LoggingConfig/LogFormat")? {
                Some(format) if format == "JSON" => LogFormat::Json,
                Some(_) | None => LogFormat::Text,
            },
        })
    }

    /// Returns a property with its intrinsic functions resolved.
    fn property(&self, pointer: &str) -> anyhow::Result<Option<Value>> {
        let path = format!(
            "Resources.{}.Properties{}",
            self.logical_id,
            pointer.replace('/', ".")
        );
        match self.properties.pointer(pointer) {
            Some(written) => self.scope.resolve(written, &path),
            None => Ok(None),
        }
    }

    fn number(&self, pointer: &str, default: u64) -> anyhow::Result<u64> {
        match self.property(pointer)? {
            None => Ok(default),
            Some(Value::String(text)) => text
                .parse()
                .with_context(|| format!("`{pointer}` is `{text}`")),
            Some(value) => value
                .as_u64()
                .with_context(|| format!("`{pointer}` is `{value}`, not a number")),
        }
    }

    fn reserved_concurrency(&self) -> anyhow::Result<Option<usize>> {
        match self.number("/ReservedConcurrentExecutions", u64::MAX)? {
            u64::MAX => Ok(None),
            0 => bail!(
                "`{}` has a reserved concurrency of 0: it would never run",
                self.logical_id
            ),
            limit => Ok(Some(usize::try_from(limit)?)),
        }
    }

    fn environment(&self, paths: &Paths<'_>) -> anyhow::Result<BTreeMap<String, String>> {
        let variables = self.property("/Environment/Variables")?.unwrap_or_default();
        let mut environment = BTreeMap::new();
        for (name, value) in variables.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => match text.strip_prefix(LAYER_FOLDER) {
                    Some(file) => self
                        .file_of_a_layer(file, paths)
                        .with_context(|| format!("`{name}` is `{text}`"))?,
                    None => text.clone(),
                },
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => value.to_string(),
            };
            environment.insert(name.clone(), value);
        }
        Ok(environment)
    }

    /// Returns the local path of a layer's file: the function must have the layer, and the layer the file.
    fn file_of_a_layer(&self, file: &str, paths: &Paths<'_>) -> anyhow::Result<String> {
        let layers = self.properties["Layers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let resources = self.scope.written("Resources");
        let brings_config = |layer: &Value| {
            let resource = layer["Ref"]
                .as_str()
                .and_then(|logical_id| resources?.get(logical_id));
            let content =
                resource.and_then(|resource| resource["Properties"]["ContentUri"].as_str());
            content.is_some_and(|content| {
                content.trim_end_matches('/').trim_start_matches("./") == "config"
            })
        };
        let is_there = paths.layer.is_none_or(|folder| folder.join(file).is_file());
        if !is_there || !layers.iter().any(brings_config) {
            bail!(
                "`{}` has no layer that contains `{file}` (its `ContentUri` would be `config/`)",
                self.logical_id
            );
        }
        Ok(paths.config.display().to_string())
    }

    /// Returns the logical id of the queue of the function's on-failure destination.
    fn on_failure(&self) -> anyhow::Result<Option<String>> {
        let Some(destination) =
            self.property("/EventInvokeConfig/DestinationConfig/OnFailure/Destination")?
        else {
            return Ok(None);
        };
        self.queue(&destination).map(Some)
    }

    /// Returns the logical id of a rule's dead-letter queue; SAM creates one if only the type is given.
    fn dead_letters(&self, event: &str, written: &Value) -> anyhow::Result<Option<String>> {
        match (&written["Arn"], written["Type"].as_str()) {
            (Value::Null, None) => Ok(None),
            (Value::Null, Some(_)) => Ok(Some(match written["QueueLogicalId"].as_str() {
                Some(logical_id) => logical_id.to_owned(),
                None => format!("{}{event}Queue", self.logical_id),
            })),
            (queue, _) => self.queue(queue).map(Some),
        }
    }

    /// Returns the logical id of the queue with this ARN.
    fn queue(&self, arn: &Value) -> anyhow::Result<String> {
        for (logical_id, resource) in self.scope.written("Resources").into_iter().flatten() {
            if resource["Type"] == "AWS::SQS::Queue"
                && self.scope.is_made(resource)?
                && self.scope.attribute(logical_id, "Arn")? == *arn
            {
                return Ok(logical_id.clone());
            }
        }
        bail!(
            "`{}` sends its failures to `{arn}`, which is not a queue of the template",
            self.logical_id
        )
    }

    fn rules(&self, function: &str) -> anyhow::Result<Vec<Rule>> {
        let mut rules = Vec::new();
        for (event, declared) in self.resource["Properties"]["Events"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let path = format!("Resources.{}.Properties.Events.{event}", self.logical_id);
            let properties = self
                .scope
                .resolve(&declared["Properties"], &path)?
                .unwrap_or_default();
            known(&properties, &OF_EVENTS, &format!("{path}.Properties"))?;
            if properties["Enabled"] == false || properties["State"] == "DISABLED" {
                continue;
            }
            let trigger = match declared["Type"].as_str() {
                Some("EventBridgeRule") => {
                    Pattern::parse(&properties["Pattern"]).map(Trigger::Pattern)
                }
                Some("Schedule") => Schedule::parse(properties["Schedule"].as_str().unwrap_or(""))
                    .map(Trigger::Schedule),
                of => bail!(
                    "`{path}` has the type `{}`, which the rehearsal does not support",
                    of.unwrap_or("")
                ),
            };
            let input = properties["Input"]
                .as_str()
                .map(serde_json::from_str)
                .transpose();
            rules.push(Rule {
                name: format!("{}{event}", self.logical_id),
                trigger: trigger.with_context(|| format!("in `{path}`"))?,
                function: function.to_owned(),
                input: input.with_context(|| format!("`{path}.Properties.Input` is not JSON"))?,
                retry: retry_policy(&properties["RetryPolicy"])
                    .with_context(|| format!("in `{path}.Properties.RetryPolicy`"))?,
                dead_letters: self.dead_letters(event, &properties["DeadLetterConfig"])?,
            });
        }
        Ok(rules)
    }
}

/// Refuses properties that are not in the list.
fn known(written: &Value, names: &[&str], path: &str) -> anyhow::Result<()> {
    let mut written = written.as_object().into_iter().flatten();
    match written.find(|(name, _)| !names.contains(&name.as_str())) {
        Some((unknown, _)) => bail!("`{path}.{unknown}` is not evaluated in the rehearsal"),
        None => Ok(()),
    }
}

/// Reads a rule's `RetryPolicy`, with EventBridge's limits and defaults.
fn retry_policy(written: &Value) -> anyhow::Result<RetryPolicy> {
    let number = |name: &str, default: u64, least: u64, most: u64| match written.get(name) {
        None => Ok(default),
        Some(value) => value
            .as_u64()
            .filter(|number| (least..=most).contains(number))
            .with_context(|| format!("`{name}` is `{value}`: expected {least} to {most}")),
    };
    Ok(RetryPolicy {
        maximum_attempts: u32::try_from(number("MaximumRetryAttempts", 185, 0, 185)?)?,
        maximum_event_age: Duration::from_secs(number(
            "MaximumEventAgeInSeconds",
            86_400,
            60,
            86_400,
        )?),
    })
}

/// Merges a function's properties over the globals as SAM does: maps are merged, lists concatenated, other values
/// replaced.
fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) if !is_call(over) => {
            for (name, value) in over {
                match under.get_mut(name) {
                    Some(under) => merge(under, value),
                    None => {
                        under.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(under), Value::Array(over)) => under.extend(over.iter().cloned()),
        (under, over) => *under = over.clone(),
    }
}

fn is_call(object: &Map<String, Value>) -> bool {
    object
        .keys()
        .any(|name| name == "Ref" || name.starts_with("Fn::"))
}

fn topic_arn(functions: &[Function]) -> anyhow::Result<String> {
    let mut topics = functions
        .iter()
        .filter_map(|function| function.environment.get("GREENLIGHT_TOPIC_ARN"));
    let topic = topics
        .next()
        .context("no function has `GREENLIGHT_TOPIC_ARN`")?;
    match topics.find(|other| *other != topic) {
        Some(other) => bail!("the functions publish to two topics, `{topic}` and `{other}`"),
        None => Ok(topic.clone()),
    }
}

#[cfg(test)]
mod tests;
