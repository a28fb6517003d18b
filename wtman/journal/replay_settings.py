"""The folds of what a resume changes in a run: its settings, its base. Part of `replay`.

What was judged by other commands or in another environment is judged again. A session is
worth another only where somebody else would work now, and what it left was not good.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.formats.codec import from_plain, to_plain
from wtman.journal import events as e
from wtman.journal import replay_team as teams
from wtman.journal.copies import replace
from wtman.journal.replay_plan import view_of
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.model.settings import Settings

# What decides who works, and thereby what a session leaves.
AUTHORS = frozenset({"agent", "model", "effort", "roles"})
# What a checkout is made of.
_PROVISION = frozenset({"setup", "setup_inputs", "copy", "symlink", "sandbox", "env"})
# What a verdict follows from, besides the tree.
_JUDGES = _PROVISION | {"check", "check_network", "protect"}


def unjudged(view: TaskView) -> TaskView:
    """The view with its verdict forgotten: an edited check judges again, nothing runs again."""
    attempts = view.attempts
    if attempts and attempts[-1].red:
        attempts = (*attempts[:-1], replace(attempts[-1], red=""))
    team = replace(view.team, judged=(), torn=None, made=None)
    return replace(view, attempts=attempts, checked=None, team=team)


def without_failed_setup(state: State) -> State:
    """What kept a setup from its end may be mended by now: it is tried again."""
    for task, view in state.tasks.items():
        if view.stuck.startswith(e.SETUP_FAILED):
            state.tasks[task] = replace(view, stuck="")
    return state


def _settings_changed(state: State, event: e.SettingsChanged, at: float) -> State:
    before, changed = state.settings, event.settings.keys()
    settings = from_plain(Settings, {**to_plain(before), **event.settings})
    given = tuple(dict.fromkeys((*state.given, *event.given)))
    state = replace(state, settings=settings, given=given)
    if changed & (_JUDGES | {"check_timeout"}):
        state = replace(state, base_checked=None)
    for task, view in state.tasks.items():
        if view.merged or view.excluded is not None or view.external:
            continue
        if _is_judged_anew(view, changed):
            view = unjudged(view)
        if (
            changed & _PROVISION
            and event.task in ("", task)
            and view.stuck.startswith(e.SETUP_FAILED)
        ):
            view = replace(view, stuck="")
        state.tasks[task] = view
    return _worked_by_others(state, before, event.task) if changed & AUTHORS else state


def _is_judged_anew(view: TaskView, changed: Any) -> bool:
    others = changed & (_JUDGES - {"check"})
    if others or ("check" in changed and not view.planned.check):
        return True
    return "check_timeout" in changed and bool(view.attempts and view.attempts[-1].red)


def _worked_by_others(state: State, before: Settings, only: TaskId) -> State:
    """Good work stays whoever did it; all other is begun anew. A flow's script asks by itself."""
    state = replace(state, authors=(*state.authors, before))
    if state.flow is not None:
        return state
    for task, known in dict(state.tasks).items():
        if only not in ("", task):
            continue
        if task in state.tasks and not (known.merged or known.excluded or known.external):
            state.tasks[task] = view_of(state, known.planned)
            if known.planned.lead:
                state = teams.as_worded(state, task, known)
    return state


def _base_moved(state: State, event: e.BaseMoved, at: float) -> State:
    for task, view in state.tasks.items():
        if not view.attempts:
            fresh = replace(view, worktree="", start=Sha(""), head=Sha(""), needs={}, stuck="")
            state.tasks[task] = fresh
    return replace(state, base=event.base, base_checked=None)


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.SettingsChanged: _settings_changed,
    e.Configured: lambda state, event, at: replace(state, configured=event),
    e.BaseMoved: _base_moved,
}
