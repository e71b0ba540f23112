//! IAM's operations that write roles (IAM API Reference). What a person or infrastructure code does, no function of the template.

use serde_json::{Value, json};

use super::{encoded, no_such_role, on_role};
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::iam::RoleRefused;
use crate::identity::ACCOUNT;

pub(in crate::api::operations) const WRITING: &[Operation] = &[
    Operation::new("AttachRolePolicy", attach, on_role),
    Operation::new("CreateRole", create, on_role),
    Operation::new("DeleteRole", delete, on_role),
    Operation::new("DeleteRolePolicy", delete_policy, on_role),
    Operation::new("DetachRolePolicy", detach, on_role),
    Operation::new("PutRolePolicy", put_policy, on_role),
    Operation::new("UpdateAssumeRolePolicy", update_trust, on_role),
];

fn create(call: Call<'_>) -> Answer {
    let name = call.input.required_text("RoleName")?;
    let path = call.input.text("Path")?.unwrap_or("/");
    let trust = document(call, "AssumeRolePolicyDocument")?;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role{path}{name}");
    let role = call
        .aws
        .iam
        .create_role(&arn, &trust)
        .map_err(|refused| refusal(refused, name, ""))?;
    Ok(json!({ "Role": {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROAREHEARSAL0000001",
        "Arn": role.role_arn,
        "CreateDate": "2026-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": encoded(&role.trust_document.to_string()),
    }}))
}

fn delete(call: Call<'_>) -> Answer {
    let name = call.input.required_text("RoleName")?;
    done(call.aws.iam.delete_role(name), name, "")
}

fn update_trust(call: Call<'_>) -> Answer {
    let name = call.input.required_text("RoleName")?;
    let trust = document(call, "PolicyDocument")?;
    done(call.aws.iam.update_trust(name, &trust), name, "")
}

fn put_policy(call: Call<'_>) -> Answer {
    let (name, policy) = named(call, "PolicyName")?;
    let written = document(call, "PolicyDocument")?;
    done(
        call.aws.iam.put_role_policy(name, policy, &written),
        name,
        policy,
    )
}

fn delete_policy(call: Call<'_>) -> Answer {
    let (name, policy) = named(call, "PolicyName")?;
    done(call.aws.iam.delete_role_policy(name, policy), name, policy)
}

fn attach(call: Call<'_>) -> Answer {
    let (name, policy) = named(call, "PolicyArn")?;
    done(call.aws.iam.attach_role_policy(name, policy), name, policy)
}

fn detach(call: Call<'_>) -> Answer {
    let (name, policy) = named(call, "PolicyArn")?;
    done(call.aws.iam.detach_role_policy(name, policy), name, policy)
}

fn named<'a>(call: Call<'a>, policy: &str) -> Result<(&'a str, &'a str), ApiError> {
    Ok((
        call.input.required_text("RoleName")?,
        call.input.required_text(policy)?,
    ))
}

fn document(call: Call<'_>, member: &str) -> Result<Value, ApiError> {
    let text = call.input.required_text(member)?;
    serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))
}

fn malformed(message: &str) -> ApiError {
    ApiError::new("MalformedPolicyDocument", message)
}

fn done(written: Result<(), RoleRefused>, name: &str, policy: &str) -> Answer {
    written
        .map(|()| json!({}))
        .map_err(|refused| refusal(refused, name, policy))
}

/// The sentences are those that public programs report; of what the rehearsal cannot evaluate it says so.
fn refusal(refused: RoleRefused, name: &str, policy: &str) -> ApiError {
    match refused {
        RoleRefused::NoSuchRole => no_such_role(name),
        RoleRefused::Exists => ApiError::new(
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        )
        .with_status(409),
        RoleRefused::NoSuchPolicy => {
            let message = match policy.starts_with("arn:") {
                true => format!("Policy {policy} was not found."),
                false => format!("The role policy with name {policy} cannot be found."),
            };
            ApiError::new("NoSuchEntity", message).with_status(404)
        }
        RoleRefused::Malformed(why) => malformed(&format!("not evaluated in the rehearsal: {why}")),
        RoleRefused::HasPolicies => ApiError::new(
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        )
        .with_status(409),
    }
}
