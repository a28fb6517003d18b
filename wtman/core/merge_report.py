"""What a merge came to: the JSON of SPEC section 8, and the lines for people. Pure."""

from typing import Any

from wtman.core.codec import to_plain
from wtman.core.events import Excluded, Landed
from wtman.core.render import clean, count
from wtman.core.state import State
from wtman.core.status import SCHEMA


def answer(state: State, landed: Landed) -> dict[str, Any]:
    """The answer of `wtman merge --json`."""
    dry_run = state.merge.asked.dry_run if state.merge is not None else False
    return {
        "schema": SCHEMA,
        "run": state.run or None,
        "target": landed.target,
        "before": landed.before,
        "after": landed.after,
        "dry_run": dry_run,
        "landed": list(landed.commits),
        "commits": dict(landed.commits),
        "adapted": list(landed.adapted),
        "excluded": [_excluded(item) for item in landed.excluded],
        "checks": landed.checks,
        "flaky": list(landed.flaky),
        "needs": {task: to_plain(names) for task, names in (landed.needs or {}).items()},
        "patches": landed.patches,
    }


def _excluded(item: Excluded) -> dict[str, Any]:
    return {
        "task": item.task,
        "reason": item.reason,
        "with": list(item.others),
        "paths": list(item.paths),
        "evidence": item.evidence,
        "reproduce": item.reproduce,
    }


def lines(state: State, landed: Landed) -> list[str]:
    """The outcome for people; what was left out says why and how to see it."""
    out = [
        _first(state, landed),
        *(f"  {task}  {sha[:10]}" for task, sha in landed.commits.items()),
    ]
    if landed.excluded:
        out += ["", "left out:"]
    for item in landed.excluded:
        others = f" with {', '.join(item.others)}" if item.others else ""
        paths = f" in {clean(', '.join(item.paths), 200)}" if item.paths else ""
        why = f": {clean(_first_line(item.evidence), 200)}" if item.evidence else ""
        out.append(f"  {item.task}  {item.reason}{others}{paths}{why}")
        if item.reproduce:
            out.append(f"    reproduce: {clean(item.reproduce)}")
    out += [f"{task} works only with {', '.join(n)}" for task, n in (landed.needs or {}).items()]
    out += [f"flaky: {clean(name, 200)}" for name in landed.flaky]
    out += [f"adapted: {clean(text, 200)}" for text in landed.adapted]
    if landed.patches:
        out += ["", f"patches: {clean(landed.patches)}"]
    return out


def _first(state: State, landed: Landed) -> str:
    tasks = count(len(landed.commits), "task")
    where = f" on {landed.target}" if landed.target else ""
    span = f"{landed.before[:10]}..{landed.after[:10]}"
    checks = count(landed.checks, "check run")
    if not landed.commits:
        return f"nothing landed{where} ({checks})"
    if landed.moved:
        return f"{tasks} landed{where}: {span} ({checks})"
    merge = state.merge
    if merge is not None and merge.asked.dry_run:
        return f"{tasks} would land{where} ({checks})"
    return f"{tasks} written as patches, nothing moved ({checks})"


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
