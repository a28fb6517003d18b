"""Every text of a repository that needs its user's approval: what it is for, where it stands."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping

from wtman.config import RepositoryText, load, repository_texts
from wtman.config.roles import load_roles
from wtman.config.sources import read_regular
from wtman.config.trust import approved, approved_texts
from wtman.coordinator.start.flow import FOLDER, repository_flows
from wtman.formats.toml import read_toml
from wtman.git.config import entries, filter_texts
from wtman.git.discovery import Repository
from wtman.model.check import CheckCommand
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class RepositoryCommand:
    """One text. `use`: `check`, `setup`, `cleanup`, `notify`, `agent`, a role, `agent NAME`,
    `flow`, `filter`, or the setting that it opens. `line` is 0 where none is known."""

    text: str
    use: str
    file: str
    line: int
    approved: bool


@dataclass(frozen=True, slots=True)
class RepositoryApprovals:
    """What is asked, in the order of the files; `unused` was approved before, and nothing here
    has that text any more."""

    commands: tuple[RepositoryCommand, ...]
    unused: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The texts that wait for a yes, each once."""
        return tuple(dict.fromkeys(one.text for one in self.commands if not one.approved))


def given(
    texts: Iterable[str], repo: Repository, environ: Mapping[str, str]
) -> RepositoryApprovals:
    """The same of texts that stand in no file: those of another agent's tool calls."""
    texts = tuple(dict.fromkeys(texts))
    missing = approved(texts, environ, repo.common_dir)
    return RepositoryApprovals(
        tuple(RepositoryCommand(text, "tool", "", 0, text not in missing) for text in texts)
    )


def approvals(repo: Repository, environ: Mapping[str, str]) -> RepositoryApprovals:
    """What the repository brings, and what of it its user has approved. Blocking."""
    found = tuple(_found(repo, environ))
    missing = set(approved((text for text, *_ in found), environ, repo.common_dir))
    commands = tuple(
        RepositoryCommand(text, use, file, line, text not in missing)
        for text, use, file, line in dict.fromkeys(found)
    )
    known = approved_texts(environ, repo.common_dir)
    return RepositoryApprovals(commands, tuple(sorted(known - {one.text for one in commands})))


def _found(repo: Repository, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str, int]]:
    """Text, use, file and line."""
    of_file: dict[str, list[RepositoryText]] = {}
    for one in repository_texts(load(repo.toplevel, environ, {}, None)):
        of_file.setdefault(one.source, []).append(one)
    for file, texts in of_file.items():
        data = read_regular(os.path.join(repo.toplevel, file)) or b""
        for one, line in _lines(data, file, texts):
            yield one.text, one.use, file, line
    roles = load_roles(repo.toplevel)
    for name, text in roles.agent_commands().items():
        yield text, f"agent of role {name}", _inside(repo, roles.known[name].source), 0
    for text in filter_texts(entries(repo.git_dir)):
        yield text, "filter", os.path.join(repo.git_dir, "config"), 0
    for text in repository_flows(repo):
        name = text.removeprefix("flow ").partition(" ")[0]
        path = os.path.join(FOLDER, f"{name}.py")
        is_kept = os.path.isfile(os.path.join(repo.toplevel, path)) if repo.toplevel else False
        yield text, "flow", path if is_kept else f"{name}.py, by a planner", 0


def _lines(
    data: bytes, file: str, texts: list[RepositoryText]
) -> Iterator[tuple[RepositoryText, int]]:
    """Each with the line that it stands on: in a list of several lines, its own."""
    _, places = read_toml(data, file)
    content = data.decode("utf-8", "replace").splitlines()
    within = ("tool", "wtman") if file == "pyproject.toml" else ()
    for one in texts:
        first = places.line(*within, *one.key.split("."))
        run = CheckCommand.of(one.text).run
        spelled = (json.dumps(run, ensure_ascii=False), f"'{run}'")
        rest = content[first - 1 :] if first else ()
        at = next((n for n, line in enumerate(rest) if any(text in line for text in spelled)), 0)
        yield one, first + at


def _inside(repo: Repository, path: str) -> str:
    top = os.path.join(repo.toplevel, "")
    return path.removeprefix(top)
