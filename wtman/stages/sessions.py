"""Sessions: one agent process in one worktree, and what it left, committed.

The keeper's durable exit marker defines *completed*. The work of a completed
attempt goes into git first, under a ref that names the attempt; the journal comes
second; and before either is done again it is looked for. So a completed session
never runs twice, whatever is killed at whatever moment.
"""

import asyncio
import os
from pathlib import Path

from wtman import collecting
from wtman.agents import Activity, Agent
from wtman.context import Context, base_environment
from wtman.core import events as e
from wtman.core.actions import Collect, RunSession
from wtman.core.model import Ended, Exit, ExitReason, Job, TaskId, Work
from wtman.core.state import State
from wtman.furnishing import furnish_task, needs_furnishing, port
from wtman.process import Lines, read_exit, started
from wtman.sandbox import Reach
from wtman.worktree import Place, bring, place_of


async def perform(ctx: Context, state: State, action: RunSession | Collect) -> tuple[e.Event, ...]:
    """Run an attempt, or settle one that a dead coordinator left."""
    if isinstance(action, Collect):
        return await _settle(ctx, state, action)
    place = place_of(state, action.task)
    if action.attempt > 1 or action.at != action.head:
        problem = await _bring(ctx, state, action, place)
        if problem:
            return (_unfurnished(action, problem),)
    agent = ctx.agent(action.agent)
    work = _work(ctx, state, action, agent, place)
    follow = _Follow(ctx, agent, action.task)
    try:
        exit_ = await ctx.executor.run(work, follow)
    except asyncio.CancelledError:
        # Not swallowed: the loop asked for this end and waits for the attempt's outcome.
        exit_ = read_exit(work.folder) or Exit(ExitReason.STOPPED)
    return await _collect(ctx, state, action, agent, exit_)


async def _bring(ctx: Context, state: State, action: RunSession, place: Place) -> str:
    """The worktree, brought to where the attempt starts; says what went wrong, or nothing."""
    worktree = await ctx.git(bring, ctx, state, place, action.head, action.at)
    if not await ctx.git(needs_furnishing, ctx, state, place):
        return ""
    return await furnish_task(ctx, state, place, worktree, action.at)


def _unfurnished(action: RunSession, problem: str) -> e.SessionFinished:
    reason = f"setup failed: {problem}"
    return e.SessionFinished(
        action.task, action.attempt, Ended.FAILED, action.at, reason=reason.splitlines()[0]
    )


async def _settle(ctx: Context, state: State, action: Collect) -> tuple[e.Event, ...]:
    folder = _folder(ctx, action.task, action.attempt)
    exit_ = read_exit(folder)
    if exit_ is None:
        detail = "its coordinator died" if started(folder) else "it had not begun"
        exit_ = Exit(ExitReason.LOST, detail=detail)
    return await _collect(ctx, state, action, ctx.agent(action.agent), exit_)


def _folder(ctx: Context, task: TaskId, attempt: int) -> str:
    return ctx.below("tasks", task, str(attempt))


def _work(ctx: Context, state: State, action: RunSession, agent: Agent, place: Place) -> Work:
    folder = _folder(ctx, action.task, action.attempt)
    prompt_file = ctx.below("tasks", action.task, str(action.attempt), "prompt.md")
    Path(prompt_file).write_text(action.prompt, encoding="utf-8", errors="surrogateescape")
    task = state.tasks[action.task].task
    env = {
        **base_environment(ctx.environ),
        "WTMAN_RUN": state.run,
        "WTMAN_TASK": action.task,
        "WTMAN_ATTEMPT": str(action.attempt),
        "WTMAN_BRANCH": place.branch,
        "WTMAN_WORKTREE": place.path,
        "WTMAN_PORT": str(port(state, place)),
        "WTMAN_PROMPT_FILE": prompt_file,
    }
    job = Job(
        task=action.task,
        attempt=action.attempt,
        prompt=action.prompt,
        prompt_file=prompt_file,
        worktree=place.path,
        home=env.get("HOME", ""),
        env=env,
        model=task.model or state.settings.model,
        effort=task.effort or state.settings.effort,
        role=task.role,
        tools=task.tools,
        resume=action.resume if agent.resumes else "",
    )
    reach = Reach(read=(folder,), write=(place.path,), home=job.home, network="on")
    return Work(
        id=f"{state.run}/{action.task}/{action.attempt}",
        command=ctx.sandbox.wrap(agent.command(job), reach),
        folder=folder,
        timeout=task.timeout or state.settings.timeout,
        grace=state.settings.grace,
    )


class _Follow:
    """Feeds a live stream to the adapter's fold and tells what the session is doing."""

    def __init__(self, ctx: Context, agent: Agent, task: TaskId) -> None:
        self._ctx, self._agent, self._task = ctx, agent, task
        self._lines = Lines()
        self._state = agent.begin()

    def __call__(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            self._state, activities = self._agent.step(self._state, line)
            for activity in activities:
                self._tell(activity)

    def _tell(self, activity: Activity) -> None:
        if activity.text:
            self._ctx.activity(self._task, activity.text)


async def _collect(
    ctx: Context,
    state: State,
    action: RunSession | Collect,
    agent: Agent,
    exit_: Exit,
) -> tuple[e.Event, ...]:
    """Judge the stream, then commit what is in the worktree."""
    folder = _folder(ctx, action.task, action.attempt)
    outcome = agent.end(_folded(agent, folder), exit_)
    ended = Ended.OK if outcome.ok else Ended.FAILED
    # A session that took its keeper along is no crash of wtman: it counts, or it would be
    # started again for ever. Only what a dead coordinator left behind does not.
    lost_with_us = exit_.reason is ExitReason.LOST and isinstance(action, Collect)
    if outcome.fatal or exit_.reason is ExitReason.STOPPED or lost_with_us:
        ended = Ended.INTERRUPTED
    said = _last_words(folder) if ended is Ended.FAILED else ""
    last = said.splitlines()[-1].strip() if said else ""
    found = await ctx.git(
        collecting.collect,
        ctx,
        state,
        collecting.Finished(
            place=place_of(state, action.task),
            attempt=action.attempt,
            start=action.start,
            head=action.head,
            at=action.at,
            ended=ended,
            reason=f"{outcome.reason}: {last}" if last else outcome.reason,
            agent=agent.name,
            when=exit_.ended or ctx.clock(),
        ),
    )
    return (
        e.SessionFinished(
            task=action.task,
            attempt=action.attempt,
            ended=found.ended,
            head=found.head,
            reason=found.reason,
            detail=found.detail or said,
            saved=found.saved,
            commits=found.commits,
            files=found.files,
            insertions=found.insertions,
            deletions=found.deletions,
            usage=outcome.usage,
            session=outcome.session,
            seconds=max(exit_.ended - exit_.started, 0.0),
            fatal=outcome.fatal,
            notes=found.notes,
        ),
    )


def _folded(agent: Agent, folder: str) -> object:
    """The adapter's state after the whole stream, read from the evidence."""
    state = agent.begin()
    lines = Lines()
    try:
        with open(os.path.join(folder, "stdout"), "rb") as stream:
            while chunk := stream.read(1 << 16):
                for line in lines.feed(chunk):
                    state, _ = agent.step(state, line)
    except FileNotFoundError:
        return state
    for line in lines.flush():
        state, _ = agent.step(state, line)
    return state


def _last_words(folder: str, cap: int = 2000) -> str:
    """The end of stderr, else of stdout: what a failed session said last."""
    for name in ("stderr", "stdout"):
        try:
            with open(os.path.join(folder, name), "rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(stream.tell() - cap, 0))
                text = stream.read().decode("utf-8", "replace").strip()
        except OSError:
            continue
        if text:
            return text
    return ""
