#!/usr/bin/env python3
"""Checks the CI files of `examples/ci`, and runs them: by their systems' schemas and zizmor, and by playing their shell.

    cargo build --workspace
    python3 -m venv target/venv && target/venv/bin/pip install awscli boto3
    python3 -m venv target/linters && target/linters/bin/pip install check-jsonschema zizmor
    target/venv/bin/python tests/outside/ci_examples.py target/debug/rehearsal target/debug --linters target/linters/bin

Each job's shell runs with an empty environment and what its system sets, against `cargo rehearse serve`, with a
`docker` that pushes by ECR's PutImage and an `aws` that finds the account on loopback. A push to main deploys once; a
pull request, another branch and a push whose tests fail push nothing. Mistakes that people make are planted, and must be
found. One line a claim, `ok` or `FAILED`; the exit status is 0 when every claim holds.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

import yaml

from ci_account import Account, Unknown, allows, trusts
from ci_commit_status import statuses_are_written
from ci_mistakes import BRANCH, FAILING, FAILING_PULL, MAIN, MISTAKES, PULL, REFUSED
from ci_systems import COMMIT, SYSTEMS, Event, Job, Step, circleci_claims
from claims import Claims
from serving import Serving, eventually

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "ci"
TO_MAIN, TO_A_BRANCH, PULL_REQUEST = Event("push", "main"), Event("push", "topic"), Event("pull_request", "main")
# "IAM permissions for pushing an image", ECR User Guide; the last is what `docker login` needs.
PUSHING = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
    "ecr:GetAuthorizationToken",
}
SCHEMAS = {
    "github-actions.yml": ["--builtin-schema", "vendor.github-workflows"],
    "rehearse-pull-request.yml": ["--builtin-schema", "vendor.github-workflows"],
    "gitlab-ci.yml": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "circleci.yml": ["--builtin-schema", "vendor.circle-ci"],
    "travis.yml": ["--builtin-schema", "vendor.travis"],
}
"""There is none for a buildspec: the player refuses what it does not know."""


@dataclass
class Played:
    """What became of a file at an event."""

    ended: dict[str, bool]
    """The jobs that ran, and whether they ended well."""
    said: str
    commands: list[list[str]]
    """What `docker` was asked for."""

    def ran(self, command: str) -> int:
        return sum(one[0] == command for one in self.commands)

    @property
    def is_well(self) -> bool:
        return bool(self.ended) and all(self.ended.values())


class Player:
    """Runs jobs, each on a machine of its own."""

    def __init__(self, account: Account, folder: Path):
        self._account, self._folder, self._machines = account, folder, 0

    def play(self, jobs: list[Job], tests_end_with: int = 0, version: str = "1.2.0") -> Played:
        played = Played({}, "", [])
        for job in jobs:
            self._machines += 1
            machine = self._folder / f"machine-{self._machines}"
            environment = self._machine(machine, job, {"tests_end_with": tests_end_with, "version": version})
            played.ended[job.name] = all(self._step(step, machine, environment, played) for step in job.steps)
            calls = machine / "state" / "docker.jsonl"
            lines = calls.read_text().splitlines() if calls.is_file() else []
            played.commands += [json.loads(line) for line in lines]
        return played

    def _machine(self, machine: Path, job: Job, settings: dict) -> dict[str, str]:
        """Makes one, and returns its variables: the system's, and where its programs are."""
        for name in ("bin", "home", "state", "work"):
            (machine / name).mkdir(parents=True)
        (machine / "state" / "settings.json").write_text(json.dumps(settings))
        (machine / "work" / "Dockerfile").write_text("FROM scratch\n")
        here, python, aws = Path(__file__).parent, sys.executable, Path(sys.executable).with_name("aws")
        docker = f"exec '{python}' -B '{here / 'ci_docker.py'}' '{machine / 'state'}' '{self._account.url}' \"$@\""
        programs = {"docker": docker, "aws": f"AWS_ENDPOINT_URL='{self._account.url}' exec '{aws}' \"$@\""}
        # What installs the AWS CLI.
        programs |= {"apk": "exit 0", "pip": "exit 0"}
        for name, text in programs.items():
            (machine / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (machine / "bin" / name).chmod(0o755)
        environment = {"HOME": str(machine / "home"), "PATH": f"{machine / 'bin'}:/usr/bin:/bin"}
        if job.has_container_credentials:
            # CodeBuild's own variable has the path alone, of an address that is no loopback one.
            environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{self._account.url}/credentials"
        return environment | job.environment

    def _step(self, step: Step, machine: Path, environment: dict[str, str], played: Played) -> bool:
        if step.role:
            return self._take_role(step, environment, played)
        script = machine / "script"
        script.write_text(step.script)
        done = subprocess.run(
            [*step.shell.split(), script],
            cwd=machine / "work",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=300,
            check=False,
        )
        played.said += done.stdout
        return done.returncode == 0

    def _take_role(self, step: Step, environment: dict[str, str], played: Played) -> bool:
        try:
            if not step.token:
                raise PermissionError("the job may not ask for an identity token")
            session = self._account.take_role(step.role, step.token)
        except PermissionError as error:
            played.said += f"{error}\n"
            return False
        environment |= {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
            "AWS_REGION": step.region,
            "AWS_DEFAULT_REGION": step.region,
        }
        return True


def read(name: str) -> dict:
    # Every value as a text: `on` and `0.2` stay what they are.
    return yaml.load((FOLDER / name).read_text(), yaml.BaseLoader)


def prepared(account: Account, name: str) -> None:
    account.forget()
    trust = FOLDER / "trust" / name.replace(".yml", ".json")
    account.trust = json.loads(trust.read_text()) if trust.is_file() else None


def a_pull_request(played: Played, account: Account) -> bool:
    """It is tested, and nothing more."""
    return played.is_well and played.ran("run") == 1 and _leaves_aws_alone(played, account)


def _leaves_aws_alone(played: Played, account: Account) -> bool:
    return not (account.calls or played.ran("login") or played.ran("push"))


def a_failing_test(played: Played, account: Account) -> bool:
    return not played.is_well and played.ran("run") == 1 and not played.ran("push") and not account.pushed()


def a_refused_push(played: Played, account: Account) -> bool:
    return not played.is_well and not account.pushed()


@dataclass
class Check:
    """What must hold of every file, short of a push to main that goes well."""

    claim: str
    event: Event
    holds: Callable[[Played, Account], bool]
    tests_end_with: int = 0
    refused_tag: str | None = None

    def mistake(self, name: str, document: dict, account: Account, player: Player) -> str:
        prepared(account, name)
        account.refused_tag = self.refused_tag
        played = player.play(SYSTEMS[name](document, self.event), self.tests_end_with)
        if self.holds(played, account):
            return ""
        return f"{self.claim} does not hold: {played.ended}, {played.commands}, {account.calls}, {played.said!r}"


CHECKS = {
    PULL: Check("a fork's pull request is tested, and makes no call to AWS", PULL_REQUEST, a_pull_request),
    BRANCH: Check("another branch makes no call to AWS", TO_A_BRANCH, _leaves_aws_alone),
    FAILING_PULL: Check("a failing test fails a pull request", PULL_REQUEST, a_failing_test, tests_end_with=1),
    FAILING: Check("a failing test on main pushes nothing", TO_MAIN, a_failing_test, tests_end_with=1),
    REFUSED: Check("a refused push leaves the followed tag alone", TO_MAIN, a_refused_push, refused_tag=COMMIT),
}


def pushes_to_main(name: str, document: dict, account: Account, player: Player) -> list[str]:
    """What does not hold of a push to main, short of what it starts."""
    prepared(account, name)
    played = player.play(SYSTEMS[name](document, TO_MAIN))
    found = []
    if not played.is_well or played.ran("run") != 1:
        found.append(f"it ends well, after one test; it said {played.said!r}")
    if account.pushed() != [COMMIT, "latest"]:
        found.append(f"the commit's tag is pushed, then the followed one; pushed {account.pushed()}")
    if denied := [call for call in account.calls if not call.allowed]:
        found.append(f"the push policy allows all that it does; denied {denied}")
    if others := {call.action for call in account.calls} - PUSHING - {"sts:AssumeRoleWithWebIdentity"}:
        found.append(f"it calls ECR alone, and STS for the role; called {others}")
    return found


def file_is_played(claims: Claims, name: str, serve: list[str], rehearsal: Path, folder: Path, policy: dict) -> None:
    claims.about(f"`examples/ci/{name}`")
    document = read(name)
    with Account(None, policy) as account:
        player = Player(account, folder / f"{name}.checked")
        for check in CHECKS.values():
            claims.equal(check.claim, check.mistake(name, document, account, player), "")
        for mistake, (change, kind) in MISTAKES[name].items():
            broken = change(copy.deepcopy(document))
            if kind == MAIN:
                found = pushes_to_main(name, broken, account, player)
            else:
                found = CHECKS[kind].mistake(name, broken, account, player)
            claims.holds(f"it would be found that {mistake}", bool(found), f"the check “{kind}” holds all the same")
    with Serving(rehearsal, serve, folder) as aws, Account(aws.variables["AWS_ENDPOINT_URL"], policy) as account:
        before = deployments(aws)
        new = lambda: [one for one in deployments(aws) if one not in before]
        player = Player(account, folder / f"{name}.played")
        claims.equal("a push to main pushes", pushes_to_main(name, document, account, player), [])
        ended = lambda: any(status(aws, one) == "Succeeded" for one in new())
        claims.holds("it is deployed", bool(eventually(ended, 120)), f"{aws.lines[-5:]}")
        # The end of a deployment is what could start another.
        eventually(lambda: len(new()) > 1, 3)
        claims.equal("once", len(new()), 1)
        claims.equal("production runs it", aws.version(), "1.2.0")
        images = aws.client("ecr").describe_images(repositoryName="shop/web", imageIds=[{"imageTag": "latest"}])
        tags = sorted(images["imageDetails"][0]["imageTags"])
        claims.equal("the image has the commit's tag as well", tags, sorted([COMMIT, "latest"]))


def deployments(aws: Serving) -> list[str]:
    group = {"applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web"}
    return aws.client("codedeploy").list_deployments(**group)["deployments"]


def status(aws: Serving, deployment: str) -> str:
    return aws.client("codedeploy").get_deployment(deploymentId=deployment)["deploymentInfo"]["status"]


def policies_are_least(claims: Claims, policy: dict) -> None:
    claims.about("`examples/ci/push-policy.json` and `examples/ci/trust`")
    repository = "arn:aws:ecr:eu-central-1:111122223333:repository/shop/web"
    named = {action for statement in policy["Statement"] for action in statement["Action"] if len(action) > 1}
    named |= {one["Action"] for one in policy["Statement"] if isinstance(one["Action"], str)}
    claims.equal("it names what a push needs", {one for one in named if ":" in one}, PUSHING)
    for action in sorted(PUSHING):
        claims.holds(f"{action} is allowed", allows(policy, action, repository), "it is not")
    other = [one for one in PUSHING if one != "ecr:GetAuthorizationToken" and allows(policy, one, f"{repository}-2")]
    claims.equal("on that repository alone", other, [])
    github = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com"}
    gitlab = {"iss": "https://gitlab.com", "aud": "sts.amazonaws.com"}
    main, circleci = "repo:acme@1234/shop@5678:ref:refs/heads/main", circleci_claims("main")
    of_main = "project_path:acme/shop:ref_type:branch:ref:main"
    for name, claimed, expected in [
        ("github-actions", github | {"sub": main}, True),
        ("github-actions", github | {"sub": "repo:acme@1234/shop@5678:pull_request"}, False),
        ("github-actions", github | {"sub": "repo:acme@1234/shop@5678:ref:refs/heads/topic"}, False),
        ("github-actions", github | {"sub": "repo:acme@1234/other@5679:ref:refs/heads/main"}, False),
        ("github-actions", github | {"sub": main, "aud": "other"}, False),
        ("github-actions", gitlab | {"sub": main}, False),
        ("gitlab-ci", gitlab | {"sub": of_main}, True),
        ("gitlab-ci", gitlab | {"sub": of_main.replace("main", "topic")}, False),
        ("gitlab-ci", gitlab | {"sub": of_main.replace("shop", "other")}, False),
        ("gitlab-ci", gitlab | {"sub": of_main.replace("branch", "tag")}, False),
        ("circleci", circleci, True),
        ("circleci", circleci_claims("topic"), False),
        ("circleci", circleci_claims("pull/17"), False),
        ("circleci", circleci | {"sub": circleci["sub"].partition("/vcs-origin")[0]}, False),
    ]:
        trust = json.loads((FOLDER / "trust" / f"{name}.json").read_text())
        verb = "may take the role" if expected else "may not"
        claims.equal(f"{name}: {claimed['sub']} of {claimed['aud']} {verb}", trusts(trust, claimed), expected)


def linters_are_content(claims: Claims, linters: Path) -> None:
    claims.about("schemas and zizmor")
    workflows = [FOLDER / "github-actions.yml", FOLDER / "rehearse-pull-request.yml", *(ROOT / ".github").rglob("*.yml")]
    commands = [["check-jsonschema", *schema, FOLDER / name] for name, schema in SCHEMAS.items()]
    commands += [["check-jsonschema", *SCHEMAS["github-actions.yml"], *workflows]]
    commands += [["check-jsonschema", "--builtin-schema", "custom.github-workflows-require-timeout", *workflows]]
    commands += [["zizmor", "--offline", "--no-progress", "--persona", "pedantic", *workflows]]
    for program, *arguments in commands:
        done = subprocess.run([linters / program, *arguments], capture_output=True, text=True, check=False)
        shown = " ".join(getattr(one, "name", one) for one in arguments)
        claims.equal(f"{program} {shown}", done.returncode, 0)
        if done.returncode:
            print(done.stdout + done.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path, help="the binary that `cargo rehearse` runs")
    parser.add_argument("binaries", type=Path, help="the folder with the functions and the sample service")
    parser.add_argument("--linters", type=Path, required=True, help="the folder with check-jsonschema and zizmor")
    given = parser.parse_args()
    claims = Claims()
    policy = json.loads((FOLDER / "push-policy.json").read_text())
    linters_are_content(claims, given.linters.resolve())
    policies_are_least(claims, policy)
    serve = ["--binaries", str(given.binaries.resolve()), "--root", str(ROOT)]
    with tempfile.TemporaryDirectory(prefix="greenlight-ci-") as folder:
        statuses_are_written(claims, given.rehearsal.resolve(), serve, Path(folder))
        for name in SYSTEMS:
            try:
                file_is_played(claims, name, serve, given.rehearsal.resolve(), Path(folder), policy)
            except Unknown as error:
                claims.holds(f"{name} uses nothing that is not known here", False, str(error))
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
