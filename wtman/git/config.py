"""Git configuration by the scope that it comes from.

A session may be able to write the repository's own configuration, so a program named
there is not trusted; one named by the user's global or the system's configuration is.
The exception is git-lfs, word for word as it installs itself.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wtman.git.run import git

_WHERE = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_TRUSTED = ("global", "system")
_PLAIN = re.compile(r"[A-Za-z0-9]*")
_FILTER = re.compile(r"filter\.(.+)\.([a-z]+)", re.DOTALL)

_COPIED = (
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.ignorecase",
    "core.filemode",
    "core.symlinks",
    "core.precomposeunicode",
    "core.longpaths",
)
_LFS = {
    "filter.lfs.clean": ("git-lfs clean -- %f",),
    "filter.lfs.smudge": ("git-lfs smudge -- %f", "git-lfs smudge --skip -- %f"),
    "filter.lfs.process": ("git-lfs filter-process", "git-lfs filter-process --skip"),
    "filter.lfs.required": ("true", "false"),
}


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    scope: str  # system, global, local, worktree or command
    key: str
    value: str


def users_own() -> dict[str, str]:
    """The variables that say where the user's configuration is, as this process has them."""
    return {key: os.environ[key] for key in _WHERE if key in os.environ}


def entries(git_dir: str) -> tuple[ConfigEntry, ...]:
    """Every setting in effect, the strongest last; includes are followed."""
    listed = git(
        ["config", "--list", "--show-scope", "-z"], git_dir=git_dir, env=users_own()
    ).out.split(b"\0")
    found = []
    for scope, pair in zip(listed[0::2], listed[1::2], strict=False):
        key, newline, value = pair.decode("utf-8", "surrogateescape").partition("\n")
        # A key without a value is git's way to write true.
        found.append(ConfigEntry(scope.decode(), key, value if newline else "true"))
    return tuple(item for item in found if item.scope != "command")


def value_of(settings: Iterable[ConfigEntry], key: str, *, trusted: bool = False) -> str:
    """The strongest value of `key`, "" if unset; only the user's own where `trusted`."""
    found = ""
    for item in settings:
        if item.key == key and (item.scope in _TRUSTED or not trusted):
            found = item.value
    return found


def clean(settings: Iterable[ConfigEntry]) -> str:
    """The text of a configuration file that holds nothing a session could have chosen."""
    kept: dict[str, str] = {}
    for item in settings:
        if _allowed(item) or (item.key in _COPIED and _PLAIN.fullmatch(item.value)):
            kept[item.key] = item.value
    sha256 = object_format(settings) == "sha256"
    lines = ["[core]", f"\trepositoryformatversion = {int(sha256)}", "\tbare = false"]
    lines += ["\tlogAllRefUpdates = false", "\texcludesFile = /dev/null"]
    lines += ["\tfsync = committed,reference", "\tfsyncMethod = batch"]
    if sha256:
        lines += ["[extensions]", "\tobjectFormat = sha256"]
    for key, value in kept.items():
        section, _, name = key.partition(".")
        middle, _, name = name.rpartition(".")
        lines.append(f"[{section} {quoted(middle)}]" if middle else f"[{section}]")
        lines.append(f"\t{name} = {quoted(value)}")
    return "\n".join(lines) + "\n"


def object_format(settings: Iterable[ConfigEntry]) -> str:
    return value_of(settings, "extensions.objectformat").lower() or "sha1"


def planted_filters(settings: Iterable[ConfigEntry]) -> frozenset[str]:
    """Names of the filters that the repository's own configuration says something about."""
    names = set()
    for item in settings:
        match = _FILTER.fullmatch(item.key)
        if match and not _allowed(item):
            names.add(match[1])
    return frozenset(names)


def without_planted(settings: tuple[ConfigEntry, ...]) -> dict[str, str]:
    """Environment that takes those filters back to what the user's own configuration says."""
    pairs: dict[str, str] = {}
    for name in sorted(planted_filters(settings)):
        for part, default in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "0")):
            key = f"filter.{name}.{part}"
            pairs[key] = value_of(settings, key, trusted=True) or default
    return as_environment(pairs)


def as_environment(pairs: Mapping[str, str]) -> dict[str, str]:
    """Settings as the variables that git reads them from; any character may be in a key."""
    env = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def quoted(value: str) -> str:
    """A value or subsection as a configuration file has it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'


def _allowed(item: ConfigEntry) -> bool:
    """Whether a filter, or the file that assigns filters, comes from somebody trusted."""
    if item.key != "core.attributesfile" and not _FILTER.fullmatch(item.key):
        return False
    return item.scope in _TRUSTED or item.value in _LFS.get(item.key, ())
