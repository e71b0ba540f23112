#!/usr/bin/env python3
"""Checks what `.ci/release` makes, as those use it who have no Rust toolchain.

    cargo build --workspace
    python3 -m venv target/venv && target/venv/bin/pip install 'moto[server]' awscli
    target/venv/bin/python tests/outside/release_files.py target/debug [--sam target/sam/bin/sam]

The checksums hold; `aws cloudformation package` uploads the functions to moto's S3, each an executable `bootstrap`; the
rehearsal plays from an empty folder, and so does the shell of `examples/ci/rehearse-pull-request.yml`. One line a claim,
`ok` or `FAILED`; the exit status is 0 when every claim holds.
"""

import argparse
import hashlib
import io
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

import boto3
import yaml
from moto.server import ThreadedMotoServer

from ci_systems import Unknown, only
from claims import Claims
from cloudformation import read

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / "examples" / "ci" / "rehearse-pull-request.yml"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
MACHINES = {"arm64": 183, "x86_64": 62}
"""EM_AARCH64 and EM_X86_64."""
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())
PROGRAMS = [*FUNCTIONS, "rehearsal", "sample-service", "greenlight"]


def command(*arguments: str | Path, at: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs it with an empty environment but for these variables."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(at)} | variables
    # Rust's own, where rustup keeps its toolchains by them.
    environment |= {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
    return subprocess.run(
        arguments, cwd=at, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )


def made(claims: Claims, binaries: Path, output: Path) -> bool:
    options = ("--architecture", ARCHITECTURE, "--built", binaries, "--output", output)
    home = {"HOME": str(Path.home())}
    done = command(ROOT / ".ci" / "release", *options, **home)
    # Cargo says so when it waits for another one.
    claims.holds(f"`.ci/release` of {binaries.name} binaries ends well", done.returncode == 0, done.stderr)
    return done.returncode == 0


def equal_binaries_make_equal_files(claims: Claims, folder: Path) -> None:
    claims.about("`.ci/release`: equal binaries make equal files")
    small = folder / "small"
    small.mkdir()
    for name in PROGRAMS:
        (small / name).write_bytes(beginning(ARCHITECTURE) + name.encode())
    sums = []
    for one in ("once", "again"):
        if made(claims, small, folder / one):
            sums.append((folder / one / "SHA256SUMS").read_text())
    claims.equal("the same checksums", sums[:1], sums[1:])
    (small / "start-deployment").write_bytes(beginning(ARCHITECTURE) + b"another")
    if made(claims, small, folder / "other"):
        changed = set((folder / "other" / "SHA256SUMS").read_text().splitlines()) - set(sums[0].splitlines())
        claims.equal("others of another binary", len(changed), 2)
    foreign = shutil.copytree(small, folder / "foreign")
    (foreign / "report-outcome").write_bytes(beginning(next(one for one in MACHINES if one != ARCHITECTURE)))
    (small / "start-deployment").unlink()
    for claim, options, hint in [
        ("a missing binary", ("--architecture", ARCHITECTURE, "--built", small), "start-deployment` is not there"),
        ("another processor", ("--architecture", ARCHITECTURE, "--built", foreign), "report-outcome` is not a program for"),
        ("a tag of another version", ("--tag", "v9.9.9"), "the tag is `v9.9.9`, expected `v"),
        ("binaries of both processors", ("--built", small), "add `--architecture`"),
    ]:
        done = command(ROOT / ".ci" / "release", *options, "--output", folder / "refused", HOME=str(Path.home()))
        claims.contains(f"{claim}: refused", f"{done.returncode} {done.stderr}", "1 error: ", hint)


def beginning(architecture: str) -> bytes:
    """Of an ELF file."""
    return b"\x7fELF".ljust(18, b"\0") + MACHINES[architecture].to_bytes(2, "little")


def bill_is_whole(claims: Claims, output: Path) -> None:
    claims.about("`greenlight.cdx.json`")
    bill = json.loads((output / "greenlight.cdx.json").read_text())
    components = {one["bom-ref"]: one for one in bill["components"]}
    names = {one["name"] for one in components.values()}
    claims.holds("it has the functions", set(FUNCTIONS) <= names, str(set(FUNCTIONS) - names))
    claims.holds("and what they are linked from", {"tokio", "rustls", "aws-sdk-ecs"} <= names, str(names))
    others = names & {"insta", "proptest", "rusqlite", "local-aws"}
    claims.equal("nothing that only tests or the rehearsal use", others, set())
    dangling = {to for one in bill["dependencies"] for to in [one["ref"], *one["dependsOn"]]} - set(components)
    claims.equal("every dependency is a component", dangling, {"greenlight"})
    unknown = [one["name"] for one in components.values() if one["type"] == "library" and "hashes" not in one]
    claims.equal("every crate of others has its checksum", unknown, [])


def stack_is_packaged(claims: Claims, output: Path, binaries: Path, folder: Path, sam: Path | None) -> None:
    claims.about("`aws cloudformation package`")
    [archive] = output.glob(f"greenlight-*-{ARCHITECTURE}.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    unpacked = folder / archive.stem
    template = unpacked / "template.yaml"
    parameter = read(template.read_text())["Parameters"]["Architecture"]
    told = (parameter["Default"], parameter["AllowedValues"])
    claims.equal("the processor is that of the binaries", told, (ARCHITECTURE, [ARCHITECTURE]))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        account = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "eu-central-1"}
        account |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        s3 = boto3.client("s3", endpoint_url=account["AWS_ENDPOINT_URL"], region_name="eu-central-1",
                          aws_access_key_id="testing", aws_secret_access_key="testing")  # fmt: skip
        s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        aws = Path(sys.executable).with_name("aws")
        options = ("--s3-bucket", "files", "--s3-prefix", "greenlight", "--output-template-file", "packaged.yaml")
        package = ("cloudformation", "package", "--template-file", template.name, *options)
        done = command(aws, *package, at=unpacked, **account)
        claims.holds("ends well", done.returncode == 0, done.stderr)
        if done.returncode:
            return
        packaged = read((unpacked / "packaged.yaml").read_text())
        for name, one in packaged["Resources"].items():
            uri = one["Properties"].get("CodeUri") or one["Properties"].get("ContentUri")
            if one["Type"].startswith("AWS::Serverless::") and uri:
                bucket, _, key = uri.removeprefix("s3://").partition("/")
                content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                claims.equal(f"{name} is uploaded", uploaded(content), expected(packaged, name, binaries))
        functions = [one for one in packaged["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
        claims.equal("all functions are", len(functions), len(FUNCTIONS))
        claims.holds("none is built by SAM", all("Metadata" not in one for one in functions), "one has Metadata")
    finally:
        server.stop()
    if sam:
        variables = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
        linted = command(sam, "validate", "--lint", "--template-file", unpacked / "packaged.yaml", **variables)
        claims.equal("`sam validate --lint` takes the result", linted.returncode, 0)


def uploaded(content: bytes) -> dict[str, tuple[str, str]]:
    """The files of an archive: what they may, and their checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {
            entry.filename: (oct(entry.external_attr >> 16 & 0o111), checksum(opened.read(entry)))
            for entry in opened.infolist()
        }


def expected(packaged: dict, name: str, binaries: Path) -> dict[str, tuple[str, str]]:
    if packaged["Resources"][name]["Type"] == "AWS::Serverless::LayerVersion":
        return {"pipelines.toml": ("0o0", checksum((ROOT / "config" / "pipelines.toml").read_bytes()))}
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return {"bootstrap": ("0o111", checksum((binaries / words.removeprefix("-")).read_bytes()))}


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def rehearsal_plays(claims: Claims, output: Path, folder: Path) -> None:
    claims.about("the released rehearsal, in an empty folder")
    [archive] = output.glob("greenlight-*-rehearsal-*.tar.gz")
    command("tar", "--extract", "--gzip", "--file", archive, at=folder)
    rehearse = folder / archive.name.removesuffix(".tar.gz") / "rehearse"
    (folder / "config").mkdir()
    pipelines = folder / "config" / "pipelines.toml"
    shutil.copy(ROOT / "config" / "pipelines.toml", pipelines)
    listed = command(rehearse, "--list", at=folder)
    scenarios = (ROOT / "rehearsal" / "catalogue" / "order.txt").read_text().split()
    missing = [one for one in scenarios if f"\n{one} " not in f"\n{listed.stdout}"]
    claims.equal("it lists the scenarios", (listed.returncode, listed.stderr, missing), (0, "", []))
    played = command(rehearse, "registry-of-another-account", "--dwell", "20", at=folder)
    claims.equal("it plays one that reads more files", (played.returncode, played.stderr), (0, ""))
    saved = command(rehearse, "ship", "--json", "--dwell", "20", at=folder)
    (folder / "ship.json").write_text(saved.stdout)
    judged = command(rehearse, "check", "ship.json", at=folder)
    claims.equal("it judges a record", (judged.returncode, judged.stderr), (0, ""))
    page = command(rehearse, "report", "ship.json", "--output", "ship.html", at=folder)
    claims.equal("it makes its page", (page.returncode, page.stderr), (0, ""))
    printed = command(rehearse.with_name("bin") / "greenlight", "policy", at=folder)
    claims.contains("the command beside it prints parameters", f"{printed.returncode} {printed.stdout}", "0 ", "Repositories=")
    claims.about("`examples/ci/rehearse-pull-request.yml`")
    sums = checksum(archive.read_bytes())
    claims.equal("pipelines that are well", pull_request(folder, archive, sums), [True] * 3)
    pipelines.write_text(pipelines.read_text().replace('tag = "latest"', 'tag = "semver:nothing"'))
    claims.equal("pipelines with a mistake", pull_request(folder, archive, sums), [True, False])
    claims.equal("a file of another checksum", pull_request(folder, archive, "0" * 64), [False])


def pull_request(folder: Path, archive: Path, sums: str) -> list[bool]:
    """The steps of its only job, up to the first that fails."""
    workflow = yaml.load(WORKFLOW.read_text(), yaml.BaseLoader)
    only(workflow, "name", "on", "permissions", "concurrency", "jobs", at="workflow")
    [job] = workflow["jobs"].values()
    only(job, "name", "runs-on", "timeout-minutes", "permissions", "env", "steps", at="job")
    programs = Path(tempfile.mkdtemp(dir=folder))
    version = archive.name.split("-")[1]
    address = f"{job['env']['RELEASES']}/v{version}/{archive.name}"
    curl = programs / "curl"
    # `curl` that has this one file; its last argument is the address, the one before the options' last the place.
    curl.write_text(f'#!/bin/sh\n[ "$7" = "{address}" ] && [ "$5" = --output ] && cp "{archive}" "$6"\n')
    curl.chmod(0o755)
    variables = job["env"] | {"SHA256": sums, "RUNNER_TEMP": str(programs), "PATH": f"{programs}:/usr/bin:/bin"}
    ended = []
    for step in job["steps"]:
        only(step, "name", "uses", "with", "run", at="step")
        if "run" in step:
            if "${{" in step["run"]:
                raise Unknown("an expression in a script")
            ended.append(command("bash", "-ec", step["run"], at=folder, **variables).returncode == 0)
            if not ended[-1]:
                break
    return ended


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binaries", type=Path, help="the folder with the functions, the rehearsal, the sample service")
    parser.add_argument("--sam", type=Path, help="the SAM CLI, to lint the packaged template with")
    given = parser.parse_args()
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="greenlight-release-") as name:
        folder = Path(name)
        equal_binaries_make_equal_files(claims, folder)
        claims.about("the files of a release")
        # Debug information makes them ten times as large.
        stripped, output = folder / "stripped", folder / "output"
        stripped.mkdir()
        for program in PROGRAMS:
            subprocess.run(["strip", "-o", stripped / program, given.binaries / program], check=True)
        if made(claims, stripped, output):
            sums = command("sha256sum", "--check", "--strict", "SHA256SUMS", at=output)
            claims.equal("their checksums hold", sums.returncode, 0)
            others = {path.name for path in output.iterdir()} - {line.split(":")[0] for line in sums.stdout.splitlines()}
            claims.equal("each has one", others, {"SHA256SUMS"})
            bill_is_whole(claims, output)
            stack_is_packaged(claims, output, stripped, folder, given.sam)
            rehearsal_plays(claims, output, folder)
    print(f"\n{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
