#!/usr/bin/env python3
"""Checks the templates of examples/infrastructure for every strategy and capacity: each stack is resolved with the outputs of
the one before it, as a person enters them, and `infrastructure_checks.py` says what must hold. Each check is seen to fail on a
mistake that is planted here. With the rehearsal's program, the printed pipelines are read, and played under CodeDeploy: it plays
every file so, whoever deploys the service.

python infrastructure_templates.py [REHEARSAL BINARIES]     where PyYAML is installed
"""

import itertools
import re
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

from claims import Claims
from cloudformation import Invalid, Stack, read
from infrastructure_checks import CHECKS, HOOKS, World

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples/infrastructure"
STRATEGIES = ("CODE_DEPLOY", "BLUE_GREEN", "CANARY", "ROLLING")
COMBINATIONS = tuple(itertools.product(STRATEGIES, ("FARGATE", "EC2")))
REPOSITORY = {"GitHubRepository": "example/shop", "GitHubOwnerId": "101", "GitHubRepositoryId": "202"}
LAMBDA = "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_greenlight_"
GREENLIGHT = {
    "AlarmTopic": "arn:aws:sns:eu-central-1:111122223333:greenlight-AlarmTopic",
    "HookRole": "arn:aws:iam::111122223333:role/greenlight-HookRole",
    "RunMigrationArn": f"{LAMBDA}run-migration",
    "CheckTestTrafficArn": f"{LAMBDA}check-test-traffic",
    "CheckProductionArn": f"{LAMBDA}check-production",
}
HTTPS = {
    "Certificate": "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
    "HostName": "shop.example.com",
}
# What a person may enter beside the defaults: plain HTTP, HTTPS, and every name another one.
VARIANTS: dict[str, dict[str, str]] = {
    "as it comes": {},
    "HTTPS": HTTPS,
    "other names": {
        "Service": "api",
        "Port": "3000",
        "HealthPath": "/healthz",
        "HealthStatus": "200",
        "FollowedTag": "main",
    },
}

# Mistakes: the check that must see it, the template, what stands there, and what is put in its place (everywhere it stands).
MISTAKES: tuple[tuple[str, str, str, str], ...] = (
    ("groups", "service", "      VpcId: !Ref Vpc\n      Protocol: HTTP\n", "      VpcId: vpc-0123abcd\n      Protocol: HTTP\n"),
    ("groups", "service", "HealthCheckPath: !Ref HealthPath", "HealthCheckPath: /"),
    ("groups", "service", "                Weight: 0", "                Weight: 50"),
    ("groups", "service", "ListenerArn: !Ref TestListener", "ListenerArn: !Ref ProductionListener"),
    (
        "groups",
        "service",
        "            TargetGroupArn: !Ref Blue\n\n",
        "            TargetGroupArn: !If [HasGreen, !Ref Green, !Ref Blue]\n\n",
    ),
    ("groups", "service", "AlternateTargetGroupArn: !Ref Green", "AlternateTargetGroupArn: !Ref Blue"),
    ("groups", "service", "TestListenerRule: !Ref TestRule", "TestListenerRule: !Ref ProductionRule"),
    ("container", "service", "- ContainerName: !Ref Service", "- ContainerName: web"),
    (
        "container",
        "service",
        "          ContainerPort: !Ref Port\n          TargetGroupArn",
        "          ContainerPort: 8000\n          TargetGroupArn",
    ),
    ("container", "service", 'containers = ["${Service}"]', 'containers = ["web"]'),
    ("container", "service", '              container = "${Service}"', '              container = "app"'),
    ("capacity", "service", "HostPort: !If [IsEc2, 0, !Ref AWS::NoValue]", "HostPort: !Ref Port"),
    ("capacity", "service", "HostPort: !If [IsEc2, 0, !Ref AWS::NoValue]", "HostPort: 0"),
    ("capacity", "service", "TargetType: !If [IsEc2, instance, ip]", "TargetType: ip"),
    ("capacity", "service", "AssignPublicIp: DISABLED", "AssignPublicIp: ENABLED"),
    ("capacity", "service", "LaunchType: !Ref Capacity", "LaunchType: FARGATE"),
    ("capacity", "network", "HasInstances: !Equals [!Ref Capacity, EC2]", "HasInstances: !Not [!Equals [!Ref Capacity, NONE]]"),
    (
        "deployments",
        "service",
        'TaskDefinition: !If [IsCodeDeploy, !Sub "${Cluster}-${Service}", !Ref TaskDefinition]',
        "TaskDefinition: !Ref TaskDefinition",
    ),
    (
        "deployments",
        "service",
        'TaskDefinition: !If [IsCodeDeploy, !Sub "${Cluster}-${Service}", !Ref TaskDefinition]',
        'TaskDefinition: !Sub "${Cluster}-${Service}"',
    ),
    ("deployments", "service", "Type: !If [IsCodeDeploy, CODE_DEPLOY, ECS]", "Type: ECS"),
    ("deployments", "service", "LifecycleStages: [PRE_SCALE_UP]", "LifecycleStages: [POST_PRODUCTION_TRAFFIC_SHIFT]"),
    (
        "deployments",
        "service",
        "                TimeoutConfiguration:\n                  TimeoutInMinutes: 60\n                  Action: ROLLBACK\n",
        "",
    ),
    ("deployments", "service", "    MaxValue: 720", "    MaxValue: 1900"),
    (
        "deployments",
        "service",
        "            Enable: true\n            Rollback: true\n          Alarms",
        "            Enable: true\n            Rollback: false\n          Alarms",
    ),
    ("deployments", "service", ", DEPLOYMENT_STOP_ON_ALARM", ""),
    ("deployments", "service", "          - Name: !Ref GreenErrors\n", ""),
    ("deployments", "service", "TerminationWaitTimeInMinutes: !Ref BakeMinutes", "TerminationWaitTimeInMinutes: 0"),
    ("deployments", "service", "ListenerArns: [!Ref TestListener]", "ListenerArns: [!Ref ProductionListener]"),
    ("deployments", "service", "ApplicationName: !Sub AppECS-${Cluster}-${Service}", "ApplicationName: !Ref Service"),
    ("alarms", "service", "!GetAtt Green.TargetGroupFullName", "!GetAtt Blue.TargetGroupFullName"),
    ("alarms", "service", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"),
    ("alarms", "service", "TreatMissingData: notBreaching", "TreatMissingData: breaching"),
    (
        "closed",
        "service",
        "            ToPort: !Ref TestPort\n            CidrIp: !Ref ChecksAddress",
        "            ToPort: !Ref TestPort\n            CidrIp: 0.0.0.0/0",
    ),
    ("closed", "service", "          CidrIp: !Ref Clients", "          CidrIp: 0.0.0.0/0"),
    (
        "closed",
        "service",
        "      ToPort: 65535\n      SourceSecurityGroupId: !Ref LoadBalancerSecurityGroup",
        "      ToPort: 65535\n      CidrIp: 0.0.0.0/0",
    ),
    ("closed", "network", "ChecksAddress=${NatAddress.PublicIp}/32", "ChecksAddress=${NatAddress.PublicIp}/24"),
    ("narrowing", "service", '"TaskRoles=${TaskRole}"', '"TaskRoles=${Service}-task"'),
    ("narrowing", "service", '"ExecutionRoles=${ExecutionRole}"', '"ExecutionRoles=${ExecutionRole.Arn}"'),
    ("narrowing", "service", '"TaskLogGroups=${Log}"', '"TaskLogGroups=/aws/ecs/*"'),
    ("narrowing", "service", '"Applications=', '"Application='),
    ("narrowing", "repository", "Repositories=${Repository}", "Repositories=*"),
    ("narrowing", "network", "CheckTestTrafficSubnets=${PrivateSubnetA}", "CheckTestTrafficSubnets=${PublicSubnetA}"),
    ("pipelines", "service", 'cluster = "${Cluster}"', 'cluster = "default"'),
    ("pipelines", "service", 'tag = "${FollowedTag}"', 'tag = "latest"'),
    ("pipelines", "service", 'status = "${HealthStatus}"', 'status = "200"'),
    (
        "pipelines",
        "service",
        "TestsByName: !And [!Condition HasGreen, !Condition HasCertificate]",
        "TestsByName: !And [!Condition HasGreen, !Condition IsCanary]",
    ),
    ("pipelines", "service", "        - !If [HasGreen, ", "        - !If [IsNative, "),
    ("pipelines", "service", '        - !If [HasCertificate, !Sub "host', '        - !If [TestsByName, !Sub "host'),
    (
        "pipelines",
        "service",
        '        - "[pipeline.production_traffic]\\n"\n',
        '        - !If [HasGreen, "[pipeline.production_traffic]\\n", ""]\n',
    ),
    ("pipelines", "service", "          - IsRolling\n", "          - IsCanary\n"),
    ("roles", "service", "                Resource: !GetAtt Log.Arn", '                Resource: "*"'),
    ("roles", "service", "                  - !GetAtt TaskRole.Arn\n", ""),
    ("roles", "repository", "                  - ecr:PutImage\n", "                  - ecr:*\n"),
    ("pushing", "repository", "StringEquals:", "StringLike:"),
    ("pushing", "repository", ":ref:refs/heads/${Branch}", ":*"),
    ("pushing", "repository", "${Owner}@${GitHubOwnerId}", "${Owner}@${GitHubRepositoryId}"),
    (
        "pushing",
        "repository",
        "                  - ecr:PutImage\n",
        "                  - ecr:PutImage\n                  - ecr:BatchDeleteImage\n",
    ),
    ("pushing", "repository", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE"),
    ("pushing", "repository", '"countNumber": ${KeptImages}', '"countNumber": 5'),
    (
        "apart",
        "service",
        "RoleName: !Sub ${Cluster}-${Service}-task-${AWS::Region}",
        "RoleName: !Sub ${Service}-task-${AWS::Region}",
    ),
    (
        "apart",
        "service",
        "RoleName: !Sub ${Cluster}-${Service}-execution-${AWS::Region}",
        "RoleName: !Sub ${Cluster}-${Service}-execution",
    ),
    ("apart", "service", "/ecs/${Cluster}/${Service}", "/ecs/${Service}"),
    ("resolve", "service", "    Condition: IsFargate\n", "    Condition: IsEc2\n"),
    ("resolve", "service", "ServiceName: !GetAtt EcsService.Name", "ServiceName: !GetAtt EcsServices.Name"),
    ("resolve", "service", "  IsEc2: !Equals", "  IsInstances: !Equals"),
    ("resolve", "service", '!Join ["", !Ref MigrationCommand]', "!Length [!Ref MigrationCommand]"),
    (
        "resolve",
        "service",
        "    Condition: HasGreen\n    Properties:\n      LoadBalancerArn",
        "    Condition: IsNative\n    Properties:\n      LoadBalancerArn",
    ),
    ("resolve", "network", "Vpc=${Vpc}", "VpcId=${Vpc}"),
    ("resolve", "network", "InstancesSecurityGroup=${InstancesSecurityGroup}", "InstancesSecurityGroup=${InstanceGroup}"),
)

# What CloudFormation must refuse before it makes anything, by the strategy and what is entered.
REFUSED: tuple[tuple[str, str, dict[str, str]], ...] = (
    *(
        (strategy, f"without {name}", {name: ""})
        for strategy in ("BLUE_GREEN", "CANARY")
        for name in ["HookRole", *HOOKS.values()]
    ),
    ("ROLLING", "a certificate without a name", {"Certificate": HTTPS["Certificate"]}),
    ("CODE_DEPLOY", "the test listener open to the world", {"ChecksAddress": "0.0.0.0/0"}),
    ("CODE_DEPLOY", "the test listener open to half of the world", {"ChecksAddress": "0.0.0.0/1"}),
    ("CODE_DEPLOY", "the same range twice", {"Clients": "192.0.2.10/32"}),
    ("CODE_DEPLOY", "instances without their security group", {"Capacity": "EC2"}),
    ("CODE_DEPLOY", "a name that is too long for its roles", {"Service": "a-service-with-a-name"}),
    ("LINEAR", "an unknown strategy", {}),
)


def build(texts: dict[str, str], strategy: str, capacity: str, entered: dict[str, str]) -> World:
    """The three stacks, one after the other, as a person enters their parameters."""
    followed = {"FollowedTag": entered["FollowedTag"]} if "FollowedTag" in entered else {}
    repository = Stack(read(texts["repository"]), REPOSITORY | followed)
    network = Stack(read(texts["network"]), {"Capacity": capacity})
    printed = dict(word.split("=", 1) for word in network.outputs["ServiceParameters"].split())
    parameters = printed | {"Strategy": strategy, "Clients": "203.0.113.0/24"} | GREENLIGHT | entered
    service = Stack(read(texts["service"]), parameters)
    other = Stack(read(texts["service"]), parameters | {"Cluster": "dev"})
    return World(strategy, capacity, repository, network, service, other, read(texts["greenlight"]))


def complaints(texts: dict[str, str]) -> dict[str, list[str]]:
    """What each check says, over all combinations."""
    found: dict[str, list[str]] = {"resolve": [], **{check.__name__: [] for check in CHECKS}}
    for (strategy, capacity), (variant, entered) in itertools.product(COMBINATIONS, VARIANTS.items()):
        place = f"{strategy}, {capacity}, {variant}"
        try:
            world = build(texts, strategy, capacity, entered)
        except Invalid as invalid:
            found["resolve"].append(f"{place}: {invalid}")
            continue
        for check in CHECKS:
            try:
                found[check.__name__] += [f"{place}: {complaint}" for complaint in check(world)]
            except (Invalid, KeyError, ValueError) as missing:
                found[check.__name__].append(f"{place}: {missing!r}")
    return found


def main(arguments: list[str]) -> int:
    claims = Claims()
    texts = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    texts["greenlight"] = (ROOT / "template.yaml").read_text(encoding="utf-8")

    claims.about(f"examples/infrastructure, {len(COMBINATIONS)} combinations of strategy and capacity")
    for name, said in complaints(texts).items():
        claims.holds(name, not said, "; ".join(said[:5]))

    claims.about("its README")
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    pipeline, *_, parameters = re.findall(r"^```toml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    service = build(texts, "CODE_DEPLOY", "FARGATE", {}).service
    # A template knows the value of an SSM parameter, and not its name, so it prints neither of these.
    image = read(texts["service"])["Parameters"]["Image"]["Default"]
    publish, published = f'publish = "{image}"\n', f'    "PublishedParameters={image.rpartition("/")[0]}/",\n'
    claims.holds("its pipeline publishes what the template reads", publish in pipeline, pipeline)
    claims.holds("its parameters allow that", published in parameters, parameters)
    claims.equal("the pipeline is the one that is printed", pipeline.replace(publish, ""), service.outputs["Pipelines"])
    indented = textwrap.indent(service.outputs["GreenlightParameters"], "    ")
    claims.equal("the parameters are those that are printed", parameters.replace(published, ""), indented)

    claims.about("what CloudFormation refuses")
    refuse(claims, texts)

    claims.about("planted mistakes")
    plant(claims, texts)

    if arguments:
        claims.about("the printed pipelines in the rehearsal, which has CodeDeploy deploy every service")
        rehearse(claims, texts, *arguments)

    print(f"\n{claims.passed} claims hold, {claims.failed} do not")
    return 1 if claims.failed else 0


def refuse(claims: Claims, texts: dict[str, str]) -> None:
    for strategy, what, entered in REFUSED:
        try:
            build(texts, strategy, "FARGATE", entered)
            claims.holds(f"{strategy}: {what}", False, "it is taken")
        except Invalid:
            claims.holds(f"{strategy}: {what}", True, "")
    for name in ("GitHubOwnerId", "GitHubRepositoryId"):
        try:
            Stack(read(texts["repository"]), REPOSITORY | {name: ""})
            claims.holds(f"repository without {name}", False, "it is taken")
        except Invalid:
            claims.holds(f"repository without {name}", True, "")


def plant(claims: Claims, texts: dict[str, str]) -> None:
    for check, template, good, bad in MISTAKES:
        subject = f"{check} sees `{' '.join(bad.split())}` in place of `{' '.join(good.split())}`"
        said = complaints(texts | {template: texts[template].replace(good, bad)})
        others = [name for name in said if said[name]]
        # A mistake that replaces nothing would be seen by nobody.
        claims.holds(subject, good in texts[template] and bool(said[check]), f"only {others} see it")
    unproven = {"resolve", *(check.__name__ for check in CHECKS)} - {check for check, *_ in MISTAKES}
    claims.equal("checks that no mistake has proven", sorted(unproven), [])


def rehearse(claims: Claims, texts: dict[str, str], rehearsal: str, binaries: str) -> None:
    """Plays a deployment with each pipelines file that the stacks print, and one that is no such file."""
    printed = {
        build(texts, strategy, capacity, entered).service.outputs["Pipelines"]: f"{strategy}, {variant}"
        for (strategy, capacity), (variant, entered) in itertools.product(COMBINATIONS, VARIANTS.items())
    }
    without = build(texts, "CODE_DEPLOY", "FARGATE", {"MigrationCommand": ""}).service.outputs["Pipelines"]
    printed[without] = "CODE_DEPLOY, no migration"
    wrong = without.replace("[[pipeline]]", "[[pipelines]]")

    def play(text: str) -> tuple[int, str]:
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            command = [rehearsal, "--pipelines", file.name, "--binaries", binaries, "--root", str(ROOT), "--dwell", "20"]
            played = subprocess.run(command, capture_output=True, text=True, check=False)
            return played.returncode, (played.stdout + played.stderr)[-600:]

    with ThreadPoolExecutor(2) as pool:
        for place, (code, said) in zip(printed.values(), pool.map(play, printed), strict=True):
            claims.holds(f"{place}: is read, and played under CodeDeploy", code == 0, f"exit {code}: {said}")
    code, said = play(wrong)
    claims.holds("a file with a mistake is refused", code == 2, f"exit {code}: {said}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
