"""All sources of configuration, judged and merged; the later one wins."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from wtman.config.agent_definitions import defined_agents
from wtman.config.keys import Path, by_name
from wtman.config.sources import (
    Given,
    Kind,
    Source,
    of_environment,
    of_flags,
    of_repository,
    of_user,
    read_regular,
    worktree_include,
)
from wtman.errors import UsageError
from wtman.model.agent_definition import definition_texts, is_agent_name
from wtman.model.settings import ULTRA, Settings
from wtman.model.values import dataclass
from wtman.text.words import quoted

_COMMANDS = ("check", "setup", "cleanup", "notify")
# What `notify` says without naming a command: with and without the desktop.
NO_COMMANDS = ("on", "off")
_REVIEWERS = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """`origin` names the source of each key that some source gave, tables key by key
    ("roles.planner"); what is not in it is a default. `extra` has the keys that
    `Settings` does not.
    """

    settings: Settings
    origin: dict[str, Source]
    extra: dict[str, Any]
    warnings: tuple[str, ...]

    def source(self, key: str) -> Source:
        """Where a key's value came from."""
        return self.origin.get(key, Source(Kind.DEFAULT))


def load(
    toplevel: str,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    read_committed: Callable[[str], bytes | None] | None = None,
) -> Loaded:
    """Settings from all sources. `read_committed` replaces reading the repository's files.

    `worktrees` is made absolute; left empty it is for the caller to choose
    (`default_worktrees`).
    """
    read = read_committed or (lambda path: read_regular(os.path.join(toplevel, path)))
    repository, warnings = of_repository(read)
    environment, more = of_environment(environ)
    values: dict[Path, Any] = {}
    origin: dict[str, Source] = {}
    for given in (*of_user(environ), *repository, *environment, *of_flags(flags)):
        if given.key.name == "mcp_merge" and given.source.kind is not Kind.USER:
            raise UsageError(
                f"{given.label}: only your own configuration can allow that",
                hint="write it into wtman/config.toml of your configuration folder",
            )
        if given.place[0] == "agents":
            _drop_other(values, origin, given)
        values[given.place] = _judged(given)
        origin[".".join(given.place)] = given.source
    dropped = _include(values, origin, worktree_include(read))
    _place_worktrees(values, toplevel, environ)
    return _loaded(values, origin, (*warnings, *more, *dropped))


@dataclass(frozen=True, slots=True)
class RepositoryText:
    """A text that came with the repository and needs approval. `use` is what it is for; `key`
    its place in the file `source`, as in `roles.reviewer`."""

    text: str
    use: str
    key: str = ""
    source: str = ""


def repository_texts(loaded: Loaded) -> tuple[RepositoryText, ...]:
    """All of them, each with what it is for, in the order in which they are told."""
    found: list[tuple[str, str, str]] = []  # text, use, key
    for key in _COMMANDS:
        if loaded.source(key).kind is Kind.REPOSITORY:
            held = getattr(loaded.settings, key, None)
            texts = loaded.extra.get(key, ()) if held is None else held
            named = (text for text in texts if key != "notify" or text not in NO_COMMANDS)
            found += [(text, key, key) for text in named]
    agents = [("agent", "agent", loaded.settings.agent)]
    agents += [(f"roles.{role}", role, agent) for role, agent in loaded.settings.roles.items()]
    for key, use, agent in agents:
        # A name is one of wtman's adapters; anything else runs code of the repository's choice.
        if loaded.source(key).kind is Kind.REPOSITORY and not is_agent_name(agent):
            found.append((agent, use, key))
    for place, text in definition_texts(loaded.settings.agents).items():
        if loaded.source(place).kind is Kind.REPOSITORY:
            found.append((text, f"agent {place.split('.')[1]}", place))
    found += [
        (text, text.partition(" = ")[0], text.partition(" = ")[0]) for text in _openings(loaded)
    ]
    return tuple(
        RepositoryText(text, use, key, loaded.source(key).name) for text, use, key in found
    )


def repository_commands(loaded: Loaded) -> tuple[str, ...]:
    """The texts that came with the repository and would run as commands: they need approval."""
    return tuple(dict.fromkeys(one.text for one in repository_texts(loaded)))


def _openings(loaded: Loaded) -> list[str]:
    """Where the repository would open its own sandbox, or have variables of the user's."""
    settings = loaded.settings
    asked = {
        "sandbox": settings.sandbox not in ("auto", "bubblewrap") and settings.sandbox,
        "network": settings.network != "off" and (" ".join(settings.hosts) or settings.network),
        "check_network": settings.check_network and "true",
        "env": " ".join(settings.env),
    }
    return [
        f"{key} = {value}"
        for key, value in asked.items()
        if value and loaded.source(key).kind is Kind.REPOSITORY
    ]


def judged_flags(flags: Mapping[str, object]) -> dict[str, Any]:
    """The flags alone, as fields of `Settings`."""
    return by_name({given.place: _judged(given) for given in of_flags(flags)})


def _judged(given: Given) -> Any:
    """The value in its type, or a UsageError about it."""
    from wtman.config.kinds import judged

    try:
        return judged(given.key, given.value)
    except ValueError as error:
        raise UsageError(f"{given.label}: {error}") from None


def _drop_other(values: dict[Path, Any], origin: dict[str, Source], given: Given) -> None:
    """A definition of an agent replaces that of an earlier source as a whole: a repository's
    command never gets what the user's own of that name signs in with."""
    for place in [place for place in values if place[:2] == given.place[:2]]:
        if origin[".".join(place)] != given.source:
            del values[place], origin[".".join(place)]


def _include(
    values: dict[Path, Any], origin: dict[str, Source], patterns: tuple[str, ...]
) -> tuple[str, ...]:
    """Append `.worktreeinclude` to `copy`; what is unusable in it is a warning."""
    if not patterns:
        return ()
    from wtman.formats.gitignore import flaw

    usable = [pattern for pattern in patterns if not flaw(pattern)]
    if usable:
        values["copy",] = (*values.get(("copy",), ()), *usable)
        origin.setdefault("copy", Source(Kind.REPOSITORY, ".worktreeinclude"))
    return tuple(
        f".worktreeinclude: {quoted(pattern)} is left out: it {flaw(pattern)}"
        for pattern in patterns
        if flaw(pattern)
    )


def _place_worktrees(values: dict[Path, Any], toplevel: str, environ: Mapping[str, str]) -> None:
    folder = values.get(("worktrees",), "")
    if not folder:
        return
    home = environ.get("HOME", "")
    if home and (folder == "~" or folder.startswith("~/")):
        folder = home + folder[1:]
    values["worktrees",] = os.path.normpath(os.path.join(toplevel, folder))


def _loaded(
    values: dict[Path, Any], origin: dict[str, Source], warnings: tuple[str, ...]
) -> Loaded:
    given: dict[str, Any] = {"check_jobs": _cores(), "sandbox": "auto", **by_name(values)}
    given.setdefault("repairs", 1)
    if given.get("effort") == ULTRA:
        given = {**raised(given.get("reviewed_by", ())), **given}
    # Who names three reviewers wants three.
    given.setdefault("reviewers", max(_REVIEWERS, len(given.get("reviewed_by", ()))))
    if isinstance(given.get("network"), tuple):
        given |= {"network": "allow-list", "hosts": given["network"]}
    elif "network" in given:
        given["network"] = "on" if given["network"] else "off"
    if "agents" in given:
        from wtman.agents.load import known as taken

        files = {key: source.name for key, source in origin.items()}
        given["agents"] = defined_agents(given["agents"], files, taken())
    known = {field.name for field in fields(Settings)}
    extra = {key: given.pop(key) for key in given.keys() - known}
    return Loaded(Settings(**given), origin, extra, warnings)


def raised(reviewed_by: Sequence[str] = ()) -> dict[str, int]:
    """What the effort `ultra` makes of settings that nobody has given."""
    return {"plans": 3, "dry_rounds": 2, "reviewers": max(3, len(reviewed_by))}


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
