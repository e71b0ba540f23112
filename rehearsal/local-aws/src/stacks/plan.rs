//! Reads a template with its parameters: what it will make, in which order, and every mistake that needs no AWS.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::attributes::before;
use super::file::{TemplateFile, named_in};
use super::kind::Kind;
use super::names::is_unknown;
use super::shape::{Property, members};
use super::surroundings::Surroundings;
use super::tables;
use crate::cloudformation::Output;
use crate::ecs::capacity::INSTANCE_TYPES;
use crate::template::intrinsics::Scope;
use crate::template::output;

/// What a resource may have beside its properties.
const OF_RESOURCES: [&str; 7] = [
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
];
/// What an output may have.
const OF_OUTPUTS: [&str; 4] = ["Condition", "Description", "Export", "Value"];

/// What a stack will have.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// By name. An attribute that only a made resource has is not known yet.
    pub outputs: BTreeMap<String, Output>,
    /// The names of its ECR repositories.
    pub repositories: Vec<String>,
    /// Its ECS services.
    pub services: Vec<PlannedService>,
    /// Properties that change nothing here, by the reason.
    pub without_effect: BTreeMap<&'static str, BTreeSet<String>>,
    /// What it makes, in the order in which it does.
    pub(super) order: Vec<(String, Kind)>,
}

/// An ECS service of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedService {
    pub cluster: String,
    pub name: String,
    pub has_hooks: bool,
    /// Whether CodeDeploy deploys it.
    pub has_code_deploy: bool,
    /// The containers of its stack's task definitions.
    pub containers: Vec<String>,
}

impl Plan {
    /// Reads a file. The error is all its mistakes, each with its place in the file.
    pub fn read(file: &TemplateFile, surroundings: &Surroundings) -> Result<Plan, Vec<String>> {
        let mut problems: Vec<String> = file
            .unread_sections()
            .into_iter()
            .map(|name| format!("at `{name}`: the rehearsal does not read this section"))
            .collect();
        let parameters = match surroundings.parameters(file) {
            Ok(parameters) => parameters,
            Err(wrong) => {
                problems.extend(wrong);
                return Err(problems);
            }
        };
        let scope = scope(file, surroundings, parameters);
        check_rules(file, &scope, &mut problems);
        let mut reading = Reading {
            file,
            certificates: surroundings.certificates.keys().cloned().collect(),
            exports: surroundings.exports.keys().cloned().collect(),
            scope,
            problems,
            plan: Plan::default(),
        };
        let order = reading.order();
        let mut containers = Vec::new();
        for (logical_id, kind) in &order {
            let members = reading.resource(logical_id, *kind);
            if *kind == Kind::TaskDefinition {
                containers.extend(names_of_containers(&members));
            }
        }
        for service in &mut reading.plan.services {
            service.containers.clone_from(&containers);
        }
        reading.outputs();
        reading.plan.order = order;
        reading.leave_out_consequences();
        match reading.problems.is_empty() {
            true => Ok(reading.plan),
            false => Err(reading.problems),
        }
    }
}

/// The template with its parameters, before anything is made.
pub(super) fn scope(
    file: &TemplateFile,
    surroundings: &Surroundings,
    parameters: BTreeMap<String, Value>,
) -> Scope {
    let scope = Scope::with(file.template.clone(), parameters, &file.stack);
    scope.importing(surroundings.exports.clone())
}

/// A resource's properties as members of a request, with a name; what is wrong with them is added to the problems.
pub(super) fn read_properties(
    scope: &Scope,
    (stack, logical_id, kind): (&str, &str, Kind),
    written: &Value,
    problems: &mut Vec<String>,
) -> Map<String, Value> {
    let path = format!("Resources.{logical_id}.Properties");
    let mut resolved = Map::new();
    for (name, value) in written.as_object().into_iter().flatten() {
        match scope.resolve(value, &format!("{path}.{name}")) {
            Ok(None) => {}
            Ok(Some(value)) => {
                resolved.insert(name.clone(), value);
            }
            Err(error) => problems.push(format!("{error:#}")),
        }
    }
    let (known, naming) = tables::of(kind);
    let mut members = members(known, &resolved, naming, &path, problems);
    kind.named(stack, logical_id, &mut members);
    members
}

fn names_of_containers(members: &Map<String, Value>) -> Vec<String> {
    let containers = members
        .get("containerDefinitions")
        .and_then(Value::as_array);
    let names = containers.into_iter().flatten();
    let names = names.filter_map(|one| one["name"].as_str().map(ToOwned::to_owned));
    names.collect()
}

/// `Rules`: assertions about parameters (CloudFormation User Guide, "Rules").
fn check_rules(file: &TemplateFile, scope: &Scope, problems: &mut Vec<String>) {
    for (name, rule) in file.section("Rules") {
        let path = format!("Rules.{name}");
        let applies = match rule.get("RuleCondition") {
            Some(condition) => scope.holds(condition, &path),
            None => Ok(true),
        };
        let assertions = rule["Assertions"].as_array().into_iter().flatten();
        for assertion in assertions {
            let holds = match &applies {
                Ok(false) => continue,
                Ok(true) => scope.holds(&assertion["Assert"], &path),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            let what = assertion["AssertDescription"]
                .as_str()
                .unwrap_or("no word why");
            match holds {
                Ok(true) => {}
                Ok(false) => problems.push(format!(
                    "at `{path}`: the parameters break the rule: {what}"
                )),
                Err(error) => problems.push(format!("at `{path}`: {error:#}")),
            }
        }
    }
}

struct Reading<'f> {
    file: &'f TemplateFile,
    /// The ARNs of certificates that are there before the stack.
    certificates: BTreeSet<String>,
    /// The names that the stacks before export.
    exports: BTreeSet<String>,
    scope: Scope,
    problems: Vec<String>,
    plan: Plan,
}

impl Reading<'_> {
    fn refuse(&mut self, path: &str, why: &str) {
        self.problems.push(format!("at `{path}`: {why}"));
    }

    /// The resources that are made, each behind those that it needs.
    fn order(&mut self) -> Vec<(String, Kind)> {
        let mut kinds = BTreeMap::new();
        let mut names = Vec::new();
        let resources: Vec<(String, Value)> = self
            .file
            .section("Resources")
            .map(|(name, resource)| (name.clone(), resource.clone()))
            .collect();
        for (logical_id, resource) in &resources {
            let path = format!("Resources.{logical_id}");
            match self.scope.is_made(resource) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    self.refuse(&path, &format!("{error:#}"));
                    continue;
                }
            }
            let members = resource.as_object().into_iter().flat_map(Map::keys);
            for member in members.filter(|member| !OF_RESOURCES.contains(&member.as_str())) {
                self.refuse(
                    &path,
                    &format!("the rehearsal does not read `{member}` of a resource"),
                );
            }
            let of_type = resource["Type"].as_str().unwrap_or_default();
            match Kind::parse(of_type) {
                Some(kind) => {
                    names.push(logical_id.clone());
                    kinds.insert(logical_id.clone(), (kind, needed(resource)));
                }
                None => self.refuse(
                    &path,
                    &format!("the rehearsal does not make resources of the type `{of_type}`"),
                ),
            }
            for other in depends_on(resource) {
                if !resources.iter().any(|(known, _)| *known == other) {
                    let why = format!("`DependsOn` names `{other}`, which is not a resource");
                    self.refuse(&path, &why);
                }
            }
        }
        let mut order = Vec::new();
        for name in &names {
            let mut above = Vec::new();
            if let Err(circle) = visit(name, &kinds, &mut above, &mut order) {
                // CloudFormation's sentence.
                let why = format!(
                    "circular dependency between resources: [{}]",
                    circle.join(", ")
                );
                self.refuse("Resources", &why);
                break;
            }
        }
        order
    }

    /// Reads one resource; its attributes are known then, as far as they can be.
    fn resource(&mut self, logical_id: &str, kind: Kind) -> Map<String, Value> {
        let written = &self.file.template["Resources"][logical_id]["Properties"];
        let stack = &self.file.stack;
        let found = &mut self.problems;
        let members = read_properties(&self.scope, (stack, logical_id, kind), written, found);
        self.scope
            .made(logical_id, before(kind, stack, logical_id, &members));
        let (known, _) = tables::of(kind);
        for (name, _) in written.as_object().into_iter().flatten() {
            let property = known.iter().find(|known| known.name == name);
            if let Some(reason) = property.and_then(Property::reason) {
                let of_reason = self.plan.without_effect.entry(reason).or_default();
                of_reason.insert(format!("{}.{name}", kind.short_name()));
            }
        }
        let path = format!("Resources.{logical_id}.Properties");
        let text = |member: &str| {
            let value = members.get(member).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        if kind == Kind::Repository {
            self.plan.repositories.push(text("RepositoryName"));
        }
        if kind == Kind::Service {
            let hooks = members
                .get("deploymentConfiguration")
                .and_then(|configuration| configuration["lifecycleHooks"].as_array());
            let cluster = text("cluster");
            self.plan.services.push(PlannedService {
                cluster: cluster.rsplit('/').next().unwrap_or_default().to_owned(),
                name: text("serviceName"),
                has_code_deploy: members
                    .get("deploymentController")
                    .is_some_and(|controller| controller["type"] == "CODE_DEPLOY"),
                has_hooks: hooks.is_some_and(|hooks| !hooks.is_empty()),
                containers: Vec::new(),
            });
        }
        if kind == Kind::Listener {
            self.knows_certificates(&path, &members);
        }
        if kind == Kind::LaunchTemplate {
            let of_type = members.get("LaunchTemplateData");
            let of_type = of_type.and_then(|data| data["InstanceType"].as_str());
            let of_type = of_type.unwrap_or_default();
            let names = INSTANCE_TYPES.map(|known| known.name);
            if !names.contains(&of_type) {
                let why = format!(
                    "`{of_type}`, expected an instance type whose room the rehearsal knows, one of `{}`",
                    names.join("`, `")
                );
                self.refuse(&format!("{path}.LaunchTemplateData.InstanceType"), &why);
            }
        }
        members
    }

    /// An ARN does not say which names a certificate is for, and without them nobody knows whether a client takes it.
    fn knows_certificates(&mut self, path: &str, members: &Map<String, Value>) {
        let listed = members.get("Certificates").and_then(Value::as_array);
        let arns = listed.into_iter().flatten();
        let arns = arns.filter_map(|one| one["CertificateArn"].as_str());
        let mut unknown = arns.filter(|arn| !is_unknown(arn) && !self.certificates.contains(*arn));
        if let Some(arn) = unknown.next() {
            let why = format!(
                "the rehearsal does not know the names in the certificate `{arn}` (hint: `--certificate {arn}=NAME`, with commas \
                 between several)"
            );
            self.refuse(&format!("{path}.Certificates"), &why);
        }
    }

    /// What refers to a resource that is not read is no mistake of its own.
    fn leave_out_consequences(&mut self) {
        let unread = self.file.section("Resources").filter(|(_, resource)| {
            let of_type = resource["Type"].as_str().unwrap_or_default();
            Kind::parse(of_type).is_none()
        });
        for (logical_id, resource) in unread {
            let of_type = resource["Type"].as_str().unwrap_or_default();
            let about = format!("of `{logical_id}` (`{of_type}`)");
            self.problems.retain(|problem| !problem.contains(&about));
        }
    }

    fn outputs(&mut self) {
        let outputs: Vec<(String, Value)> = self
            .file
            .section("Outputs")
            .map(|(name, output)| (name.clone(), output.clone()))
            .collect();
        for (name, output) in outputs {
            let path = format!("Outputs.{name}");
            let members = output.as_object().into_iter().flat_map(Map::keys);
            for member in members.filter(|member| !OF_OUTPUTS.contains(&member.as_str())) {
                self.refuse(
                    &path,
                    &format!("the rehearsal does not read `{member}` of an output"),
                );
            }
            if let Err(error) = self.output(&name, &output, &path) {
                self.problems.push(format!("{error:#}"));
            }
        }
    }

    fn output(&mut self, name: &str, output: &Value, path: &str) -> anyhow::Result<()> {
        if let Some(output) = output::read(&self.scope, output, path)? {
            let export = output.export.as_ref();
            if let Some(export) = export.filter(|export| self.exports.contains(*export)) {
                // CloudFormation's sentence, which also says by which stack.
                let why = format!("Export with name {export} is already exported");
                self.refuse(&format!("{path}.Export.Name"), &why);
            }
            self.plan.outputs.insert(name.to_owned(), output);
        }
        Ok(())
    }
}

/// Whether an output holds what only a made resource has.
pub fn is_known(output: &str) -> bool {
    !is_unknown(output)
}

fn depends_on(resource: &Value) -> Vec<String> {
    match &resource["DependsOn"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => {
            let names = many.iter().filter_map(Value::as_str);
            names.map(ToOwned::to_owned).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// The resources that a resource needs, parameters among them.
fn needed(resource: &Value) -> Vec<String> {
    let mut needed = depends_on(resource);
    needed.extend(named_in(&resource["Properties"]));
    needed
}

/// Puts a resource behind those that it needs. The error is a circle.
fn visit(
    name: &str,
    kinds: &BTreeMap<String, (Kind, Vec<String>)>,
    above: &mut Vec<String>,
    order: &mut Vec<(String, Kind)>,
) -> Result<(), Vec<String>> {
    let Some((kind, needed)) = kinds.get(name) else {
        return Ok(());
    };
    if order.iter().any(|(placed, _)| placed == name) {
        return Ok(());
    }
    if let Some(at) = above.iter().position(|known| known == name) {
        return Err(above[at..].to_vec());
    }
    above.push(name.to_owned());
    for other in needed {
        visit(other, kinds, above, order)?;
    }
    above.pop();
    order.push((name.to_owned(), *kind));
    Ok(())
}
