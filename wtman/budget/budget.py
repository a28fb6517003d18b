"""Budgets: whether one session more may start, and what it may use.

A session starts only with a cap of its own that fits what is left when every live
session is counted with all of its cap, so that no order of events can overdraw a
budget by more than what a live session uses after it has reached its cap: one model
call. What a session does not use is given back when it ends.
"""

from collections.abc import Mapping
from dataclasses import replace

from wtman.journal.state import Attempt, State
from wtman.model.actions import ActionKey
from wtman.model.session import Cap, Outcome, Usage
from wtman.model.settings import Settings
from wtman.model.values import dataclass

# Less than this share of the whole budget is not worth starting a session with.
LEAST_SHARE = 0.01
_MICRO = 1_000_000
# Waits after which a provider that still turns sessions away pauses the run.
MOST_WAITS = 6


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """What a run may use (`budget`), and what of that is spent or promised to live sessions.

    `own` is what the user allows one session. In every cap 0 means no limit.
    """

    budget: Cap
    own: Cap
    charged: Cap
    held: Cap

    @property
    def left(self) -> Cap:
        """What is neither used nor promised; never below 0. Only where there is a budget."""
        return self.budget - self.charged - self.held

    def admit(self, waiting: int) -> Cap | None:
        """The cap of a session that starts now, with `waiting` tasks to share what is left.

        None where no cap worth having fits what is left.
        """
        usd = _share(self.budget.usd, self.own.usd, self.left.usd, waiting, 1 / _MICRO)
        tokens = _share(self.budget.tokens, self.own.tokens, self.left.tokens, waiting, 1)
        if usd is None or tokens is None:
            return None
        # Cut to whole units: what is handed out never adds up to more than there is.
        return Cap(int(usd * _MICRO + 1e-6) / _MICRO, int(tokens))

    def holding(self, cap: Cap) -> "BudgetStatus":
        """The budget once a session with this cap has started."""
        return replace(self, held=self.held + cap)


def _share(budget: float, own: float, left: float, waiting: int, unit: float) -> float | None:
    if not budget:
        return own
    # At least one unit: a cap of 0 would be none.
    least = max(budget * LEAST_SHARE, unit)
    wanted = min(own, budget) if own else max(left / max(waiting, 1), least)
    return wanted if wanted <= left else None


def budget_status(state: State, live: Mapping[ActionKey, Usage] | None = None) -> BudgetStatus:
    """The budget of a run; `live` is what live sessions have used so far, by action key."""
    settings = state.settings
    held = Cap()
    for key, cap in state.reserved.items():
        used = (live or {}).get(key, Usage())
        held += Cap(max(cap.usd, used.usd or 0.0), max(cap.tokens, used.tokens))
    return BudgetStatus(
        budget=Cap(settings.budget_usd, settings.budget_tokens),
        own=Cap(settings.session_budget_usd, settings.session_budget_tokens),
        charged=state.charged,
        held=held,
    )


def spent(state: State) -> str:
    """How far the budgets are used up, in words; empty where there is none."""
    settings, charged = state.settings, state.charged
    words = []
    if settings.budget_usd:
        words.append(f"${charged.usd:.2f} of ${settings.budget_usd:.2f}")
    if settings.budget_tokens:
        words.append(f"{charged.tokens:,} of {settings.budget_tokens:,} tokens")
    return " and ".join(words)


def overshoot(state: State) -> Cap:
    """By how much more than its budgets a run has used; 0 where it kept them."""
    budget = Cap(state.settings.budget_usd, state.settings.budget_tokens)
    over = state.charged - budget
    return Cap(over.usd if budget.usd else 0.0, over.tokens if budget.tokens else 0)


def exhausted(state: State) -> tuple[str, str]:
    """Why no session fits the budgets any more, and the way on."""
    given = budget_status(state)
    flags = [
        flag
        for flag, budget, own, left, unit in (
            ("--budget-usd", given.budget.usd, given.own.usd, given.left.usd, 1 / _MICRO),
            ("--budget-tokens", given.budget.tokens, given.own.tokens, given.left.tokens, 1),
        )
        if _share(budget, own, left, 1, unit) is None
    ]
    more = " ".join(f"{flag} N" for flag in flags)
    reason = f"the budget is used up: {spent(state)}, and no session fits what is left"
    return reason, f"raise it: wtman resume {state.run} {more}"


def counts(settings: Settings, cap: Cap, outcome: Outcome) -> bool:
    """Whether a session that fell short is a failed attempt of its task.

    Not where something outside ended it: a quota, a provider that has too much, or its
    share of the run's budget. A limit that the user set for each session does count, or
    the task would run into it for ever.
    """
    if outcome.fatal or outcome.limited:
        return False
    own = Cap(settings.session_budget_usd, settings.session_budget_tokens)
    shared = Cap(0.0 if own.usd else cap.usd, 0 if own.tokens else cap.tokens)
    return not shared.reached(outcome.usage)


def broken_off(attempt: Attempt) -> bool:
    """Whether something outside ended the attempt in the middle of its work (`counts`)."""
    done = attempt.outcome
    if done is None:
        return False
    return bool(done.fatal) or done.limited or bool(attempt.cap.reached(done.usage))


def wait_of(state: State) -> float:
    """Seconds to wait before a provider that turned sessions away is asked again."""
    return float(state.settings.backoff * 2 ** max(state.turned_away - 1, 0))
