"""Task definitions as people register them: a small one, and one that says most of what can be said."""

from runtime_api import ACCOUNT, REGION

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
SIDECAR_IMAGE = f"{REGISTRY}/platform/envoy:1.30"
PINNED = f"sha256:{'1' * 64}"


def small_task_definition(family: str, repository: str) -> dict:
    """As little as Fargate takes, and an image that is known without its tasks."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {"name": "web", "image": f"{REGISTRY}/{repository}@{PINNED}", "portMappings": [{"containerPort": 8080}]}
        ],
    }


def large_task_definition(family: str, repository: str) -> dict:
    """Most of what a revision can say, sensible together or not, and two containers of which one is not ours."""
    logs = {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/shop/web", "awslogs-region": REGION, "awslogs-stream-prefix": "web"},
        "secretOptions": [{"name": "splunk-token", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/token"}],
    }
    web = {
        "name": "web",
        "image": f"{REGISTRY}/{repository}:1.0.0",
        "cpu": 200,
        "memory": 400,
        "memoryReservation": 300,
        "essential": True,
        "portMappings": [{"containerPort": 8080, "protocol": "tcp", "name": "http", "appProtocol": "http"}],
        "entryPoint": ["/bin/sh", "-c"],
        "command": ["exec shop --greeting \"Grüß Gott \u2615\" --empty ''"],
        "environment": [{"name": "EMPTY", "value": ""}, {"name": "LANG", "value": "C.UTF-8"}],
        "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::shop/web.env"}],
        "secrets": [
            {"name": "DATABASE_URL", "valueFrom": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop-AbCdEf:url::"}
        ],
        "dependsOn": [{"containerName": "envoy", "condition": "HEALTHY"}],
        "healthCheck": {
            "command": ["CMD-SHELL", "curl -f localhost:8080"],
            "interval": 5,
            "retries": 10,
            "startPeriod": 0,
        },
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "ulimits": [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}],
        "mountPoints": [{"sourceVolume": "uploads", "containerPath": "/uploads", "readOnly": False}],
        "readonlyRootFilesystem": True,
        "restartPolicy": {"enabled": True, "ignoredExitCodes": [0, 143], "restartAttemptPeriod": 60},
        "startTimeout": 30,
        "stopTimeout": 120,
        "user": "1000:1000",
        "versionConsistency": "disabled",
        "dockerLabels": {"com.example/owner": "shop", "": "a label without a name"},
        "logConfiguration": logs,
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
    }
    sidecar = {
        "name": "envoy",
        "image": SIDECAR_IMAGE,
        "memory": 128,
        "essential": True,
        "healthCheck": {"command": ["CMD", "true"], "interval": 5, "timeout": 2},
        "user": "1337",
        "resourceRequirements": [],
    }
    efs = {
        "fileSystemId": "fs-0123",
        "rootDirectory": "/",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"iam": "ENABLED"},
    }
    return {
        "family": family,
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/web-task",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole",
        "networkMode": "awsvpc",
        "containerDefinitions": [sidecar, web],
        "volumes": [{"name": "uploads", "efsVolumeConfiguration": efs}],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "2048",
        "tags": [{"key": "team", "value": "shop"}, {"key": "cost centre", "value": ""}],
        "pidMode": "task",
        "ipcMode": "none",
        "proxyConfiguration": {
            "type": "APPMESH",
            "containerName": "envoy",
            "properties": [{"name": "IgnoredUID", "value": "1337"}, {"name": "ProxyEgressPort", "value": "15001"}],
        },
        "ephemeralStorage": {"sizeInGiB": 40},
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "enableFaultInjection": True,
    }
