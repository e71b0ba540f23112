#!/usr/bin/env python3
"""Checks what the local AWS answered, and what the functions sent, against AWS's own models.

    cargo rehearse ship --wire ship.jsonl
    python3 -m venv target/venv && target/venv/bin/pip install botocore
    target/venv/bin/python tests/outside/check_wire.py ship.jsonl [FILE ...]

botocore, which the AWS CLI and boto3 are made of, carries the models that AWS publishes. Every answer is parsed by
botocore's own parser and compared with the operation's output shape; every error must be one that the operation
declares, or one that every service may give (`common_errors.py`), with its HTTP status; every request of a function must be
valid for the input shape, and be what botocore would have sent.

A table is printed: operation, calls, errors among the answers, problems. The exit status is 0 with no problem at all.
"""

import argparse
import collections
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True  # Nothing of a run stays in this folder.

import botocore

from model_calls import Call, answer_problems, known, read, request_problems


@dataclass
class Row:
    """What became of the calls of one operation."""

    calls: int = 0
    by_functions: int = 0
    errors: int = 0
    problems: collections.Counter = field(default_factory=collections.Counter)


def judge(call: Call, planted: frozenset[str] = frozenset()) -> tuple[str, list[str]]:
    """The operation of a call, and everything that is wrong with the call."""
    operation = known(call)
    if operation is None:
        # Somebody may ask for what is not there. The answer must be a refusal then.
        problems = [] if call.caller is None and call.status >= 400 else ["the models have no such operation"]
        return f"{call.method} {call.path}", problems
    problems = answer_problems(call, operation, planted)
    if call.caller is not None:
        problems += request_problems(call, operation, planted)
    return str(operation), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what `cargo rehearse --wire FILE` wrote")
    parser.add_argument(
        "--planted",
        action="append",
        default=[],
        metavar="NAME",
        help="a member that a scenario adds to a task definition on purpose, though no model has it",
    )
    arguments = parser.parse_args()
    rows: dict[str, Row] = collections.defaultdict(Row)
    for path in arguments.files:
        for call in read(path):
            operation, problems = judge(call, frozenset(arguments.planted))
            row = rows[operation]
            row.calls += 1
            row.by_functions += call.caller is not None
            row.errors += call.status >= 300
            row.problems.update(problems)
    return report(rows, len(arguments.files))


def report(rows: dict[str, Row], files: int) -> int:
    width = max((len(operation) for operation in rows), default=20)
    print(f"botocore {botocore.__version__}, {files} recordings\n")
    print(f"{'operation':<{width}}  {'calls':>6}  {'functions':>9}  {'errors':>6}  {'problems':>8}")
    for operation, row in sorted(rows.items()):
        figures = f"{row.calls:>6}  {row.by_functions:>9}  {row.errors:>6}  {row.problems.total():>8}"
        print(f"{operation:<{width}}  {figures}")
    calls = sum(row.calls for row in rows.values())
    problems = sum(row.problems.total() for row in rows.values())
    print(f"\n{len(rows)} operations, {calls} calls, {problems} problems")
    for operation, row in sorted(rows.items()):
        for problem, times in row.problems.most_common():
            print(f"  {operation}, {times} times: {problem}")
    if not calls:
        print("nothing was recorded: nothing is shown")
    return 1 if problems or not calls else 0


if __name__ == "__main__":
    sys.exit(main())
