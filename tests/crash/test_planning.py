"""Kill -9 at every effect of a planned split; resume; no planner that answered is asked again."""

import json
import sys
from pathlib import Path

import pytest

from tests import kit
from tests.crash import world as worlds
from tests.crash.test_crash import LONG

PLANNER = """\
import json, os, sys
with open(sys.argv[1], "a") as log:
    log.write("planner\\n")
tasks = [
    {"id": name, "prompt": f"write {name}", "owns": [f"*{name}*"], "needs": needs}
    for name, needs in (("alpha", []), ("beta", ["alpha"]), ("gamma", []))
]
print(json.dumps({"tasks": tasks}))
"""


def command(world: worlds.World) -> list[str]:
    folder = world.repo.parent
    kit.write_files(folder, {"planner.py": PLANNER})
    check = "test -f base.txt && ! grep -rq BROKEN . --include=*.txt"
    return [
        *("split", "three things", "--yes", "-j", "2", "--allow-overlap", "--check", check),
        *("--planner", f"command:{sys.executable} {folder}/planner.py {world.log}"),
        *("--agent", f"command:{world.agent} {world.log}"),
    ]


def planners_that_answered(world: worlds.World) -> int:
    markers = (world.repo / ".git/wtman/runs").glob("*/planning/*/*/exit.json")
    return sum(json.loads(path.read_text()).get("reason") == "exited" for path in markers)


@pytest.mark.slow
@LONG
def test_a_planned_split_killed_at_any_effect_is_resumed_without_loss(
    tmp_path: Path, wtman: kit.Program
) -> None:
    first = worlds.make(tmp_path / "first", wtman)
    # What comes after the plan is the same as with a plan file, and tried there.
    effects = first.effects([*command(first)[:-2], "--agent", "command:true", "--dry-run"])
    for at in worlds.points(effects):
        world = worlds.make(tmp_path / str(at), wtman)
        main = kit.run_git(world.repo, "rev-parse", "main")
        words = command(world)
        if not world.killed(words, at):
            continue
        answered, asked, done = planners_that_answered(world), world.starts, world.completed()
        run = world.run
        world.wtman(*(words if run is None else ("resume", run, "--yes")), cwd=world.repo)
        again = world.starts["planner"] - asked["planner"]
        assert again == (0 if answered else 1), f"killed at {at}: planned {again} times more"
        for task in done:
            assert world.starts[task] == asked[task], f"{task} was complete and ran again"
        worlds.assert_whole(world, main)
