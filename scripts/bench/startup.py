#!/usr/bin/env python3
"""What it costs to start: `--help`, and `status` of a run of 100 tasks.

CPU time as a multiple of `python -c pass`, least of 10. Run with the Python of
.venv: `.venv/bin/python scripts/bench/startup.py`.
"""

import argparse
import sys

from ground import WTMAN, call, ground, least, table, write_plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100)
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
        rows, floor = [], 0.0
        for name, argv in programs.items():
            cost = least(asked.times, lambda argv=argv: call(argv, repo, env))
            floor = floor or cost.cpu
            rows.append((name, f"{cost.cpu * 1000:.0f}", f"{cost.cpu / floor:.1f}"))
    table(("program", "cpu ms", "x pass"), rows)


if __name__ == "__main__":
    main()
