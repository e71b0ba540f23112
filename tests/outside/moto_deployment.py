"""A deployment under way in moto: what CodeDeploy has made by the time that its hooks are called, and what people hear."""

import datetime
import json
import uuid
from dataclasses import dataclass

from moto_world import CLUSTER, Service, World, application, group
from runtime_api import ACCOUNT, REGION

# About as long as CodeDeploy's, which fits in no tag and no token.
EXECUTION_ID = "eyJlbmNyeXB0ZWREYXRhIjoi" + "MERHY2NzZzhMUWJvQWR6MzVx" * 11 + "In0="
LOG_GROUP = "/ecs/web"


@dataclass
class Deployment:
    """One deployment with its green task set."""

    id: str
    revision: str
    green: dict

    def hook(self) -> dict:
        """What CodeDeploy hands to a hook function."""
        return {"DeploymentId": self.id, "LifecycleEventHookExecutionId": EXECUTION_ID}

    def state_change(self, service: str, state: str) -> dict:
        """CodeDeploy's event (aws-lambda-go's sample of it)."""
        detail = {
            "instanceGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2",
            "region": REGION,
            "application": application(service),
            "deploymentId": self.id,
            "state": state,
            "deploymentGroup": group(service),
        }
        return event("aws.codedeploy", "CodeDeploy Deployment State-change Notification", detail)


def deploy(world: World, service: Service, healthy: int = 1) -> Deployment:
    """What CodeDeploy does until AfterInstall: green's task set, and its targets."""
    revision = world.register(world.copy(service.production))
    content = json.dumps(app_spec(revision))
    created = world.codedeploy.create_deployment(
        applicationName=application(service.name),
        deploymentGroupName=group(service.name),
        description=f"greenlight sha256:{'a' * 64} 2026-10-14T09:21:47Z latest",
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
    )
    target_group = world.target_group(f"{service.name}-green")
    targets = [{"Id": f"10.0.0.{10 + number}", "Port": 8080} for number in range(healthy)]
    world.elb.register_targets(TargetGroupArn=target_group, Targets=targets)
    described = world.ecs.describe_services(cluster=CLUSTER, services=[service.name])["services"][0]
    green = world.ecs.create_task_set(
        cluster=CLUSTER,
        service=service.name,
        externalId=created["deploymentId"],
        taskDefinition=revision,
        launchType="FARGATE",
        platformVersion="1.4.0",
        networkConfiguration=described["taskSets"][0]["networkConfiguration"],
        loadBalancers=[{"targetGroupArn": target_group, "containerName": "web", "containerPort": 8080}],
    )
    return Deployment(created["deploymentId"], revision, green["taskSet"])


def app_spec(revision: str) -> dict:
    behind = {"ContainerName": "web", "ContainerPort": 8080}
    properties = {"TaskDefinition": revision, "LoadBalancerInfo": behind}
    return {"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}]}


def event(source: str, detail_type: str, detail: dict) -> dict:
    """EventBridge's envelope. Each event has an id of its own: one that comes again has the same."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-10-14T09:21:47Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def stopped_event(world: World, task: str, exit_code: int) -> dict:
    """ECS's event of the end of a task: what DescribeTasks says, with times in ISO 8601 (ECS Developer Guide). What it says
    of exit codes is the caller's, so that it can be another than ECS itself says."""
    described = world.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
    detail = json.loads(json.dumps(described, default=iso))
    detail |= {
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "version": 6,
        "containers": [{"name": "web", "lastStatus": "STOPPED", "exitCode": exit_code}],
    }
    return event("aws.ecs", "ECS Task State Change", detail)


def iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Inbox:
    """What a subscriber of the topic gets: a queue that moto's SNS delivers to."""

    def __init__(self, world: World):
        self._sqs = world.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="people")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:people"
        raw = {"RawMessageDelivery": "true"}
        world.client("sns").subscribe(TopicArn=world.topic, Protocol="sqs", Endpoint=arn, Attributes=raw)

    def next(self) -> str:
        """The next message; nothing when there is none."""
        received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=1).get("Messages", [])
        for message in received:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return received[0]["Body"] if received else ""
