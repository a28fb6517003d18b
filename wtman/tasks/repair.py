"""Repairs: which tasks that fell short one is wanted for, and what a decision makes of the plan.

Pure. A repair is wanted at most `repairs` times a task, its parts counted with it, and only while
somebody can decide it and a session more fits the limits of the run. Until it is decided the task
is not at its end, so that what needs it waits. A decision becomes the events that anybody else's
change of the plan is made of; one that something has overtaken is dropped.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import NO, State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.graph import cycle, unordered
from wtman.model.ids import TaskId
from wtman.model.plan import DEEP, Task
from wtman.model.roles import agent_of_repairer
from wtman.model.session import Cap
from wtman.model.states import DEAD, DONE, RunKind, Standing, TaskState

if TYPE_CHECKING:
    from wtman.tasks.actions import DecideRepair

DECISIONS = ("again", "split", "join", "chain", "owns", "give_up")
WAITING, DECIDING = "repair: waits for a session", "repair: being decided"
ASKING = "repair: waits for your answer"
_MOST_PARTS = 8


# --- which are wanted -----------------------------------------------------------------------------


def repair_reason(
    state: State, view: TaskView, work: Standing, known: Mapping[TaskId, Standing]
) -> str:
    """What a repair of a task that stands like this waits for; empty: it gets none."""
    task = view.planned.id
    if not state.repairs and not _may_repair(state):
        return ""
    if work.state not in DEAD or view.merged:
        return ""
    question = state.asks_about(task)
    own = question is not None and question.asked is not None and question.asked.team is None
    if own and question is not None and not question.answer:
        return ASKING
    if _undone(state, task):
        return DECIDING  # its decision is made part of the plan next
    if not (_may_repair(state) and _is_repairable(state, view, work, known)):
        return ""
    if used(state, task) >= state.settings.repairs or not _is_able(state):
        return ""
    return DECIDING if ActionKey(ActionKind.REPAIR, task) in state.intents else WAITING


def _may_repair(state: State) -> bool:
    plain = state.kind in (RunKind.SPLIT, RunKind.PLAN) and state.flow is None
    return state.settings.repairs > 0 and plain and state.approved


def _undone(state: State, task: TaskId) -> bool:
    return any(item.decided and not item.applied for item in state.repairs_of(task))


def _is_repairable(
    state: State, view: TaskView, work: Standing, known: Mapping[TaskId, Standing]
) -> bool:
    """Whether it fell short by itself, in a way that another plan could mend."""
    if view.external or view.planned.lead or view.stuck or view.before is not None or view.attach:
        return False
    left = view.excluded
    if left is not None:
        merge = state.merge
        return state.mends and not left.follows and merge is not None and merge.over
    if work.state is TaskState.EXCLUDED or not view.current:
        return False
    last = view.current[-1]
    if last.outcome is not None and last.outcome.quarantine:
        return False  # it reached for what is not its own: that is for a person to look at
    needs = (need for need in view.awaited if need in known and need not in view.loose)
    return not any(known[need].state in DEAD or known[need].repair for need in needs)


def used(state: State, task: TaskId) -> int:
    """The repairs that a task has had, with those of the tasks that it is a part of."""
    names = (task, *state.leads_of(task))
    return sum(item.counts for name in names for item in state.repairs_of(name))


def _is_able(state: State) -> bool:
    """Whether somebody can decide, and one session more fits the limits of the run."""
    from wtman.budget.budget import budget_status

    agent = agent_of_repairer(state.settings, state.roles)
    if not agent or agent in unable(state) or state.sessions >= state.settings.max_sessions:
        return False
    return replace(budget_status(state), held=Cap()).admit(1) is not None


def unable(state: State) -> frozenset[str]:
    """Programs whose answers did not fit: they cannot repair, and are not asked again."""
    failed = (item.failed for item in state.repairs if item.failed is not None)
    return frozenset(
        it.agent for it in failed if it.problems and it.agent.partition(":")[0] == "command"
    )


def unasked(state: State, known: Mapping[TaskId, Standing]) -> tuple[e.RepairFailed, ...]:
    """What is told of tasks whose repairer has shown with another task that it cannot repair."""
    if not state.repairs or not _may_repair(state):
        return ()
    agent = agent_of_repairer(state.settings, state.roles)
    first = next((it.task for it in state.repairs if it.failed and it.failed.agent == agent), "")
    if agent not in unable(state):
        return ()
    why = f"{agent} is not asked: it cannot repair (see {first})"
    return tuple(
        e.RepairFailed(task, 1, agent, why, sessions=0)
        for task, item in known.items()
        if item.state in DEAD
        and not state.repairs_of(task)
        and not state.tasks[task].merged
        and not any(state.repairs_of(lead) for lead in state.leads_of(task))
        and _is_repairable(state, state.tasks[task], item, known)
    )


def excluded_to_repair(state: State, known: Mapping[TaskId, Standing]) -> bool:
    """Whether a resume would have what the newest merge excluded repaired."""
    asked = replace(state, mends=True)
    return any(
        item.state is TaskState.EXCLUDED
        and repair_reason(asked, state.tasks[task], item, known) == WAITING
        for task, item in known.items()
    )


def repairs_wanted(
    state: State, running: Collection[ActionKey], known: Mapping[TaskId, Standing]
) -> "list[DecideRepair]":
    """The decisions to ask for now."""
    from wtman.tasks.actions import DecideRepair  # every view of a run loads this module

    if not state.settings.repairs:
        return []
    agent = agent_of_repairer(state.settings, state.roles)
    wanted = [
        DecideRepair(task, len(state.repairs_of(task)) + 1, agent)
        for task, item in known.items()
        if item.repair and item.reason in (WAITING, DECIDING) and not _undone(state, task)
    ]
    return [action for action in wanted if action.key not in running]


# --- what a decision makes of the plan ------------------------------------------------------------


def settled(state: State) -> tuple[e.Event, ...]:
    """What is to be made of decisions, and of answers that a person has given; usually nothing."""
    out: list[e.Event] = []
    for question in state.asked:
        asked = question.asked
        if asked is None or asked.team is None:
            continue
        view = state.tasks.get(asked.task)
        team = asked.team
        now = (view.fingerprint, view.team.attempt, view.team.planned) if view else None
        if now != (team.fingerprint, team.attempt, None):
            out.append(e.QuestionClosed(asked.key, "the task has changed meanwhile"))
        elif question.answer == NO:
            said = "its plan asks for what was not allowed"
            failed = (team.lead, team.attempt, team.agent, said, asked.show)
            out += [e.QuestionClosed(asked.key), e.TeamPlanFailed(*failed)]
        elif question.answer:
            out += [e.QuestionClosed(asked.key), _free(team)]
    for item in state.repairs:
        decided = item.decided
        if decided is None or item.applied is not None:
            continue
        asked_for = next((it for it in state.asked if it.key == key_of(decided)), None)
        made, refused = events_of(state, decided), ""
        if made is None:
            refused = "the task has changed meanwhile"
        elif asked_for is not None and not asked_for.answer:
            continue
        elif asked_for is not None and asked_for.answer == NO:
            refused = "what it asks for was not allowed"
        elif asked_for is not None:
            unfit = _unfit(state, decided)
            if unfit is None:
                continue  # its check is seen on the base first
            refused = unfit
        out += [e.QuestionClosed(asked_for.key)] if asked_for is not None else []
        out += () if refused or made is None else made
        out.append(e.RepairApplied(decided.task, decided.number, refused))
        break  # the next one is judged by the plan that this one leaves
    return tuple(out)


def _unfit(state: State, decided: e.RepairDecided) -> str | None:
    """Why a check that a repair brings cannot judge; empty: it can; None: it was not tried yet."""
    seen = state.base_checked
    unfit = seen.unfit if seen is not None else {}
    known = {item.command for item in seen.results} if seen is not None else set()
    wanted = [text for text in decided.check if text not in known]
    if any(text not in unfit for text in wanted):
        return None
    return "; ".join(unfit[text] for text in wanted)


def key_of(decided: e.RepairDecided) -> str:
    """What the question of a decision is known by."""
    return f"repair-{decided.task}-{decided.number}"


def _free(team: e.TeamPlanned) -> e.TeamPlanned:
    """The plan of a lead whose sessions are charged already."""
    return replace(team, usage=type(team.usage)(), seconds=0.0, sessions=1)


def events_of(state: State, decided: e.RepairDecided) -> tuple[e.Event, ...] | None:
    """The events that a decision comes to; None where the task is no longer as it was then."""
    view = state.tasks.get(decided.task)
    if view is None or (view.fingerprint, view.last) != (decided.fingerprint, decided.last):
        return None
    if view.in_flight is not None or view.merged or view.request.again or view.attach:
        return None
    other = state.tasks.get(decided.other)
    if decided.other and (other is None or (other.planned.lead and decided.decision == "join")):
        return None
    if decided.decision == "give_up":
        return ()
    task = view.planned
    changed = replace(
        task,
        owns=decided.owns or task.owns,
        check=decided.check or task.check,
        agent=decided.by or task.agent,
    )
    again = e.Requested("retry", task.id, decided.onto, repair=True, advice=decided.advice)
    if decided.decision == "join" and other is not None:
        return _joined(state, view, other, decided)
    if decided.decision == "split":
        return _split(state, replace(changed, lead=True), again, decided)
    out: list[e.Event] = [e.TaskChanged(changed)] if changed != task else []
    if other is not None and not (other.merged and decided.onto):
        paths = view.excluded.paths if view.excluded is not None else ()
        out.append(e.Chained(task.id, decided.other, paths))
    return (*out, again)


def _split(
    state: State, lead: Task, again: e.Requested, decided: e.RepairDecided
) -> tuple[e.Event, ...]:
    """The task is a lead from now on, that has been cut."""
    first = (e.TaskChanged(lead), again)
    now = after(state, first).tasks[lead.id]
    parts = tuple(replace(part, agent=lead.agent, check=lead.check) for part in decided.parts)
    team = (lead.id, now.team.attempt, decided.agent, now.fingerprint, decided.start, decided.needs)
    return (*first, e.TeamPlanned(*team, parts, decided.advice, decided.reason))


def _joined(
    state: State, view: TaskView, other: TaskView, decided: e.RepairDecided
) -> tuple[e.Event, ...]:
    """Both are one task, under the name of the other one."""
    gone, kept = view.planned, other.planned
    needs = dict.fromkeys((*kept.needs, *gone.needs))
    prompt = decided.prompt or f"{kept.prompt.rstrip()}\n\nAnd also:\n{gone.prompt.strip()}"
    expect = "\n".join(text for text in (kept.expect, gone.expect) if text)
    joined = replace(
        kept,
        prompt=prompt,
        expect=expect,
        owns=tuple(dict.fromkeys((*kept.owns, *gone.owns))) if kept.owns and gone.owns else (),
        touches=tuple(dict.fromkeys((*kept.touches, *gone.touches))),
        needs=tuple(need for need in needs if need not in (kept.id, gone.id)),
        proofs=(*kept.proofs, *gone.proofs),
        check=decided.check or _judges(state, kept, gone),
        unchecked=kept.unchecked and gone.unchecked,
        agent=decided.by or kept.agent,
    )
    out: list[e.Event] = [e.TaskChanged(joined)]
    for user in state.tasks.values():
        if gone.id in user.planned.needs and user.planned.id != kept.id:
            named = dict.fromkeys(kept.id if n == gone.id else n for n in user.planned.needs)
            out.append(e.TaskChanged(replace(user.planned, needs=tuple(named))))
    out.append(e.TaskDropped(gone.id, f"joined with {kept.id}"))
    again = e.Requested("retry", kept.id, decided.onto, repair=True, advice=decided.advice)
    return (*out, again)


def _judges(state: State, *tasks: Task) -> tuple[str, ...]:
    """The checks of tasks that become one; empty: those of the plan."""
    if not any(task.check for task in tasks):
        return ()
    return tuple(dict.fromkeys(text for task in tasks for text in state.checks_of(task.id)))


def after(state: State, events: Iterable[e.Event]) -> State:
    """The state once these events are journalled."""
    return replay([Recorded(state.seq, state.updated, event) for event in events], state)


# --- what a decision is held to -------------------------------------------------------------------


def wrong_with(
    state: State, decided: e.RepairDecided, known: Mapping[TaskId, Standing]
) -> tuple[str, ...]:
    """What keeps a decision from being carried out, for its author to mend."""
    from wtman.formats.gitignore import can_both_match

    view = state.tasks[decided.task]
    found = [*_other(state, view, decided, known), *_fields(decided)]
    if decided.decision == "split":
        found += _parts(state, view, decided)
    if found:
        return tuple(found)
    made = events_of(state, decided)
    if made is None:
        return ()  # something has overtaken it: that is told when it is to be applied
    now = after(state, made)
    tasks = tuple(item.task for item in now.tasks.values() if not item.planned.part_of)
    if ring := cycle(tasks):
        return (f"then the needs form a cycle: {' -> '.join(ring)}",)
    before = {frozenset(pair) for pair in _overlaps(state)}
    for one, two in _overlaps(now):
        if frozenset((one, two)) not in before:
            path = can_both_match(now.tasks[one].planned.owns, now.tasks[two].planned.owns)
            mend = f"name {two if one == decided.task else one} as `other`, so that it comes after"
            found.append(
                f"then {one} and {two} both own {path}, and neither needs the other: {mend}"
            )
    return tuple(found)


def _overlaps(state: State) -> list[tuple[TaskId, TaskId]]:
    """Pairs of tasks of the plan that can own one path while neither needs the other."""
    from wtman.formats.gitignore import can_both_match

    tasks = [view.task for view in state.tasks.values() if not view.planned.part_of]
    pairs = unordered(tasks)
    return [(a.id, b.id) for a, b in pairs if can_both_match(a.owns, b.owns) is not None]


def _fields(decided: e.RepairDecided) -> list[str]:
    wanted = {"again": decided.advice, "owns": decided.owns, "split": decided.parts}
    wanted |= {"chain": decided.other, "join": decided.other}
    names = {"again": "advice", "owns": "owns", "split": "tasks", "chain": "other", "join": "other"}
    found = []
    if not wanted.get(decided.decision, True):
        found.append(f"`{decided.decision}` needs `{names[decided.decision]}`")
    if decided.parts and decided.decision != "split":
        found.append(f"`tasks` are of `split` only, and the decision is `{decided.decision}`")
    if decided.owns and decided.decision != "owns":
        found.append(f"`owns` is of `owns` only, and the decision is `{decided.decision}`")
    if decided.other and decided.decision not in ("chain", "join", "owns"):
        found.append(f"`other` has no meaning in `{decided.decision}`")
    return found


def _other(
    state: State, view: TaskView, decided: e.RepairDecided, known: Mapping[TaskId, Standing]
) -> list[str]:
    """What is wrong with the other task that a decision names."""
    name, task = decided.other, view.planned
    if not name:
        return []
    other = state.tasks.get(name)
    if other is None:
        return [f"there is no task {name!r} in this run"]
    if name == task.id:
        return ["a task cannot follow or join itself"]
    if other.planned.part_of != task.part_of:
        return [f"{name} is not beside {task.id}: only tasks of one plan can follow each other"]
    stands = known[name]
    if decided.decision != "join":
        dead = stands.state in DEAD and not stands.repair
        return [f"{name} is {stands.state}: nothing can follow it"] if dead else []
    if task.part_of or other.planned.lead:
        return [f"{name} cannot be joined: parts and leads keep their cut; let it follow instead"]
    if stands.state in DONE or other.in_flight is not None or other.has_work:
        if not (stands.state in DEAD or stands.repair):
            return [f"{name} has work of its own: let {task.id} follow it instead (`chain`)"]
    return []


def _parts(state: State, view: TaskView, decided: e.RepairDecided) -> list[str]:
    """What is wrong with the parts of a split."""
    from wtman.formats.gitignore import can_both_match

    parts, found = decided.parts, list[str]()
    if not 2 <= len(parts) <= _MOST_PARTS:
        found.append(f"a split has 2 to {_MOST_PARTS} tasks, and this has {len(parts)}")
    if len(state.leads_of(view.planned.id)) + 2 > DEEP:
        found.append(f"{view.planned.id} cannot be split: parts are at most {DEEP} deep")
    for one, two in unordered(parts):
        if (path := can_both_match(one.owns, two.owns)) is not None:
            mend = "narrow their `owns`, or let one need the other"
            found.append(
                f"{one.id} and {two.id} both own {path}, and neither needs the other: {mend}"
            )
    return found


def asks_for(state: State, decided: e.RepairDecided) -> tuple[str, ...]:
    """What of a decision somebody has to allow first, each in words."""
    from wtman.plan.authority import more_than_approved

    view = state.tasks[decided.task]
    task, protect = view.planned, state.settings.protect
    plan = [item.planned.owns for item in state.tasks.values() if not item.planned.part_of]
    out: list[str] = []
    if decided.owns:
        out += more_than_approved(task, decided.owns, plan, protect)
    for part in decided.parts:
        own = replace(part, owns=task.owns)
        out += more_than_approved(own, part.owns, (task.owns,), protect)
    judged = decided.other if decided.decision == "join" else task.id
    known = {*state.settings.check, *task.check}
    out += [f"{judged} is judged by: {text}" for text in decided.check if text not in known]
    if decided.check:  # what no longer judges is asked like what is new
        lost = dict.fromkeys((*state.checks_of(task.id), *state.checks_of(judged)))
        out += [f"{judged} is no longer judged by: {it}" for it in lost if it not in decided.check]
    if decided.by and decided.by not in (task.agent, state.settings.agent):
        out.append(f"{task.id} is done by: {decided.by}")
    return tuple(dict.fromkeys(out))
