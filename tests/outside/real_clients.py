#!/usr/bin/env python3
"""Shows that `cargo rehearse serve` is AWS to the clients that AWS itself gives out.

    cargo build --workspace
    python3 -m venv target/venv && target/venv/bin/pip install awscli boto3 awslambdaric
    target/venv/bin/python tests/outside/real_clients.py target/debug/rehearsal target/debug [--wire FOLDER]

The AWS CLI ships images by itself, with `aws ecs deploy` and its own waits; boto3's waiters end as they end on AWS; hooks
written in Python, one behind the Invoke API and one under AWS's own runtime interface client, gate a deployment; boto3
makes services that ECS deploys, with their load balancers, and deploys them. One line a claim, `ok` or `FAILED`; the exit status is 0 when every claim holds. With `--wire`, every call is written down for
`check_wire.py`.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

import hook
from claims import Claims
from invoke_api import InvokeApi
from real_by_hand import (
    a_deployment_is_stopped_by_hand,
    a_ready_wait_is_ended_by_hand,
    an_alarm_goes_off,
    waits_are_ended_by_hand,
)
from real_deployments import Deployments
from real_ecs import HOOK, Hook, a_breaker_rolls_back, a_service_from_nothing
from real_waiters import waiters_end_as_on_aws
from serving import Serving

# As AppSpecs name them.
URL_HOOK, RUNTIME_HOOK = "hook-behind-a-url", "hook-of-a-runtime"
EVENTS = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
]


def the_cli_ships(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("`aws ecr put-image`, `aws ecs deploy`, `aws deploy wait`: the AWS CLI ships by itself")
    latest = aws.aws("ecr", "describe-images", "--repository-name", "shop/web", "--image-ids", "imageTag=latest")
    digest = latest.json()["imageDetails"][0]["imageDigest"]
    first = deployments.by_cli(digest)
    claims.equal("`aws ecs deploy` ends well", (first.said.code, first.said.err), (0, ""))
    claims.contains("it says so", first.said.out, "Successfully created deployment", "Successfully deployed")
    claims.equal("production runs what `latest` was", aws.version(), "1.1.0")
    pushed = deployments.push("1.2.0")
    claims.equal("a manifest is an image with the digest of its bytes", pushed.found, pushed.expected)
    second = deployments.by_cli(pushed.found)
    claims.equal("a second deployment ends well: blue and green have changed places", second.said.code, 0)
    claims.equal("production runs what was pushed", aws.version(), "1.2.0")
    waited = aws.aws("deploy", "wait", "deployment-successful", "--deployment-id", second.id)
    claims.equal("`aws deploy wait deployment-successful` ends", (waited.code, waited.err), (0, ""))
    deployment = deployments.get(second.id)
    told = (deployment["status"], deployment["creator"], deployment["deploymentOverview"]["Succeeded"])
    claims.equal("`get-deployment`: Succeeded, by a user, one target", told, ("Succeeded", "user", 1))
    target = aws.aws("deploy", "get-deployment-target", "--deployment-id", second.id, "--target-id", "prod:web").json()
    events = target["deploymentTarget"]["ecsTarget"]["lifecycleEvents"]
    told = [(event["lifecycleEventName"], event["status"]) for event in events]
    claims.equal(
        "`get-deployment-target`: eight events, all of them Succeeded", told, [(e, "Succeeded") for e in EVENTS]
    )
    service = aws.aws("ecs", "describe-services", "--cluster", "prod", "--services", "web").json()["services"][0]
    told = [(task_set["status"], task_set["taskDefinition"]) for task_set in service["taskSets"]]
    claims.equal(
        "`describe-services`: one task set, PRIMARY, of the new revision", told, [("PRIMARY", second.revision)]
    )
    claims.equal("the service follows it", service["taskDefinition"], second.revision)


def what_cannot_be_is_refused(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("what AWS refuses is refused, in words that the CLI shows")
    service = ("ecs", "update-service", "--cluster", "prod", "--service", "web")
    for claim, command, *said in [
        (
            "a deployment that is none",
            ("deploy", "get-deployment", "--deployment-id", "d-000000000"),
            "DeploymentDoesNotExist",
        ),
        (
            "a group that is none",
            (
                "deploy",
                "get-deployment-group",
                "--application-name",
                deployments.application,
                "--deployment-group-name",
                "none",
            ),
            "DeploymentGroupDoesNotExistException",
        ),
        (
            "another revision for a service of CodeDeploy",
            (*service, "--task-definition", "shop-web:1"),
            "InvalidParameterException",
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller",
        ),
        (
            "a repository that is none",
            ("ecr", "describe-images", "--repository-name", "none"),
            "RepositoryNotFoundException",
        ),
        (
            "a task definition that is none",
            ("ecs", "describe-task-definition", "--task-definition", "none"),
            "ClientException",
            "Unable to describe task definition.",
        ),
        (
            "a target group that is none",
            (
                "elbv2",
                "describe-target-health",
                "--target-group-arn",
                "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/none/0000000000000000",
            ),
            "TargetGroupNotFound",
        ),
        (
            "a topic that is none",
            ("sns", "publish", "--message", "m", "--topic-arn", "arn:aws:sns:eu-central-1:111122223333:none"),
            "NotFound",
        ),
        (
            "an AppSpec that is none",
            (
                "deploy",
                "create-deployment",
                "--application-name",
                deployments.application,
                "--deployment-group-name",
                deployments.group,
                "--revision",
                "revisionType=AppSpecContent,appSpecContent={content=nothing}",
            ),
            "InvalidRevisionException",
        ),
    ]:
        refused = aws.aws(*command)
        claims.holds(f"{claim} fails", refused.code != 0, refused.out)
        claims.contains(f"{claim} is named", refused.err, *said)


def an_image_that_nobody_pushed(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("an image that nobody pushed")
    before = aws.version()
    failed = deployments.by_cli(f"sha256:{'0' * 64}")
    claims.holds("`aws ecs deploy` fails", failed.said.code != 0, failed.said.out)
    claims.contains("because the deployment did", failed.said.err, "Waiter DeploymentSuccessful failed", "Failed")
    ecs = aws.client("ecs")
    stopped = ecs.list_tasks(cluster="prod", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster="prod", tasks=stopped[:100])["tasks"] if stopped else []
    of_it = [task for task in tasks if task["taskDefinitionArn"] == failed.revision]
    claims.holds("its tasks are stopped ones", len(of_it) >= 2, f"{len(tasks)} stopped, {len(of_it)} of it")
    if of_it:
        claims.equal("that failed to start", of_it[0]["stopCode"], "TaskFailedToStart")
        claims.contains(
            "because the image is not there", of_it[0]["stoppedReason"], "CannotPullContainerError", "not found"
        )
        claims.holds("without an exit code", "exitCode" not in of_it[0]["containers"][0], str(of_it[0]["containers"]))
    claims.holds("progress says it too", bool(aws.said("stopped", "CannotPullContainerError")), "no line names it")
    claims.equal("production stayed", aws.version(), before)


def hooks_of_others(claims: Claims, aws: Serving, deployments: Deployments, api: InvokeApi) -> None:
    claims.about("hooks that others wrote, in Python: behind a URL, and under AWS's runtime interface client")
    hooks = [{"AfterInstall": URL_HOOK}, {"BeforeAllowTraffic": RUNTIME_HOOK}]
    revision = deployments.current()
    passed = deployments.create(revision, hooks, "both let it pass")
    claims.equal("both let it pass: Succeeded", deployments.end(passed)["status"], "Succeeded")
    expected = f"/2015-03-31/functions/{URL_HOOK}/invocations"
    claims.equal("the one behind the URL was invoked once, by Lambda's path", api.invocations, [expected])
    claims.holds("the other answered", bool(aws.said(RUNTIME_HOOK, "answered")), "no line of progress says so")
    for name, event in ((URL_HOOK, "AfterInstall"), (RUNTIME_HOOK, "BeforeAllowTraffic")):
        refused = deployments.end(deployments.create(revision, [{event: name}], "refuse"))
        error = refused.get("errorInformation", {})
        told = (refused["status"], error.get("code"))
        claims.equal(f"`{name}` refuses: Failed", told, ("Failed", "HOOK_EXECUTION_FAILURE"))
        claims.equal(
            "which rolls back", deployments.end(refused["rollbackInfo"]["rollbackDeploymentId"])["status"], "Succeeded"
        )
    api.invocations.clear()
    crashed = deployments.end(deployments.create(revision, [{"AfterInstall": URL_HOOK}], "crash"))
    claims.equal("one that crashes answers nothing: Failed", crashed["status"], "Failed")
    claims.contains("after the hour", crashed["errorInformation"]["message"], "timed out", "one hour")
    claims.equal("in which Lambda tried it three times", len(api.invocations), 3)
    nobody = deployments.end(deployments.create(revision, [{"AfterInstall": "nobody"}], "a function that is none"))
    claims.contains("a function that is none fails the deployment", nobody.get("errorInformation"), "nobody")


def it_serves_as_it_says(claims: Claims, rehearsal: Path, arguments: list[str], folder: Path) -> None:
    claims.about("`serve` itself")
    with Serving(rehearsal, arguments, folder) as aws:
        claims.holds("listens on loopback", "//127.0.0.1:" in aws.variables["AWS_ENDPOINT_URL"], str(aws.variables))
        port = aws.variables["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
        try:
            with Serving(rehearsal, arguments, folder, port):
                claims.holds("refuses a port that is taken", False, "it started")
        except SystemExit as refusal:
            claims.contains("refuses a port that is taken, with a hint", refusal, f"127.0.0.1:{port}", "hint: `--port`")
        claims.equal("ends well at SIGTERM", aws.stop(), 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path, help="the binary that `cargo rehearse` runs")
    parser.add_argument("binaries", type=Path, help="the folder with the functions and the sample service")
    parser.add_argument("--wire", type=Path, metavar="FOLDER", help="where to write every call down")
    given = parser.parse_args()
    rehearsal, binaries = given.rehearsal.resolve(), given.binaries.resolve()
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="greenlight-clients-") as folder:
        arguments = ["--binaries", str(binaries), "--root", str(account_of_others(Path(folder)))]
        run(claims, rehearsal, arguments, Path(folder), given.wire)
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


def account_of_others(folder: Path) -> Path:
    """A workspace whose pipeline follows a tag that nobody pushes: the functions are there and leave the service alone,
    which is deployed by others here.
    """
    (folder / "config").mkdir()
    shutil.copy(Path(__file__).resolve().parents[2] / "template.yaml", folder)
    pipeline = '[[pipeline]]\nname = "web"\nrepository = "shop/web"\ntag = "nobody-pushes-this"\n'
    (folder / "config" / "pipelines.toml").write_text(f'{pipeline}cluster = "prod"\nservice = "web"\n')
    return folder


def run(claims: Claims, rehearsal: Path, arguments: list[str], folder: Path, wire: Path | None) -> None:
    def recorded(name: str) -> list[str]:
        return [*arguments, "--wire", str(wire / f"{name}.jsonl")] if wire else arguments

    it_serves_as_it_says(claims, rehearsal, arguments, folder)
    runtime_hook = folder / "bootstrap"
    here = Path(__file__).resolve().parent
    runtime_hook.write_text(f"#!/bin/sh\ncd '{here}' && exec '{sys.executable}' -B -m awslambdaric hook.handler\n")
    runtime_hook.chmod(0o755)
    with InvokeApi(hook.handler) as api:
        functions = ["--function", f"{URL_HOOK}={api.url}", "--function", f"{RUNTIME_HOOK}={runtime_hook}"]
        with Serving(rehearsal, [*recorded("clients"), *functions], folder) as aws:
            # The hook behind the URL runs in this process, and finds its AWS as any program does.
            os.environ.update(aws.environment())
            deployments = Deployments(aws, folder)
            the_cli_ships(claims, aws, deployments)
            what_cannot_be_is_refused(claims, aws, deployments)
            waiters_end_as_on_aws(claims, aws, deployments)
            hooks_of_others(claims, aws, deployments, api)
            a_breaker_rolls_back(claims, aws, deployments)
            an_image_that_nobody_pushed(claims, aws, deployments)
    hook_of_ecs = Hook()
    with InvokeApi(hook_of_ecs) as api:
        real_time = [*recorded("real-time"), "--real-time", "--function", f"{HOOK}={api.url}"]
        with Serving(rehearsal, real_time, folder) as aws:
            by_hand(claims, aws, Deployments(aws, folder), hook_of_ecs)


def by_hand(claims: Claims, aws: Serving, deployments: Deployments, hook_of_ecs: Hook) -> None:
    a_service_from_nothing(claims, aws, deployments, hook_of_ecs)
    waits_are_ended_by_hand(claims, aws, deployments)
    a_deployment_is_stopped_by_hand(claims, aws, deployments)
    a_ready_wait_is_ended_by_hand(claims, aws, deployments)
    an_alarm_goes_off(claims, aws, deployments)


if __name__ == "__main__":
    sys.exit(main())
