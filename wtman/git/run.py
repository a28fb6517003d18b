"""The one place that starts git.

Promises: no hook, fsmonitor, pager, editor, prompt, automatic gc or network transport,
an environment without the caller's GIT_* variables, no inherited descriptors, no
terminal. A status outside `ok` is an error that keeps the evidence, and says whose fault
it was (wtman.errors). A lock is waited for, for a few seconds; one that a killed git of
wtman's left is taken away.

Refuses to be more than that: what a configuration file can name beyond this list
(filters, drivers) is kept out by asking through `control_dir` instead.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from wtman import locks
from wtman.errors import (
    SPACE_HINT,
    DiskFullError,
    ExternalError,
    LockedError,
    MachineError,
    MissingError,
    OutsideError,
    ToolError,
    machine_error,
)
from wtman.model.command import signal_name
from wtman.model.values import dataclass

_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=",
    "credential.helper=",
    "commit.gpgSign=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
)
_FLAGS = tuple(word for pair in _SAFE for word in ("-c", pair))

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "true",
    "GIT_MERGE_AUTOEDIT": "no",
    # Reflogs want somebody; commits get their author from whoever asks for one.
    "GIT_COMMITTER_NAME": "wtman",
    "GIT_COMMITTER_EMAIL": "wtman@localhost",
    # A filter in Python is started in the worktree: it must not import what lies there.
    "PYTHONSAFEPATH": "1",
}

_LOCKED = re.compile(r"Unable to create '[^']*\.lock': File exists|cannot lock ref .*File exists")
_LOCK_FILE = re.compile(r"Unable to create '([^']*\.lock)': File exists")
# At the end of a line: a file may be called so.
_FULL = re.compile(
    r"(?:No space left on device|Disk quota exceeded|Out of diskspace)[)'\"]?$", re.MULTILINE
)
_MACHINE = re.compile(
    r"(?:Cannot allocate memory|Too many open files(?: in system)?|Input/output error"
    r"|Read-only file system|Resource temporarily unavailable|Stale file handle)[)'\"]?$"
    r"|^fatal: Out of memory",
    re.MULTILINE,
)
# What comes from outside; of SIGSEGV and SIGABRT what git was asked is a likelier cause.
_KILLS = frozenset(
    {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGBUS, signal.SIGXCPU}
)
_CHILD_DIED = re.compile(r"died of signal (\d+)")
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
_TRIES = 3  # of what a killed git was asked


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """What git said. `out` is bytes because paths and patches are."""

    code: int
    out: bytes
    err: str


class Threaded(Protocol):
    """Runs a blocking function of git/ in its pool: `await ctx.git(history.commit, ...)`."""

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Awaitable[Any]: ...


async def persistent(git: Threaded, function: Callable[..., Any], /, *args: Any) -> Any:
    """Run in the pool what is safe to do twice; again where a git was killed under it."""
    for _ in range(_TRIES - 1):
        try:
            return await git(function, *args)
        except OutsideError as error:
            if not error.again:
                raise
    return await git(function, *args)


def git(
    args: Sequence[str],
    *,
    git_dir: str,
    cwd: str = "",
    env: Mapping[str, str] | None = None,
    input: bytes = b"",
    ok: tuple[int, ...] = (0,),
    timeout: float | None = None,
    keep: tuple[int, ...] = (),
) -> GitAnswer:
    """Run git on `git_dir` ("" lets git look for it) and return its answer.

    `env` is added to the scrubbed environment and is the only way to hand git a GIT_*
    variable. `timeout` in seconds, for what could be made to wait for ever: ExternalError.
    `keep` are the descriptors that git inherits.
    """
    where = ("--git-dir=" + git_dir,) if git_dir else ()
    path = os.environ.get("PATH", os.defpath)
    argv = (program(path), *where, *_FLAGS, *args)
    folder = cwd or git_dir or os.sep
    surroundings = environment(os.environ, path, env or {})
    answer = _once(argv, folder, surroundings, input, timeout, keep)
    for pause in _PAUSES:
        if answer.code in ok or not _LOCKED.search(answer.err):
            break
        time.sleep(pause)
        answer = _once(argv, folder, surroundings, input, timeout, keep)
    lock = _LOCK_FILE.search(answer.err) if answer.code not in ok else None
    if lock and locks.drop_own(lock[1]):
        answer = _once(argv, folder, surroundings, input, timeout, keep)
    if answer.code not in ok:
        raise failure(args, argv, folder, answer)
    return answer


class Conversation:
    """A git that answers as it is asked, until it is closed: words that end with NUL."""

    def __init__(
        self, args: Sequence[str], *, git_dir: str, env: Mapping[str, str], cwd: str = ""
    ) -> None:
        path = os.environ.get("PATH", os.defpath)
        argv = (program(path), "--git-dir=" + git_dir, *_FLAGS, *args)
        self._args, self._argv, self._cwd = tuple(args), argv, cwd or git_dir
        self._heard = b""
        import tempfile

        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            argv,
            cwd=self._cwd,
            env=environment(os.environ, path, env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )

    def say(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            raise self._failure() from None

    def answers(self, seconds: float) -> bool:
        """Whether there is something to hear within this time."""
        assert self._process.stdout is not None
        return bool(self._heard) or bool(select.select([self._process.stdout], [], [], seconds)[0])

    def words(self) -> Iterator[bytes]:
        """What it says, word for word; waits for each."""
        assert self._process.stdout is not None
        while True:
            *whole, self._heard = self._heard.split(b"\0")
            yield from whole
            more = self._process.stdout.read(1 << 16)
            if not more:
                raise self._failure()
            self._heard += more

    def until(self, mark: bytes) -> bytes:
        """All that it says before `mark`; waits for that. Nothing may come behind it."""
        assert self._process.stdout is not None
        heard, self._heard = bytearray(self._heard), b""
        while not heard.endswith(mark):
            more = self._process.stdout.read(1 << 16)
            if not more:
                raise self._failure()
            heard += more
        return bytes(heard[: -len(mark)])

    def rest(self, ok: tuple[int, ...] = (0,)) -> Iterator[bytes]:
        """All that it says, piece by piece as it comes, until it ends."""
        assert self._process.stdout is not None
        while more := self._process.stdout.read(1 << 20):
            yield more
        if self._process.wait() not in ok:
            raise self._failure()

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _failure(self) -> ExternalError:
        try:
            code = self._process.wait(_PAUSES[-1])
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read(1 << 16).decode("utf-8", "replace")
        return failure(self._args, self._argv, self._cwd, GitAnswer(code, b"", said))


def environment(parent: Mapping[str, str], path: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The parent's environment without GIT_*, with what keeps git quiet, and `extra`."""
    scrubbed = {key: value for key, value in parent.items() if not key.startswith("GIT_")}
    scrubbed["PATH"] = _absolute(path)
    return {**scrubbed, **_ENVIRONMENT, **extra}


@cache
def program(path: str) -> str:
    """Absolute path of git in the search path `path`."""
    found = shutil.which("git", path=_absolute(path))
    if found is None:
        raise MissingError("git is not on PATH", hint="install git 2.39 or newer")
    return found


def _absolute(path: str) -> str:
    # A relative entry would search the folder git runs in, which a session can write.
    return os.pathsep.join(item for item in path.split(os.pathsep) if os.path.isabs(item))


def _once(
    argv: tuple[str, ...],
    cwd: str,
    env: dict[str, str],
    data: bytes,
    timeout: float | None,
    keep: tuple[int, ...] = (),
) -> GitAnswer:
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if not data else None,
            input=data or None,
            capture_output=True,
            close_fds=True,
            pass_fds=keep,
            # Ctrl-C reaches the whole foreground group: half a ref update must not be
            # what it interrupts.
            start_new_session=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ExternalError(
            f"git gave no answer in {cwd} within {timeout:g} s",
            argv=argv,
            cwd=cwd,
            hint="look for pipes and other odd files in the git directory",
        ) from error
    except OSError as error:
        what = f"git could not be started in {cwd}"
        raise machine_error(error, what) or ExternalError(
            f"{what}: {error.strerror or error}", argv=argv, cwd=cwd
        ) from error
    return GitAnswer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def failure(
    args: Sequence[str], argv: tuple[str, ...], cwd: str, answer: GitAnswer
) -> ExternalError:
    """The error that an unwanted answer becomes."""
    lines = [line.strip() for line in answer.err.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
    said = said or (lines[-1] if lines else f"exit status {answer.code}")
    kind, hint = ExternalError, ""
    killed = _CHILD_DIED.search(answer.err)
    number = -answer.code if answer.code < 0 else int(killed[1]) if killed else 0
    if _FULL.search(answer.err):
        kind, hint = DiskFullError, SPACE_HINT
    elif _MACHINE.search(answer.err):
        kind, hint = MachineError, "mend that, then `wtman resume`"
    elif number in _KILLS:
        kind, said = ToolError, f"it was killed ({signal_name(number)})"
        hint = "look whether memory ran out (dmesg), then `wtman resume`"
    elif _LOCKED.search(answer.err):
        kind, hint = LockedError, "if no other git is running, remove that lock file"
    return kind(
        f"git {_verb(args)} failed in {cwd}: {said}",
        argv=argv,
        cwd=cwd,
        exit_status=answer.code,
        stderr=answer.err,
        hint=hint,
    )


def _verb(args: Sequence[str]) -> str:
    """What git was asked to do; settings come before it as `-c KEY=VALUE`."""
    words = (word for before, word in zip(("", *args), args, strict=False) if before != "-c")
    return next((word for word in words if not word.startswith("-")), "")
