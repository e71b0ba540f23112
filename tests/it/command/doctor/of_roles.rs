//! Mistakes of roles.

use serde_json::json;

use super::{Wrong, in_account};
use crate::command::local::Local;

#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
pub(super) fn roles() -> Vec<Wrong> {
    let on_group = "deployment group `DgpECS-prod-web` names the role";
    vec![
        in_account(
            "service role's trust",
            "ship",
            |local| trust(local, "CodeDeployRoleForECS", "ec2.amazonaws.com"),
            "wrong roles",
            on_group,
        ),
        in_account(
            "service role without PassRole",
            "ship",
            |local| {
                attach(
                    local,
                    "AttachRolePolicy",
                    "CodeDeployRoleForECS",
                    "AWSCodeDeployRoleForECSLimited",
                );
                attach(
                    local,
                    "DetachRolePolicy",
                    "CodeDeployRoleForECS",
                    "AWSCodeDeployRoleForECS",
                );
            },
            "wrong roles",
            "do not allow `iam:PassRole` on `arn:aws:iam::111122223333:role/web-task`",
        ),
        in_account(
            "service role is denied the hook",
            "ship",
            |local| deny(local, "CodeDeployRoleForECS", "lambda:InvokeFunction"),
            "wrong roles",
            "deny `lambda:InvokeFunction`",
        ),
        in_account(
            "task role's trust",
            "ship",
            |local| trust(local, "web-task", "ec2.amazonaws.com"),
            "wrong roles",
            "as its task role,",
        ),
        in_account(
            "execution role without its policy",
            "ship",
            |local| {
                attach(
                    local,
                    "DetachRolePolicy",
                    "ecsTaskExecutionRole",
                    "AmazonECSTaskExecutionRolePolicy",
                )
            },
            "wrong roles",
            "`ecr:BatchGetImage`",
        ),
        in_account(
            "a hook that cannot answer",
            "ship",
            |local| deny(local, "greenlight-RunMigrationRole", "codedeploy:Put*"),
            "wrong roles",
            "for the hook `CodeDeployHook_greenlight_run-migration` to answer",
        ),
        in_account(
            "infrastructure role",
            "native-canary",
            |local| trust(local, "ecsInfrastructureRole", "ec2.amazonaws.com"),
            "wrong roles",
            "the load balancer of service `prod/web`",
        ),
        in_account(
            "hook role",
            "native-canary",
            |local| deny(local, "greenlight-HookRole", "lambda:*"),
            "wrong roles",
            "a hook of service `prod/web`",
        ),
    ]
}

const IAM: &str = "2010-05-08";

fn trust(local: &Local, role: &str, service: &str) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" },
    ] });
    let policy = policy.to_string();
    let members = [
        ("Action", "UpdateAssumeRolePolicy"),
        ("RoleName", role),
        ("PolicyDocument", &policy),
    ];
    local.query("iam", IAM, &members);
}

pub(super) fn deny(local: &Local, role: &str, action: &str) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": action, "Resource": "*" }] });
    let policy = policy.to_string();
    let members = [
        ("Action", "PutRolePolicy"),
        ("RoleName", role),
        ("PolicyName", "deny"),
        ("PolicyDocument", &policy),
    ];
    local.query("iam", IAM, &members);
}

fn attach(local: &Local, action: &str, role: &str, policy: &str) {
    let policy = format!("arn:aws:iam::aws:policy/service-role/{policy}");
    local.query(
        "iam",
        IAM,
        &[
            ("Action", action),
            ("RoleName", role),
            ("PolicyArn", &policy),
        ],
    );
}
