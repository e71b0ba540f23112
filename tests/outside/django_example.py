#!/usr/bin/env python3
"""Plays the application of examples/django in the rehearsal, with the commands of its README: real processes of Gunicorn,
Django's own migration, and what a person breaks there.

    cargo build --workspace
    python3 -m venv target/django && target/django/bin/pip install -r examples/django/requirements.txt
    target/django/bin/python tests/outside/django_example.py target/debug/rehearsal target/debug

One line a claim, `ok` or `FAILED`; the exit status is 0 when every claim holds.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from claims import Claims

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples/django/README.md"
MIGRATION = "1.1.0/orders/migrations/0002_order_status.py"
BROKEN_MIGRATION = """from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [migrations.RunSQL("ALTER TABLE no_such_table ADD COLUMN x")]
"""
HOST = "shop.example"
NO_RECORD = {
    "messages": [],
    "production": {"failed": None, "versions": {}},
    "task_logs": {},
    "tasks": [],
    "test_answers": [],
    "test_listener": {"requests": None},
}
SECONDS = 300
TOKEN = "RehearsalOnly"
"""The value of a variable of every process of this test: none of them may be left."""


@dataclass
class Played:
    """What a rehearsal said."""

    code: int
    record: dict
    said: str

    @property
    def versions(self) -> dict[str, int]:
        return self.record["production"]["versions"]

    @property
    def outcomes(self) -> list[str]:
        return [body["outcome"] for body in self.bodies]

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(message["body"]) for message in self.record["messages"]]

    def message(self, outcome: str) -> str:
        return next((json.dumps(body) for body in self.bodies if body["outcome"] == outcome), "no such message")

    @property
    def migration_log(self) -> str:
        return "\n".join(line for lines in self.record["task_logs"].values() for line in lines)

    def test_statuses(self) -> list[int]:
        return sorted({answer["status"] for answer in self.record["test_answers"]})


class Application:
    """1.0.0 and 1.1.0 of the example in a folder of their own, made as the README says."""

    def __init__(self, folder: Path, rehearsal: Path, binaries: Path):
        self.folder, self.rehearsal, self.binaries = folder, rehearsal, binaries
        folder.mkdir()
        blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
        making, playing, *_ = blocks
        making = "\n".join(line for line in making.splitlines() if line.startswith("cp "))
        self.shell(f"greenlight={ROOT}\n{making}", check=True)
        # Whatever the README's command gives to `--program`.
        self.program = re.search(r"--program '(.*?)'", playing, re.DOTALL)[1].replace("SECRET_KEY=", f"{TOKEN}=1 SECRET_KEY=")

    def shell(self, script: str, check: bool) -> subprocess.CompletedProcess:
        return subprocess.run(["sh", "-euc", script], cwd=self.folder, env=environment(), check=check, capture_output=True)

    def rewrite(self, path: str, text: str) -> "Application":
        (self.folder / path).write_text(text)
        return self

    def add(self, path: str, text: str) -> "Application":
        return self.rewrite(path, (self.folder / path).read_text() + text)

    def command(self, *arguments: str, program: str | None = None) -> list[str]:
        return [
            str(self.rehearsal),
            *arguments,
            *("--binaries", str(self.binaries), "--root", str(ROOT), "--pipelines", "1.1.0/pipelines.toml"),
            *("--program", program or self.program),
        ]

    def play(self, scenario: str, *, program: str | None = None) -> Played:
        command = self.command(scenario, "--json", "--dwell", "100", program=program)
        done = subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if not done.stdout.startswith("{"):
            return Played(done.returncode, NO_RECORD, done.stderr)
        record = json.loads(done.stdout)
        return Played(done.returncode, record, done.stderr)


def environment() -> dict[str, str]:
    """As after `. venv/bin/activate`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1", "AWS_SECRET_ACCESS_KEY": "planted"}


def ships(played: Played, claims: Claims) -> None:
    claims.about("1.1.0 is pushed")
    claims.equal("the rehearsal exits with 0", played.code, 0)
    claims.equal("the deployment ships", played.outcomes, ["started", "shipped"])
    claims.contains("Django's own migration ran", played.migration_log, "Applying orders.0002_order_status... OK")
    claims.holds("it ran once", played.migration_log.count("Applying") == 1, played.migration_log)
    claims.equal("its exit code is the task's", [task["exit_code"] for task in played.record["tasks"]], [0])
    claims.equal("the test listener answered 200 and, to /admin, 301", played.test_statuses(), [200, 301])
    claims.equal("no request of production failed", played.record["production"]["failed"], 0)
    claims.equal("both versions served production", sorted(played.versions), ["1.0.0", "1.1.0"])


def broken_migration(played: Played, shipping: Played, claims: Claims) -> None:
    claims.about("a migration that breaks")
    claims.equal("`failed-migration` expects it", played.code, 0)
    claims.contains("the message quotes its log", played.message("migration-failed"), "no such table: no_such_table")
    claims.equal("the task exits with Python's code", [task["exit_code"] for task in played.record["tasks"]], [1])
    claims.equal("only 1.0.0 served production", list(played.versions), ["1.0.0"])
    claims.equal("no request of production failed", played.record["production"]["failed"], 0)
    claims.equal("nothing was sent to the test listener", played.record["test_listener"]["requests"], 0)
    claims.equal("`ship` does not expect it", shipping.code, 1)
    claims.equal("and nothing ships there", shipping.outcomes[-1:], ["rolled-back"])


def refused_host(played: Played, claims: Claims) -> None:
    claims.about("a host that is refused")
    claims.equal("`failed-test-traffic` expects it", played.code, 0)
    claims.contains("the message has the status", played.message("test-traffic-failed"), "/admin", "400")
    claims.equal("the test listener answered 200, to the health page, and 400", played.test_statuses(), [200, 400])
    claims.equal("only 1.0.0 served production", list(played.versions), ["1.0.0"])
    claims.equal("no request of production failed", played.record["production"]["failed"], 0)


def never_starts(played: Played, claims: Claims) -> None:
    claims.about("a version that does not start")
    claims.equal("`never-starts` expects it", played.code, 0)
    claims.contains(
        "its last lines are shown",
        played.said,
        "the program in container `web` (1.1.0): ended with exit code 1",
        "ModuleNotFoundError: No module named 'no_such_module'",
    )
    claims.equal("only 1.0.0 served production", list(played.versions), ["1.0.0"])


def refusals(plays: dict[str, Played], claims: Claims) -> None:
    claims.about("programs that cannot serve from the beginning")
    for name, code, parts in (
        ("no such program", 2, ("the program of `web`: `no-such-program` is not an executable file in PATH",)),
        ("no such container", 2, ("no service has a container `app`, expected one of `web`",)),
        ("no secret key", 1, ("the first migration of `web` exited with 1", "KeyError: 'SECRET_KEY'")),
        ("ends at once", 1, ("the program in container `web` (1.0.0): ended with exit code 127; it printed last:", "no-such-program")),
    ):
        claims.equal(f"{name}: the exit status", plays[name].code, code)
        claims.contains(f"{name}: the error", plays[name].said, *parts)


def serves(application: Application, claims: Claims) -> None:
    claims.about("`serve`, until Ctrl-C")
    command = application.command("serve", "--port", "0")
    process = subprocess.Popen(command, cwd=application.folder, env=environment(), stdout=subprocess.PIPE, text=True)
    production = ""
    for line in process.stdout:
        production = production or (found[1] if (found := re.search(r"production (\S+),", line)) else "")
        if line.startswith("# ready"):
            break
    claims.equal("/admin answers 301", status(f"{production}admin", HOST), 301)
    claims.equal("another host is refused", status(f"{production}admin", "www.example"), 400)
    variables = [variables_of(id) for id in left()]
    tasks = [own for own in variables if own.get("REHEARSAL_IMAGE_VERSION") == "1.0.0" and own.get("DATABASE")]
    claims.holds("each task has its image's version and its database", len(tasks) >= 2, f"found {len(tasks)}")
    claims.holds("each has its own port", len({own["PORT"] for own in tasks}) == 2, str([own["PORT"] for own in tasks]))
    claims.equal("none has variables of this terminal", ["AWS_SECRET_ACCESS_KEY" in own for own in tasks], [False] * len(tasks))
    process.send_signal(signal.SIGINT)
    claims.equal("it ends", process.wait(timeout=60), 0)


def interrupted(application: Application, claims: Claims) -> None:
    claims.about("a rehearsal, until Ctrl-C")
    command = application.command("ship")
    process = subprocess.Popen(command, cwd=application.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in process.stdout:
        if b"deployment" in line:
            break
    claims.holds("programs run", bool(left()), "none")
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    claims.equal("it ends with 1", process.wait(timeout=60), 1)


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def status(url: str, host: str) -> int:
    try:
        request = urllib.request.Request(url, headers={"Host": host})
        with urllib.request.build_opener(NotFollowed).open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def variables_of(process: int) -> dict[str, str]:
    try:
        pairs = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def left() -> list[int]:
    """The processes of this test's programs, where the system has `/proc`."""
    ids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [id for id in ids if TOKEN in variables_of(id)]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("rehearsal", type=Path)
    arguments.add_argument("binaries", type=Path)
    given = arguments.parse_args()
    rehearsal, binaries = given.rehearsal.resolve(), given.binaries.resolve()
    claims = Claims()
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:

        def application(name: str) -> Application:
            return Application(Path(temporary) / name, rehearsal, binaries)

        whole = application("whole")
        broken = application("broken").rewrite(MIGRATION, BROKEN_MIGRATION)
        refusing = application("refusing").add("1.1.0/shop/settings.py", '\nALLOWED_HOSTS = ["www.example"]\n')
        failing = application("failing").add("1.1.0/shop/wsgi.py", "\nimport no_such_module\n")
        serve = "gunicorn shop.wsgi --bind 127.0.0.1:{port}"
        playing = {
            "ships": pool.submit(whole.play, "ship"),
            "broken": pool.submit(broken.play, "failed-migration"),
            "refused": pool.submit(refusing.play, "failed-test-traffic"),
            "never": pool.submit(failing.play, "never-starts"),
            "shipping": pool.submit(broken.play, "ship"),
            "no such program": pool.submit(whole.play, "ship", program="web=no-such-program"),
            "no such container": pool.submit(whole.play, "ship", program="app=sh"),
            "no secret key": pool.submit(whole.play, "ship", program=f"web=[{{version}}] {serve}"),
            "ends at once": pool.submit(whole.play, "ship", program="web=[{version}] env SECRET_KEY=x -- no-such-program"),
        }
        plays = {name: played.result() for name, played in playing.items()}
        for name in ("ships", "broken", "refused", "never", "shipping"):
            if plays[name].record is NO_RECORD:
                print(f"\nno record of `{name}`:\n{plays[name].said[-2000:]}")
        ships(plays["ships"], claims)
        broken_migration(plays["broken"], plays["shipping"], claims)
        refused_host(plays["refused"], claims)
        never_starts(plays["never"], claims)
        refusals(plays, claims)
        serves(whole, claims)
        interrupted(whole, claims)
    until = time.monotonic() + 10
    while left() and time.monotonic() < until:
        time.sleep(0.1)
    claims.about("afterwards")
    claims.equal("no process is left", [Path(f"/proc/{id}/cmdline").read_text() for id in left()], [])
    print(f"\n{claims.passed} claims hold, {claims.failed} do not")
    return 1 if claims.failed or not claims.passed else 0


if __name__ == "__main__":
    sys.exit(main())
