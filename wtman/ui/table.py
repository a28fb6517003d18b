"""The table of a run: what it is, a line a task, what fell short and why, what to type next.

Pure: the same state, width and moment give the same lines. Everything that an agent, a
repository or a request said passes `clean` before it becomes part of a line, so that no text
can move a cursor, recolour a screen or reverse a name.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from wtman.budget.budget import spent
from wtman.coordinator.outcome import FELL_SHORT, next_told, shortfall
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import DONE, RunKind, RunState, Standing, TaskState
from wtman.review.judgement import is_audit
from wtman.tasks.lifecycle import landable, run_state, standings
from wtman.text.terminal import (
    clean,
    columns,
    count,
    duration,
    fit,
    fold,
    pad,
    paint,
    roughly,
)
from wtman.ui.activity import under_way
from wtman.ui.failures import failure_lines, failures
from wtman.ui.findings import blind, finding_lines
from wtman.ui.flow import flow_lines
from wtman.ui.flow import progress as steps_done
from wtman.ui.plan_story import planning_line
from wtman.ui.questions import asked_lines
from wtman.ui.rows import Moment, Row, rows
from wtman.ui.tree import BUSY, CODES, TreeLine, tree, tree_lines

if TYPE_CHECKING:
    from wtman.coordinator.estimate import Durations, Estimate

# Of a run; any other is busy.
RUN_KINDS = {
    RunState.READY: "good",
    RunState.MERGED: "good",
    RunState.FAILED: "bad",
    RunState.PAUSED: "warn",
    RunState.STOPPED: "warn",
}
_GREEN, _RED, _YELLOW, _CYAN, _BOLD, _DIM = "32", "31", "33", "36", "1", "2"
_WIDE = 72  # columns from which on there is room to say what a task used
_PRESSING = 5  # lines of what needs the user
_FINDINGS = 6  # lines of findings in a live table
_MANY = 20  # lines of tasks that are never too many for a table that stands still
_WHOLE = " (all: wtman status --all-tasks)"  # how what is only counted can be had
_STATE, _TIME = 9, 9  # columns


def table(
    state: State,
    width: int,
    at: Moment,
    colour: bool,
    *,
    height: int = 0,
    durations: "Durations | None" = None,
) -> list[str]:
    """The run as lines: what it is, a line a task, what fell short, the next command.

    `height` are the lines of the screen (0: no limit). A live table keeps to it: it counts what
    is quiet. One that stands still counts only tasks that are done, and only where there are
    many. `durations` of past work tell how long a live run takes still.
    """
    known = standings(state)
    at = at if at.live else Moment(state.updated, used=at.used)
    guess = None
    if durations is not None and at.live:
        from wtman.coordinator.estimate import left

        guess = left(state, known, durations, at.now)
    head = _head(state, known, width, at, colour, guess)
    bounded = height if at.live else 0
    if bounded and known:
        head.append(bar(known, width, colour))
    found = failures(state, known)
    block = failure_lines(found, width, max(bounded // 4, 2) if bounded else 0)
    block = [fit(line, width) if at.live else line for line in block]
    pressing = attention(state, known, at.live)
    # What a live table has no room for is told whole once it stands still.
    needs = [
        it for line in pressing for it in ([fit(line, width)] if at.live else fold(line, width))
    ]
    findings = [f"  {line}" for line in finding_lines(state, _FINDINGS if at.live else 0)]
    flow = flow_lines(state, width) + asked_lines(state, width, colour)
    ends = next_lines(state, at.live, known, width)
    others = [block_ for block_ in (head, findings, flow, block, needs, ends) if block_]
    room = height - sum(len(lines) + 1 for lines in others) - 1 if height else 0
    if height:
        room = max(room, 1 if at.live else _MANY // 2)
    shown = tree_lines(tree(state, known))
    if is_audit(state):  # what stands for the base is no task, and nobody works on it
        shown = [line for line in shown if not line.node.tasks]
    if height and len(shown) > (room if at.live else max(room, _MANY)):
        shown = _folded(state, known, room, at.live)
    blocks = [
        head,
        _lines(rows(state, shown, known, at), width, colour),
        [fit(line, width) for line in findings],
        flow,
        [paint(line, _RED if line[0] == "✗" else "", colour) for line in block],
        [paint(line, _YELLOW, colour) for line in needs],
        [paint(line, _BOLD, colour) for line in ends],
    ]
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ([""] if lines else []) + block
    return lines


def _folded(
    state: State, known: Mapping[TaskId, Standing], room: int, live: bool
) -> list[TreeLine]:
    """The tree in about so many lines; what is counted can be had whole once it stands still."""
    shown = tree_lines(tree(state, known), room)
    if live and len(shown) > room + 1:
        more = f"… and {count(len(shown) - room, 'line')} more"
        return [*shown[:room], TreeLine(0, shown[-1].node, more)]
    counted = [place for place, line in enumerate(shown) if line.text[:1] in ("✓", "✔", "…")]
    if counted:
        last = shown[counted[-1]]
        text = f"{last.text}{_WHOLE}"
        shown[counted[-1]] = TreeLine(last.depth, last.node, text)
    return shown


def run_words(state: State, known: Mapping[TaskId, Standing]) -> tuple[str, str]:
    """The state of a run in words, with how many of its tasks share in it where not all do, and
    what that means, for colours: `merged 4 of 5` is no plain success."""
    status = run_state(state, known)
    kind = RUN_KINDS.get(status, "busy")
    if status is RunState.READY and (is_audit(state) or state.kind is RunKind.REVIEW):
        from wtman.review.audit import audit_findings

        found = audit_findings(state)
        word = "reviewed" if state.kind is RunKind.REVIEW else "audited"
        return f"{word}: {found.words}", "warn" if found.confirmed else "good"
    if status not in (RunState.READY, RunState.MERGED):
        return str(status), kind
    asked = state.flow.wanted if state.flow is not None else known
    names = [task for task in asked if task in known and not state.parts_of(task)]
    if status is RunState.READY:
        good = {task for task in landable(state, known) if task in names}
    else:
        good = {task for task in names if known[task].state is TaskState.MERGED}
    merged = sum(known[task].state is TaskState.MERGED for task in names)
    whole = len(good) + (merged if status is RunState.READY else 0) == len(names)
    return (str(status), kind) if whole else (f"{status} {len(good)} of {len(names)}", "warn")


def _head(
    state: State,
    known: Mapping[TaskId, Standing],
    width: int,
    at: Moment,
    colour: bool,
    guess: "Estimate | None",
) -> list[str]:
    words, kind = run_words(state, known)
    room = max(width - len(state.run) - len(words) - 4, 0)
    request = clean(state.request, room) if room else ""
    title = f"{state.run}  {paint(words, CODES[kind], colour)}  {request}".rstrip()
    lines = [title, *packed(progress(state, known, at.now, guess), width)]
    if state.flow is not None and state.flow.plays:
        lines.append(fit(clean(": ".join(steps_done(state.flow))), width))
    if line := planning_line(state):
        lines.append(fit(clean(line), width) if at.live else clean(line))
    if at.live and (now := under_way(state, at.now)):
        lines.append(paint(fit(f"now: {now}", width), _CYAN, colour))
    return lines


def bar(known: Mapping[TaskId, Standing], width: int, colour: bool) -> str:
    """How far the whole is: what is done, under way, fell short, and is still to come."""
    room = max(min(width - 12, 60), 8)
    groups = (DONE, FELL_SHORT, BUSY)
    sizes = [sum(item.state in group for item in known.values()) for group in groups]
    ends = [round(room * size / max(len(known), 1)) for size in accumulate(sizes)]
    looks = (("━", _GREEN), ("━", _RED), ("╍", _CYAN), ("─", _DIM))
    bar = "".join(
        paint(letter * (end - start), code, colour)
        for (letter, code), (start, end) in zip(looks, pairwise([0, *ends, room]), strict=True)
        if end > start
    )
    return f"{bar} {sizes[0]} of {len(known)}"


def progress(
    state: State, known: Mapping[TaskId, Standing], now: float, guess: "Estimate | None" = None
) -> str:
    """The whole run on one line: tasks by state, time, tokens, money, rate limits, sandbox."""
    tally = Counter(item.state for item in known.values())
    words = [f"{tally[word]} {word}" for word in TaskState if tally[word]]
    parts = [f"{count(len(known), 'task')}: {', '.join(words)}" if words else _without_tasks(state)]
    if is_audit(state):
        looked = sum(item.ok for item in state.reviews.units.values())
        parts = [f"{count(looked, 'review')} of the base"]
    if state.created:
        parts.append(duration(state.lasted(now)))
    if guess is not None:
        parts.append(f"about {roughly(guess.seconds)} left")
    tokens = state.usage.tokens
    if tokens and not state.settings.budget_tokens:
        parts.append(f"{tokens:,} tokens")
    if state.usage.usd is not None and not state.settings.budget_usd:
        parts.append(f"${state.usage.usd:.2f}")
    if budgets := spent(state):
        parts.append(budgets)
    if state.rate_limit:
        parts.append(f"slowed to {state.rate_limit} by rate limits")
    elif state.backoff:
        parts.append("waits for rate limits")
    sandbox = state.settings.sandbox
    parts.append("no sandbox" if sandbox in ("", "none") else f"sandbox {sandbox}")
    return " · ".join(parts)


def _without_tasks(state: State) -> str:
    """What a run without tasks is at; one whose planner chose a flow has none."""
    planning = state.planning
    if planning is not None and planning.made is not None and planning.made.source:
        return f"flow {planning.made.flow} is written"
    return "no task yet" if planning is None or planning.flow is None else "a flow is to be written"


def next_lines(state: State, live: bool, known: Mapping[TaskId, Standing], width: int) -> list[str]:
    """What to do next. A command is never cut or folded: it is there to be copied."""
    *first, command = next_told(state, live, known)
    return [*(it for line in first for it in fold(line, width)), command]


def packed(facts: str, width: int) -> list[str]:
    """Facts on as many lines as they need, none of them torn where that can be."""
    lines: list[str] = []
    for fact in facts.split(" · "):
        longer = f"{lines[-1]} · {fact}" if lines else ""
        if lines and columns(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fit(fact, width))
    return lines


def attention(state: State, known: Mapping[TaskId, Standing], live: bool) -> list[str]:
    """What of the run as a whole needs the user, the most pressing first; empty: nothing does."""
    lines = ["! " + clean(line) for line in shortfall(state)]
    if live and state.asked_stop:
        busy = sum(view.in_flight is not None for view in state.tasks.values())
        lines.insert(0, f"! stopping: waits for {count(busy, 'session')} to end, nothing is lost")
    if not live and run_state(state, known) in (RunState.RUNNING, RunState.MERGING):
        answered = any(it.answer for it in state.asked)
        told = "is answered, and goes on with a resume" if answered else "was interrupted"
        lines.append(f"! Run {told}")
    for task in known:
        if (text := state.tasks[task].outside_git) and not state.tasks[task].cleaned:
            lines.append(f"! {task}: {clean(text)}")
    for task in known:
        view = state.tasks[task]
        notes = [*(item.words for item in view.deviations), *filter(None, [view.unread])]
        if notes and not view.merged:
            more = f" and {len(notes) - 1} more (wtman logs {task})" if len(notes) > 1 else ""
            word = "deviates from what was agreed: " if view.deviations else ""
            lines.append(f"! {task}: {word}{clean(notes[0])}{more}")
    if not live and (missing := blind(state)):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        lines.append(f"! {clean(missing[0])}{more} (wtman review {state.run})")
    # Why a stronger sandbox was passed over, with the fix.
    lines += ["! " + clean(note) for note in state.pressing]
    extra = len(lines) - _PRESSING
    return lines if extra <= 0 else [*lines[:_PRESSING], f"! and {extra} more"]


# --- the lines of tasks ---------------------------------------------------------------------------


def _lines(found: list[Row], width: int, colour: bool) -> list[str]:
    """The rows below a header, aligned, as far as there is room."""
    if not found:
        return []
    deepest = max(row.depth for row in found)
    most = min(max(width // 3, 12), 40) + 2 * deepest
    names = [columns(row.name) + 2 * row.depth for row in found if not row.head]
    name = min(max([4, *names]), most, max(width - 18, 8))
    attempt = 7 if width >= _WIDE else 3
    used = max((len(row.used) for row in found), default=0) if width >= _WIDE else 0
    used = max(used, 4) if used else 0
    heads = Row(0, TaskId(""), "task", " ", "state", "quiet", note="what")
    number = "attempt" if attempt == 7 else "#"
    cells = (number, "time", "used")
    lines = [paint(_line(heads, cells, width, False, name, attempt, used), _DIM, colour)]
    for row in found:
        indent = "  " * (row.depth + 1)
        if row.head:
            code = {"…": _DIM, "✓": _GREEN, "✔": _GREEN}.get(row.head[0], "")
            # The command is there to be typed: the counts before it give way.
            whole = _WHOLE if row.head.endswith(_WHOLE) else ""
            counts = fit(f"{indent}{row.head.removesuffix(whole)}", width - len(whole))
            lines.append(paint(fit(counts + whole, width), code, colour))
            continue
        cells = (row.attempt, row.time, row.used)
        lines.append(_line(row, cells, width, colour, name, attempt, used))
    return lines


def _line(
    row: Row,
    cells: tuple[str, str, str],
    width: int,
    colour: bool,
    name: int,
    attempt: int,
    used: int,
) -> str:
    """One row; `name` (with what it is indented by), `attempt` and `used` (0: not shown) are
    columns wide."""
    glyph = paint(row.glyph, CODES[row.kind], colour)
    word = paint(pad(row.state, _STATE), CODES[row.kind], colour)
    at_most = max(name - 2 * row.depth, 1)
    indent = "  " * (row.depth + 1)
    line = f"{indent}{glyph} {pad(row.shown(at_most), at_most)}  {word}  "
    room = width - (4 + name + 2 + _STATE + 2)
    number, time, money = cells
    if room >= attempt + 2 + _TIME:
        line += f"{number:>{attempt}}  {time:>{_TIME}}  "
        room -= attempt + 2 + _TIME + 2
    if used and room > used:
        line += f"{money:>{used}}  "
        room -= used + 2
    return (line + row.said(max(room, 0))).rstrip()
