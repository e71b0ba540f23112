"""What five CI systems make of a file of theirs at an event: the jobs that run, each with its variables and its shell, by
the system's own documented rules. What a file uses that is not known here raises `Unknown`, so that nothing is skipped in
silence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ci_account import REGION, USER_KEY, Unknown, token_of

COMMIT = "5f0c2d7e9b1a4c6d8e3f5a7b9c1d3e5f7a9b1c3d"
_OWNER_AND_NAME = "acme/shop"
_ORGANISATION, _PROJECT = "0a0a0a0a-0000-4000-8000-000000000001", "0a0a0a0a-0000-4000-8000-000000000002"
_BASH = "bash --noprofile --norc -eo pipefail"


@dataclass(frozen=True)
class Event:
    """A push to a branch, or number 17: a pull request to main of a fork, whose branch is called `main` as well."""

    kind: str
    branch: str

    @property
    def is_push(self) -> bool:
        return self.kind == "push"


@dataclass
class Step:
    """A script and the shell that gets it as a file; or a role to be taken, with the token that the job has."""

    shell: str = ""
    script: str = ""
    role: str = ""
    token: str = ""
    region: str = ""


@dataclass
class Job:
    """One fresh machine. The steps end with the first that fails."""

    name: str
    environment: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    has_container_credentials: bool = False


def only(given: dict, *known: str, at: str) -> dict:
    """The mapping, if it has none but these keys."""
    if more := set(given) - set(known):
        raise Unknown(f"{at}: {', '.join(sorted(more))}")
    return given


def as_lines(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def plain(variables: dict[str, str], at: str) -> dict[str, str]:
    """Variables that hold nothing that a system would expand."""
    for name, value in variables.items():
        if "$" in value:
            raise Unknown(f"{at}: {name} refers to another variable")
    return dict(variables)


# GitHub Actions: "Workflow syntax", "Variables reference", "OpenID Connect reference".


def github(document: dict, event: Event) -> list[Job]:
    only(document, "name", "on", "permissions", "concurrency", "env", "defaults", "jobs", at="workflow")
    if not _github_begins(document["on"], event):
        return []
    ref = f"refs/heads/{event.branch}" if event.is_push else "refs/pull/17/merge"
    context = {"github.event_name": event.kind, "github.ref": ref, "github.sha": COMMIT, "github.workflow": "ship"}
    for text in document.get("concurrency", {}).values():
        _github_text(text, context)
    shell = document.get("defaults", {}).get("run", {}).get("shell", "")
    jobs = []
    for name, job in document["jobs"].items():
        only(job, "name", "if", "runs-on", "timeout-minutes", "permissions", "steps", at=f"job {name}")
        if "if" in job and not _github_value(job["if"], context):
            continue
        environment = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event.kind,
            "GITHUB_REF": ref,
            "GITHUB_SHA": COMMIT,
        }
        made = Job(name, environment | plain(document.get("env", {}), "env"))
        subject = f"repo:acme@1234/shop@5678:{'pull_request' if not event.is_push else 'ref:' + ref}"
        claims = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": subject}
        # A workflow that a fork's pull request starts gets no token, whatever it asks for.
        may_ask = job.get("permissions", document["permissions"]).get("id-token") == "write" and event.is_push
        token = token_of(claims) if may_ask else ""
        made.steps = [step for one in job["steps"] for step in _github_step(one, shell, token)]
        jobs.append(made)
    return jobs


def _github_begins(on: dict, event: Event) -> bool:
    only(on, "push", "pull_request", at="on")
    if event.kind not in on:
        return False
    filters = only(on[event.kind] or {}, "branches", at=f"on.{event.kind}")
    branches = filters.get("branches")
    if branches and any(set("*?+[!") & set(branch) for branch in branches):
        raise Unknown(f"patterns in {branches}")
    # The branch of a pull request's filter is the one that it goes to, which is main here.
    return branches is None or (event.branch if event.is_push else "main") in branches


def _github_step(step: dict, shell: str, token: str) -> list[Step]:
    only(step, "name", "uses", "with", "run", at="step")
    if "run" in step:
        if "${{" in step["run"]:
            raise Unknown("an expression in a script")
        # Without a `shell` it is bash without `pipefail`.
        return [Step({"bash": _BASH, "": "bash -e"}[shell], step["run"])]
    action, _, commit = step["uses"].partition("@")
    if not re.fullmatch("[0-9a-f]{40}", commit):
        raise Unknown(f"{step['uses']} is not pinned to a commit")
    given = step.get("with", {})
    if action == "actions/checkout":
        only(given, "persist-credentials", at=action)
        return []
    if action == "aws-actions/configure-aws-credentials":
        only(given, "role-to-assume", "aws-region", at=action)
        return [Step(role=given["role-to-assume"], token=token, region=given["aws-region"])]
    raise Unknown(f"the action {action}")


def _github_text(text: str, context: dict[str, str]) -> str:
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(_github_value(found[1], context)), text)


def _github_value(expression: str, context: dict[str, str]) -> str | bool:
    """Names, texts, `==` and `&&`: more is not used."""
    return _conjunction(expression, "&&", "==", lambda word: _word(word, "'", lambda name: context[name]))


# GitLab CI: "CI/CD YAML syntax reference", "Predefined CI/CD variables reference".


def gitlab(document: dict, event: Event) -> list[Job]:
    variables = {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": COMMIT,
        "CI_DEFAULT_BRANCH": "main",
        "CI_PIPELINE_SOURCE": "push" if event.is_push else "merge_request_event",
    }
    # A merge request's pipeline has no CI_COMMIT_BRANCH.
    variables |= {"CI_COMMIT_BRANCH": event.branch} if event.is_push else {}
    jobs = []
    for name, given in document.items():
        if name == "variables" or name.startswith("."):
            continue
        job = document[given["extends"]] | given if "extends" in given else given
        known = ("extends", "image", "services", "timeout", "rules", "id_tokens", "variables", "script")
        only(job, *known, at=f"job {name}")
        if not any(_gitlab_rule(rule, variables) for rule in job["rules"]):
            continue
        environment = variables | plain(document["variables"], "variables") | plain(job.get("variables", {}), name)
        kind = f"ref_type:branch:ref:{event.branch}"
        for token, asked in job.get("id_tokens", {}).items():
            claims = {"iss": "https://gitlab.com", "aud": only(asked, "aud", at=token)["aud"]}
            environment[token] = token_of(claims | {"sub": f"project_path:{_OWNER_AND_NAME}:{kind}"})
        # As the runner begins where the image has no bash. All lines are one script.
        begin = "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\n"
        jobs.append(Job(name, environment, [Step("sh", begin + "\n".join(as_lines(job["script"])))]))
    return jobs


def _gitlab_rule(rule: dict, variables: dict[str, str]) -> bool:
    condition = only(rule, "if", at="rule")["if"]
    value = lambda word: _word(word, '"', lambda name: variables.get(_without(name, "$")))
    return bool(_conjunction(condition, "&&", "==", value))


# CircleCI: "Configuration reference", "Project values and variables", "Using OpenID Connect tokens in jobs".


def circleci(document: dict, event: Event) -> list[Job]:
    only(document, "version", "jobs", "workflows", at="config")
    # A pull request of a fork is built as a branch of this name.
    branch = event.branch if event.is_push else "pull/17"
    jobs = []
    for workflow in document["workflows"].values():
        for entry in only(workflow, "jobs", at="workflow")["jobs"]:
            [(name, given)] = entry.items()
            only(given, "context", "filters", at=f"workflow's job {name}")
            filters = only(given.get("filters", {}), "branches", at="filters").get("branches", {})
            only(filters, "only", "ignore", at="branches")
            if any(text.startswith("/") for value in filters.values() for text in as_lines(value)):
                raise Unknown("patterns of branches")
            if branch not in as_lines(filters.get("only", branch)) or branch in as_lines(filters.get("ignore", [])):
                continue
            environment = {"CI": "true", "CIRCLECI": "true", "CIRCLE_BRANCH": branch, "CIRCLE_SHA1": COMMIT}
            if given.get("context") and event.is_push:
                environment["CIRCLE_OIDC_TOKEN_V2"] = token_of(circleci_claims(branch))
            jobs.append(_circleci_job(name, document["jobs"][name], environment))
    return jobs


def circleci_claims(branch: str) -> dict[str, str]:
    origin = f"vcs-origin/github.com/{_OWNER_AND_NAME}/vcs-ref/refs/heads/{branch}"
    subject = f"org/{_ORGANISATION}/project/{_PROJECT}/user/0a0a0a0a-0000-4000-8000-000000000003/{origin}"
    return {"iss": f"https://oidc.circleci.com/org/{_ORGANISATION}", "aud": _ORGANISATION, "sub": subject}


def _circleci_job(name: str, job: dict, environment: dict[str, str]) -> Job:
    only(job, "machine", "environment", "steps", at=f"job {name}")
    steps = []
    for step in job["steps"]:
        if step == "checkout":
            continue
        run = only(only(step, "run", at="step")["run"], "name", "command", at="run")
        if "<<" in run["command"]:
            raise Unknown("a parameter or a here-document")
        steps.append(Step("/bin/bash -eo pipefail", run["command"]))
    return Job(name, environment | plain(job.get("environment", {}), name), steps)


# Travis CI: "Job lifecycle", "Conditional builds, stages and jobs", "Environment variables".


def travis(document: dict, event: Event) -> list[Job]:
    only(document, "dist", "language", "services", "env", "install", "jobs", at=".travis.yml")
    pairs = [pair.partition("=") for pair in only(document["env"], "global", at="env")["global"]]
    # The branch of a pull request is the one that it goes to.
    context = {"type": event.kind, "branch": event.branch if event.is_push else "main"}
    jobs = []
    for job in only(document["jobs"], "include", at="jobs")["include"]:
        only(job, "name", "if", "script", at="job")
        if not _conjunction(job["if"], "AND", "=", lambda word: context.get(word, word)):
            continue
        environment = {
            "CI": "true",
            "TRAVIS": "true",
            "TRAVIS_BRANCH": context["branch"],
            "TRAVIS_COMMIT": COMMIT,
            "TRAVIS_EVENT_TYPE": event.kind,
            "TRAVIS_PULL_REQUEST": "false" if event.is_push else "17",
        }
        environment |= plain({name: value for name, _, value in pairs}, "env")
        # Pull requests of forks get no encrypted variable; other branches do, unless they are settings of one branch.
        if event.is_push:
            environment |= {"AWS_ACCESS_KEY_ID": USER_KEY, "AWS_SECRET_ACCESS_KEY": "rehearsal"}
        # A failing `install` ends the job; a failing entry of `script` does not, and fails it in the end.
        lines = [f"{{ {line}\n}} || exit 1" for line in as_lines(document["install"])]
        lines += ["result=0", *(f"{{ {line}\n}} || result=1" for line in as_lines(job["script"])), "exit $result"]
        jobs.append(Job(job["name"], environment, [Step("bash --noprofile --norc", "\n".join(lines))]))
    return jobs


# AWS CodeBuild: "Build specification reference", "Environment variables in build environments". As if no filter group of the
# project's webhook kept any event away.


def codebuild(document: dict, event: Event) -> list[Job]:
    only(document, "version", "env", "phases", at="buildspec")
    if document["version"] != "0.2":
        raise Unknown("a version in which each command has a shell of its own")
    # Phases go on in part after one that failed; of one phase alone nothing does.
    phases = only(document["phases"], "build", at="phases")
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT,
        "CODEBUILD_WEBHOOK_TRIGGER": f"branch/{event.branch}" if event.is_push else "pr/17",
    }
    environment |= plain(only(document["env"], "variables", at="env")["variables"], "env")
    commands = only(phases["build"], "commands", at="build")["commands"]
    # One shell for all commands; the first that fails ends the phase.
    script = "\n".join(f"{{ {command}\n}} || exit 1" for command in commands)
    return [Job("build", environment, [Step("sh", script)], has_container_credentials=True)]


def _conjunction(text: str, both: str, same: str, value: Callable[[str], object]) -> object:
    """The value of comparisons that are joined, or of a single word."""
    found: object = True
    for part in re.split(rf"\s{re.escape(both)}\s", text.strip()):
        words = re.split(rf"\s{re.escape(same)}\s", part.strip())
        if len(words) > 2 or any(re.search(r"[()|!<>~]|\s", word) for word in words):
            raise Unknown(f"the condition `{text}`")
        values = [value(word) for word in words]
        now = values[0] == values[1] if len(values) == 2 else values[0]
        found = now if found is True else found and now
    return found


def _word(word: str, quote: str, named: Callable[[str], object]) -> object:
    if len(word) >= 2 and word[0] == word[-1] == quote:
        return word[1:-1]
    try:
        return named(word)
    except KeyError:
        raise Unknown(f"the name `{word}`") from None


def _without(name: str, prefix: str) -> str:
    if not name.startswith(prefix):
        raise KeyError(name)
    return name.removeprefix(prefix)


SYSTEMS: dict[str, Callable[[dict, Event], list[Job]]] = {
    "github-actions.yml": github,
    "gitlab-ci.yml": gitlab,
    "circleci.yml": circleci,
    "travis.yml": travis,
    "buildspec.yml": codebuild,
}
