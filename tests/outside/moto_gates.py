#!/usr/bin/env python3
"""Proves the hooks and the report against an AWS mock that other people wrote: `run-migration`, `finish-migration`,
`check-test-traffic` and `report-outcome`.

    cargo build --workspace
    python3 -m venv target/venv-moto && target/venv-moto/bin/pip install 'moto[server]' boto3
    target/venv-moto/bin/python tests/outside/moto_gates.py [folder of the binaries]

The shipped binaries talk through a recording proxy to moto's server. One line a claim, `ok` or `FAILED`; the exit status
is 0 when every claim holds. What moto (5.2) lacks, `moto_stand_ins.py` answers in the proxy: four operations of CodeDeploy
(deployment targets with their lifecycle events, application revisions, a hook's answer), and the end says how often. On its
way an answer of moto's is made what AWS would say: when a task was made and how it ended, how many tasks a task set has,
an AppSpec's hash in place of its content, and a load balancer's name that leads somewhere. Where a schedule's time is over, moto's schedule is put back by
boto3. Everything else is moto's: the task and its overrides, its stop, the schedule, its changes and its end, target health,
listeners and their rules, logs, and the topic with a queue behind it.
"""

import calendar
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from claims import Claims, shown
from deployed import FUNCTIONS
from loopback import Handler, Server
from moto_deployment import EXECUTION_ID, LOG_GROUP, Deployment, Inbox, deploy, stopped_event
from moto_ecs_hooks import PIPELINE, hooks_of_ecs
from moto_stand_ins import PUT, TASK_IS_MADE_AFTER_SECONDS, OfAws
from moto_world import CLUSTER, DESIRED_COUNT, Service, World, moto_server
from recorder import Recorder
from runtime_api import REGION, Answer, Function
from task_definitions import SIDECAR_IMAGE, small_task_definition

COMMAND = ["sample-service", "migrate"]
# What is proved elsewhere, in moto_start_deployment.py.
STARTS = "start-deployment"
TRIED = {name: function for name, function in FUNCTIONS.items() if name != STARTS}
# What each hook function is called at.
HOOKS = {name: function.hook for name, function in TRIED.items() if function.hook}
SETTLE_SECONDS = 3
ASKED_OF_GREEN = {
    "GetDeployment",
    "ListDeploymentTargets",
    "GetDeploymentTarget",
    "GetDeploymentGroup",
    "DescribeServices",
    "DescribeTargetHealth",
    "DescribeListeners",
    "DescribeLoadBalancers",
    "DescribeRules",
}


class TestListener:
    """What answers on the test listener's port, with the status that is wanted next."""

    def __init__(self):
        self.asked: list[str] = []
        self.first_at = 0.0
        """When it was asked first, of all times."""
        self.connections: set[int] = set()
        self.status = 200
        listener = self

        class Green(Handler):
            def do_GET(self) -> None:
                listener.first_at = listener.first_at or time.time()
                listener.asked.append(self.path)
                listener.connections.add(self.client_address[1])
                self.answer(listener.status, b"ok")

        self._server = Server(Green)

    @property
    def port(self) -> int:
        return int(self._server.address.rsplit(":", 1)[1])


class Trial:
    """moto, the recorder, the functions, and one service that is deployed again and again."""

    def __init__(
        self, claims: Claims, world: World, recorder: Recorder, functions: dict[str, Function], of_aws: OfAws
    ):
        self.claims, self.world, self.recorder, self.functions = claims, world, recorder, functions
        self.of_aws = of_aws
        self.inbox = Inbox(world)

    def invoke(self, function: str, event: dict) -> Answer:
        self.recorder.forget()
        return self.functions[function].invoke(event)

    def call(self, function: str, deployment: Deployment) -> Answer:
        """CodeDeploy calls a hook, and says so when it is asked."""
        self.of_aws.codedeploy.waits_at(deployment, HOOKS[function])
        return self.invoke(function, deployment.hook())

    def answered(self, claim: str, deployment: Deployment, status: str) -> None:
        """The hook was answered once, with the ids that it was called with."""
        answers = [exchange.sent() for exchange in self.recorder.of(PUT)]
        ids = {"deploymentId": deployment.id, "lifecycleEventHookExecutionId": EXECUTION_ID}
        self.claims.equal(claim, answers, [ids | {"status": status}])

    def unanswered(self, claim: str, answer: Answer, *said: str) -> None:
        """Nothing was changed, and the reason says why."""
        self.claims.equal(claim, self.recorder.changing(), [])
        self.claims.contains("and the answer says why", answer.body, *said)

    def schedule(self, deployment: Deployment) -> dict:
        return self.world.client("scheduler").get_schedule(Name=schedule_name(deployment))

    def schedules(self) -> list[str]:
        return [one["Name"] for one in self.world.client("scheduler").list_schedules()["Schedules"]]

    def running(self, service: Service) -> tuple[Deployment, str]:
        """A deployment whose migration runs, as run-migration left it, and the migration's task."""
        deployment = deploy(self.world, service)
        answer = self.call("run-migration", deployment)
        started = self.world.ecs.list_tasks(cluster=CLUSTER, startedBy=f"greenlight/{deployment.id}")["taskArns"]
        if len(started) != 1:
            raise SystemExit(f"{len(started)} tasks: {shown(answer.body)}")
        return deployment, started[0]

    def a_hook_that_nobody_waits_for(self, web: Service) -> None:
        self.claims.about("run-migration, called when CodeDeploy does not wait for it")
        deployment = deploy(self.world, web)
        answer = self.invoke("run-migration", deployment.hook())
        self.claims.equal("starts nothing", self.recorder.changing(), [PUT, "Publish", "PutEvents"])
        self.answered("answers that it failed", deployment, "Failed")
        self.claims.contains("and says why", answer.body, "AfterInstall", "not `InProgress`")
        self.claims.contains("to people too", self.inbox.next(), "AfterInstall")

    def a_migration_starts(self, web: Service) -> None:
        self.claims.about("run-migration writes a migration down, starts it, and writes down which task it is")
        deployment = deploy(self.world, web)
        answer = self.call("run-migration", deployment)
        self.claims.holds("it ends well", answer.ok, shown(answer.body))
        self.claims.equal(
            "four calls change something", self.recorder.changing(), ["CreateSchedule", "RunTask", "UpdateSchedule"]
        )
        started = self.world.ecs.list_tasks(cluster=CLUSTER, startedBy=f"greenlight/{deployment.id}")["taskArns"]
        self.claims.equal("moto has one task, started by the deployment", len(started), 1)
        if not started:
            raise SystemExit(f"no task: {shown(answer.body)}")
        task = self.world.ecs.describe_tasks(cluster=CLUSTER, tasks=started)["tasks"][0]
        self.claims.equal("it is of green's revision", task["taskDefinitionArn"], deployment.revision)
        override = task["overrides"]["containerOverrides"][0]
        self.claims.equal("in the configured container", (override["name"], override["command"]), ("web", COMMAND))
        self.claims.equal("with nothing in its environment", override.get("environment", []), [])
        sent = self.recorder.of("RunTask")[0].sent()
        self.claims.holds("the request does not tell the hook's id", EXECUTION_ID not in str(sent), "it does")
        self.claims.equal("in green's network", sent["networkConfiguration"], deployment.green["networkConfiguration"])
        self.it_is_written_down(deployment, task)
        self.the_same_call_again(deployment, started)

    def it_is_written_down(self, deployment: Deployment, task: dict) -> None:
        first, then = (self.recorder.of(one)[0].sent() for one in ("CreateSchedule", "UpdateSchedule"))
        created, updated = (json.loads(sent["Target"]["Input"]) for sent in (first, then))
        self.claims.equal("before there is a task none is written down", created.get("task_arn"), None)
        self.claims.equal("and then only it is added", updated, created | {"task_arn": task["taskArn"]})
        schedule = self.schedule(deployment)
        target = schedule["Target"]
        variables = FUNCTIONS["run-migration"].environment(Path(), self.world.topic)
        called = [variables[f"GREENLIGHT_{name}"] for name in ("FINISH_MIGRATION_ARN", "SCHEDULE_ROLE_ARN")]
        self.claims.equal("it calls finish-migration", (target["Arn"], target["RoleArn"]), tuple(called))
        told = json.loads(target["Input"])
        whose = (told["deployment_id"], told["hook_execution_ids"], told["task_arn"])
        self.claims.equal("with the ids and the task", whose, (deployment.id, [EXECUTION_ID], task["taskArn"]))
        runs = {"revision": deployment.revision, "container": "web", "command": COMMAND}
        self.claims.equal("and with what it runs", told["runs"], runs)
        first, then = first["ScheduleExpression"], then["ScheduleExpression"]
        made_at = self.recorder.of("RunTask")[0].said()["tasks"][0]["createdAt"]
        self.claims.equal("30 minutes after the task was made", then, at(made_at + 1800))
        moved = at_of(then) - at_of(first)
        self.claims.holds(
            "which moves the time that was set before it was made",
            abs(moved - TASK_IS_MADE_AFTER_SECONDS) <= 10,
            f"{first}, {then}",
        )
        self.claims.equal("moto has that time", schedule["ScheduleExpression"], then)
        self.claims.equal("and keeps the schedule after its call", schedule.get("ActionAfterCompletion"), "NONE")

    def the_same_call_again(self, deployment: Deployment, started: list[str]) -> None:
        answer = self.call("run-migration", deployment)
        self.claims.equal("the same call again changes nothing", self.recorder.changing(), [])
        self.claims.contains("it finds the task", answer.body, started[0].rsplit("/", 1)[1])

    def no_migration_is_none(self, plain: Service) -> None:
        self.claims.about("run-migration without a migration")
        deployment = deploy(self.world, plain)
        self.call("run-migration", deployment)
        self.answered("answers the hook at once", deployment, "Succeeded")
        self.claims.equal("and does nothing else", self.recorder.changing(), [PUT])

    def a_migration_ends_well(self, web: Service) -> None:
        self.claims.about("finish-migration, after exit code 0")
        deployment, task = self.running(web)
        early = self.invoke("finish-migration", stopped_event(self.world, task, 0))
        self.claims.holds(
            "an event that claims an end, of a task that ECS says runs, fails", not early.ok, shown(early.body)
        )
        self.claims.equal("and changes nothing", self.recorder.changing(), [])
        self.of_aws.ecs.has_ended(task, {"web": 0, "proxy": 143})
        event = stopped_event(self.world, task, 1)
        self.invoke("finish-migration", event)
        self.answered("answers the hook by what ECS says, not by what the event says", deployment, "Succeeded")
        self.claims.equal("and calls the time limit off", self.recorder.changing(), [PUT, "DeleteSchedule"])
        self.claims.equal(
            "it looked at the schedule, the deployment, the task and its revision",
            looked(self.recorder),
            {"GetSchedule", "GetDeployment", "DescribeTasks", "DescribeTaskDefinition"},
        )
        self.claims.equal("moto has no schedule of it any more", schedule_name(deployment) in self.schedules(), False)
        again = self.invoke("finish-migration", event)
        self.unanswered("the same event again answers nothing", again, "waits (any more)")

    def another_task_answers_nothing(self, web: Service) -> None:
        self.claims.about("finish-migration, when another task with the deployment's mark ends with 0")
        deployment, task = self.running(web)
        forged = self.forge(deployment)
        self.of_aws.ecs.has_ended(forged, {"web": 0, "proxy": 143})
        answer = self.invoke("finish-migration", stopped_event(self.world, forged, 0))
        self.unanswered("answers nothing", answer, task.rsplit("/", 1)[1], forged.rsplit("/", 1)[1])
        self.claims.about("finish-migration, when run-migration died before it wrote down which task it is")
        self.forget_the_task(deployment)
        answer = self.invoke("finish-migration", stopped_event(self.world, forged, 0))
        self.unanswered("the other task answers nothing either", answer, "its command is another one")
        self.of_aws.ecs.has_ended(task, {"web": 0, "proxy": 143})
        self.invoke("finish-migration", stopped_event(self.world, task, 0))
        self.answered("the one that is in all what would have been started does", deployment, "Succeeded")

    def forge(self, deployment: Deployment) -> str:
        """A task that somebody else starts, with the mark of a migration."""
        override = {"name": "web", "command": ["true"]}
        forged = self.world.ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=deployment.revision,
            launchType="FARGATE",
            startedBy=f"greenlight/{deployment.id}",
            networkConfiguration=deployment.green["networkConfiguration"],
            overrides={"containerOverrides": [override]},
        )
        return forged["tasks"][0]["taskArn"]

    def forget_the_task(self, deployment: Deployment) -> None:
        """The schedule as CreateSchedule made it."""
        schedule = self.schedule(deployment)
        told = json.loads(schedule["Target"]["Input"])
        del told["task_arn"]
        self.update(schedule, Target=schedule["Target"] | {"Input": json.dumps(told)})

    def update(self, schedule: dict, **members: object) -> None:
        kept = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "ActionAfterCompletion")
        self.world.client("scheduler").update_schedule(**{name: schedule[name] for name in kept} | members)

    def a_sidecar_ends_first(self, web: Service) -> None:
        self.claims.about("finish-migration, after exit code 0 beside an essential container that ended by itself")
        deployment, task = self.running(web)
        self.of_aws.ecs.has_ended(task, {"web": 0, "proxy": 1})
        self.invoke("finish-migration", stopped_event(self.world, task, 0))
        self.answered("answers that it failed", deployment, "Failed")
        self.claims.contains("people hear that it is not known", self.inbox.next(), "not known", "`proxy`", "essential")

    def a_migration_fails(self, web: Service) -> None:
        self.claims.about("finish-migration, after exit code 1")
        deployment, task = self.running(web)
        logs, stream = self.world.client("logs"), f"web/web/{task.rsplit('/', 1)[1]}"
        logs.create_log_group(logGroupName=LOG_GROUP)
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        lines = [{"timestamp": now + number, "message": f"line {number}"} for number in range(25)]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=lines)
        self.of_aws.ecs.has_ended(task, {"web": 1, "proxy": 143})
        self.invoke("finish-migration", stopped_event(self.world, task, 1))
        self.answered("answers the hook", deployment, "Failed")
        message = self.inbox.next()
        self.claims.contains("people hear of the exit code", message, "exited with code 1")
        self.claims.contains("and read the end of its log", message, "line 24", "line 5")
        self.claims.holds("and no more than that", "line 4\n" not in message, shown(message))

    def a_migration_takes_too_long(self, web: Service) -> None:
        self.claims.about("finish-migration, when the time limit is over")
        deployment, task = self.running(web)
        schedule = self.schedule(deployment)
        calls = json.loads(schedule["Target"]["Input"])
        early = self.invoke("finish-migration", calls)
        self.unanswered("a call that comes before the schedule's time stops nothing", early, "has time until")
        # moto's clock cannot be put forward, so the schedule's time is put back.
        self.update(schedule, ScheduleExpression=at(int(time.time()) - 1))
        self.invoke("finish-migration", calls)
        self.answered("the schedule's call answers the hook", deployment, "Failed")
        stopped = self.world.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
        told = (stopped["desiredStatus"], stopped["stoppedReason"])
        self.claims.equal(
            "moto has stopped the task", told, ("STOPPED", "the migration did not end within its 30 minutes")
        )
        self.claims.contains("people hear why", self.inbox.next(), "did not end within its 30 minutes")

    def green_is_asked(self, web: Service, listener: TestListener) -> None:
        self.claims.about("check-test-traffic, called when CodeDeploy does not wait for it")
        deployment = deploy(self.world, web, healthy=DESIRED_COUNT)
        early = self.invoke("check-test-traffic", deployment.hook())
        self.claims.equal("asks green nothing", listener.asked, [])
        self.answered("answers that it failed", deployment, "Failed")
        self.claims.contains("and says why", early.body, "AfterAllowTestTraffic", "not `InProgress`")
        self.claims.contains("to people too", self.inbox.next(), "AfterAllowTestTraffic")
        self.claims.about("check-test-traffic asks green through the test listener that moto names")
        self.world.test_traffic_to("web", "green")
        began = self.of_aws.codedeploy.waits_at(deployment, HOOKS["check-test-traffic"])
        self.invoke("check-test-traffic", deployment.hook())
        self.answered("green answers: the hook is answered", deployment, "Succeeded")
        self.claims.equal("it was asked three times", listener.asked, ["/healthz"] * 3)
        self.claims.equal("over a new connection each time", len(listener.connections), 3)
        waited = listener.first_at - began
        self.claims.holds(
            f"not before {SETTLE_SECONDS} seconds had passed since the event began",
            waited >= SETTLE_SECONDS,
            f"after {waited} seconds",
        )
        self.claims.equal("by what AWS knows of targets, listeners and rules", looked(self.recorder), ASKED_OF_GREEN)
        listener.status = 500
        self.call("check-test-traffic", deployment)
        self.answered("green does not: neither is the hook", deployment, "Failed")
        self.claims.contains("people hear what was asked and answered", self.inbox.next(), "/healthz", "500")
        listener.status, listener.asked = 200, []
        self.claims.about("check-test-traffic, when the test listener's rule leads to blue")
        self.world.test_traffic_to("web", "blue")
        self.call("check-test-traffic", deployment)
        self.answered("answers the hook", deployment, "Failed")
        self.claims.equal("nobody was asked", listener.asked, [])
        self.claims.contains("and people hear where it leads", self.inbox.next(), "web-blue")
        self.claims.about("check-test-traffic with fewer healthy targets than tasks")
        green = self.world.target_group("web-green")
        registered = self.world.elb.describe_target_health(TargetGroupArn=green)["TargetHealthDescriptions"]
        self.world.elb.deregister_targets(TargetGroupArn=green, Targets=[one["Target"] for one in registered])
        self.call("check-test-traffic", deployment)
        self.answered("answers the hook", deployment, "Failed")
        self.claims.contains("and says so", self.inbox.next(), "not healthy within 2 seconds")

    def is_told(self, deployment: Deployment, state: str, expected: str, when: str = "") -> None:
        if state in ENDS:
            self.of_aws.codedeploy.has_ended(deployment, ENDS[state])
        answer = self.invoke("report-outcome", deployment.state_change("web", state))
        self.claims.equal(f"{state} is `{expected}`{when}", answer.body.get("outcome"), expected)
        self.claims.contains("and people read of it", self.inbox.next(), answer.body.get("summary", "a summary"))

    def people_are_told(self, web: Service) -> None:
        self.claims.about("report-outcome tells a deployment's begin and end")
        deployment = deploy(self.world, web)
        self.is_told(deployment, "START", "started")
        early = self.invoke("report-outcome", deployment.state_change("web", "SUCCESS"))
        self.unanswered("an end that CodeDeploy does not state is not told", early, "CodeDeploy's record does not yet")
        self.is_told(deployment, "SUCCESS", "failed", ", as long as blue serves production")
        green = deployment.green["taskSetArn"]
        self.world.ecs.update_service_primary_task_set(cluster=CLUSTER, service="web", primaryTaskSet=green)
        self.of_aws.ecs.tasks_run = False
        self.is_told(deployment, "SUCCESS", "failed", ", as long as none of green's tasks runs")
        self.of_aws.ecs.tasks_run = True
        self.is_told(deployment, "SUCCESS", "shipped", ", when green serves production indeed")
        self.is_told(deployment, "FAILURE", "failed")
        self.claims.about("report-outcome stops the migration of a deployment that has ended")
        deployment, _ = self.running(web)
        self.of_aws.codedeploy.has_ended(deployment, ENDS["STOP"])
        answer = self.invoke("report-outcome", deployment.state_change("web", "STOP"))
        self.claims.contains("STOP is told", self.inbox.next(), "stopped")
        started_by = {"cluster": CLUSTER, "startedBy": f"greenlight/{deployment.id}"}
        tasks = self.world.ecs.list_tasks(**started_by, desiredStatus="STOPPED")["taskArns"]
        self.claims.equal("moto has stopped the task", len(tasks), 1)
        self.claims.equal(
            "and none runs", self.world.ecs.list_tasks(**started_by, desiredStatus="RUNNING")["taskArns"], []
        )
        self.claims.equal(
            "four calls change something", self.recorder.changing(), ["StopTask", "DeleteSchedule", "Publish", "PutEvents"]
        )
        self.claims.equal("moto has no schedule of it any more", schedule_name(deployment) in self.schedules(), False)


# A deployment's status behind the state of its event (CodeDeploy API reference, DeploymentInfo).
ENDS = {"SUCCESS": "Succeeded", "FAILURE": "Failed", "STOP": "Stopped"}


def schedule_name(deployment: Deployment) -> str:
    return f"greenlight-migration-{deployment.id}"


def looked(recorder: Recorder) -> set[str]:
    return {exchange.operation for exchange in recorder.exchanges if not exchange.changes_something}


MOMENT = "at(%Y-%m-%dT%H:%M:%S)"


def at(seconds: float) -> str:
    """A moment as Scheduler writes it."""
    return time.strftime(MOMENT, time.gmtime(seconds))


def at_of(expression: str) -> int:
    return calendar.timegm(time.strptime(expression, MOMENT))


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
settle_seconds = {SETTLE_SECONDS}
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
    """The revision with its container's output in CloudWatch Logs, and a container beside it."""
    options = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "web"}
    web = next(container for container in definition["containerDefinitions"] if container["name"] == "web")
    web["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    web["memory"] = 256  # moto's RunTask needs it, also on Fargate.
    proxy = {"name": "proxy", "image": SIDECAR_IMAGE, "memory": 128}
    return definition | {"containerDefinitions": [*definition["containerDefinitions"], proxy]}


def run(binaries: Path, folder: Path, claims: Claims) -> Recorder:
    config, listener = folder / "pipelines.toml", TestListener()
    config.write_text(PIPELINES + PIPELINE)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(moto_server(folder / "moto.log"))
        world = World(port)
        web = world.service("web", "shop/web", with_logs(small_task_definition("web", "shop/web")), listener.port)
        plain = world.service("plain", "shop/plain", small_task_definition("plain", "shop/plain"))
        recorder = stack.enter_context(Recorder(port))
        of_aws = OfAws()
        recorder.stand_in = of_aws.codedeploy.stand_ins()
        recorder.change_answer = of_aws.complete
        log = folder / "functions.log"
        functions = {}
        for name, function in TRIED.items():
            environment = function.environment(config, world.topic) | {"AWS_ENDPOINT_URL": recorder.url}
            functions[name] = stack.enter_context(Function(binaries / name, environment, log))
        trial = Trial(claims, world, recorder, functions, of_aws)
        trial.a_hook_that_nobody_waits_for(web)
        trial.a_migration_starts(web)
        trial.no_migration_is_none(plain)
        trial.a_migration_ends_well(web)
        trial.another_task_answers_nothing(web)
        trial.a_sidecar_ends_first(web)
        trial.a_migration_fails(web)
        trial.a_migration_takes_too_long(web)
        trial.green_is_asked(web, listener)
        trial.people_are_told(web)
        hooks_of_ecs(trial, with_logs(small_task_definition("native", "shop/native")))
        return recorder


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    binaries = Path(sys.argv[1]).resolve() if sys.argv[1:] else root / "target" / "debug"
    missing = [name for name in TRIED if not (binaries / name).is_file()]
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
        print(f"  {operation}, {times} times")
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
