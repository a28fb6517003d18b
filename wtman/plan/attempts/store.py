"""The table of attempts on disk: one file a run, in a folder of the user's own.

A file is replaced whole whenever the coordinator of its run ends, so it may be written twice and
never by halves. Of a repository the newest files are kept, and of all together, too; one that is
damaged is passed over. Nothing depends on them but forecasts: no error leaves here.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256

from wtman import files
from wtman.config.folders import xdg_folder
from wtman.errors import WtmanError
from wtman.git.discovery import Repository
from wtman.model.foreseen import ObservedPair
from wtman.model.ids import RunId
from wtman.plan.attempts.table import AttemptRow, Attempts, rows_of, rows_plain

_MOST_FILES = 200  # of all repositories; the oldest go first
_READ_HERE, _READ_ELSEWHERE = 40, 20  # the newest
_MOST_ROWS = 400  # of a run, the newest
_MOST_PAIRS = 400
_LARGEST = 1 << 20
_END = ".json"


def keep_attempts(
    repo: Repository,
    run: RunId,
    rows: Iterable[AttemptRow],
    pairs: Iterable[ObservedPair],
    environ: Mapping[str, str],
) -> None:
    """Put what is known of a run in the place of what was known of it before."""
    folder = _folder(environ)
    if not folder:
        return
    plain = rows_plain([*rows][-_MOST_ROWS:], [*pairs][-_MOST_PAIRS:])
    if not plain["rows"]:
        return
    text = json.dumps(plain, ensure_ascii=True, separators=(",", ":"))
    with contextlib.suppress(OSError, WtmanError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files.replace(os.path.join(folder, f"{_key(repo)}-{run}{_END}"), text.encode())
        for _, path in _listed(folder)[_MOST_FILES:]:
            os.unlink(path)


def load_attempts(repo: Repository, environ: Mapping[str, str], but: str = "") -> Attempts:
    """What past runs took, of this repository and of others; all but one run."""
    folder, mine = _folder(environ), f"{_key(repo)}-"
    known = [it for it in _listed(folder) if not it[1].endswith(f"/{mine}{but}{_END}")]
    own = [path for _, path in known if os.path.basename(path).startswith(mine)]
    others = [path for _, path in known if path not in set(own)]
    here = [_read(path) for path in reversed(own[:_READ_HERE])]
    elsewhere = [_read(path) for path in reversed(others[:_READ_ELSEWHERE])]
    return Attempts(
        tuple(row for rows, _ in here for row in rows),
        tuple(row for rows, _ in elsewhere for row in rows),
        tuple(pair for _, pairs in here for pair in pairs),
    )


def _folder(environ: Mapping[str, str]) -> str:
    state = xdg_folder("STATE", environ)
    return os.path.join(state, "attempts") if state else ""


def _key(repo: Repository) -> str:
    """A repository, by where it is: two clones of one have their own figures."""
    return sha256(os.fsencode(os.path.realpath(repo.common_dir))).hexdigest()[:16]


def _listed(folder: str) -> list[tuple[float, str]]:
    """The files of the table, the newest first."""
    if not folder:
        return []
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.stat(follow_symlinks=False).st_mtime, entry.path)
                for entry in entries
                if entry.name.endswith(_END)
            ]
    except OSError:
        return []
    return sorted(found, reverse=True)


def _read(path: str) -> tuple[tuple[AttemptRow, ...], tuple[ObservedPair, ...]]:
    try:
        return rows_of(json.loads(files.read(path, _LARGEST)[0]))
    except (OSError, ValueError, TypeError, RecursionError):
        return (), ()
