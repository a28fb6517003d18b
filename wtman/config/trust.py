"""Which commands of a repository its user has approved.

Commands that come with a repository (`check`, `setup`, ...) could be anybody's,
so they run only after the user said yes to their very text. The answer is kept
by text and repository in the user's state folder, never in the repository: an
edited command is a new one. What cannot be read, or what others could have
written, approves nothing.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wtman.config.folders import xdg_folder
from wtman.errors import MissingError

_SCHEMA = 1


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
    known = _read(approvals_path(environ)).get(os.path.realpath(repo_key), {})
    return tuple(text for text in dict.fromkeys(texts) if _digest(text) not in known)


def approve(texts: Iterable[str], environ: Mapping[str, str], repo_key: str) -> None:
    """Remember that the user approved these texts for this repository."""
    path = approvals_path(environ)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with _locked(path + ".lock"):
        known = _read(path)
        known.setdefault(os.path.realpath(repo_key), {}).update(
            {_digest(text): text for text in texts}
        )
        _write(path, known)


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: str) -> dict[str, dict[str, str]]:
    """Digest to text for each repository; empty for a file that cannot be trusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        seen = os.fstat(descriptor)
        # Whoever can write here could approve commands in the user's name.
        if not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o022 or seen.st_uid != os.geteuid():
            return {}
        with open(descriptor, "rb", closefd=False) as file:
            held: Any = json.loads(file.read())
    except (ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    repositories = held.get("repositories") if isinstance(held, dict) else None
    if not isinstance(repositories, dict) or held.get("schema") != _SCHEMA:
        return {}
    return {key: known for key, known in repositories.items() if isinstance(known, dict)}


def _write(path: str, known: dict[str, dict[str, str]]) -> None:
    """Replace the file whole: a crash leaves the old one or the new one."""
    text = json.dumps({"schema": _SCHEMA, "repositories": known}, indent=1, sort_keys=True)
    temporary = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Keep two wtman of one user from losing each other's approvals."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
