//! The template's roles with their policies: those that it declares, and those that SAM generates for functions.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::Declared;
use super::intrinsics::{STACK, Scope};
use crate::iam::{
    BASIC_EXECUTION, Origin, Principal, Statement, Trust, VPC_ACCESS, identity_policy,
    managed_policy, trust_policy,
};
use crate::identity::ACCOUNT;

/// Resources that change the permissions of roles, and are not evaluated.
pub(super) const NOT_READ: [&str; 4] = [
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
    "AWS::Serverless::Connector",
];
/// Properties that change the permissions of a function, and are not evaluated.
const NOT_READ_OF_FUNCTIONS: [&str; 6] = [
    "AssumeRolePolicyDocument",
    "DeadLetterQueue",
    "DurableConfig",
    "PermissionsBoundary",
    "RolePath",
    "Tracing",
];
/// The properties of a role that are evaluated, or have no effect.
const READ_OF_ROLES: [&str; 7] = [
    "AssumeRolePolicyDocument",
    "Description",
    "ManagedPolicyArns",
    "MaxSessionDuration",
    "Policies",
    "RoleName",
    "Tags",
];

/// A resource `AWS::IAM::Role`.
struct Role {
    logical_id: String,
    arn: String,
    statements: Vec<Statement>,
    trust: Vec<Trust>,
    trust_document: Value,
}

/// Returns every role of the template with its holder: those of functions, and those that no function has.
pub(super) fn principals(
    scope: &Scope,
    functions: &[(Declared<'_>, String)],
) -> anyhow::Result<Vec<Principal>> {
    let roles = roles(scope)?;
    let mut principals = Vec::new();
    for (declared, binary_name) in functions {
        principals.push(
            of_function(declared, binary_name, &roles)
                .with_context(|| format!("`{}`", declared.logical_id))?,
        );
    }
    let taken: BTreeSet<String> = principals
        .iter()
        .map(|principal| principal.role_arn.clone())
        .collect();
    let free = roles.into_iter().filter(|role| !taken.contains(&role.arn));
    principals.extend(free.map(|role| Principal {
        session: role.logical_id.clone(),
        holder: role.logical_id,
        role_arn: role.arn,
        statements: role.statements,
        trust: role.trust,
        trust_document: role.trust_document,
        on_failure: None,
    }));
    Ok(principals)
}

fn roles(scope: &Scope) -> anyhow::Result<Vec<Role>> {
    let mut roles = Vec::new();
    for (logical_id, resource) in scope.written("Resources").into_iter().flatten() {
        let of_type = resource["Type"].as_str().unwrap_or_default();
        if !scope.is_made(resource)? {
            continue;
        }
        if NOT_READ.contains(&of_type) || resource.get("Connectors").is_some() {
            bail!(
                "what `{logical_id}` (`{of_type}`) allows is not evaluated in the rehearsal (hint: write its policy into the \
                 `Policies` of the function or the role)"
            );
        }
        if of_type == "AWS::IAM::Role" {
            roles.push(
                role(scope, logical_id, resource)
                    .with_context(|| format!("in `Resources.{logical_id}`"))?,
            );
        }
    }
    Ok(roles)
}

fn role(scope: &Scope, logical_id: &str, resource: &Value) -> anyhow::Result<Role> {
    let properties = scope
        .resolve(&resource["Properties"], "Properties")?
        .unwrap_or_default();
    if let Some(unknown) = properties.as_object().and_then(|members| {
        members
            .keys()
            .find(|name| !READ_OF_ROLES.contains(&name.as_str()))
    }) {
        bail!("`{unknown}` of a role is not evaluated in the rehearsal");
    }
    let mut statements = Vec::new();
    for policy in list(&properties["ManagedPolicyArns"]) {
        statements.extend(managed_policy(policy.as_str().unwrap_or_default())?);
    }
    for policy in list(&properties["Policies"]) {
        let name = policy["PolicyName"]
            .as_str()
            .context("a policy has no `PolicyName`")?;
        let read = identity_policy(&policy["PolicyDocument"], Origin::Template);
        statements.extend(read.with_context(|| format!("in the policy `{name}`"))?);
    }
    let trust_document = properties["AssumeRolePolicyDocument"].clone();
    let trust = trust_policy(&trust_document).context("in `AssumeRolePolicyDocument`")?;
    let arn = scope.attribute(logical_id, "Arn")?;
    Ok(Role {
        logical_id: logical_id.to_owned(),
        arn: arn.as_str().unwrap_or_default().to_owned(),
        statements,
        trust,
        trust_document,
    })
}

/// Returns the function's `Role`, unchanged, or without one the role that SAM generates from `Policies`.
fn of_function(
    declared: &Declared<'_>,
    binary_name: &str,
    roles: &[Role],
) -> anyhow::Result<Principal> {
    let name = declared.scope.attribute(declared.logical_id, "Ref")?;
    let on_failure =
        declared.property("/EventInvokeConfig/DestinationConfig/OnFailure/Destination")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let role_arn = declared.property("/Role")?.as_ref().map(text);
    let (role_arn, statements, trust_document) = match role_arn {
        Some(arn) => {
            let role = roles.iter().find(|role| role.arn == arn);
            let role = role.with_context(|| {
                format!(
                    "its role `{arn}` is not one of the template, so its permissions are unknown (hint: `!GetAtt ROLE.Arn`)"
                )
            })?;
            (arn, role.statements.clone(), role.trust_document.clone())
        }
        None => {
            let role = format!(
                "arn:aws:iam::{ACCOUNT}:role/{STACK}-{}Role",
                declared.logical_id
            );
            (role, made_by_sam(declared)?, lambda_trust())
        }
    };
    let principal = Principal {
        holder: binary_name.to_owned(),
        role_arn,
        session: text(&name),
        statements,
        trust: trust_policy(&trust_document)?,
        trust_document,
        on_failure: on_failure.as_ref().map(text),
    };
    principal.check_lambda_is_trusted()?;
    Ok(principal)
}

fn lambda_trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" },
    }] })
}

fn made_by_sam(declared: &Declared<'_>) -> anyhow::Result<Vec<Statement>> {
    for property in NOT_READ_OF_FUNCTIONS {
        if declared.property(&format!("/{property}"))?.is_some() {
            bail!(
                "the effect of `{property}` on the function's role is not evaluated in the rehearsal"
            );
        }
    }
    let mut statements = managed_policy(BASIC_EXECUTION)?;
    // SAM checks whether the property is present, not whether it has a value.
    if declared.properties.get("VpcConfig").is_some() {
        statements.extend(managed_policy(VPC_ACCESS)?);
    }
    for (index, policy) in list(&declared.property("/Policies")?.unwrap_or_default())
        .iter()
        .enumerate()
    {
        statements.extend(of_policies(policy).with_context(|| format!("in `Policies[{index}]`"))?);
    }
    for end in ["OnFailure", "OnSuccess"] {
        let pointer = format!("/EventInvokeConfig/DestinationConfig/{end}");
        if let Some(destination) = declared.property(&pointer)? {
            statements
                .extend(to_destination(&destination).with_context(|| format!("in `{pointer}`"))?);
        }
    }
    Ok(statements)
}

/// One entry of a function's `Policies`.
fn of_policies(policy: &Value) -> anyhow::Result<Vec<Statement>> {
    match policy {
        Value::String(managed) => managed_policy(managed),
        Value::Object(members) if members.contains_key("Statement") => {
            identity_policy(policy, Origin::Template)
        }
        Value::Object(members) => bail!(
            "SAM's policy templates are not evaluated in the rehearsal: `{}` (hint: write the statements out)",
            members
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("`, `")
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            bail!("`{policy}` is not a policy")
        }
    }
}

/// SAM allows the function's role to send to a destination if its type is given, as the SAM transform does.
fn to_destination(destination: &Value) -> anyhow::Result<Vec<Statement>> {
    let action = match destination["Type"].as_str() {
        None => return Ok(Vec::new()),
        Some("SQS") => "sqs:SendMessage",
        Some("SNS") => "sns:Publish",
        Some("Lambda") => "lambda:InvokeFunction",
        Some("EventBridge") => "events:PutEvents",
        Some(other) => bail!("the rehearsal does not support destinations of the type `{other}`"),
    };
    let resource = destination["Destination"]
        .as_str()
        .context("`Destination` is missing")?;
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    identity_policy(&json!({ "Statement": statement }), Origin::Sam)
}

/// Returns one or many as a list, which is empty if absent.
fn list(value: &Value) -> Vec<Value> {
    match value.as_array() {
        Some(items) => items.clone(),
        None => Some(value.clone())
            .filter(|value| !value.is_null())
            .into_iter()
            .collect(),
    }
}
