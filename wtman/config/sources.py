"""The places that configuration comes from, each read into plain values.

A file is read only if it is a regular one and not absurdly large, so that a
FIFO or a device under a configuration's name cannot hang wtman.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wtman import files
from wtman.config.folders import xdg_folder
from wtman.errors import UsageError
from wtman.formats.toml import read_toml
from wtman.formats.toml_positions import Places
from wtman.text.words import did_you_mean, quoted

# The keys of `keys.Keys` and `keys.Budget`, here without the cost of importing pydantic.
NAMES = tuple(
    "agent model effort roles jobs check_jobs max_sessions attempts timeout check_timeout grace"
    " check setup cleanup copy symlink protect reviewers rounds worktrees sandbox network"
    " check_network env budget block_on notify agents".split()
)
FLAG_NAMES = (*NAMES, "allow_failing_base", "reviewed_by")
BUDGET_NAMES = ("usd", "tokens", "plan_usd", "session_usd", "session_tokens")

_MOST_BYTES = 4 * 1024 * 1024
# What wtman itself puts into the environment of sessions, setup and tests: not configuration.
_NOT_KEYS = frozenset(
    "run task branch worktree port root session attempt prompt_file home debug role".split()
)
_LISTS = frozenset("check setup cleanup copy symlink protect env block_on notify".split())
_BUDGET = {
    "budget_usd": "usd",
    "budget_tokens": "tokens",
    "plan_budget_usd": "plan_usd",
    "session_budget_usd": "session_usd",
    "session_budget_tokens": "session_tokens",
}


class Kind(StrEnum):
    DEFAULT = "default"
    USER = "user"
    REPOSITORY = "repository"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from; `name` is the file, where it is one."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says, not yet judged."""

    source: Source
    values: dict[str, Any]
    places: Places
    prefix: tuple[str, ...] = ()  # the table of the document that the values are in


def user_layer(environ: Mapping[str, str]) -> Layer | None:
    """The user's own `wtman/config.toml`."""
    folder = xdg_folder("CONFIG", environ)
    path = f"{folder}/config.toml"
    data = read_regular(path) if folder else None
    if data is None:
        return None
    values, places = read_toml(data, path)
    return Layer(Source(Kind.USER, path), values, places)


def repository_layer(read: Callable[[str], bytes | None]) -> tuple[Layer | None, tuple[str, ...]]:
    """`wtman.toml`, else `[tool.wtman]` of pyproject.toml; and what there is to warn of."""
    own, project = read("wtman.toml"), read("pyproject.toml")
    # A project file that does not name wtman is none of its business, broken or not.
    project = project if project is not None and b"wtman" in project else None
    if own is not None:
        values, places = read_toml(own, "wtman.toml")
        ignored = project is not None and _has_table(project)
        said = "wtman.toml counts, [tool.wtman] of pyproject.toml is ignored"
        source = Source(Kind.REPOSITORY, "wtman.toml")
        return Layer(source, values, places), (said,) if ignored else ()
    if project is None:
        return None, ()
    document, places = read_toml(project, "pyproject.toml")
    table = _tool_table(document)
    if table is None:
        return None, ()
    if not isinstance(table, dict):
        raise UsageError(f"{places.at('tool', 'wtman')}tool.wtman is no table")
    source = Source(Kind.REPOSITORY, "pyproject.toml")
    return Layer(source, table, places, ("tool", "wtman")), ()


def environment_layer(environ: Mapping[str, str]) -> tuple[Layer, tuple[str, ...]]:
    """`WTMAN_*`: text as TOML where a key takes no text, one command or pattern a line in lists."""
    values: dict[str, Any] = {}
    said = []
    for variable, text in sorted(environ.items()):
        key = variable.removeprefix("WTMAN_").lower()
        if not variable.startswith("WTMAN_") or key in _NOT_KEYS or not text.strip():
            continue
        if key in _BUDGET:
            values.setdefault("budget", {})[_BUDGET[key]] = _as_toml(text)
        elif key in NAMES:
            value = _of_text(key, text)
            known = values.get(key)
            values[key] = known | value if isinstance(known, dict) else value
        else:
            known_variables = [f"WTMAN_{name.upper()}" for name in (*NAMES, *_BUDGET)]
            guess = did_you_mean(variable, known_variables)
            said.append(f"the environment variable {quoted(variable)} is no setting{guess}")
    return Layer(Source(Kind.ENVIRONMENT), values, Places("environment")), tuple(said)


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """What the command line says; None and empty lists are flags that were not given."""
    values: dict[str, Any] = {}
    for flag, value in flags.items():
        key = flag.lstrip("-").replace("-", "_")
        if value is None or value == () or value == []:
            continue
        plain = list(value) if isinstance(value, tuple) else value
        if key in _BUDGET:
            values["budget"] = {**values.get("budget", {}), _BUDGET[key]: plain}
        else:
            values[key] = plain
    return Layer(Source(Kind.FLAG), values, Places("command line"))


def worktree_include(read: Callable[[str], bytes | None]) -> tuple[str, ...]:
    """The patterns of `.worktreeinclude`, which is written like a .gitignore."""
    data = read(".worktreeinclude") or b""
    lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
    patterns = (line.removesuffix("\r") for line in lines)
    return tuple(line for line in patterns if line.strip() and not line.startswith("#"))


def read_regular(path: str) -> bytes | None:
    """The bytes of a regular file, None where there is none."""
    try:
        return files.read(path, _MOST_BYTES, follow=True)[0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _has_table(project: bytes) -> bool:
    try:
        return _tool_table(read_toml(project, "pyproject.toml")[0]) is not None
    except UsageError:
        return False


def _tool_table(document: Mapping[str, Any]) -> Any:
    tool = document.get("tool")
    return tool.get("wtman") if isinstance(tool, dict) else None


def _of_text(key: str, text: str) -> Any:
    if key in _LISTS:
        lines = [line for line in text.split("\n") if line.strip()]
        value = _as_toml(text) if text.lstrip().startswith("[") else lines
        return value if isinstance(value, list) else lines
    if key in ("timeout", "check_timeout", "grace", "agent", "model", "effort", "worktrees"):
        return text
    if key == "network" and text.lower() in ("on", "yes", "1", "off", "no", "0"):
        return text.lower() in ("on", "yes", "1")
    return text if key == "sandbox" else _as_toml(text)


def _as_toml(text: str) -> Any:
    """The value that a text is in TOML, else the text itself, for the model to refuse."""
    import tomllib

    try:
        return tomllib.loads(f"x = {text.strip()}")["x"]
    except (ValueError, RecursionError):
        return text
