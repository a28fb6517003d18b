"""What repairs decided and what came of it: for lines, the report and JSON. Pure."""

from typing import Any

from wtman.coordinator.outcome import FELL_SHORT
from wtman.journal import events as e
from wtman.journal.state import NO, RepairView, State
from wtman.model.ids import TaskId
from wtman.model.states import Standing
from wtman.text.terminal import clean, count
from wtman.text.words import iso, listed

_SAID = 600


def decision_words(decided: e.RepairDecided) -> str:
    """A decision as people read it."""
    other = decided.other
    match decided.decision:
        case "again":
            words = "try again with advice"
        case "split":
            parts = [part.id for part in decided.parts]
            words = f"split into {count(len(parts), 'part')}: {listed(parts, 6)}"
        case "join":
            words = f"join with {other}"
        case "chain":
            words = f"start from the work of {other}"
        case "owns":
            words = f"let it change {listed(list(decided.owns), 4)}"
            words += f", after {other}" if other else ""
        case _:
            words = "give up"
    return clean(words)


def outcome_words(state: State, item: RepairView, standing: Standing | None) -> str:
    """What came of a repair so far; `standing` of its task, None: that is gone."""
    decided = item.decided
    if decided is None:
        return "nothing was changed"
    if item.applied is None:
        key = f"repair-{decided.task}-{decided.number}"
        waits = any(it.key == key for it in state.questions)
        return "waits for your answer" if waits else "is made part of the plan next"
    if item.applied.refused:
        return f"not done: {item.applied.refused}"
    if decided.decision == "give_up":
        return "it stays as it is"
    if standing is None:
        return f"{decided.task} is part of {decided.other}"
    if standing.state in FELL_SHORT:
        return f"{standing.state} again: {standing.reason}"
    return str(standing.state)


def repair_story(state: State, task: TaskId, standing: Standing | None) -> list[str]:
    """The repairs of a task as lines, with what came of the last one."""
    lines: list[str] = []
    found = state.repairs_of(task)
    for item in found:
        told = item.decided or item.failed
        if told is not None and told.fell:
            lines.append(clean(f"it fell short: {told.fell}"))
        if item.failed is not None:
            lines.append(f"repair {item.failed.number}: {clean(item.failed.reason)[:_SAID]}")
            continue
        decided = item.decided
        if decided is None:
            continue
        why = f", because: {decided.reason}" if decided.reason else ""
        lines.append(clean(f"repair {decided.number}: {decision_words(decided)}{why}")[:_SAID])
        if decided.advice and decided.decision != "split":
            lines.append(clean(f"its advice: {' '.join(decided.advice.split())}")[:_SAID])
        lines += [clean(f"it asks that {text}")[:_SAID] for text in decided.asks]
        last = item is found[-1]
        lines.append(f"what came of it: {outcome_words(state, item, standing if last else None)}"
                     if last or item.applied is None or item.applied.refused
                     else "what came of it: it fell short again")  # fmt: skip
    return lines


def repairs_json(state: State) -> list[dict[str, Any]]:
    """All repairs of a run, the oldest first."""
    return [_plain(state, item) for item in state.repairs]


def _plain(state: State, item: RepairView) -> dict[str, Any]:
    decided, failed = item.decided, item.failed
    told = decided or failed
    assert told is not None
    answer = None
    if decided is not None and decided.asks and item.applied is not None:
        answer = NO if item.applied.refused else "yes"
    return {
        "task": told.task,
        "number": told.number,
        "at": iso(item.at),
        "agent": told.agent,
        "fell_short": told.fell,
        "decision": decided.decision if decided is not None else None,
        "reason": told.reason,
        "advice": decided.advice if decided is not None else "",
        "other": (decided.other or None) if decided is not None else None,
        "owns": list(decided.owns) if decided is not None else [],
        "parts": [part.id for part in decided.parts] if decided is not None else [],
        "asks": list(decided.asks) if decided is not None else [],
        "answer": answer,
        "applied": item.applied is not None and not item.applied.refused,
        "refused": item.applied.refused if item.applied is not None else "",
        "evidence": decided.evidence if decided is not None else "",
        "session": told.session,
    }
