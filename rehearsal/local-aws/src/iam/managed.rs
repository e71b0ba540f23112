//! The AWS managed policies of roles: those that a function's role usually has.

use anyhow::bail;
use serde_json::json;

use super::managed_of_services;
use super::policy::{Origin, Statement, identity_policy};

/// Allows Lambda to write a function's log.
pub const BASIC_EXECUTION: &str = "AWSLambdaBasicExecutionRole";
/// Allows Lambda to connect a function to a VPC, too.
pub const VPC_ACCESS: &str = "AWSLambdaVPCAccessExecutionRole";

const LOGS: [&str; 3] = [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
];
const INTERFACES: [&str; 6] = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// The last part of a managed policy's ARN: some have a path, and some have none (AWS Managed Policy Reference).
fn with_path(name: &str) -> String {
    match managed_of_services::WITHOUT_PATH.contains(&name) {
        true => name.to_owned(),
        false => format!("service-role/{name}"),
    }
}

fn is_known(name: &str) -> bool {
    [BASIC_EXECUTION, VPC_ACCESS].contains(&name) || managed_of_services::document(name).is_some()
}

/// The statements of a managed policy, by its ARN or (as SAM takes it) its name.
pub fn managed_policy(name_or_arn: &str) -> anyhow::Result<Vec<Statement>> {
    let name = match name_or_arn.strip_prefix("arn:aws:iam::aws:policy/") {
        Some(path) => {
            let name = path.strip_prefix("service-role/").unwrap_or(path);
            if is_known(name) && path != with_path(name) {
                bail!("the managed policy `{name_or_arn}` does not exist");
            }
            name
        }
        None => name_or_arn,
    };
    if let Some(document) = managed_of_services::document(name) {
        return identity_policy(&document, Origin::Aws);
    }
    let actions = match name {
        BASIC_EXECUTION => LOGS.to_vec(),
        VPC_ACCESS => [LOGS.as_slice(), &INTERFACES].concat(),
        _ => bail!(
            "the rehearsal does not know what the managed policy `{name_or_arn}` allows, it knows `{BASIC_EXECUTION}` and \
             `{VPC_ACCESS}` (hint: write out what is needed as an inline policy)"
        ),
    };
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    identity_policy(&json!({ "Statement": [statement] }), Origin::Aws)
}
