"""The effects of a flow: its script played, its questions asked, its commands run."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from shlex import join
from typing import Any

from wtman import files
from wtman.checks.execute import CheckRequest, bench_of, run_once
from wtman.context import Context
from wtman.execution.spawn import PipedProcess, start_piped
from wtman.flow.actions import AskStep, CommandStep, PlayScript, ReviewStep, TrainStep, WriteFlow
from wtman.flow.answer_schema import WORDS, answer_type, unwrapped
from wtman.flow.reviews import at_works
from wtman.flow.start import script_command, script_policy
from wtman.flow.steps import ASKED, StepCall, agent_name
from wtman.flow.trains import on_base
from wtman.journal import events as e
from wtman.journal.state import FlowStep, State
from wtman.merge import perform as trains
from wtman.model.command import ExitReason
from wtman.model.ids import Sha
from wtman.model.plan import Role
from wtman.model.roles import FLOW_PLANNER, PLANNER, effort_of, model_of
from wtman.model.values import dataclass
from wtman.plan.attempts.rows import attempt_rows
from wtman.plan.attempts.store import load_attempts
from wtman.plan.attempts.table import Attempts
from wtman.plan.file import slug
from wtman.plan.perform import brief_of, failed
from wtman.plan.planning_sessions import place_of_planner
from wtman.review import perform as reviews
from wtman.review.actions import Reproduce
from wtman.sandbox.choice import strongest
from wtman.sessions.ask import Question, ask
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean

_HERE = os.path.dirname(os.path.abspath(__file__))
_API = os.path.join(_HERE, "api.py")
_PAGE = os.path.join(os.path.dirname(_HERE), "manual", "flows.md")
_OUTPUT = 1 << 16  # bytes of each stream of a command that the script gets


async def perform(
    ctx: Context,
    state: State,
    action: PlayScript | AskStep | CommandStep | ReviewStep | TrainStep | WriteFlow,
) -> tuple[e.Event, ...]:
    """Do what a flow needs."""
    match action:
        case PlayScript():
            return await _play(ctx, state)
        case WriteFlow():
            return await _write(ctx, state, action)
        case AskStep():
            return await _ask(ctx, state, action)
        case CommandStep():
            return await _command(ctx, state, action)
        case ReviewStep():
            then = at_works(state, _step(state, action.step))
            wanted = action.wanted
            if not isinstance(wanted, Reproduce):
                wanted = replace(wanted, cap=action.cap)
            return await reviews.perform(ctx, then, wanted)
        case TrainStep():
            then = on_base(state, _step(state, action.step))
            judged = await trains.perform(ctx, then, action.wanted)
            return tuple(
                e.StepJudged(action.step, item)
                for item in judged
                if isinstance(item, e.CandidateJudged)
            )


# --- the script ---------------------------------------------------------------------------------


@dataclass
class _LiveRun:
    """A run that goes on: the loop's state, and its journal."""

    ctx: Context

    @property
    def state(self) -> State:
        assert self.ctx.live_state.state is not None
        return self.ctx.live_state.state

    @property
    def changed(self) -> asyncio.Event:
        return self.ctx.live_state.changed

    async def past(self) -> Attempts:
        known = load_attempts(self.ctx.repo, self.ctx.environ, but=self.ctx.run)
        events = self.ctx.store.events(self.ctx.run)
        mine = attempt_rows(self.state, standings(self.state), events)
        return replace(known, here=(*known.here, *mine))

    def journal(self, events: Sequence[e.Event]) -> None:
        self.ctx.store.append(self.ctx.run, events, self.ctx.clock())
        self.ctx.live_state.refresh()
        self.ctx.live_state.wakeup.set()


async def _play(ctx: Context, state: State) -> tuple[e.Event, ...]:
    from wtman.flow.play import Play

    async with script_process(ctx, state) as process:
        return await Play(_LiveRun(ctx), process, ctx.control, ctx.git).run()


@asynccontextmanager
async def script_process(ctx: Context, state: State) -> AsyncIterator[PipedProcess]:
    """The process of the script, confined; it is gone afterwards."""
    command = script_command()
    # So that a sweep finds it, should it outlive its coordinator.
    command = replace(command, env={**command.env, "WTMAN_SESSION": f"{ctx.run}/script"})
    # Whoever trusts agents with the machine has not said so of what a planner wrote.
    sandbox = await ctx.git(strongest, ctx.sandbox)
    process = await start_piped(sandbox.wrap(command, script_policy()), ctx.below("flow", "stderr"))
    try:
        yield process
    finally:
        await process.end()


# --- a flow that a planner writes ---------------------------------------------------------------


async def _write(ctx: Context, state: State, action: WriteFlow) -> tuple[e.Event, ...]:
    """Ask the planner for a flow; its text is read, never run."""
    from wtman.flow.author import WrittenFlow, author_prompt, wrong_with

    assert state.planning is not None
    wanted = state.planning.wanted
    brief = await ctx.git(brief_of, ctx, state)
    role, chosen = state.roles[PLANNER], state.planning.flow
    if chosen is not None:  # the planner was asked for a plan first
        role = replace(state.roles.get(FLOW_PLANNER) or role, name=PLANNER)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=place_of_planner(action.attempt, after_choice=chosen is not None),
            role=role,
            prompt=author_prompt(brief, _text_of(_PAGE), _text_of(_API), _outline_of(chosen)),
            answer=WrittenFlow,
            agent=action.agent,
            commit=action.base,
            judge=lambda written: wrong_with(written, wanted.reserved),
            model=wanted.model,
            effort=wanted.effort,
            cap=action.cap,
        ),
    )
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        return (failed(ctx, state, action.attempt, action.agent, answer),)
    return (
        e.Planned(
            action.attempt,
            action.agent,
            " ".join(answer.value.reason.split())[:600],
            usage=answer.usage,
            session=answer.session,
            seconds=answer.seconds,
            sessions=answer.sessions,
            flow=slug(answer.value.name) or slug(state.request) or "flow",
            source=answer.value.source.strip() + "\n",
        ),
    )


def _outline_of(chosen: e.FlowChosen | None) -> str:
    return chosen.outline if chosen is not None else ""


def _text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


# --- questions ----------------------------------------------------------------------------------


async def _ask(ctx: Context, state: State, action: AskStep) -> tuple[e.Event, ...]:
    step = _step(state, action.step)
    spec = step.spec
    call = StepCall(step.kind, step.scope, step.title, spec, step.limits)
    agent = agent_name(state, call)
    role = state.roles.get(str(spec.get("role") or ASKED)) or Role(ASKED, "", writes=False)
    role = replace(role, writes=False)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=f"questions/{step.key[:16]}/{step.tries}",
            role=role,
            prompt=_prompt(spec),
            answer=answer_type(spec.get("returns")),
            words=WORDS if spec.get("returns") is None else "",
            agent=agent,
            commit=_commit(state, spec),
            label=step.title[:60],
            model=model_of(state.settings, role, agent, str(spec.get("model") or "")),
            effort=effort_of(state.settings, role, str(spec.get("effort") or "")),
            timeout=float(step.limits.get("timeout") or 0.0),
            cap=_capped(action, step),
        ),
    )
    used: dict[str, Any] = {
        "usage": answer.usage,
        "seconds": answer.seconds,
        "sessions": max(answer.sessions, 1),
    }
    if answer.stopped:
        return (e.StepDeferred(step.key, "stopped", **used),)
    if answer.fatal or answer.limited:
        told = answer.fatal or answer.reason
        return (e.StepDeferred(step.key, told, fatal=answer.fatal, limited=answer.limited, **used),)
    if answer.value is None:
        kind = "BadAnswer" if answer.problems else "StepFailed"
        more = {"reason": answer.reason, "problems": list(answer.problems)}
        return (e.StepFailed(step.key, kind, answer.reason, more, **used),)
    return (e.StepAnswered(step.key, unwrapped(spec.get("returns"), answer.value), **used),)


def _capped(action: AskStep, step: FlowStep) -> Any:
    own = step.limits.get("usd")
    if not own:
        return action.cap
    return replace(action.cap, usd=min(action.cap.usd or float(own), float(own)))


def _prompt(spec: dict[str, Any]) -> str:
    prompt, context = str(spec.get("prompt") or ""), str(spec.get("context") or "")
    return f"{context}\n\n{prompt}" if context else prompt


# --- commands -----------------------------------------------------------------------------------


async def _command(ctx: Context, state: State, action: CommandStep) -> tuple[e.Event, ...]:
    """A command in the check sandbox. That it fails is an answer; that it could not run is none."""
    step = _step(state, action.step)
    argv = [str(word) for word in step.spec.get("argv") or ()]
    settings = state.settings
    if timeout := step.limits.get("timeout"):
        settings = replace(settings, check_timeout=float(timeout))
    stem = f"step-{step.key[:12]}"
    bench = await bench_of(ctx, settings, stem)
    request = CheckRequest(join(argv), _commit(state, step.spec), stem)
    ran, _ = await run_once(bench, request)
    problem = ran.unfit
    if ran.exit.reason is not ExitReason.EXITED:
        problem = problem or ran.exit.problem(settings.check_timeout)
    if problem:
        return (e.StepFailed(step.key, "StepFailed", problem, {"reason": problem}),)
    status = ran.exit.code if ran.exit.code is not None else -(ran.exit.signal or 1)
    output = await ctx.git(_printed, ctx, ran.log)
    tests = {name: str(how) for name, how in (ran.tests.tests if ran.tests else {}).items()}
    told = {"status": status, "output": output, "tests": tests}
    return (e.StepAnswered(step.key, {"ran": told}),)


def _printed(ctx: Context, log: str) -> str:
    """The end of what a command printed, stdout first."""
    parts = [files.tail(ctx.below(log, name), _OUTPUT) for name in ("stdout", "stderr")]
    text = b"".join(parts).decode("utf-8", "replace")
    return "\n".join(map(clean, text.splitlines()))


def _commit(state: State, spec: dict[str, Any]) -> Sha:
    at = spec.get("at")
    return Sha(str(at["commit"])) if isinstance(at, dict) else state.base


def _step(state: State, key: str) -> FlowStep:
    assert state.flow is not None
    return state.flow.steps[key]
