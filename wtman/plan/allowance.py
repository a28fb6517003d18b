"""How much of a run's limits its planning may take, and how many scouts and plans fit that. Pure.

A plan is worth nothing without sessions and money for its tasks: half of both is kept for them.
Planning in money is a tenth of the run's budget unless `--plan-budget-usd` says otherwise.
"""

from wtman.errors import UsageError
from wtman.journal.events import PlanWanted
from wtman.model.session import Cap
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.text.terminal import count

_PART = 10  # without a limit of its own, planning gets a tenth of the run's budget
_KEPT = 2  # what is kept for the tasks: the half
PLAN_SHARE, JUDGE_SHARE, SCOUT_SHARE = 4, 2, 1  # how much each is worth beside the other
_LEAST = Cap(0.02, 5_000)  # less than that of dollars or tokens is no session of a scout


@dataclass(frozen=True, slots=True)
class PlanningSize:
    """How many sessions of each kind a planning has, if each answer is usable at once."""

    scouts: int
    plans: int
    judges: int = 0

    @property
    def sessions(self) -> int:
        return self.scouts + self.plans + self.judges

    @property
    def shares(self) -> int:
        return SCOUT_SHARE * self.scouts + PLAN_SHARE * self.plans + JUDGE_SHARE * self.judges


def planning_limit(settings: Settings) -> Cap:
    """What all sessions of the planning may use together; 0: no limit."""
    usd = settings.plan_budget_usd or settings.budget_usd / _PART
    if settings.budget_usd:
        usd = min(usd, settings.budget_usd / _KEPT)
    return Cap(usd, settings.budget_tokens // _PART)


def planning_sessions_limit(settings: Settings) -> int:
    """How many sessions planning may have as long as there is something to cut."""
    return max(settings.max_sessions // _KEPT, 1)


def wanted_size(wanted: PlanWanted, settings: Settings) -> PlanningSize:
    """What the planning would be without limits."""
    scouts = settings.scouts if wanted.scout and not wanted.code else 0
    plans = 1 if wanted.code else max(settings.plans, 1)
    return _size(wanted, scouts, plans)


def planning_size(wanted: PlanWanted, settings: Settings) -> PlanningSize:
    """The same, cut to what leaves room for the tasks: of scouts and plans always what there is
    more of. The plan itself is not cut."""
    size = wanted_size(wanted, settings)
    while not _fits(size, settings):
        if size.scouts > size.plans or (size.plans == 1 and size.scouts):
            size = _size(wanted, size.scouts - 1, size.plans)
        elif size.plans > 1:
            size = _size(wanted, size.scouts, size.plans - 1)
        else:
            break
    return size


def cut_words(wanted: PlanWanted, settings: Settings) -> str:
    """Why there are fewer scouts or plans than wanted; empty where there are not."""
    whole, size = wanted_size(wanted, settings), planning_size(wanted, settings)
    if size == whole:
        return ""
    few = whole.sessions > planning_sessions_limit(settings)
    limit, option = planning_limit(settings), "--budget-tokens"
    if limit.usd and limit.usd < _LEAST.usd * whole.shares:
        option = "--plan-budget-usd" if settings.plan_budget_usd else "--budget-usd"
    option = "--max-sessions" if few else option
    kept = "half of it is kept for the tasks" if few else "each needs a share worth having"
    more = f"{whole.plans} plans" if whole.plans > 1 else ""
    more = " and ".join(filter(None, (f"{whole.scouts} scouts" if whole.scouts else "", more)))
    return f"not {more}: {option} is too low for them ({kept})"


def require_planning(wanted: PlanWanted, settings: Settings, reviewers: int) -> None:
    """Refuse a limit of sessions that no plan of one task would fit."""
    least = least_with_plan(reviewers)
    if settings.max_sessions >= least or wanted.code:
        return
    task = "1 author" + (f" + {count(reviewers, 'reviewer')}" if reviewers else "")
    raise UsageError(
        f"--max-sessions {settings.max_sessions} is too low: planning and one task need at least "
        f"{least} (1 planner + {task})",
        hint=f"give --max-sessions {least} or more, or a plan that you have: --plan FILE",
    )


def least_with_plan(reviewers: int) -> int:
    """The sessions that a planner and one task take, each reviewed by so many."""
    return 1 + 1 + reviewers


def _size(wanted: PlanWanted, scouts: int, plans: int) -> PlanningSize:
    return PlanningSize(scouts, plans, int(plans > 1 and bool(wanted.judge)))


def _fits(size: PlanningSize, settings: Settings) -> bool:
    limit, shares = planning_limit(settings), size.shares
    return (
        size.sessions <= planning_sessions_limit(settings)
        and (not limit.usd or limit.usd >= _LEAST.usd * shares)
        and (not limit.tokens or limit.tokens >= _LEAST.tokens * shares)
    )
