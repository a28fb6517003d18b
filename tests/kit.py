"""What the tests stand on: an environment without secrets, real repositories, the real program.

Promises that nothing of the developer's machine leaks in (home folder, git
configuration, `GIT_*`, `WTMAN_*`) and that nothing leaks out: no process of a
session outlives the test that started it. Refuses to hide a traceback.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# `scripts/test --all` tries every example of a property, `scripts/test` a fifth of them.
ALL = os.environ.get("WTMAN_TESTS") == "all"


def examples(number: int) -> int:
    """Of so many examples of a property, those that are tried this time."""
    return number if ALL else max(number // 5, 10)


NAME, EMAIL = "Ada Tester", "ada@example.com"
DATE = "2026-01-02T03:04:05+00:00"

# Nothing else of the parent's environment reaches a test.
KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV", "PYTEST_XDIST_WORKER")
KEPT_PREFIXES = ("PYTEST_", "COV_", "COVERAGE_", "HYPOTHESIS_")


def hermetic_environment(home: Path, parent: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a test: an allow-list of `parent` and fixed values."""
    kept = {k: v for k, v in parent.items() if k in KEPT or k.startswith(KEPT_PREFIXES)}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_RUNTIME_DIR": str(home / ".runtime"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
        "LINES": "40",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "USER": "ada",
        "LOGNAME": "ada",
        "SHELL": "/bin/sh",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        # Checks that are pytest itself need none of ours, which take as long as all the rest.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        # Walls cost time; the tests that are about them ask for them.
        "WTMAN_SANDBOX": "none",
    }


@lru_cache
def direct_path(path: str) -> str:
    """This PATH with the folder of the real `python3` first, where a version manager's script
    stands in for it: to start that costs more than many a check."""
    found = shutil.which("python3", path=path)
    if found is None or not Path(found).read_bytes().startswith(b"#!"):
        return path
    tell = "import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))"
    done = subprocess.run([found, "-c", tell], capture_output=True, text=True, check=True)
    return f"{done.stdout.strip()}{os.pathsep}{path}"


# --- repositories -------------------------------------------------------------------------


def run_git(
    repo: Path | str,
    *args: str,
    ok: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    input: str | None = None,
) -> str:
    """Stdout of git in `repo`, without its last newline; fails the test on another exit status."""
    done = subprocess.run(
        ["git", *args],
        cwd=repo,
        env={**os.environ, **(env or {})},
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=120,
    )
    if done.returncode not in ok:
        pytest.fail(f"git {' '.join(args)} in {repo}: {done.returncode}\n{done.stderr}")
    return done.stdout.removesuffix("\n")


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write each file below `folder`; one that begins with `#!` is made executable."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        if data.startswith(b"#!"):
            path.chmod(0o755)


def commit_files(repo: Path, files: Mapping[str, str | bytes], message: str = "change") -> str:
    """Write and commit `files` at a fixed date, so that hashes are stable; the new commit's sha."""
    write_files(repo, files)
    run_git(repo, "add", "-A")
    dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    run_git(repo, "commit", "-q", "--allow-empty", "-m", message, env=dates)
    return run_git(repo, "rev-parse", "HEAD")


def create_repo(
    path: Path, files: Mapping[str, str | bytes], *, branch: str = "main", identity: bool = True
) -> Path:
    """A real repository at `path`; without files it has no commit yet."""
    path.mkdir(parents=True)
    # An empty template saves the sample hooks.
    run_git(path, "init", "-q", "--template=", "-b", branch)
    if identity or files:
        config = path / ".git/config"
        own = f"[user]\n\tname = {NAME}\n\temail = {EMAIL}\n[commit]\n\tgpgSign = false\n"
        plain = config.read_text()
        config.write_text(plain + own)
        if files:
            commit_files(path, files, "first")
        if not identity:
            config.write_text(plain)
    return path


# --- the program --------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """How one `wtman` call ended."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        """Stdout as one JSON value."""
        try:
            return json.loads(self.out)
        except ValueError:
            pytest.fail(f"not JSON on stdout\n{self}")

    def jsonl(self) -> list[Any]:
        """Stdout as one JSON value a line."""
        try:
            return [json.loads(line) for line in self.out.splitlines()]
        except ValueError:
            pytest.fail(f"not JSON lines on stdout\n{self}")

    def __str__(self) -> str:
        return (
            f"$ wtman {' '.join(self.args)}\n[exit {self.code}, {self.seconds:.1f} s]\n"
            f"--- stdout\n{self.out}\n--- stderr\n{self.err}"
        )


@dataclass(frozen=True)
class Program:
    """`wtman(...)` in a test: the real program in a process group of its own."""

    cwd: Path
    argv: tuple[str, ...] = (sys.executable, "-m", "wtman")
    extra: Mapping[str, str] | None = None

    def __call__(
        self,
        *args: object,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check_status: int | None = 0,
        timeout: float = 120,
    ) -> Result:
        """Run it to its end. `check_status` None takes any exit status."""
        words = tuple(str(arg) for arg in args)
        started = time.monotonic()
        process = self.start(*words, cwd=cwd, env=env, stdin=input is not None)
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            result = Result(words, -9, out, err, time.monotonic() - started)
            pytest.fail(f"wtman did not end in {timeout} s\n{result}")
        result = Result(words, process.returncode, out, err, time.monotonic() - started)
        assert "Traceback" not in result.err, str(result)
        assert check_status is None or result.code == check_status, str(result)
        from tests import schemas

        schemas.hold(words, out)
        return result

    def start(
        self,
        *args: object,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> subprocess.Popen[str]:
        """Start it and leave it running, for tests that signal or kill it."""
        return subprocess.Popen(
            [*self.argv, *(str(arg) for arg in args)],
            cwd=cwd or self.cwd,
            env={**os.environ, **(self.extra or {}), **(env or {})},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )


# --- what is left behind ------------------------------------------------------------------


def is_keeper(line: str) -> bool:
    """Whether this command line is that of a keeper, run from its source or from byte code."""
    return re.search(r"keeper(\.cpython-\d+)?\.pyc?\b", line) is not None


def session_processes(below: Path) -> Iterator[tuple[int, str]]:
    """Pid and command line of each live process of a wtman session that mentions `below`.

    Behind it is whose it is: keepers are copies of one process, and have its command line.
    """
    import psutil

    for process in psutil.process_iter():
        try:
            environ, line = process.environ(), " ".join(process.cmdline())
            place = process.cwd()
        except (psutil.Error, OSError):
            continue
        if "WTMAN_SESSION" not in environ and not is_keeper(line):
            continue
        if any(str(below) in text for text in (line, place, *environ.values())):
            owner = environ.get("WTMAN_SESSION") or environ.get("WTMAN_KEEPER", "")
            yield process.pid, f"{line} of {owner}"


def assert_no_leftover_processes(below: Path, patience: float = 15.0) -> None:
    """Fail, after killing them, if sessions are alive; a killed coordinator's get `patience`."""
    until = time.monotonic() + patience
    while left := dict(session_processes(below)):
        if time.monotonic() > until:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            pytest.fail(f"processes of sessions outlived the test: {left}")
        time.sleep(0.02)
