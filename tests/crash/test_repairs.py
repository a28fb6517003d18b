"""Kill -9 at every effect of a repair, of an answer to it and of notes; resume; nothing is asked,
done or told twice."""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.crash import world as worlds
from tests.crash.test_crash import LONG

PLAN = """
request = "one that is told too little, and one that notes"
check = ["test -f base.txt"]
[[task]]
id = "noter"
prompt = "note it"
owns = ["noter.txt"]
[[task]]
id = "misled"
prompt = "write it"
owns = ["misled.txt"]
"""
AGENT = """\
import json, os, pathlib, sys
task = os.environ["WTMAN_TASK"]
with open(sys.argv[1], "a") as log:
    log.write(task + "\\n")
if task == "noter":
    note = {"name": "f", "agreed": "f(a)", "instead": "f(b)", "why": "w"}
    pathlib.Path(os.environ["WTMAN_NOTES"]).write_text(json.dumps(note))
elif "say please" not in sys.stdin.read():
    sys.exit("no luck")
pathlib.Path(f"{task}.txt").write_text(f"by {task}\\n")
"""
REPAIRER = """\
import pathlib, sys
with open(sys.argv[1], "a") as log:
    log.write("repairer\\n")
print((pathlib.Path(__file__).parent / "decision.json").read_text())
"""
AGAIN = {"decision": "again", "reason": "it was not polite", "advice": "say please"}


def made(folder: Path, wtman: kit.Program, **more: Any) -> worlds.World:
    scripts = {"agent.py": AGENT, "repairer.py": REPAIRER, "repair.toml": PLAN}
    kit.write_files(folder, {**scripts, "decision.json": json.dumps({**AGAIN, **more})})
    return replace(worlds.make(folder, wtman), plan=folder / "repair.toml")


def command(world: worlds.World) -> list[str]:
    folder = world.repo.parent
    agent, repairer = (
        f"command:{sys.executable} {folder}/{name}.py {world.log}" for name in ("agent", "repairer")
    )
    words = ["split", "--plan", str(world.plan), "--yes", "-j", "2", "--attempts", "1"]
    return [*words, "--agent", agent, "--role", f"repairer={repairer}"]


def answered(world: worlds.World) -> int:
    """Repairers whose answer is on disk."""
    markers = (world.repo / ".git/wtman/runs").glob("*/repairs/**/exit.json")
    return sum(json.loads(path.read_text()).get("reason") == "exited" for path in markers)


def ended(world: worlds.World) -> Counter[str]:
    """Sessions of tasks that came to their end."""
    markers = (world.repo / ".git/wtman/runs").glob("*/tasks/*/*/exit.json")
    return Counter(
        path.parent.parent.name
        for path in markers
        if json.loads(path.read_text()).get("reason") == "exited"
    )


def resumed(world: worlds.World, first: list[str], code: int | None = 0) -> None:
    """Go on, or begin where nothing was journalled; nobody who had ended is asked again."""
    # What was begun ends, by itself or by its keeper: only then it is known what had ended.
    kit.assert_no_leftover_processes(world.repo.parent, patience=30)
    had, asked, done = answered(world), world.starts, ended(world)
    words = first if world.run is None else ["resume", str(world.run), "--yes"]
    world.wtman(*words, cwd=world.repo, check_status=code)
    again = world.starts - asked
    wanted = {"noter": 1 - done["noter"], "misled": 2 - done["misled"], "repairer": 1 - had}
    assert again == +Counter(wanted), f"{again} after {done}, {had} answered"


def assert_repaired(world: worlds.World, main: str) -> None:
    status = world.wtman("status", "--json", cwd=world.repo).json()
    assert status["run"]["state"] == "ready" and status["question"] is None, status
    noter, misled = status["tasks"]
    assert (noter["state"], misled["state"]) == ("verified", "verified")
    assert [item["instead"] for item in noter["deviations"]] == ["f(b)"]
    assert sum("deviates" in note for note in noter["notes"]) == 1, noter["notes"]
    (repair,) = status["repairs"]
    assert (repair["decision"], repair["applied"], repair["refused"]) == ("again", True, "")
    for task in (noter, misled):
        tip = kit.run_git(world.repo, "rev-parse", f"refs/heads/{task['branch']}")
        assert tip == task["head"], f"{task['id']}: journal and branch differ"
        assert kit.run_git(world.repo, "show", f"{tip}:{task['id']}.txt") == f"by {task['id']}"
    worlds.untouched(world, main)


@pytest.mark.slow
@LONG
def test_a_repair_killed_at_any_effect_is_made_once(tmp_path: Path, wtman: kit.Program) -> None:
    first = made(tmp_path / "first", wtman)
    effects = first.effects(command(first))
    assert_repaired(first, kit.run_git(first.repo, "rev-parse", "main"))
    for at in worlds.points(effects):
        world = made(tmp_path / str(at), wtman)
        main = kit.run_git(world.repo, "rev-parse", "main")
        if world.killed(command(world), at):
            resumed(world, command(world))
            assert_repaired(world, main)


def asking(folder: Path, wtman: kit.Program) -> worlds.World:
    """A run whose repair waits for a yes to another check."""
    world = made(folder, wtman, check=["test -f base.txt -a -f misled.txt -o -f base.txt"])
    world.wtman(*command(world), cwd=world.repo, check_status=4)
    return world


@pytest.mark.slow
@LONG
def test_an_answer_killed_at_any_effect_counts_once_or_not_at_all(
    tmp_path: Path, wtman: kit.Program
) -> None:
    world = asking(tmp_path / "asking", wtman)
    as_asked = worlds.kept(tmp_path / "asking")
    effects = world.effects(["answer", str(world.run), "yes"])
    for at in worlds.points(effects, stride=min(worlds.STRIDE, 3)):
        as_asked()
        main, words = kit.run_git(world.repo, "rev-parse", "main"), ["answer", str(world.run)]
        assert world.killed([*words, "yes"], at), f"effect {at} of {effects}"
        waits = world.wtman("status", "--json", cwd=world.repo).json()["question"] is not None
        if waits:
            world.wtman(*words, "yes", cwd=world.repo)
        assert world.wtman(*words, cwd=world.repo, check_status=None).code == 3
        resumed(world, [])
        assert_repaired(world, main)


@pytest.mark.slow
@LONG
def test_a_run_that_was_answered_and_is_killed_asks_nothing_again(
    tmp_path: Path, wtman: kit.Program
) -> None:
    world = asking(tmp_path / "answered", wtman)
    world.wtman("answer", str(world.run), "yes", cwd=world.repo)
    as_answered = worlds.kept(tmp_path / "answered")
    main = kit.run_git(world.repo, "rev-parse", "main")
    effects = world.effects(["resume", str(world.run), "--yes"])
    assert_repaired(world, main)
    for at in worlds.points(effects):
        as_answered()
        if world.killed(["resume", str(world.run), "--yes"], at):
            resumed(world, [])
            assert_repaired(world, main)
