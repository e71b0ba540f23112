"""The rules of `examples/ci/commit-status.yaml`, at outcomes as `report-outcome` puts them on the bus."""

import json
import re
from pathlib import Path

import yaml

from ci_account import Unknown
from claims import Claims
from serving import Serving

TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "ci" / "commit-status.yaml"
COMMIT = "5f0c2d7e9b1a4c6d8e3f5a7b9c1d3e5f7a9b1c3d"
# "Create a commit status", GitHub; "Set commit pipeline status", GitLab.
STATES = {
    "GitHub": {"error", "failure", "pending", "success"},
    "GitLab": {"pending", "running", "success", "failed", "canceled", "skipped"},
}
EXPECTED = {
    "GitHub": {"pending": "pending", "success": "success", "failure": "failure", "superseded": "error"},
    "GitLab": {"pending": "pending", "success": "success", "failure": "failed", "superseded": "canceled"},
}
LONGEST_DESCRIPTION = 140


class Template(yaml.SafeLoader):
    """With CloudFormation's short forms, each as a mapping."""


def _short_form(loader: Template, suffix: str, node: yaml.Node) -> dict:
    match node:
        case yaml.ScalarNode():
            return {suffix: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {suffix: loader.construct_sequence(node, deep=True)}
    raise Unknown(f"!{suffix} of a mapping")


Template.add_multi_constructor("!", _short_form)


def resolved(value: object, parameters: dict, mappings: dict) -> object:
    """The value as CloudFormation would have it; attributes are their names."""
    match value:
        case {"Ref": name}:
            return parameters.get(name, name)
        case {"GetAtt": name}:
            return name
        case {"FindInMap": path}:
            one, two, three = (resolved(part, parameters, mappings) for part in path)
            return mappings[one][two][three]
        case {"Sub": [text, values]}:
            for name, found in values.items():
                text = text.replace(f"${{{name}}}", resolved(found, parameters, mappings))
            return text
        case dict() if set(value) & {"If", "Join", "Select", "Split"}:
            raise Unknown(f"{value}")
        case {"Sub": str() as text}:
            return text
        case dict():
            return {key: resolved(one, parameters, mappings) for key, one in value.items()}
        case list():
            return [resolved(one, parameters, mappings) for one in value]
    return value


def at(event: dict, path: str) -> str:
    """What a JSON path of an input transformer finds."""
    found = event
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found


def transformed(target: dict, event: dict) -> tuple[list[str], dict]:
    """The values of the address, and the body."""
    transformer = target["InputTransformer"]
    variables = {name: at(event, path) for name, path in transformer["InputPathsMap"].items()}
    body = re.sub(r"<(\w+)>", lambda found: variables[found[1]], transformer["InputTemplate"])
    return [at(event, path) for path in target["HttpParameters"]["PathParameterValues"]], json.loads(body)


def matching(events, rules: list[dict], event: dict) -> list[dict]:
    """The rules whose patterns match, as EventBridge says it."""
    patterns = [(rule, json.dumps(rule["EventPattern"])) for rule in rules]
    text = json.dumps(event)
    return [rule for rule, one in patterns if events.test_event_pattern(EventPattern=one, Event=text)["Result"]]


def outcome(**changed: object) -> dict:
    """One of ECS's longest: names have up to 255 characters."""
    detail = {
        "outcome": "rolled-back",
        "verdict": "failure",
        "pipeline": "shop-web",
        "cluster": "c" * 255,
        "service": "s" * 255,
        "summary": "x" * 1000,
        "commit": COMMIT,
    }
    detail = {name: value for name, value in (detail | changed).items() if value is not None}
    return {
        "version": "0",
        "id": "1",
        "detail-type": "Greenlight Outcome",
        "source": "greenlight",
        "account": "111122223333",
        "time": "2026-11-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }


def statuses_are_written(claims: Claims, rehearsal: Path, serve: list[str], folder: Path) -> None:
    claims.about("`examples/ci/commit-status.yaml`")
    template = yaml.load(TEMPLATE.read_text(), Template)
    with Serving(rehearsal, serve, folder) as aws:
        events = aws.client("events")
        for host, states in STATES.items():
            parameters = {"Host": host, "Pipelines": ["shop-web", "shop-worker"]}
            resources = {
                name: resolved(one["Properties"], parameters, template["Mappings"])
                for name, one in template["Resources"].items()
            }
            rules = [one for one in resources.values() if "EventPattern" in one]

            for verdict, state in EXPECTED[host].items():
                event = outcome(verdict=verdict)
                found = [transformed(target, event) for rule in matching(events, rules, event) for target in rule["Targets"]]
                expected = {"state": state, "context": "greenlight/shop-web", "description": "rolled-back"}
                claims.equal(f"{host}: {verdict} is written once, on its commit", found, [([COMMIT], expected)])
                told = found[0][1] if found else {}
                claims.holds(f"in its words: {state}", told.get("state") in states, str(told))
                short = len(told.get("description", "")) <= LONGEST_DESCRIPTION
                claims.holds("and shortly enough", short, str(told))
            for what, event in [
                ("an image without one commit", outcome(commit=None)),
                ("another pipeline", outcome(pipeline="other")),
                ("an outcome without a pipeline", outcome(pipeline=None)),
            ]:
                claims.equal(f"{host}: {what} writes nothing", matching(events, rules, event), [])
