"""What `retry` asks for, and what it refuses because nothing would run."""

from typing import Any, cast

import pytest

from tests.coordinator.simulation import World, created, task
from wtman.cli.commands.retry import request
from wtman.coordinator.home import Home
from wtman.errors import UsageError
from wtman.model.ids import TaskId
from wtman.ui.document import plain as plain_text
from wtman.ui.facts import task_told
from wtman.ui.logs import heading
from wtman.ui.status_json import status

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


def test_what_the_user_says_stands_beside_what_failed_in_every_later_prompt() -> None:
    world = World()
    world.append(created(task("a"), attempts=3))
    world.session_fate = lambda name, attempt: "exit status 1"
    prompts: dict[int, str] = {}

    def look(number: int) -> int:
        prompts[len(world.state.tasks[A].attempts)] = _prompt(world)
        return 0

    _begin(world)
    # One session is at work: what is said meanwhile goes to the one after it.
    for text in ("use Decimal\n\nnot float", "add a test"):
        world.append([request(NO_HOME, world.state, A, text)])
    state = world.drive(look)
    for text in (prompts[2], prompts[3]):
        assert "Why:\nexit status 1" in text
        assert text.endswith("The user says: use Decimal\n\nnot float\n\nadd a test\n")
    told = [item.request.told for item in state.tasks[A].attempts]
    assert told == ["", "use Decimal\n\nnot float\n\nadd a test", ""]
    plain = status(state, False)["tasks"][0]
    assert plain["messages"] == ["use Decimal\n\nnot float", "add a test"]
    said = [plain_text(fact) for fact in task_told(state, A)]
    words = 'attempt 2, told "use Decimal  not float  add a test": exit status 1'
    assert words in said
    assert "-- you said: use Decimal" in heading(state.tasks[A].attempts[1], 0.0)


def test_all_that_was_said_to_a_lead_is_kept_for_its_planner() -> None:
    world = World()
    world.append(created(task("a", lead=True), attempts=1))
    world.team_fate = lambda lead, attempt: (task("a_b", part_of=TaskId("a")),)
    for text in ("use Decimal", "no new files"):
        state = world.drive(lambda number: 0)
        world.append([request(NO_HOME, state, A, text)])
    state = world.state
    assert state.tasks[A].said == ("use Decimal", "no new files")
    said = [plain_text(fact) for fact in task_told(state, A)]
    assert 'its planner is told "no new files"' in said


def test_a_task_at_work_for_its_last_time_is_told_all_the_same() -> None:
    world = World()
    world.append(created(task("a"), attempts=1))
    world.session_fate = lambda name, attempt: "exit status 1"
    _begin(world)
    world.append([request(NO_HOME, world.state, A, "use Decimal")])
    state = world.drive(lambda number: 0)
    assert [item.request.told for item in state.tasks[A].attempts] == ["", "use Decimal"]


def test_a_long_message_does_not_take_the_place_of_what_failed() -> None:
    world = World()
    world.append(created(task("a"), attempts=1))
    world.session_fate = lambda name, attempt: "exit status 1"
    state = world.drive(lambda number: 0)
    world.append([request(NO_HOME, state, A, "begin " + "x" * 9000)])
    _begin(world)
    prompt = _prompt(world)
    assert "exit status 1" in prompt and "The user says: begin xxx" in prompt


def _begin(world: World) -> None:
    """Until the session of the task is at work."""
    world.turn()
    while not _prompt(world):
        world.finish(next(iter(world.running)))
        world.turn()


def _prompt(world: World) -> str:
    return next((getattr(item, "prompt", "") for item in world.running.values()), "")


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
