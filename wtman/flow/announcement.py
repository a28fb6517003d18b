"""What is told of a fan-out before its first item begins: its size, who does it, its price.

Pure. How many sessions an item takes is read off the script: each call counts once, whatever
loops stand around it, so it is the least. The price is the median of past sessions of the same
role and agent (`plan/attempts/table.py`): here already one counts, for what it may cost is
asked about.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wtman.budget.budget import budget_status
from wtman.flow.steps import ASKED
from wtman.journal.events import FanOutAnnounced
from wtman.journal.state import FlowView, State
from wtman.model.ids import ScopePath
from wtman.model.roles import DEFAULT, PLANNER, REVIEWER, model_of
from wtman.review.judgement import reviewers
from wtman.text.terminal import count

if TYPE_CHECKING:
    from wtman.flow.outline import CallSite
    from wtman.plan.attempts.table import Attempts, SessionKind

SHARE = 5  # more than this part of what is left of a budget is asked about
_ROLES = {"session": DEFAULT, "ask": ASKED, "plan": PLANNER}
_AGENT = 30  # characters of an agent's name


def announcement(state: State, path: ScopePath, items: int, past: "Attempts") -> FanOutAnnounced:
    """What is known of a fan-out; `past` are sessions of before, also of this run."""
    from wtman.plan.forecast import role_kind

    flow = state.flow
    assert flow is not None
    agents: dict[str, None] = {}
    each: list[SessionKind] = []  # who does an item, session by session
    for call in _calls(flow, path):
        if call.kind == "review":
            found = reviewers(state)
            looks = [found[number % len(found)] for number in range(call.sessions) if found]
            each += [role_kind(REVIEWER, agent, state.settings, state.roles) for agent in looks]
            agents |= dict.fromkeys(f"{REVIEWER}: {_short(agent)}" for agent in found)
        elif call.kind in _ROLES:
            each.append(_kind(state, call))
            agents[_who(each[-1])] = None
    usd, tokens = ([past.values(kind, name) for kind in each] for name in ("usd", "tokens"))
    return FanOutAnnounced(
        path,
        items,
        by=tuple(agents),
        sessions=items * len(each),
        usd=_expected(items, usd),
        tokens=_expected(items, tokens),
        samples=min(map(len, usd), default=0),
    )


def needs_answer(state: State, told: FanOutAnnounced) -> bool:
    """Whether a person is asked first: for many sessions, or for much of what is left."""
    flow = state.flow
    assert flow is not None
    if max(told.sessions, told.items) > flow.added.confirm_above:
        return True
    money = budget_status(state)
    return any(
        bool(budget) and wanted is not None and wanted > left / SHARE
        for budget, left, wanted in (
            (money.budget.usd, money.left.usd, told.usd),
            (money.budget.tokens, money.left.tokens, told.tokens),
        )
    )


def announcement_words(told: FanOutAnnounced) -> str:
    """`120 items of port: at least 360 sessions (implementer: claude), about $12.40`."""
    name = told.path[-1][1] if told.path else ""
    of = f" of {name}" if name and name not in ("map", "pipeline") else ""
    by = f" ({'; '.join(told.by)})" if told.by else ""
    if not told.sessions:
        return f"{count(told.items, 'item')}{of}"
    price = "price unknown"
    if told.usd is not None:
        known = f" by {count(told.samples, 'past session')}" if told.samples else ""
        price = f"about ${told.usd:,.2f}{known}"
    many = f"at least {count(told.sessions, 'session')}"
    return f"{count(told.items, 'item')}{of}: {many}{by}, {price}"


def _calls(flow: FlowView, path: ScopePath) -> "list[CallSite]":
    """The calls that each item makes, as far as the text of the script tells."""
    from wtman.flow.outline import read_script  # only where a script is played

    inner = next((name for kind, name in reversed(path) if kind == "flow"), "")
    text = flow.added.sources.get(inner, flow.added.text)
    names = set(path[-1][1].split(" > ")) if path else set()
    calls = read_script(text, flow.added.name, args=flow.added.args if not inner else {}).calls
    return [call for call in calls if names & set(call.functions)] or [
        call for call in calls if any(around.startswith("for each") for around in call.within)
    ]


def _kind(state: State, call: "CallSite") -> "SessionKind":
    """What the sessions of a call are grouped by, as the run assigns its role."""
    from wtman.plan.forecast import role_kind

    name = call.role or _ROLES[call.kind]
    kind = role_kind(name, call.agent, state.settings, state.roles)
    role = state.roles.get(name)
    return replace(kind, model=model_of(state.settings, role, kind.agent, call.model))


def _who(kind: "SessionKind") -> str:
    """The role with its agent and model."""
    return f"{kind.role}: {_short(kind.agent)}" + (f" {kind.model}" if kind.model else "")


def _short(agent: str) -> str:
    return agent if len(agent) <= _AGENT else f"{agent[: _AGENT - 1]}…"


def _expected(items: int, each: Sequence[Sequence[float]]) -> float | None:
    """What so many items take, a median for each session; None where one is unknown."""
    if not each or not all(each):
        return None
    from wtman.plan.attempts.table import quantile

    return items * sum(quantile(sorted(values), 0.5) for values in each)
