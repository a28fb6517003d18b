"""What is told of a fan-out before its first item begins: its size, who does it, its price.

Pure. How many sessions an item takes is read off the script: each call counts once, whatever
loops stand around it, so it is the least. The price is that of sessions before, of this run where
it has had some, else of this repository.
"""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from wtman.budget.budget import budget_status
from wtman.flow.steps import ASKED
from wtman.journal.events import FanOutAnnounced
from wtman.journal.state import FlowView, State
from wtman.model.ids import ScopePath
from wtman.model.roles import DEFAULT, PLANNER, REVIEWER, agent_of, model_of
from wtman.model.session import Usage
from wtman.review.judgement import reviewers
from wtman.text.terminal import count

if TYPE_CHECKING:
    from wtman.flow.outline import CallSite

SHARE = 5  # more than this part of what is left of a budget is asked about
_ROLES = {"session": DEFAULT, "ask": ASKED, "plan": PLANNER}
_AGENT = 30  # characters of an agent's name


def announcement(
    state: State, path: ScopePath, items: int, past: Sequence[Usage]
) -> FanOutAnnounced:
    """What is known of a fan-out; `past` are sessions of this repository, used where the run has
    had none."""
    flow = state.flow
    assert flow is not None
    agents: dict[str, None] = {}
    each = 0
    for call in _calls(flow, path):
        if call.kind == "review":
            found = reviewers(state)
            each += call.sessions if found else 0
            agents |= dict.fromkeys(f"{REVIEWER}: {_short(agent)}" for agent in found)
        elif call.kind in _ROLES:
            each += 1
            agents[_who(state, call)] = None
    had = [
        item.outcome.usage
        for view in state.tasks.values()
        for item in view.attempts
        if item.outcome is not None
    ]
    least = items * each
    used = had or past
    return FanOutAnnounced(
        path,
        items,
        by=tuple(agents),
        sessions=least,
        usd=_expected(least, [item.usd for item in used if item.usd is not None]),
        tokens=_expected(least, [item.tokens for item in used if item.tokens]),
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
    price = "price unknown" if told.usd is None else f"about ${told.usd:,.2f}"
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


def _who(state: State, call: "CallSite") -> str:
    """The role of a call with its agent and model, as the run assigns them."""
    name = call.role or _ROLES[call.kind]
    role = state.roles.get(name)
    agent = call.agent or agent_of(state.settings, role, name)
    model = model_of(state.settings, role, agent, call.model)
    return f"{name}: {_short(agent)}" + (f" {model}" if model else "")


def _short(agent: str) -> str:
    return agent if len(agent) <= _AGENT else f"{agent[: _AGENT - 1]}…"


def _expected(sessions: int, each: Sequence[float]) -> float | None:
    return sessions * median(each) if each and sessions else None
