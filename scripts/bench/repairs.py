#!/usr/bin/env python3
"""Seeded runs that fall short by their plan, with and without repairs: what lands, at what price.

Each case of tests/repairs.py is split and merged twice, with `--repairs 0` and with one, where a
scripted repairer decides as a good one would. Prints tasks that landed and sessions. Example:

    .venv/bin/python scripts/bench/repairs.py [CASE...]
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import kit
from tests.repairs import CASES, Seeded


def measured(name: str, repairs: int) -> tuple[int, int]:
    """Tasks that landed, and sessions."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environ = kit.hermetic_environment(place / "home", os.environ)
        repo = kit.create_repo(place / "repo", {"README.md": "hello\n"})
        wtman = kit.Program(repo, extra=environ)
        run = Seeded(place / "seeded", repo, wtman, CASES[name])
        return run.whole("--repairs", str(repairs))


def main() -> int:
    print(f"{'case':<22}{'tasks':>6}{'landed without':>16}{'with':>6}{'sessions':>10}{'with':>6}")
    total = [0, 0, 0, 0]
    for name in sys.argv[1:] or list(CASES):
        (before, few), (after, many) = measured(name, 0), measured(name, 1)
        total = [a + b for a, b in zip(total, (before, after, few, many), strict=True)]
        print(
            f"{name:<22}{CASES[name].landed:>6}{before:>16}{after:>6}{few:>10}{many:>6}", flush=True
        )
    print(f"{'all':<22}{'':>6}{total[0]:>16}{total[1]:>6}{total[2]:>10}{total[3]:>6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
