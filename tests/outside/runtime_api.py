"""Lambda's Runtime API on loopback, for one process of one function (Lambda Developer Guide, "Using the Lambda runtime
API"). It starts the shipped binary as Lambda would, hands it one event after the other, and takes its answers.
"""

import contextlib
import json
import queue
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from loopback import Handler, Server

INVOCATION = "/2018-06-01/runtime/invocation/"
ACCOUNT = "123456789012"
REGION = "eu-central-1"


@dataclass
class Answer:
    """What a function made of one event."""

    ok: bool
    body: object
    """The result, or `errorType` and `errorMessage`."""
    error_type: str
    at: float
    """When it came, on the clock of `time.perf_counter`."""


@dataclass
class Usage:
    """What a process has used so far, as the kernel counts it."""

    cpu_seconds: float
    peak_kilobytes: int

    @classmethod
    def of(cls, process_id: int) -> "Usage":
        process = Path("/proc") / str(process_id)
        nanoseconds = int((process / "schedstat").read_text().split()[0])
        status = (process / "status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return cls(nanoseconds / 1e9, int(peak.split()[1]))


class Gone(Exception):
    """The process ended, or did not answer in time."""


class Function:
    """One process of a function, from its start to its end."""

    def __init__(self, binary: Path, environment: dict[str, str], log: Path, timeout_seconds: int = 60):
        self.name = binary.name
        self._timeout_seconds = timeout_seconds
        self._events: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._started = threading.Event()
        self._first_next = threading.Event()
        self.first_next_at = 0.0
        self.usage_at_first_next: Usage | None = None
        self._server = Server(self._handler())
        self._log = log.open("ab")
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            [binary], env=self._environment(environment), stdout=self._log, stderr=self._log
        )
        self._started.set()

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._server.stop()
        self._log.close()

    def invoke(self, event: object) -> Answer:
        """Hands over an event and waits for what becomes of it."""
        self._events.put(json.dumps(event).encode())
        until = time.monotonic() + self._timeout_seconds
        while time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=0.1)
            if self._process.poll() is not None:
                raise Gone(f"`{self.name}` ended with {self._process.returncode}")
        raise Gone(f"`{self.name}` did not answer within {self._timeout_seconds} seconds")

    def usage(self) -> Usage:
        """What the process has used until now."""
        return Usage.of(self._process.pid)

    def _environment(self, given: dict[str, str]) -> dict[str, str]:
        # The process sees what Lambda sets and what the caller gives: nothing of this shell's profiles or proxies.
        return {
            "AWS_LAMBDA_RUNTIME_API": self._server.address,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "outside",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "outside",
            "AWS_SECRET_ACCESS_KEY": "outside",
        } | given

    def _saw_next(self) -> None:
        if not self._first_next.is_set():
            self.first_next_at = time.perf_counter()
            # A quick process asks before this one knows its id.
            self._started.wait()
            self.usage_at_first_next = self.usage()
            self._first_next.set()

    def _handler(self) -> type[Handler]:
        function = self

        class RuntimeApi(Handler):
            def do_GET(self) -> None:
                function._saw_next()
                event = function._events.get()
                if event is None:
                    return
                deadline = int((time.time() + function._timeout_seconds) * 1000)
                arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": arn,
                    "Content-Type": "application/json",
                }
                self.answer(200, event, headers.items())

            def do_POST(self) -> None:
                at = time.perf_counter()
                body = json.loads(self.body() or b"null")
                ok = self.path.startswith(INVOCATION) and self.path.endswith("/response")
                error_type = self.headers.get("Lambda-Runtime-Function-Error-Type", "")
                self.answer(202)
                function._answers.put(Answer(ok, body, error_type, at))

        return RuntimeApi
