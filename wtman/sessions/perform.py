"""Sessions: one agent process in one worktree, and what it left, committed.

The keeper's durable exit marker defines *completed*. The work of a completed
attempt goes into git first, under a ref that names the attempt; the journal comes
second; and before either is done again it is looked for. So a completed session
never runs twice, whatever is killed at whatever moment.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

from wtman import files
from wtman.agents import Activity
from wtman.agents.stream import way_on
from wtman.agents.transcript import readable
from wtman.budget.budget import counts
from wtman.checks.excerpt import summary
from wtman.context import Context
from wtman.errors import SPACE_HINT
from wtman.execution.output import read_exit, started
from wtman.git.checkouts.snapshot import checkout
from wtman.git.run import persistent
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.plan import Role
from wtman.model.roles import DEFAULT, effort_of, model_of, role_of
from wtman.model.session import Cap, Ended, Outcome, Usage
from wtman.sandbox.guard import RepositoryChanges, isolation
from wtman.sessions import handover, notes
from wtman.sessions.actions import Collect, RunSession
from wtman.sessions.launch import Launch, launch, outcome_of
from wtman.worktrees import collect
from wtman.worktrees.baseline import home_of, needs_provision, port, provision_task
from wtman.worktrees.lent import lend
from wtman.worktrees.place import TaskPlace, bring, kept_of, place_of, require_unused

_ENDED = "it ended "  # as every adapter says it
_ASIDE = "{}: files and commits that were not part of its work are kept: git show {}"


async def perform(ctx: Context, state: State, action: RunSession | Collect) -> tuple[e.Event, ...]:
    """Run an attempt, or settle one that a dead coordinator left."""
    if isinstance(action, Collect):
        return await _settle(ctx, state, action)
    if action.attach:
        return await _handed_over(ctx, state, action)
    place = place_of(state, action.task)
    await ctx.git(require_unused, ctx, place)
    told: tuple[e.Event, ...] = ()
    if action.attempt > 1 or action.at != action.head:
        before = await ctx.git(kept_of, ctx, place)
        problem = await _bring(ctx, state, action, place)
        aside = sorted(await ctx.git(kept_of, ctx, place) - before)
        told = tuple(e.Noted(_ASIDE.format(action.task, commit[:12])) for commit in aside)
        if problem:
            return (*told, _unprovisioned(action, problem))
    wanted = await _wanted(ctx, state, action, place)
    await ctx.guard.begin(ctx.control, wanted.id, isolation=isolation(ctx.sandbox), git=ctx.git)
    try:
        exit_, outcome = await launch(ctx, state.settings, wanted, _follower(ctx, action.task))
    finally:
        seen = await ctx.guard.end(ctx.control, wanted.id, git=ctx.git)
    collected = await _collect(ctx, state, action, exit_, outcome, seen)
    return (*collected, *told)


async def _handed_over(ctx: Context, state: State, action: RunSession) -> tuple[e.Event, ...]:
    """Offer the attempt to the user's terminal, and collect what was done there.

    The folder stays as it was left: what is in it is what the user wants to see.
    """
    if action.at != action.head:
        place = place_of(state, action.task)
        await persistent(ctx.git, bring, ctx, state, place, action.head, action.at)
    handover.offer(_folder(ctx, action.task, action.attempt), action)
    settle = Collect(
        action.task, action.attempt, action.start, action.head, action.at, action.agent
    )
    return await _settle(ctx, state, settle)


async def attachment(ctx: Context, state: State, action: RunSession) -> Launch:
    """What `wtman attach` starts at its terminal for an attempt that was offered."""
    place = place_of(state, action.task)
    return replace(await _wanted(ctx, state, action, place), terminal=True)


async def _bring(ctx: Context, state: State, action: RunSession, place: TaskPlace) -> str:
    """The worktree, brought to where the attempt starts; says what went wrong, or nothing."""
    worktree = await persistent(ctx.git, bring, ctx, state, place, action.head, action.at)
    if action.kept:
        # As it was when the session before was over, uncommitted.
        await persistent(ctx.git, checkout, ctx.control, worktree.path, worktree.index, action.kept)
    if not await persistent(ctx.git, needs_provision, ctx, state, place):
        return ""
    fitted = await provision_task(ctx, state, place, worktree, action.at)
    return fitted.problem


def _unprovisioned(action: RunSession, problem: str) -> e.SessionFinished:
    reason = f"setup failed: {problem}"
    return e.SessionFinished(
        action.task, action.attempt, Ended.FAILED, action.at, reason=reason.splitlines()[0]
    )


async def _settle(ctx: Context, state: State, action: Collect) -> tuple[e.Event, ...]:
    folder = _folder(ctx, action.task, action.attempt)
    played = handover.offered(folder)
    if played is not None:
        # Whatever the user's hands left is wanted; an agent's stream there is none.
        closed = await handover.over(folder)
        reason = closed.detail if closed.reason is ExitReason.LOST else ""
        outcome = Outcome(not reason, reason, session=played.resume)
        return await _collect(ctx, state, action, closed, outcome, RepositoryChanges())
    exit_ = read_exit(folder)
    if exit_ is None:
        detail = "its coordinator died" if started(folder) else "it had not begun"
        exit_ = Exit(ExitReason.LOST, detail=detail)
    task = state.tasks[action.task].task
    model = model_of(state.settings, role_of(state.roles, task), action.agent, task.model)
    view = ctx.view(place_of(state, action.task).path)
    found = outcome_of(ctx.agent(action.agent), folder, exit_, model, view)
    seen = await ctx.guard.settle(
        ctx.control,
        _id(state, action),
        isolation=isolation(ctx.sandbox),
        began=started(folder),
        git=ctx.git,
    )
    return await _collect(ctx, state, action, *found, seen)


def _id(state: State, action: RunSession | Collect) -> str:
    return f"{state.run}/{action.task}/{action.attempt}"


def _folder(ctx: Context, task: TaskId, attempt: int) -> str:
    return ctx.below("tasks", task, str(attempt))


async def _wanted(ctx: Context, state: State, action: RunSession, place: TaskPlace) -> Launch:
    task = state.tasks[action.task].task
    settings = state.settings
    # A run from before there were roles has none.
    if action.role:  # what the task says of its own sessions does not hold for this one
        task = replace(task, role=action.role, tools=(), model="", effort="")
    role = role_of(state.roles, task) or Role(task.role, "", tools=task.tools)
    git = await persistent(ctx.git, lend, ctx, state, place, action.attempt, action.at)
    home = home_of(ctx, action.task)
    await ctx.git(notes.prepare, home)
    return Launch(
        id=_id(state, action),
        folder=_folder(ctx, action.task, action.attempt),
        agent=action.agent,
        prompt=action.prompt,
        cwd=place.path,
        writable=role.writes,
        home=home,
        task=action.task,
        attempt=action.attempt,
        env={
            "WTMAN_RUN": state.run,
            "WTMAN_TASK": action.task,
            "WTMAN_ROLE": role.name or DEFAULT,
            "WTMAN_ATTEMPT": str(action.attempt),
            "WTMAN_BRANCH": place.branch,
            "WTMAN_PORT": str(port(state, place)),
            notes.VARIABLE: ctx.view(place.path, home).seen(notes.path_of(home, action.attempt)),
        },
        binds=git.binds,
        role=role,
        model=model_of(settings, role, action.agent, task.model),
        effort=effort_of(settings, role, task.effort),
        resume=action.resume,
        timeout=task.timeout,
        grace=settings.grace,
        cap=action.cap,
    )


def _follower(ctx: Context, task: TaskId) -> Callable[[Activity], None]:
    """Tells what a session is doing."""

    def tell(activity: Activity) -> None:
        if activity.text:
            ctx.activity(task, activity.text)

    return tell


async def _collect(
    ctx: Context,
    state: State,
    action: RunSession | Collect,
    exit_: Exit,
    outcome: Outcome,
    seen: RepositoryChanges,
) -> tuple[e.Event, ...]:
    """Commit what is in the worktree of a session that has ended."""
    folder = _folder(ctx, action.task, action.attempt)
    agent = ctx.agent(action.agent)
    outcome = replace(outcome, usage=_own_usage(state, action, outcome))
    ended = _ended(state, action, outcome, exit_)
    if outcome.limited:
        ctx.live_usage.slow()
    full = ""
    if ended is Ended.OK and (full := await ctx.git(ctx.space.was_full, exit_.started)):
        # Half a file looks like a whole one, and not every program says that it could not write.
        ended = Ended.INTERRUPTED
    place = place_of(state, action.task)
    said = ctx.view(place.path).told(_last_words(folder)) if ended is Ended.FAILED else ""
    lack = full
    if ended is Ended.FAILED:
        lack = await ctx.git(ctx.space.lacked, exit_.started, said)
        ended = Ended.INTERRUPTED if lack or _is_excused(state, action) else ended
    found = await persistent(
        ctx.git,
        collect.collect,
        ctx,
        state,
        collect.Finished(
            place=place,
            attempt=action.attempt,
            start=action.start,
            at=action.at,
            ended=ended,
            reason=_with_words(outcome.reason, summary(said), exit_),
            when=exit_.ended or ctx.clock(),
            changed=seen.blamed,
            began=await ctx.git(_began, ctx, state, action),
        ),
    )
    if handover.offered(folder) and found.ended is Ended.FAILED and found.head == action.at:
        # Who looked around and changed nothing has not failed.
        found = replace(found, ended=Ended.INTERRUPTED)
    if found.ended is Ended.FAILED and found.head == action.at and not found.quarantine:
        # A write that failed may be all that became of its work.
        lack = await ctx.git(ctx.space.lacked, exit_.started, said)
        found = replace(found, ended=Ended.INTERRUPTED) if lack else found
    hint = SPACE_HINT if lack else ""
    noted = await ctx.git(notes.read, home_of(ctx, action.task), action.attempt)
    finished = replace(
        found,
        detail=found.detail or said,
        usage=outcome.usage,
        session=outcome.session,
        seconds=max(exit_.ended - exit_.started, 0.0),
        fatal=outcome.fatal or lack,
        hint=way_on(outcome.fatal, agent.needs.sign_in) if outcome.fatal else hint,
        limited=outcome.limited,
        lost=exit_.reason is ExitReason.LOST,
        deviated=noted.written,
        deviations=noted.deviations,
        unread=noted.unread,
    )
    return (finished, *(e.Noted(line) for line in seen.others))


def _began(ctx: Context, state: State, action: RunSession | Collect) -> int:
    """Since when what is new in the worktree is of sessions: nanoseconds on the clock of the disk.

    0 where nothing says so. Where nobody else brings files there, all sessions are meant.
    """
    first = action.attempt if state.settings.brings else 1
    for attempt in range(first, action.attempt + 1):
        for name in ("spec.json", "attach.json"):
            with contextlib.suppress(OSError):
                path = os.path.join(_folder(ctx, action.task, attempt), name)
                return os.stat(path).st_ctime_ns
    return 0


def _own_usage(state: State, action: RunSession | Collect, outcome: Outcome) -> Usage:
    """What this session used; agents whose figures go on over a resume told all of it.

    What a killed session used and could not tell is in the figures of the one that resumed it.
    """
    if not outcome.cumulative:
        return outcome.usage
    before = Usage()
    view = state.tasks.get(action.task) or state.dropped.get(action.task)
    for attempt in view.attempts if view is not None else ():
        told = attempt.outcome
        if told is None or attempt.number >= action.attempt:
            continue
        if told.session and told.session == outcome.session:
            before = before + told.usage
    return outcome.usage - before


def _ended(state: State, action: RunSession | Collect, outcome: Outcome, exit_: Exit) -> Ended:
    """Whether the attempt is done, has failed, or was ended by something outside of it."""
    # Once its keeper may have died of something outside. A session that takes its keeper along
    # again counts, or it would be started for ever; what a dead coordinator left never does.
    lost = exit_.reason is ExitReason.LOST
    lost_with_us = lost and (isinstance(action, Collect) or not _was_lost(state, action))
    # With a detail wtman stopped it for what it cost, not for somebody who asked.
    stopped = exit_.reason is ExitReason.STOPPED and not exit_.detail
    if outcome.fatal or stopped or lost_with_us:
        return Ended.INTERRUPTED
    if outcome.ok:
        return Ended.OK
    view = state.tasks.get(action.task) or state.dropped.get(action.task)
    flight = view.in_flight if view is not None else None
    cap = flight.cap if flight is not None else Cap()
    return Ended.FAILED if counts(state.settings, cap, outcome) else Ended.INTERRUPTED


def _was_lost(state: State, action: RunSession) -> bool:
    """Whether the keeper of an earlier session at the task as it is worded now was lost, too."""
    view = state.tasks.get(action.task)
    told = [item.outcome for item in view.current] if view is not None else []
    return any(outcome is not None and outcome.lost for outcome in told)


def _is_excused(state: State, action: RunSession | Collect) -> bool:
    """Whether it ended amid what no session is to blame for, as the journal tells."""
    view = state.tasks.get(action.task)
    flight = view.in_flight if view is not None else None
    return flight is not None and flight.excused


def _with_words(reason: str, last: str, exit_: Exit) -> str:
    """Why it failed, with its last words where its stream told no more than that it ended."""
    bare = reason == exit_.problem() or reason.startswith(_ENDED)
    return f"{reason}: {last}" if last and bare else reason


def _last_words(folder: str, cap: int = 2000) -> str:
    """The end of stderr, else of stdout: what a failed session said last."""
    said = files.tail(os.path.join(folder, "stderr"), cap).decode("utf-8", "replace").strip()
    return said or _words_of(files.tail(os.path.join(folder, "stdout"), cap), cap).strip()


def _words_of(tail: bytes, cap: int) -> str:
    """The end of a stream as people read it: of an event its words, none of a piece of one."""
    first, *rest = tail.splitlines() or [b""]
    lines = rest if len(tail) == cap and b'":' in first else [first, *rest]
    said: list[str] = []
    for line in lines:
        told = readable(line)
        said += (line.decode("utf-8", "replace"),) if told is None else told
    return "\n".join(said)
