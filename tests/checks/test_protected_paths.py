"""A branch that bends the tests, for real: it is judged with the old ones, too."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checks.test_perform import GREEN, RED, SHOP, World, counted
from tests.kit import run_git
from wtman.checks import perform
from wtman.checks.actions import CheckTask
from wtman.execution.spawn import install_child_watcher
from wtman.git import control_dir
from wtman.git.discovery import discover
from wtman.git.objects.history import changes
from wtman.git.patches import apply
from wtman.journal.events import Checked, Event, Noted
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.model.settings import Settings

CHECK = "python3 -B -m unittest -q"
WRONG = "def total(prices):\n    return sum(prices) + 1\n"


@pytest.fixture
def world(make_repo: Callable[..., Path], tmp_path: Path) -> World:
    install_child_watcher()
    return World(
        make_repo(SHOP),
        tmp_path,
        Settings(check_jobs=2, check_timeout=60, grace=1, worktrees=str(tmp_path / "trees")),
    )


def judged(
    world: World, start: Sha, head: Sha, *owns: str, check: str = CHECK
) -> tuple[Event, ...]:
    task = Task(TaskId("one"), "do", owns=owns, check=(check,))

    async def go() -> tuple[Event, ...]:
        async with world.ctx() as ctx:
            views = {task.id: TaskView(task, fingerprint="l")}
            state = State(run=ctx.run, settings=world.settings, tasks=views)
            return await perform.perform(ctx, state, CheckTask(task.id, start, head))

    return asyncio.run(go())


def bent(world: World) -> tuple[Sha, Sha]:
    start = world.head()
    tests = SHOP["test_shop.py"].replace("3)", "4)").replace("0)", "1)")
    return start, world.commit({"shop.py": WRONG, "test_shop.py": tests})


def test_a_test_bent_to_a_wrong_result_is_a_changed_expectation(world: World) -> None:
    start, head = bent(world)
    checked, note = judged(world, start, head)
    assert isinstance(checked, Checked) and isinstance(note, Noted)
    assert checked.verdict is GREEN
    assert note.task == "one"
    assert note.text.startswith("changed expectation: with test_shop.py as at the start")


def test_it_blocks_where_the_task_does_not_own_the_test(world: World) -> None:
    start, head = bent(world)
    (checked,) = judged(world, start, head, "shop.py")
    assert isinstance(checked, Checked)
    assert checked.verdict is RED
    assert [item.command for item in checked.results] == [CHECK]
    assert checked.results[0].reason.startswith("changed expectation: ")
    assert "4 != 3" in checked.evidence


def test_an_honest_change_costs_one_more_run_and_is_no_news(world: World) -> None:
    """The second look is kept by its tree; a branch that only adds tests needs none."""
    start = world.head()
    command, runs = counted(world, CHECK)
    added = world.commit({"test_more.py": SHOP["test_shop.py"], "shop.py": SHOP["shop.py"] + "#\n"})
    assert len(judged(world, start, added, check=command)) == 1
    assert runs() == 1
    more = world.commit({"test_shop.py": SHOP["test_shop.py"] + "# more\n"})
    assert len(judged(world, start, more, check=command)) == 1
    # With the old test file it is the tree that was judged a moment ago.
    assert runs() == 2


def test_a_deleted_test_comes_back_and_what_took_its_place_goes(world: World) -> None:
    start = world.head()
    run_git(world.repo, "rm", "-q", "test_shop.py")
    head = world.commit({"test_shop.py/x.txt": "a folder now\n", "shop.py": WRONG})
    ctl = control_dir.prepare(discover(str(world.repo)))
    old = [item for item in changes(ctl, start, head) if item.path == "test_shop.py"]
    made = apply.restored(ctl, head, old)
    listed = run_git(world.repo, "ls-tree", "-r", "--name-only", made).split()
    assert listed == [".gitignore", "shop.py", "test_shop.py"]
    assert made == apply.restored(ctl, head, old)
    checked, _ = judged(world, start, head, check=f"test -d test_shop.py || {CHECK}")
    assert isinstance(checked, Checked) and checked.verdict is GREEN
