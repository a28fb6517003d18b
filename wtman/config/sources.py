"""The places that configuration comes from, each read into plain values.

A file is read only if it is a regular one and not absurdly large, so that a
FIFO or a device under a configuration's name cannot hang wtman.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from wtman import files
from wtman.config.folders import xdg_folder
from wtman.config.keys import ANY, KEYS, Key, Path, at, below, flag_only, named
from wtman.errors import UsageError
from wtman.formats.toml import read_toml
from wtman.formats.toml_positions import Places
from wtman.model.values import dataclass
from wtman.text.words import did_you_mean, printable, quoted, shown

_MOST_BYTES = 4 << 20
# What wtman itself puts into the environment of sessions, setup and tests: not configuration.
_NOT_KEYS = frozenset(
    "run task branch worktree port root session attempt prompt_file home debug role".split()
)


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
class Given:
    """One value that a source gave, not yet judged; `label` is what messages call its key."""

    source: Source
    key: Key
    place: Path
    value: Any
    label: str


def of_user(environ: Mapping[str, str]) -> Iterator[Given]:
    """The user's own `wtman/config.toml`."""
    folder = xdg_folder("CONFIG", environ)
    path = f"{folder}/config.toml"
    data = read_regular(path) if folder else None
    if data is not None:
        yield from _of_table(Source(Kind.USER, path), *read_toml(data, path))


def of_repository(read: Callable[[str], bytes | None]) -> tuple[list[Given], tuple[str, ...]]:
    """`wtman.toml`, else `[tool.wtman]` of pyproject.toml; and what there is to warn of."""
    own, project = read("wtman.toml"), read("pyproject.toml")
    # A project file that does not name wtman is none of its business, broken or not.
    project = project if project is not None and b"wtman" in project else None
    if own is not None:
        source = Source(Kind.REPOSITORY, "wtman.toml")
        values = list(_of_table(source, *read_toml(own, "wtman.toml")))
        ignored = project is not None and _has_table(project)
        said = "wtman.toml counts, [tool.wtman] of pyproject.toml is ignored"
        return values, (said,) if ignored else ()
    if project is None:
        return [], ()
    document, places = read_toml(project, "pyproject.toml")
    table = _tool_table(document)
    source = Source(Kind.REPOSITORY, "pyproject.toml")
    within = ("tool", "wtman")
    return [] if table is None else list(_of_table(source, table, places, prefix=within)), ()


def of_environment(environ: Mapping[str, str]) -> tuple[list[Given], tuple[str, ...]]:
    """`WTMAN_*`: text as TOML where a key takes no text, one command or pattern a line in lists."""
    known = {key.variable: key for key in KEYS if key.in_files}
    values: list[Given] = []
    said = []
    for variable, text in sorted(environ.items()):
        own = variable.startswith("WTMAN_") and variable.removeprefix("WTMAN_").lower()
        if not own or own in _NOT_KEYS or not text.strip():
            continue
        if (key := known.get(variable)) is not None:
            values += _of_key(Source(Kind.ENVIRONMENT), key, _of_text(key, text), variable)
        else:
            # Without what they all begin with, which would make any word near.
            near = did_you_mean(own, [key.name for key in known.values()])
            guess = near and near.replace(found := near.split('"')[1], f"WTMAN_{found.upper()}")
            said.append(f"the environment variable {quoted(variable)} is no setting{guess}")
    return values, tuple(said)


def of_flags(flags: Mapping[str, object]) -> Iterator[Given]:
    """What the command line says, by the names of keys; None and empty ones were not given."""
    for name, value in flags.items():
        if value not in (None, "", (), []):
            key = named(name)
            plain = list(value) if isinstance(value, tuple) else value
            yield from _of_key(Source(Kind.FLAG), key, plain, key.spellings[-1])


def _of_table(
    source: Source, table: object, places: Places, path: Path = (), prefix: Path = ()
) -> Iterator[Given]:
    """The values in a file's table, each under its key."""
    if not isinstance(table, dict):
        raise UsageError(f"{_label(places, path, prefix)}: expected a table, got {shown(table)}")
    for name, value in table.items():
        here = (*path, name)
        if (key := at(here)) is not None:
            yield Given(source, key, here, value, _label(places, here, prefix))
        elif below(here):
            yield from _of_table(source, value, places, here, prefix)
        else:
            known = tuple(name for name in below(path) if name != "agents")
            if (only := flag_only(here)) is not None:
                said = f"{places.at(*prefix, *here)}{only.name} cannot be set in a file"
                raise UsageError(said, hint=f"say it on the command line: {only.spellings[-1]}")
            raise UsageError(
                f"{places.at(*prefix, *here)}unknown key {quoted('.'.join(here))}"
                f"{did_you_mean(name, known)}",
                hint=f"known keys: {', '.join(known)}",
            )


def _label(places: Places, path: Path, prefix: Path = ()) -> str:
    return f"{places.at(*prefix, *path)}{printable('.'.join(path or prefix), 80)}"


def _of_key(source: Source, key: Key, value: object, label: str) -> Iterator[Given]:
    """What a variable or flag gives: one value, or a table where the user chooses the names."""
    if ANY in key.place:
        yield from _of_table(source, value, Places(label), key.place[:1])
    else:
        yield Given(source, key, key.place, value, label)


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


def _of_text(key: Key, text: str) -> Any:
    """The value in the text of a variable."""
    if key.kind in ("texts", "checks", "patterns", "variables"):
        value = _as_toml(text) if text.lstrip().startswith("[") else None
        return (
            value
            if isinstance(value, list)
            else [line for line in text.split("\n") if line.strip()]
        )
    if key.place == (key.name,) and key.kind in ("text", "time"):
        return text
    if key.kind == "network" and text.lower() in ("yes", "1", "no", "0", "on", "off"):
        return text.lower() in ("on", "yes", "1")
    return _as_toml(text)


def _as_toml(text: str) -> Any:
    """The value that a text is in TOML, else the text itself, for the model to refuse."""
    import tomllib

    try:
        return tomllib.loads(f"x = {text.strip()}")["x"]
    except (ValueError, RecursionError):
        return text
