#!/usr/bin/env python3
"""What it costs to start: `--help`, `status` of a run of 1,000 tasks, and a run's first session.

CPU and wall time as a multiple of `python -c pass`, each the least of 10. The last
row is the wall time from the start of `wtman split --plan FILE --agent command:...
--yes` to the first instruction of its agent, with the worktree made in between. Run
with the Python of .venv: `.venv/bin/python scripts/bench/startup.py`.
"""

import argparse
import sys
import time
from pathlib import Path

from ground import WTMAN, Cost, call, ground, least, table, write_plan


def first_session(repo: Path, env: dict[str, str]) -> Cost:
    """A run of one session, to the moment at which its agent runs; `cpu` is of the whole run."""
    agent = repo.parent / "agent.sh"
    agent.write_text(
        "now=$(date +%s.%N)\ncat > /dev/null\nmkdir -p out\necho $now > out/t000.txt\n"
    )
    plan = write_plan(repo.parent / "one.toml", 1)
    split = ("split", "--plan", str(plan), "--agent", f"command:sh {agent}", "--yes")
    began = time.time()
    cost = call((*WTMAN, *split), repo, env)
    newest = max((repo.parent / "repo.worktrees").iterdir(), key=lambda path: path.stat().st_ctime)
    told = newest / "t000/out/t000.txt"
    return Cost(float(told.read_text()) - began, cost.cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--times", type=int, default=10)
    asked = parser.parse_args()
    with ground() as (repo, env):
        plan = write_plan(repo.parent / "plan.toml", asked.tasks)
        # Without a terminal and without --yes the run is saved as planned: exit 3.
        split = (*WTMAN, "split", "--plan", str(plan), "--agent", "command:true")
        call(split, repo, env, status=(3,))
        programs = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "import wtman": (sys.executable, "-c", "import wtman"),
            "wtman --help": (*WTMAN, "--help"),
            f"wtman status ({asked.tasks} tasks)": (*WTMAN, "status"),
            f"wtman status --json ({asked.tasks} tasks)": (*WTMAN, "status", "--json"),
        }
        rows, floor = [], Cost(0, 0)
        for name, argv in programs.items():
            cost = least(asked.times, lambda argv=argv: call(argv, repo, env))
            floor = floor if rows else cost
            rows.append(row(name, cost, floor))
    with ground() as (repo, env):
        cost = least(asked.times, lambda: first_session(repo, env))
        rows.append(row("split to the first session", cost, floor))
    table(("program", "cpu ms", "x pass", "wall ms", "x pass"), rows)


def row(name: str, cost: Cost, floor: Cost) -> tuple[str, ...]:
    return (
        name,
        f"{cost.cpu * 1000:.0f}",
        f"{cost.cpu / floor.cpu:.1f}",
        f"{cost.wall * 1000:.0f}",
        f"{cost.wall / floor.wall:.1f}",
    )


if __name__ == "__main__":
    main()
