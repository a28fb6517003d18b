#!/usr/bin/env python3
"""How near the sessions of a run come to the ideal of running all at the same time.

For each case (4 sessions of 3 s; 64 of 2 s, 16 at once) the wall time of
`wtman split` against

* serial: the sum of the sessions, as one agent after the other would need;
* ideal: that sum by the slots, as if worktrees, commits and checks cost nothing;
* bare: the same agents by the same slots as plain processes, without git, on
  this machine, measured in the same minute.

Run with the Python of .venv: `.venv/bin/python scripts/bench/sessions.py [NxSECONDS@JOBS ...]`.
"""

import argparse
import math
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ground import WTMAN, call, ground, table, write_plan

AGENT = """\
import os, sys, time
sys.stdin.read()
time.sleep(float(sys.argv[1]))
task = os.environ["WTMAN_TASK"].rpartition("/")[2]
os.makedirs("out", exist_ok=True)
with open(f"out/{task}.txt", "w") as file:
    file.write(task + "\\n")
"""


def case(text: str) -> tuple[int, float, int]:
    """`64x2@16`: 64 sessions of 2 seconds, 16 at once."""
    found = re.fullmatch(r"(\d+)x([\d.]+)@(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 64x2@16")
    return int(found[1]), float(found[2]), int(found[3])


def bare(agent: Path, count: int, seconds: float, jobs: int) -> float:
    """Wall seconds of the same agents as plain processes in folders of their own."""
    with ground(files=1) as (repo, env):
        folders = [repo.parent / f"bare{number}" for number in range(count)]
        for folder in folders:
            folder.mkdir()

        def one(folder: Path) -> None:
            argv = (sys.executable, str(agent), str(seconds))
            call(argv, folder, {**env, "WTMAN_TASK": folder.name})

        started = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, folders))
        return time.monotonic() - started


def measure(count: int, seconds: float, jobs: int) -> tuple[str, ...]:
    with ground() as (repo, env):
        agent = repo.parent / "agent.py"
        agent.write_text(AGENT)
        plan = write_plan(repo.parent / "plan.toml", count)
        command = f"command:{sys.executable} {agent} {seconds}"
        split = ("split", "--plan", str(plan), "--agent", command, "-j", str(jobs), "--yes")
        cost = call((*WTMAN, *split), repo, env)
        plain = bare(agent, count, seconds, jobs)
    serial = count * seconds
    ideal = math.ceil(count / jobs) * seconds
    return (
        f"{count} x {seconds:g} s, -j {jobs}",
        f"{cost.wall:.2f}",
        f"{serial / cost.wall:.2f}",
        f"{serial / ideal:.2f}",
        f"{cost.wall / ideal:.2f}",
        f"{cost.wall / plain:.2f}",
        f"{(cost.wall - ideal) / count * 1000:.0f}",
        f"{cost.cpu / count * 1000:.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "cases", nargs="*", type=case, default=[case("4x3@4"), case("64x2@16")], metavar="NxS@JOBS"
    )
    head = (
        "sessions",
        "wall s",
        "serial/wall",
        "at best",
        "wall/ideal",
        "wall/bare",
        "ms more a session",
        "cpu ms a session",
    )
    table(head, [measure(*each) for each in parser.parse_args().cases])


if __name__ == "__main__":
    main()
