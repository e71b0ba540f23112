//! `greenlight doctor` in worlds that are right, and in worlds with one mistake each: it names that one, and nothing else.

use std::fs;

use serde_json::{Value, json};

use super::fits_80_columns;
use super::local::{Local, steady};
use crate::scenarios::run::side_by_side;

/// Parameters that narrow the stack to what the worlds have.
const NARROW: [&str; 8] = [
    "Repositories=shop/*",
    "Clusters=prod",
    "TaskDefinitionFamilies=shop-*",
    "TaskRoles=*-task",
    "ExecutionRoles=ecsTaskExecutionRole",
    "HookRoles=ecs-*",
    "Applications=AppECS-*",
    "TaskLogGroups=/ecs/*",
];

/// A world with one mistake.
struct Wrong {
    name: &'static str,
    world: &'static str,
    /// In place of the narrowing one of that name.
    parameter: Option<&'static str>,
    /// What the file says instead.
    file: (&'static str, &'static str),
    /// What is done in the account.
    made: fn(&Local),
    /// Severity and subject of the one finding.
    found: &'static str,
    /// What its sentence says.
    says: &'static str,
}

const AS_IT_IS: (&str, &str) = ("", "");
const LATEST: (&str, &str) = (
    "tag = \"latest\"",
    "tag = \"latest\"\nrevision_from = \"latest\"",
);

fn nothing(_: &Local) {}

fn in_file(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        name,
        world: "ship",
        parameter: None,
        file: (from, to),
        made: nothing,
        found,
        says,
    }
}

fn in_account(
    name: &'static str,
    world: &'static str,
    made: fn(&Local),
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        name,
        world,
        parameter: None,
        file: AS_IT_IS,
        made,
        found,
        says,
    }
}

fn in_latest(
    name: &'static str,
    made: fn(&Local),
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        file: LATEST,
        ..in_account(name, "ship", made, found, says)
    }
}

fn in_stack(name: &'static str, parameter: &'static str, says: &'static str) -> Wrong {
    let of = in_account(name, "ship", nothing, "wrong parameters", says);
    Wrong {
        parameter: Some(parameter),
        ..of
    }
}

fn serve(world: &str, parameter: Option<&str>) -> Local {
    let name = |given: &str| given.split_once('=').map(|(name, _)| name.to_owned());
    let kept = NARROW
        .into_iter()
        .filter(|one| parameter.is_none_or(|other| name(one) != name(other)));
    let options: Vec<&str> = kept
        .chain(parameter)
        .flat_map(|one| ["--parameter", one])
        .collect();
    Local::with(world, &options)
}

/// Severity, subject and sentence of each finding, and the exit status.
fn findings(local: &Local) -> (Vec<String>, i32) {
    let printed = local.run("doctor --json");
    let answer: Value = serde_json::from_str(&printed.stdout).expect(&printed.stderr);
    let pipelines = answer["pipelines"].as_array().into_iter().flatten();
    let all = pipelines
        .chain([&answer])
        .flat_map(|one| one["findings"].as_array().into_iter().flatten());
    let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        assert!(
            one["severity"] == "not_known" || !text(one, "remedy").is_empty(),
            "{one}"
        );
        format!(
            "{} {}: {}",
            text(one, "severity"),
            text(one, "subject"),
            text(one, "sentence")
        )
    };
    (all.map(line).collect(), printed.status)
}

#[test]
fn a_right_world_has_no_finding() {
    let worlds = [
        "ship",
        "native-canary",
        "native-approval",
        "rolling-migration",
        "ec2-dynamic-ports",
        "two-services",
        "https-listeners",
    ];
    let known: Vec<&str> = worlds
        .into_iter()
        .filter(|world| is_in_catalogue(world))
        .collect();
    assert!(known.len() >= 3, "{known:?}");
    let found = side_by_side(&known, |world| findings(&serve(world, None)));
    for (world, found) in known.iter().zip(found) {
        assert_eq!(found, (Vec::new(), 0), "{world}");
    }
}

fn is_in_catalogue(world: &str) -> bool {
    let order = crate::repository::root().join("rehearsal/catalogue/order.txt");
    let order = fs::read_to_string(order).unwrap();
    order.lines().any(|line| line.trim() == world)
}

#[test]
fn a_wrong_world_has_its_mistake_and_no_other() {
    let all: Vec<Wrong> = [
        files(),
        groups(),
        roles(),
        images(),
        revisions(),
        services(),
        stacks(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(all.len() >= 30, "{}", all.len());
    let found = side_by_side(&all, |wrong| {
        let local = serve(wrong.world, wrong.parameter);
        let path = local.folder.0.join("pipelines.toml");
        let text = fs::read_to_string(&path).unwrap();
        let (from, to) = wrong.file;
        assert!(text.contains(from), "{}: {text}", wrong.name);
        let text = if from.is_empty() {
            format!("{text}{to}")
        } else {
            text.replacen(from, to, 1)
        };
        fs::write(&path, text).unwrap();
        (wrong.made)(&local);
        findings(&local)
    });
    for (wrong, (found, status)) in all.iter().zip(found) {
        let name = wrong.name;
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(
            found[0].starts_with(&format!("{}: ", wrong.found)),
            "{name}: {found:#?}"
        );
        assert!(found[0].contains(wrong.says), "{name}: {found:#?}");
        assert_eq!(
            status,
            i32::from(wrong.found.starts_with("wrong")),
            "{name}"
        );
    }
}

fn files() -> Vec<Wrong> {
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

fn group() -> Value {
    json!({ "applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web" })
}

fn read_group(local: &Local) -> Value {
    let answer = local.call(
        "codedeploy",
        "CodeDeploy_20141006.GetDeploymentGroup",
        &group(),
    );
    answer["deploymentGroupInfo"].clone()
}

fn update_group(local: &Local, member: &str, value: &Value) {
    let body = json!({
        "applicationName": "AppECS-prod-web", "currentDeploymentGroupName": "DgpECS-prod-web", member: value,
    });
    local.call(
        "codedeploy",
        "CodeDeploy_20141006.UpdateDeploymentGroup",
        &body,
    );
}

fn update_pair(local: &Local, change: fn(&mut Value)) {
    let mut info = read_group(local)["loadBalancerInfo"].clone();
    change(&mut info["targetGroupPairInfoList"][0]);
    update_group(local, "loadBalancerInfo", &info);
}

fn groups() -> Vec<Wrong> {
    let no_rollback: fn(&Local) = |local| {
        update_group(
            local,
            "autoRollbackConfiguration",
            &json!({ "enabled": false, "events": [] }),
        );
    };
    vec![
        Wrong {
            file: ("tag = \"latest\"", "tag = \"latest\"\nrollback = \"group\""),
            ..in_account(
                "rollback",
                "ship",
                no_rollback,
                "wrong rollback",
                "does not roll back a deployment that fails",
            )
        },
        in_account(
            "ready wait",
            "ship",
            |local| {
                let mut blue_green = read_group(local)["blueGreenDeploymentConfiguration"].clone();
                blue_green["deploymentReadyOption"] =
                    json!({ "actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60 });
                update_group(local, "blueGreenDeploymentConfiguration", &blue_green);
            },
            "doubt ready-wait",
            "waits up to 60 minutes for a person",
        ),
        in_account(
            "alarm",
            "ship",
            |local| {
                update_group(
                    local,
                    "alarmConfiguration",
                    &json!({ "enabled": true, "alarms": [{ "name": "gone" }] }),
                )
            },
            "wrong alarms",
            "the alarm `gone`, which does not exist",
        ),
        in_account(
            "one target group",
            "ship",
            |local| {
                update_pair(local, |pair| {
                    pair["targetGroups"][1] = pair["targetGroups"][0].clone()
                })
            },
            "wrong target-groups",
            "expected two different ones",
        ),
        in_account(
            "no test listener",
            "ship",
            |local| {
                update_pair(local, |pair| {
                    pair.as_object_mut().unwrap().remove("testTrafficRoute");
                });
            },
            "wrong deployment-group",
            "has no test listener",
        ),
        in_account(
            "one listener",
            "ship",
            |local| {
                update_pair(local, |pair| {
                    pair["testTrafficRoute"] = pair["prodTrafficRoute"].clone()
                })
            },
            "wrong listeners",
            "one listener for production and for test traffic",
        ),
        in_account(
            "test listener on green",
            "ship",
            test_listener_on_green,
            "wrong listeners",
            "forwards to `DgpECS-prod-web-green`",
        ),
        in_account(
            "another deployer",
            "ship",
            |local| {
                let mut body = group();
                let content = json!({ "version": 0.0, "Resources": [{ "TargetService": { "Type": "AWS::ECS::Service", "Properties": {
                    "TaskDefinition": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:1",
                    "LoadBalancerInfo": { "ContainerName": "web", "ContainerPort": 8080 },
                } } }] });
                body["description"] = json!("by the old script");
                body["revision"] = json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content.to_string() } });
                let id = local.call("codedeploy", "CodeDeploy_20141006.CreateDeployment", &body)["deploymentId"].clone();
                let stop = json!({ "deploymentId": id, "autoRollbackEnabled": false });
                local.call("codedeploy", "CodeDeploy_20141006.StopDeployment", &stop);
            },
            "doubt second-deployer",
            "described as `by the old script`",
        ),
    ]
}

fn test_listener_on_green(local: &Local) {
    let info = read_group(local);
    let pair = &info["loadBalancerInfo"]["targetGroupPairInfoList"][0];
    let listener = pair["testTrafficRoute"]["listenerArns"][0]
        .as_str()
        .unwrap();
    let named = [
        ("Action", "DescribeTargetGroups"),
        ("Names.member.1", "DgpECS-prod-web-green"),
    ];
    let answer = local.query("elasticloadbalancing", "2015-12-01", &named);
    let (_, green) = answer.split_once("<TargetGroupArn>").unwrap();
    let (green, _) = green.split_once("</TargetGroupArn>").unwrap();
    local.query(
        "elasticloadbalancing",
        "2015-12-01",
        &[
            ("Action", "ModifyListener"),
            ("ListenerArn", listener),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", green),
        ],
    );
}

fn roles() -> Vec<Wrong> {
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

fn deny(local: &Local, role: &str, action: &str) {
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

fn images() -> Vec<Wrong> {
    vec![
        in_account(
            "lifecycle",
            "ship",
            |local| {
                let days = json!({ "tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 });
                let policy = json!({ "rules": [{ "rulePriority": 1, "selection": days, "action": { "type": "expire" } }] });
                let body = json!({ "repositoryName": "shop/web", "lifecyclePolicyText": policy.to_string() });
                local.call(
                    "ecr",
                    "AmazonEC2ContainerRegistry_V20150921.PutLifecyclePolicy",
                    &body,
                );
            },
            "wrong lifecycle",
            "14 days after its push",
        ),
        Wrong {
            file: ("tag = \"latest\"", "tag = \"armed\""),
            ..in_account(
                "architecture",
                "ship",
                push_for_arm,
                "wrong architecture",
                "made for `linux/arm64`, and the tasks run on `linux/amd64`",
            )
        },
    ]
}

fn push_for_arm(local: &Local) {
    let put = |manifest: &Value, tag: Option<&str>| {
        let mut body =
            json!({ "repositoryName": "shop/web", "imageManifest": manifest.to_string() });
        if let Some(tag) = tag {
            body["imageTag"] = json!(tag);
        }
        let answer = local.call(
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921.PutImage",
            &body,
        );
        answer["image"]["imageId"]["imageDigest"].clone()
    };
    let of_platform = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
            "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        },
        "layers": [], "annotations": { "org.opencontainers.image.version": "1.1.0" },
    });
    let digest = put(&of_platform, None);
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2,
            "platform": { "os": "linux", "architecture": "arm64" },
        }],
    });
    put(&index, Some("armed"));
}

/// Registers the family's latest revision: the first one with a change.
fn register(local: &Local, change: fn(&mut Value)) {
    let describe = json!({ "taskDefinition": "shop-web:1" });
    let answer = local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition",
        &describe,
    );
    let mut definition = answer["taskDefinition"].clone();
    let members = definition.as_object_mut().unwrap();
    for output in [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
    ] {
        members.remove(output);
    }
    change(&mut definition);
    local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition",
        &definition,
    );
}

fn revisions() -> Vec<Wrong> {
    vec![
        in_latest(
            "secret",
            |local| {
                register(local, |definition| {
                    let secret =
                        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/db-AbCdEf";
                    definition["containerDefinitions"][0]["secrets"] =
                        json!([{ "name": "DB", "valueFrom": secret }]);
                });
            },
            "wrong secrets",
            "shop/db-AbCdEf`, which does not exist",
        ),
        in_latest(
            "log group",
            |local| {
                register(local, |definition| {
                    definition["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"] =
                        json!("/ecs/gone");
                });
            },
            "wrong logs",
            "the group `/ecs/gone`, which does not exist",
        ),
        in_latest(
            "port",
            |local| {
                register(local, |definition| {
                    definition["containerDefinitions"][0]["portMappings"][0]["containerPort"] =
                        json!(9999)
                })
            },
            "wrong containers",
            "behind the load balancer",
        ),
        in_latest(
            "execution role",
            |local| {
                register(local, |definition| {
                    definition["executionRoleArn"] = json!("arn:aws:iam::111122223333:role/gone")
                })
            },
            "wrong roles",
            "role/gone`, which does not exist",
        ),
        in_latest(
            "entry point",
            |local| {
                register(local, |definition| {
                    definition["containerDefinitions"][0]["entryPoint"] = json!(["sh", "-c"])
                })
            },
            "wrong migration",
            "the migration's command would not run",
        ),
        in_account(
            "another stack",
            "ship",
            |local| {
                let arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:1";
                let body = json!({ "resourceArn": arn, "tags": [{ "key": "greenlight:stack", "value": "other" }] });
                local.call(
                    "ecs",
                    "AmazonEC2ContainerServiceV20141113.TagResource",
                    &body,
                );
            },
            "wrong second-deployer",
            "which stack `other` registered",
        ),
    ]
}

/// Changes how ECS deploys to the service.
fn configure(local: &Local, change: fn(&mut Value)) {
    let describe = json!({ "cluster": "prod", "services": ["web"] });
    let answer = local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.DescribeServices",
        &describe,
    );
    let mut configuration = answer["services"][0]["deploymentConfiguration"].clone();
    change(&mut configuration);
    let update =
        json!({ "cluster": "prod", "service": "web", "deploymentConfiguration": configuration });
    local.call(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.UpdateService",
        &update,
    );
}

fn services() -> Vec<Wrong> {
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
            "may take 5 minutes, and the pipeline's migration 30",
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

fn stacks() -> Vec<Wrong> {
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

#[test]
fn a_mistake_is_told_with_what_mends_it() {
    let local = serve("ship", None);
    let right = local.transcript(&["doctor"]);
    update_group(
        &local,
        "alarmConfiguration",
        &json!({ "enabled": true, "alarms": [{ "name": "gone" }] }),
    );
    deny(&local, "CodeDeployRoleForECS", "lambda:InvokeFunction");
    let wrong = local.transcript(&["doctor shop-web"]);
    let other = local.transcript(&["--stack other doctor"]);
    let printed = local.run("doctor --json");
    let object: Value = serde_json::from_str(&printed.stdout).unwrap();
    let object = serde_json::to_string_pretty(&object).unwrap();
    insta::assert_snapshot!("doctor_finds_nothing", right);
    insta::assert_snapshot!("doctor_finds_mistakes", wrong);
    insta::assert_snapshot!("doctor_finds_no_stack", other);
    insta::assert_snapshot!("doctor_for_programs", steady(&object));
    for text in [right, wrong] {
        fits_80_columns(&text);
    }
}
