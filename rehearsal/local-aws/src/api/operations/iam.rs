//! IAM's operations, about roles (IAM API Reference, GetRole, SimulatePrincipalPolicy).

mod roles;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::{Answer, Call, Operation};
use crate::iam::condition::Keys;
use crate::iam::{Permission, Principal};
use crate::identity::ACCOUNT;

pub(super) use self::roles::WRITING;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GetRole", get_role, on_role),
    Operation::new("SimulatePrincipalPolicy", simulate, on_source),
];

/// What a simulation can be told besides, which changes its result.
const NOT_SIMULATED: [&str; 5] = [
    "CallerArn",
    "PermissionsBoundaryPolicyInputList",
    "PolicyInputList",
    "ResourceOwner",
    "ResourcePolicy",
];

fn no_such_role(name: &str) -> ApiError {
    let message = format!("The role with name {name} cannot be found.");
    ApiError::new("NoSuchEntity", message).with_status(404)
}

fn name_of(role: &Principal) -> &str {
    role.role_arn.rsplit('/').next().unwrap_or_default()
}

/// `/team/` of `arn:aws:iam::…:role/team/name`.
fn path_of(role: &Principal) -> &str {
    let path = role
        .role_arn
        .split_once(":role")
        .map_or("/", |(_, path)| path);
    path.strip_suffix(name_of(role)).unwrap_or("/")
}

fn get_role(call: Call<'_>) -> Answer {
    let name = call.input.required_text("RoleName")?;
    let role = call.aws.iam.role(|role| name_of(role) == name);
    let role = role.ok_or_else(|| no_such_role(name))?;
    Ok(json!({ "Role": {
        "Path": path_of(&role),
        "RoleName": name,
        "RoleId": "AROAREHEARSAL0000001",
        "Arn": role.role_arn,
        "CreateDate": "2026-01-01T00:00:00Z",
        // URL-encoded, as RFC 3986 has it.
        "AssumeRolePolicyDocument": encoded(&role.trust_document.to_string()),
    }}))
}

fn simulate(call: Call<'_>) -> Answer {
    let source = call.input.required_text("PolicySourceArn")?;
    let given = |member: &&&str| call.input.value(member).is_some();
    if let Some(member) = NOT_SIMULATED.iter().find(given) {
        let message = not_simulated(&format!("{member} of a simulated policy"));
        return Err(ApiError::new("InvalidInput", message));
    }
    let name = source.rsplit('/').next().unwrap_or_default();
    let role = call.aws.iam.role(|role| role.role_arn == source);
    let role = role.ok_or_else(|| no_such_role(name))?;
    let actions = call.input.required_texts("ActionNames")?;
    let resources = call.input.texts("ResourceArns")?;
    let resources = if resources.is_empty() {
        vec!["*"]
    } else {
        resources
    };
    let pairs = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let keys = keys(call)?;
    let results: Vec<Value> = pairs
        .map(|(action, resource)| {
            let (decision, missing) = role.simulated(action, resource, &keys);
            json!({
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": missing,
            })
        })
        .collect();
    Ok(json!({ "EvaluationResults": results, "IsTruncated": false }))
}

/// The keys of conditions that the caller knows of the call.
fn keys(call: Call<'_>) -> Result<Keys, ApiError> {
    let mut keys = Keys::default();
    for entry in call.input.structures("ContextEntries")? {
        let name = entry.required_text("ContextKeyName")?;
        for value in entry.texts("ContextKeyValues")? {
            keys = keys.with(name, value);
        }
    }
    Ok(keys)
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// SAR: the role.
fn on_role(call: Call<'_>) -> Vec<Permission> {
    let name = call.named_or_any("RoleName");
    // A request names a role without its path, and IAM authorizes the role that it finds.
    let found = call.aws.iam.role(|role| name_of(role) == name);
    let arn = found.map_or_else(
        || format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        |role| role.role_arn,
    );
    vec![call.on(arn)]
}

/// SAR: the user, group or role whose policies are simulated.
fn on_source(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("PolicySourceArn"))]
}
