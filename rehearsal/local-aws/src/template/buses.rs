//! The event buses of `template.yaml` with their policies, and the stack of `examples/registry.yaml`, whose rules forward events
//! of another account or Region to that bus.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::intrinsics::Scope;
use super::{Template, known, roles, yaml};
use crate::events::{CustomBus, ForwardingRule, Pattern};
use crate::iam::{Of, Principal, ResourcePolicy};
use crate::identity::Location;

/// The name of the registry's stack, as in docs/deploying.md.
const STACK: &str = "greenlight-registry";

/// The name of the bus that every account has.
pub(super) const DEFAULT: &str = "default";

/// The properties that are evaluated or have no effect.
const OF_BUSES: [&str; 3] = ["Description", "KmsKeyIdentifier", "Name"];
const OF_POLICIES: [&str; 3] = ["EventBusName", "Statement", "StatementId"];
const OF_RULES: [&str; 5] = ["Description", "EventPattern", "Name", "State", "Targets"];
const OF_TARGETS: [&str; 3] = ["Arn", "Id", "RoleArn"];

/// Every `AWS::Events::EventBus`. Its key takes no permission of who puts events on it: EventBridge itself uses the key, by the
/// key's policy (EventBridge User Guide, "Authorizing EventBridge to use a customer managed key").
pub(super) fn custom(scope: &Scope) -> anyhow::Result<Vec<CustomBus>> {
    let mut buses = Vec::new();
    for (logical_id, resource) in scope.written("Resources").into_iter().flatten() {
        if resource["Type"] != "AWS::Events::EventBus" || !scope.is_made(resource)? {
            continue;
        }
        let path = format!("Resources.{logical_id}.Properties");
        let properties = scope.resolve(&resource["Properties"], &path)?;
        let properties = properties.unwrap_or_default();
        known(&properties, &OF_BUSES, &path)?;
        let name = properties["Name"].as_str();
        let name = name.with_context(|| format!("`{path}.Name` is missing"))?;
        buses.push(CustomBus {
            name: name.to_owned(),
            policy: Arc::new(policy(scope, name)?),
        });
    }
    check_buses_of_policies(scope, &buses)?;
    Ok(buses)
}

/// A policy of a bus that the template does not have would fail the stack.
fn check_buses_of_policies(scope: &Scope, buses: &[CustomBus]) -> anyhow::Result<()> {
    for (logical_id, resource) in scope.written("Resources").into_iter().flatten() {
        if resource["Type"] != "AWS::Events::EventBusPolicy" || !scope.is_made(resource)? {
            continue;
        }
        let path = format!("Resources.{logical_id}.Properties.EventBusName");
        let bus = scope.resolve(&resource["Properties"]["EventBusName"], &path)?;
        let bus = bus.unwrap_or_default();
        let bus = bus.as_str().unwrap_or(DEFAULT);
        if bus != DEFAULT && !buses.iter().any(|known| known.name == bus) {
            bail!("`{path}` is `{bus}`, expected `default` or an event bus of the template");
        }
    }
    Ok(())
}

/// The statements of every `AWS::Events::EventBusPolicy` of this bus, each of which has one.
pub(super) fn policy(scope: &Scope, bus: &str) -> anyhow::Result<ResourcePolicy> {
    let mut statements = Vec::new();
    for (logical_id, resource) in scope.written("Resources").into_iter().flatten() {
        if resource["Type"] != "AWS::Events::EventBusPolicy" || !scope.is_made(resource)? {
            continue;
        }
        let path = format!("Resources.{logical_id}.Properties");
        let properties = scope.resolve(&resource["Properties"], &path)?;
        let properties = properties.unwrap_or_default();
        known(&properties, &OF_POLICIES, &path)?;
        if properties["EventBusName"].as_str().unwrap_or(DEFAULT) == bus {
            statements.push(properties["Statement"].clone());
        }
    }
    if statements.is_empty() {
        return Ok(ResourcePolicy::default());
    }
    ResourcePolicy::read(&json!({ "Statement": statements }), Of::EventBus)
        .with_context(|| format!("in the policy of the event bus `{bus}`"))
}

impl Template {
    /// Adds the stack of `examples/registry.yaml`, deployed in an account and Region with these parameters.
    pub fn with_registry_stack(
        mut self,
        file: &Path,
        location: &Location,
        parameters: &BTreeMap<String, String>,
    ) -> anyhow::Result<Template> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
        let (rules, principals) = registry_stack(&text, location, parameters)
            .with_context(|| format!("in `{}`", file.display()))?;
        self.forwarding.extend(rules);
        self.principals.extend(principals);
        Ok(self)
    }
}

fn registry_stack(
    text: &str,
    location: &Location,
    parameters: &BTreeMap<String, String>,
) -> anyhow::Result<(Vec<ForwardingRule>, Vec<Principal>)> {
    let scope = Scope::new(yaml::read(text)?, parameters)?.in_stack(STACK, location);
    let principals = roles::principals(&scope, &[])?;
    let resources = scope
        .written("Resources")
        .context("the template has no `Resources`")?;
    let mut rules = Vec::new();
    for (logical_id, resource) in resources {
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::IAM::Role" => {}
            "AWS::Events::Rule" if scope.is_made(resource)? => {
                let read = forwarding(&scope, logical_id, resource, &principals);
                rules.extend(read.with_context(|| format!("in `Resources.{logical_id}`"))?);
            }
            "AWS::Events::Rule" => {}
            other => bail!(
                "`{logical_id}` is of the type `{other}`, which the rehearsal does not support"
            ),
        }
    }
    Ok((rules, principals))
}

/// A rule with its target; `None` if it is disabled.
fn forwarding(
    scope: &Scope,
    logical_id: &str,
    resource: &Value,
    principals: &[Principal],
) -> anyhow::Result<Option<ForwardingRule>> {
    let path = format!("Resources.{logical_id}.Properties");
    let properties = scope.resolve(&resource["Properties"], &path)?;
    let properties = properties.unwrap_or_default();
    known(&properties, &OF_RULES, &path)?;
    if properties["State"] == "DISABLED" {
        return Ok(None);
    }
    let targets = properties["Targets"].as_array().map(Vec::as_slice);
    let Some([target]) = targets else {
        bail!("`Targets` must be one event bus");
    };
    known(target, &OF_TARGETS, &format!("{path}.Targets[0]"))?;
    let role = target["RoleArn"].as_str().unwrap_or_default();
    let is_role = |principal: &&Principal| principal.role_arn == role;
    let role = principals.iter().find(is_role).with_context(|| {
        format!("its role `{role}` is not one of the template, so its permissions are unknown")
    })?;
    role.check_events_are_trusted(
        &scope
            .location()
            .arn("events", &format!("rule/{logical_id}")),
    )?;
    Ok(Some(ForwardingRule {
        location: scope.location().clone(),
        pattern: Pattern::parse(&properties["EventPattern"])?,
        target: target["Arn"].as_str().unwrap_or_default().to_owned(),
        role: role.holder.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../../examples/registry.yaml");

    fn parameters() -> BTreeMap<String, String> {
        [
            ("StackAccount", "111122223333"),
            ("StackRegion", "eu-central-1"),
            ("RepositoryPrefix", "shop/"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn the_shipped_rule_forwards_pushes_with_its_role() {
        let location = Location::new("444455556666", "eu-west-1");
        let (rules, principals) = registry_stack(FILE, &location, &parameters()).unwrap();
        let [rule] = rules.try_into().unwrap();
        assert_eq!(rule.location, location);
        assert_eq!(
            rule.target,
            "arn:aws:events:eu-central-1:111122223333:event-bus/default"
        );
        assert_eq!(rule.role, "ForwardRole");
        let [role] = principals.try_into().unwrap();
        assert_eq!(
            role.role_arn,
            "arn:aws:iam::444455556666:role/greenlight-registry-ForwardRole"
        );
        let event = |repository: &str, tag: &str| {
            json!({
                "source": "aws.ecr", "detail-type": "ECR Image Action",
                "detail": {
                    "action-type": "PUSH", "result": "SUCCESS", "repository-name": repository, "image-tag": tag,
                },
            })
        };
        assert!(rule.pattern.matches(&event("shop/web", "latest")));
        assert!(!rule.pattern.matches(&event("shop/web", "")));
        assert!(!rule.pattern.matches(&event("other/web", "latest")));
    }

    #[test]
    fn what_is_not_evaluated_is_an_error() {
        let location = Location::default();
        for (old, new, expected) in [
            ("AWS::Events::Rule", "AWS::SNS::Topic", "does not support"),
            (
                "Description: Forwards pushes to Greenlight",
                "ScheduleExpression: rate(1 hour)",
                "is not evaluated",
            ),
            ("Id: greenlight", "InputPath: $.detail", "is not evaluated"),
            (
                "Service: events.amazonaws.com",
                "Service: ecs.amazonaws.com",
                "cannot be assumed",
            ),
            (
                "RoleArn: !GetAtt ForwardRole.Arn",
                "RoleArn: other",
                "is not one of the template",
            ),
        ] {
            assert!(FILE.contains(old), "{old}");
            let error = registry_stack(&FILE.replace(old, new), &location, &parameters());
            let error = format!("{:#}", error.unwrap_err());
            assert!(error.contains(expected), "{new}: {error}");
        }
    }
}
