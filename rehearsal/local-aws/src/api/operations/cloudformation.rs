//! CloudFormation's operations, about the template's stack and those of a user's templates.

use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::cloudformation::{Output, Stack, StackStatus};
use crate::iam::Permission;
use crate::identity::arn;
use crate::stamp::iso;

pub(super) const OPERATIONS: &[Operation] =
    &[Operation::new("DescribeStacks", describe_stacks, on_stack)];

/// One stack, or all of them, the newest first.
fn describe_stacks(call: Call<'_>) -> Answer {
    let mut stacks = call.aws.cloudformation.stacks();
    stacks.reverse();
    if let Some(name) = call.input.text("StackName")? {
        stacks.retain(|stack| stack.name == name || stack_id(stack) == name);
        if stacks.is_empty() {
            return Err(ApiError::new(
                "ValidationError",
                format!("Stack with id {name} does not exist"),
            ));
        }
    }
    Ok(json!({ "Stacks": stacks.iter().map(describe).collect::<Vec<_>>() }))
}

fn describe(stack: &Stack) -> Value {
    let parameters = stack.parameters.iter();
    let parameters: Vec<Value> = parameters
        .map(|(name, value)| {
            let resolved = stack.resolved.get(name);
            json!({ "ParameterKey": name, "ParameterValue": value, "ResolvedValue": resolved })
        })
        .collect();
    let outputs: Vec<Value> = stack.outputs.iter().map(output).collect();
    let mut described = json!({
        "StackId": stack_id(stack),
        "StackName": stack.name,
        "Description": stack.description,
        "Parameters": parameters,
        "CreationTime": iso(stack.created_at),
        "StackStatus": stack.status.as_str(),
        "DisableRollback": false,
        "NotificationARNs": [],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        "Outputs": outputs,
        "Tags": [],
        "EnableTerminationProtection": false,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
    });
    match &stack.status {
        StackStatus::CreateInProgress | StackStatus::CreateComplete => {}
        StackStatus::CreateFailed(reason) => described["StackStatusReason"] = json!(reason),
    }
    described
}

fn output((name, output): (&String, &Output)) -> Value {
    json!({
        "OutputKey": name,
        "OutputValue": output.value,
        "Description": output.description,
        "ExportName": output.export,
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
