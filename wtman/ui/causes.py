"""Why a task, or the run as a whole, fell short: each thing that failed, with what it printed.

Pure. `wtman logs --failed` and its JSON and the report show the same causes; where the files of
the evidence lie is said below the run's folder. The table's one line a task is in `failures`.
"""

from collections.abc import Iterator
from dataclasses import field

from wtman.checks.excerpt import excerpt
from wtman.journal.events import Excluded
from wtman.journal.state import Attempt, State, TaskView, describe_red
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.model.values import dataclass
from wtman.review.judgement import blockers
from wtman.tasks.lifecycle import telling
from wtman.ui.facts import excluded_told
from wtman.ui.findings import evidence_of, shown_by
from wtman.ui.flow import error_lines

_MOST = 12  # telling lines


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that failed. `kind` is check, setup, session, merge, review, planning, base,
    flow, run or needs.

    `said` is what the journal kept of its output, `log` the folder of all of it, below the run's;
    empty: there is none. `tests` are its new failures, `command` what ran, `attempt` the number
    of the session, 0 where it is of none.
    """

    kind: str
    title: str
    said: str = ""
    log: str = ""
    command: str = ""
    attempt: int = 0
    exit: int | None = None
    hint: str = ""
    tests: tuple[str, ...] = field(default=())

    def lines(self, output: str = "") -> tuple[str, ...]:
        """The telling lines of what it printed, or of what is kept of that."""
        return excerpt(output or self.said, _MOST, self.tests)


def causes(state: State, task: TaskId) -> tuple[Cause, ...]:
    """Why a task is where it is, what decided it first; empty where nothing of it failed."""
    view = state.tasks[task]
    return (
        *_merge(state, view),
        *_planning_of_lead(view),
        *_setup(view),
        *_checks(view),
        *_sessions(view),
        *_reviews(state, task),
    )


def run_causes(state: State) -> tuple[Cause, ...]:
    """Why the run as a whole does not go on, whatever its tasks did."""
    found: list[Cause] = []
    base = state.base_checked
    if base is not None and base.problem:
        title, _, said = base.problem.partition("\n")
        kind = "setup" if title.startswith("setup failed") else "base"
        failed = [item for item in base.results if item.verdict is not Verdict.GREEN]
        logs = [item for item in failed if item.log] if kind == "base" else []
        first = logs[0] if logs else None
        if first is None:
            found.append(Cause(kind, title, said, hint=base.hint))
        else:
            ran = first.command
            found.append(Cause(kind, title, said, first.log, ran, exit=first.exit, hint=base.hint))
    planning = state.planning
    if planning is not None and planning.failed is not None and planning.made is None:
        told = planning.failed
        said = "\n".join(told.problems)
        found.append(Cause("planning", f"planning failed: {told.reason}", said, hint=told.hint))
    if state.flow is not None and state.flow.ended is not None and state.flow.ended.error:
        title, *lines = error_lines(state.flow)
        found.append(Cause("flow", title, "\n".join(lines)))
    elif state.failed is not None and not found:
        title, _, said = state.failed.reason.partition("\n")
        found.append(Cause("run", title, said, hint=state.failed.hint))
    if state.merge is not None and state.merge.failed is not None:
        title, _, said = state.merge.failed.reason.partition("\n")
        found.append(Cause("merge", title, said, hint=state.merge.failed.hint))
    return tuple(found)


def _merge(state: State, view: TaskView) -> Iterator[Cause]:
    """What kept it out of the merge: the combined check that failed, with all of its output."""
    left = view.excluded
    if left is None:
        return
    title = f"Not merged: {excluded_told(state, left)}"
    red = _red_of(state, left)
    if not red:
        said = left.evidence if left.reason != "unverified" else ""
        kind = "merge" if left.reason != "unverified" else "needs"
        yield Cause(kind, title, said)
        return
    for item in red:
        yield Cause("merge", title, left.evidence, item.log, item.command, 0, item.exit,
                    item.hint, item.new_failures)  # fmt: skip


def _red_of(state: State, left: Excluded) -> list[CheckResult]:
    """The failed checks of the smallest train that has it, and nothing but what it clashes with."""
    wanted = {left.task, *left.others}
    judged = state.merge.candidates if state.merge is not None else {}
    fitting = [
        (len(members), item)
        for (_, members), item in judged.items()
        if left.task in members and item.verdict is Verdict.RED
        and (set(members) <= wanted or left.reason == "failed")
    ]  # fmt: skip
    if not fitting:
        return []
    smallest = min(fitting, key=lambda item: item[0])[1]
    return [item for item in smallest.results if item.verdict is Verdict.RED]


def _planning_of_lead(view: TaskView) -> Iterator[Cause]:
    team = view.team
    if view.planned.lead and team.failed is not None and team.planned is None:
        title = f"planning failed: {team.failed.reason}"
        yield Cause("planning", title, "\n".join(team.failed.problems))


def _setup(view: TaskView) -> Iterator[Cause]:
    if view.stuck:
        title, _, said = view.stuck.partition("\n")
        kind = "setup" if title.startswith("setup failed") else "needs"
        yield Cause(kind, title, said, f"setup/{view.planned.id}" if kind == "setup" else "")


def _checks(view: TaskView) -> Iterator[Cause]:
    checked = view.checked
    last = telling(view.current)
    number = last.number if last is not None and last.red else 0
    red = [
        item
        for item in (checked.results if checked is not None else ())
        if item.verdict is Verdict.RED
    ]
    for item in red:
        said = _part(checked.evidence if checked is not None else "", item, len(red))
        kind = "setup" if item.reason.startswith("setup failed") else "check"
        yield Cause(kind, describe_red(item), said, item.log, item.command, number,
                    item.exit, item.hint, item.new_failures)  # fmt: skip
    if not red and last is not None and last.red:
        title, _, said = last.red.partition("\n")
        yield Cause("check", title, said, attempt=last.number)


def _part(evidence: str, item: CheckResult, red: int) -> str:
    """What one of several failed checks printed, of what is kept of all."""
    head = f"$ {item.command}\n"
    if red == 1:
        return evidence.removeprefix(head)
    _, found, said = evidence.partition(head)
    return said.partition("\n\n$ ")[0] if found else evidence


def _sessions(view: TaskView) -> Iterator[Cause]:
    """The newest session that failed by itself; and the one before, where that says more."""
    last = view.current[-1] if view.current else None
    told = telling(view.current)
    for item in dict.fromkeys(it.number for it in (told, last) if it is not None):
        attempt = next(it for it in view.current if it.number == item)
        if attempt.ended is Ended.FAILED and not attempt.red:
            yield session_cause(view, attempt)


def session_cause(view: TaskView, attempt: Attempt) -> Cause:
    outcome = attempt.outcome
    reason = outcome.reason if outcome is not None else ""
    title = f"session {attempt.number} failed" + (f": {reason}" if reason else "")
    if outcome is not None and outcome.unchanged:
        title = f"session {attempt.number}: {reason}"
    detail = outcome.detail if outcome is not None else ""
    hint = outcome.hint if outcome is not None else ""
    folder = f"tasks/{view.planned.id}/{attempt.number}"
    return Cause("session", title, detail, folder, attempt.agent, attempt.number, hint=hint)


def _reviews(state: State, task: TaskId) -> Iterator[Cause]:
    for finding, judged in blockers(state, task):
        proof = shown_by(finding, judged)
        said = evidence_of(proof) if proof is not None else ""
        yield Cause("review", f"review finding {finding.id}: {finding.claim.title}", said)


def needed(state: State, task: TaskId, dead: frozenset[TaskId]) -> tuple[TaskId, ...]:
    """What a task that nothing of itself failed waits for in vain: the tasks to look at."""
    view = state.tasks[task]
    near = (*view.awaited, *state.parts_of(task), *state.leads_of(task))
    others = view.excluded.others if view.excluded is not None else ()
    return tuple(dict.fromkeys(name for name in (*near, *others) if name in dead))
