"""The next session of a task: its prompt, its content, its limits. Pure."""

from dataclasses import replace

from wtman.budget.budget import broken_off
from wtman.coordinator.prompt import task_prompt
from wtman.journal.state import State, TaskView, digest
from wtman.merge.resolve import resolver_session
from wtman.model.ids import Sha
from wtman.model.roles import agent_of_task
from wtman.model.session import Cap
from wtman.review.judgement import fix_text
from wtman.sessions.actions import RunSession
from wtman.sessions.prompt import BROKEN_OFF
from wtman.tasks.lifecycle import last_counted

_NO_CAP = Cap()


def attached_session(state: State, view: TaskView) -> RunSession:
    """The next attempt as the user plays it: in the folder as it is, in the newest conversation."""
    action = next_session(state, view)
    said = [item.outcome.session for item in view.current if item.outcome is not None]
    newest = next((session for session in reversed(said) if session), action.resume)
    return replace(action, attach=True, kept=Sha(""), resume=newest)


def next_session(state: State, view: TaskView, cap: Cap = _NO_CAP) -> RunSession:
    """The next attempt at a task: where it starts, what it is told and what it may use."""
    if view.resolving is not None:
        return resolver_session(state, view, cap)
    last = last_counted(view)
    at, failure, resume = view.start, view.request.restart, ""
    if last is not None and last.outcome is not None and not view.request.restart:
        # The stage has put the tip back where a session broke off; what it left is kept aside.
        at = view.head if view.has_work else view.start
        failure = last.red or last.outcome.reason
        if last.outcome.detail:
            failure = f"{failure}\n{last.outcome.detail}" if not last.red else failure
        resume = last.outcome.session
    mend = fix_text(state, view)
    failure = "\n".join(part for part in (view.request.left_out, failure, mend) if part)
    if view.request.again and not failure:
        failure = "The user asked for this task to be gone over again."
    kept = Sha("")
    newest = view.current[-1] if view.current else None
    if newest is not None and newest.outcome is not None and broken_off(newest):
        if newest.outcome.session:
            # Its conversation goes on where it was, with the folder as it was.
            resume, kept = newest.outcome.session, newest.outcome.saved
            failure = "\n".join(part for part in (failure, BROKEN_OFF) if part)
    number = max((item.number for item in view.attempts), default=0) + 1
    prompt = task_prompt(state, view, failure)
    return RunSession(
        task=view.task.id,
        attempt=number,
        fingerprint=view.fingerprint,
        cache_key=digest(view.fingerprint, at, failure),
        start=view.start,
        head=view.head,
        at=at,
        agent=agent_of_task(state.settings, state.roles, view.task),
        prompt=prompt,
        resume=resume,
        cap=cap,
        kept=kept,
    )
