#!/usr/bin/env python3
"""Measures the release binaries as Lambda meets them: size, cold start, memory.

    cargo build --release --bins -p start-deployment -p …, every function
    target/ci/outside-…/bin/python tests/outside/measure.py [runs, default 30]

Each run is a new process that is handed one event by a Runtime API on loopback. Beside the functions stands the
smallest function that `lambda_runtime` allows, built here with the same profile and the same versions: what it needs,
nobody can save, and the ratio to it says more about other machines than the figures. The processes take turns, so that
a busy moment hits them alike.

- size: the binary; the zip that holds it as `bootstrap`, deflated as well as zip can.
- init: from the start of the process to its first request for an event.
- CPU: what the kernel says the process ran until then; less at the mercy of other processes than the clock.
- answer: from the start of the process to its first answer. The events of start-deployment, finish-migration and
  report-outcome need no call to AWS. The hooks are asked about a deployment of a group that no pipeline names, and make
  three calls, over plain HTTP, to a stub that answers at once: there is no TLS in these figures.
- memory: the peak of resident memory (VmHWM) after that answer.

Not measured: Lambda's own share (fetching the zip, starting the sandbox), and its CPU, which at 128 MB is a fourteenth
of a core.
"""

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from deployed import FUNCTIONS
from loopback import Handler, Server
from runtime_api import ACCOUNT, REGION, Function

ROOT = Path(__file__).resolve().parents[2]
BASELINE = "smallest-function"
BASELINE_SOURCE = """use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async { Ok::<_, Error>(event.payload) })).await
}
"""
# Which event each function is handed; a hook is called as CodeDeploy calls it.
EVENTS = {name: "hook.json" for name, function in FUNCTIONS.items() if function.hook} | {
    "start-deployment": "push-untagged.json",
    "finish-migration": "task-not-ours.json",
    "report-outcome": "unknown-group.json",
}


@dataclass
class Run:
    """One process, from its start to its first answer."""

    init: float
    cpu: float
    answer: float
    kilobytes: int


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    binaries = {name: ROOT / "target" / "release" / name for name in FUNCTIONS}
    missing = [name for name, path in binaries.items() if not path.is_file()]
    if missing:
        command = "cargo build --release " + " ".join(f"-p {name}" for name in FUNCTIONS)
        print(f"no release binary of {', '.join(missing)} (hint: {command})", file=sys.stderr)
        return 2
    binaries = {BASELINE: build_baseline()} | binaries
    events = {name: json.loads((ROOT / "events" / name / file).read_text()) for name, file in EVENTS.items()}
    with tempfile.TemporaryDirectory(prefix="greenlight-measure-") as folder, Server(AwsStub) as stub:
        variables = {name: environment(name, stub) for name in binaries}
        once(binaries, events, variables, Path(folder))  # The first time pays for reading the files from disk.
        rounds = [once(binaries, events, variables, Path(folder)) for _ in range(runs)]
        sizes = {name: (path.stat().st_size, zipped(path, Path(folder))) for name, path in binaries.items()}
    by_name = {name: [each[name] for each in rounds] for name in binaries}
    print(table(by_name, sizes, runs))
    return 0


def once(binaries: dict[str, Path], events: dict, variables: dict[str, dict], folder: Path) -> dict[str, Run]:
    return {name: measure(path, events.get(name, {}), variables[name], folder) for name, path in binaries.items()}


def measure(binary: Path, event: object, variables: dict[str, str], folder: Path) -> Run:
    with Function(binary, variables, folder / "function.log") as function:
        answer = function.invoke(event)
        if not answer.ok:
            raise SystemExit(f"`{binary.name}` failed: {answer.body}")
        return Run(
            init=function.first_next_at - function.started_at,
            cpu=function.usage_at_first_next.cpu_seconds,
            answer=answer.at - function.started_at,
            kilobytes=function.usage().peak_kilobytes,
        )


def zipped(binary: Path, folder: Path) -> int:
    """The size of what is uploaded to Lambda."""
    path = folder / f"{binary.name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return path.stat().st_size


def build_baseline() -> Path:
    """A crate outside the workspace, with the workspace's profile, features and locked versions."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    dependencies = "\n".join(
        dependency(name, workspace["workspace"]["dependencies"][name], locked)
        for name in ("lambda_runtime", "serde_json", "tokio")
    )
    profile = "\n".join(f"{key} = {json.dumps(value)}" for key, value in workspace["profile"]["release"].items())
    crate = ROOT / "target" / "measure"
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "src" / "main.rs").write_text(BASELINE_SOURCE)
    (crate / "Cargo.toml").write_text(
        f'[package]\nname = "{BASELINE}"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n'
        f"[dependencies]\n{dependencies}\n\n[profile.release]\n{profile}\n"
    )
    shutil.copy(ROOT / "Cargo.lock", crate / "Cargo.lock")
    subprocess.run(["cargo", "build", "--release", "--quiet", "--target-dir", crate / "target"], cwd=crate, check=True)
    return crate / "target" / "release" / BASELINE


def dependency(name: str, declared: dict, locked: list[dict]) -> str:
    version = next(package["version"] for package in locked if package["name"] == name)
    default, features = json.dumps(declared.get("default-features", True)), json.dumps(declared.get("features", []))
    return f'{name} = {{ version = "={version}", default-features = {default}, features = {features} }}'


def table(by_name: dict[str, list[Run]], sizes: dict[str, tuple[int, int]], runs: int) -> str:
    """Markdown: medians, the 95th percentile in brackets, and the ratio to the smallest function."""

    def milliseconds(name: str, field: str) -> str:
        values = [getattr(run, field) * 1000 for run in by_name[name]]
        middle, ratio = statistics.median(values), statistics.median(ratios(name, field))
        return f"{middle:.1f} ({percentile(values, 0.95):.1f}) | {ratio:.1f}×"

    def ratios(name: str, field: str) -> list[float]:
        return [getattr(run, field) / getattr(base, field) for run, base in zip(by_name[name], by_name[BASELINE])]

    lines = [
        f"{runs} runs each; median (95th percentile) and the median of the ratios to `{BASELINE}` in the same round.",
        "",
        "| function | binary KiB | zip KiB | init ms | | CPU ms | | answer ms | | memory MiB | |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in by_name:
        binary, archive = sizes[name]
        memory = statistics.median(run.kilobytes for run in by_name[name]) / 1024
        figures = " | ".join(milliseconds(name, field) for field in ("init", "cpu", "answer"))
        more = statistics.median(ratios(name, "kilobytes"))
        lines.append(
            f"| {name} | {binary / 1024:.0f} | {archive / 1024:.0f} | {figures} | {memory:.1f} | {more:.1f}× |"
        )
    return "\n".join(lines)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


class AwsStub(Handler):
    """As much of AWS as a hook needs that is asked about a stranger's deployment."""

    def do_POST(self) -> None:
        self.body()
        operation = self.headers.get("X-Amz-Target", "SNS.Publish").rsplit(".", 1)[-1]
        self.answer(200, ANSWERS[operation].encode())


def environment(name: str, stub: Server) -> dict[str, str]:
    """The smallest function reads none of it."""
    if name not in FUNCTIONS:
        return {}
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:outcomes"
    variables = FUNCTIONS[name].environment(ROOT / "config" / "pipelines.toml", topic)
    return variables | {"AWS_ENDPOINT_URL": f"http://{stub.address}"}


STRANGER = {
    "deploymentId": "d-8X2K4PLQ3",
    "applicationName": "AppECS-prod-reports",
    "deploymentGroupName": "DgpECS-prod-reports",
    "status": "InProgress",
    "creator": "user",
    "createTime": 1791970321.2,
}
ANSWERS = {
    "GetDeployment": json.dumps({"deploymentInfo": STRANGER}),
    "PutLifecycleEventHookExecutionStatus": json.dumps({"lifecycleEventHookExecutionId": "eyJ"}),
    "Publish": '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>'
    "94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult></PublishResponse>",
    "PutEvents": json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "94f20ce6-13c5-43a0-9a9e-ca52d816e90b"}]}),
}


if __name__ == "__main__":
    sys.exit(main())
