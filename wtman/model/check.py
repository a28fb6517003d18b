"""What a check is, and what it says of a tree."""

import json
import re
from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum
from posixpath import isabs, normpath
from typing import Any, Self

from wtman.model.values import dataclass

_PLACED = re.compile(r'in ("(?:[^"\\]|\\.)*"|[^\s"\':]+): (.*)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """A check: a command, and the folder it runs in, relative to the root; empty: the root.

    As one text, which is how plans, settings and journals have it, the folder stands in front:
    `in packages/app: ./test.sh`.
    """

    run: str
    folder: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """The check in a text; one that is not of that form is a command at the root."""
        found = _PLACED.fullmatch(text)
        if found is None:
            return cls(text)
        folder = found[1]
        try:
            folder = str(json.loads(folder)) if folder.startswith('"') else folder
        except ValueError:
            return cls(text)
        return cls(text) if folder_flaw(folder) else cls(found[2], normalized(folder))

    @property
    def text(self) -> str:
        """The one text; `of` reads it back."""
        if not self.folder:
            return self.run
        plain = re.fullmatch(r"[^\s\"':]+", self.folder)
        return f"in {self.folder if plain else json.dumps(self.folder)}: {self.run}"

    @property
    def plain(self) -> str | dict[str, str]:
        """As a file has it."""
        return {"run": self.run, "in": self.folder} if self.folder else self.run

    @property
    def by_hand(self) -> str:
        """As a shell at the root runs it."""
        if not self.folder:
            return self.run
        from shlex import quote

        several = any(mark in self.run for mark in ";|&\n")
        return f"cd {quote(self.folder)} && {f'({self.run})' if several else self.run}"


def normalized(folder: str) -> str:
    """A folder below the root as it is written: without `./` and the last slash."""
    path = normpath(folder) if folder else ""
    return "" if path == "." else path


def below(paths: Iterable[str], folder: str) -> list[str]:
    """Those of `paths` that are below the folder, as they are called there."""
    prefix = f"{folder}/" if folder else ""
    return [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]


def folder_flaw(folder: str) -> str:
    """What keeps it from being a folder of the repository; empty: nothing."""
    if not folder.strip() or "\0" in folder or "\n" in folder:
        return "is no name of a folder"
    if isabs(folder) or normpath(folder).split("/")[0] == "..":
        return "is not below the root of the repository"
    return "is git's own" if normpath(folder).split("/")[0] == ".git" else ""


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
    hint: str = ""  # what it went without, and where that comes from
    telling: str = ""  # of one that is red: the line of its output that says most of why


def check_plain(result: CheckResult) -> dict[str, Any]:
    """A result as JSON has it, with every key."""
    values = {item.name: getattr(result, item.name) for item in fields(result)}
    check = CheckCommand.of(result.command)
    values |= {"command": check.run, "in": check.folder}
    return {name: list(it) if isinstance(it, tuple) else it for name, it in values.items()}
