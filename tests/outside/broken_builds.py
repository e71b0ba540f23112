"""Do storms catch what they are for? `broken_builds.py target/debug/rehearsal [--target FOLDER] [--only N]`.

For each of the seven invariants one guard is taken out of a copy of the functions, the copy is built, and storms are played
with it, seed after seed, until that invariant is violated; the same seed must hold with the whole build (`--whole`). A guard
that nothing misses is reported, and the program fails. `--target` keeps what was compiled.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("start-deployment", "run-migration", "finish-migration", "check-test-traffic", "report-outcome")
PROGRAMS = (*FUNCTIONS, "sample-service")
# Seeds that are played at a time, and until a guard counts as missed by nobody.
CHUNK = 12
SEEDS_AT_MOST = 240


@dataclass(frozen=True)
class Guard:
    """What keeps an invariant, and the edit that takes it away."""

    invariant: int
    removed: str
    file: str
    old: str
    new: str


GUARDS = (
    Guard(
        1,
        "the hourly look",
        "shared/rules/src/look.rs",
        "StartEvent::Look => Concerned::Looks(config.pipelines.iter().map(routine).collect()),",
        'StartEvent::Look => Concerned::Nobody("no look".to_owned()),',
    ),
    Guard(
        2,
        "an image that failed is not tried again by itself",
        "shared/rules/src/start.rs",
        "Some(Skip::FailedBefore(last.id.clone()))",
        "None",
    ),
    Guard(
        3,
        "an image that is older than what runs is refused",
        "shared/rules/src/start.rs",
        "AskedBy::Event | AskedBy::Person if newer =>",
        "AskedBy::Event | AskedBy::Person if newer && image.digest.as_str().is_empty() =>",
    ),
    Guard(
        4,
        "a hook is answered also when its check failed",
        "shared/lambda/src/hook.rs",
        "Some(self.put(HookAnswer::Failed).await?)",
        "None",
    ),
    Guard(
        5,
        "the migration's exit code is looked at",
        "shared/rules/src/migration.rs",
        "match migrating.and_then(|container| container.exit_code) {",
        "match migrating.map(|_| 0) {",
    ),
    Guard(
        6,
        "what the test listener answers is looked at",
        "functions/check-test-traffic/src/handler.rs",
        "return Ok(failed(unwell.to_string()));",
        'tracing::warn!(error = %unwell, "not looked at");',
    ),
    Guard(
        7,
        "a rollback is told as one",
        "functions/report-outcome/src/handler.rs",
        "Ok(self.rolled_back(pipeline, deployment).await?)",
        "Ok(self.shipped(pipeline, deployment).await?)",
    ),
)


@dataclass(frozen=True)
class Caught:
    """The first storm in which the invariant did not hold."""

    seed: int
    played: int
    found: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path)
    parser.add_argument("--target", type=Path, help="target folder for the broken builds")
    parser.add_argument("--whole", type=Path, help="folder of the whole build's binaries [default: beside the rehearsal]")
    parser.add_argument("--only", type=int, action="append", help="number of an invariant")
    arguments = parser.parse_args()
    guards = [guard for guard in GUARDS if not arguments.only or guard.invariant in arguments.only]
    rows = []
    with tempfile.TemporaryDirectory(prefix="greenlight-broken-") as temporary:
        folder = Path(temporary)
        target = (arguments.target or folder / "target").resolve()
        copy(folder / "copy")
        for guard in guards:
            binaries = broken(guard, folder, target)
            whole = (arguments.whole or arguments.rehearsal.parent).resolve()
            rows.append((guard, stormed(guard, arguments.rehearsal.resolve(), binaries, whole)))
            print(row(*rows[-1]), flush=True)
    print("\n| invariant | guard removed | caught by seed | after storms | found |\n|---|---|---|---|---|")
    for guard, caught in rows:
        print(row(guard, caught))
    return 0 if all(caught for _, caught in rows) else 1


def copy(to: Path) -> None:
    """What git knows, and what is new in the folder: no target, no ignored file."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        place = to / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place)


def broken(guard: Guard, folder: Path, target: Path) -> Path:
    """Builds the functions without the guard, and gives the folder of their binaries."""
    file = folder / "copy" / guard.file
    whole = file.read_text()
    if whole.count(guard.old) != 1:
        sys.exit(f"`{guard.file}` holds this {whole.count(guard.old)} times, expected once (hint: the guard of "
                 f"invariant {guard.invariant} has changed, correct it here): {guard.old}")  # fmt: skip
    file.write_text(whole.replace(guard.old, guard.new))
    packages = [argument for name in PROGRAMS for argument in ("-p", name)]
    try:
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        subprocess.run(["cargo", "build", "--quiet", "--locked", *packages], cwd=folder / "copy", check=True, env=environment)
    finally:
        file.write_text(whole)
    binaries = folder / f"broken-{guard.invariant}"
    binaries.mkdir()
    for name in PROGRAMS:
        shutil.copy2(target / "debug" / name, binaries / name)
    return binaries


def stormed(guard: Guard, rehearsal: Path, binaries: Path, whole: Path) -> Caught | None:
    """Plays storms until one catches the broken build by the guard's invariant, and not the whole one."""
    for first in range(1, 1 + SEEDS_AT_MOST, CHUNK):
        for storm in storms(rehearsal, binaries, first, first + CHUNK):
            seed, found = storm["seed"], violated(storm, guard)
            if found and not any(violated(one, guard) for one in storms(rehearsal, whole, seed, seed + 1)):
                return Caught(seed, seed, found)
    return None


def storms(rehearsal: Path, binaries: Path, first: int, after: int) -> list[dict]:
    seeds = f"{first}..{after}"
    command = [rehearsal, "--binaries", binaries, "--root", ROOT, "storm", "--json", "--seeds", seeds]
    played = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if not played.stdout:
        sys.exit(f"the storms {seeds} could not be played: {played.stderr[-2000:]}")
    return json.loads(played.stdout)["storms"]


def violated(storm: dict, guard: Guard) -> str | None:
    """What was found of the guard's invariant."""
    found = (one["found"] for one in storm["violations"] if one["invariant"] == guard.invariant)
    return next(found, None)


def row(guard: Guard, caught: Caught | None) -> str:
    what = f"| {guard.invariant} | {guard.removed} |"
    if caught is None:
        return f"{what} none | {SEEDS_AT_MOST} | nothing |"
    return f"{what} {caught.seed} | {caught.played} | {caught.found[:160]} |"


if __name__ == "__main__":
    sys.exit(main())
