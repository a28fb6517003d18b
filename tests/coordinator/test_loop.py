"""The loop: what `decide` may leave to it."""

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wtman.coordinator.loop import _Loop
from wtman.errors import DiskFullError, LockedError, ToolError, WtmanError
from wtman.execution import space
from wtman.execution.space import Space
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.disk import FreeSpace


class Performed:
    """An action under way that counts how often it is told to stop."""

    cancels = 0

    def cancel(self) -> None:
        self.cancels += 1


def test_an_action_is_cancelled_once_however_often_decide_asks() -> None:
    loop = _Loop(cast(Any, SimpleNamespace(space=Space())), lambda state, recorded: None)
    key, performed = ActionKey(ActionKind.SESSION, "a"), Performed()
    loop.running[key] = cast(Any, performed)
    loop._cancel(key)
    loop._cancel(key)
    loop._cancel(ActionKey(ActionKind.CHECK, "a"))
    assert performed.cancels == 1


def test_a_disk_that_is_nearly_full_pauses_what_goes_on_and_no_merge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few = FreeSpace(10, 10, None, reserve=100, block=1)
    monkeypatch.setattr(space, "free_space", lambda path: few)
    own = Space(own=(str(tmp_path),))
    loop = _Loop(cast(Any, SimpleNamespace(space=own)), lambda state, recorded: None)
    loop.state = State(approved=True)
    (paused,) = loop._low_space()
    assert paused.reason.startswith("disk: 0.1 MB free on the file system of /")
    assert "wtman resume" in paused.hint
    loop.state = State(approved=True, paused=paused)
    assert loop._low_space() == ()


KEY = ActionKey(ActionKind.SESSION, "a")


async def _ended(error: Exception, key: ActionKey, times: int) -> list[tuple[e.Event, ...]]:
    async def performed() -> tuple[e.Event, ...]:
        raise error

    loop, told = _Loop(cast(Any, SimpleNamespace(space=Space())), lambda state, recorded: None), []
    for _ in range(times):
        loop.running[key] = asyncio.ensure_future(performed())
        await asyncio.wait([loop.running[key]])
        told.append(loop._outcome(key))
    return told


def _names(events: tuple[e.Event, ...]) -> list[str]:
    return [type(event).__name__ + "!" * getattr(event, "held", False) for event in events]


def test_a_killed_git_is_asked_again_and_in_the_end_pauses_the_run() -> None:
    told = asyncio.run(_ended(ToolError("git was killed"), KEY, 3))
    assert [_names(events) for events in told] == [
        ["Abandoned"],
        ["Abandoned"],
        ["Abandoned!", "Paused"],
    ]


@pytest.mark.parametrize(
    "error, key, events",
    [
        (DiskFullError("full"), KEY, ["Abandoned!", "Paused"]),
        (OSError(errno.ENOSPC, "full", "/x"), KEY, ["Abandoned!", "Paused"]),
        (OSError(errno.EMFILE, "too many", "/x"), KEY, ["Abandoned!", "Paused"]),
        (LockedError("locked"), ActionKey(ActionKind.BASE), ["Abandoned!", "Paused"]),
        # What strikes one task is no reason for the others not to be finished.
        (WtmanError("odd"), KEY, ["Abandoned!"]),
        (PermissionError(errno.EACCES, "denied", "/x"), KEY, ["Abandoned!"]),
        (WtmanError("odd"), ActionKey(ActionKind.BASE), ["Abandoned", "RunFailed"]),
    ],
)
def test_whose_fault_an_error_is_decides_what_becomes_of_the_run(
    error: Exception, key: ActionKey, events: list[str]
) -> None:
    (told,) = asyncio.run(_ended(error, key, 1))
    assert _names(told) == events
