"""What stands in moto before a push: images, services behind a load balancer, deployment groups, a topic.

moto (https://docs.getmoto.org) is an AWS mock written by other people: it shares neither code nor assumptions with this
project. Made with boto3, as an operator's own scripts would.
"""

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import boto3

from deployed import BUS
from runtime_api import ACCOUNT, REGION

CLUSTER = "prod"
# Tasks of every service.
DESIRED_COUNT = 2
# ECS API reference: members of TaskDefinition that RegisterTaskDefinition does not take.
OUTPUT_ONLY = {
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextlib.contextmanager
def moto_server(log: Path):
    """moto's own server as a child on a free port, from the environment that runs this script."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until_it_answers(server, port)
            yield port
        finally:
            server.kill()
            server.wait()


def wait_until_it_answers(server: subprocess.Popen, port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
    raise SystemExit(
        "moto's server did not start (hint: see how the virtual environment is made, in this file's folder)"
    )


@dataclass
class Service:
    """One service, and what a pipeline for it needs."""

    name: str
    repository: str
    family: str
    production: str
    """The revision that serves production, as an ARN."""


class World:
    """Everything that was made, and the clients to look at it."""

    def __init__(self, port: int):
        def client(service: str):
            return boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name=REGION,
                aws_access_key_id="outside",
                aws_secret_access_key="outside",
            )

        self.ecr, self.ecs, self.codedeploy = client("ecr"), client("ecs"), client("codedeploy")
        self.client = client
        self._ec2, self.elb = client("ec2"), client("elbv2")
        # A task of moto's has stopped when it is looked at, unless it is told to wait until somebody stops it.
        until_stopped = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1000}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/moto-api/state-manager/set-transition",
            json.dumps(until_stopped).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()
        self.topic = client("sns").create_topic(Name="outcomes")["TopicArn"]
        client("events").create_event_bus(Name=BUS)
        self.ecs.create_cluster(clusterName=CLUSTER)
        vpc = self._ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        # moto gives a task's network interface a name only then, and fails without one.
        self._ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnets = [
            self._ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for i, zone in enumerate("ab")
        ]
        self._vpc, self._subnets = vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets]
        group = self._ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
        self._security_group = group["GroupId"]

    def push(self, repository: str, tag: str, content: str = "first") -> str:
        """Pushes an image with this content under this tag; its digest."""
        with contextlib.suppress(self.ecr.exceptions.RepositoryAlreadyExistsException):
            self.ecr.create_repository(repositoryName=repository)
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": digest(f"{repository} {content}"),
        }
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []})
        put = self.ecr.put_image(
            repositoryName=repository,
            imageManifest=manifest,
            imageManifestMediaType=MANIFEST,
            imageTag=tag,
            imageDigest=digest(manifest),
        )
        return put["image"]["imageId"]["imageDigest"]

    def service(self, name: str, repository: str, task_definition: dict, test_port: int = 9001) -> Service:
        """A CODE_DEPLOY service whose PRIMARY task set runs this revision, behind a load balancer with a production and
        a test listener, with the application and the group that deploy it."""
        production = self.register(task_definition)
        blue = self.deployment_group(name, test_port)
        behind = [{"targetGroupArn": blue, "containerName": "web", "containerPort": 8080}]
        vpc = {"subnets": self._subnets, "securityGroups": [self._security_group], "assignPublicIp": "DISABLED"}
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=production,
            desiredCount=DESIRED_COUNT,
            launchType="FARGATE",
            platformVersion="1.4.0",
            deploymentController={"type": "CODE_DEPLOY"},
            loadBalancers=behind,
            networkConfiguration={"awsvpcConfiguration": vpc},
        )
        # moto gives a CODE_DEPLOY service no task set; ECS does, and calls it PRIMARY.
        task_set = self.ecs.create_task_set(
            cluster=CLUSTER,
            service=name,
            taskDefinition=production,
            launchType="FARGATE",
            platformVersion="1.4.0",
            loadBalancers=behind,
            networkConfiguration={"awsvpcConfiguration": vpc},
        )
        primary = task_set["taskSet"]["taskSetArn"]
        self.ecs.update_service_primary_task_set(cluster=CLUSTER, service=name, primaryTaskSet=primary)
        return Service(name, repository, task_definition["family"], production)

    def ecs_service(self, name: str, task_definition: dict) -> dict:
        """A service that ECS itself deploys; its network."""
        vpc = {"subnets": self._subnets, "securityGroups": [self._security_group], "assignPublicIp": "DISABLED"}
        network = {"awsvpcConfiguration": vpc}
        self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=self.register(task_definition),
            desiredCount=DESIRED_COUNT,
            launchType="FARGATE",
            platformVersion="1.4.0",
            networkConfiguration=network,
        )
        return network

    def run_task(self, service: Service) -> str:
        """A task of the revision that serves production; moto runs none for a service."""
        described = self.ecs.describe_services(cluster=CLUSTER, services=[service.name])["services"][0]
        task = self.ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=service.production,
            launchType="FARGATE",
            networkConfiguration=described["networkConfiguration"],
        )
        return task["tasks"][0]["taskArn"]

    def deployment_group(self, name: str, test_port: int = 9001) -> str:
        """The load balancer, application and group of a service, there or not; the target group that serves."""
        balancer = self.elb.create_load_balancer(
            Name=name, Subnets=self._subnets, SecurityGroups=[self._security_group]
        )
        arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        blue, _ = (self._target_group(f"{name}-{colour}") for colour in ("blue", "green"))
        production, test = ({"listenerArns": [self._listener(arn, port, blue)]} for port in (80, test_port))
        pair = {
            "targetGroups": [{"name": f"{name}-blue"}, {"name": f"{name}-green"}],
            "prodTrafficRoute": production,
            "testTrafficRoute": test,
        }
        self.codedeploy.create_application(applicationName=application(name), computePlatform="ECS")
        self.codedeploy.create_deployment_group(
            applicationName=application(name),
            deploymentGroupName=group(name),
            serviceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/ecsCodeDeployRole",
            deploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            blueGreenDeploymentConfiguration={
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
            },
            loadBalancerInfo={"targetGroupPairInfoList": [pair]},
            ecsServices=[{"clusterName": CLUSTER, "serviceName": name}],
        )
        return blue

    def register(self, task_definition: dict) -> str:
        """A revision's ARN."""
        return self.ecs.register_task_definition(**task_definition)["taskDefinition"]["taskDefinitionArn"]

    def describe(self, revision: str) -> dict:
        """A revision and its tags, without what the client adds."""
        answer = self.ecs.describe_task_definition(taskDefinition=revision, include=["TAGS"])
        return {"taskDefinition": answer["taskDefinition"], "tags": answer["tags"]}

    def revisions(self, service: Service) -> list[str]:
        return self.ecs.list_task_definitions(familyPrefix=service.family)["taskDefinitionArns"]

    def deployments(self, name: str) -> list[dict]:
        """Everything that CodeDeploy knows of the deployments of a service's group."""
        ids = self.codedeploy.list_deployments(applicationName=application(name), deploymentGroupName=group(name))
        return [self.codedeploy.get_deployment(deploymentId=one)["deploymentInfo"] for one in ids["deployments"]]

    def copy(self, revision: str) -> dict:
        """A revision as RegisterTaskDefinition takes it."""
        definition = dict(self.describe(revision)["taskDefinition"])
        for member in OUTPUT_ONLY:
            definition.pop(member, None)
        return definition

    def target_group(self, name: str) -> str:
        """A target group's ARN."""
        return self.elb.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]

    def test_traffic_to(self, service: str, colour: str) -> None:
        """What CodeDeploy does to the test listener when it allows test traffic."""
        where = self.codedeploy.get_deployment_group(
            applicationName=application(service), deploymentGroupName=group(service)
        )
        pair = where["deploymentGroupInfo"]["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        action = {"Type": "forward", "TargetGroupArn": self.target_group(f"{service}-{colour}")}
        self.elb.modify_listener(ListenerArn=pair["testTrafficRoute"]["listenerArns"][0], DefaultActions=[action])

    def _target_group(self, name: str) -> str:
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=8080, VpcId=self._vpc, TargetType="ip")
        return made["TargetGroups"][0]["TargetGroupArn"]

    def _listener(self, balancer: str, port: int, target_group: str) -> str:
        action = {"Type": "forward", "TargetGroupArn": target_group}
        made = self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action])
        return made["Listeners"][0]["ListenerArn"]


def application(service: str) -> str:
    """As the ECS console names it, which is what a pipeline expects where it names none."""
    return f"AppECS-{CLUSTER}-{service}"


def group(service: str) -> str:
    """Likewise."""
    return f"DgpECS-{CLUSTER}-{service}"


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
