"""All sources of configuration, judged and merged; the later one wins."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from wtman.config.sources import (
    BUDGET_NAMES,
    FLAG_NAMES,
    NAMES,
    Kind,
    Layer,
    Source,
    environment_layer,
    flag_layer,
    read_regular,
    repository_layer,
    user_layer,
    worktree_include,
)
from wtman.errors import UsageError
from wtman.model.settings import Settings
from wtman.text.words import did_you_mean, printable, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TABLES = ("roles", "budget", "agents")  # merged key by key
_COMMANDS = ("check", "setup", "cleanup", "notify")
_SAID = {
    "string_type": "is no text",
    "int_type": "is no whole number",
    "float_type": "is no number",
    "bool_type": "is neither true nor false",
    "list_type": "is no text or list of texts",
    "dict_type": "is no table",
    "model_type": "is no table",
}
_BOUNDS = {
    "greater_than_equal": "has to be {ge} or more",
    "less_than_equal": "has to be {le:,} or less",
    "string_too_long": "is longer than {max_length:,} characters",
}


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
    repository, warnings = repository_layer(read)
    environment, more = environment_layer(environ)
    values: dict[str, Any] = {}
    origin: dict[str, Source] = {}
    for layer in (user_layer(environ), repository, environment, flag_layer(flags)):
        if layer is not None and layer.values:
            _merge(values, origin, _judged(layer), layer.source)
    dropped = _include(values, origin, worktree_include(read))
    _place_worktrees(values, toplevel, environ)
    return _loaded(values, origin, (*warnings, *more, *dropped))


def repository_commands(loaded: Loaded) -> tuple[str, ...]:
    """The texts that came with the repository and would run as commands: they need approval."""
    texts: list[str] = []
    for key in _COMMANDS:
        if loaded.source(key).kind is Kind.REPOSITORY:
            held = getattr(loaded.settings, key, None)
            texts += loaded.extra.get(key, ()) if held is None else held
    agents = {"agent": loaded.settings.agent}
    agents |= {f"roles.{role}": agent for role, agent in loaded.settings.roles.items()}
    for key, agent in agents.items():
        # A name is one of wtman's adapters; anything else runs code of the repository's choice.
        if loaded.source(key).kind is Kind.REPOSITORY and not agent.isidentifier():
            texts.append(agent)
    for name, table in loaded.extra.get("agents", {}).items():
        for key, value in table.items():
            if loaded.source(f"agents.{name}.{key}").kind is Kind.REPOSITORY:
                texts.append(f"agents.{name}.{key} = {value!r}")
    texts += _openings(loaded)
    return tuple(dict.fromkeys(texts))


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


def _judged(layer: Layer) -> dict[str, Any]:
    """The layer's values in their types, or a UsageError about the first wrong one."""
    plain = all(_is_plain(key, value) for key, value in layer.values.items())
    if plain and layer.source.kind is Kind.FLAG:
        return {key: _frozen(value) for key, value in layer.values.items()}
    from pydantic import ValidationError

    from wtman.config.keys import FlagKeys, Keys

    model = FlagKeys if layer.source.kind is Kind.FLAG else Keys
    try:
        judged = model.model_validate(layer.values)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0], layer) from None
    return judged.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)


def _is_plain(key: str, value: object) -> bool:
    """Whether a flag is right as the command line gave it: most calls need no pydantic."""
    if key in _PLAIN_TEXTS:
        return isinstance(value, str) and value.isprintable() and value.strip() == value != ""
    if key in _PLAIN_NUMBERS:
        return type(value) is int and 0 < value < _PLAIN_MOST
    if key in ("check", "reviewed_by") and isinstance(value, (tuple, list)):
        return all(isinstance(item, str) and item.isprintable() and item.strip() for item in value)
    return False


# Keys of the table `budget`, and where `Settings` has them.
_BUDGET_FIELDS = {
    "usd": "budget_usd",
    "tokens": "budget_tokens",
    "plan_usd": "plan_usd",
    "session_usd": "session_usd",
    "session_tokens": "session_tokens",
}
_PLAIN_TEXTS = frozenset({"agent", "model", "effort", "sandbox"})
_PLAIN_NUMBERS = frozenset(
    {"jobs", "check_jobs", "max_sessions", "attempts", "reviewers", "rounds"}
)
_REVIEWERS = 2
_PLAIN_MOST = 1_000_000


def _refusal(error: "ErrorDetails", layer: Layer) -> UsageError:
    path, kind = error["loc"], error["type"]
    at = layer.places.at(*layer.prefix, *path)
    key = printable(".".join(part for part in path if isinstance(part, str)), 80)
    if kind == "extra_forbidden":
        outer = FLAG_NAMES if layer.source.kind is Kind.FLAG else NAMES
        known = outer if len(path) == 1 else BUDGET_NAMES
        guess = did_you_mean(str(path[-1]), known)
        hint = f"known keys: {', '.join(known)}"
        return UsageError(f"{at}unknown key {quoted(key)}{guess}", hint=hint)
    context = error.get("ctx", {})
    if kind == "value_error":
        what = str(context["error"])
    elif kind in _BOUNDS:
        what = _BOUNDS[kind].format(**context)
    else:
        what = _SAID.get(kind, f"is refused: {error['msg']}")
    return UsageError(f"{at}{key} {printable(what)}")


def _merge(
    values: dict[str, Any], origin: dict[str, Source], judged: dict[str, Any], source: Source
) -> None:
    for key, value in judged.items():
        if key not in _TABLES:
            values[key] = value
            origin[key] = source
            continue
        table = values.setdefault(key, {})
        for name, item in value.items():
            if key == "agents":
                table[name] = {**table.get(name, {}), **item}
                origin.update({f"agents.{name}.{inner}": source for inner in item})
            else:
                table[name] = item
                origin[f"{key}.{name}"] = source


def _include(
    values: dict[str, Any], origin: dict[str, Source], patterns: tuple[str, ...]
) -> tuple[str, ...]:
    """Append `.worktreeinclude` to `copy`; what is unusable in it is a warning."""
    if not patterns:
        return ()
    from wtman.formats.gitignore import flaw

    usable = [pattern for pattern in patterns if not flaw(pattern)]
    if usable:
        values["copy"] = [*values.get("copy", []), *usable]
        origin.setdefault("copy", Source(Kind.REPOSITORY, ".worktreeinclude"))
    return tuple(
        f".worktreeinclude: {quoted(pattern)} is left out: it {flaw(pattern)}"
        for pattern in patterns
        if flaw(pattern)
    )


def _place_worktrees(values: dict[str, Any], toplevel: str, environ: Mapping[str, str]) -> None:
    folder = values.get("worktrees", "")
    if not folder:
        return
    home = environ.get("HOME", "")
    if home and (folder == "~" or folder.startswith("~/")):
        folder = home + folder[1:]
    values["worktrees"] = os.path.normpath(os.path.join(toplevel, folder))


def _loaded(values: dict[str, Any], origin: dict[str, Source], warnings: tuple[str, ...]) -> Loaded:
    known = {field.name for field in fields(Settings)}
    given = {key: _frozen(value) for key, value in values.items() if key in known}
    given.setdefault("check_jobs", _cores())
    given.setdefault("sandbox", "auto")
    # Who names three reviewers wants three.
    given.setdefault("reviewers", max(_REVIEWERS, len(given.get("reviewed_by", ()))))
    if "network" in given:
        given |= _network(given["network"])
    given |= {_BUDGET_FIELDS[key]: value for key, value in values.pop("budget", {}).items()}
    extra = {key: _frozen(value) for key, value in values.items() if key not in known}
    return Loaded(Settings(**given), origin, extra, warnings)


def _network(value: Any) -> dict[str, Any]:
    """The network of agents as `Settings` has it."""
    if isinstance(value, bool):
        return {"network": "on" if value else "off"}
    return {"network": "allow-list", "hosts": tuple(value)}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
