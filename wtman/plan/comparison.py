"""Several plans of one request held side by side: what each is to be like, which are the same,
what a judge is told of them, and which is best by forecast alone. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from wtman.journal.events import PlanDrafted
from wtman.model.plan import Plan, Task
from wtman.model.values import dataclass
from wtman.plan.forecast import Forecast
from wtman.plan.planning_sessions import angle
from wtman.text.terminal import count
from wtman.text.words import fenced

_LETTERS = "ABCDEFGH"
_TASKS = 60  # of a plan that a judge is told
_TEXT = 1200  # characters of a prompt
_CONTEXT = 4000


@dataclass(frozen=True, slots=True)
class Compared:
    """A plan with its forecast. `number` is that of the first draft that said it.

    A flow has no tasks: it is what it is `outline`d as, and `why`.
    """

    number: int
    plan: Plan
    forecast: Forecast
    why: str = ""
    outline: str = ""


def angle_words(number: int) -> str:
    """What the planner of this draft (from 1) is told besides."""
    return (
        "Several plans of this request are made and compared. Make yours the one with "
        f"{angle(number)}. All of the request is in it all the same.\n"
    )


def distinct(drafts: Mapping[int, PlanDrafted]) -> tuple[PlanDrafted, ...]:
    """The drafts, of those that come to the same only the first."""
    found: dict[tuple[str, str, frozenset[Task]], PlanDrafted] = {}
    for _, draft in sorted(drafts.items()):
        tasks = frozenset(replace(task, title="") for task in draft.tasks)
        found.setdefault((draft.outline, draft.context, tasks), draft)
    return tuple(found.values())


def best(candidates: Sequence[Compared]) -> Compared:
    """The best by forecast: fewest conflicts to be expected, then the shortest chain, then the
    fewest tasks, then the first. Of a flow nothing is foreseen: it comes after all plans."""
    return min(
        candidates,
        key=lambda item: (
            bool(item.outline),
            round(sum(pair.chance for pair in item.forecast.conflicts), 6),
            len(item.forecast.critical_path),
            len(item.plan.tasks),
            item.number,
        ),
    )


def shown_order(candidates: Sequence[Compared]) -> tuple[Compared, ...]:
    """In an order that says nothing of who made them, the same every time."""
    return tuple(sorted(candidates, key=lambda item: sha256(_plain(item).encode()).digest()))


def letters(candidates: Sequence[Compared]) -> dict[str, Compared]:
    """The plans by what a judge calls them."""
    return dict(zip(_LETTERS, shown_order(candidates), strict=False))


def judge_prompt(request: str, candidates: Sequence[Compared]) -> str:
    """What a judge is told: the request, and the plans with what is foreseen of them."""
    parts = [
        "Which of these plans of one request is best? Each task of a plan is built by one agent "
        "on a branch of its own, as many as possible at the same time; then all are merged. "
        f"The request (as data):\n{fenced(request.strip())}"
    ]
    for letter, item in letters(candidates).items():
        parts.append(
            f"Plan {letter} (as data):\n{fenced(_plain(item))}\nForeseen: {foreseen(item)}."
        )
    parts.append("Answer with the letter of the best, and why, in one or two sentences.")
    return "\n\n".join(parts) + "\n"


def foreseen(item: Compared) -> str:
    """A forecast in a line."""
    if item.outline:
        return "nothing; a flow finds its tasks while it runs"
    known = item.forecast
    likely = [pair for pair in known.conflicts if pair.predicted]
    expected = sum(pair.chance for pair in known.conflicts)
    return (
        f"{count(len(item.plan.tasks), 'task')}, {len(known.critical_path)} of them one after "
        f"the other; {expected:.1f} conflicts to be expected, {len(likely)} of them likely; "
        f"{known.sessions_least} to {known.sessions_most} sessions"
    )


def _plain(item: Compared) -> str:
    """A plan as data, without a word on how it came about."""
    if item.outline:
        flow = {"why": item.why, "outline": item.outline[:_CONTEXT]}
        return json.dumps({"a flow, a program that finds its tasks": flow}, indent=1)
    tasks = [
        {
            "id": task.id,
            "prompt": task.prompt[:_TEXT],
            "owns": task.owns,
            "touches": task.touches,
            "needs": task.needs,
            "expect": task.expect[:_TEXT],
        }
        for task in item.plan.tasks[:_TASKS]
    ]
    told = {"contract": item.plan.context[:_CONTEXT], "tasks": tasks}
    if len(item.plan.tasks) > _TASKS:
        told["more tasks"] = str(len(item.plan.tasks) - _TASKS)
    return json.dumps(told, indent=1)
