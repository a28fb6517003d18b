"""What fell short, each task once: what failed, the line that tells why, and where all of it is.

Pure. The table, the dashboard and the lines of a pipe show the same block, below all else and
nearest to the prompt. A task that only stays behind because of another is told in its row.
"""

from collections.abc import Mapping

from wtman.coordinator.outcome import FELL_SHORT
from wtman.journal.events import Excluded
from wtman.journal.state import State, TaskView
from wtman.model.check import Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.model.states import DEAD, Standing, TaskState
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import telling
from wtman.text.terminal import clean, columns, command, fit, fold
from wtman.text.words import listed

_COMMAND = 40  # columns of a check in a failure, so that there is room for what it said
_FULL = 8  # failures with their own command; of more one shows how it goes


@dataclass(frozen=True, slots=True)
class FailedTask:
    """One task that fell short. `what` failed, in words; `telling` is the most telling line of
    what a program said ("": `what` says it all), `command` shows all of it. All are clean."""

    task: TaskId
    name: str
    what: str
    telling: str
    command: str

    @property
    def line(self) -> str:
        """All but the command, on one line."""
        return f"{self.name}: {self.what}" + (f": {self.telling}" if self.telling else "")


def failures(state: State, known: Mapping[TaskId, Standing]) -> tuple[FailedTask, ...]:
    """What fell short by itself, in the order of the plan."""
    found = []
    for task, standing in known.items():
        view = state.tasks[task]
        if standing.state not in FELL_SHORT or follows(state, task, standing, known):
            continue
        what, output, shown = _told(state, view, standing)
        # Reasons speak of the session as `it`, which has no name here.
        what = f"the session {what[3:]}" if what.startswith("it ") else what
        first = _telling(view, what, output)
        told = first if first and first not in what else ""
        found.append(FailedTask(task, clean(view.label), clean(what), told, clean(shown)))
    return tuple(found)


def follows(
    state: State, task: TaskId, standing: Standing, known: Mapping[TaskId, Standing]
) -> bool:
    """Whether it fell short only because another did, which is told of itself."""
    view = state.tasks[task]
    if standing.state not in DEAD:
        return False
    if view.excluded is not None and view.excluded.follows:
        return True
    if view.attempts or view.stuck:
        return False
    near = (*view.awaited, *state.parts_of(task), *state.leads_of(task))
    return any(name in known and known[name].state in DEAD for name in near)


def _told(state: State, view: TaskView, standing: Standing) -> tuple[str, str, str]:
    """What failed, the output that says why, and the command that shows it."""
    run, left, name = state.run, view.excluded, view.planned.id
    logs = f"wtman logs --failed {run}/{name}"
    if left is not None and left.reason != "unverified":
        what, output = _excluded(state, left)
        return what, output, logs
    if standing.state is TaskState.REJECTED:
        return f"rejected: {standing.reason}", "", f"wtman report {run}"
    if view.stuck:
        what, _, output = view.stuck.partition("\n")
        return what, output, logs
    last = telling(view.current)
    if last is None or view.planned.lead:
        reason = standing.reason or (left.in_short() if left is not None else "")
        return reason or str(standing.state), "", logs if view.attempts else f"wtman report {run}"
    if last.red:
        first, _, output = last.red.partition("\n")
        return _red(view) or first, output, logs
    outcome = last.outcome
    if outcome is None:
        return "session failed", "", logs
    kind = "session failed" if last.ended is Ended.FAILED else "session"
    if outcome.reason.startswith("it "):
        return outcome.reason, outcome.detail, logs
    why = f"{kind}: {outcome.reason}" if outcome.reason else kind
    return why, outcome.detail, logs


def _telling(view: TaskView, what: str, output: str) -> str:
    """The most telling line of an output; that of a check was looked for when it ran."""
    checked = view.checked.results if view.checked is not None else ()
    if what.startswith("check `"):
        if kept := next((item.telling for item in checked if item.telling), ""):
            return clean(kept)
    if not output:
        return ""
    from wtman.checks.excerpt import summary  # costs a tenth of what starting wtman does

    return clean(summary(output, [name for item in checked for name in item.new_failures]))


def _red(view: TaskView) -> str:
    """The checks that failed, if those of its newest tip did."""
    results = view.checked.results if view.checked is not None else ()
    red = [item for item in results if item.verdict is Verdict.RED]
    told = [
        item.reason
        if item.reason.startswith("setup failed")
        else f"check `{fit(command(item.command), _COMMAND)}`: {item.reason or 'failed'}"
        + (f": {listed(item.new_failures, 2)}" if item.new_failures else "")
        + (f"; {item.hint}" if item.hint else "")
        for item in red
    ]
    return "; ".join(told)


def _excluded(state: State, left: Excluded) -> tuple[str, str]:
    """Why a merge left it out, and what the checks said."""
    others = ", ".join(map(state.label, left.others))
    if left.reason == "interaction":
        return f"not merged: fails only together with {others}", left.evidence
    if left.reason == "failed":
        target = state.merge.asked.target if state.merge is not None else state.target
        partners = f" with {others}" if others else ""
        return f"not merged: checks fail on {target or 'the target'}{partners}", left.evidence
    if left.reason == "proof":
        return "not merged: integrity check failed", left.evidence
    return f"not merged: {left.why(state.label)}", ""


def failure_lines(found: tuple[FailedTask, ...], width: int, most: int = 0) -> list[str]:
    """The block as lines; in no more than `most` (0: as many as it takes) with one line each,
    and the last of them says how many more there are."""
    if most and len(found) * 3 > most:
        if len(found) > most:
            more = f"✗ … and {len(found) - most + 1} more failed"
            return [*(fit(f"✗ {it.line}", width) for it in found[: most - 1]), more]
        return [fit(f"✗ {it.line}", width) for it in found]
    lines: list[str] = []
    for item in found:
        lines += fold(f"✗ {item.name}: {item.what}", width)
        tail = f"    {item.telling}" if item.telling else ""
        if len(found) > _FULL:
            lines += [fit(tail, width)] if tail else []
        elif tail and columns(tail) + columns(item.command) + 4 <= width:
            lines.append(f"{tail}  ({item.command})")
        else:
            lines += [fit(tail, width)] if tail else []
            lines.append(f"    {item.command}")
    if len(found) > _FULL:
        lines.append(f"  all of one: {found[0].command}")
    return lines
