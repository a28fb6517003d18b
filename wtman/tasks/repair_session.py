"""A repair decided: the repairer asked with the evidence, its answer as an event.

Nothing of the plan is changed here: what a decision makes of it follows from the journal
(`tasks/repair.py`), so that a crash at any moment loses and repeats nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from wtman.agents import load
from wtman.checks.excerpt import excerpt, summary
from wtman.context import Context
from wtman.errors import UsageError, WtmanError
from wtman.formats.toml_positions import Places
from wtman.git import refs
from wtman.git.patches.series import diff
from wtman.journal import events as e
from wtman.journal.state import Attempt, State, TaskView
from wtman.model.agent_definition import AgentDefinition
from wtman.model.check import CheckCommand
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import DEEP, Plan, Role, Task
from wtman.model.roles import REPAIRER, effort_of, model_of
from wtman.model.session import Ended
from wtman.model.states import DONE, Standing
from wtman.plan.authority import as_part
from wtman.plan.repair_prompt import (
    OtherTask,
    RepairBrief,
    TriedAttempt,
    most_others,
    repair_prompt,
    repair_request,
)
from wtman.plan.rules import require_sound
from wtman.review.judgement import blockers
from wtman.sessions.ask import Question, ask
from wtman.tasks.actions import DecideRepair
from wtman.tasks.lifecycle import last_counted, standings, telling
from wtman.tasks.overlap import coming
from wtman.tasks.repair import asks_for, key_of, wrong_with
from wtman.text.terminal import clean
from wtman.worktrees.join import join

if TYPE_CHECKING:
    from wtman.plan.repair_answer import RepairAnswer

_LINES = 14  # telling lines of an attempt
_ATTEMPTS = 6
_DIFF_CAP = 1 << 20
_REASON, _ADVICE = 600, 6000  # characters
_SAYS_NO = "cannot repair"


async def perform(ctx: Context, state: State, action: DecideRepair) -> tuple[e.Event, ...]:
    """Ask what becomes of a task; the decision as an event, or why there is none."""
    from wtman.plan.repair_answer import RepairAnswer

    view, known = state.tasks[action.task], standings(state)
    brief = await ctx.git(_brief, ctx, state, view, known[action.task])
    onto, start, needs = await ctx.git(_start, ctx, state, view)
    base = e.RepairDecided(
        action.task,
        action.number,
        action.agent,
        "give_up",
        "",
        evidence=brief.key,
        fingerprint=view.fingerprint,
        last=view.last,
        fell=f"{brief.state}: {brief.reason}"[:_REASON],
        onto=onto,
        start=start,
        needs=needs,
    )

    def wrong(answer: RepairAnswer) -> tuple[str, ...]:
        try:
            decided = made_of(state, base, answer)
        except UsageError as error:
            return (f"{error.message}{f' ({error.hint})' if error.hint else ''}",)
        if decided.by and (flaw := _no_agent(decided.by, state.settings.agents)):
            return (flaw,)
        return wrong_with(state, decided, known)

    def asks(answer: RepairAnswer) -> tuple[str, ...]:
        found = asks_for(state, made_of(state, base, answer))
        return tuple(f"only the user can allow that {text}" for text in found)

    role = state.roles.get(REPAIRER) or Role(REPAIRER, "", writes=False)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=f"repairs/{action.task}/{action.number}",
            role=role,
            prompt=repair_prompt(brief),
            program=repair_request(brief, RepairAnswer.model_json_schema()),
            answer=RepairAnswer,
            agent=action.agent,
            commit=view.head or view.start or state.base,
            judge=lambda value: wrong(value) or asks(value),
            last=wrong,  # what it insists on is asked of the user
            label=action.task,
            model=model_of(state.settings, role, action.agent),
            effort=effort_of(state.settings, role),
            cap=action.cap,
        ),
    )
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        reason = f"the repairer decided nothing: {answer.fatal or answer.reason}"
        who = action.agent.partition(":")[0]
        if answer.problems and who == "command":
            reason = f"{action.agent} {_SAYS_NO}: {answer.reason}"
        return (
            e.RepairFailed(
                action.task,
                action.number,
                action.agent,
                clean(reason)[:_REASON],
                answer.problems,
                answer.usage,
                answer.session,
                answer.seconds,
                answer.sessions,
                answer.fatal,
                answer.limited,
                base.fell,
            ),
        )
    decided = replace(
        made_of(state, base, answer.value),
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=answer.sessions,
    )
    wanted = asks_for(state, decided)
    if not wanted:
        return (decided,)
    decided = replace(decided, asks=wanted)
    commands = [*decided.check, *([decided.by] if ":" in decided.by else [])]
    asked = e.QuestionAsked(
        key_of(decided),
        decided.task,
        f"Repair of {decided.task} ({decided.decision}) goes beyond the plan: allow it?",
        (*wanted, f"because: {decided.reason}"),
        tuple(text for text in commands if any(text in told for told in wanted)),
        decided.number,
    )
    return (decided, asked)


def made_of(state: State, base: e.RepairDecided, answer: "RepairAnswer") -> e.RepairDecided:
    """The decision in an answer. Raises UsageError for what no plan may be."""
    view = state.tasks[base.task]
    parts = tuple(
        Task(
            TaskId(item.id),
            item.prompt,
            item.title,
            owns=tuple(item.owns),
            needs=tuple(map(TaskId, item.needs)),
            expect=item.expect,
        )
        for item in answer.tasks
    )
    if parts:
        require_sound(Plan("", parts), Places())
    changed = Task(base.task, "x", owns=tuple(answer.owns), check=tuple(answer.check))
    # As the rules of a plan have it; the id is one of the run's own.
    require_sound(Plan("", (replace(changed, id=TaskId("x")),)), Places())
    return replace(
        base,
        decision=answer.decision,
        reason=" ".join(clean(answer.reason).split())[:_REASON],
        advice=answer.advice.strip()[:_ADVICE],
        other=TaskId(answer.other.strip()),
        owns=tuple(answer.owns),
        check=tuple(answer.check),
        by=answer.agent.strip(),
        parts=tuple(as_part(view.planned, part) for part in parts),
    )


def _no_agent(name: str, defined: Mapping[str, AgentDefinition]) -> str:
    try:
        load.load(name, defined)
    except WtmanError as error:
        return f"agent: {error.message}"
    return ""


def _start(ctx: Context, state: State, view: TaskView) -> tuple[Sha, Sha, dict[TaskId, Sha]]:
    """The target that it has to come up to, and what parts of it would start from. Blocking."""
    if view.excluded is None or state.merge is None:
        return Sha(""), view.start or state.base, dict(view.needs)
    target = state.merge.asked.target
    onto = refs.read_one(ctx.repo, f"refs/heads/{target}") or state.merge.on
    needs = {
        need: state.tasks[need].head
        for need in view.task.needs
        if need in state.tasks and not state.tasks[need].merged
    }
    start, trouble = join(ctx, state, onto, tuple(needs.values()))
    return onto, start if not trouble else onto, needs if not trouble else {}


# --- the evidence ---------------------------------------------------------------------------------


def _brief(ctx: Context, state: State, view: TaskView, standing: Standing) -> RepairBrief:
    """What the repairer has to go by. Blocking."""
    task, known = view.planned, standings(state)
    changed = b""
    if view.head and view.start and view.head != view.start:
        changed = diff(ctx.control, view.start, view.head)[:_DIFF_CAP]
    left, last = view.excluded, telling(view.current) or last_counted(view)
    why = left.in_short() if left is not None else _reason(last)
    if not why:
        why = ", ".join(finding.claim.title for finding, _ in blockers(state, task.id))
    beside = [
        other
        for other in state.tasks.values()
        if other.planned.part_of == task.part_of and other.planned.id != task.id
    ]
    collides = dict(coming(state, task.id))
    if left is not None:
        collides |= dict.fromkeys(left.others, left.paths)
    for one, two in state.collided:
        if task.id in (one, two):
            collides.setdefault(two if one == task.id else one, ())
    return RepairBrief(
        run=state.run,
        request=state.request,
        context=_context(state, view),
        id=task.id,
        title=task.title,
        prompt=task.prompt,
        expect=task.expect,
        owns=task.owns,
        needs=view.task.needs,
        state="excluded" if left is not None else "failed",
        reason=why,
        attempts=tuple(map(_tried, view.current[-_ATTEMPTS:])),
        excluded=left.why() if left is not None else "",
        findings=tuple(
            clean(f"{finding.claim.title}: {finding.claim.why}")[:_REASON]
            for finding, _ in blockers(state, task.id)
        ),
        collides=tuple(collides.items()),
        others=tuple(_other(state, it, known[it.planned.id]) for it in beside[: most_others()]),
        verified=tuple(name for name, item in known.items() if item.state in DONE),
        checks=tuple(CheckCommand.of(text).by_hand for text in state.checks_of(task.id)),
        protect=state.settings.protect,
        advised=view.advice,
        said=view.said,
        diff=changed.decode("utf-8", "replace"),
        may_split=len(state.leads_of(task.id)) + 2 <= DEEP,
    )


def _context(state: State, view: TaskView) -> str:
    leads = [state.tasks[name].team.planned for name in state.leads_of(view.planned.id)]
    told = [state.context, *(team.context for team in leads if team is not None)]
    return "\n\n".join(text for text in told if text)


def _tried(attempt: Attempt) -> TriedAttempt:
    outcome, lines = attempt.outcome, list[str]()
    if attempt.red:
        first, _, said = attempt.red.partition("\n")
        lines = [first, *excerpt(said, _LINES)]
    elif outcome is not None and outcome.reason:
        lines = [outcome.reason, *excerpt(outcome.detail, _LINES)]
    ended = "not ended" if attempt.ended is None else str(attempt.ended)
    if attempt.ended is Ended.OK:
        ended = "its check failed" if attempt.red else "done, and passed its checks"
    return TriedAttempt(attempt.number, attempt.agent, ended, "\n".join(map(clean, lines)))


def _reason(attempt: Attempt | None) -> str:
    if attempt is None:
        return ""
    first, _, said = attempt.why.partition("\n")
    told = summary(said)
    return f"{first}; {told}" if told and told not in first else first


def _other(state: State, view: TaskView, standing: Standing) -> OtherTask:
    task = view.planned
    return OtherTask(
        task.id, str(standing.state), task.title, task.prompt, task.owns, view.task.needs
    )
