#!/usr/bin/env python3
"""Proves the hooks and the report against an AWS mock that other people wrote: `run-migration`, `finish-migration`,
`check-test-traffic` and `report-outcome`.

    cargo build --workspace
    python3 -m venv target/venv-moto && target/venv-moto/bin/pip install 'moto[server]' boto3
    target/venv-moto/bin/python tests/outside/moto_gates.py [folder of the binaries]

The shipped binaries talk through a recording proxy to moto's server. One line a claim, `ok` or `FAILED`; the exit status
is 0 when every claim holds. moto (5.2) has no deployment targets, no application revisions and no hooks: the proxy answers
those four operations of CodeDeploy, and the end says how often. On its way, an answer of moto's is made what AWS would
say: when a task was made, an AppSpec's hash in place of its content, and a load balancer's name that leads somewhere.
Everything else is moto's: the task and its overrides, its stop, the schedule and its end, target health, listeners, logs,
and the topic with a queue behind it.
"""

import contextlib
import functools
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from claims import Claims, shown
from loopback import Handler, Server
from moto_deployment import EXECUTION_ID, LOG_GROUP, Deployment, Inbox, deploy, stopped_event
from moto_world import CLUSTER, Service, World, moto_server
from recorder import Exchange, Recorder
from runtime_api import ACCOUNT, REGION, Answer, Function
from task_definitions import small_task_definition

COMMAND = ["sample-service", "migrate"]
FINISH = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:greenlight-finish-migration"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/greenlight-schedule"
PUT = "PutLifecycleEventHookExecutionStatus"
TASK_MADE_AT = 1795242945
FUNCTIONS = ("run-migration", "finish-migration", "check-test-traffic", "report-outcome")


class TestListener:
    """What answers on the test listener's port, with the status that is wanted next."""

    def __init__(self):
        self.asked: list[str] = []
        self.status = 200
        listener = self

        class Green(Handler):
            def do_GET(self) -> None:
                listener.asked.append(self.path)
                self.answer(listener.status, b"ok")

        self._server = Server(Green)

    @property
    def port(self) -> int:
        return int(self._server.address.rsplit(":", 1)[1])


class Trial:
    """moto, the recorder, the functions, and one service that is deployed again and again."""

    def __init__(self, claims: Claims, world: World, recorder: Recorder, functions: dict[str, Function]):
        self.claims, self.world, self.recorder, self.functions = claims, world, recorder, functions
        self.inbox = Inbox(world)

    def invoke(self, function: str, event: dict) -> Answer:
        self.recorder.forget()
        return self.functions[function].invoke(event)

    def answered(self, claim: str, deployment: Deployment, status: str) -> None:
        """The hook was answered once, with the ids that it was called with."""
        answers = [exchange.sent() for exchange in self.recorder.of(PUT)]
        ids = {"deploymentId": deployment.id, "lifecycleEventHookExecutionId": EXECUTION_ID}
        self.claims.equal(claim, answers, [ids | {"status": status}])

    def a_migration_starts(self, web: Service) -> tuple[Deployment, str]:
        self.claims.about("run-migration starts a task of green's revision, and sets its time limit")
        deployment = deploy(self.world, web)
        answer = self.invoke("run-migration", deployment.hook())
        self.claims.holds("it ends well", answer.ok, shown(answer.body))
        self.claims.equal("two calls change something", self.recorder.changing(), ["RunTask", "CreateSchedule"])
        started = self.world.ecs.list_tasks(cluster=CLUSTER, startedBy=f"greenlight/{deployment.id}")["taskArns"]
        self.claims.equal("moto has one task, started by the deployment", len(started), 1)
        if not started:
            raise SystemExit(f"no task: {shown(answer.body)}")
        task = self.world.ecs.describe_tasks(cluster=CLUSTER, tasks=started)["tasks"][0]
        self.claims.equal("it is of green's revision", task["taskDefinitionArn"], deployment.revision)
        override = task["overrides"]["containerOverrides"][0]
        self.claims.equal("in the configured container", (override["name"], override["command"]), ("web", COMMAND))
        given = {pair["name"]: pair["value"] for pair in override["environment"]}
        ids = {"GREENLIGHT_DEPLOYMENT_ID": deployment.id, "GREENLIGHT_HOOK_EXECUTION_ID": EXECUTION_ID}
        self.claims.equal("that knows whose hook it is", given, ids)
        sent = self.recorder.of("RunTask")[0].sent()
        self.claims.equal("in green's network", sent["networkConfiguration"], deployment.green["networkConfiguration"])
        self.the_limit_is_set(deployment, task)
        self.invoke("run-migration", deployment.hook())
        again = [exchange.sent()["clientToken"] for exchange in self.recorder.of("RunTask")]
        self.claims.equal("the same call again has the same token, which ECS knows", again, [sent["clientToken"]])
        return deployment, started[0]

    def the_limit_is_set(self, deployment: Deployment, task: dict) -> None:
        name = f"greenlight-migration-{deployment.id}"
        schedule = self.world.client("scheduler").get_schedule(Name=name)
        ends = time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(TASK_MADE_AT + 1800))
        self.claims.equal("30 minutes after the task was made", schedule["ScheduleExpression"], ends)
        target = schedule["Target"]
        self.claims.equal("it calls finish-migration", (target["Arn"], target["RoleArn"]), (FINISH, ROLE))
        told = json.loads(target["Input"])
        whose = (told["deployment_id"], told["hook_execution_id"], told["task_arn"])
        self.claims.equal("with the ids and the task", whose, (deployment.id, EXECUTION_ID, task["taskArn"]))

    def no_migration_is_none(self, plain: Service) -> None:
        self.claims.about("run-migration without a migration")
        deployment = deploy(self.world, plain)
        self.invoke("run-migration", deployment.hook())
        self.answered("answers the hook at once", deployment, "Succeeded")
        self.claims.equal("and does nothing else", self.recorder.changing(), [PUT])

    def a_migration_ends_well(self, deployment: Deployment, task: str) -> None:
        self.claims.about("finish-migration, after exit code 0")
        self.invoke("finish-migration", stopped_event(self.world, task, 0))
        self.answered("answers the hook", deployment, "Succeeded")
        self.claims.equal("and calls the time limit off", self.recorder.changing(), [PUT, "DeleteSchedule"])
        left = self.world.client("scheduler").list_schedules()["Schedules"]
        self.claims.equal(
            "moto has no schedule of it any more", [s["Name"] for s in left if deployment.id in s["Name"]], []
        )
        self.invoke("finish-migration", stopped_event(self.world, task, 0, overrides=False))
        self.answered("an event without overrides: DescribeTasks has them", deployment, "Succeeded")
        self.claims.equal("which was asked", len(self.recorder.of("DescribeTasks")), 1)

    def a_migration_fails(self, deployment: Deployment, task: str) -> None:
        self.claims.about("finish-migration, after exit code 1")
        logs, stream = self.world.client("logs"), f"web/web/{task.rsplit('/', 1)[1]}"
        logs.create_log_group(logGroupName=LOG_GROUP)
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        lines = [{"timestamp": now + number, "message": f"line {number}"} for number in range(25)]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=lines)
        self.invoke("finish-migration", stopped_event(self.world, task, 1))
        self.answered("answers the hook", deployment, "Failed")
        message = self.inbox.next()
        self.claims.contains("people hear of the exit code", message, "exited with code 1")
        self.claims.contains("and read the end of its log", message, "line 24", "line 5")
        self.claims.holds("and no more than that", "line 4\n" not in message, shown(message))

    def a_migration_takes_too_long(self, deployment: Deployment, task: str) -> None:
        self.claims.about("finish-migration, when the time limit is over")
        ids = {"deployment_id": deployment.id, "hook_execution_id": EXECUTION_ID}
        self.invoke("finish-migration", ids | {"cluster": CLUSTER, "task_arn": task, "timeout_minutes": 30})
        self.answered("answers the hook", deployment, "Failed")
        stopped = self.world.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
        told = (stopped["desiredStatus"], stopped["stoppedReason"])
        self.claims.equal(
            "moto has stopped the task", told, ("STOPPED", "the migration ran longer than its 30 minutes")
        )
        self.claims.contains("people hear why", self.inbox.next(), "ran longer than its 30 minutes")

    def green_is_asked(self, web: Service, listener: TestListener) -> None:
        self.claims.about("check-test-traffic asks green through the test listener that moto names")
        deployment = deploy(self.world, web)
        self.invoke("check-test-traffic", deployment.hook())
        self.answered("green answers: the hook is answered", deployment, "Succeeded")
        self.claims.equal("it was asked three times", listener.asked, ["/healthz"] * 3)
        asked = [
            exchange.operation for exchange in self.recorder.exchanges if exchange.operation.startswith("Describe")
        ]
        expected = {"DescribeServices", "DescribeTargetHealth", "DescribeListeners", "DescribeLoadBalancers"}
        self.claims.equal("by what moto knows of services, targets and listeners", set(asked), expected)
        listener.status = 500
        self.invoke("check-test-traffic", deployment.hook())
        self.answered("green does not: neither is the hook", deployment, "Failed")
        self.claims.contains("people hear what was asked and answered", self.inbox.next(), "/healthz", "500")
        self.claims.about("check-test-traffic with fewer healthy targets than tasks")
        green = self.world.target_group("web-green")
        registered = self.world.elb.describe_target_health(TargetGroupArn=green)["TargetHealthDescriptions"]
        self.world.elb.deregister_targets(TargetGroupArn=green, Targets=[one["Target"] for one in registered])
        self.invoke("check-test-traffic", deployment.hook())
        self.answered("answers the hook", deployment, "Failed")
        self.claims.contains("and says so", self.inbox.next(), "not healthy within 2 seconds")

    def people_are_told(self, web: Service) -> None:
        self.claims.about("report-outcome tells a deployment's begin and end")
        deployment = deploy(self.world, web)
        steps = [("START", "started"), ("SUCCESS", "failed"), ("SUCCESS", "shipped"), ("FAILURE", "failed")]
        for number, (state, expected) in enumerate(steps):
            if number == 2:
                self.claims.about("report-outcome, when green serves production indeed")
                green = deployment.green["taskSetArn"]
                self.world.ecs.update_service_primary_task_set(cluster=CLUSTER, service="web", primaryTaskSet=green)
            answer = self.invoke("report-outcome", deployment.state_change("web", state))
            where = "" if number != 1 else ", as long as blue serves production"
            self.claims.equal(f"{state} is `{expected}`{where}", answer.body.get("outcome"), expected)
            self.claims.contains("and people read of it", self.inbox.next(), answer.body.get("summary", "a summary"))
        self.claims.about("report-outcome stops the migration of a deployment that has ended")
        self.invoke("run-migration", deployment.hook())
        answer = self.invoke("report-outcome", deployment.state_change("web", "STOP"))
        self.claims.contains("STOP is told", self.inbox.next(), "stopped")
        started_by = {"cluster": CLUSTER, "startedBy": f"greenlight/{deployment.id}"}
        tasks = self.world.ecs.list_tasks(**started_by, desiredStatus="STOPPED")["taskArns"]
        self.claims.equal("moto has stopped the task", len(tasks), 1)
        self.claims.equal(
            "and none runs", self.world.ecs.list_tasks(**started_by, desiredStatus="RUNNING")["taskArns"], []
        )
        self.claims.equal("two calls change something", self.recorder.changing(), ["StopTask", "Publish"])


class CodeDeployOfAws:
    """What CodeDeploy says and moto does not (CodeDeploy API reference)."""

    def __init__(self):
        self._app_specs: dict[str, str] = {}

    def stand_ins(self) -> dict:
        """Operations that moto does not have."""
        return {
            PUT: lambda sent: {"lifecycleEventHookExecutionId": sent["lifecycleEventHookExecutionId"]},
            "ListDeploymentTargets": lambda _: {"targetIds": ["prod:web"]},
            "GetDeploymentTarget": self._target,
            "GetApplicationRevision": self._revision,
        }

    def hide(self, exchange: Exchange) -> None:
        """GetDeployment gives an AppSpec's hash and no content."""
        answer = exchange.said()
        app_spec = answer["deploymentInfo"]["revision"]["appSpecContent"]
        content = app_spec.pop("content")
        app_spec["sha256"] = hashlib.sha256(content.encode()).hexdigest()
        self._app_specs[app_spec["sha256"]] = content
        exchange.answer = json.dumps(answer).encode()

    def _revision(self, sent: dict) -> dict:
        app_spec = sent["revision"]["appSpecContent"]
        content = app_spec | {"content": self._app_specs[app_spec["sha256"]]}
        return {"revision": {"revisionType": "AppSpecContent", "appSpecContent": content}}

    def _target(self, sent: dict) -> dict:
        of = {"deploymentId": sent["deploymentId"], "targetId": sent["targetId"]}
        return {"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": of | {"lifecycleEvents": []}}}


def complete(codedeploy: CodeDeployOfAws, exchange: Exchange) -> None:
    """Makes an answer of moto's what AWS would say."""
    if exchange.operation == "GetDeployment" and exchange.status == 200:
        codedeploy.hide(exchange)
    if exchange.operation == "RunTask" and exchange.status == 200:
        answer = exchange.said()
        for task in answer["tasks"]:
            task["createdAt"] = TASK_MADE_AT
        exchange.answer = json.dumps(answer).encode()
    if exchange.operation == "DescribeLoadBalancers":
        before, _, rest = exchange.answer.partition(b"<DNSName>")
        exchange.answer = before + b"<DNSName>127.0.0.1" + rest[rest.index(b"</DNSName>") :]


PIPELINES = f"""
[[pipeline]]
name = "web"
repository = "shop/web"
tag = "latest"
cluster = "{CLUSTER}"
service = "web"
[pipeline.migration]
container = "web"
command = {json.dumps(COMMAND)}
timeout_minutes = 30
[pipeline.test_traffic]
healthy_within_seconds = 2
[[pipeline.test_traffic.request]]
path = "/healthz"
status = "200"
times = 3

[[pipeline]]
name = "plain"
repository = "shop/plain"
tag = "latest"
cluster = "{CLUSTER}"
service = "plain"
"""


def with_logs(definition: dict) -> dict:
    """The revision with its container's output in CloudWatch Logs."""
    options = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "web"}
    web = next(container for container in definition["containerDefinitions"] if container["name"] == "web")
    web["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    web["memory"] = 512  # moto's RunTask needs it, also on Fargate.
    return definition


def run(binaries: Path, folder: Path, claims: Claims) -> Recorder:
    config, listener = folder / "pipelines.toml", TestListener()
    config.write_text(PIPELINES)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(moto_server(folder / "moto.log"))
        world = World(port)
        web = world.service("web", "shop/web", with_logs(small_task_definition("web", "shop/web")), listener.port)
        plain = world.service("plain", "shop/plain", small_task_definition("plain", "shop/plain"))
        recorder = stack.enter_context(Recorder(port))
        codedeploy = CodeDeployOfAws()
        recorder.stand_in = codedeploy.stand_ins()
        recorder.change_answer = functools.partial(complete, codedeploy)
        environment = {
            "AWS_ENDPOINT_URL": recorder.url,
            "GREENLIGHT_CONFIG": str(config),
            "GREENLIGHT_TOPIC_ARN": world.topic,
            "GREENLIGHT_MESSAGE_FORMAT": "text",
            "GREENLIGHT_FINISH_MIGRATION_ARN": FINISH,
            "GREENLIGHT_SCHEDULE_ROLE_ARN": ROLE,
        }
        log = folder / "functions.log"
        functions = {name: stack.enter_context(Function(binaries / name, environment, log)) for name in FUNCTIONS}
        trial = Trial(claims, world, recorder, functions)
        deployment, task = trial.a_migration_starts(web)
        trial.no_migration_is_none(plain)
        trial.a_migration_ends_well(deployment, task)
        trial.a_migration_fails(deployment, task)
        trial.a_migration_takes_too_long(deployment, task)
        trial.green_is_asked(web, listener)
        trial.people_are_told(web)
        return recorder


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    binaries = Path(sys.argv[1]).resolve() if sys.argv[1:] else root / "target" / "debug"
    missing = [name for name in FUNCTIONS if not (binaries / name).is_file()]
    if missing:
        print(f"no binary at `{binaries / missing[0]}` (hint: cargo build --workspace)", file=sys.stderr)
        return 2
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="greenlight-moto-") as folder:
        try:
            recorder = run(binaries, Path(folder), claims)
        finally:
            if claims.failed or sys.exc_info()[0]:
                for log in ("functions.log", "moto.log"):
                    print((Path(folder) / log).read_text(errors="replace"), file=sys.stderr)
    print("\nmoto has no …, which the proxy answered:")
    for operation, times in sorted(recorder.stood_in.items()):
        print(f"  codedeploy:{operation}, {times} times")
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
