"""What a check says of a tree."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    GREEN = "green"
    RED = "red"
    UNCHECKED = "unchecked"  # nothing can be said: no check, or red on the base too


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check on one tree, judged against the tree it is compared with.

    `collected` and `base_collected` are numbers of tests, None where the check
    has no test-level results. `log` is a path below the run's folder. `fixed_by`: of a
    train, the branches that alone pass what fails on the base and on the train.
    """

    command: str
    verdict: Verdict
    reason: str = ""
    exit: int | None = None
    new_failures: tuple[str, ...] = ()
    known_failures: int = 0
    collected: int | None = None
    base_collected: int | None = None
    newly_skipped: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    seconds: float = 0.0
    cached: bool = False
    log: str = ""
    flaky: tuple[str, ...] = ()  # what failed in one of two runs of this very tree
    fixed_by: tuple[str, ...] = ()
    commit: str = ""  # what it was run on, where that is not the very tree that is judged


def check_plain(result: CheckResult) -> dict[str, Any]:
    """A result as JSON has it, with every key."""
    values = {item.name: getattr(result, item.name) for item in fields(result)}
    return {name: list(it) if isinstance(it, tuple) else it for name, it in values.items()}
