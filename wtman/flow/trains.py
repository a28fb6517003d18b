"""A train that a script asks for: works put together on the base, checked, landed nowhere.

Pure. The search is that of a merge. What it comes to is a work that later steps start from: a
commit of wtman's own, which holds the parts that pass together.
"""

from typing import Any

from wtman.flow.actions import SettleStep, TrainStep
from wtman.flow.reviews import at_works
from wtman.journal import events as e
from wtman.journal.state import FlowStep, State
from wtman.journal.units import joined
from wtman.merge.actions import JudgeCandidate
from wtman.merge.combinations import Decision
from wtman.merge.search import Ask, next_step
from wtman.merge.selection import Member
from wtman.merge.train import as_merge
from wtman.model.graph import closure, order
from wtman.model.ids import TaskId


def on_base(state: State, step: FlowStep) -> State:
    """The run as it stood at the works of a train, as a merge onto the base."""
    then = at_works(state, step)
    named = step.spec.get("checks")
    check = tuple(map(str, named)) if isinstance(named, list) else state.settings.check
    return as_merge(then, state.base, check, step.candidates, step.since)


def train_steps(state: State) -> tuple[list[TrainStep], list[SettleStep]]:
    """The candidates to judge for the trains that are asked for, and those that are made."""
    flow = state.flow
    wanted: list[TrainStep] = []
    settled: list[SettleStep] = []
    for step in flow.current if flow is not None and flow.ended is None else ():
        if step.kind != "merge" or not step.open:
            continue
        then = on_base(state, step)
        assert then.merge is not None
        candidates = {item.members: item for item in step.candidates}
        members = _members(then, step)
        found = next_step(members, candidates, state.settings.check_jobs, unchecked=True)
        if isinstance(found, Ask):
            judged = [JudgeCandidate(state.base, names) for names in found.candidates]
            wanted += [TrainStep(step.key, item) for item in judged]
        else:
            settled.append(SettleStep(e.StepAnswered(step.key, _train(then, step, found))))
    return wanted, settled


def _members(state: State, step: FlowStep) -> tuple[Member, ...]:
    """The works and what they were made from, in dependency order."""
    flow = state.flow
    assert flow is not None
    tasks = tuple(view.planned for view in state.tasks.values())
    named = {flow.works[commit].planned.id for commit in step.commits}
    chosen = set(closure(tasks, tuple(named)))
    trains = [(flow.works[item].planned.id, flow.trains.get(item, {})) for item in step.commits]
    units = {part: name for name, parts in joined(trains, chosen).items() for part in parts}
    found = []
    for task in order(tasks):
        view = state.tasks[task]
        if task in chosen and view.head not in flow.trains:
            needs = tuple(need for need in view.planned.needs if need in chosen)
            unit = units.get(task, TaskId(""))
            found.append(Member(task, view.start, view.head, needs, unit))
    return tuple(found)


def _train(state: State, step: FlowStep, found: Decision) -> dict[str, Any]:
    candidates = {item.members: item for item in step.candidates}
    work = None
    if found.landing:
        task = TaskId(f"train-{step.key[:8]}")
        work = {
            "task": task,
            "branch": "",
            "commit": candidates[found.landing].commit,
            "parent": state.base,
            "title": step.title or task,
        }
    excluded = [
        {
            "task": item.task,
            "reason": item.reason,
            "with": list(item.others),
            "paths": list(item.paths),
        }
        for item in found.excluded
    ]
    return {"train": {"landed": list(found.landing), "excluded": excluded, "work": work}}
