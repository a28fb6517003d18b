"""The journal: SQLite, appended and never changed, with one coordinator a run by lock.

Promises: what `append` returned is on disk (WAL, synchronous=FULL; the journal is
DELETE on a network file system, where WAL is unsafe), a batch is there whole or not
at all, and numbers (`seq`) only grow. Any process may append a `Requested`; only the
holder of a run's lock acts on it. The lock is flock, so it dies with its holder.
Refuses a database written by a newer wtman. One that is damaged is an error that says what
is whole, and how to go on; where nothing can be written it is opened for reading alone.
"""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from wtman import files
from wtman.errors import SPACE_HINT, DiskFullError, MissingError, WtmanError, machine_error
from wtman.git.run import git
from wtman.journal.events import Event
from wtman.journal.record import Recorded, decode, encode
from wtman.model.ids import RunId
from wtman.text.terminal import count
from wtman.text.words import listed

_BUSY_SECONDS = 30.0
_NAME = "state.db"
_WRITABLE = "check that the folder is writable and the disk not full"
# What SQLite calls a file that is not what we wrote, a full disk, and somebody else at work.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_IOERR_SHORT_READ")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
_HELD = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")


class Store:
    """The open state database of one repository. Use it with `with`."""

    def __init__(self, folder: str, database: sqlite3.Connection, copy: str = "") -> None:
        self.folder = folder
        self._database = database
        self._copy = copy

    @classmethod
    def open(cls, folder: str, *, network: bool = False) -> Self:
        """Open (or make) `folder/state.db`. Raises MissingError if it cannot be used."""
        path = os.path.join(folder, _NAME)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if not os.access(folder, os.W_OK) and os.path.isfile(path):
                return cls(folder, *_opened_to_read(path))
            database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            database.execute(f"PRAGMA journal_mode={'DELETE' if network else 'WAL'}")
            database.execute("PRAGMA synchronous=FULL")
            _migrate(database, folder)
        except sqlite3.Error as error:
            raise _trouble(error, folder) from error
        except OSError as error:
            raise machine_error(error, f"cannot open the run journal {path}") or MissingError(
                f"cannot open the run journal {path}: {error.strerror}", hint=_WRITABLE
            ) from error
        return cls(folder, database)

    @classmethod
    def exists(cls, folder: str) -> bool:
        """Whether any run was ever journalled here; makes nothing."""
        return os.path.exists(os.path.join(folder, _NAME))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        if self._copy:
            import shutil

            shutil.rmtree(self._copy, ignore_errors=True)

    # --- events ---------------------------------------------------------------------------

    def append(self, run: RunId, events: Sequence[Event], at: float) -> list[Recorded]:
        """Journal `events` in one durable transaction; gives them back with their numbers.

        Raises DiskFullError when there is no space: nothing was written then.
        """
        rows = [encode(event) for event in events]
        recorded: list[Recorded] = []
        with self._transaction():
            for event, (kind, body) in zip(events, rows, strict=True):
                cursor = self._database.execute(
                    "INSERT INTO events (run, at, kind, body) VALUES (?, ?, ?, ?)",
                    (run, at, kind, json.dumps(body, ensure_ascii=True, separators=(",", ":"))),
                )
                assert cursor.lastrowid is not None
                recorded.append(Recorded(cursor.lastrowid, at, event))
        return recorded

    def events(self, run: RunId, after: int = 0) -> list[Recorded]:
        """The run's events with a number above `after`, in order."""
        with self._reading():
            rows = self._database.execute(
                "SELECT seq, at, kind, body FROM events WHERE run = ? AND seq > ? ORDER BY seq",
                (run, after),
            )
            return [
                Recorded(seq, at, decode(kind, json.loads(body))) for seq, at, kind, body in rows
            ]

    def newest(self, kinds: Mapping[str, int]) -> list[tuple[RunId, Recorded]]:
        """The newest events of these kinds, so many of each, of all runs, in order."""
        with self._reading():
            rows = [
                row
                for kind, most in kinds.items()
                for row in self._database.execute(
                    "SELECT seq, run, at, kind, body FROM events WHERE kind = ?"
                    " ORDER BY seq DESC LIMIT ?",
                    (kind, most),
                )
            ]
            return [
                (RunId(run), Recorded(seq, at, decode(kind, json.loads(body))))
                for seq, run, at, kind, body in sorted(rows)
            ]

    def forget(self, run: RunId, after: int, upto: int) -> None:
        """Take back what a dry run has journalled: events behind `after`, `upto` included."""
        with self._transaction():
            self._database.execute(
                "DELETE FROM events WHERE run = ? AND seq > ? AND seq <= ?", (run, after, upto)
            )

    def runs(self) -> tuple[RunId, ...]:
        """All runs, the newest last."""
        with self._reading():
            rows = self._database.execute(
                "SELECT run FROM events WHERE kind = 'RunCreated' ORDER BY seq"
            )
            return tuple(RunId(run) for (run,) in rows)

    def version(self) -> int:
        """A number that changes when another connection has written."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    # --- verdict cache -----------------------------------------------------------------------

    def cached(self, key: str) -> dict[str, Any] | None:
        """What `cache` kept under a content key."""
        with self._reading():
            row = self._database.execute("SELECT body FROM cache WHERE key = ?", (key,)).fetchone()
            return None if row is None else json.loads(row[0])

    def cache(self, key: str, body: dict[str, Any]) -> None:
        """Keep a value that follows from its content key alone."""
        with self._transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO cache (key, body) VALUES (?, ?)",
                (key, json.dumps(body, ensure_ascii=True, separators=(",", ":"))),
            )

    # --- the lock ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, run: RunId) -> Iterator[None]:
        """Be the run's only coordinator. Raises MissingError naming the one that is."""
        path = self._lock_path(run)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _flock(descriptor):
                pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                raise MissingError(
                    f"run {run} is running (process {pid or 'unknown'})",
                    hint=f"watch it with `wtman status {run} --watch`, "
                    f"or stop it with `wtman stop {run}`",
                    code="live",
                )
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def live(self, run: RunId) -> int:
        """Process id of the run's coordinator, 0 when there is none."""
        path = self._lock_path(run)
        try:
            if not files.is_locked(path):
                return 0
        except OSError:
            return 0
        pid = (files.head(path, 32) or b"").decode("ascii", "replace").strip()
        return int(pid) if pid.isdigit() else -1

    def _lock_path(self, run: RunId) -> str:
        return os.path.join(self.folder, "runs", run, "coordinator")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            finally:
                # A full disk ends the transaction by itself.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _trouble(error, self.folder) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _trouble(error, self.folder) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged(self.folder, f"is damaged: {error}") from error


def damaged(folder: str, what: str) -> MissingError:
    """The error for a journal that cannot be believed: it says what is whole, and the way on."""
    common = os.path.dirname(folder)
    path, aside = os.path.join(folder, _NAME), os.path.join(folder, "damaged")
    try:
        argv = ["for-each-ref", "--format=%(refname:short)", "refs/heads/wtman/"]
        branches = git(argv, git_dir=common).out.decode("utf-8", "replace").split()
    except WtmanError:
        branches = []
    ways = []
    if os.path.lexists(path):
        moved = shlex.quote(aside)
        ways.append(f"set it aside: mkdir -p {moved} && mv {shlex.quote(path)}* {moved}")
    if branches:
        whole = f"{count(len(branches), 'branch')} of runs ({listed(branches, 3)})"
        ways.insert(0, f"whole are {whole}, and worktrees: git worktree list")
        named = " ".join(shlex.quote(name) for name in branches[:3])
        ways.append(f"merge what is good: wtman merge --branches {named} --check CMD")
    else:
        ways.insert(0, "no branch of a run is left; merged work is in git log")
        ways.append("start again: wtman split")
    return MissingError(f"the run journal {path} {what}", hint="\n".join(ways), code="journal")


def lost_runs(folder: str) -> list[str]:
    """Runs whose evidence lies here, whatever the journal says."""
    runs = os.path.join(folder, "runs")
    try:
        return sorted(name for name in os.listdir(runs) if os.listdir(os.path.join(runs, name)))
    except OSError:
        return []


def _trouble(error: sqlite3.Error, folder: str) -> WtmanError:
    """The error that one of SQLite becomes."""
    name = getattr(error, "sqlite_errorname", "")
    path = os.path.join(folder, _NAME)
    if name.startswith(_DAMAGED):
        return damaged(folder, f"is damaged: {error}")
    if name.startswith(_FULL):
        return DiskFullError(
            f"no space left for the run journal in {folder}",
            hint=SPACE_HINT,
        )
    if name.startswith(_HELD):
        return WtmanError(
            f"the run journal {path} is in use: {error}",
            hint="another process holds it; try again",
        )
    return MissingError(
        f"cannot use the run journal {path}: {error}", hint=_WRITABLE, code="access"
    )


def _opened_to_read(path: str) -> tuple[sqlite3.Connection, str]:
    """The journal where nothing can be written; what a crash left beside it is read in a copy."""
    import shutil
    import tempfile
    from urllib.parse import quote

    copy = ""
    if os.path.exists(path + "-wal") and os.path.getsize(path + "-wal"):
        copy = tempfile.mkdtemp(prefix="wtman-")
        for end in ("", "-wal"):
            shutil.copyfile(path + end, os.path.join(copy, _NAME) + end)
    place = quote(os.path.join(copy, _NAME) if copy else path)
    mode = "rw" if copy else "ro&immutable=1"
    database = sqlite3.connect(f"file:{place}?mode={mode}", uri=True, isolation_level=None)
    database.execute("PRAGMA query_only=1")
    return database, copy


def _flock(descriptor: int) -> bool:
    """Take the exclusive lock; waits out the instant for which `live` may hold a shared one."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            time.sleep(0.02)
        else:
            return True
    return False


def _migrate(database: sqlite3.Connection, folder: str) -> None:
    """Bring the database to the newest version; migrations are only ever appended."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == len(_MIGRATIONS):
        return
    if not version and database.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise damaged(folder, "is not one of wtman's")
    if version > len(_MIGRATIONS):
        raise MissingError(
            "the run journal was written by a newer wtman",
            hint="upgrade wtman in this environment",
        )
    database.execute("BEGIN IMMEDIATE")
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        for migration in _MIGRATIONS[version:]:
            migration(database)
        database.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def m001_events(database: sqlite3.Connection) -> None:
    """The journal and its index by run."""
    database.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL,"
        " at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)"
    )
    database.execute("CREATE INDEX events_by_run ON events (run, seq)")
    database.execute("CREATE INDEX events_by_kind ON events (kind, seq)")


def m002_cache(database: sqlite3.Connection) -> None:
    """Values that follow from their content key: check verdicts."""
    database.execute("CREATE TABLE cache (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")


_MIGRATIONS = (m001_events, m002_cache)
