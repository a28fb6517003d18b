"""What weights of conflicts are fitted on is what the program itself sees of the same pair."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

BENCH = kit.ROOT / "scripts/bench"
APP = "".join(f"def part_{at}():\n    return {at}\n\n\n" for at in range(6))
NEW = "def added():\n    return 0\n\n\n"
CHANGES = (
    ("Return ten from `part_0` (#1)", "return 0", "return 10"),
    ("Let part_3 in app.py say thirty (#2)", "return 3", "return 30"),
    ("Let part_3 in app.py say more (#3)", "return 30", "return 31"),
    ("Add a part behind part_4 (#4)", "def part_5", f"{NEW}def part_5"),
)


def toml(pair: dict, touches: list[list[str]]) -> str:
    tasks = (
        f"[[task]]\nid = 'task-{number}'\nprompt = {json.dumps(brief)}\n"
        f"touches = {json.dumps(places)}\n"
        for number, (brief, places) in enumerate(zip(pair["briefs"], touches, strict=True))
    )
    return 'request = "both"\n' + "".join(tasks)


@pytest.mark.slow
def test_the_program_says_of_a_pair_what_the_bench_says_of_it(
    wtman: kit.Program,
    make_repo: Callable[..., Path],
    commit: Callable[..., str],
    git: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = make_repo({"app.py": APP, "util.py": "def helper():\n    return 1\n"})
    text = APP
    for message, old, new in CHANGES:
        text = text.replace(old, new)
        commit(repo, {"app.py": text}, message)
    found = tmp_path / "pairs.json"
    words = [sys.executable, str(BENCH / "conflict_pairs.py"), "--out", str(found)]
    subprocess.run([*words, str(repo / ".git")], check=True, timeout=300)
    data = json.loads(found.read_text())
    assert {pair["conflict"] for pair in data["pairs"]} == {True, False}

    monkeypatch.syspath_prepend(str(BENCH))
    bench = importlib.import_module("conflicts")
    plan = tmp_path / "plan.toml"
    for pair in data["pairs"]:
        git(repo, "checkout", "-q", pair["base"])
        for touches in (pair["touches"]["anchor"], pair["lines"]["anchor"], [[], []]):
            facts = bench.known_of(pair, data, placed=any(touches))
            plan.write_text(toml(pair, touches))
            done = wtman(
                *("split", "--plan", str(plan), "--agent", "command:true", "--allow-overlap"),
                *("--dry-run", "--json"),
                cwd=repo,
            )
            (said,) = done.json()["forecast"]["conflicts"]
            assert said["chance"] == bench.told(pair, facts, touches)

    judged = [sys.executable, str(BENCH / "conflicts.py"), str(found), "--shipped"]
    done = subprocess.run(judged, capture_output=True, text=True, check=True, timeout=300)
    differ = [line for line in done.stdout.split("\n") if "differs from the facts" in line]
    assert differ and all(": 0 of " in line for line in differ)
