"""Which commands of a repository its user has approved.

Commands that come with a repository (`check`, `setup`, ...) could be anybody's,
so they run only after the user said yes to their very text. The answer is kept
by text and repository in the user's state folder, never in the repository: an
edited command is a new one. What cannot be read, or what others could have
written, approves nothing.
"""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from wtman import files
from wtman.config.folders import xdg_folder
from wtman.errors import MissingError

_SCHEMA = 1
_MOST_BYTES = 64 << 20


def approvals_path(environ: Mapping[str, str]) -> str:
    """The file of approvals; MissingError where there is no place for one."""
    folder = xdg_folder("STATE", environ)
    if not folder:
        raise MissingError(
            "approvals cannot be kept: there is no home folder", hint="set XDG_STATE_HOME or HOME"
        )
    return f"{folder}/approvals.json"


def approved(texts: Iterable[str], environ: Mapping[str, str], repo_key: str) -> tuple[str, ...]:
    """The texts that still need approval; `repo_key` is the repository's common git folder."""
    asked = tuple(dict.fromkeys(texts))
    if not asked:
        return ()  # without a home folder, too
    known = _read(approvals_path(environ)).get(os.path.realpath(repo_key), {})
    return tuple(text for text in asked if _digest(text) not in known)


def approved_texts(environ: Mapping[str, str], repo_key: str) -> frozenset[str]:
    """Every text that was approved for a repository."""
    try:
        known = _read(approvals_path(environ)).get(os.path.realpath(repo_key), {})
    except MissingError:
        return frozenset()
    return frozenset(text for digest, text in known.items() if digest == _digest(str(text)))


def approve(texts: Iterable[str], environ: Mapping[str, str], repo_key: str) -> None:
    """Remember that the user approved these texts for this repository."""
    texts = tuple(texts)
    if not texts:
        return
    path = approvals_path(environ)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with files.locked(path + ".lock"):  # two wtman of one user must not lose each other's
        known = _read(path)
        known.setdefault(os.path.realpath(repo_key), {}).update(
            {_digest(text): text for text in texts}
        )
        _write(path, known)


def revoke(environ: Mapping[str, str], repo_key: str) -> int:
    """Forget every approval for a repository; how many there were."""
    path = approvals_path(environ)
    if not os.path.exists(path):
        return 0
    with files.locked(path + ".lock"):
        known = _read(path)
        gone = known.pop(os.path.realpath(repo_key), {})
        if gone:
            _write(path, known)
    return len(gone)


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: str) -> dict[str, dict[str, str]]:
    """Digest to text for each repository; empty for a file that cannot be trusted."""
    try:
        content, seen = files.read(path, _MOST_BYTES)
        # Whoever can write here could approve commands in the user's name.
        if seen.st_mode & 0o022 or seen.st_uid != os.geteuid():
            return {}
        held: Any = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return {}
    repositories = held.get("repositories") if isinstance(held, dict) else None
    if not isinstance(repositories, dict) or held.get("schema") != _SCHEMA:
        return {}
    return {key: known for key, known in repositories.items() if isinstance(known, dict)}


def _write(path: str, known: dict[str, dict[str, str]]) -> None:
    text = json.dumps({"schema": _SCHEMA, "repositories": known}, indent=1, sort_keys=True)
    files.replace(path, (text + "\n").encode("utf-8"), durable=True)
