"""The next session of a task: its prompt, its start, its limits. Pure."""

from dataclasses import replace

from wtman.budget.budget import broken_off
from wtman.coordinator.prompt import notes_told, task_prompt
from wtman.journal.state import State, TaskView, digest
from wtman.merge.resolve import resolver_attempts, resolver_prompt
from wtman.model.ids import Sha
from wtman.model.roles import RESOLVER, agent_of_task
from wtman.model.session import Cap, Ended
from wtman.review.judgement import fix_text
from wtman.sessions.actions import RunSession
from wtman.tasks.lifecycle import counted, telling

_NO_CAP = Cap()
_BROKEN_OFF = "The session before was cut off from outside. The folder is as it was left: go on."


def attached_session(state: State, view: TaskView) -> RunSession:
    """The next attempt, made by the user: in the folder as it is, in the newest conversation."""
    action = next_session(state, view)
    said = [item.outcome.session for item in view.current if item.outcome is not None]
    newest = next((session for session in reversed(said) if session), action.resume)
    return replace(action, attach=True, kept=Sha(""), resume=newest)


def next_session(state: State, view: TaskView, cap: Cap = _NO_CAP) -> RunSession:
    """The next attempt at a task: where it starts, what it is told and what it may use.

    A resolver's stands on the target with the branch in it, and is told of both sides. It
    never goes on with the author's conversation, only with its own.
    """
    asked, request = view.resolving, view.request
    attempts = resolver_attempts(view) if asked is not None else view.current
    last = next((item.outcome for item in reversed(attempts) if counted(item)), None)
    red = next((item.red for item in reversed(attempts) if counted(item)), "")
    at, failure, resume, kept = view.start, request.restart, "", Sha("")
    if view.has_work and not request.restart and (last is not None or asked is not None):
        # The tip was put back where a session broke off; what that left is kept aside.
        at = view.head
    if view.goes_on and last is None and not request.restart:
        at, resume = view.goes_on, view.conversation
    if last is not None and not request.restart:
        refused = "" if last.ended is Ended.OK else _joined(last.reason, last.detail)
        failure, resume = red or refused, last.session
        told = telling(attempts)
        if last.unchanged and not red and told is not None and told.outcome is not last:
            # What it was to mend is still to be mended.
            failure = _joined(failure, f"It left as it was what was wrong before: {told.why}")
        if last.goes_on:
            kept = last.saved
    failure = _joined(request.excluded, failure, fix_text(state, view))
    if request.again and asked is None:
        if not failure and (last is not None or not (view.said or view.advice)):
            failure = "The user asked for this task to be gone over again."
    cut = attempts[-1].outcome if attempts and broken_off(attempts[-1]) else None
    if cut is not None and cut.session:
        # Its conversation goes on where it was, with the folder as it was.
        resume, kept = cut.session, cut.saved
        failure = _joined(failure, _BROKEN_OFF)
    if asked is None:
        agent = agent_of_task(state.settings, state.roles, view.task)
        heard = (*view.said, *view.advice, *notes_told(state, view))
        cache_key = digest(view.fingerprint, at, failure, *heard)
        prompt = task_prompt(state, view, failure)
    else:
        agent = asked.agent
        noted = notes_told(state, view)
        cache_key = digest(view.fingerprint, RESOLVER, at, asked.told, failure, *noted)
        prompt = resolver_prompt(state, view, failure, noted, tried=last is not None)
    return RunSession(
        task=view.task.id,
        attempt=view.last + 1,
        fingerprint=view.fingerprint,
        cache_key=cache_key,
        start=view.start,
        head=view.head,
        at=at,
        agent=agent,
        prompt=prompt,
        resume=resume,
        cap=cap,
        kept=kept,
        role=RESOLVER if asked is not None else "",
    )


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
