"""What a run is at, in words: for a merge or a review, which have no table of tasks. Pure."""

from collections.abc import Callable, Mapping, Sequence

from wtman.journal.state import State
from wtman.model.actions import ActionKind
from wtman.model.ids import TaskId
from wtman.text.terminal import command, count, elapsed, fit
from wtman.text.words import listed

_NAMED = 3  # branches that are named
_COMMAND = 40  # columns of a check, so that there is room for the clock
# The first of these that goes on is told.
_ORDER = (
    ActionKind.LAND,
    ActionKind.CANDIDATE,
    ActionKind.BASE,
    ActionKind.SESSION,
    ActionKind.CHECK,
    ActionKind.REPRODUCE,
    ActionKind.REFUTE,
    ActionKind.REVIEW,
    ActionKind.COUPLE,
    ActionKind.WORKTREE,
    ActionKind.MAP,
    ActionKind.SCOUT,
    ActionKind.JUDGE,
    ActionKind.PLAN,
    ActionKind.REPAIR,
)


def going_on(state: State) -> str:
    """What goes on in a run now, the most telling first; empty where nothing does."""
    for kind in _ORDER:
        subjects = sorted(key.subject for key in state.intents if key.kind is kind)
        if subjects:
            return _WORDS[kind](state, subjects)
    return ""


# What goes on in a run apart from its tasks, each of which has a row that says it.
_OF_RUN = (
    ActionKind.MAP,
    ActionKind.SCOUT,
    ActionKind.JUDGE,
    ActionKind.PLAN,
    ActionKind.BASE,
    ActionKind.CANDIDATE,
    ActionKind.LAND,
    ActionKind.REVIEW,
    ActionKind.REPRODUCE,
    ActionKind.REFUTE,
    ActionKind.REPAIR,
)


def under_way(state: State, now: float) -> str:
    """What goes on in a run apart from its tasks, with a clock: for a table. Empty: nothing."""
    parts = []
    for kind in _OF_RUN:
        begun = {
            key.subject: since
            for key, since in state.intents.items()
            if key.kind is kind and key.subject not in state.tasks
        }
        if begun:
            words = _WORDS[kind](state, sorted(begun))
            parts.append(f"{words} ({elapsed(now - min(begun.values()))})")
    return ", ".join(parts)


def _candidate(state: State, subjects: Sequence[str]) -> str:
    members = [state.label(TaskId(name)) for name in subjects[0].split(",") if name]
    more = f", and {count(len(subjects) - 1, 'more check')}" if len(subjects) > 1 else ""
    return f"combined check of {listed(members, _NAMED)}{_checks(state)}{more}"


def _base(state: State, _: Sequence[str]) -> str:
    first = "setup, then " if state.settings.setup else ""
    return f"{first}checking the base{_checks(state)}"


def _checks(state: State) -> str:
    asked = state.merge.asked.check if state.merge is not None else ()
    checks = asked or state.settings.check
    more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
    return f": {fit(command(checks[0]), _COMMAND)}{more}" if checks else ""


def _tasks(state: State, subjects: Sequence[str]) -> str:
    return listed([state.label(TaskId(name)) for name in subjects], _NAMED)


def _plan(state: State, subjects: Sequence[str]) -> str:
    planning = state.planning
    if planning is not None and planning.made is None:
        if planning.wanted.code:
            return "writing the flow"
        if any(subjects):
            return f"planning: {count(len(subjects), 'plan')} to compare"
    return "planning"


_WORDS: Mapping[ActionKind, Callable[[State, Sequence[str]], str]] = {
    ActionKind.LAND: lambda state, _: "landing: integrity check and patches",
    ActionKind.CANDIDATE: _candidate,
    ActionKind.BASE: _base,
    ActionKind.SESSION: lambda state, names: f"a session works on {_tasks(state, names)}",
    ActionKind.CHECK: lambda state, names: f"checking {_tasks(state, names)}{_checks(state)}",
    ActionKind.REPRODUCE: lambda _, names: f"running the tests of {count(len(names), 'finding')}",
    ActionKind.REFUTE: lambda _, names: f"{count(len(names), 'session')} trying to refute findings",
    ActionKind.REVIEW: lambda _, names: f"{count(len(names), 'review')} running",
    ActionKind.COUPLE: lambda _, names: "comparing the branches",
    ActionKind.WORKTREE: lambda state, names: f"making the worktree of {_tasks(state, names)}",
    ActionKind.MAP: lambda _, names: "mapping the repository",
    ActionKind.SCOUT: lambda _, names: f"{count(len(names), 'scout')}: {listed(names, _NAMED)}",
    ActionKind.PLAN: _plan,
    ActionKind.REPAIR: lambda state, names: f"deciding on {_tasks(state, names)}",
    ActionKind.JUDGE: lambda _, names: "comparing the plans",
}
assert set(_WORDS) == set(_ORDER)
