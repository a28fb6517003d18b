"""How the plan of a run came about: for tables, the report and JSON. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from wtman.journal.state import State
from wtman.model.roles import JUDGE, PLANNER, SCOUT
from wtman.plan.allowance import planning_limit
from wtman.plan.planning_sessions import (
    ANSWERED,
    CACHED,
    FAILED,
    PLANNING,
    RUNNING,
    SETTLED,
    SHAPES,
    PlanningSession,
    chosen_words,
    planning_facts,
    planning_sessions,
    planning_usage,
)
from wtman.text.terminal import clean, count, duration
from wtman.ui.document import Facts, Line, Table, Words, code, line

_KINDS = {ANSWERED: "good", CACHED: "good", FAILED: "bad"}
_TOLD = 400  # characters
_NAMES = {SCOUT: "scout", PLANNER: "plan", JUDGE: "judge"}


def planning_line(state: State) -> str:
    """Who was asked so far, and what came of it; empty once its user has said yes to the plan,
    and where it was given."""
    found = planning_sessions(state)
    if not found or state.approved:
        return ""
    latest = {item.name: item for item in found}
    planning, parts = state.planning, []
    chosen = chosen_words(planning) if planning is not None else ""
    for role, word in _NAMES.items():
        of_role = [item for item in latest.values() if item.role == role]
        if not of_role or (role == PLANNER and len(of_role) == 1) or (role == JUDGE and chosen):
            continue
        tally = Counter(item.state for item in of_role)
        all_told = ", ".join(f"{tally[name]} {name}" for name in tally)
        whole = count(len(of_role), word)
        parts.append(f"{whole} {of_role[0].state}" if len(tally) == 1 else f"{whole}: {all_told}")
    parts += [chosen.partition(":")[0]] if chosen else []
    more = f"wtman logs {state.run}/{PLANNING}"
    return f"planning  {'; '.join(parts)}  ({more})" if parts else ""


def planning_blocks(state: State) -> Iterator[Facts | Table]:
    """The section of the report: what it came to, then each session."""
    found, planning = planning_sessions(state), state.planning
    if planning is None or not found:
        return
    told = [f"{name}: {text}" for name, text in planning_facts(state)]
    if planning.map is not None and planning.map.files:
        told.append(f"mapped: {count(planning.map.files, 'file')}")
    yield Facts([line(clean(text)) for text in told])
    rows = [_row(item) for item in found if item.state in SETTLED or item.state == RUNNING]
    yield Table(("session", "looked at", "agent", "", "what came of it", "time", "cost"), rows, 2)
    yield Facts([line("what each of them said: ", code(f"wtman logs {state.run}/{PLANNING}"))])


def _row(item: PlanningSession) -> tuple[Line, ...]:
    attempt = f" (attempt {item.attempt})" if item.attempt > 1 else ""
    usd = "" if item.usage.usd is None else f"${item.usage.usd:.2f}"
    return (
        line(f"{item.name}{attempt}"),
        line(item.about),
        line(code(item.agent[:120])),
        line(Words(item.state, _KINDS.get(item.state, "busy"))),
        line(clean(item.told, _TOLD)),
        line(duration(item.seconds) if item.seconds else ""),
        line(usd),
    )


def planning_json(state: State, live: bool) -> dict[str, Any] | None:
    """The key `planning` of `status --json`; None where the plan was given."""
    planning = state.planning
    if planning is None:
        return None
    found, limit = planning_sessions(state), planning_limit(state.settings)
    made, judged, flow = planning.made, planning.judged, planning.flow
    shape = "flow" if flow is not None or planning.wanted.code else made.shape if made else ""
    return {
        "made": made is not None,
        "shape": shape if shape in (*SHAPES, "flow") else None,
        "reason": (flow.reason if flow is not None else made.reason if made else ""),
        "files": planning.map.files if planning.map is not None else None,
        "sessions": [session_json(state, item, live) for item in found],
        "chosen": (judged.chosen or None) if judged is not None else None,
        "compared": judged.compared if judged is not None else 0,
        "judge": (judged.agent or None) if judged is not None else None,
        "why": judged.reason if judged is not None else "",
        "flow": (made.flow or None) if made is not None else None,
        "flow_file": planning.kept.path if planning.kept is not None else None,
        "limit": {"usd": limit.usd or None, "tokens": limit.tokens or None},
        "usage": _usage(found),
    }


def session_json(state: State, item: PlanningSession, live: bool) -> dict[str, Any]:
    """One session of it, without its files."""
    planning = state.planning
    assert planning is not None
    running = item.state == RUNNING and not live
    report = planning.scouted.get(item.about) if item.role == SCOUT else None
    return {
        "name": item.name,
        "role": item.role,
        "about": item.about,
        "attempt": item.attempt,
        "agent": item.agent,
        "state": "interrupted" if running else item.state,
        "told": item.told,
        "hint": item.hint,
        "problems": list(item.problems),
        "summary": report.report.summary if report is not None else "",
        "sessions": item.sessions,
        "seconds": round(item.seconds, 3),
        "usage": _usage((item,)),
    }


def _usage(found: tuple[PlanningSession, ...]) -> dict[str, Any]:
    used = planning_usage(found)
    names = ("input_tokens", "output_tokens", "cached_tokens", "usd")
    return {name: getattr(used, name) for name in names}
