#!/usr/bin/env python3
"""Proves `start-deployment` against an AWS mock that other people wrote.

    cargo build -p start-deployment
    python3 -m venv target/venv-moto && target/venv-moto/bin/pip install 'moto[server]' boto3
    target/venv-moto/bin/python tests/outside/moto_start_deployment.py [path of the binary]

The shipped binary talks through a recording proxy to moto's server; the events come from a Runtime API on loopback. One
line a claim, `ok` or `FAILED`; the exit status is 0 when every claim holds.

What moto (5.2) cannot do, and what is done about it here:

- A CODE_DEPLOY service gets no task set: one is created and made PRIMARY, as CodeDeploy does.
- A deployment is `Created` for ever, and there are no deployment targets: so nothing here happens after a deployment
  has ended, or behind another image's deployment. Those are scenarios of the rehearsal.
- Ids of deployments are UUIDs, where CodeDeploy's look like `d-8X2K4PLQ3`.
- A revision keeps only the fields that moto knows (not `enableFaultInjection`), so the request is compared with the
  answer that was read, on the wire; fields that nobody knows are added to that answer on its way.
- It never refuses a deployment: the one refusal here is the proxy's.
- Its tasks do not say which image they run, and its ListTasks cannot tell the tasks of one service: the former is added to
  its answers on their way, and so the functions are told the tasks of all services.
"""

import contextlib
import datetime
import hashlib
import json
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from claims import Claims, shown
from deployed import FUNCTIONS
from moto_deployment import Inbox
from moto_world import CLUSTER, DESIRED_COUNT, OUTPUT_ONLY, Service, World, application, group, moto_server
from recorder import Exchange, Recorder
from runtime_api import ACCOUNT, REGION, Answer, Function
from task_definitions import (
    PINNED,
    REGISTRY,
    SIDECAR_IMAGE,
    large_task_definition,
    small_task_definition,
)

HOOKS = {function.hook: function.physical_name for function in FUNCTIONS.values() if function.hook}
FROM_TOMORROW = {
    "aFieldOfTomorrow": {"largest": 9223372036854775807, "half": 0.5, "none": None, "text": "\u2615 \"'\\"}
}


def is_a_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def is_ours(tag: dict) -> bool:
    return tag["key"].startswith("greenlight:")


def exact(body: bytes) -> dict:
    """JSON with its numbers as they are written."""
    return json.loads(body, parse_float=Decimal)


def push_event(repository: str, tag: str, digest: str) -> dict:
    """ECR User Guide, "Amazon ECR events and EventBridge"."""
    now = datetime.datetime.now(datetime.timezone.utc)
    detail = {
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": digest,
        "action-type": "PUSH",
        "image-tag": tag,
        "manifest-media-type": "application/vnd.oci.image.manifest.v1+json",
        "artifact-media-type": "application/vnd.oci.image.config.v1+json",
    }
    return {
        "version": "0",
        "id": "0b5a0c5e-2d1f-4c0e-9a34-6a4f7d2b8c11",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


class Trial:
    """moto, the recorder and the function, and a push at a time."""

    def __init__(self, claims: Claims, world: World, recorder: Recorder, function: Function):
        self.claims, self.world, self.recorder, self.function = claims, world, recorder, function

        self.inbox = Inbox(world)
        self._running: dict[str, str] = {}
        recorder.change_answer = self.complete

    def complete(self, exchange: Exchange) -> None:
        """ECS says of each container of a task which image it runs (ECS API reference, Container)."""
        if exchange.operation == "DescribeTasks" and exchange.status == 200:
            answer = exchange.said()
            for task in answer["tasks"]:
                runs = {"name": "web", "lastStatus": "RUNNING", "imageDigest": self._running[task["taskArn"]]}
                task["containers"] = [runs]
            exchange.answer = json.dumps(answer).encode()

    def runs(self, service: Service, digest: str) -> None:
        """Both tasks of this service run this image."""
        for _ in range(DESIRED_COUNT):
            self._running[self.world.run_task(service)] = digest

    def push(self, repository: str, tag: str, digest: str) -> Answer:
        self.recorder.forget()
        return self.function.invoke(push_event(repository, tag, digest))

    def decision(self, claim: str, answer: Answer, expected: str) -> dict:
        """The report on the one pipeline that the push concerned."""
        reports = answer.body.get("pipelines", []) if answer.ok else []
        report = reports[0] if reports else {}
        self.claims.holds(claim, answer.ok and report.get("decision") == expected, f"answered {shown(answer.body)}")
        return report

    def what_runs_must_be_known(self, web: Service) -> None:
        self.claims.about("a push, while nothing says which image runs under the service's tag")
        before = self.world.revisions(web)
        digest = self.world.push(web.repository, "latest")
        report = self.decision("is a skip", self.push(web.repository, "latest", digest), "running-unknown")
        self.claims.contains("that says why, and a hint", report.get("reason"), "none of its tasks runs", "hint:")
        self.claims.equal("two calls change something", self.recorder.changing(), ["Publish", "PutEvents"])
        self.claims.contains("people read it", self.inbox.next(), "none of its tasks runs")
        self.claims.equal("there is no other revision", self.world.revisions(web), before)

    def a_push_starts_one_deployment(self, web: Service) -> None:
        self.claims.about("a push starts one deployment of one new revision")
        # Somebody registered a revision that does not serve production. It is not what the next one is made from.
        not_in_production = large_task_definition(web.family, web.repository) | {"cpu": "4096", "memory": "8192"}
        self.world.register(not_in_production)
        self.runs(web, f"sha256:{'0' * 64}")
        before = self.world.revisions(web)
        digest = self.world.push(web.repository, "latest", "second")
        event_answer = self.push(web.repository, "latest", digest)
        report = self.decision("the decision is `start`", event_answer, "start")
        self.claims.equal("its tasks were asked what they run", len(self.recorder.of("DescribeTasks")), 1)
        added = [revision for revision in self.world.revisions(web) if revision not in before]
        self.claims.equal("there is one revision more", len(added), 1)
        self.claims.equal(
            "two calls change something", self.recorder.changing(), ["RegisterTaskDefinition", "CreateDeployment"]
        )
        if added and self.recorder.of("RegisterTaskDefinition"):
            self.the_revision_is_a_copy(web, added[0], digest)
            self.the_request_is_a_copy(web, digest)
            self.the_deployment_ships_it(web, added[0], digest, report)
        self.the_same_push_again(web, digest, report)

    def the_revision_is_a_copy(self, web: Service, revision: str, digest: str) -> None:
        before, after = self.world.describe(web.production), self.world.describe(revision)
        old, new = (dict(answer["taskDefinition"]) for answer in (before, after))
        images = {container["name"]: container["image"] for container in new["containerDefinitions"]}
        pinned = f"{REGISTRY}/{web.repository}@{digest}"
        self.claims.equal("the image is pinned to the digest", images.get("web"), pinned)
        self.claims.equal("the sidecar's image is untouched", images.get("envoy"), SIDECAR_IMAGE)
        # Nothing but the identity of a revision and the one image may differ.
        for definition in (old, new):
            for field in ("taskDefinitionArn", "revision", "registeredAt"):
                definition.pop(field, None)
        for container in old["containerDefinitions"]:
            container["image"] = images[container["name"]]
        different = {field for field in old.keys() | new.keys() if old.get(field) != new.get(field)}
        self.claims.equal(f"all {len(old)} fields of the revision are as before", sorted(different), [])
        tags = {tag["key"]: tag["value"] for tag in after["tags"]}
        # The time of the order is ECR's; that it is one is all that is known here.
        ordered_at = tags.pop("greenlight:ordered-at", "")
        self.claims.holds("a mark says when it was ordered", is_a_time(ordered_at), ordered_at)
        expected = {tag["key"]: tag["value"] for tag in before["tags"] if not is_ours(tag)} | {
            "greenlight:tag": "latest",
            "greenlight:digest": digest,
            "greenlight:service": f"{CLUSTER}/{web.name}",
            "greenlight:template": web.production.rsplit("/", 1)[-1],
            "greenlight:stack": "greenlight",
        }
        self.claims.equal("the tags are as before, but for our own, which are new", tags, expected)

    def the_request_is_a_copy(self, service: Service, digest: str) -> None:
        """The bytes that were sent against the bytes that were read."""
        wanted = [
            e for e in self.recorder.of("DescribeTaskDefinition") if e.sent()["taskDefinition"] == service.production
        ]
        if not wanted:
            self.claims.holds("the revision that serves production is read", False, "it was not asked for")
            return
        read = exact(wanted[0].answer)
        expected = {k: v for k, v in read["taskDefinition"].items() if k not in OUTPUT_ONLY}
        for container in expected["containerDefinitions"]:
            if container["name"] == "web":
                container["image"] = f"{REGISTRY}/{service.repository}@{digest}"
        sent = exact(self.recorder.of("RegisterTaskDefinition")[0].request)
        # Our own tags come after those that are copied; what they say is claimed of the registered revision.
        read_tags = [tag for tag in read.get("tags", []) if not is_ours(tag)]
        own = sent.get("tags", [])[len(read_tags) :]
        self.claims.holds("only our own tags are added", all(map(is_ours, own)), shown(own))
        expected["tags"] = [*read_tags, *own]
        different = {field for field in expected.keys() | sent.keys() if expected.get(field) != sent.get(field)}
        self.claims.equal(f"all {len(sent)} fields go back on the wire as they came", sorted(different), [])
        self.claims.equal("and in the order in which they came", [*sent], [*expected])

    def the_deployment_ships_it(self, web: Service, revision: str, digest: str, report: dict) -> None:
        deployments = self.world.deployments(web.name)
        self.claims.equal("there is one deployment", len(deployments), 1)
        if not deployments:
            return
        deployment = deployments[0]
        where = (deployment["applicationName"], deployment["deploymentGroupName"])
        self.claims.equal("it is of the pipeline's group", where, (application(web.name), group(web.name)))
        self.the_description_says(deployment.get("description", ""), digest)
        sent = self.recorder.of("CreateDeployment")[0].sent()
        events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
        automatic = {"enabled": True, "events": events}
        self.claims.equal("it rolls back by itself", sent.get("autoRollbackConfiguration"), automatic)
        asked = [e.sent() for e in self.recorder.before("CreateDeployment") if e.operation == "ListDeployments"]
        self.claims.holds(
            "right before it CodeDeploy was asked once more what was created meanwhile",
            bool(asked) and set(asked[-1].get("createTimeRange", {})) == {"start"},
            shown(asked[-1:]),
        )
        content = deployment["revision"]["appSpecContent"]["content"]
        app_spec = json.loads(content)
        hooks = {name: function for hook in app_spec["Hooks"] for name, function in hook.items()}
        self.claims.equal("its AppSpec names every hook", hooks, HOOKS)
        properties = app_spec["Resources"][0]["TargetService"]["Properties"]
        self.claims.equal("its AppSpec names the new revision", properties["TaskDefinition"], revision)
        behind = {"ContainerName": "web", "ContainerPort": 8080}
        self.claims.equal(
            "its AppSpec names the container behind the load balancer", properties["LoadBalancerInfo"], behind
        )
        self.claims.equal("its AppSpec keeps blue's platform version", properties.get("PlatformVersion"), "1.4.0")
        self.claims.equal(
            "the AppSpec's hash is right",
            sent["revision"]["appSpecContent"].get("sha256"),
            hashlib.sha256(content.encode()).hexdigest(),
        )
        said = (report.get("revision"), report.get("deployment_id"))
        self.claims.equal("the answer names revision and deployment", said, (revision, deployment["deploymentId"]))

    def the_description_says(self, description: str, digest: str) -> None:
        word, shipped, ordered_at, tag = (description.split(" ") + [""] * 4)[:4]
        self.claims.equal("its description names us, digest and tag", (word, shipped, tag), ("greenlight", digest, "latest"))
        self.claims.holds("and when that was ordered", is_a_time(ordered_at), description)

    def the_same_push_again(self, web: Service, digest: str, report: dict) -> None:
        self.claims.about("the same event once more adds nothing")
        revisions, deployments = self.world.revisions(web), self.world.deployments(web.name)
        again = self.decision(
            "the decision is a skip", self.push(web.repository, "latest", digest), "already-in-progress"
        )
        started = [deployment["deploymentId"] for deployment in deployments]
        self.claims.holds("it names the deployment", again.get("deployment_id") in started, shown(again))
        self.claims.equal("no call changes anything", self.recorder.changing(), [])
        self.claims.equal("there is no other revision", self.world.revisions(web), revisions)
        self.claims.equal("there is no other deployment", self.world.deployments(web.name), deployments)

    def fields_that_nobody_knows_survive(self, api: Service) -> None:
        self.claims.about("fields that neither moto nor the SDK knows are copied")

        def add(exchange: Exchange) -> None:
            self.complete(exchange)
            if exchange.operation == "DescribeTaskDefinition" and exchange.status == 200:
                answer = exchange.said()
                definition = answer["taskDefinition"]
                definition |= FROM_TOMORROW
                definition["containerDefinitions"][0] |= FROM_TOMORROW
                exchange.answer = json.dumps(answer).encode()

        digest = self.world.push(api.repository, "latest")
        self.recorder.change_answer = add
        answer = self.push(api.repository, "latest", digest)
        self.recorder.change_answer = self.complete
        self.decision("the decision is `start`", answer, "start")
        registered = self.recorder.of("RegisterTaskDefinition")
        if self.claims_once("one revision is registered", registered):
            self.the_request_is_a_copy(api, digest)
            container = exact(registered[0].request)["containerDefinitions"][0]
            expected = exact(json.dumps(FROM_TOMORROW).encode())
            self.claims.equal(
                "a container's field goes back unchanged", {k: container.get(k) for k in expected}, expected
            )

    def claims_once(self, claim: str, exchanges: list[Exchange]) -> bool:
        self.claims.equal(claim, len(exchanges), 1)
        return len(exchanges) == 1

    def a_refused_deployment_leaves_one_revision(self, jobs: Service) -> None:
        self.claims.about("a revision that was registered and never deployed is used again")
        digest = self.world.push(jobs.repository, "latest")
        refusal = {"__type": "InvalidRoleException", "message": "The role cannot be assumed."}
        self.recorder.refuse = {"CreateDeployment": (400, json.dumps(refusal).encode())}
        refused = self.push(jobs.repository, "latest", digest)
        self.recorder.refuse = {}
        changing = ["RegisterTaskDefinition", "CreateDeployment", "Publish", "PutEvents"]
        self.refused(refused, changing, "create deployment", "InvalidRole")
        revisions = self.world.revisions(jobs)
        report = self.decision("the next delivery starts", self.push(jobs.repository, "latest", digest), "start")
        self.claims.equal("it registers nothing", self.recorder.changing(), ["CreateDeployment"])
        self.claims.equal("it ships the revision that is there", report.get("revision"), sorted(revisions)[-1])

    def bad_input_changes_nothing(self, stranger: Service) -> None:
        self.claims.about("a repository that no pipeline follows")
        nobody = self.push("shop/unknown", "latest", f"sha256:{'a' * 64}")
        self.claims.holds("is answered, not failed", nobody.ok, shown(nobody.body))
        self.claims.contains("the reason names it", nobody.body.get("reason"), "no pipeline follows", "shop/unknown")
        self.claims.equal("AWS is not called at all", [e.operation for e in self.recorder.exchanges], [])
        self.claims.about("a service that does not exist")
        digest = self.world.push("shop/ghost", "latest")
        answer = self.push("shop/ghost", "latest", digest)
        self.refused(answer, ["Publish", "PutEvents"], f"{CLUSTER}/ghost", "not found", "hint:")
        self.claims.about("a task definition without a container of the repository")
        digest = self.world.push(stranger.repository, "latest")
        answer = self.push(stranger.repository, "latest", digest)
        runs = f"{REGISTRY}/shop/other@{PINNED}"
        self.refused(answer, ["Publish", "PutEvents"], f"{stranger.family}:1", stranger.repository, runs, "hint:")

    def refused(self, answer: Answer, changing: list[str], *said: str) -> None:
        """Nobody is served by three failed attempts at what cannot be done: it is answered, and told once."""
        report = self.decision("is refused", answer, "refused")
        self.claims.contains("the reason says what was given, and what is wrong", report.get("reason"), *said)
        self.claims.equal("what changes something", self.recorder.changing(), changing)
        self.claims.contains("people read the reason", self.inbox.next(), *said)
        self.claims.equal("once", self.inbox.next(), "")


def pipelines(names: dict[str, str]) -> str:
    """The configuration file for these services by repository."""
    entries = (
        f'[[pipeline]]\nname = "{name}"\nrepository = "{repository}"\ntag = "latest"\n'
        f'cluster = "{CLUSTER}"\nservice = "{name}"\n'
        '[[pipeline.production_traffic.request]]\npath = "/"\n'
        for name, repository in names.items()
    )
    return "\n".join(entries)


def run(binary: Path, folder: Path, claims: Claims) -> None:
    config = folder / "pipelines.toml"
    repositories = {
        "web": "shop/web",
        "api": "shop/api",
        "jobs": "shop/jobs",
        "ghost": "shop/ghost",
        "stranger": "shop/stranger",
    }
    config.write_text(pipelines(repositories))
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(moto_server(folder / "moto.log"))
        world = World(port)
        shipped_before = large_task_definition("web", "shop/web")
        shipped_before["tags"].append({"key": "greenlight:image", "value": "shop/web:1.0.0"})
        web = world.service("web", "shop/web", shipped_before)
        api, jobs = (world.service(n, f"shop/{n}", small_task_definition(n, f"shop/{n}")) for n in ("api", "jobs"))
        world.deployment_group("ghost")
        stranger = world.service("stranger", "shop/stranger", small_task_definition("stranger", "shop/other"))
        recorder = stack.enter_context(Recorder(port))
        environment = FUNCTIONS[binary.name].environment(config, world.topic) | {"AWS_ENDPOINT_URL": recorder.url}
        function = stack.enter_context(Function(binary, environment, folder / "function.log"))
        trial = Trial(claims, world, recorder, function)
        trial.what_runs_must_be_known(web)
        trial.a_push_starts_one_deployment(web)
        trial.fields_that_nobody_knows_survive(api)
        trial.a_refused_deployment_leaves_one_revision(jobs)
        trial.bad_input_changes_nothing(stranger)


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    built = [root / "target" / profile / "start-deployment" for profile in ("debug", "release")]
    given = [Path(argument).resolve() for argument in sys.argv[1:2]]
    binary = next((path for path in given or built if path.is_file()), None)
    if binary is None:
        print(f"no binary at `{(given or built)[0]}` (hint: cargo build -p start-deployment)", file=sys.stderr)
        return 2
    print(f"{binary}")
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="greenlight-moto-") as folder:
        try:
            run(binary, Path(folder), claims)
        finally:
            if claims.failed or sys.exc_info()[0]:
                print((Path(folder) / "function.log").read_text(errors="replace"), file=sys.stderr)
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
