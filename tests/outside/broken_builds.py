"""Do the invariants catch what they are for? `broken_builds.py target/debug/rehearsal [--target FOLDER] [--only N]`, or
`broken_builds.py --check`, which only looks for each guard where it is said to stand.

For each of the eight invariants guards are taken out of a copy of the functions, one at a time, and the copy is built. With it
the scenario is played that is made for the guard's fault, or, where there is none, storms, seed after seed, until that
invariant is violated; the same must hold with the whole build (`--whole`). A guard that nothing misses is reported, and the
program fails. `--target` keeps what was compiled, `--guard` takes the guards that a text names.

Each invariant has a guard of each engine: `native` and `rolling` are ECS's own. A rolling update has no hook, so that none is
left without an answer.
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

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

from deployed import FUNCTIONS

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = (*FUNCTIONS, "sample-service")
# Seeds that are played at a time, because storms mostly wait, and until a guard counts as missed by nobody.
CHUNK = 40
SEEDS_AT_MOST = 240


@dataclass(frozen=True)
class Guard:
    """What keeps an invariant, and the edit that takes it away."""

    invariant: int
    removed: str
    file: str
    old: str
    new: str
    # The scenario that is made for this fault; storms find the others.
    scenario: str | None = None


GUARDS = (
    Guard(
        1,
        "the hourly reconciliation",
        "shared/rules/src/reconcile.rs",
        "        StartEvent::Routine => {\n            Concerned::Reconciliations(config.pipelines.iter().map(routine).collect())\n        }",
        '        StartEvent::Routine => Concerned::None("no reconciliation".to_owned()),',
    ),
    Guard(
        2,
        "an image that failed is not tried again by itself",
        "shared/rules/src/start.rs",
        "Some(Skip::FailedBefore(last.deployment.clone()))",
        "None",
    ),
    Guard(
        3,
        "an image that is older than what runs is refused",
        "shared/rules/src/start.rs",
        "    if !pipeline.tag.is_ordered() {",
        "    if !pipeline.tag.is_ordered() || pipeline.tag.is_ordered() {",
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
        "the migration's exit code is judged",
        "shared/rules/src/migration.rs",
        "match migrating.and_then(TaskContainer::ended_with) {",
        "match migrating.map(|_| 0) {",
    ),
    Guard(
        6,
        "what the test listener answers is judged",
        "shared/traffic/src/check.rs",
        "return Ok(failed(check_failed));",
        'tracing::warn!(error = %check_failed, "not looked at");',
    ),
    Guard(
        7,
        "a rollback is reported as one",
        "shared/rules/src/codedeploy/report.rs",
        "(DeploymentState::Success, Creator::Rollback) => rolled_back(pipeline, observed)?,",
        "(DeploymentState::Success, Creator::Rollback) => shipped(pipeline, observed)?,",
    ),
    Guard(
        8,
        "migration: the task that took the token is compared",
        "shared/rules/src/migration/evidence.rs",
        "    let mut found = Vec::new();\n    let mut compare",
        "    let mut found = Vec::new();\n    if !task.cluster.is_empty() { return found; }\n    let mut compare",
        "token-taken",
    ),
    Guard(
        8,
        "migration: a 0 that may be a signal's is no success",
        "shared/rules/src/migration.rs",
        "Some(0) => match ended_before(task, container, essential) {",
        "Some(0) => match ended_before(task, container, essential).filter(|_| false) {",
        "sidecar-ends-first",
    ),
    Guard(
        8,
        "migration: its container gets the pushed image",
        "shared/rules/src/migration/fitness.rs",
        "migration.image == MigrationImage::Own || gets_it(place);",
        "migration.image == MigrationImage::Own || gets_it(place) || true;",
        "wrong-migration-container",
    ),
    Guard(
        8,
        "migration: its entry point runs the command",
        "shared/rules/src/migration/fitness.rs",
        "    shell::examine(&words, entry_point.len())",
        "    shell::examine(&words, entry_point.len()).filter(|_| false)",
        "shell-entry-point",
    ),
    Guard(
        8,
        "test traffic: nothing is asked before the listener has settled",
        "shared/traffic/src/check.rs",
        "        while !settling.is_over() {",
        "        while !settling.is_over() && self.green.as_str().is_empty() {",
        "blue-answers-for-green",
    ),
    Guard(
        8,
        "test traffic: the settling time is waited for",
        "shared/rules/src/test_traffic.rs",
        "Some((since, now)) => now - since >= settle,",
        "Some((since, now)) => now - since <= settle || now >= since,",
        "blue-answers-for-green",
    ),
    Guard(
        8,
        "production traffic: green is asked",
        "shared/traffic/src/codedeploy.rs",
        "        check.ask().await",
        '        check.ask().await.map(|_| Verdict::Succeeded("not looked at".to_owned()))',
        "production-gate-fails",
    ),
    Guard(
        8,
        "test traffic: the rule that a request meets leads to green",
        "shared/traffic/src/requests.rs",
        "            listener_rule::leads_to_green(rules, asked, green, self.through)?;",
        "            listener_rule::leads_to_green(rules, asked, green, self.through).ok();",
        "rule-leads-to-blue",
    ),
    Guard(
        8,
        "test traffic: a rule's target groups are compared",
        "shared/rules/src/listener_rule.rs",
        "serving.iter().all(|(group, _)| group == green)",
        "serving.iter().all(|(group, _)| group == green || group != green)",
        "rule-leads-to-blue",
    ),
    Guard(
        1,
        "native: a deployment that has gone back is over",
        "shared/aws/src/observe/on_ecs.rs",
        "deployments.iter().find(|one| !one.status.has_ended());",
        "deployments.iter().find(|one| !one.status.has_ended() || strategy.is_some() && one.status == Status::RollbackSuccessful);",
        "native-replaced",
    ),
    Guard(
        1,
        "rolling: a deployment that has gone back is over",
        "shared/aws/src/observe/on_ecs.rs",
        "deployments.iter().find(|one| !one.status.has_ended());",
        "deployments.iter().find(|one| !one.status.has_ended() || strategy.is_none() && one.status == Status::RollbackSuccessful);",
        "rolling-ships-after-a-rollback",
    ),
    Guard(
        2,
        "native: an image whose deployment failed is not tried again by itself",
        "shared/aws/src/observe/deployments.rs",
        "attempts.extend(of_ecs);",
        "if on_ecs.strategy.is_none() { attempts.extend(of_ecs); }",
        "native-not-tried-again",
    ),
    Guard(
        2,
        "rolling: an image whose deployment failed is not tried again by itself",
        "shared/aws/src/observe/deployments.rs",
        "attempts.extend(of_ecs);",
        "if on_ecs.strategy.is_some() { attempts.extend(of_ecs); }",
        "rolling-not-tried-again",
    ),
    Guard(
        3,
        "native: what runs is compared",
        "shared/aws/src/observe/production.rs",
        "        compared.extend(running);",
        "        if !matches!(observation.deploys.engine(), rules::engine::Engine::Native(_)) { compared.extend(running); }",
        "native-never-downgrades",
    ),
    Guard(
        3,
        "rolling: what runs is compared",
        "shared/aws/src/observe/production.rs",
        "        compared.extend(running);",
        "        if observation.deploys.engine() != rules::engine::Engine::Rolling { compared.extend(running); }",
        "rolling-never-downgrades",
    ),
    Guard(
        4,
        "native: a verdict ends the calls of a hook",
        "shared/rules/src/native/answer.rs",
        'json!({"hookStatus": "SUCCEEDED"})',
        'json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 1800})',
        "native-long-migration",
    ),
    Guard(
        5,
        "native: the migration's exit code is judged",
        "functions/run-migration/src/handler/native.rs",
        "let verdict = reader.decide(&task, judge).await;",
        'let _ = reader.decide(&task, judge).await;\n                let verdict = Verdict::Succeeded("not looked at".to_owned());',
        "native-failed-migration",
    ),
    Guard(
        5,
        "rolling: a migration that failed is reported",
        "functions/finish-migration/src/handler/rolling.rs",
        "Outcome::migration_failed(pipeline, &subject, reason, log)\n        }",
        'tracing::warn!(reason, ?log, "not reported");\n            return None;\n        }',
        "rolling-failed-migration",
    ),
    Guard(
        6,
        "native: what the test listener answers is judged",
        "shared/traffic/src/native.rs",
        "        check.ask().await",
        '        check.ask().await.map(|_| Verdict::Succeeded("not looked at".to_owned()))',
        "native-failed-test-traffic",
    ),
    Guard(
        6,
        "rolling: the migration runs before the update",
        "functions/start-deployment/src/act_on_ecs.rs",
        "migrations.filter(|_| next.migration.is_some());",
        "migrations.filter(|_| next.migration.is_some() && next.migration.is_none());",
        "rolling-migration",
    ),
    Guard(
        7,
        "native: a rollback is reported as one",
        "shared/rules/src/ecs/report/decide.rs",
        "What::Ended(End::RolledBack) => rolled_back(pipeline, observed, &subject),",
        "What::Ended(End::RolledBack) => Ok(Outcome::shipped(pipeline, &subject, TaskCount::of(&observed.service), ending(observed))),",
        "native-failed-migration",
    ),
    Guard(
        7,
        "rolling: a deployment that a newer one stopped is reported as stopped",
        "shared/rules/src/ecs/report/decide.rs",
        "What::Ended(End::Stopped) => stopped(pipeline, observed, &subject),",
        "What::Ended(End::Stopped) => shipped(pipeline, observed, &subject),",
        "rolling-superseded",
    ),
    Guard(
        8,
        "native: test traffic: green is asked",
        "shared/traffic/src/native.rs",
        "        check.ask().await",
        '        check.ask().await.map(|_| Verdict::Succeeded("not looked at".to_owned()))',
        "native-failed-test-traffic",
    ),
    Guard(
        8,
        "native: production traffic: green is asked",
        "shared/traffic/src/native.rs",
        "        check.ask().await",
        '        check.ask().await.map(|_| Verdict::Succeeded("not looked at".to_owned()))',
        "native-production-gate-fails",
    ),
    Guard(
        8,
        "rolling: only a migration that succeeded is marked so",
        "shared/rules/src/rolling/finish.rs",
        "Some(Verdict::Succeeded(_)) => Ended::Succeeded,",
        "Some(Verdict::Succeeded(_)) => Ended::Succeeded,\n            Some(Verdict::Failed { .. }) if now >= started_at => Ended::Succeeded,",
        "rolling-failed-migration",
    ),
    Guard(
        8,
        "rolling: production is asked",
        "shared/traffic/src/rolling.rs",
        "        handler\n            .check_entries(known, traffic, &requests, &entries, ran)\n            .await",
        '        let _ = (&requests, &entries, ran);\n        Ok(Verdict::Succeeded("not looked at".to_owned()))',
        "rolling-production-gate-fails",
    ),
)


@dataclass(frozen=True)
class Caught:
    """The scenario, or the first storm, in which the invariant did not hold."""

    by: str
    found: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path, nargs="?", default=ROOT / "target" / "debug" / "rehearsal")
    parser.add_argument("--check", action="store_true", help="build and play nothing")
    parser.add_argument("--target", type=Path, help="target folder for the broken builds")
    parser.add_argument("--whole", type=Path, help="folder of the whole build's binaries [default: beside the rehearsal]")
    parser.add_argument("--only", type=int, action="append", help="number of an invariant")
    parser.add_argument("--guard", action="append", help="part of what a guard says of itself")
    arguments = parser.parse_args()
    guards = [guard for guard in GUARDS if not arguments.only or guard.invariant in arguments.only]
    named = arguments.guard or [""]
    guards = [guard for guard in guards if any(part in guard.removed for part in named)]
    moved = [complaint for guard in guards if (complaint := out_of_place(guard))]
    if moved or arguments.check:
        print("\n".join(moved) or f"each of {len(guards)} guards stands where it is taken from")
        return 1 if moved else 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="greenlight-broken-") as temporary:
        folder = Path(temporary)
        target = (arguments.target or folder / "target").resolve()
        copy(folder / "copy")
        for guard in guards:
            binaries = broken(guard, folder, target)
            whole = (arguments.whole or arguments.rehearsal.parent).resolve()
            find = played if guard.scenario else stormed
            rows.append((guard, find(guard, arguments.rehearsal.resolve(), binaries, whole)))
            print(row(*rows[-1]), flush=True)
    print("\n| invariant | guard removed | caught by | found |\n|---|---|---|---|")
    for guard, caught in rows:
        print(row(guard, caught))
    return 0 if all(caught for _, caught in rows) else 1


def out_of_place(guard: Guard) -> str | None:
    file = ROOT / guard.file
    times = file.read_text().count(guard.old) if file.is_file() else 0
    if times == 1:
        return None
    return (
        f"{guard.file} holds the guard \"{guard.removed}\" {times} times, expected once (hint: it has changed or moved, "
        f"correct it in tests/outside/broken_builds.py): {guard.old}"
    )


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
    file.write_text(whole.replace(guard.old, guard.new))
    packages = [argument for name in PROGRAMS for argument in ("-p", name)]
    try:
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        subprocess.run(["cargo", "build", "--quiet", "--locked", *packages], cwd=folder / "copy", check=True, env=environment)
    finally:
        file.write_text(whole)
    binaries = folder / f"broken-{GUARDS.index(guard)}"
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
                return Caught(f"storm {seed}", found)
    return None


def played(guard: Guard, rehearsal: Path, binaries: Path, whole: Path) -> Caught | None:
    """Plays the guard's scenario, which must violate the invariant with the broken build, and not with the whole one."""
    found = violated(scenario(rehearsal, binaries, guard.scenario), guard)
    if not found or violated(scenario(rehearsal, whole, guard.scenario), guard):
        return None
    return Caught(f"`{guard.scenario}`", found)


def scenario(rehearsal: Path, binaries: Path, name: str) -> dict:
    command = [rehearsal, "--binaries", binaries, "--root", ROOT, "--json", name]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"the scenario `{name}` could not be played: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def storms(rehearsal: Path, binaries: Path, first: int, after: int) -> list[dict]:
    seeds = f"{first}..{after}"
    command = [rehearsal, "--binaries", binaries, "--root", ROOT, "storm", "--json", "--jobs", str(CHUNK), "--seeds", seeds]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"the storms {seeds} could not be played: {done.stderr[-2000:]}")
    return json.loads(done.stdout)["storms"]


def violated(played: dict, guard: Guard) -> str | None:
    """What was found of the guard's invariant."""
    found = (one["found"] for one in played["violations"] if one["invariant"] == guard.invariant)
    return next(found, None)


def row(guard: Guard, caught: Caught | None) -> str:
    what = f"| {guard.invariant} | {guard.removed} |"
    if caught is None:
        tried = f"`{guard.scenario}`" if guard.scenario else f"{SEEDS_AT_MOST} storms"
        return f"{what} none of {tried} | nothing |"
    return f"{what} {caught.by} | {caught.found[:200]} |"


if __name__ == "__main__":
    sys.exit(main())
