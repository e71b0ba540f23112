"""`cargo rehearse serve` as a child process, and the clients that are pointed at it: the AWS CLI and boto3."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3

READY = "# ready"
EXPORT = re.compile(r"export (\w+)='(.*)'")
ADDRESSES = re.compile(r"# `(?P<service>[^`]+)`: production (?P<production>\S+), test (?P<test>\S+)")


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    def json(self) -> dict:
        return json.loads(self.out)


class Serving:
    """The local AWS, from its start to the end of its `with`."""

    def __init__(self, rehearsal: Path, arguments: list[str], folder: Path, port: str = "0"):
        self.lines: list[str] = []
        self.variables: dict[str, str] = {}
        self.production = self.test = ""
        self._folder = folder
        self._ready: queue.Queue[bool] = queue.Queue()
        self._process = subprocess.Popen(
            [rehearsal, "serve", "--port", port, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "Serving":
        if not self._ready.get(timeout=600):
            raise SystemExit("`serve` ended before it was ready:\n" + "\n".join(self.lines))
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> int:
        """Asks it to end, as an init system would; its exit status."""
        self._process.terminate()
        return self._process.wait(timeout=60)

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            region_name=self.variables["AWS_REGION"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )

    def aws(self, *arguments: str) -> Said:
        """Runs the AWS CLI of this environment with the variables that `serve` printed, and no others."""
        command = [Path(sys.executable).with_name("aws"), *arguments]
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=1200, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def environment(self) -> dict[str, str]:
        nobody = {"HOME": str(self._folder), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        return nobody | {name: value for name, value in self.variables.items() if name.startswith("AWS_")}

    def version(self, url: str | None = None) -> str:
        """The version that answers production, or another listener."""
        with urllib.request.urlopen(url or self.production, timeout=10) as answer:
            return answer.headers["x-version"]

    def said(self, *parts: str) -> list[str]:
        """The lines of progress that hold all of these."""
        return [line for line in self.lines if all(part in line for part in parts)]

    def _read(self) -> None:
        for line in self._process.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            if export := EXPORT.fullmatch(line):
                self.variables[export[1]] = export[2]
            if addresses := ADDRESSES.match(line):
                self.production, self.test = addresses["production"], addresses["test"]
            if line == READY:
                self._ready.put(True)
        self._ready.put(False)


def eventually(what: Callable[[], object], seconds: int = 60) -> object:
    """The first value that is not false; the last one when the time is over."""
    until = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < until:
        time.sleep(0.2)
    return value
