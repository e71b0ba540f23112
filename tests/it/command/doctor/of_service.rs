//! Mistakes of services, of the file and of the stack.

use serde_json::{Value, json};

use super::{Wrong, in_account, in_file, in_stack};
use crate::command::local::Local;

pub(super) fn files() -> Vec<Wrong> {
    vec![
        in_file(
            "service",
            "service = \"web\"",
            "service = \"wbe\"",
            "wrong service",
            "the service `prod/wbe`, which does not exist",
        ),
        in_file(
            "cluster",
            "cluster = \"prod\"",
            "cluster = \"prdo\"",
            "wrong service",
            "`prdo/web`, which does not exist",
        ),
        in_file(
            "repository",
            "\"shop/web\"",
            "\"shop/wbe\"",
            "wrong repository",
            "`shop/wbe`, which does not exist",
        ),
        in_file(
            "tag",
            "\"latest\"",
            "\"lastest\"",
            "wrong image",
            "it has `latest`",
        ),
        in_file(
            "containers",
            "tag = \"latest\"",
            "tag = \"latest\"\ncontainers = [\"app\"]",
            "wrong containers",
            "no container `app`",
        ),
        in_file(
            "application",
            "tag = \"latest\"",
            "tag = \"latest\"\napplication = \"shop\"",
            "wrong deployment-group",
            "an application `shop`",
        ),
        in_file(
            "own hook",
            "",
            "\n[pipeline.hooks]\nBeforeAllowTraffic = \"CodeDeployHook_gone\"\n",
            "wrong hooks",
            "the function `CodeDeployHook_gone`, which does not exist",
        ),
        in_file(
            "migration container",
            "container = \"web\"",
            "container = \"app\"",
            "wrong migration",
            "no container `app`",
        ),
    ]
}

pub(super) fn describe(local: &Local) -> Value {
    let describe = json!({ "cluster": "prod", "services": ["web"] });
    let answer = local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.DescribeServices",
        &describe,
    );
    answer["services"][0].clone()
}

/// Changes how ECS deploys to the service.
pub(super) fn configure(local: &Local, change: impl FnOnce(&mut Value)) {
    let mut configuration = describe(local)["deploymentConfiguration"].clone();
    change(&mut configuration);
    let update =
        json!({ "cluster": "prod", "service": "web", "deploymentConfiguration": configuration });
    local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.UpdateService",
        &update,
    );
}

#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
pub(super) fn services() -> Vec<Wrong> {
    vec![
        in_account(
            "desired count",
            "ship",
            |local| {
                let update = json!({ "cluster": "prod", "service": "web", "desiredCount": 0 });
                local.call(
                    "ecs",
                    "AmazonEC2ContainerServiceV20141113.UpdateService",
                    &update,
                );
            },
            "doubt service",
            "the desired count 0",
        ),
        in_account(
            "dangling hook",
            "native-canary",
            |local| {
                configure(local, |configuration| {
                    let hook = json!({
                        "hookTargetArn": "arn:aws:lambda:eu-central-1:111122223333:function:gone",
                        "roleArn": "arn:aws:iam::111122223333:role/greenlight-HookRole", "lifecycleStages": ["POST_SCALE_UP"],
                    });
                    configuration["lifecycleHooks"]
                        .as_array_mut()
                        .unwrap()
                        .push(hook);
                });
            },
            "wrong hooks",
            "function:gone`, which does not exist",
        ),
        in_account(
            "no hook",
            "native-canary",
            |local| {
                configure(local, |configuration| {
                    let hooks = configuration["lifecycleHooks"].as_array_mut().unwrap();
                    hooks.retain(|hook| {
                        !hook["hookTargetArn"]
                            .as_str()
                            .unwrap()
                            .contains("run-migration")
                    });
                });
            },
            "wrong service",
            "expected one for the pipeline's `migration`",
        ),
        in_account(
            "short time limit",
            "native-canary",
            |local| {
                configure(local, |configuration| {
                    configuration["lifecycleHooks"][0]["timeoutConfiguration"] =
                        json!({ "timeoutInMinutes": 5, "action": "ROLLBACK" });
                });
            },
            "wrong hooks",
            "may take 5 minutes, and the migration with its end up to 32",
        ),
        in_account(
            "role that is gone",
            "native-canary",
            |local| {
                configure(local, |configuration| {
                    configuration["lifecycleHooks"][0]["roleArn"] =
                        json!("arn:aws:iam::111122223333:role/ecs-gone");
                });
            },
            "wrong roles",
            "role/ecs-gone`, which does not exist",
        ),
        in_account(
            "breaker",
            "rolling-migration",
            |local| {
                configure(local, |configuration| {
                    configuration["deploymentCircuitBreaker"] =
                        json!({ "enable": false, "rollback": false })
                })
            },
            "wrong service",
            "neither a circuit breaker nor alarms",
        ),
    ]
}

pub(super) fn stacks() -> Vec<Wrong> {
    vec![
        in_stack(
            "repositories",
            "Repositories=pay/*",
            "`Repositories` is `pay/*`, which does not cover `shop/web`",
        ),
        in_stack("task roles", "TaskRoles=pay-*", "does not cover `web-task`"),
        in_stack(
            "families",
            "TaskDefinitionFamilies=pay-*",
            "does not cover `shop-web`",
        ),
        Wrong {
            found: "doubt parameters",
            ..in_stack(
                "open parameters",
                "Clusters=*",
                "may touch more than its pipelines need: `Clusters` is still `*`",
            )
        },
    ]
}
