"""What the benchmarks stand on: throwaway repositories, the real program, CPU of one process.

Promises figures that can be compared between machines: everything is printed as
a ratio of something measured in the same run. Refuses the caller's git
configuration and `WTMAN_*`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WTMAN = (sys.executable, "-m", "wtman")


@dataclass(frozen=True)
class Cost:
    """Seconds of one call; `cpu` is user and system of it and the children it waited for.

    `memory` is bytes of the largest process among them.
    """

    wall: float
    cpu: float
    memory: int = 0


def environment(home: Path) -> dict[str, str]:
    """An allow-list, so that a developer's settings do not colour the figures."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def ground(files: int = 40) -> Iterator[tuple[Path, dict[str, str]]]:
    """A repository with some files in a temporary folder, and the environment to use it in."""
    top = Path(tempfile.mkdtemp(prefix="wtman-bench-"))
    try:
        env = environment(top / "home")
        repo = top / "repo"
        (top / "home").mkdir()
        for number in range(files):
            path = repo / f"part{number % 8}/module{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"NUMBER = {number}\n" * 50)
        for words in (
            ("init", "-q", "-b", "main"),
            ("config", "user.name", "Ada Bench"),
            ("config", "user.email", "ada@example.com"),
            ("add", "-A"),
            ("commit", "-q", "-m", "first"),
        ):
            subprocess.run(["git", *words], cwd=repo, env=env, check=True)
        yield repo, env
    finally:
        shutil.rmtree(top, ignore_errors=True)


def write_plan(path: Path, count: int, check: str = "") -> Path:
    """A plan of `count` independent tasks, each with one file of its own."""
    lines = ['request = "a benchmark"']
    if check:
        lines.append(f"check = ['{check}']")
    for number in range(count):
        lines += [
            "",
            "[[task]]",
            f'id = "t{number:03d}"',
            f'prompt = "write out/t{number:03d}.txt"',
            f'owns = ["out/t{number:03d}.txt"]',
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def call(argv: Sequence[str], cwd: Path, env: dict[str, str], status: Iterable[int] = (0,)) -> Cost:
    """Run a program silently to its end; its output is shown if it ends otherwise than asked."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, raw, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(raw)
        if process.returncode not in status:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(argv)}: exit {process.returncode}\n{text}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)


def least(times: int, measure: Callable[[], Cost]) -> Cost:
    """The smallest of several: noise only ever adds."""
    costs = [measure() for _ in range(times)]
    return Cost(min(c.wall for c in costs), min(c.cpu for c in costs))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns, the first to the left and the others to the right."""
    lines = [tuple(map(str, row)) for row in (head, *rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    for line in lines:
        first, *others = (
            word.ljust(w) if n == 0 else word.rjust(w)
            for n, (word, w) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip(), flush=True)
