//! CloudFormation's operations, about the template's stack: there is no other.

use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::cloudformation::Stack;
use crate::iam::Permission;
use crate::identity::arn;
use crate::stamp::iso;

pub(super) const OPERATIONS: &[Operation] =
    &[Operation::new("DescribeStacks", describe_stacks, on_stack)];

fn describe_stacks(call: Call<'_>) -> Answer {
    let stack = &call.aws.stack;
    let id = stack_id(stack);
    match call.input.text("StackName")? {
        Some(name) if name != stack.name && name != id => Err(ApiError::new(
            "ValidationError",
            format!("Stack with id {name} does not exist"),
        )),
        Some(_) | None => Ok(json!({ "Stacks": [describe(stack, &id)] })),
    }
}

fn describe(stack: &Stack, id: &str) -> Value {
    let parameters = stack.parameters.iter();
    let parameters: Vec<Value> = parameters
        .map(|(name, value)| json!({ "ParameterKey": name, "ParameterValue": value }))
        .collect();
    json!({
        "StackId": id,
        "StackName": stack.name,
        "Parameters": parameters,
        "CreationTime": iso(stack.created_at),
        "StackStatus": "CREATE_COMPLETE",
        "DisableRollback": false,
        "NotificationARNs": [],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        "Tags": [],
        "EnableTerminationProtection": false,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
    })
}

fn stack_id(stack: &Stack) -> String {
    arn(
        "cloudformation",
        &format!("stack/{}/0rehearsal", stack.name),
    )
}

/// SAR: the stack.
fn on_stack(call: Call<'_>) -> Vec<Permission> {
    let name = call.named_or_any("StackName");
    let resource = match name.starts_with("arn:") {
        true => name.to_owned(),
        false => arn("cloudformation", &format!("stack/{name}/*")),
    };
    vec![call.on(resource)]
}
