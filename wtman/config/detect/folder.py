"""A project's folder as its tracked files show it, and the words for commands that run there."""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from shlex import quote
from typing import Any

from wtman.config.detect.model import Candidate
from wtman.model.check import CheckCommand, below
from wtman.model.values import dataclass

# What no project of the repository's own is in.
_APART = re.compile(
    r"(?:.*/)?(?:node_modules|vendor|third[_-]?party|external|examples?|samples?|fixtures?|testdata"
    r"|test[_-]data|templates?|docs?|website|benchmarks?|bench|fuzz|\.[^/]+|deps|subprojects"
    r"|demos?|playgrounds?|e2e)/.*",
    re.IGNORECASE,
)


def is_apart(path: str) -> bool:
    """Whether it is an example, somebody else's code or the like."""
    return _APART.match(path) is not None


class TrackedPaths:
    """The paths of files, each once, in the order in which they are told: to walk over very many
    in the order of their hashes takes ten times as long."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._all = dict.fromkeys(paths)

    @classmethod
    def of(cls, paths: "Iterable[str] | TrackedPaths") -> "TrackedPaths":
        """These paths, if they are not that already."""
        return paths if isinstance(paths, cls) else cls(paths)

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    @cached_property
    def _text(self) -> str:
        return "\n".join(self._all)

    def having(self, part: str) -> list[str]:
        """Those that have this in them, of one line: mostly none."""
        return [path for path in self._all if part in path] if part in self._text else []

    @cached_property
    def by_ending(self) -> Mapping[str, Sequence[str]]:
        """The files by what is behind the last dot of their path, "" where there is none: many
        questions are about files of one kind."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in self._all:
            _, dot, ending = path.rpartition(".")
            found[ending if dot else ""].append(path)
        return dict(found)


@dataclass(frozen=True)
class ProjectFolder:
    """The tracked `files` below `name` ("" is the root), by their paths from there, and the
    `texts` of some of them; `ci` are the commands that the repository's CI runs."""

    name: str
    files: TrackedPaths
    texts: Mapping[str, str]
    ci: tuple[str, ...] = ()
    ignores: frozenset[str] = field(default_factory=frozenset)

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def inner(self, name: str) -> "ProjectFolder":
        """A folder below this one."""
        prefix = f"{name}/"
        texts = {
            path.removeprefix(prefix): text
            for path, text in self.texts.items()
            if path.startswith(prefix)
        }
        whole = f"{self.name}/{name}" if self.name else name
        ignores = self.ignores | _ignored(texts.get(".gitignore", ""))
        return ProjectFolder(whole, TrackedPaths(below(self.files, name)), texts, self.ci, ignores)

    def ending(self, *endings: str) -> list[str]:
        """The files with one of these endings."""
        known = self.files.by_ending
        return [path for ending in endings for path in known.get(ending, ())]

    def text(self, path: str) -> str:
        """The content of a file; empty where there is none, or nobody read it."""
        return self.texts.get(path, "")

    def first(self, *paths: str) -> str:
        """The first of these that is there; else empty."""
        return next((path for path in paths if path in self.files), "")

    def has_any(self, pattern: str, part: str = "") -> bool:
        """Whether a path matches, whole; `part` is in all that do, and quicker to look for."""
        match = re.compile(pattern).fullmatch
        return any(match(path) for path in (self.files.having(part) if part else self.files))

    @cached_property
    def project(self) -> Mapping[str, Any]:
        """pyproject.toml."""
        return toml(self.text("pyproject.toml"))

    @cached_property
    def package(self) -> Mapping[str, Any]:
        """package.json."""
        return json_table(self.text("package.json"))

    def hide(self, folder: str) -> str:
        """What keeps a folder that setup makes out of commits, to go behind that; or nothing."""
        if folder in self.ignores:
            return ""
        return f" && echo '*' > {folder}/.gitignore"

    def check(self, run: str) -> str:
        """A check that runs here."""
        return CheckCommand(run, self.name).text

    def setup(self, run: str) -> str:
        """A setup command that runs here."""
        return f"cd {quote(self.name)} && {run}" if self.name else run

    def candidate(
        self,
        check: str | Iterable[str],
        setup: str | Iterable[str] = (),
        why: str = "",
        inputs: Iterable[str] = (),
    ) -> Candidate:
        """A candidate whose commands run here; empty ones are left out."""
        checks = (check,) if isinstance(check, str) else check
        setups = (setup,) if isinstance(setup, str) else setup
        prefix = f"{self.name}/" if self.name else ""
        return Candidate(
            tuple(self.check(run) for run in checks if run),
            tuple(self.setup(run) for run in setups if run),
            why,
            tuple(prefix + pattern for pattern in inputs),
        )

    def in_ci(self, pattern: str) -> str:
        """The first command of CI that matches from its start; else empty."""
        found = re.compile(pattern)
        return next((command for command in self.ci if found.match(command)), "")


def root(
    files: Iterable[str] | TrackedPaths, texts: Mapping[str, str], ci: tuple[str, ...] = ()
) -> ProjectFolder:
    """The root of a repository."""
    return ProjectFolder(
        "", TrackedPaths.of(files), texts, ci, _ignored(texts.get(".gitignore", ""))
    )


def _ignored(text: str) -> frozenset[str]:
    """The plain names that a .gitignore has."""
    lines = (line.strip() for line in text.splitlines())
    names = (line.removeprefix("**/").removesuffix("*").strip("/") for line in lines)
    return frozenset(name for name in names if name and name[0] not in "!#")


def toml(text: str) -> Mapping[str, Any]:
    """The values of a TOML text; none where it is broken."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def json_table(text: str) -> Mapping[str, Any]:
    """The values of a JSON text; none where it is broken or no object."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def table(of: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A table in a table; empty where there is none."""
    for name in names:
        inner = of.get(name)
        of = inner if isinstance(inner, dict) else {}
    return of


def strings(value: object) -> list[str]:
    """The texts in a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
