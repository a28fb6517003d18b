"""Git configuration by the scope that it comes from.

A session may be able to write the repository's own configuration, so a program named
there is not trusted; one named by the user's global or the system's configuration, or by
the environment, is. The exceptions are git-lfs, word for word as it installs itself, and
filters that the user approved by their very text (`filter_texts`).
"""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Set

from wtman.git.run import git
from wtman.model.values import dataclass

_WHERE = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_ENVIRONMENT = "environment"
_TRUSTED = ("global", "system", _ENVIRONMENT)
_MOST = 1000  # settings of the environment
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


_REMOTE = re.compile(r"(remote|submodule)\.(.+)\.(url|fetch)", re.DOTALL)
# Of an address with a scheme whatever stands before the host, but for the user of an ssh one.
_USER_PART = re.compile(r"^((?:https?|ftps?)://)[^/@]*@")
_RUN = ("clean", "smudge", "process")  # the keys of a filter that name a program
_LFS_NAME = "lfs"


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    scope: str  # system, global, local, worktree or environment
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
    return (*(item for item in found if item.scope != "command"), *_of_environment())


def _of_environment() -> Iterator[ConfigEntry]:
    """What `GIT_CONFIG_COUNT` and `git -c` add for the user's own git."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    pairs = [
        (os.environ.get(f"GIT_CONFIG_KEY_{at}", ""), os.environ.get(f"GIT_CONFIG_VALUE_{at}", ""))
        for at in range(min(int(count), _MOST) if count.isdecimal() else 0)
    ]
    try:
        words = shlex.split(os.environ.get("GIT_CONFIG_PARAMETERS", ""))
    except ValueError:
        words = []
    pairs += [(key, value if equals else "true") for key, equals, value in map(_halves, words)]
    for key, value in pairs:
        section, dot, rest = key.partition(".")
        middle, inner, name = rest.rpartition(".")
        if dot:
            yield ConfigEntry(
                _ENVIRONMENT, f"{section.lower()}.{middle}{inner}{name.lower()}", value
            )


def _halves(word: str) -> tuple[str, str, str]:
    return word.partition("=")


def value_of(settings: Iterable[ConfigEntry], key: str, *, trusted: bool = False) -> str:
    """The strongest value of `key`, "" if unset; only the user's own where `trusted`."""
    found = ""
    for item in settings:
        if item.key == key and (item.scope in _TRUSTED or not trusted):
            found = item.value
    return found


def clean(settings: Iterable[ConfigEntry], approved: Set[str] = frozenset()) -> str:
    """The text of a configuration file that holds nothing a session could have chosen."""
    settings = tuple(settings)
    planted = planted_filters(settings, approved)
    kept: dict[str, str] = {}
    for item in settings:
        if _allowed(item, planted) or (item.key in _COPIED and _PLAIN.fullmatch(item.value)):
            kept[item.key] = item.value
    kept |= _strict(kept)
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


def remotes(settings: Iterable[ConfigEntry]) -> str:
    """The text of the remotes and submodules that a program may know of: no passwords."""
    lines = []
    for item in settings:
        match = _REMOTE.fullmatch(item.key)
        if match and item.scope in ("local", "worktree"):
            value = _USER_PART.sub(r"\1", item.value)
            lines += [f"[{match[1]} {quoted(match[2])}]", f"\t{match[3]} = {quoted(value)}"]
    return "".join(f"{line}\n" for line in lines)


def object_format(settings: Iterable[ConfigEntry]) -> str:
    return value_of(settings, "extensions.objectformat").lower() or "sha1"


def planted_filters(
    settings: Iterable[ConfigEntry], approved: Set[str] = frozenset()
) -> frozenset[str]:
    """Names of the filters for which the repository's own configuration names a program that
    nobody approved."""
    names = set()
    for item in settings:
        match = _FILTER.fullmatch(item.key)
        if match and match[2] in _RUN and not (_is_trusted(item) or text_of(item) in approved):
            names.add(match[1])
    return frozenset(names)


def filter_texts(settings: Iterable[ConfigEntry]) -> tuple[str, ...]:
    """The filters of the repository's own configuration as texts to approve, a program each."""
    settings = tuple(settings)
    names = planted_filters(settings)
    found = (_FILTER.fullmatch(item.key) for item in settings)
    return tuple(
        text_of(item)
        for item, match in zip(settings, found, strict=True)
        if match and match[1] in names and match[2] in _RUN and not _is_trusted(item)
    )


def filter_of(item: ConfigEntry) -> tuple[str, str]:
    """The filter that a setting belongs to and the command that it gives it, "" for none."""
    match = _FILTER.fullmatch(item.key)
    if match is None:
        return "", ""
    return match[1], item.value if match[2] in _RUN else ""


def text_of(item: ConfigEntry) -> str:
    """A setting as a line that people read."""
    return f"{item.key} = {item.value}"


def without_planted(
    settings: tuple[ConfigEntry, ...], approved: Set[str] = frozenset()
) -> dict[str, str]:
    """Environment that takes planted filters back to what the user's own configuration says,
    and has those of the user's environment."""
    pairs = {
        item.key: item.value
        for item in settings
        if item.scope == _ENVIRONMENT and _FILTER.fullmatch(item.key)
    }
    for name in sorted(planted_filters(settings, approved)):
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


def _allowed(item: ConfigEntry, planted: Set[str]) -> bool:
    """Whether a filter, or the file that assigns filters, comes from somebody trusted."""
    match = _FILTER.fullmatch(item.key)
    if item.key != "core.attributesfile" and not match:
        return False
    return _is_trusted(item) or (match is not None and match[1] not in planted)


def _is_trusted(item: ConfigEntry) -> bool:
    return item.scope in _TRUSTED or item.value in _LFS.get(item.key, ())


def _strict(kept: Mapping[str, str]) -> dict[str, str]:
    """Filters that fail where they cannot run: what they hide must never go through as it is.

    A session may not see their program. One that speaks git's protocol stays as it is: it may
    know one direction only.
    """
    found: dict[str, str] = {}
    names = {match[1] for key in kept if (match := _FILTER.fullmatch(key)) and match[2] in _RUN}
    for name in names - {_LFS_NAME}:
        if not kept.get(f"filter.{name}.process"):
            found[f"filter.{name}.required"] = "true"
            for part in ("clean", "smudge"):
                found[f"filter.{name}.{part}"] = kept.get(f"filter.{name}.{part}") or "cat"
    return found
