"""What a lead needs once its parts have passed: its train judged, made its work, or mended.

Pure. A part that passed alone and does not fit with the others goes back to its author once,
with what the search showed; the second time the lead fails with it named.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from wtman.journal import events as e
from wtman.journal.state import State, TaskView
from wtman.merge.actions import JudgeCandidate, JudgeTeam, TellTorn
from wtman.merge.search import Ask, next_step
from wtman.merge.selection import Member
from wtman.merge.train import as_merge
from wtman.model.actions import ActionKey, busy
from wtman.model.graph import order
from wtman.model.ids import Sha, TaskId
from wtman.model.states import DONE, Standing
from wtman.tasks.lifecycle import stale_needs
from wtman.tasks.team import is_made, is_now
from wtman.worktrees.actions import MakeTeam, MoveTeam

TeamAction = JudgeTeam | MakeTeam | MoveTeam | TellTorn


def team_actions(
    state: State, running: Collection[ActionKey], known: Mapping[TaskId, Standing]
) -> list[TeamAction]:
    """What the leads that are cut need now."""
    out: list[TeamAction] = []
    at_work = busy(running)
    for lead, view in state.tasks.items():
        if view.team.planned is None or lead in at_work or view.stuck or view.merged:
            continue
        if any(known[need].state not in DONE for need in view.awaited if need in known):
            continue
        if stale_needs(state, view, known):
            out.append(MoveTeam(lead, starts_from(state, view)))
        elif all(known[part].state in DONE for part in state.parts_of(lead)):
            out += _together(state, running, view)
    return out


def starts_from(state: State, view: TaskView) -> tuple[tuple[TaskId, Sha], ...]:
    """What a task starts from, with the tips as they are now: what it needs, and as a part where
    its lead starts. The target holds what has landed."""
    if view.planned.tips and not view.onto:
        return tuple(zip(view.planned.needs, view.planned.tips, strict=True))
    lead = state.tasks.get(view.planned.part_of)
    above = ((lead.planned.id, lead.start),) if lead is not None else ()
    return above + tuple(
        (need, state.tasks[need].head)
        for need in view.task.needs
        if need in state.tasks and not (view.onto and state.tasks[need].merged)
    )


def on_start(state: State, lead: TaskId) -> State:
    """The run as a merge of the parts of a lead onto where they start."""
    view = state.tasks[lead]
    found = (item.candidate for item in view.team.judged if _is_current(state, view, item))
    return as_merge(state, view.start, state.checks_of(lead), found, view.team.since)


def _is_current(state: State, view: TaskView, item: e.TeamJudged) -> bool:
    """Whether what was judged is made of the parts as they are now."""
    heads = {part: state.tasks[part].head for part in state.parts_of(view.planned.id)}
    return item.candidate.on == view.start and item.heads.items() <= heads.items()


def _together(state: State, running: Collection[ActionKey], view: TaskView) -> list[TeamAction]:
    """The next candidates of the train, or what they come to."""
    lead, torn = view.planned.id, view.team.torn
    parts = state.parts_of(lead)
    if is_made(state, view) or (torn and is_now(state, view, torn.start, torn.heads)):
        return []
    then = on_start(state, lead)
    assert then.merge is not None
    candidates = {item.members: item for item in then.merge.candidates.values()}
    members = _members(state, parts)
    found = next_step(members, candidates, state.settings.check_jobs, unchecked=True)
    heads = {part: state.tasks[part].head for part in parts}
    if isinstance(found, Ask):
        asked = [
            JudgeTeam(
                lead,
                JudgeCandidate(view.start, names),
                tuple((name, heads[name]) for name in names),
            )
            for names in found.candidates
        ]
        return [item for item in asked if item.key not in running]
    if not found.excluded:
        whole = candidates[found.landing]
        return [
            MakeTeam(lead, view.start, tuple(heads.items()), view.head, whole.commit, whole.verdict)
        ]
    excluded = tuple(_as_part(item, parts) for item in found.excluded)
    again = not {item.task for item in excluded} & set(view.team.returned)
    return [TellTorn(lead, e.TeamTorn(lead, view.start, heads, excluded, again))]


def _as_part(item: e.Excluded, parts: tuple[TaskId, ...]) -> e.Excluded:
    """What does not fit, with those of its own team that it does not fit with."""
    return replace(item, others=tuple(name for name in item.others if name in parts))


def _members(state: State, parts: tuple[TaskId, ...]) -> tuple[Member, ...]:
    views = {part: state.tasks[part] for part in parts}
    line = order(tuple(view.task for view in views.values()))
    return tuple(
        Member(
            part,
            views[part].start,
            views[part].head,
            tuple(need for need in views[part].needed if need in views),
        )
        for part in line
    )
