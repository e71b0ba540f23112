"""Hooks that ECS itself calls, against moto, with the payloads of `events/`: the answer is what the function returns.

moto (5.2) knows services of the controller ECS, and neither service deployments nor service revisions: what a hook answers to
that is claimed first. Then both stand in, made from the ECS API reference, and a migration runs to its end.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployed import ROOT
from moto_stand_ins import PUT
from moto_world import CLUSTER, DESIRED_COUNT
from recorder import Exchange
from runtime_api import ACCOUNT, REGION, Answer

if TYPE_CHECKING:
    from moto_gates import Trial

NAME = "native"
ID, GREEN, BLUE = "EZe5RNVLH6PPzHXINuP28", "9313423515462893900", "1920498462936580504"
# A sample of each function, at a stage of its own.
SAMPLES = {
    "run-migration": "ecs-pre-scale-up",
    "check-test-traffic": "ecs-post-test-traffic-shift",
    "check-production": "ecs-post-production-traffic-shift",
}
PIPELINE = f"""
[[pipeline]]
name = "{NAME}"
repository = "shop/{NAME}"
tag = "latest"
cluster = "{CLUSTER}"
service = "{NAME}"
[pipeline.migration]
container = "web"
command = ["sample-service", "migrate"]
"""


def sample(function: str, name: str) -> dict:
    return json.loads((ROOT / "events" / function / f"{name}.json").read_text())


def arn(kind: str, id: str = "") -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{CLUSTER}/{NAME}" + (f"/{id}" if id else "")


@dataclass
class OfEcs:
    """A blue/green deployment that waits at a stage (ECS API reference, ServiceDeployment and ServiceRevision)."""

    revision: str
    network: dict
    stage: str = "PRE_SCALE_UP"
    id: str = ID

    def payload(self, details: dict | None = None) -> dict:
        """As ECS calls a hook, with what its last call returned."""
        of = {"serviceArn": arn("service"), "targetServiceRevisionArn": arn("service-revision", GREEN)}
        event = sample("run-migration", SAMPLES["run-migration"]) | {"resourceArn": arn("service-deployment", self.id)}
        event["executionDetails"] |= of
        return event | ({"hookDetails": details} if details else {})

    def stand_ins(self) -> dict:
        return {"DescribeServiceDeployments": self._deployment, "DescribeServiceRevisions": self._revision}

    def complete(self, exchange: Exchange) -> None:
        """moto leaves the strategy out."""
        if exchange.operation != "DescribeServices" or exchange.status != 200:
            return
        answer = exchange.said()
        for service in answer["services"]:
            hook = {"hookTargetArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:any", "lifecycleStages": [self.stage]}
            service["deploymentController"] = {"type": "ECS"}
            service["deploymentConfiguration"] = {"strategy": "BLUE_GREEN", "lifecycleHooks": [hook]}
        exchange.answer = json.dumps(answer).encode()

    def _deployment(self, sent: dict) -> dict:
        share = {"requestedTestTrafficWeight": 0.0, "requestedProductionTrafficWeight": 0.0}
        revision = lambda id, count: {"arn": arn("service-revision", id), "requestedTaskCount": count} | share
        described = {
            "serviceDeploymentArn": sent["serviceDeploymentArns"][0],
            "serviceArn": arn("service"),
            "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}",
            "status": "IN_PROGRESS",
            "lifecycleStage": self.stage,
            "createdAt": 1794000000.0,
            "startedAt": 1794000001.0,
            "sourceServiceRevisions": [revision(BLUE, DESIRED_COUNT)],
            "targetServiceRevision": revision(GREEN, 0),
        }
        return {"serviceDeployments": [described], "failures": []}

    def _revision(self, sent: dict) -> dict:
        described = {
            "serviceRevisionArn": sent["serviceRevisionArns"][0],
            "serviceArn": arn("service"),
            "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}",
            "taskDefinition": self.revision,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "networkConfiguration": self.network,
            "createdAt": 1794000000.0,
        }
        return {"serviceRevisions": [described], "failures": []}


def hooks_of_ecs(trial: "Trial", definition: dict) -> None:
    a_rollback_calls(trial)
    moto_has_no_service_deployments(trial)
    a_migration_runs(trial, definition)


def a_rollback_calls(trial: "Trial") -> None:
    trial.claims.about("hooks of ECS, called in a rollback: green's weight is 0")
    for function in SAMPLES:
        answer = trial.invoke(function, sample("check-test-traffic", "ecs-rollback"))
        trial.claims.equal(f"{function} answers SUCCEEDED", status(answer), "SUCCEEDED")
        trial.claims.equal("without a call", trial.recorder.exchanges, [])


def moto_has_no_service_deployments(trial: "Trial") -> None:
    trial.claims.about("hooks of ECS, when the service deployment cannot be read")
    for function, name in SAMPLES.items():
        answer = trial.invoke(function, sample(function, name))
        trial.claims.equal(f"{function} answers FAILED", status(answer), "FAILED")
        told = {exchange.operation for exchange in trial.recorder.exchanges} & {PUT, "RunTask"}
        trial.claims.equal("it calls neither CodeDeploy's hook nor RunTask", told, set())
        trial.claims.contains("and people hear of the call", trial.inbox.next(), "describe service deployments")


def a_migration_runs(trial: "Trial", definition: dict) -> None:
    claims, recorder = trial.claims, trial.recorder
    claims.about("run-migration, called by ECS: IN_PROGRESS until its task has ended")
    of_ecs = OfEcs(trial.world.register(definition), trial.world.ecs_service(NAME, definition))
    recorder.stand_in |= of_ecs.stand_ins()
    before = recorder.change_answer
    recorder.change_answer = lambda exchange: (before(exchange), of_ecs.complete(exchange))
    for exit_code, expected in ((0, "SUCCEEDED"), (1, "FAILED")):
        # Every deployment has a migration of its own.
        of_ecs.id = f"{ID[:-1]}{exit_code}"
        first = trial.invoke("run-migration", of_ecs.payload())
        claims.equal("the first call answers IN_PROGRESS", status(first), "IN_PROGRESS")
        claims.equal("after it has started one task", recorder.changing(), ["RunTask"])
        details = first.body.get("hookDetails", {}) if isinstance(first.body, dict) else {}
        started = [task["taskArn"] for run in recorder.of("RunTask") for task in run.said()["tasks"]]
        claims.holds("which it hands to the next call", started[0] in details.values(), str(first.body))
        sent = recorder.of("RunTask")[0].sent()
        network = sent["networkConfiguration"]
        claims.equal("in the network of the target's revision", network, of_ecs.network)
        again = trial.invoke("run-migration", of_ecs.payload(details))
        told = (status(again), recorder.changing())
        claims.equal("the next call answers the same and starts nothing", told, ("IN_PROGRESS", []))
        trial.of_aws.ecs.has_ended(started[0], {"web": exit_code, "proxy": 143})
        last = trial.invoke("run-migration", of_ecs.payload(details))
        claims.equal(f"exit code {exit_code} answers {expected}", status(last), expected)
        claims.equal("and never CodeDeploy's hook", recorder.of(PUT), [])
    claims.contains("people hear of the exit code", trial.inbox.next(), "exited with code 1")


def status(answer: Answer) -> object:
    return answer.body.get("hookStatus") if isinstance(answer.body, dict) else answer.body
