"""Journals for the tests of pure views: a run of four tasks, and shorthands for its events."""

from collections.abc import Iterable
from typing import Any

from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.plan import Identity, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings

START = 1_767_323_045.0  # 2026-01-02T03:04:05Z
NOW = START + 100

A_RUN: tuple[e.Event, ...] = (
    e.RunCreated(
        run="oauth-7f3a",
        request="add OAuth everywhere",
        base="base",
        target="main",
        settings=Settings(agent="command:build", worktrees="/work", attempts=2),
        identity=Identity("Ada", "ada@example.com"),
    ),
    e.TaskAdded(Task("core", "build the core", title="The core")),
    e.TaskAdded(Task("billing", "use it", owns=("billing/**",), needs=("core",))),
    e.TaskAdded(Task("portal", "use that", needs=("billing",))),
    e.TaskAdded(Task("docs", "tell of it")),
    e.Approved(),
)


# Fingerprints as replay works them out, so that attempts count as current.
_VIEWS = replay([record.Recorded(1, START, event) for event in A_RUN]).tasks


def started(task: str, attempt: int) -> e.Intended:
    begins = e.AttemptStart(attempt, _VIEWS[task].fingerprint, "", "", "", "command:build")
    return e.Intended("RunSession", ActionKey(ActionKind.SESSION, task), attempt=begins)


def finished(task: str, attempt: int, ended: Ended = Ended.OK, **more: Any) -> tuple[e.Event, ...]:
    """The start and the end of a session."""
    needs = dict.fromkeys(_VIEWS[task].task.needs, "c1")
    made = e.WorktreeMade(task, f"/srv/{task}", f"wtman/oauth-7f3a/{task}", "base", needs)
    head = "c1" if ended is Ended.OK else "base"
    first = (made,) if attempt == 1 else ()
    return (*first, started(task, attempt), e.SessionFinished(task, attempt, ended, head, **more))


def journal(*events: e.Event) -> tuple[e.Event, ...]:
    return events


def played(events: Iterable[e.Event]) -> State:
    """The state; one event every half second."""
    return replay(
        [record.Recorded(seq, START + seq * 0.5, event) for seq, event in enumerate(events)]
    )
