"""Deployments as users of the AWS CLI and boto3 make them: a task definition copied from what runs, and an AppSpec."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from serving import Said, Serving, eventually

REGISTRY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# DescribeTaskDefinition gives these, RegisterTaskDefinition does not take them.
OUTPUT_ONLY = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)


@dataclass
class Pushed:
    found: str
    expected: str


@dataclass
class Deployed:
    """What `aws ecs deploy` did."""

    id: str
    revision: str
    said: Said


class Deployments:
    """Deployments of the service `web`."""

    application, group = "AppECS-prod-web", "DgpECS-prod-web"

    def __init__(self, aws: Serving, folder: Path):
        self._aws, self._folder = aws, folder
        self._codedeploy, self._ecs = aws.client("codedeploy"), aws.client("ecs")

    def push(self, version: str) -> Pushed:
        """Pushes an image of this version under a tag of the same name."""
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": MANIFEST.replace("manifest", "config"), "digest": digest(version), "size": 2},
                "layers": [],
                "annotations": {"org.opencontainers.image.version": version},
            }
        )
        image = ("--repository-name", "shop/web", "--image-tag", version, "--image-manifest", manifest)
        put = self._aws.aws("ecr", "put-image", *image)
        if put.code:
            raise SystemExit(put.err)
        return Pushed(put.json()["image"]["imageId"]["imageDigest"], digest(manifest))

    def by_cli(self, image_digest: str) -> Deployed:
        """`aws ecs deploy`, with its files, to its end."""
        eventually(self._nothing_is_active, 180)
        task_definition, app_spec = self._folder / "task.json", self._folder / "appspec.yaml"
        task_definition.write_text(json.dumps(self._with_image(image_digest)))
        app_spec.write_text(
            "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n"
            '        TaskDefinition: "to be replaced"\n        LoadBalancerInfo:\n'
            '          ContainerName: "web"\n          ContainerPort: 8080\n'
        )
        files = ("--task-definition", str(task_definition), "--codedeploy-appspec", str(app_spec))
        said = self._aws.aws("ecs", "deploy", "--cluster", "prod", "--service", "web", *files)
        revision = re.search(r"arn:\S+:task-definition/\S+:\d+", said.out)
        deployment = re.search(r"d-[0-9A-Z]{9}", said.out)
        return Deployed(deployment[0] if deployment else "none", revision[0] if revision else "none", said)

    def register(self, image_digest: str, **members: object) -> str:
        registered = self._ecs.register_task_definition(**self._with_image(image_digest) | members)
        return registered["taskDefinition"]["taskDefinitionArn"]

    def create(self, revision: str, hooks: list[dict], description: str, config: str | None = None) -> str:
        eventually(self._nothing_is_active, 180)
        members = {"deploymentConfigName": config} if config else {}
        created = self._codedeploy.create_deployment(
            applicationName=self.application,
            deploymentGroupName=self.group,
            description=description,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": app_spec(revision, hooks)}},
            **members,
        )
        return created["deploymentId"]

    def try_to_create(self, revision: str) -> Said:
        """By the CLI."""
        content = {"revisionType": "AppSpecContent", "appSpecContent": {"content": app_spec(revision, [])}}
        group = ("--application-name", self.application, "--deployment-group-name", self.group)
        return self._aws.aws("deploy", "create-deployment", *group, "--revision", json.dumps(content))

    def update_group(self, *members: str) -> Said:
        """By the CLI."""
        group = ("--application-name", self.application, "--current-deployment-group-name", self.group)
        return self._aws.aws("deploy", "update-deployment-group", *group, *members)

    def get(self, deployment: str) -> dict:
        return self._codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]

    def end(self, deployment: str) -> dict:
        """What is known of a deployment when it has ended."""

        def ended() -> dict | None:
            known = self.get(deployment)
            return known if known["status"] in ("Succeeded", "Failed", "Stopped") else None

        return eventually(ended, 180) or self.get(deployment)

    def event(self, deployment: str, name: str) -> str:
        """The status of a lifecycle event."""
        return self._events(deployment).get(name, "Pending")

    def waits(self, deployment: str) -> bool:
        """Whether everything is done but the end of blue."""
        events = self._events(deployment)
        return bool(events) and all(status == "Succeeded" for status in events.values())

    def service(self) -> dict:
        return self._ecs.describe_services(cluster="prod", services=["web"])["services"][0]

    def current(self) -> str:
        """The revision that serves production."""
        return next(one["taskDefinition"] for one in self.service()["taskSets"] if one["status"] == "PRIMARY")

    def _nothing_is_active(self) -> bool:
        """What failed may still be rolled back, and a group has one deployment at a time."""
        active = ["Created", "Queued", "InProgress", "Baking", "Ready"]
        group = {"applicationName": self.application, "deploymentGroupName": self.group}
        return not self._codedeploy.list_deployments(**group, includeOnlyStatuses=active)["deployments"]

    def _events(self, deployment: str) -> dict[str, str]:
        try:
            target = self._codedeploy.get_deployment_target(deploymentId=deployment, targetId="prod:web")
        except self._codedeploy.exceptions.DeploymentNotStartedException:
            return {}  # It is merely Created.
        events = target["deploymentTarget"]["ecsTarget"]["lifecycleEvents"]
        return {event["lifecycleEventName"]: event["status"] for event in events}

    def _with_image(self, image_digest: str) -> dict:
        """The revision that serves production with another image, as RegisterTaskDefinition takes it."""
        described = self._ecs.describe_task_definition(taskDefinition=self.current())["taskDefinition"]
        definition = {name: value for name, value in described.items() if name not in OUTPUT_ONLY}
        definition["containerDefinitions"][0]["image"] = f"{REGISTRY}/shop/web@{image_digest}"
        return definition


def app_spec(revision: str, hooks: list[dict]) -> str:
    load_balancer = {"ContainerName": "web", "ContainerPort": 8080}
    properties = {"TaskDefinition": revision, "LoadBalancerInfo": load_balancer}
    service = {"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}
    return json.dumps({"version": 0.0, "Resources": [service], "Hooks": hooks})


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
