"""Kill -9 at every effect of a run with a lead; resume; no planner that answered is asked again."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from tests.crash import world as worlds
from tests.crash.test_crash import LONG

PLAN = """
request = "a team, and who needs it"
check = ["test -f base.txt"]
[[task]]
id = "team"
prompt = "the team"
owns = ["*team*"]
lead = true
[[task]]
id = "after"
prompt = "write after"
owns = ["*after*"]
needs = ["team"]
"""
PLANNER = """\
import json, os, sys
with open(sys.argv[1], "a") as log:
    log.write("planner\\n")
parts = [
    {"id": name, "prompt": f"write {name}", "owns": [f"team_{name}.txt"], "needs": needs}
    for name, needs in (("one", []), ("two", ["one"]), ("three", []))
]
print(json.dumps({"tasks": parts}))
"""
AGENT = """\
#!/bin/sh
set -eu
echo "$WTMAN_TASK" >> "$1"
echo "by $WTMAN_TASK" > "$WTMAN_TASK.txt"
"""


def made(folder: Path, wtman: kit.Program) -> worlds.World:
    kit.write_files(folder, {"team.toml": PLAN, "planner.py": PLANNER})
    world = worlds.make(folder, wtman)
    world.agent.write_text(AGENT)
    return replace(world, plan=folder / "team.toml")


def command(world: worlds.World) -> list[str]:
    planner = f"command:{sys.executable} {world.repo.parent}/planner.py {world.log}"
    return [*world.split, "--role", f"lead={planner}"]


def planners_that_answered(world: worlds.World) -> int:
    markers = (world.repo / ".git/wtman/runs").glob("*/teams/*/*/*/exit.json")
    return sum(json.loads(path.read_text()).get("reason") == "exited" for path in markers)


def assert_made(world: worlds.World, main: str) -> None:
    """The parts and their lead are verified, and the branch of the lead holds them all."""
    status = world.wtman("status", "--json", cwd=world.repo).json()
    tasks = {task["id"]: task for task in status["tasks"]}
    assert list(tasks) == ["team", "team_one", "team_two", "team_three", "after"], status
    for task in tasks.values():
        assert task["state"] == "verified", task
        tip = kit.run_git(world.repo, "rev-parse", f"refs/heads/{task['branch']}")
        assert tip == task["head"], f"{task['id']}: journal and branch differ"
    head, last = tasks["team"]["head"], tasks["after"]
    assert last["base"] == head
    for name in ("team_one", "team_two", "team_three"):
        assert kit.run_git(world.repo, "show", f"{head}:{name}.txt") == f"by {name}"
    assert kit.run_git(world.repo, "show", f"{last['head']}:after.txt") == "by after"
    worlds.untouched(world, main)


@pytest.mark.slow
@LONG
def test_a_run_with_a_lead_killed_at_any_effect_is_resumed_without_loss(
    tmp_path: Path, wtman: kit.Program
) -> None:
    first = made(tmp_path / "first", wtman)
    effects = first.effects(command(first))
    assert_made(first, kit.run_git(first.repo, "rev-parse", "main"))
    for at in worlds.points(effects):
        world = made(tmp_path / str(at), wtman)
        main = kit.run_git(world.repo, "rev-parse", "main")
        words = command(world)
        if not world.killed(words, at):
            continue
        answered, asked, done = planners_that_answered(world), world.starts, world.completed()
        run = world.run
        world.wtman(*(words if run is None else ("resume", run, "--yes")), cwd=world.repo)
        again = world.starts["planner"] - asked["planner"]
        assert again == (0 if answered else 1), f"killed at {at}: cut {again} times more"
        for task in done:
            assert world.starts[task] == asked[task], f"{task} was complete and ran again"
        assert_made(world, main)
