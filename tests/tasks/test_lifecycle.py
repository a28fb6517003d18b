"""Why a task is not done: the telling reason, not the newest one."""

import pytest

from tests.coordinator.simulation import World, created, task
from wtman.coordinator.next_session import next_session
from wtman.journal import events as e
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Ended
from wtman.tasks.lifecycle import standings

A, BASE = TaskId("a"), Sha("base")
NOTHING = "it changed nothing"
HANG = "check `test`: timed out after 2 s"
Ending = tuple[Ended, str, str]  # how it ended, why, and why its check was red


@pytest.mark.parametrize(
    "endings, reason",
    [
        ([(Ended.FAILED, NOTHING, "")], NOTHING),
        ([(Ended.OK, "", "timed out after 2 s"), (Ended.FAILED, NOTHING, "")], HANG),
        ([(Ended.OK, "", "timed out after 2 s"), *[(Ended.FAILED, NOTHING, "")] * 2], HANG),
        ([(Ended.FAILED, "touched b.py", ""), (Ended.FAILED, NOTHING, "")], "touched b.py"),
        ([(Ended.FAILED, "setup failed: x", ""), (Ended.FAILED, NOTHING, "")], "setup failed: x"),
        ([(Ended.FAILED, "one", ""), (Ended.FAILED, "two", "")], "two"),
    ],
)
def test_an_attempt_that_changed_nothing_hides_no_reason(
    endings: list[Ending], reason: str
) -> None:
    world = World()
    world.append(created(task("a")))
    world.append([e.WorktreeMade(A, "/w/a", "wtman/a", BASE, {})])  # type: ignore[arg-type]
    for number, (ended, why, red) in enumerate(endings, 1):
        view, head = world.state.tasks[A], Sha(f"head-{number}" if ended is Ended.OK else "base")
        begins = e.AttemptStart(number, view.fingerprint, "", BASE, view.head, "x")
        world.append([e.Intended("RunSession", ActionKey(ActionKind.SESSION, A), attempt=begins)])
        unchanged = why == NOTHING
        head = view.head if unchanged else head
        world.append([e.SessionFinished(A, number, ended, head, why, unchanged=unchanged)])
        if red:
            result = CheckResult("test", Verdict.RED, red)
            world.append([e.Checked(A, head, BASE, Verdict.RED, (result,))])
    told = standings(world.state)[A].reason
    hidden = endings[-1][1] == NOTHING and reason != NOTHING
    assert told == (f"{reason}; then it changed nothing" if hidden else reason)
    assert reason in next_session(world.state, world.state.tasks[A]).prompt
