"""What planning does next: the map, scouts side by side, then the plan. Pure.

All of it has one limit in money (`plan.allowance`). Each session gets a share of what is left of
that, so that together they never use more. Scouts and plans that do not fit any more are passed
over; without a session or money for the plan and a task of it the run is paused.
"""

from collections.abc import Collection, Sequence

from wtman.budget.budget import LEAST_SHARE, budget_status, exhausted
from wtman.journal.events import Configured, DraftFailed, ScoutFailed
from wtman.journal.state import Planning, State
from wtman.model.actions import ActionKey, ActionKind, Pause
from wtman.model.roles import REVIEWER, SCOUT, reviews_each
from wtman.model.scout import ScoutPart
from wtman.model.session import Cap
from wtman.model.settings import ULTRA, Settings
from wtman.plan.actions import ChoosePlan, DraftPlan, MakeMap, MakePlan, PassOver, Scout
from wtman.plan.allowance import (
    JUDGE_SHARE,
    PLAN_SHARE,
    SCOUT_SHARE,
    least_with_plan,
    planning_limit,
    planning_sessions_limit,
    planning_size,
)
from wtman.text.terminal import count

_NONE = Cap()
_KINDS = (ActionKind.SCOUT, ActionKind.PLAN, ActionKind.JUDGE)

PlanningAction = MakeMap | Scout | MakePlan | DraftPlan | ChoosePlan | PassOver | Pause


def looks_first(planning: Planning, settings: Settings) -> bool:
    """Whether scouts are wanted before the plan is."""
    return planning_size(planning.wanted, settings).scouts > 0


def _scouts_named(state: State) -> bool:
    """Whether scouts were asked for, by number or by agent: then a small repository has one."""
    role, known = state.roles.get(SCOUT), state.configured or Configured()
    said = {*known.flags, *known.files, *known.environment}
    named = bool(state.settings.roles.get(SCOUT) or (role is not None and role.agent))
    return named or "scouts" in said or state.settings.effort == ULTRA


def unseen(planning: Planning) -> tuple[ScoutPart, ...]:
    """The parts that a scout has still to look at."""
    parts = planning.map.parts if planning.map is not None else ()
    return tuple(p for p in parts if p.name not in planning.scouted and p.name not in planning.lost)


def planning_actions(
    state: State, running: Collection[ActionKey], slots: int
) -> tuple[PlanningAction, ...]:
    """What to start now; nothing while what runs is waited for. `slots`: sessions that may start.

    Rate limits are for the caller.
    """
    planning = state.planning
    if planning is None or state.paused is not None or ActionKey(ActionKind.PLAN) in running:
        return ()
    if looks_first(planning, state.settings):
        if planning.map is None:
            one = _scouts_named(state)
            most = planning_size(planning.wanted, state.settings).scouts
            wanted = MakeMap(most, planning.wanted.scout, one)
            return () if wanted.key in running else (wanted,)
        if left := unseen(planning):
            return _scouts(state, planning, left, running, slots)
    return _plan(state, planning, running, slots)


def _scouts(
    state: State,
    planning: Planning,
    left: Sequence[ScoutPart],
    running: Collection[ActionKey],
    slots: int,
) -> tuple[PlanningAction, ...]:
    """A scout for each part that has none yet, as far as slots and limits go."""
    out: list[PlanningAction] = []
    waiting = [part for part in left if ActionKey(ActionKind.SCOUT, part.name) not in running]
    size = planning_size(planning.wanted, state.settings)
    sessions = _sessions_left(state) - size.plans - size.judges
    held = _NONE
    for number, part in enumerate(waiting):
        cap = _share(state, SCOUT_SHARE, SCOUT_SHARE * (len(waiting) - number) + PLAN_SHARE, held)
        reason = ""
        if sessions <= 0:
            reason = _no_session(state)
        elif cap is None:
            reason = "the limit of planning is used up"
        if cap is None or reason:
            if len(left) > len(waiting) or out:
                break  # what runs may give back what it does not use
            lost = ScoutFailed(part.name, planning.wanted.scout, reason, sessions=0)
            return (PassOver(lost),)
        if slots <= 0:
            break
        attempt = planning.asked_again.get(part.name, 0) + 1
        out.append(Scout(part.name, attempt, planning.wanted.scout, cap))
        held += cap
        slots -= 1
        sessions -= 1
    return tuple(out)


def plans_wanted(planning: Planning, settings: Settings) -> int:
    """How many plans are made and compared."""
    return planning_size(planning.wanted, settings).plans


def _drafts(
    state: State, planning: Planning, running: Collection[ActionKey], slots: int
) -> tuple[PlanningAction, ...]:
    """The plans that are still to be made, then the choice among them."""
    wanted = plans_wanted(planning, state.settings)
    settled = planning.drafts.keys() | planning.no_drafts.keys()
    left = [number for number in range(1, wanted + 1) if number not in settled]
    waiting = [at for at in left if ActionKey(ActionKind.PLAN, str(at)) not in running]
    sessions = _sessions_left(state)
    if not planning.drafts and len(left) == len(waiting) and _has_room(state):
        sessions = max(sessions, 1)  # whatever it took so far, one plan is made
    out: list[PlanningAction] = []
    held = _NONE
    agent = planning.wanted.agent
    for place, number in enumerate(waiting):
        cap = _share(state, PLAN_SHARE, PLAN_SHARE * (len(waiting) - place) + JUDGE_SHARE, held)
        if cap is None or sessions <= 0:
            if len(left) > len(waiting) or out:
                break
            if not planning.drafts:
                return (_used_up(state, planning),)
            reason = "the limit of planning is used up" if cap is None else _no_session(state)
            lost = DraftFailed(number, planning.attempt, agent, reason, sessions=0)
            return (PassOver(lost),)
        if slots <= 0:
            break
        out.append(DraftPlan(number, planning.attempt, agent, state.base, cap))
        held += cap
        slots -= 1
        sessions -= 1
    if left:
        return tuple(out)
    cap = _share(state, JUDGE_SHARE, JUDGE_SHARE)
    judge = planning.wanted.judge if cap is not None and sessions > 0 else ""
    choose = ChoosePlan(planning.attempt, judge, state.base, cap or _NONE)
    return () if choose.key in running else (choose,)


def _plan(
    state: State, planning: Planning, running: Collection[ActionKey], slots: int
) -> tuple[PlanningAction, ...]:
    several = planning.drafts or planning.no_drafts or plans_wanted(planning, state.settings) > 1
    if several and not planning.wanted.code:
        return _drafts(state, planning, running, slots)
    cap = _share(state, PLAN_SHARE, PLAN_SHARE)
    if cap is not None and _has_room(state):
        return (MakePlan(planning.attempt, planning.wanted.agent, state.base, cap),)
    return (_used_up(state, planning),)


def _used_up(state: State, planning: Planning) -> Pause:
    """Why there is no session for a plan, and the way on."""
    if not _has_room(state):
        had, most = state.sessions, state.settings.max_sessions
        reason = f"the run has had {had} of its {count(most, 'session')}"
        if had < most:
            least = least_with_plan(_reviewers(state))
            reason += f", and a plan with one task needs {least} more"
        return Pause(reason, "raise the limit: wtman resume --max-sessions N")
    if budget_status(state).admit(1) is None:
        return Pause(*exhausted(state))
    return Pause(*limit_reached(state, planning.charged))


def _sessions_left(state: State) -> int:
    """How many more sessions planning may have, of those that the tasks do not need."""
    return planning_sessions_limit(state.settings) - state.sessions


def _has_room(state: State) -> bool:
    """Whether there is a session for a plan, and what one task needs after it."""
    planning = state.planning
    code = planning is not None and planning.wanted.code
    least = 1 if code else least_with_plan(_reviewers(state))
    return state.sessions + least <= state.settings.max_sessions


def _reviewers(state: State) -> int:
    return reviews_each(state.settings, state.roles.get(REVIEWER))


def sessions_for_tasks(state: State) -> int:
    """What is left of the run's sessions for a plan that is made now, when planning is over."""
    planning = state.planning
    to_come = 0
    if planning is not None and (wanted := plans_wanted(planning, state.settings)) > 1:
        begun = {key.subject for key in state.intents if key.kind is ActionKind.PLAN}
        begun |= {str(number) for number in (*planning.drafts, *planning.no_drafts)}
        to_come = max(wanted - len(begun), 0)
        to_come += planning_size(planning.wanted, state.settings).judges
    return max(state.settings.max_sessions - state.sessions - to_come, 0)


def _no_session(state: State) -> str:
    most = count(state.settings.max_sessions, "session")
    return f"the rest of the run's {most} is kept for the tasks"


def limit_reached(state: State, charged: Cap) -> tuple[str, str]:
    """That planning has used up its limit with `charged`, and how to go on."""
    limit = planning_limit(state.settings)
    told = [f"${charged.usd:.2f} of ${limit.usd:.2f}"] if limit.usd else []
    told += [f"{charged.tokens:,} of {limit.tokens:,} tokens"] if limit.tokens else []
    way = "--plan-budget-usd N" if limit.usd else "--budget-tokens N"
    if limit.usd and limit.usd < state.settings.plan_budget_usd:
        way = "--budget-usd N"  # of which half is kept for the tasks
    reason = f"the limit of planning is used up: {' and '.join(told)}"
    return reason, f"raise it: wtman resume {state.run} {way}"


def is_used_up(state: State, charged: Cap) -> bool:
    """Whether `charged` leaves no share of the limit of planning that is worth having."""
    limit = planning_limit(state.settings)
    return any(
        whole and whole - used < whole * LEAST_SHARE
        for whole, used in ((limit.usd, charged.usd), (limit.tokens, charged.tokens))
    )


def _share(state: State, mine: int, all_of: int, more: Cap = _NONE) -> Cap | None:
    """The cap of a session that is worth `mine` of `all_of` that are still to come.

    `more` is promised in this turn already. None where no cap worth having is left.
    """
    planning = state.planning
    assert planning is not None
    limit, whole = planning_limit(state.settings), budget_status(state)
    held = more
    for key, cap in state.reserved.items():
        held += cap if key.kind in _KINDS else _NONE
    caps = []
    for of_planning, used, of_run, run_left, own in (
        (limit.usd, planning.charged.usd + held.usd, whole.budget.usd,
         whole.left.usd - more.usd, whole.own.usd),
        (limit.tokens, planning.charged.tokens + held.tokens, whole.budget.tokens,
         whole.left.tokens - more.tokens, whole.own.tokens),
    ):  # fmt: skip
        if not of_planning:
            caps.append(own)
            continue
        left = min(of_planning - used, run_left if of_run else of_planning)
        share = left * mine / all_of
        if left < of_planning * LEAST_SHARE or share <= 0:
            return None
        caps.append(min(share, own) if own else share)
    # Cut to whole units: what is handed out never adds up to more than there is.
    usd, tokens = int(caps[0] * 1e6 + 1e-6) / 1e6, int(caps[1])
    if (limit.usd and not usd) or (limit.tokens and not tokens):
        return None
    return Cap(usd, tokens)
