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
                    "service-role/AmazonECSTaskExecutionRolePolicy",
                )
            },
            "wrong roles",
            "`ecr:BatchGetImage`",
        ),
        in_account(
            "execution role may not look for layers",
            "ship",
            |local| deny(local, "ecsTaskExecutionRole", "ecr:BatchCheckLayer*"),
            "wrong roles",
            "deny `ecr:BatchCheckLayerAvailability`",
        ),
        in_account(
            "execution role may not write the log",
            "ship",
            |local| deny(local, "ecsTaskExecutionRole", "logs:PutLogEvents"),
            "wrong roles",
            "deny `logs:PutLogEvents` on `arn:aws:logs:eu-central-1:111122223333:log-group:/ecs/shop-web:*`",
        ),
        in_account(
            "service role may not change rules",
            "ship",
            |local| {
                deny(
                    local,
                    "CodeDeployRoleForECS",
                    "elasticloadbalancing:ModifyRule",
                )
            },
            "wrong roles",
            "deny `elasticloadbalancing:ModifyRule`",
        ),
        in_account(
            "service role may not see rules",
            "ship",
            |local| {
                deny(
                    local,
                    "CodeDeployRoleForECS",
                    "elasticloadbalancing:DescribeRules",
                )
            },
            "wrong roles",
            "deny `elasticloadbalancing:DescribeRules`",
        ),
        in_account(
            "infrastructure role on the group of green",
            "native-canary",
            |local| {
                deny_on(
                    local,
                    "ecsInfrastructureRole",
                    "elasticloadbalancing:RegisterTargets",
                    "arn:aws:elasticloadbalancing:*:*:targetgroup/*-green/*",
                );
            },
            "wrong roles",
            "deny `elasticloadbalancing:RegisterTargets`",
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
    deny_on(local, role, action, "*");
}

fn deny_on(local: &Local, role: &str, action: &str, resource: &str) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": action, "Resource": resource }] });
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
    let policy = format!("arn:aws:iam::aws:policy/{policy}");
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
