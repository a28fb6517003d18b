#!/usr/bin/env python3
"""What a large repository costs: sessions, `status`, and a run at rest, against a small one.

A session is empty: its agent writes one file. Its price is the difference of two
runs of many and of few, so that what a run pays once drops out, the first
checkouts among it: the coordinator and all its children are counted. The two
repositories take turns.

Run with the Python of .venv: `.venv/bin/python scripts/bench/scale.py`.
"""

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ground import WTMAN, call, ground, least, table, write_plan

AGENT = 'cat > /dev/null; mkdir -p out; echo "$WTMAN_TASK" > "out/${WTMAN_TASK##*/}.txt"\n'
IDLE = 10.0  # seconds


@contextmanager
def repository(files: int, refs: int) -> Iterator[tuple[Path, dict[str, str]]]:
    """A repository of so many files, 100 a folder, and refs: half of them packed, half loose."""
    with ground(files=1) as (repo, env):

        def git(*words: str, told: str = "") -> None:
            subprocess.run(
                ["git", *words], cwd=repo, env=env, check=True, input=told.encode(), text=False
            )

        for number in range(files):
            path = repo / f"src{number // 10_000}/part{number // 100}/module{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"NUMBER = {number}\n" * 5)
        git("add", "-A")
        git("commit", "-q", "-m", "files")
        for first, last in ((0, refs // 2), (refs // 2, refs)):
            lines = (f"create refs/heads/old/branch{n} HEAD\n" for n in range(first, last))
            git("update-ref", "--stdin", told="".join(lines))
            if not first:
                git("pack-refs", "--all")
        yield repo, env


def spent(process: int) -> float:
    """CPU seconds of a process, of its threads and of the children that it waited for."""
    text = Path(f"/proc/{process}/stat").read_text()
    ticks = text.rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def sessions(repo: Path, env: dict[str, str], count: int, jobs: int) -> float:
    """CPU seconds of a run of so many sessions."""
    plan = write_plan(repo.parent / "plan.toml", count)
    agent = repo.parent / "agent.sh"
    agent.write_text(AGENT)
    split = ("split", "--plan", str(plan), "--agent", f"command:sh {agent}", "--yes")
    return call((*WTMAN, *split, "-j", str(jobs)), repo, env).cpu


def idle(repo: Path, env: dict[str, str], count: int) -> float:
    """CPU seconds of a coordinator in one second in which its sessions do nothing."""
    plan = write_plan(repo.parent / "plan.toml", count)
    agent = "command:sh -c 'cat > /dev/null; sleep 300'"
    split = (*WTMAN, "split", "--plan", str(plan), "--agent", agent, "--yes", "-j", str(count))
    process = subprocess.Popen(
        split, cwd=repo, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        status = (*WTMAN, "status", "--json")
        while True:
            told = subprocess.run(
                status, check=False, cwd=repo, env=env, capture_output=True
            ).stdout
            if told.count(b'"running"') > count:
                break
            time.sleep(0.5)
        time.sleep(IDLE)
        before = spent(process.pid)
        time.sleep(IDLE)
        return (spent(process.pid) - before) / IDLE
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--refs", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, nargs=2, default=(8, 40), metavar=("FEW", "MANY"))
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    few, many = asked.sessions
    rows: dict[str, list[list[float]]] = {}

    def add(name: str, place: int, seconds: float) -> None:
        rows.setdefault(name, [[], []])[place].append(seconds)

    with repository(200, 10) as small, repository(asked.files, asked.refs) as large:
        for _ in range(asked.rounds):
            for place, (repo, env) in enumerate((small, large)):
                least_of = sessions(repo, env, few, asked.jobs)
                most_of = sessions(repo, env, many, asked.jobs)
                add(f"run of {few} sessions", place, least_of)
                add("one session more", place, (most_of - least_of) / (many - few))
                cost = least(3, lambda repo=repo, env=env: call((*WTMAN, "status"), repo, env))
                add("status", place, cost.cpu)
                add("coordinator at rest, a second", place, idle(repo, env, 4))
    told = []
    for name, (of_small, of_large) in rows.items():
        one, other = min(of_small), min(of_large)
        told.append((name, f"{one * 1000:.0f}", f"{other * 1000:.0f}", f"{other / one:.2f}"))
    table(("cpu ms", "200 files", f"{asked.files:,} files", "ratio"), told)


if __name__ == "__main__":
    main()
