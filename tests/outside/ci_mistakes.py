"""Mistakes that people make in CI files, planted into each of the examples to see that the play finds them: what changes the
file, and the kind of check that must then fail.
"""

import json
import re
from collections.abc import Callable

PULL, BRANCH, FAILING_PULL, FAILING, REFUSED = "pull", "branch", "failing-pull", "failing", "refused"
MAIN = "main"
_PUSH = re.compile(r'docker push (\\"\$IMAGE:[^"]+")')
"""As JSON has it."""


def _followed_first(document: dict) -> dict:
    text = json.dumps(document)
    other_way_round = iter(reversed(_PUSH.findall(text)))
    return json.loads(_PUSH.sub(lambda _: f"docker push {next(other_way_round)}", text))


def _deploys_too(document: dict) -> dict:
    deploy = "aws ecs update-service --cluster prod --service web --force-new-deployment"
    return json.loads(json.dumps(document).replace("docker push", f"{deploy}; docker push"))


def _github_always(document: dict) -> dict:
    del document["jobs"]["push"]["if"]
    return document


def _github_any_branch(document: dict) -> dict:
    document["on"]["push"] = {}
    document["jobs"]["push"]["if"] = "github.event_name == 'push'"
    return document


def _github_untested(document: dict) -> dict:
    steps = document["jobs"]["push"]["steps"]
    document["jobs"]["push"]["steps"] = [steps[0], steps[1], *steps[3:], steps[2]]
    return document


def _gitlab_any_pipeline(document: dict) -> dict:
    document["push"]["rules"].append({"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'})
    return document


def _gitlab_any_branch(document: dict) -> dict:
    document["push"]["rules"] = [{"if": '$CI_PIPELINE_SOURCE == "push"'}]
    return document


def _gitlab_or_true(document: dict) -> dict:
    document["push"]["script"][1] += " || true"
    return document


def _circleci_no_filter(document: dict) -> dict:
    del document["workflows"]["ship"]["jobs"][1]["push"]["filters"]
    return document


def _circleci_ignored_test(document: dict) -> dict:
    document["jobs"]["push"]["steps"][2]["run"]["command"] += " || true"
    return document


def _travis_base_branch(document: dict) -> dict:
    document["jobs"]["include"][1]["if"] = "branch = main"
    return document


def _travis_entries(document: dict) -> dict:
    job = document["jobs"]["include"][1]
    job["script"] = job["script"].split(" && ")
    return document


def _travis_any_branch(document: dict) -> dict:
    document["jobs"]["include"][1]["if"] = "type = push"
    return document


def _codebuild_no_guard(document: dict) -> dict:
    commands = document["phases"]["build"]["commands"]
    commands[2] = commands[2].replace('"$CODEBUILD_WEBHOOK_TRIGGER" = branch/main', "-n main")
    return document


def _codebuild_guard_of_branches(document: dict) -> dict:
    commands = document["phases"]["build"]["commands"]
    guard = '"$CODEBUILD_WEBHOOK_TRIGGER" = branch/main'
    commands[2] = commands[2].replace(guard, '"${CODEBUILD_WEBHOOK_TRIGGER%/*}" = branch')
    return document


def _codebuild_pushes_apart(document: dict) -> dict:
    commands = document["phases"]["build"]["commands"]
    commands[2] = commands[2].replace(" &&\n", "\n")
    return document


MISTAKES: dict[str, dict[str, tuple[Callable[[dict], dict], str]]] = {
    "github-actions.yml": {
        "the pushing job has no condition": (_github_always, PULL),
        "every branch pushes": (_github_any_branch, BRANCH),
        "the image is pushed before it is tested": (_github_untested, FAILING),
    },
    "gitlab-ci.yml": {
        "merge requests push as well": (_gitlab_any_pipeline, PULL),
        "every branch pushes": (_gitlab_any_branch, BRANCH),
        "a failing test is ignored": (_gitlab_or_true, FAILING),
    },
    "circleci.yml": {
        "the pushing job has no filter": (_circleci_no_filter, BRANCH),
        "a failing test is ignored": (_circleci_ignored_test, FAILING),
    },
    "travis.yml": {
        "the condition is on the branch alone, which is a pull request's base": (_travis_base_branch, PULL),
        "each command is an entry of its own": (_travis_entries, FAILING),
        "every branch pushes": (_travis_any_branch, BRANCH),
    },
    "buildspec.yml": {
        "the push has no condition": (_codebuild_no_guard, PULL),
        "every branch pushes": (_codebuild_guard_of_branches, BRANCH),
        "a refused push goes on": (_codebuild_pushes_apart, REFUSED),
    },
}
for _mistakes in MISTAKES.values():
    _mistakes["the followed tag is pushed first"] = (_followed_first, MAIN)
    _mistakes["it also deploys"] = (_deploys_too, MAIN)
