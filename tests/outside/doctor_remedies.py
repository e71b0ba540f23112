#!/usr/bin/env python3
"""Shows that what `greenlight doctor` prints mends what it found: every printed `aws` command is run as it stands, by the real AWS
CLI and a shell, against `cargo rehearse serve`.

    cargo build --workspace
    python3 -m venv target/venv && target/venv/bin/pip install awscli boto3
    target/venv/bin/python tests/outside/doctor_remedies.py target/debug/rehearsal target/debug

Each case breaks one thing with boto3 in an account that is right, expects the findings that belong to it and no other, does what
their remedies say, and expects none. Where a remedy leaves something to a person (a `<placeholder>`, a policy that is to be
edited), the case says what a person would do. At the end `plan --moving-to-ecs` moves a service by its own commands. One line a
claim, `ok` or `FAILED`; the exit status is 0 when every claim holds.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from botocore.exceptions import ClientError

from claims import Claims
from serving import Said, Serving

# The world of tests/it/command/doctor, where nothing is wrong.
NARROW = [
    "Repositories=shop/*",
    "Clusters=prod",
    "TaskDefinitionFamilies=shop-*",
    "TaskRoles=*-task",
    "ExecutionRoles=ecsTaskExecutionRole",
    "HookRoles=ecs-*",
    "Applications=AppECS-*",
    "TaskLogGroups=/ecs/*",
]
FINDING = re.compile(r"^  (wrong|doubt|not known) +(\S+): ")
COMMAND = re.compile(r"^ +(?:-> )?(aws .*)$")
NOT_SIMULATED = "the rehearsal does not simulate"
"""A list of policies, say: the CLI has parsed the command then."""
PLACEHOLDER = re.compile(r"<[^<>]+>")
GROUP = {"applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web"}
UPDATED_GROUP = {"applicationName": "AppECS-prod-web", "currentDeploymentGroupName": "DgpECS-prod-web"}
WEB = {"cluster": "prod", "service": "web"}


class World:
    """An account that is right, and the command in it."""

    def __init__(self, aws: Serving, greenlight: Path, folder: Path):
        self.aws, self.greenlight, self.folder = aws, greenlight, folder
        self.pipelines = Path(aws.variables["GREENLIGHT_CONFIG"]).read_text()
        self.lost_listener = ""
        self._clients: dict[str, object] = {}

    def client(self, service: str):
        if service not in self._clients:
            self._clients[service] = self.aws.client(service) if service != "iam" else self._iam()
        return self._clients[service]

    def _iam(self):
        """IAM has one endpoint, whose calls are signed for this Region."""
        self.aws.variables["AWS_REGION"], region = "us-east-1", self.aws.variables["AWS_REGION"]
        try:
            return self.aws.client("iam")
        finally:
            self.aws.variables["AWS_REGION"] = region

    def run(self, *arguments: str) -> Said:
        """The command, as a person runs it who copies from its output."""
        return self._said([self.greenlight, "--config", "pipelines.toml", *arguments])

    def shell(self, script: str) -> Said:
        """A line that was pasted."""
        return self._said(["sh", "-ec", script])

    def _said(self, command: list) -> Said:
        (self.folder / "pipelines.toml").write_text(self.pipelines)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = self.aws.environment() | {"PATH": path, "AWS_PAGER": ""}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    # What the account has.

    def group(self) -> dict:
        return self.client("codedeploy").get_deployment_group(**GROUP)["deploymentGroupInfo"]

    def service(self) -> dict:
        return self.client("ecs").describe_services(cluster="prod", services=["web"])["services"][0]

    def test_listener(self) -> str:
        pair = self.group()["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        return pair["testTrafficRoute"]["listenerArns"][0]

    def target_group(self, name: str) -> str:
        return self.client("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]

    def listener_before(self, target_group: str) -> str:
        elb = self.client("elbv2")
        groups = elb.describe_target_groups(TargetGroupArns=[target_group])["TargetGroups"]
        listeners = elb.describe_listeners(LoadBalancerArn=groups[0]["LoadBalancerArns"][0])["Listeners"]
        return listeners[0]["ListenerArn"]

    def legacy(self) -> str:
        """A target group of nobody's."""
        group = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0rehearsal", "TargetType": "ip"}
        return self.client("elbv2").create_target_group(Name="legacy", **group)["TargetGroups"][0]["TargetGroupArn"]

    def point(self, listener: str, group: str) -> None:
        self.client("elbv2").modify_listener(
            ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
        )

    def trust(self, role: str, service: str) -> None:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=policy)

    def put_policy(self, role: str, effect: str, action: str) -> None:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}
        self.client("iam").put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(policy))

    def detach(self, role: str, policy: str) -> None:
        self.client("iam").detach_role_policy(RoleName=role, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")

    def register(self, change: Callable[[dict], None]) -> None:
        """The family's latest revision, which is the template with `revision_from = "latest"`."""
        ecs = self.client("ecs")
        definition = ecs.describe_task_definition(taskDefinition="shop-web:1")["taskDefinition"]
        known = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
        definition = {name: value for name, value in definition.items() if name in known}
        change(definition["containerDefinitions"][0])
        ecs.register_task_definition(**definition)

    def in_file(self, before: str, after: str) -> None:
        assert before in self.pipelines, self.pipelines
        self.pipelines = self.pipelines.replace(before, after, 1)


@dataclass
class Case:
    """One mistake, and what is left to a person of its remedies."""

    name: str
    found: list[str]
    breaks: Callable[[World], object]
    fills: Callable[[World], str] | None = None
    """What stands for the placeholder of a command."""
    does: dict[str, Callable[[World], object]] = field(default_factory=dict)
    """What is done before a command that begins so; before none, the empty name."""


def in_group(member: str, value: object) -> Callable[[World], object]:
    return lambda world: world.client("codedeploy").update_deployment_group(**UPDATED_GROUP, **{member: value})


def waits_for_a_person(world: World) -> None:
    settings = world.group()["blueGreenDeploymentConfiguration"]
    settings["deploymentReadyOption"] = {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60}
    in_group("blueGreenDeploymentConfiguration", settings)(world)


def leaves_rollback_to_the_group(world: World) -> None:
    world.in_file('tag = "latest"', 'tag = "latest"\nrollback = "group"')
    in_group("autoRollbackConfiguration", {"enabled": False, "events": []})(world)


def expires_by_age(world: World) -> None:
    days = {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
    policy = {"rules": [{"rulePriority": 1, "selection": days, "action": {"type": "expire"}}]}
    world.client("ecr").put_lifecycle_policy(repositoryName="shop/web", lifecyclePolicyText=json.dumps(policy))


def keeps_a_count(world: World) -> None:
    """An editor's work."""
    file = world.folder / "policy.json"
    policy = json.loads(file.read_text())
    rule = policy["rules"][0]["selection"]
    del rule["countUnit"]
    rule |= {"countType": "imageCountMoreThan", "countNumber": 50}
    file.write_text(json.dumps(policy))


def archives(world: World) -> None:
    image = {"repositoryName": "shop/web", "imageId": {"imageTag": "latest"}}
    world.client("ecr").update_image_storage_class(**image, targetStorageClass="ARCHIVE")


def logs_to_a_group_that_is_gone(world: World) -> None:
    world.in_file('tag = "latest"', 'tag = "latest"\nrevision_from = "latest"')
    world.register(lambda web: web["logConfiguration"]["options"].update({"awslogs-group": "/ecs/gone"}))


def of_another_stack(world: World) -> None:
    revision = world.service()["taskDefinition"]
    if sets := world.service().get("taskSets"):
        revision = sets[0]["taskDefinition"]
    tag = {"key": "greenlight:stack", "value": "other"}
    world.client("ecs").tag_resource(resourceArn=revision, tags=[tag])


def production_elsewhere(world: World) -> None:
    advanced = world.service()["loadBalancers"][0]["advancedConfiguration"]
    rule = advanced["productionListenerRule"]
    world.point(rule.replace(":listener-rule/", ":listener/").rsplit("/", 1)[0], world.legacy())


def no_listener(world: World) -> None:
    group = world.service()["loadBalancers"][0]["targetGroupArn"]
    world.lost_listener = world.listener_before(group)
    world.point(world.lost_listener, world.legacy())


def without_a_breaker(world: World) -> None:
    """Its remedy is a line of a template, so that it is no case: it makes the world right."""
    configuration = world.service()["deploymentConfiguration"]
    configuration["deploymentCircuitBreaker"] = {"enable": True, "rollback": True}
    world.client("ecs").update_service(**WEB, deploymentConfiguration=configuration)


def denied_to(role: str) -> dict[str, Callable[[World], object]]:
    """The lists of policies show which one denies it."""
    return {"": lambda world: world.client("iam").delete_role_policy(RoleName=role, PolicyName="own")}


OF_CODEDEPLOY = [
    Case(
        "an alarm that does not exist",
        ["wrong alarms"],
        in_group("alarmConfiguration", {"enabled": True, "alarms": [{"name": "gone"}]}),
    ),
    Case("a group that waits for a person", ["doubt ready-wait"], waits_for_a_person),
    Case(
        "a test listener that leads to green",
        ["wrong listeners"],
        lambda world: world.point(world.test_listener(), world.target_group("DgpECS-prod-web-green")),
    ),
    Case(
        "a service role that CodeDeploy may not assume",
        ["wrong roles"],
        lambda world: world.trust("CodeDeployRoleForECS", "ec2.amazonaws.com"),
    ),
    Case(
        "a service role without its policy",
        ["wrong roles"],
        lambda world: world.detach("CodeDeployRoleForECS", "AWSCodeDeployRoleForECS"),
    ),
    Case(
        "an execution role without its policy",
        ["wrong roles"],
        lambda world: world.detach("ecsTaskExecutionRole", "service-role/AmazonECSTaskExecutionRolePolicy"),
    ),
    Case(
        "a service role that is denied the hooks",
        ["wrong roles"],
        lambda world: world.put_policy("CodeDeployRoleForECS", "Deny", "lambda:InvokeFunction"),
        does=denied_to("CodeDeployRoleForECS"),
    ),
    Case(
        "a lifecycle policy that takes what runs away",
        ["wrong lifecycle"],
        expires_by_age,
        does={"aws ecr put-lifecycle-policy": keeps_a_count},
    ),
    Case("a revision of another stack", ["wrong second-deployer"], of_another_stack),
    Case(
        "a service that runs no task",
        ["doubt service"],
        lambda world: world.client("ecs").update_service(**WEB, desiredCount=0),
    ),
    Case("an image in the archive", ["wrong image"], archives),
    Case("a group that does not roll back", ["wrong rollback"], leaves_rollback_to_the_group),
    Case("a log group that does not exist", ["wrong logs"], logs_to_a_group_that_is_gone),
]
OF_ECS = [
    Case(
        "an infrastructure role that ECS may not assume",
        ["wrong roles"],
        lambda world: world.trust("ecsInfrastructureRole", "ec2.amazonaws.com"),
    ),
    Case(
        "an infrastructure role without its policy",
        ["wrong roles"],
        lambda world: world.detach("ecsInfrastructureRole", "AmazonECSInfrastructureRolePolicyForLoadBalancers"),
    ),
    Case("a production rule that leads elsewhere", ["wrong listeners"], production_elsewhere),
]
ROLLING = [
    Case(
        "a target group that no listener leads to",
        ["wrong listeners"],
        no_listener,
        fills=lambda world: world.lost_listener,
    ),
]


def is_mended(claims: Claims, world: World, case: Case) -> None:
    claims.about(case.name)
    try:
        case.breaks(world)
    except ClientError as error:
        return claims.holds("it can be broken", False, str(error))
    before = world.run("doctor")
    claims.equal("doctor finds it", findings(before), sorted(case.found))
    done = dict.fromkeys(case.does, False)
    for command in commands(before.out):
        for beginning, what in case.does.items():
            if beginning and command.startswith(beginning):
                done[beginning] = True
                what(world)
        if case.fills:
            command = PLACEHOLDER.sub(lambda _: case.fills(world), command)
        said = world.shell(command)
        if NOT_SIMULATED in said.err:
            claims.holds(f"`{command[:100]}`, which `serve` does not simulate, is a call of the CLI's", True, "")
        else:
            claims.equal(f"`{command[:100]}`", (said.code, said.err), (0, ""))
    if "" in case.does:
        done[""] = True
        case.does[""](world)
    claims.holds("what is left to a person came up", all(done.values()), f"{done} in\n{before.out}")
    after = world.run("doctor")
    claims.holds("and then nothing", not findings(after) and after.code == 0, f"{after.out}{after.err}")


def findings(said: Said) -> list[str]:
    """Severity and subject of each."""
    found = [FINDING.match(line) for line in said.out.splitlines()]
    return sorted(f"{one[1]} {one[2]}" for one in found if one)


def commands(text: str) -> list[str]:
    found = [COMMAND.match(line) for line in text.splitlines()]
    return [one[1] for one in found if one]


def a_service_moves(claims: Claims, world: World) -> None:
    claims.about("`plan --moving-to-ecs` moves a service from CodeDeploy to ECS")
    plan = world.run("plan", "shop-web", "--moving-to-ecs")
    claims.contains("it has the commands", plan.out, "infrastructure_role=", "aws ecs update-service")
    lines = plan.out.splitlines()
    begins = [at for at, line in enumerate(lines) if line.startswith("infrastructure_role=")]
    script = "\n".join(lines[begins[0] : lines.index("", begins[0])]) if begins else "false"
    role = "arn:aws:iam::111122223333:role/ecsInfrastructureRole"
    moved = world.shell(PLACEHOLDER.sub(role, script, count=1))
    claims.equal("pasted into a shell, they are taken", (moved.code, moved.err), (0, ""))
    service = world.service()
    claims.equal("ECS deploys to it", service["deploymentController"], {"type": "ECS"})
    stages = [hook["lifecycleStages"] for hook in service["deploymentConfiguration"].get("lifecycleHooks", [])]
    claims.equal("with the pipeline's gates", stages, [["PRE_SCALE_UP"], ["POST_TEST_TRAFFIC_SHIFT"]])
    again = world.run("plan", "shop-web", "--moving-to-ecs")
    claims.contains("and says so", again.out, "not to be moved to ECS: it is deployed by ECS")


def in_world(
    claims: Claims, rehearsal: Path, binaries: Path, name: str, cases: list[Case], then: list[Callable] = ()
) -> None:
    with tempfile.TemporaryDirectory(prefix="greenlight-remedies-") as folder:
        parameters = [word for one in NARROW for word in ("--parameter", one)]
        arguments = ["--binaries", str(binaries), "--world", name, *parameters]
        with Serving(rehearsal, arguments, Path(folder)) as aws:
            world = World(aws, binaries / "greenlight", Path(folder))
            if name.startswith("native-"):
                without_a_breaker(world)
            claims.about(f"the services of `{name}`")
            right = world.run("doctor")
            claims.holds("are right at first", not findings(right) and right.code == 0, f"{right.out}{right.err}")
            for case in cases:
                is_mended(claims, world, case)
            for one in then:
                one(claims, world)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path, help="the binary that `cargo rehearse` runs")
    parser.add_argument("binaries", type=Path, help="the folder with the functions, the sample service and `greenlight`")
    given = parser.parse_args()
    rehearsal, binaries = given.rehearsal.resolve(), given.binaries.resolve()
    claims = Claims()
    in_world(claims, rehearsal, binaries, "ship", OF_CODEDEPLOY)
    in_world(claims, rehearsal, binaries, "ship", [], [a_service_moves])
    in_world(claims, rehearsal, binaries, "native-canary", OF_ECS)
    in_world(claims, rehearsal, binaries, "rolling-migration", ROLLING)
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
