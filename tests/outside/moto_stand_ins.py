"""What AWS says and moto does not: it stands in for whole operations, and completes an answer on its way.

Nothing here judges what a function does. Each member says what it is made from: AWS's references, and what the trial says has
happened (`waits_at`, `has_ended`), for nothing happens in moto by itself.
"""

import hashlib
import json
import math
import time

from moto_deployment import Deployment
from recorder import Exchange

PUT = "PutLifecycleEventHookExecutionStatus"
# CodeDeploy User Guide, "AppSpec 'hooks' section for an Amazon ECS deployment": the events in their order.
LIFECYCLE_EVENTS = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
]
# Between a hook's call and the task that ECS makes for it, so that the two can be told apart.
TASK_IS_MADE_AFTER_SECONDS = 40


class CodeDeployOfAws:
    """Targets, hooks' answers, and the AppSpec that GetDeployment keeps to itself (CodeDeploy API reference)."""

    def __init__(self):
        self._app_specs: dict[str, str] = {}
        self._stages: dict[str, tuple[str, float]] = {}
        self._ended: dict[str, str] = {}

    def has_ended(self, deployment: Deployment, status: str) -> None:
        """The deployment has ended like this; in moto none ever does."""
        self._ended[deployment.id] = status

    def waits_at(self, deployment: Deployment, event: str) -> float:
        """From now on the deployment waits for the hook of this event; the time at which that began."""
        began = time.time()
        self._stages[deployment.id] = (event, began)
        return began

    def stand_ins(self) -> dict:
        """Operations that moto does not have."""
        return {
            PUT: lambda sent: {"lifecycleEventHookExecutionId": sent["lifecycleEventHookExecutionId"]},
            "ListDeploymentTargets": lambda _: {"targetIds": ["prod:web"]},
            "GetDeploymentTarget": self._target,
            "GetApplicationRevision": self._revision,
        }

    def hide(self, exchange: Exchange) -> None:
        """GetDeployment gives an AppSpec's hash and no content, and says when a deployment has ended."""
        answer = exchange.said()
        info = answer["deploymentInfo"]
        info["status"] = self._ended.get(info["deploymentId"], info["status"])
        app_spec = answer["deploymentInfo"]["revision"]["appSpecContent"]
        content = app_spec.pop("content")
        app_spec["sha256"] = hashlib.sha256(content.encode()).hexdigest()
        self._app_specs[app_spec["sha256"]] = content
        exchange.answer = json.dumps(answer).encode()

    def _revision(self, sent: dict) -> dict:
        app_spec = sent["revision"]["appSpecContent"]
        content = app_spec | {"content": self._app_specs[app_spec["sha256"]]}
        return {"revision": {"revisionType": "AppSpecContent", "appSpecContent": content}}

    def _target(self, sent: dict) -> dict:
        of = {"deploymentId": sent["deploymentId"], "targetId": sent["targetId"], "status": "InProgress"}
        stage, began = self._stages.get(sent["deploymentId"], (LIFECYCLE_EVENTS[0], time.time()))
        events = [lifecycle_event(name, stage, began) for name in LIFECYCLE_EVENTS]
        return {"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": of | {"lifecycleEvents": events}}}


def lifecycle_event(name: str, stage: str, began: float) -> dict:
    """One event of a deployment that waits at `stage`."""
    distance = LIFECYCLE_EVENTS.index(name) - LIFECYCLE_EVENTS.index(stage)
    if distance > 0:
        return {"lifecycleEventName": name, "status": "Pending"}
    if distance < 0:
        return {"lifecycleEventName": name, "status": "Succeeded", "startTime": began - 1, "endTime": began}
    return {"lifecycleEventName": name, "status": "InProgress", "startTime": began}


class EcsOfAws:
    """When a task was made and how it ended, and how many tasks a task set has (ECS API reference, Task, TaskSet)."""

    def __init__(self):
        self._ended: dict[str, dict] = {}
        self.tasks_run = True
        """Whether the tasks of every task set run, all that are wanted, or none."""

    def has_ended(self, task: str, exit_codes: dict[str, int]) -> None:
        """The task has stopped by itself, and its containers with these codes; in moto none ever does."""
        containers = [{"name": name, "lastStatus": "STOPPED", "exitCode": code} for name, code in exit_codes.items()]
        self._ended[task] = {
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": containers,
        }

    def complete(self, exchange: Exchange) -> None:
        """Puts into an answer what moto leaves out."""
        answer = exchange.said()
        for service in answer.get("services", []):
            for task_set in service["taskSets"]:
                wanted = computed_desired_count(service, task_set)
                task_set |= {"computedDesiredCount": wanted, "runningCount": wanted if self.tasks_run else 0}
        for task in answer.get("tasks", []):
            if exchange.operation == "RunTask":
                task["createdAt"] = int(time.time()) + TASK_IS_MADE_AFTER_SECONDS
            task |= self._ended.get(task["taskArn"], {})
        exchange.answer = json.dumps(answer).encode()


def computed_desired_count(service: dict, task_set: dict) -> int:
    """The service's desired count by the task set's scale, rounded up."""
    return math.ceil(service["desiredCount"] * task_set["scale"]["value"] / 100)


class OfAws:
    """All of it, as the recorder wants it."""

    def __init__(self):
        self.codedeploy, self.ecs = CodeDeployOfAws(), EcsOfAws()

    def complete(self, exchange: Exchange) -> None:
        """Makes an answer of moto's what AWS would say."""
        if exchange.status != 200:
            return
        if exchange.operation == "GetDeployment":
            self.codedeploy.hide(exchange)
        if exchange.operation in ("RunTask", "DescribeTasks", "DescribeServices"):
            self.ecs.complete(exchange)
        if exchange.operation == "DescribeLoadBalancers":
            # A name that leads somewhere.
            before, _, rest = exchange.answer.partition(b"<DNSName>")
            exchange.answer = before + b"<DNSName>127.0.0.1" + rest[rest.index(b"</DNSName>") :]
