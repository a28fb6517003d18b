"""What planning does next: the map, scouts side by side, then the plan. Pure.

All of it has one limit: what `--plan-budget-usd` says, else a tenth of the run's budget. Each
session gets a share of what is left of that, so that together they never use more. Scouts that do
not fit any more are passed over; without money for the plan itself the run is paused.
"""

from collections.abc import Collection, Sequence

from wtman.budget.budget import LEAST_SHARE, budget_status, exhausted
from wtman.journal.events import Configured, DraftFailed, ScoutFailed
from wtman.journal.state import Planning, State
from wtman.model.actions import ActionKey, ActionKind, Pause
from wtman.model.roles import SCOUT
from wtman.model.scout import ScoutPart
from wtman.model.session import Cap
from wtman.model.settings import ULTRA, Settings
from wtman.plan.actions import ChoosePlan, DraftPlan, MakeMap, MakePlan, PassOver, Scout

_SHARE = 10  # without a limit of its own, planning gets a tenth of the run's budget
_PLAN, _JUDGE, _SCOUT = 4, 2, 1  # how much each is worth beside the other
_NONE = Cap()
_KINDS = (ActionKind.SCOUT, ActionKind.PLAN, ActionKind.JUDGE)

PlanningAction = MakeMap | Scout | MakePlan | DraftPlan | ChoosePlan | PassOver | Pause


def planning_limit(settings: Settings) -> Cap:
    """What all sessions of the planning may use together; 0: no limit."""
    usd = settings.plan_budget_usd or settings.budget_usd / _SHARE
    return Cap(usd, settings.budget_tokens // _SHARE)


def looks_first(planning: Planning, settings: Settings) -> bool:
    """Whether scouts are wanted before the plan is."""
    return bool(planning.wanted.scout) and settings.scouts > 0 and not planning.wanted.code


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
            wanted = MakeMap(state.settings.scouts, planning.wanted.scout, one)
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
    sessions = state.settings.max_sessions - state.sessions - 1  # the last one is the planner's
    held = _NONE
    for number, part in enumerate(waiting):
        cap = _share(state, _SCOUT, _SCOUT * (len(waiting) - number) + _PLAN, held)
        reason = ""
        if sessions <= 0:
            reason = f"the run has had its {state.settings.max_sessions} sessions"
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
    return 1 if planning.wanted.code else max(settings.plans, 1)


def _drafts(
    state: State, planning: Planning, running: Collection[ActionKey], slots: int
) -> tuple[PlanningAction, ...]:
    """The plans that are still to be made, then the choice among them."""
    wanted = plans_wanted(planning, state.settings)
    settled = planning.drafts.keys() | planning.no_drafts.keys()
    left = [number for number in range(1, wanted + 1) if number not in settled]
    waiting = [at for at in left if ActionKey(ActionKind.PLAN, str(at)) not in running]
    sessions = state.settings.max_sessions - state.sessions
    out: list[PlanningAction] = []
    held = _NONE
    agent = planning.wanted.agent
    for place, number in enumerate(waiting):
        cap = _share(state, _PLAN, _PLAN * (len(waiting) - place) + _JUDGE, held)
        if cap is None or sessions <= 0:
            if len(left) > len(waiting) or out:
                break
            if not planning.drafts:
                return (_used_up(state, planning),)
            reason = "the limit of planning is used up" if cap is None else "no session is left"
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
    cap = _share(state, _JUDGE, _JUDGE)
    judge = planning.wanted.judge if cap is not None and sessions > 0 else ""
    choose = ChoosePlan(planning.attempt, judge, state.base, cap or _NONE)
    return () if choose.key in running else (choose,)


def _plan(
    state: State, planning: Planning, running: Collection[ActionKey], slots: int
) -> tuple[PlanningAction, ...]:
    several = planning.drafts or planning.no_drafts or plans_wanted(planning, state.settings) > 1
    if several and not planning.wanted.code:
        return _drafts(state, planning, running, slots)
    cap = _share(state, _PLAN, _PLAN)
    if cap is not None and state.sessions < state.settings.max_sessions:
        return (MakePlan(planning.attempt, planning.wanted.agent, state.base, cap),)
    return (_used_up(state, planning),)


def _used_up(state: State, planning: Planning) -> Pause:
    """Why there is no session for a plan, and the way on."""
    if state.sessions >= state.settings.max_sessions:
        reason = f"the run has had its {state.settings.max_sessions} sessions"
        return Pause(reason, "raise the limit: wtman resume --max-sessions N")
    if budget_status(state).admit(_SHARE) is None:
        return Pause(*exhausted(state))
    return Pause(*limit_reached(state, planning.charged))


def limit_reached(state: State, charged: Cap) -> tuple[str, str]:
    """That planning has used up its limit with `charged`, and how to go on."""
    limit = planning_limit(state.settings)
    told = [f"${charged.usd:.2f} of ${limit.usd:.2f}"] if limit.usd else []
    told += [f"{charged.tokens:,} of {limit.tokens:,} tokens"] if limit.tokens else []
    way = "--plan-budget-usd N" if limit.usd else "--budget-tokens N"
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
