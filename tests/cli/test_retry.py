"""What `retry` asks for, and what it refuses because nothing would run."""

from typing import Any, cast

import pytest

from tests.coordinator.simulation import World, created, task
from wtman.cli.commands.retry import request
from wtman.coordinator.home import Home
from wtman.errors import UsageError
from wtman.model.ids import TaskId

A, B, C = TaskId("a"), TaskId("b"), TaskId("c")
NO_HOME = cast(Home, cast(Any, None))


def test_good_work_is_kept_and_one_session_asked_for() -> None:
    world = World()
    world.append(created(task("a"), task("b", "a")))
    state = world.drive(lambda number: 0)
    asked = request(NO_HOME, state, A, "mind the gap")
    assert (asked.once, asked.keeps, asked.told) == (True, state.tasks[A].head, "mind the gap")
    world.append([asked])
    world.turn()
    (action,) = world.running.values()
    assert "The user says: mind the gap" in action.prompt  # type: ignore[union-attr]


def test_what_needs_failed_work_names_what_comes_first() -> None:
    world = World()
    world.append(created(task("a"), task("b", "a"), task("c", "b")))
    world.session_fate = lambda name, attempt: "exit status 1"
    state = world.drive(lambda number: 0)
    failed = request(NO_HOME, state, A)
    assert (failed.once, failed.keeps) == (True, "")
    for name, words in ((B, "it needs a, which is failed"), (C, "it needs b, which needs a,")):
        with pytest.raises(UsageError, match=words) as refused:
            request(NO_HOME, state, name)
        assert refused.value.hint.endswith("wtman retry run-1/a")
