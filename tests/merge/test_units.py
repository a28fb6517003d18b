"""The parts of a lead land together or not at all, with the part named that is the reason."""

import json
import os
from pathlib import Path

import pytest

from tests import kit
from tests.yard import FILES, Yard, landed
from wtman.coordinator.create import load_state, open_store
from wtman.coordinator.home import Home
from wtman.coordinator.merge_undo import undo_merge
from wtman.merge import verify
from wtman.model.ids import TaskId
from wtman.model.states import TaskState
from wtman.tasks.lifecycle import standings


@pytest.fixture
def shop(yard: Yard) -> Yard:
    """A lead of two parts, one of them a lead itself, between two tasks; one needs it."""
    yard.external = False
    yard.add("docs", {"README.md": "# Shop\n"})
    yard.add("shop_ui", {"ui.py": "import core\n"})
    yard.add("shop_api_v1", {"api.py": "def one():\n    return 1\n"})
    yard.add(
        "shop_api_v2",
        {"api.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n"},
        needs=("shop_api_v1",),
    )
    yard.lead("shop_api")
    yard.lead("shop")
    yard.add("user", {"test_user.py": "import api\nassert api.two() == 2\n"}, needs=("shop",))
    return yard


PARTS = ("shop_ui", "shop_api_v1", "shop_api_v2")


def test_a_lead_lands_whole_as_a_commit_and_a_patch_a_part_before_who_needs_it(shop: Yard) -> None:
    shop.create()
    state = shop.merge()
    outcome = landed(state)
    assert tuple(outcome.commits) == ("docs", *PARTS, "user")
    assert outcome.units == {"shop": PARTS}
    assert shop.git("rev-list", "--reverse", f"{outcome.before}..main").split() == list(
        outcome.commits.values()
    )
    assert {item.state for item in standings(state).values()} == {TaskState.MERGED}
    assert state.tasks[TaskId("shop")].merged == outcome.commits["shop_api_v2"]
    patches = sorted(name for name in os.listdir(outcome.patches) if name[0].isdigit())
    assert [name[3:-6] for name in patches] == ["docs", *PARTS, "user"]
    assert verify.verify(shop.control, outcome.patches) == ()
    manifest = json.loads((Path(outcome.patches) / "manifest.json").read_text())
    assert manifest["units"] == {"shop": list(PARTS)}
    # The branches of parts and leads alike are merged, and come back with the target.
    merged = f"refs/wtman/merged/{shop.run}"
    names = {task.id for task in shop.tasks}
    assert shop.git("for-each-ref", f"refs/heads/wtman/{shop.run}") == ""
    told = shop.git("for-each-ref", "--format=%(refname)", merged).split()
    assert {name.removeprefix(f"{merged}/") for name in told} == names
    with open_store(shop.repo) as store:
        undo_merge(Home(shop.repo, store), shop.run)
        again = load_state(store, shop.run)
    assert {item.state for item in standings(again).values()} == {TaskState.VERIFIED}
    assert shop.sha("main") == outcome.before
    assert shop.git("for-each-ref", merged) == ""
    assert shop.sha(shop.branch_of("shop")) == again.tasks[TaskId("shop")].head
    assert tuple(landed(shop.merge()).commits) == ("docs", *PARTS, "user")


def test_a_part_that_meets_the_target_badly_excludes_its_unit_and_who_needs_it(shop: Yard) -> None:
    kit.commit_files(
        shop.path, {"test_ui.py": "import os\nassert not os.path.exists('ui.py')\n"}, "no ui"
    )
    shop.create()
    state = shop.merge()
    outcome = landed(state)
    assert tuple(outcome.commits) == ("docs",) and outcome.units is None
    told = {item.task: item for item in outcome.excluded}
    assert (told["shop_ui"].reason, told["shop_ui"].unit) == ("failed", "shop")
    assert "test_ui.py" in told["shop_ui"].why()
    for part in PARTS[1:]:
        assert told[part].reason == "unverified" and told[part].others == ("shop_ui",)
        assert told[part].why() == "shop lands whole or not at all, and shop_ui does not"
    assert told["user"].why() == "needs shop, which is not merged"
    standing = standings(state)[TaskId("shop")]
    assert (standing.state, standing.reason) == (
        TaskState.EXCLUDED,
        "part shop_ui excluded: fails on the target",
    )


def test_a_branch_that_meets_a_part_badly_names_that_part(shop: Yard) -> None:
    shop.add("rename", {"test_api.py": "import os\nassert not os.path.exists('api.py')\n"})
    shop.create()
    outcome = landed(shop.merge())
    (item,) = outcome.excluded
    assert (item.task, item.reason, item.others) == ("rename", "interaction", ("shop_api_v1",))
    assert outcome.units == {"shop": PARTS}


def test_of_a_conflict_the_part_and_its_partner_are_named(yard: Yard) -> None:
    yard.external = False
    lines = FILES["config.txt"]
    yard.add("left", {"config.txt": lines.replace("line 10\n", "left\n")})
    yard.add("right", {"config.txt": lines.replace("line 10\n", "right\n")})
    yard.add("top_one", {"config.txt": lines.replace("line 10\n", "top\n")})
    yard.add("top_two", {"two.txt": "2\n"})
    yard.lead("top")
    yard.create()
    outcome = landed(yard.merge())
    assert tuple(outcome.commits) == ("top_one", "top_two"), "two parts are more than one branch"
    told = {item.task: (item.reason, item.others) for item in outcome.excluded}
    assert told == {"left": ("conflict", ("top_one",)), "right": ("conflict", ("top_one",))}


def test_only_a_part_takes_its_whole_unit_and_excluding_one_excludes_it(shop: Yard) -> None:
    shop.create()
    outcome = landed(shop.merge(members=(TaskId("shop_api_v1"),), dry_run=True))
    assert tuple(outcome.commits) == PARTS
    assert landed(shop.merge(members=(TaskId("shop"),), dry_run=True)).units == {"shop": PARTS}
    assert tuple(landed(shop.merge(exclude=(TaskId("shop_api"),), dry_run=True)).commits) == (
        "docs",
    )
