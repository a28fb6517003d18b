"""The sessions of a planning, each by one name for all views, with what came of it. Pure.

`wtman logs RUN/planning/NAME` shows one. Where the evidence of each lies is decided here, too, for
those who ask them.
"""

from collections.abc import Iterator
from dataclasses import replace

from wtman.journal import events as e
from wtman.journal.state import Planning, State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.roles import FLOW_PLANNER, JUDGE, PLANNER, SCOUT
from wtman.model.scout import ScoutPart, ScoutReport
from wtman.model.session import Usage
from wtman.model.values import dataclass
from wtman.plan.decide import plans_wanted
from wtman.text.terminal import count, duration
from wtman.text.words import listed

SHAPES = {"session": "one session", "plan": "a plan"}
PLANNING = "planning"  # before the name of a session, and the folder of their evidence
FLOW = "flow"  # the shape of an answer that is no plan
ANSWERED, CACHED, FAILED, RUNNING, WAITING = "answered", "cached", "failed", "running", "waiting"
SETTLED = (ANSWERED, CACHED, FAILED)

# What each of several plans is to be like.
ANGLES = (
    "the fewest conflicts: tasks that change other files, or other definitions in places apart",
    "the shortest way to the end: as little as possible waits for something else",
    "the fewest tasks: only what gains by being built apart is cut",
)

_Ended = (
    e.Scouted
    | e.ScoutFailed
    | e.PlanDrafted
    | e.DraftFailed
    | e.PlansJudged
    | e.FlowChosen
    | e.Planned
    | e.PlanFailed
)


@dataclass(frozen=True, slots=True)
class PlanningSession:
    """A question of the planning: `name` is that of all its attempts, `folder` (below the run's)
    has the sessions of this one by their number.

    `state` is answered, cached (an earlier run was told the same), failed, running or waiting;
    `about` what it was to look at, `told` what came of it or why nothing did. `sessions` counts
    those that ran, a repair of the answer included.
    """

    name: str
    role: str
    folder: str
    agent: str
    state: str
    attempt: int = 1
    about: str = ""
    told: str = ""
    hint: str = ""
    problems: tuple[str, ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    sessions: int = 0
    session: str = ""


def place_of_planner(attempt: int, *, after_choice: bool = False) -> str:
    """Where below the run's folder a planner's sessions are; `after_choice`: of the flow that it
    has chosen."""
    return f"{PLANNING}/{'flow/' if after_choice else ''}{attempt}"


def place_of_scout(number: int, part: ScoutPart) -> str:
    """The same of the scout of a part, the first of which has number 1."""
    return f"{PLANNING}/scouts/{number}-{_slug(part)}"


def place_of_draft(attempt: int, number: int) -> str:
    """The same of one of several plans."""
    return f"{PLANNING}/drafts/{attempt}-{number}"


def place_of_judge(attempt: int) -> str:
    """The same of the judge of plans."""
    return f"{PLANNING}/judge/{attempt}"


def angle(number: int) -> str:
    """What the plan of this number (from 1) is to be like."""
    return ANGLES[(number - 1) % len(ANGLES)]


def planning_sessions(state: State) -> tuple[PlanningSession, ...]:
    """All of them, in the order in which they are asked; none where the plan was given."""
    planning = state.planning
    if planning is None:
        return ()
    found = [*_scouts(state, planning), *_drafts(state, planning), *_judge(state, planning)]
    return (*found, *_planner(state, planning))


def planning_usage(found: tuple[PlanningSession, ...]) -> Usage:
    """What they used together."""
    return sum((item.usage for item in found), Usage())


def planning_facts(state: State) -> list[tuple[str, str]]:
    """How the plan came about and why it is as it is, each with its name; empty: it was given."""
    planning = state.planning
    made = planning.made if planning is not None else None
    if planning is None or made is None or not made.agent:
        return []
    found = planning_sessions(state)
    usage, seconds = planning_usage(found), sum(item.seconds for item in found)
    spent = f", ${usage.usd:.2f}" if usage.usd is not None else ""
    sessions = max(sum(item.sessions for item in found), 1)
    facts = [("planned", f"in {count(sessions, 'session')}, {duration(seconds)}{spent}")]
    if words := chosen_words(planning):
        facts.append(("chosen", words))
    if planning.flow is not None:
        facts.append(("planner", f"chose a flow: {planning.flow.reason}"))
    word = f"chose {SHAPES[made.shape]}: " if made.shape in SHAPES else ""
    return facts + ([("planner", f"{word}{made.reason}")] if made.reason else [])


def chosen_words(planning: Planning) -> str:
    """Which of several plans was taken, by whom, and why; empty: there was no choice."""
    judged = planning.judged
    if judged is None or judged.compared < 2:
        return ""
    made = len(planning.drafts)
    alike = f" ({judged.compared} that differ)" if judged.compared < made else ""
    who = "by the judge" if judged.agent else "by forecast"
    return f"plan {judged.chosen} of {made}{alike}, {who}: {judged.reason}"


def planning_warnings(state: State) -> tuple[str, ...]:
    """What the planning did without."""
    planning = state.planning
    if planning is None or planning.made is None or not planning.lost:
        return ()
    return (f"no scout's answer for: {listed(list(planning.lost))}",)


# --- by role --------------------------------------------------------------------------------------


def _scouts(state: State, planning: Planning) -> Iterator[PlanningSession]:
    parts = planning.map.parts if planning.map is not None else ()
    slugs = [_slug(part) for part in parts]
    for number, part in enumerate(parts, 1):
        slug = slugs[number - 1]
        name = f"scout-{slug}" if slugs.count(slug) == 1 else f"scout-{number}-{slug}"
        place, again = place_of_scout(number, part), planning.asked_again.get(part.name, 0)
        row = PlanningSession(name, SCOUT, "", planning.wanted.scout, WAITING, about=part.name)
        for attempt, item in enumerate(_past(planning, e.ScoutFailed, part.name), 1):
            yield _ended(replace(row, folder=f"{place}/{attempt}", attempt=attempt), item)
        row = replace(row, folder=f"{place}/{again + 1}", attempt=again + 1)
        key = ActionKey(ActionKind.SCOUT, part.name)
        answer = planning.scouted.get(part.name) or planning.lost.get(part.name)
        yield from _now(state, row, key, answer)


def _drafts(state: State, planning: Planning) -> Iterator[PlanningSession]:
    wanted = plans_wanted(planning, state.settings)
    numbers = {*planning.drafts, *planning.no_drafts}
    numbers |= {it.number for it in planning.past if isinstance(it, e.PlanDrafted | e.DraftFailed)}
    numbers |= {*range(1, wanted + 1)} if wanted > 1 else set()
    for number in sorted(numbers):
        row = PlanningSession(
            f"plan-{number}", PLANNER, "", planning.wanted.agent, WAITING,
            about=angle(number).partition(":")[0],
        )  # fmt: skip
        for past in planning.past:
            if isinstance(past, e.PlanDrafted | e.DraftFailed) and past.number == number:
                place = place_of_draft(past.attempt, number)
                yield _ended(replace(row, folder=place, attempt=past.attempt), past)
        made = planning.drafts.get(number) or planning.no_drafts.get(number)
        attempt = made.attempt if made is not None else planning.attempt
        row = replace(row, folder=place_of_draft(attempt, number), attempt=attempt)
        yield from _now(state, row, ActionKey(ActionKind.PLAN, str(number)), made)


def _judge(state: State, planning: Planning) -> Iterator[PlanningSession]:
    wanted, judged = plans_wanted(planning, state.settings), planning.judged
    if (wanted < 2 and judged is None) or not planning.wanted.judge:
        return
    if judged is not None and not judged.sessions:
        return  # the forecast has chosen, or there was nothing to choose from
    attempt = planning.attempt
    if judged is not None and planning.flow is not None:
        attempt = planning.flow.attempt
    place = place_of_judge(attempt)
    row = PlanningSession(JUDGE, JUDGE, place, planning.wanted.judge, WAITING, attempt)
    yield from _now(state, row, ActionKey(ActionKind.JUDGE), judged)


def _planner(state: State, planning: Planning) -> Iterator[PlanningSession]:
    """Who made the one plan, or has written the flow."""
    flow, agent = planning.flow, planning.wanted.agent
    row = PlanningSession(PLANNER, PLANNER, "", agent, WAITING)
    for past in planning.past:
        # Where several plans failed, that is told of each.
        if isinstance(past, e.PlanFailed) and past.seconds:
            after = flow is not None and past.attempt >= flow.attempt
            yield _ended(_written_by(row, past.attempt, after_choice=after), past)
    if flow is not None and flow.sessions:
        yield _ended(_written_by(row, flow.attempt, after_choice=False), flow)
    several = planning.drafts or planning.no_drafts or plans_wanted(planning, state.settings) > 1
    if several and flow is None:
        return
    made = planning.made
    attempt = made.attempt if made is not None else planning.attempt
    row = _written_by(row, attempt, after_choice=flow is not None)
    if made is None or made.agent:
        yield from _now(state, row, ActionKey(ActionKind.PLAN), made)


def _written_by(row: PlanningSession, attempt: int, *, after_choice: bool) -> PlanningSession:
    return replace(
        row,
        name=FLOW_PLANNER if after_choice else PLANNER,
        folder=place_of_planner(attempt, after_choice=after_choice),
        attempt=attempt,
    )


# --- what came of it ------------------------------------------------------------------------------


def _now(
    state: State, row: PlanningSession, key: ActionKey, ended: _Ended | None
) -> Iterator[PlanningSession]:
    """The newest attempt. What was not begun is told as long as it is still to come."""
    planning = state.planning
    assert planning is not None
    if ended is not None:
        yield _ended(row, ended)
    elif key in state.intents:
        yield replace(row, state=RUNNING)
    elif planning.made is None and (planning.failed is None or state.failed is None):
        yield row


def _ended(row: PlanningSession, event: _Ended) -> PlanningSession:
    if isinstance(event, e.Scouted) and event.cached:
        return replace(row, state=CACHED, told=_told(event))
    failed = isinstance(event, e.ScoutFailed | e.DraftFailed | e.PlanFailed) or not event.agent
    return replace(
        row,
        agent=event.agent or row.agent,
        state=FAILED if failed else ANSWERED,
        told=_told(event),
        hint=getattr(event, "hint", ""),
        problems=getattr(event, "problems", ()),
        usage=event.usage,
        seconds=event.seconds,
        sessions=event.sessions,
        session=event.session,
    )


def _told(event: _Ended) -> str:
    match event:
        case e.Scouted(report=report):
            more = f", {len(report.dropped)} named and not there" if report.dropped else ""
            return f"{sighted_words(report)}{more}"
        case e.PlanDrafted(shape=shape, tasks=tasks, reason=reason):
            what = "a flow" if shape == FLOW else count(len(tasks), "task")
            return f"{what}: {reason}" if reason else what
        case e.PlansJudged(chosen=chosen, reason=reason):
            return f"plan {chosen}: {reason}"
        case e.FlowChosen(reason=reason):
            return f"a flow: {reason}"
        case e.Planned(flow=flow, reason=reason) if flow:
            return f"flow {flow}: {reason}" if reason else f"flow {flow}"
        case e.Planned(reason=reason):
            return f"a plan: {reason}" if reason else "a plan"
        case _:
            return event.reason


def sighted_words(report: ScoutReport) -> str:
    """How many places a scout found: to change, and for new code."""
    if not (report.changes or report.adds):
        return "nothing to change"
    changes = f"{count(len(report.changes), 'place')} to change" if report.changes else ""
    adds = f"{count(len(report.adds), 'place')} for new code" if report.adds else ""
    return " and ".join(filter(None, (changes, adds)))


def _past(planning: Planning, kind: type[e.ScoutFailed], part: str) -> Iterator[e.ScoutFailed]:
    return (it for it in planning.past if isinstance(it, kind) and it.part == part)


def _slug(part: ScoutPart) -> str:
    from wtman.plan.file import slug  # it loads what reads plan files

    return slug(part.name)
