//! Mistakes of images and revisions.

use serde_json::{Value, json};

use super::{Wrong, in_account, in_latest};
use crate::command::local::Local;

pub(super) fn images() -> Vec<Wrong> {
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

#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
pub(super) fn revisions() -> Vec<Wrong> {
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
            "log group of another Region",
            |local| {
                register(local, |definition| {
                    definition["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-region"] =
                        json!("eu-west-1");
                });
            },
            "not_known logs",
            "it is of the Region `eu-west-1`",
        ),
        in_latest(
            "tasks on ARM64",
            |local| {
                register(local, |definition| {
                    definition["runtimePlatform"] =
                        json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
                });
            },
            "not_known architecture",
            "is made for `linux/arm64`, which the tasks run on, is not known",
        ),
        in_latest(
            "port",
            |local| {
                register(local, |definition| {
                    definition["containerDefinitions"][0]["portMappings"] =
                        json!([{ "containerPort": 9999 }])
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
