"""The rules of `examples/ci/commit-status.yaml`, at the events that a rehearsal's functions put on the bus."""

import json
import re
import subprocess
from pathlib import Path

from claims import Claims
from cloudformation import Stack, read
from serving import Serving

TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "ci" / "commit-status.yaml"
SCENARIO = "outcomes-on-the-bus"
COMMIT = re.compile(r"[0-9a-f]{40}")
# "Create a commit status", GitHub; "Set commit pipeline status", GitLab.
STATES = {
    "GitHub": {"error", "failure", "pending", "success"},
    "GitLab": {"pending", "running", "success", "failed", "canceled", "skipped"},
}
EXPECTED = {
    "GitHub": {"pending": "pending", "success": "success", "failure": "failure", "superseded": "error"},
    "GitLab": {"pending": "pending", "success": "success", "failure": "failed", "superseded": "canceled"},
}
STATUSES = {
    "GitHub": "https://api.github.com/repos/acme/shop/statuses/*",
    "GitLab": "https://gitlab.com/api/v4/projects/1234/statuses/*",
}
# Of GitHub's body; GitLab takes the same three.
MEMBERS = {"state", "context", "description"}
LONGEST_DESCRIPTION = 140


def put_on_the_bus(rehearsal: Path, arguments: list[str]) -> list[dict]:
    """The events of a played scenario, each as EventBridge hands it to a target."""
    played = subprocess.run([rehearsal, SCENARIO, "--json", *arguments], capture_output=True, text=True, check=True)
    return [one["event"] for one in json.loads(played.stdout)["bus_events"]]


def at(event: dict, path: str) -> str:
    """What a JSON path of an input transformer finds."""
    found = event
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found


def request(target: dict, event: dict, address: str) -> tuple[str, dict]:
    """The address and the body that EventBridge calls the API destination with."""
    transformer = target["InputTransformer"]
    variables = {name: at(event, path) for name, path in transformer["InputPathsMap"].items()}
    body = re.sub(r"<(\w+)>", lambda found: variables[found[1]], transformer["InputTemplate"])
    for path in target["HttpParameters"]["PathParameterValues"]:
        address = address.replace("*", at(event, path), 1)
    return address, json.loads(body)


def matching(events, rules: list[dict], event: dict) -> list[dict]:
    """The rules whose patterns match, as EventBridge says it."""
    patterns = [(rule, json.dumps(rule["EventPattern"])) for rule in rules]
    text = json.dumps(event)
    return [rule for rule, one in patterns if events.test_event_pattern(EventPattern=one, Event=text)["Result"]]


def changed(event: dict, **members: object) -> dict:
    """The event with other members of its detail; None takes one out."""
    detail = event["detail"] | members
    return event | {"detail": {name: value for name, value in detail.items() if value is not None}}


def of_host(claims: Claims, events, host: str, put: list[dict]) -> None:
    stack = Stack(
        read(TEMPLATE.read_text()),
        {
            "OutcomeBus": "greenlight-outcomes",
            "Pipelines": "shop-web,shop-worker",
            "Host": host,
            "Statuses": STATUSES[host],
            "TokenSecret": "shop/statuses",
        },
    )
    (destination,) = stack.of("AWS::Events::ApiDestination").values()
    rules = list(stack.of("AWS::Events::Rule").values())
    claims.equal(f"{host}: it is called by POST", destination["HttpMethod"], "POST")
    claims.equal("every rule listens to the stack's bus", {rule["EventBusName"] for rule in rules}, {"greenlight-outcomes"})
    marked = [event for event in put if "commit" in event["detail"]]
    for event in marked:
        detail = event["detail"]
        targets = [target for rule in matching(events, rules, event) for target in rule["Targets"]]
        found = [request(target, event, destination["InvocationEndpoint"]) for target in targets]
        claims.equal(f"{host}: `{detail['outcome']}` ({detail['verdict']}) is written once", len(found), 1)
        for address, body in found:
            claims.equal("on its commit", address, STATUSES[host].replace("*", detail["commit"]))
            claims.equal("for its pipeline", body["context"], f"greenlight/{detail['pipeline']}")
            claims.equal("with the verdict", body["state"], EXPECTED[host][detail["verdict"]])
            claims.holds("in the host's words", body["state"] in STATES[host] and set(body) == MEMBERS, str(body))
            claims.holds("and shortly enough", 0 < len(body["description"]) <= LONGEST_DESCRIPTION, str(body))
    for what, event in [
        ("an image with two commits", next(event for event in put if event not in marked)),
        ("another pipeline", changed(marked[0], pipeline="other")),
        ("an outcome without a pipeline", changed(marked[0], pipeline=None)),
        ("an event of another source", marked[0] | {"source": "acme"}),
    ]:
        claims.equal(f"{host}: {what} writes nothing", matching(events, rules, event), [])


def statuses_are_written(claims: Claims, rehearsal: Path, arguments: list[str], folder: Path) -> None:
    claims.about("`examples/ci/commit-status.yaml`")
    put = put_on_the_bus(rehearsal, arguments)
    marked = [event["detail"] for event in put if "commit" in event["detail"]]
    claims.equal("the rehearsal has every verdict", {one["verdict"] for one in marked}, set(EXPECTED["GitHub"]))
    claims.holds("a commit has 40 digits", all(COMMIT.fullmatch(one["commit"]) for one in marked), str(marked))
    claims.holds("an image with two commits has none", 0 < len(marked) < len(put), str(len(put)))
    with Serving(rehearsal, arguments, folder) as aws:
        for host in STATES:
            of_host(claims, aws.client("events"), host, put)
