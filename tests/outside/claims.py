"""What a run claims, one line each."""

import json


class Claims:
    """What is claimed, and what became of it."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def about(self, subject: str) -> None:
        print(f"\n{subject}")

    def equal(self, claim: str, found: object, expected: object) -> None:
        self.holds(claim, found == expected, f"found {shown(found)}, expected {shown(expected)}")

    def contains(self, claim: str, text: object, *parts: str) -> None:
        missing = [part for part in parts if part not in str(text)]
        self.holds(claim, not missing, f"{shown(text)} does not say {shown(missing)}")

    def holds(self, claim: str, condition: bool, otherwise: str) -> None:
        self.passed, self.failed = self.passed + condition, self.failed + (not condition)
        print(f"  ok      {claim}" if condition else f"  FAILED  {claim}: {otherwise}")


def shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 600 else f"{text[:600]}…"
